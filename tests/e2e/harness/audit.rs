//! What the API server wrote down about the creation of a pod: who was asked, and what each answered.

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

const CALL: &str = "mutation.webhook.admission.k8s.io/";
const PATCH: &str = "patch.webhook.admission.k8s.io/";

/// One call of a webhook.
#[derive(Debug, PartialEq)]
pub struct Call {
    /// 0, or 1 where it was asked again because somebody changed the pod after it.
    pub round: u32,
    /// The name of the webhook configuration.
    pub configuration: String,
    /// Whether its answer changed the pod.
    pub mutated: bool,
    /// The operations of its answer.
    pub patch: Vec<Value>,
}

/// The calls made for the last creation of a pod, in their order; `None` where the log has no such creation.
pub fn calls(log: &Path, namespace: &str, pod: &str) -> Option<Vec<Call>> {
    let here = format!(r#""namespace":"{namespace}""#);
    let text = fs::read_to_string(log).unwrap_or_default();
    let event = text
        .lines()
        .rev()
        .filter(|line| line.contains(&here))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|event| {
            event["verb"] == "create"
                && event["objectRef"]["resource"] == "pods"
                && event["objectRef"]["namespace"] == namespace
                && event["responseObject"]["metadata"]["name"] == pod
        })?;
    let notes = event["annotations"].as_object()?;
    let mut calls: Vec<_> =
        notes.iter().filter_map(|(key, note)| Some((key.strip_prefix(CALL)?, note))).collect();
    // `round_R_index_I`
    calls.sort_by_key(|(place, _)| numbers(place));
    Some(
        calls
            .into_iter()
            .map(|(place, note)| {
                let note = parsed(note);
                let patch = notes.get(&format!("{PATCH}{place}")).map(parsed).unwrap_or_default();
                Call {
                    round: numbers(place)[0],
                    configuration: note["configuration"].as_str().unwrap().to_owned(),
                    mutated: note["mutated"] == true,
                    patch: patch["patch"].as_array().cloned().unwrap_or_default(),
                }
            })
            .collect(),
    )
}

/// How often a user wrote an object of this name, with whatever answer.
pub fn writes(log: &Path, user: &str, name: &str) -> usize {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .filter(|line| line.contains(name))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| {
            event["user"]["username"] == user
                && event["objectRef"]["name"] == name
                && ["create", "update", "patch", "delete"].iter().any(|verb| event["verb"] == *verb)
        })
        .count()
}

/// What a user asked for again and again, each once: verb, resource, and whether of one object alone.
pub fn watches(log: &Path, user: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let asked = events.filter(|event| event["user"]["username"] == user && event["verb"] == "watch");
    asked
        .map(|event| {
            let of = &event["objectRef"];
            let one = event["requestURI"].as_str().unwrap().contains("fieldSelector=metadata.name%3D");
            let namespaced = if of["namespace"].is_null() { "" } else { " of a namespace" };
            format!("{}{}{namespaced}", of["resource"].as_str().unwrap(), if one { " by name" } else { "" })
        })
        .collect()
}

fn numbers(place: &str) -> Vec<u32> {
    place.split('_').filter_map(|part| part.parse().ok()).collect()
}

fn parsed(note: &Value) -> Value {
    serde_json::from_str(note.as_str().unwrap()).unwrap()
}
