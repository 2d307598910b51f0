//! The binary against a real API server, etcd and controllers: `make e2e`.
//!
//! What cannot be had here: pods don't run, as there is no node; EKS' own webhook is one of ours that does the same.

mod harness;
mod smoke;
mod workloads;
