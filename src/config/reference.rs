//! The reference page of the configuration, made from the schema and so from the comments in `file`.

use super::{schema, shape, words};
use serde_json::Value;
use std::fmt::Write as _;

/// The parts of the page: a title, and the key path whose keys are listed there and nowhere else.
const SECTIONS: [(&str, &str); 8] = [
    ("Agents", "datadog"),
    ("What sidecars fall back to", ""),
    ("Cluster Agent and webhook", "clusterAgent"),
    ("Sidecars", "clusterAgent.admissionController.agentSidecarInjection"),
    ("A selector", "clusterAgent.admissionController.agentSidecarInjection.selectors[]"),
    ("A profile", "clusterAgent.admissionController.agentSidecarInjection.profiles[]"),
    ("A variable", "clusterAgent.admissionController.agentSidecarInjection.profiles[].env[]"),
    ("The injector itself", "injector"),
];

const OPENING: &str = "# Configuration

<!-- Made from the comments in src/config/file.rs and below. After a change there: make generate -->

The shape is that of Datadog's own chart, and one file serves both: Datadog's gets
[`deploy/datadog/injection-off.yaml`](../deploy/datadog/injection-off.yaml) after it, which switches its own injection off, since
`agentSidecarInjection.enabled` is the switch of each. Here the file is used three times: as the values of the chart, as the configuration that
`serve` reads, and offline with `--config`.

* `null`, anywhere, means the default, but in resources and security contexts of the injector, where it takes a key out.
* A key that is not listed here is ignored, except inside `agentSidecarInjection` and `injector` and in variables, where it is an error.
  Where that may surprise, `config check`, the injector's log and the chart's notes say so.
* What is inside a volume of a profile is Kubernetes' own, what is inside `initConfig` and `instances` is the integration's.
* Everything that is wrong is told at once, each with file, line, column and key path; `config check FILE` does nothing else.
* `config schema` prints the JSON Schema, for editors.
";

/// What is no key of the file.
const CLOSING: &str = r#"
## What a pod can say

Labels and annotations of the pod, or of the template of its workload. An annotation whose value is none of those accepted, or that `podOverrides` does not
allow, is ignored with a warning, and the pod is injected without it.

| label | meaning |
| --- | --- |
| `agent.datadoghq.com/sidecar` | `fargate`: what the selector of a configuration without selectors asks for. |
| `admission.datadoghq.com/enabled` | `"false"`: no sidecar. The API server does not even ask about such a pod. Any value but this and `"true"` is a warning. |
| `tags.datadoghq.com/env`, `tags.datadoghq.com/service`, `tags.datadoghq.com/version` | Become `DD_ENV`, `DD_SERVICE` and `DD_VERSION` of the applications that do not state them; the first also the agent's `DD_ENV`. |

| annotation | `podOverrides` | meaning |
| --- | --- | --- |
| `agent.datadoghq.com/sidecar.inject` | | `"false"`: no sidecar. Any value but this and `"true"` is a warning. |
| `agent.datadoghq.com/sidecar.profile` | `profile` | The name of a profile that is `selectable`. |
| `agent.datadoghq.com/sidecar.mode` | `mode` | `auto`, `container` or `native`. |
| `agent.datadoghq.com/sidecar.cpu.request`, `agent.datadoghq.com/sidecar.cpu.limit` | `resources` | A quantity such as `500m`. Of the two the one not given is as the other. |
| `agent.datadoghq.com/sidecar.memory.request`, `agent.datadoghq.com/sidecar.memory.limit` | `resources` | A quantity such as `512Mi`. The same. |
| `agent.datadoghq.com/sidecar.entrypoints` | `entrypoints` | The entrypoints of images whose containers state no `command`, for Workload Protection: `{"CONTAINER": ["/entrypoint"]}`. |

The injector writes annotation `agent.datadoghq.com/sidecar.status`: profile, version, and a hash of the configuration. It is for people, and never read to decide.
"#;

/// The reference page of the configuration, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(OPENING);
    for (title, path) in SECTIONS {
        let place = if path.is_empty() { "At the top".to_owned() } else { format!("Under `{path}`") };
        let _ =
            write!(page, "\n## {title}\n\n{place}:\n\n| key | default | meaning |\n| --- | --- | --- |\n");
        if let Some(schema) = find(path) {
            rows(schema, path, "", &mut page);
        }
    }
    page.push_str(CLOSING);
    page
}

fn rows(schema: &Value, path: &str, prefix: &str, page: &mut String) {
    let known =
        |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut properties = known(schema);
    properties.extend(shape::alternatives(schema).flat_map(known));
    for (key, inner) in &properties {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if elsewhere(&path) {
            continue;
        }
        let _ = writeln!(page, "| `{prefix}{key}` | {} | {} |", default(inner), description(inner));
        rows(inner, &path, &format!("{prefix}{key}."), page);
        if let Some(items) = inner.get("items").filter(|_| !elsewhere(&format!("{path}[]"))) {
            rows(items, &format!("{path}[]"), &format!("{prefix}{key}[]."), page);
        }
    }
}

/// Whether a path has a section of its own, as variables do wherever they are.
fn elsewhere(path: &str) -> bool {
    SECTIONS.iter().any(|(_, section)| *section == path) || path.ends_with(".env[]")
}

fn find(path: &str) -> Option<&'static Value> {
    path.split('.').filter(|key| !key.is_empty()).try_fold(schema::derived(), |schema, key| {
        let property = schema.get("properties")?.get(key.trim_end_matches("[]"))?;
        if key.ends_with("[]") { property.get("items") } else { Some(property) }
    })
}

fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let choices = shape::choices(schema);
    let words =
        if choices.is_empty() { String::new() } else { format!(" One of {}.", words::listed(&choices)) };
    format!("{}{words}", text.replace('\n', " ").replace('|', "\\|"))
}

/// The default, but for a mapping whose keys tell theirs.
fn default(schema: &Value) -> String {
    let told = || {
        schema
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|known| known.values().any(|inner| inner.get("default").is_some()))
    };
    match schema.get("default") {
        None => String::new(),
        Some(Value::Object(fields)) if fields.is_empty() || told() => String::new(),
        Some(Value::String(text)) if text.is_empty() => "empty".into(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}
