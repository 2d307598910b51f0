//! The doors as the tests have them.

#[path = "../tests/it/doors.rs"]
pub mod doors;
#[path = "../tests/it/laws.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod laws;
