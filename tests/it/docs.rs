//! What the documents say is so.

mod commands;

use crate::golden;
use datadog_sidecar_injector::{
    config,
    metrics::{HandshakeFailure, Metrics},
    select::{Outcome, SkipReason},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn every_reason_is_explained() {
    let text = document("docs/troubleshooting.md");
    for reason in SkipReason::ALL {
        assert!(text.contains(&format!("| `{}` |", reason.label())), "{} is not explained", reason.label());
    }
}

/// Whether a text is what a cell of a table says, in which `…` stands for anything.
fn says(cell: &str, text: &str) -> bool {
    let mut rest = text;
    cell.split('…').map(str::trim).all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[test]
fn every_warning_and_conflict_of_a_golden_case_is_explained() {
    let text = document("docs/troubleshooting.md");
    let cells: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    let mut unexplained = BTreeSet::new();
    for told in golden::all_told() {
        if !cells.iter().any(|cell| says(cell, &told)) {
            unexplained.insert(told);
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

/// What a word with braces stands for: `a{b,c}` is `ab` and `ac`.
fn expanded(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else { return vec![word.to_owned()] };
    let (choices, after) = rest.split_once('}').unwrap();
    choices.split(',').flat_map(|choice| expanded(&format!("{before}{choice}{after}"))).collect()
}

/// The rows about values files: followed is what the program reads, told is what it does not.
#[test]
fn the_values_file_is_explained_key_by_key() {
    let text = document("docs/migration.md");
    let (_, table) = text.split_once("## Your values file, key by key").unwrap();
    let schema = config::schema();
    let read = |key: &str| {
        let mut keys = key.split('.');
        keys.try_fold(&schema, |schema, key| schema.get("properties")?.get(key)).is_some()
    };
    let mut explained = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let (words, here) = (cells[0].split('`').skip(1).step_by(2), cells[1]);
        for key in
            words.filter(|word| !word.contains(['*', ' ']) && !word.starts_with("DD_")).flat_map(expanded)
        {
            if here.starts_with("followed") || here.starts_with("accepted") {
                assert!(read(&key), "{key} is not followed");
            } else if here.starts_with("told") && key != "clusterAgent.admissionController.enabled" {
                assert!(!read(&key), "{key} is followed");
            }
            explained.insert(key);
        }
    }
    let datadog = schema.pointer("/properties/datadog/properties").and_then(Value::as_object).unwrap();
    for key in datadog.keys().map(|key| format!("datadog.{key}")) {
        let told = |other: &String| *other == key || other.starts_with(&format!("{key}."));
        let starred = table.contains(&format!("`{key}."));
        assert!(starred || explained.iter().any(told), "{key} is not explained");
    }
}

/// One file serves both charts, and one line more switches Datadog's own injection off: each page says so, and it does.
#[test]
fn datadogs_own_injection_is_switched_off_by_the_file_that_every_page_names() {
    let name = "deploy/datadog/injection-off.yaml";
    let config = config::load(&document(name), name).unwrap();
    assert!(!config.enabled);
    for page in [
        "README.md",
        "docs/configuration.md",
        "docs/migration.md",
        "charts/datadog-sidecar-injector/values.yaml",
    ] {
        let text = document(page);
        assert!(text.contains(name), "{page} does not name {name}");
        assert!(!text.contains("may serve both"), "{page}");
    }
}

/// The messages of `inject` are those that its tests hold to the letter.
#[test]
fn every_message_of_inject_is_explained() {
    let text = document("docs/troubleshooting.md");
    let (_, section) = text.split_once("\n## Messages of inject\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    for told in [
        "no selector matches; label a is \"x\", selector 1 wants \"y\"",
        "no selector matches; label a is not b, which selector 1 wants",
        "no selector matches; none looks at label agent.datadoghq.com/sidecar; selector 1 wants label a",
        "label a is on the Deployment; it must be on spec.template.metadata.labels",
        "annotation a is on the Deployment and has no effect there; it must be on spec.template.metadata.annotations",
        "annotation a has no effect: it must be in metadata.labels",
        "has label a inside, but no pod template that is known: it stays as it is",
        "no objects in stdin",
    ] {
        assert!(cells.iter().any(|cell| says(cell, told)), "{told} is not explained");
    }
}

#[test]
fn every_annotation_that_is_read_is_listed() {
    let text = document("docs/configuration.md");
    let sources = ["src/sidecar/record.rs", "src/sidecar/overrides.rs"].map(document).concat();
    let read: BTreeSet<&str> =
        sources.split('"').filter(|word| word.starts_with("agent.datadoghq.com/sidecar.")).collect();
    assert!(read.len() >= 8, "{read:?}");
    for annotation in read {
        assert!(text.contains(&format!("`{annotation}`")), "{annotation} is not listed");
    }
}

/// All metrics, those also that are written from their first count on.
fn metrics() -> String {
    let metrics = Metrics::new();
    metrics.review_counters(["default"]).count(Outcome::Injected, Some(0));
    metrics.count_refused(http::StatusCode::NOT_FOUND);
    metrics.count_handshake(HandshakeFailure::Tls);
    metrics.text()
}

/// The names of all metrics as a scraper sees them, each with those of its labels.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let text = metrics();
    let mut named = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (family, kind) = line.split_once(' ').unwrap();
        let (name, sample) = match kind {
            "counter" => (format!("{family}_total"), format!("{family}_total")),
            "info" => (format!("{family}_info"), format!("{family}_info")),
            "histogram" => (family.to_owned(), format!("{family}_count")),
            _ => (family.to_owned(), family.to_owned()),
        };
        let labels = |line: &str| -> Option<BTreeSet<String>> {
            let rest = line.strip_prefix(&sample)?;
            match rest.strip_prefix('{') {
                Some(rest) => Some(
                    rest.split('}')
                        .next()?
                        .split(',')
                        .map(|label| label.split('=').next().unwrap().to_owned())
                        .collect(),
                ),
                None => rest.starts_with(' ').then(BTreeSet::new),
            }
        };
        let labels = text.lines().find_map(labels).unwrap_or_else(|| panic!("{sample} has no sample"));
        named.insert(name.strip_prefix("datadog_sidecar_injector_").unwrap().to_owned(), labels);
    }
    named
}

#[test]
fn every_metric_is_listed_and_every_listed_one_is_there() {
    let text = document("docs/operations.md");
    let (_, table) = text.split_once("| name | what |\n| --- | --- |\n").unwrap();
    let mut listed = BTreeMap::new();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        for name in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
            let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
            let labels = labels.strip_suffix('}').unwrap().split(',').filter(|label| !label.is_empty());
            let before = listed.insert(name.to_owned(), labels.map(str::to_owned).collect());
            assert_eq!(before, None, "{name} is listed twice");
        }
    }
    assert_eq!(listed, named(), "left: what is listed; right: what there is");
}

/// What a metric's name ends with, or that of an age that Datadog's check makes of one.
const ENDINGS: [&str; 12] = [
    "_total",
    "_seconds",
    "_bytes",
    "_info",
    "_successful",
    "_known",
    "_watched",
    "_expiry",
    "_sum",
    "_count",
    "_bucket",
    "_age_seconds",
];

/// Also where a sentence names it.
#[test]
fn every_metric_that_a_document_names_is_there() {
    let known = named();
    let chart = document("charts/datadog-sidecar-injector/templates/_pods.tpl");
    let mut count = 0;
    for name in
        ["README.md", "docs/operations.md", "docs/troubleshooting.md", "docs/security.md", "docs/design.md"]
    {
        for quoted in document(name).split('`').skip(1).step_by(2) {
            let word = quoted.split('{').next().unwrap();
            let ours = word.strip_prefix("datadog_sidecar_injector_");
            let metric = word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
                && (ENDINGS.iter().any(|ending| word.ends_with(ending)) || ours.is_some())
                && !word.starts_with("apiserver_")
                && ours != Some("");
            if metric {
                let word = ours.unwrap_or(word);
                let renamed = chart.contains(&format!("\"name\": \"{word}\""));
                assert!(known.contains_key(word) || renamed, "{name}: there is no metric {word}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}

/// The dashboard and the monitors ask for metrics by the names that Datadog's OpenMetrics check gives them.
#[test]
fn what_the_dashboard_and_the_monitors_ask_for_is_there() {
    let chart = document("charts/datadog-sidecar-injector/templates/_pods.tpl");
    let mut names = Vec::new();
    let mut kind = "";
    let text = metrics();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE datadog_sidecar_injector_")) {
        let (name, of) = line.split_once(' ').unwrap();
        kind = of;
        match kind {
            "counter" => names.push(format!("{name}.count")),
            "histogram" => names.extend(["sum", "count", "bucket"].map(|part| format!("{name}.{part}"))),
            _ => names.push(name.to_owned()),
        }
        // Those that the chart has renamed.
        if let Some((_, rest)) = chart.split_once(&format!("\"{name}\": {{\"name\": \"")) {
            assert!(rest.split('}').next().unwrap().contains("time_elapsed"));
            *names.last_mut().unwrap() = rest.split('"').next().unwrap().to_owned();
        }
    }
    assert!(!kind.is_empty() && names.contains(&"reviews.count".to_owned()), "{names:?}");
    let mut asked = 0;
    for file in ["deploy/datadog/dashboard.json", "deploy/datadog/monitors.json"] {
        let text = document(file);
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        for query in text.split("datadog_sidecar_injector.").skip(1) {
            let name = query.split('{').next().unwrap();
            assert!(
                names.iter().any(|known| known == name),
                "{file} asks for {name}, and there are {names:?}"
            );
            asked += 1;
        }
        for reasons in text.split("reason IN (").skip(1) {
            for reason in reasons.split(')').next().unwrap().split(',') {
                let known = SkipReason::ALL.iter().any(|r| r.label() == reason) || reason == "secret_missing";
                assert!(known, "{file}: {reason}");
            }
        }
    }
    assert!(asked > 20, "{asked}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root.join(name)).into();
    documents.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for document in documents.iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                let file = document.parent().unwrap().join(target);
                assert!(file.exists(), "{}: {link} leads nowhere", document.display());
            }
        }
    }
}

/// The text of every Rust file below a folder.
fn rust(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *into += &fs::read_to_string(&path).unwrap();
        }
    }
}

/// By its function, by its name in a macro, or by the folder of its golden case.
#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in ["src", "tests"] {
        rust(&root.join(folder), &mut code);
    }
    let text = document("docs/security.md");
    let (_, table) = text.split_once("| which tests show it |\n").unwrap();
    let mut count = 0;
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            let there = code.contains(&format!("fn {name}("))
                || code.contains(&format!("    {name}: "))
                || root.join("tests/golden").join(name).join("in.yaml").exists()
                || root.join(name).join("main.rs").exists();
            assert!(there, "there is no test {name}");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}
