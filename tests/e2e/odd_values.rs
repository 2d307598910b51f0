//! Values of every kind that people write, and some that nobody should: each gives objects that the API server takes, or is refused with
//! the key. No template breaks.

use crate::harness::{Release, scene::documents};
use datadog_sidecar_injector::config;
use std::{fs, process::Output};

// One case a line.
#[rustfmt::skip]
mod table;

use table::{Then, Then::*, of_the_file, of_the_injection, of_the_injector};

#[tokio::test]
async fn odd_values_give_valid_objects_or_are_refused_with_their_key() {
    let release = Release::new("odd-values").await;
    odd_values(&release).await;
}

#[tokio::test]
async fn helm_3_reads_odd_values_the_same() {
    let release = Release::by("HELM3", "odd-values-by-helm-3").await;
    odd_values(&release).await;
}

async fn odd_values(release: &Release) {
    let under = |path: &str, text: &str| match text.starts_with("--") {
        true => text.to_owned(),
        false => path.replace("HERE", text),
    };
    let injection = "{clusterAgent: {admissionController: {agentSidecarInjection: HERE}}}";
    let all: Vec<(String, Then)> = of_the_injector()
        .into_iter()
        .map(|(text, then)| (under("{injector: HERE}", text), then))
        .chain(of_the_injection().into_iter().map(|(text, then)| (under(injection, text), then)))
        .chain(of_the_file().into_iter().map(|(text, then)| (text.to_owned(), then)))
        .collect();
    let mut wrong = Vec::new();
    for (values, then) in &all {
        if let Err(what) = judge(release, values, then).await {
            wrong.push(format!("{values}\n    {what}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

async fn judge(release: &Release, values: &str, then: &Then) -> Result<(), String> {
    let Output { status, stdout, stderr } = template(release, values);
    let said = String::from_utf8_lossy(&stderr);
    for broken in ["nil pointer", "wrong type for value", "error calling", "can't iterate", "can't evaluate"]
    {
        if said.contains(broken) {
            return Err(format!("a template broke: {said}"));
        }
    }
    if !values.starts_with("--") {
        let loaded = config::load(values, "values.yaml");
        // The program sees the digits as they are written.
        let refused = matches!(then, Refused(words) if !words.contains("is a number"));
        if refused != loaded.is_err() {
            let told = loaded.err().map(|problems| problems.to_string());
            return Err(format!("the program thinks otherwise: {told:?}"));
        }
    }
    if let Refused(words) = then {
        return match !status.success() && said.contains(words) {
            true => Ok(()),
            false => Err(format!("should say {words:?}: {said}")),
        };
    }
    if !status.success() {
        return Err(format!("is refused: {said}"));
    }
    let text = String::from_utf8(stdout).unwrap();
    let objects = documents(&format!("\n{text}"));
    for object in &objects {
        let reply = release.api.apply_dry(object).await;
        if !reply.status.is_success() {
            return Err(format!("{} is refused: {}", object["kind"], reply.message()));
        }
    }
    let of = |kind: &str| objects.iter().filter(|object| object["kind"] == kind).collect::<Vec<_>>();
    match then {
        Has(kind, pointer, expected) => {
            let at = |object: &serde_json::Value| object.pointer(pointer).cloned().unwrap_or_default();
            let found: Vec<_> = of(kind).into_iter().map(at).collect();
            let right = found.contains(expected);
            if right { Ok(()) } else { Err(format!("{kind} has {found:?}, not {expected}")) }
        }
        Without(kind) if !of(kind).is_empty() => Err(format!("there is a {kind}")),
        _ => Ok(()),
    }
}

fn template(release: &Release, values: &str) -> Output {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/datadog-sidecar-injector");
    let mut arguments = vec!["template", "injector", chart, "--kube-version=1.35.0"];
    let file = release.cluster.processes.folder().join(format!("{}.yaml", release.namespace));
    match values.split_once(' ') {
        Some((flag, setting)) if flag.starts_with("--") => arguments.extend([flag, setting]),
        _ => {
            fs::write(&file, values).unwrap();
            arguments.extend(["--values", file.to_str().unwrap()]);
        }
    }
    release.try_helm(&arguments)
}
