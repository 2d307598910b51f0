//! What a review costs: the decision alone and the whole server, each beside an echo that only names the uid.
//!
//! ```text
//! body ── review.json ──┬── bin/decide    the decision in a loop: time, instructions, allocations
//! values ─ config ──────┤
//! echo ─────────────────┴── bin/compare   server and echo in turn, under load ── report
//!                           bin/wload     the same load on any webhook
//! control plane ─────────────── bin/creation  what a review adds to the creation of a pod
//! ```

pub mod body;
pub mod client;
pub mod echo;
pub mod load;
pub mod process;
pub mod report;
pub mod values;
