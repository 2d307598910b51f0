//! Peers that mean harm, against the program as it runs: a process of its own with 200 MB of memory, over real sockets. While each does
//! its worst, reviews of another peer and the probes are answered. `INJECTOR_BINARY` is another binary to do it to, such as that of a
//! release.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod connections;
mod contents;
mod filled;
mod injector;
mod reviews;
mod streams;
mod watch;

#[allow(dead_code, reason = "servers in this process are for other tests")]
#[path = "../it/server/harness.rs"]
mod harness;
