//! Looking into pods.

use serde_json::Value;

/// The name of our container.
pub const SIDECAR: &str = "datadog-agent-injected";

/// The containers of a list (`containers`, `initContainers`) of a pod.
pub fn list<'a>(pod: &'a Value, list: &str) -> &'a [Value] {
    pod["spec"][list].as_array().map_or(&[], Vec::as_slice)
}

/// The names in a list of a pod.
pub fn names<'a>(pod: &'a Value, of: &str) -> Vec<&'a str> {
    list(pod, of).iter().filter_map(|item| item["name"].as_str()).collect()
}

/// A container or init container by name; `Null` where there is none.
pub fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    all(pod).find(|container| container["name"] == name).unwrap_or(&Value::Null)
}

/// How many containers and init containers are ours.
pub fn sidecars(pod: &Value) -> usize {
    all(pod).filter(|container| container["name"] == SIDECAR).count()
}

/// The value of a container's variable.
pub fn env<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    container["env"].as_array()?.iter().find(|variable| variable["name"] == name)?["value"].as_str()
}

/// Where a container mounts a volume.
pub fn mount<'a>(container: &'a Value, volume: &str) -> Option<&'a str> {
    container["volumeMounts"].as_array()?.iter().find(|mount| mount["name"] == volume)?["mountPath"].as_str()
}

/// Panics with the JSON pointer of the first value of `before` that `after` no longer has. A list may have got new items
/// anywhere, the others stand in their order; a comma list of volumes may have got ours.
#[track_caller]
pub fn assert_kept(before: &Value, after: &Value) {
    if let Some(pointer) = lost(before, after) {
        panic!("{pointer} was lost or changed:\nbefore: {before:#}\nafter: {after:#}");
    }
}

/// The JSON pointer that [`assert_kept`] panics with.
pub fn lost(before: &Value, after: &Value) -> Option<String> {
    kept(&settled(before), &settled(after)).err()
}

fn all(pod: &Value) -> impl Iterator<Item = &Value> {
    list(pod, "containers").iter().chain(list(pod, "initContainers"))
}

fn kept(before: &Value, after: &Value) -> Result<(), String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before.iter().try_for_each(|(key, value)| {
            after
                .get(key)
                .ok_or_else(String::new)
                .and_then(|after| kept(value, after))
                .map_err(|rest| format!("/{key}{rest}"))
        }),
        (Value::Array(before), Value::Array(after)) => {
            let mut rest = after.iter();
            before.iter().enumerate().try_for_each(|(index, value)| {
                let named = value["name"].is_string();
                // Of the thing with the same name the exact place of the difference can be told.
                match rest.find(|after| {
                    if named { after["name"] == value["name"] } else { kept(value, after).is_ok() }
                }) {
                    Some(after) => kept(value, after).map_err(|rest| format!("/{index}{rest}")),
                    None => Err(format!("/{index}")),
                }
            })
        }
        (Value::String(before), Value::String(after))
            if after.strip_prefix(before.as_str()) == Some(",ddsockets") =>
        {
            Ok(())
        }
        _ if before == after => Ok(()),
        _ => Err(String::new()),
    }
}

/// What is the user's in a pod: its spec, labels and annotations, without the random end of the token volume's name.
pub fn settled(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let random = list(&pod, "volumes")
        .iter()
        .filter_map(|volume| volume["name"].as_str())
        .find(|name| name.starts_with("kube-api-access-"));
    if let Some(random) = random.map(str::to_owned) {
        pod = serde_json::from_str(&pod.to_string().replace(&random, "kube-api-access")).unwrap();
    }
    let metadata = &pod["metadata"];
    serde_json::json!({"spec": pod["spec"], "labels": metadata["labels"], "annotations": metadata["annotations"]})
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
