//! A short name for what is in force.

use super::Config;
use crate::quantity;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What Kubernetes or an integration reads, not we.
const OTHERS: [&str; 3] = ["volumes", "volume_mounts", "checks"];

/// Lists whose order means nothing, by the name of their field.
const UNORDERED: [&str; 5] =
    ["pod_overrides", "excluded_namespaces", "match_labels", "match_expressions", "image_pull_secrets"];

/// The first sixteen hexadecimal digits of the SHA-256 of a configuration: equal for two that mean the same, however they are
/// written.
pub(super) fn of(config: &Config) -> String {
    let mut config = config.clone();
    config.notices.clear();
    config.hash.clear();
    config.selectors.iter_mut().for_each(|selector| selector.name.clear());
    let traced = config.profiles.iter_mut().flat_map(|profile| {
        std::iter::once(&mut profile.image).chain(profile.cws.as_mut().map(|cws| &mut cws.image))
    });
    for image in traced.chain([&mut config.image]).filter(|image| image.digest.is_some()) {
        image.tag.clear();
    }
    let mut value = serde_json::to_value(&config).unwrap_or_default();
    by_name(&mut value);
    canonical(&mut value);
    value.sort_all_objects();
    let digest = Sha256::digest(value.to_string());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lets selectors refer to profiles by name, so that the order of the profiles means nothing.
fn by_name(config: &mut Value) {
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut profiles = list(config, "profiles");
    let names: Vec<Value> = profiles.iter().filter_map(|profile| profile.get("name").cloned()).collect();
    for selector in config.get_mut("selectors").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(profile) = selector.get_mut("profile") {
            let position = profile.as_u64().and_then(|position| usize::try_from(position).ok());
            *profile = position.and_then(|position| names.get(position).cloned()).unwrap_or_default();
        }
    }
    profiles.sort_by_cached_key(|profile| profile.get("name").map(Value::to_string));
    if let Some(slot) = config.get_mut("profiles") {
        *slot = Value::Array(profiles);
    }
}

fn canonical(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut().filter(|(key, _)| !OTHERS.contains(&key.as_str())) {
                canonical(value);
                match (key.as_str(), value) {
                    (key, Value::Array(list)) if UNORDERED.contains(&key) => {
                        list.sort_by_cached_key(Value::to_string);
                        list.dedup();
                    }
                    ("In" | "NotIn", Value::Array(list)) => {
                        list.sort_by_cached_key(Value::to_string);
                        list.dedup();
                    }
                    ("resources", Value::Object(resources)) => resources.values_mut().for_each(amounts),
                    _ => {}
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(canonical),
        _ => {}
    }
}

/// Amounts by resource, as numbers rather than in somebody's spelling.
fn amounts(list: &mut Value) {
    let pairs = list.as_array().into_iter().flatten();
    let amounts = pairs.filter_map(|pair| {
        let (name, text) = (pair.get(0)?.as_str()?, pair.get(1)?.as_str()?);
        let amount =
            quantity::parse(text).map_or_else(|_| text.to_owned(), |amount| amount.nanos().to_string());
        Some((name.to_owned(), Value::String(amount)))
    });
    *list = Value::Object(amounts.collect::<Map<_, _>>());
}
