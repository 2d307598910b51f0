//! The limit: what any webhook must do at least, which is to read the review to its end and name its uid.

use anyhow::ensure;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::LazyLock;

/// A constant patch of about 1.7 kB.
static PATCH: LazyLock<String> = LazyLock::new(|| {
    let mount =
        r#"{"op":"add","path":"/spec/containers/0/volumeMounts/-","value":{"name":"v","mountPath":"/v"}}"#;
    format!("[{}]", [mount; 18].join(","))
});

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    uid: &'a str,
    #[serde(borrow)]
    #[expect(dead_code, reason = "proves that there is one, unread")]
    object: &'a RawValue,
}

/// The answer to a review: its uid, and always the same patch.
///
/// # Errors
///
/// The body is no review, or its uid would need escaping.
pub fn review(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let uid = serde_json::from_slice::<Review>(body)?.request.uid;
    ensure!(uid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "request.uid is no plain string");
    let mut text = String::with_capacity(256 + PATCH.len() * 3 / 2);
    text.push_str(r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":""#);
    text.push_str(uid);
    text.push_str(r#"","allowed":true,"patchType":"JSONPatch","patch":""#);
    STANDARD.encode_string(&*PATCH, &mut text);
    text.push_str(r#""}}"#);
    Ok(text.into_bytes())
}
