//! What the tests stand on: one control plane for the whole run, started by the first test that asks for it; for each test a
//! [`Scene`] of its own: namespaces, the real binary serving, and its webhook, which sees these namespaces only.

pub mod api;
pub mod audit;
pub mod control_plane;
pub mod injector;
pub mod other_webhook;
pub mod pki;
pub mod pods;
pub mod processes;
pub mod scene;
pub mod wait;

pub use api::Reply;
pub use injector::{Injector, Reached};
pub use scene::{Scene, yaml};
