//! The server on real sockets.

mod admin;
mod certificates;
mod cluster;
mod drain;
mod faults;
mod harness;
mod overload;
mod process;
mod protocol;
mod reload;
mod slow;
