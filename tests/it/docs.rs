//! What the documents say is so.

use crate::golden;
use datadog_sidecar_injector::{
    metrics::{HandshakeFailure, Metrics},
    select::{Outcome, SkipReason},
};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

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

#[test]
fn every_metric_is_listed() {
    let text = document("docs/operations.md");
    let metrics = metrics();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# HELP datadog_sidecar_injector_")) {
        let name = line.split(' ').next().unwrap();
        assert!(text.contains(&format!("`{name}")), "{name} is not listed");
    }
}

/// Runs each command line of a document's `sh` blocks that runs the program, and answers how many there were.
#[test]
fn the_commands_of_the_readme_run() {
    let readme = document("README.md");
    let commands: Vec<_> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("cargo run "))
        .map(|arguments| arguments.trim_start_matches("-q ").trim_start_matches("-- "))
        .map(|line| line.split('#').next().unwrap().trim())
        .filter(|line| !line.starts_with("serve"))
        .collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let ran = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"))
            .args(command.split_whitespace())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(!ran.stdout.is_empty(), "{command} prints nothing");
        let shown = String::from_utf8_lossy(&ran.stdout);
        let injects = shown.contains("datadog-agent-injected");
        assert!(injects || !command.starts_with("inject"), "{command} injects nothing: {shown}");
    }
}

/// The dashboard and the monitors ask for metrics by the names that Datadog's OpenMetrics check gives them.
#[test]
fn what_the_dashboard_and_the_monitors_ask_for_is_there() {
    let chart = document("charts/datadog-sidecar-injector/templates/deployment.yaml");
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
