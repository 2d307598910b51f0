//! The binary against a real API server, etcd and controllers: `make e2e`.
//!
//! What cannot be had here: pods don't run, as there is no node; and EKS' own webhook is one of ours that does the same.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod autoscaling;
mod calls;
mod candidates;
mod certificates;
mod chart;
mod corpus;
mod documents;
mod ending;
mod everywhere;
#[allow(dead_code, reason = "some of it is for the laws alone")]
#[path = "../it/generated.rs"]
mod generated;
mod harness;
mod hook;
mod kubelet;
mod limits;
mod new_namespaces;
mod notes;
mod odd_values;
mod offline;
mod pairwise;
mod plain;
mod pods;
mod policies;
mod reached;
mod restricted;
mod secrets;
mod selection;
mod with_others;
mod workloads;
