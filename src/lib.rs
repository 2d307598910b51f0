//! Adds the Datadog Agent sidecar to pods on EKS Fargate: as an admission webhook, and offline.
//!
//! ```text
//! values.yaml ── config ── Rules (compiled once, immutable, behind one Arc swap) ──┐
//!                                                                                  ▼
//! API server ── TLS ── route ── bytes ── admission ── select::decide ── sidecar::plan ── patch ── bytes
//! manifest.yaml ── workload ── pod as JSON ────────────┘ same calls      └── operations, warnings, reason
//! ```
//!
//! The deciding half (`config`, `rules`, `seen`, `select`, `pod`, `patch`, `sidecar`, `workload`, `admission`) is pure: no clock, no
//! file, no environment, no Kubernetes client. Everything that can go wrong in a pod can be tested with two JSON values.

pub mod admin;
pub mod admission;
pub mod certs;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod decide;
pub mod decisions;
pub mod fargate;
pub mod in_force;
pub mod inject;
pub mod manifest;
pub mod metrics;
mod near;
pub mod patch;
pub mod pod;
pub mod quantity;
pub mod reload;
pub mod rules;
pub mod seen;
pub mod select;
pub mod server;
pub mod shutdown;
pub mod sidecar;
pub mod telemetry;
pub mod view;
pub mod workload;
