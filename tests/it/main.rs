//! Tests through the library's and the program's own doors; one module per topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod corpus;
mod golden;
mod laws;
mod properties;
mod server;
