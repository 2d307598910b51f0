//! Tests through the library's and the program's own doors; one module per topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod by_hand;
mod chart;
mod collection;
mod command_line;
mod config;
mod corpus;
mod damage;
mod docs;
mod doors;
mod generated;
mod golden;
mod habits;
mod inject;
mod inject_kinds;
mod inject_messages;
mod laws;
mod manifest;
mod ports;
mod properties;
mod purity;
mod server;
