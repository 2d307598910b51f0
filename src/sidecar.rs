//! What is added.
