//! The chart on a real node: kubelet, containerd, runc, kube-proxy and DNS, started by `cluster.sh`. The API server calls the injector
//! through its Service, and injected pods run, with `stand_in.rs` for the agent: `make e2e`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agents;
mod certificates;
mod flood;
mod harness;
mod installation;
mod outage;
#[allow(dead_code, reason = "more of it is for the program alone")]
#[path = "../hostile/reviews.rs"]
mod reviews;
mod rollouts;
