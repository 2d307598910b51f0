//! The deciding half is pure: given the same bytes it decides the same, and it can be tested without a cluster.

use std::{fs, path::Path};

/// The modules that decide, and what none of them may touch.
const DECIDING: [&str; 15] = [
    "admission",
    "config",
    "decide",
    "fargate",
    "inject",
    "manifest",
    "near",
    "patch",
    "pod",
    "quantity",
    "rules",
    "seen",
    "select",
    "sidecar",
    "workload",
];
const IMPURE: [&str; 14] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time",
    "SystemTime",
    "Instant",
    "tokio",
    "async fn",
    "kube::",
    "tracing::",
    "rand::",
    "println!",
];

fn sources(path: &Path, found: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if path.exists() {
        found.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
    }
}

#[test]
fn what_decides_touches_nothing_else() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for module in DECIDING {
        let mut found = Vec::new();
        sources(&src.join(format!("{module}.rs")), &mut found);
        sources(&src.join(module), &mut found);
        assert!(!found.is_empty(), "there is no module {module}");
        for (file, text) in found {
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                    wrong.push(format!("{file}: {word}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
