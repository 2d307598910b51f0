//! The command `inject`: its streams, exit codes and forms, run as users run it; and what it does between reading and
//! writing, with a decision plugged in.

use datadog_sidecar_injector::{
    decide::Unreadable,
    inject::{self, Assumptions, Input, Sheet},
    rules::Namespaces,
    select::{Decision, Outcome, SkipReason, Subject},
};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// A pod that every configuration's default selector takes.
pub const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels: {agent.datadoghq.com/sidecar: fargate}\nspec:\n  containers:\n  - name: app # theirs\n    image: nginx\n";
/// A document that nothing happens to.
const OTHER: &str = "# mine\nkind:   ConfigMap\ndata: {mode: 0400}\n";

pub fn run(arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"))
        .arg("inject")
        .args(arguments)
        .env_remove("POD_NAMESPACE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// Exit code, stdout, stderr.
pub fn told(arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let output = run(arguments, stdin);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn input(name: &str, text: &str) -> Input {
    Input { name: name.into(), text: text.into() }
}

fn decision(outcome: Outcome, patch: &Value) -> Decision {
    let mut decision = Decision::skip(SkipReason::NoMatch, "");
    decision.outcome = outcome;
    decision.patch = if patch.is_null() { Vec::new() } else { patch.to_string().into_bytes() };
    decision
}

/// Adds a container to every pod.
fn add(_: &[u8], _: Subject<'_>) -> Result<Decision, Unreadable> {
    Ok(decision(
        Outcome::Injected,
        &json!([{"op": "add", "path": "/spec/containers/-", "value": {"name": "added"}}]),
    ))
}

/// Leaves every pod as it is.
fn leave(_: &[u8], _: Subject<'_>) -> Result<Decision, Unreadable> {
    Ok(Decision::skip(SkipReason::NoMatch, ""))
}

fn injected<'a>(inputs: &'a [Input]) -> Vec<Sheet<'a>> {
    inject::inject(inputs, &Assumptions::default(), add).unwrap()
}

#[test]
fn the_example_is_injected() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/redis.yaml");
    let (code, out, err) = told(&["-f", file], "");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("# The label"), "{out}");
    assert!(out.contains("    - name: datadog-agent-injected\n"), "{out}");
    assert!(err.contains("redis.yaml: document 1 was written anew"), "{err}");
    let (code, again, _) = told(&["-f", "-"], &out);
    assert_eq!((code, again == out), (0, true), "a second time changes nothing");
}

#[test]
fn what_does_not_change_comes_out_as_it_was() {
    let text = format!("\u{feff}{OTHER}---   # next\r\na:\t1\r\n--- {{b: [*c]}}\n").replace("[*c]", "[ 1 ]");
    let (code, out, err) = told(&["-f", "-"], &text);
    assert_eq!((code, out.as_str()), (0, text.as_str()), "{err}");
}

#[test]
fn a_changed_document_leaves_the_others_alone() {
    let (code, out, err) = told(&["-f", "-"], &format!("{OTHER}---\n{POD}---\n{OTHER}"));
    assert_eq!(code, 0);
    assert!(out.starts_with(&format!("{OTHER}---\napiVersion: v1\nkind: Pod\n")), "{out}");
    assert!(out.ends_with(&format!("---\n{OTHER}")), "{out}");
    assert!(out.contains("datadog-agent-injected"));
    assert!(err.contains("stdin: document 2 was written anew"), "{err}");
}

#[test]
fn check_names_what_would_change() {
    let (code, out, _) = told(&["-f", "-", "--check"], &format!("{OTHER}---\n{POD}"));
    assert_eq!((code, out.as_str()), (1, "Pod/shop/web\n"));
    let (code, out, err) = told(&["-f", "-", "--check"], OTHER);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "1 document read, no workloads\n"));
}

#[test]
fn diff_shows_the_change_alone() {
    let (code, out, _) = told(&["-f", "-", "--diff"], &format!("{OTHER}---\n{POD}"));
    assert_eq!(code, 0);
    assert!(out.starts_with("--- stdin (document 2: Pod/shop/web)\n+++ stdin"), "{out}");
    assert!(out.contains("\n+  - name: datadog-agent-injected\n"), "{out}");
    assert!(!out.contains('\u{1b}'), "no colours but on a terminal");
    let removed = out.lines().skip(1).filter(|line| line.starts_with('-')).count();
    assert_eq!(removed, 0, "layout is no change: {out}");
}

#[test]
fn output_json_and_patch_have_a_line_for_each_document() {
    let text = format!("{OTHER}---\n# nothing\n---\n{POD}");
    let (code, out, _) = told(&["-f", "-", "--output", "json"], &text);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len()), (0, 2));
    assert_eq!(lines[0], json!({"kind": "ConfigMap", "data": {"mode": 256}}));
    assert_eq!(lines[1]["spec"]["containers"][1]["name"], "datadog-agent-injected");
    let (code, out, _) = told(&["-f", "-", "--output", "patch"], &text);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len()), (0, 2));
    assert_eq!(lines[0], json!([]));
    assert!(
        lines[1]
            .as_array()
            .unwrap()
            .iter()
            .any(|o| o["path"].as_str().unwrap().starts_with("/spec/containers"))
    );
}

#[test]
fn reads_files_directories_and_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("b.yml", "b: 1");
    write("a.yaml", "# first\na: 1\n");
    write("c.json", "{\"c\": 1}\n");
    write("notes.txt", "not a manifest: [");
    fs::create_dir(folder.path().join("d.yaml")).unwrap();
    fs::write(folder.path().join("d.yaml/deep.yaml"), "deep: 1\n").unwrap();
    let directory = folder.path().to_str().unwrap();
    let (code, out, err) =
        told(&["-f", directory, "-f", "-", "--filename", &format!("{directory}/b.yml")], "s: 1\n");
    assert_eq!((code, err.lines().last().unwrap()), (0, "5 documents read, no workloads"), "{err}");
    assert_eq!(out, "# first\na: 1\n---\nb: 1\n---\n{\"c\": 1}\n---\ns: 1\n---\nb: 1");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let (code, out, err) = told(&["-f", empty.to_str().unwrap()], "");
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("no *.yaml, *.yml or *.json"), "{err}");
}

#[test]
fn unreadable_input_says_where_and_prints_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.yaml");
    let bad = folder.path().join("bad.yaml");
    fs::write(&good, POD).unwrap();
    fs::write(&bad, format!("{OTHER}---\nkind: Pod\nspec: [\n")).unwrap();
    let (code, out, err) = told(&["-f", good.to_str().unwrap(), "-f", bad.to_str().unwrap()], "");
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("bad.yaml: document 2, line 6, column 7: "), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    let (code, out, err) = told(&["-f", good.to_str().unwrap(), "-f", "/no/such.yaml"], "");
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.starts_with("/no/such.yaml: "), "{err}");
}

#[test]
fn bad_arguments_and_configurations_are_another_code() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("values.yaml");
    fs::write(&config, "clusterAgent: {servicePort: 0}\n").unwrap();
    for arguments in [
        &["-f", "-", "--config", config.to_str().unwrap()][..],
        &["-f", "-", "--config", "/no/such.yaml"],
        &["-f", "-", "--namespace-label", "shop"],
        &["-f", "-", "--kubernetes-version", "latest"],
        &["-f", "-", "--own-namespace", "My Agents"],
        &["-f", "-", "-n", ""],
        &["-f", "-", "--diff", "--check"],
        &["-f", "-", "--output", "xml"],
        &[],
    ] {
        let (code, out, err) = told(arguments, POD);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
}

#[test]
fn a_configuration_decides() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("values.yaml");
    let selector = "clusterAgent: {admissionController: {agentSidecarInjection: {selectors: [{namespaceSelector: {matchLabels: {env: prod}}}]}}}\n";
    fs::write(&config, selector).unwrap();
    let config = config.to_str().unwrap();
    let check = |arguments: &[&str], text: &str| {
        let arguments = [&["-f", "-", "--check", "--config", config], arguments].concat();
        told(&arguments, text).0
    };
    assert_eq!(check(&[], POD), 0);
    assert_eq!(check(&["--namespace-label", "shop:env=prod"], POD), 1);
    assert_eq!(check(&["--namespace-label", "other:env=prod"], POD), 0);
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n";
    assert_eq!(check(&[], &format!("{POD}---\n{namespace}")), 1, "also where the namespace comes later");
    assert_eq!(check(&["--namespace-label", "shop:env=test"], &format!("{POD}---\n{namespace}")), 0);
    let homeless = POD.replace("  namespace: shop\n", "");
    assert_eq!(check(&["-n", "shop", "--namespace-label", "shop:env=prod"], &homeless), 1);
    assert_eq!(check(&["--namespace-label", "default:env=prod"], &homeless), 1);
    assert_eq!(check(&["--namespace-label", "shop:env=prod", "--own-namespace", "shop"], POD), 0);
}

#[test]
fn skips_are_told_but_for_those_that_nobody_asked_for() {
    let opted_out =
        POD.replace("sidecar: fargate}", "sidecar: fargate, admission.datadoghq.com/enabled: \"false\"}");
    let (code, out, err) = told(&["-f", "-"], &opted_out);
    assert_eq!((code, out), (0, opted_out));
    assert!(err.starts_with("Pod/shop/web: skipped: opted_out"), "{err}");
    assert_eq!(err.lines().count(), 2);
    let nobody = POD.replace("  labels: {agent.datadoghq.com/sidecar: fargate}\n", "");
    for pod in [&nobody, &nobody.replace("spec:\n", "spec:\n  hostNetwork: true\n")] {
        let (_, _, err) = told(&["-f", "-"], &format!("{POD}---\n{pod}"));
        assert!(!err.contains("skipped: "), "{err}");
        assert!(err.lines().last().unwrap().contains("1 injected, 0 unchanged, 1 skipped"), "{err}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_fault() {
    let text = format!("kind: ConfigMap\ndata: {{text: {}}}\n", "x".repeat(1 << 20));
    let mut child = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"))
        .args(["inject", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.as_str()), (Some(0), "1 document read, no workloads\n"));
}

#[test]
fn every_pod_of_a_list_is_patched_from_the_root() {
    let list = json!({"kind": "List", "items": [
        {"kind": "Service"},
        {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": []}}}},
        {"kind": "CronJob", "metadata": {"name": "b"},
         "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}},
    ]});
    let inputs = [input("list.json", &format!("{list:#}\n"))];
    let sheets = injected(&inputs);
    let patch: Value = serde_json::from_str(&inject::patches(&sheets)).unwrap();
    let paths: Vec<&str> = patch.as_array().unwrap().iter().map(|o| o["path"].as_str().unwrap()).collect();
    let wanted = [
        "/items/1/spec/template/spec/containers/-",
        "/items/2/spec/jobTemplate/spec/template/spec/containers/-",
    ];
    assert_eq!(paths, wanted);
    assert_eq!(inject::names(&sheets), "Deployment/default/a\nCronJob/default/b\n");
    let mut wanted = list;
    wanted["items"][1]["spec"]["template"]["spec"]["containers"] = json!([{"name": "added"}]);
    wanted["items"][2]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"] =
        json!([{"name": "added"}]);
    assert_eq!(inject::yaml(&sheets), format!("{wanted:#}\n"), "JSON stays JSON, with its indentation");
    assert_eq!(sheets[0].pages[0].notes, [""; 0], "and loses nothing");
}

#[test]
fn a_patch_that_does_not_apply_is_an_internal_error() {
    let inputs = [input("pod.yaml", POD)];
    for patch in [
        json!([{"op": "add", "path": "/metadata/x", "value": 1}, {"op": "add", "path": "/no/such", "value": 1}]),
        json!([{"op": "remove", "path": "/spec/containers/7"}]),
        json!({"op": "add"}),
        json!([{"op": "conjure"}]),
    ] {
        let decide = |_: &[u8], _: Subject<'_>| Ok(decision(Outcome::Injected, &patch));
        let sheets = inject::inject(&inputs, &Assumptions::default(), decide).unwrap();
        assert_eq!(inject::yaml(&sheets), POD);
        assert_eq!(inject::patches(&sheets), "[]\n");
        let note = &sheets[0].pages[0].notes[0];
        assert!(
            note.starts_with("Pod/shop/web: skipped: internal_error: the patch does not apply: "),
            "{note}"
        );
    }
}

#[test]
fn a_decision_sees_the_template_and_its_namespace() {
    let job = "kind: Job\nmetadata: {generateName: once-}\nspec: {template: {spec: {containers: [{name: a}], x: 010}}}\n";
    let inputs = [input("job.yaml", job)];
    let seen = RefCell::new(Vec::new());
    let decide = |pod: &[u8], subject: Subject<'_>| {
        let pod: Value = serde_json::from_slice(pod)?;
        seen.borrow_mut().push((
            pod,
            subject.namespace.to_owned(),
            subject.namespace_labels.cloned().unwrap(),
        ));
        let mut decision = Decision::skip(SkipReason::Conflict, "no room");
        decision.expected = true;
        decision.warnings.push("mind the gap".into());
        Ok(decision)
    };
    let labels = [("team".to_owned(), "a".to_owned())].into();
    let assumptions = Assumptions {
        namespace: Some("batch".into()),
        namespace_labels: Namespaces::from([("batch".into(), labels)]),
        ..Assumptions::default()
    };
    let sheets = inject::inject(&inputs, &assumptions, decide).unwrap();
    let (pod, namespace, labels) = seen.into_inner().remove(0);
    assert_eq!(pod, json!({"spec": {"containers": [{"name": "a"}], "x": 8}}));
    assert_eq!((namespace.as_str(), labels["team"].as_str()), ("batch", "a"));
    assert_eq!(labels["kubernetes.io/metadata.name"], "batch");
    let notes = ["Job/batch/once-: mind the gap", "Job/batch/once-: skipped: conflict: no room"];
    assert_eq!(sheets[0].pages[0].notes, notes);
}

#[test]
fn several_files_become_one_stream() {
    let texts =
        ["a: 1", "\u{feff}# c\n---\nb: 1\n", "{\"c\":1}{\"d\":1}", "%YAML 1.1\n---\ne: 1\n...\n", "# end\n"];
    let inputs: Vec<Input> = texts.iter().map(|text| input("x", text)).collect();
    let sheets = inject::inject(&inputs, &Assumptions::default(), leave).unwrap();
    let stream = inject::yaml(&sheets);
    assert_eq!(
        stream,
        "a: 1\n# c\n---\nb: 1\n---\n{\"c\":1}\n---\n{\"d\":1}\n...\n%YAML 1.1\n---\ne: 1\n...\n# end\n"
    );
    let again = [input("again", &stream)];
    let again = inject::inject(&again, &Assumptions::default(), leave).unwrap();
    assert_eq!(inject::json(&again), inject::json(&sheets));
    let json: Vec<Input> = ["{\"c\":1}", "{\"d\":1}\n"].iter().map(|text| input("x", text)).collect();
    let sheets = inject::inject(&json, &Assumptions::default(), leave).unwrap();
    assert_eq!(inject::yaml(&sheets), "{\"c\":1}\n{\"d\":1}\n", "JSON alone needs no separators");
}

#[test]
fn real_files_change_only_where_they_are_patched() {
    let files = crate::collection::files("yaml");
    if files.is_empty() {
        return;
    }
    let mut patched = 0;
    for path in files {
        let inputs = [input("x", &fs::read_to_string(&path).unwrap())];
        let left = inject::inject(&inputs, &Assumptions::default(), leave).unwrap();
        assert_eq!(inject::yaml(&left), inputs[0].text, "{}", path.display());
        let sheets = injected(&inputs);
        let written = [input("x", &inject::yaml(&sheets))];
        let read = inject::inject(&written, &Assumptions::default(), leave).unwrap();
        assert_eq!(inject::json(&read), inject::json(&sheets), "{}", path.display());
        patched += inject::json(&read).matches(r#"{"name":"added"}"#).count();
        let twice = inject::names(&sheets);
        assert_eq!(twice.is_empty(), inject::json(&left) == inject::json(&sheets), "{}", path.display());
    }
    assert!(patched > 20, "{patched}");
}
