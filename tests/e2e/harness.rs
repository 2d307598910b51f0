//! What the tests stand on: one control plane for the whole run, started by the first test that asks for it; for each test a
//! [`Scene`] of its own: namespaces, the real binary serving, and its webhook, which sees these namespaces only.

#[allow(dead_code, reason = "some of it is used on a node alone")]
pub mod api;
pub mod audit;
pub mod control_plane;
pub mod delay;
pub mod hook;
pub mod injector;
pub mod installation;
pub mod other_webhook;
pub mod pki;
pub mod pods;
pub mod processes;
pub mod release;
pub mod replica;
pub mod scene;
pub mod wait;

use std::io::Write as _;

pub use injector::{Injector, Reached};
pub use installation::Installation;
pub use release::Release;
pub use scene::{Scene, yaml};

/// Says, past libtest's capture, that something was not tested; `tests/run.sh` counts it.
#[expect(clippy::explicit_write, reason = "eprintln is what libtest captures")]
pub fn skipped(what: &str, why: &str) {
    writeln!(std::io::stderr(), "skipped: {what}: {why}").unwrap();
}
