//! Bytes from outside, and what must hold of any of them. Here they are whole files with some damage; the fuzzers of `fuzz/` send what
//! they find through the same doors.

use crate::laws;
use datadog_sidecar_injector::{
    admission,
    certs::Pair,
    config,
    decide::decide,
    inject::{self, Assumptions, Input},
    manifest,
    rules::Rules,
    seen::Seen,
    select::Subject,
};
use serde_json::{Value, json};
use std::{sync::LazyLock, time::Duration};

/// Selects every pod, and adds all that there is to add.
static RULES: LazyLock<Rules> = LazyLock::new(|| laws::configurations().swap_remove(2).1);

/// A review's body: answered or refused, and the patch of an answer applies.
pub fn review(body: &[u8]) {
    let Ok(answer) = admission::review(body, &RULES, &Seen::default(), 0) else { return };
    let told: Value = serde_json::from_slice(&answer.body).expect("the answer is JSON");
    assert_eq!(told["response"]["allowed"], true, "no pod is refused");
    assert!(!answer.decision.detail.starts_with("a fault"), "{}", answer.decision.detail);
    // What serde_json cannot hold (numbers out of range, deep nesting) is passed over by us and has no value to patch.
    let Ok(review) = serde_json::from_slice::<Value>(body) else { return };
    settled(&RULES, &review["request"]["object"]);
}

/// A values file: what it configures works, or each problem has its place.
pub fn configuration(bytes: &[u8]) {
    match config::load_bytes(bytes, "values.yaml") {
        Ok(config) => {
            let rules = Rules::compile(config, laws::setting());
            for pod in [
                json!({"metadata": {"labels": {"agent.datadoghq.com/sidecar": "fargate"}},
                    "spec": {"containers": [{"name": "app"}]}}),
                json!({"metadata": {}, "spec": {"containers": [{"name": "app"}], "restartPolicy": "Never"}}),
            ] {
                settled(&rules, &pod);
            }
        }
        Err(problems) => {
            let lines = bytes.split(|&byte| byte == b'\n' || byte == b'\r').count() as u64;
            let placed = problems.list.iter().all(|p| (1..=lines + 1).contains(&p.line) && p.column > 0);
            assert!(placed && !problems.list.is_empty(), "{problems}");
        }
    }
}

/// Manifests: what is not changed stays byte for byte, and what is changed is not changed again.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = manifest::text(bytes) else { return };
    let Ok(documents) = manifest::read(text) else { return };
    assert_eq!(documents.iter().map(|d| d.text).collect::<String>(), text, "no byte is lost");
    let injected = |text: &str| {
        let inputs = [Input { name: "in.yaml".into(), text: text.into() }];
        let decide = |pod: &[u8], subject: Subject<'_>| decide(pod, subject, &RULES);
        let sheets = inject::inject(&inputs, &Assumptions::default(), decide).ok()?;
        let changed = sheets.iter().flat_map(|sheet| &sheet.pages).any(|page| page.changed.is_some());
        Some((inject::yaml(&sheets), changed))
    };
    let (once, changed) = injected(text).expect("what is read is injected");
    if !changed {
        return assert_eq!(once, text, "what nothing happens to stays byte for byte");
    }
    let (twice, _) = injected(&once).unwrap_or_else(|| panic!("what comes out is read: {once}"));
    assert_eq!(twice, once, "a second injection changes nothing");
}

/// A certificate and its key in one PEM file: what is taken has an end.
pub fn certificate(bytes: &[u8]) {
    let Ok(pair) = Pair::from_pem(bytes, bytes) else { return };
    let late = pair.not_after() + Duration::from_secs(1);
    assert!(
        pair.valid_at(late).is_err_and(|error| error.to_string().contains("ended")),
        "{:?}",
        pair.not_after()
    );
}

/// A pod that can be read is decided without a fault of ours, the patch applies, and a second one is empty.
fn settled(rules: &Rules, pod: &Value) {
    let Ok(decision) = laws::try_decided(rules, pod) else { return };
    assert!(!decision.detail.starts_with("a fault"), "{}: {pod}", decision.detail);
    let after = laws::applied(pod, &decision);
    let again = laws::try_decided(rules, &after).unwrap_or_else(|error| panic!("{error}: {after}"));
    assert_eq!(String::from_utf8_lossy(&again.patch), "", "a second injection changes nothing: {after}");
}
