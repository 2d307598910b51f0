//! The laws over published pods.

use crate::{collection, laws};
use datadog_sidecar_injector::{
    config::Provider,
    select::{Outcome, SkipReason},
};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
};

/// The published pods, with their names, where they are there.
fn pods() -> Option<Vec<(String, Value)>> {
    let packed = File::open(collection::file("pods.jsonl.gz")?).unwrap();
    let lines = BufReader::new(GzDecoder::new(packed)).lines();
    Some(
        lines
            .map(|line| {
                let mut entry: Value = serde_json::from_str(&line.unwrap()).unwrap();
                (format!("{} ({})", entry["id"], entry["source"]), entry["pod"].take())
            })
            .collect(),
    )
}

#[test]
fn every_published_pod_obeys_the_laws() {
    let Some(pods) = pods() else { return };
    assert!(pods.len() > 1000, "only {} pods", pods.len());
    for (name, rules) in laws::configurations() {
        let mut outcomes = BTreeMap::<String, usize>::new();
        for (id, pod) in &pods {
            let held = std::panic::catch_unwind(|| laws::hold(&rules, pod));
            let (decision, _) = held.unwrap_or_else(|_| panic!("{id}, configuration {name}"));
            let word = decision.reason().map_or(decision.outcome.label(), SkipReason::label);
            *outcomes.entry(word.into()).or_default() += 1;
            reason_is_right(&decision.outcome, pod, rules.config.provider);
        }
        eprintln!("{name}: {outcomes:?}");
        assert!(outcomes["injected"] > 1000, "{name}: {outcomes:?}");
    }
}

#[test]
fn published_pods_of_no_selector_are_decided_as_if_read_whole() {
    let Some(pods) = pods() else { return };
    let rules = laws::selecting_nothing(Provider::Fargate);
    let mut outcomes = BTreeMap::<&str, usize>::new();
    for (_, pod) in &pods {
        let decision = laws::decided(&rules, pod);
        laws::the_webhook_decides_alike(&rules, pod, &decision);
        *outcomes.entry(decision.reason().unwrap().label()).or_default() += 1;
    }
    assert!(outcomes["no_match"] > 1000 && outcomes["unsupported_pod"] > 10, "{outcomes:?}");
}

/// Each reason, told from the pod again and by other means.
fn reason_is_right(outcome: &Outcome, pod: &Value, provider: Provider) {
    let spec = &pod["spec"];
    let host = ["hostNetwork", "hostPID", "hostIPC"].iter().any(|field| spec[*field] == true);
    let selector = spec["nodeSelector"].to_string();
    let windows = selector.contains("windows") || spec["os"]["name"] == "windows";
    let elsewhere = windows
        || provider == Provider::Fargate && (selector.contains("arm64") || selector.contains("s390x"));
    let agent = spec.to_string().contains("/agent");
    let empty = spec["containers"].as_array().is_none_or(Vec::is_empty);
    match outcome {
        Outcome::Skipped(SkipReason::UnsupportedPod) => assert!(host || elsewhere || empty, "{pod}"),
        Outcome::Skipped(SkipReason::AgentPresent) => assert!(agent, "{pod}"),
        Outcome::Skipped(SkipReason::OptedOut) => assert!(pod.to_string().contains("\"false\"")),
        Outcome::Skipped(SkipReason::Conflict) => {
            assert!(
                spec["restartPolicy"] != "Always"
                    || !spec["resources"].is_null()
                    || !spec["volumes"].is_null()
            );
        }
        Outcome::Skipped(reason) => panic!("{} is no reason here: {pod}", reason.label()),
        Outcome::Injected | Outcome::Completed => assert!(!host && !elsewhere && !empty, "{pod}"),
    }
}
