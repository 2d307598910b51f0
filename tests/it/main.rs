//! Tests of the library and of the binary, one module for each topic.

mod server;
