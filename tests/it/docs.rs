//! What the documents say is so.

use datadog_sidecar_injector::{metrics::Metrics, select::SkipReason};
use std::{fs, path::Path, process::Command};

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

#[test]
fn every_metric_is_listed() {
    let text = document("docs/operations.md");
    let metrics = Metrics::new().text();
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
        .filter_map(|line| line.strip_prefix("cargo run -q -- "))
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
    }
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
