//! The pod as it is read.
