//! `config check` and `config schema` as a person runs them.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// What the command ended with, and said on standard output and standard error.
fn run(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading any.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_good_file() {
    let (code, out, err) = run(&["config", "check", "examples/values.yaml"], "");
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "examples/values.yaml: ok: 2 selectors, 2 profiles\n", "")
    );
}

#[test]
fn standard_input_and_notices() {
    let (code, out, err) = run(&["config", "check", "-"], "datadog: {clusterChecks: {enabled: true}}");
    let expected =
        "-: ok: 1 selector, 1 profile\n-: notice: not passed on to sidecars: datadog.clusterChecks\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), expected, ""));
}

#[test]
fn a_key_in_the_open_is_no_error_and_is_not_printed() {
    let (code, out, err) =
        run(&["config", "check", "-"], "datadog: {apiKey: 0123456789abcdef0123456789abcdef}");
    let expected = "-: ok: 1 selector, 1 profile\n-: notice: datadog.apiKey is not used: sidecars read the key from the Secret of \
        apiKeySecret, in the namespace of each pod\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), expected, ""));
}

#[test]
fn a_bad_file() {
    let (code, out, err) = run(&["config", "check", "-"], "datadog:\n  site: 1\n  tags: 2\n");
    let expected = "-:2:9: datadog.site: must be text, not a number: quote it\n-:3:9: datadog.tags: must be a list or text, not a number\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(2), "", expected));
}

#[test]
fn no_file() {
    let (code, out, err) = run(&["config", "check", "examples/none.yaml"], "");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("examples/none.yaml: ") && err.contains("No such file"), "{err}");
}

#[test]
fn the_schema_is_json() {
    let (code, out, err) = run(&["config", "schema"], "");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema, datadog_sidecar_injector::config::schema());
}
