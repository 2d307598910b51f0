//! The server on real sockets.

mod admin;
mod ca_secret;
mod certificates;
mod cluster;
mod drain;
mod faults;
mod harness;
mod namespaces;
mod overload;
mod process;
mod protocol;
mod reload;
mod slow;
