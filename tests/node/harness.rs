//! What the tests stand on: one node for the whole run, one release of the chart at a time, and a namespace for each test.

#[allow(dead_code, reason = "more of it is used where there is no node")]
#[path = "../e2e/harness/api.rs"]
pub mod api;
pub mod cluster;
pub mod helm;
#[allow(dead_code, reason = "more of it is used where there is no node")]
#[path = "../e2e/harness/pki.rs"]
pub mod pki;
#[allow(dead_code, reason = "more of it is used where there is no node")]
#[path = "../e2e/harness/pods.rs"]
pub mod pods;
mod running;
pub mod space;
#[path = "../e2e/harness/wait.rs"]
pub mod wait;

pub use cluster::Cluster;
pub use space::Space;
