//! The sidecar's securityContext: the profile's fields first, the others so that a pod admitted without us is admitted with us.

use super::is_own;
use crate::pod::{ContainerSecurity, Seccomp, Spec};
use serde_json::{Map, Value};

/// The user that the agent's image is made for.
const AGENT_USER: i64 = 100;
const AGENT_USER_JSON: &str = "100";

/// The securityContext of a profile, as written.
#[derive(Debug)]
pub(super) struct Profile {
    /// Its members as JSON, without the braces.
    json: String,
    /// Which fields it sets.
    fields: Vec<String>,
    as_root: bool,
    /// Whether it forbids root, or leaves it nothing: the agent's image starts so as its own user alone.
    not_root: bool,
    /// Whether it asks for what goes with escalation alone: the API server refuses it without.
    escalates: bool,
}

impl Profile {
    pub(super) fn new(fields: &Map<String, Value>) -> Self {
        let json = Value::Object(fields.clone()).to_string();
        Self {
            json: json[1..json.len() - 1].to_owned(),
            fields: fields.keys().cloned().collect(),
            as_root: fields.get("runAsUser") == Some(&Value::from(0)),
            not_root: fields.get("runAsNonRoot") == Some(&Value::Bool(true)) || drops_all(fields),
            escalates: fields.get("privileged") == Some(&Value::Bool(true)) || adds_admin(fields),
        }
    }
}

fn adds_admin(fields: &Map<String, Value>) -> bool {
    capabilities(fields, "add").any(|name| name.trim_start_matches("CAP_") == "SYS_ADMIN")
}

fn drops_all(fields: &Map<String, Value>) -> bool {
    capabilities(fields, "drop").any(|name| name.eq_ignore_ascii_case("ALL"))
}

/// The capabilities that are added or dropped.
fn capabilities<'f>(fields: &'f Map<String, Value>, list: &str) -> impl Iterator<Item = &'f str> {
    let named = fields.get("capabilities").and_then(|capabilities| capabilities.get(list));
    named.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The securityContext of each container we add, as the members of a JSON object; empty where nothing needs to be said.
pub(super) fn follow(profile: &Profile, spec: &Spec<'_>) -> String {
    let every = |holds: &dyn Fn(&ContainerSecurity<'_>) -> bool| {
        let mut users = spec.all_containers().filter(|c| !is_own(&c.name)).peekable();
        users.peek().is_some() && users.all(|c| c.security_context.as_ref().is_some_and(holds))
    };
    let pod = spec.security_context.as_ref();
    let filtered =
        |s: Option<&Seccomp<'_>>| s.is_some_and(|s| s.kind == "RuntimeDefault" || s.kind == "Localhost");
    let pod_user = pod.and_then(|p| p.run_as_user);

    let inherits_non_root = pod.and_then(|p| p.run_as_non_root) == Some(true);
    let non_root = inherits_non_root || every(&|c| c.run_as_non_root == Some(true));
    let drops_all = every(&|c| {
        let drop = c.capabilities.as_ref().and_then(|caps| caps.drop.as_deref()).unwrap_or_default();
        drop.iter().any(|capability| capability.eq_ignore_ascii_case("ALL"))
    });
    let no_escalation = every(&|c| c.allow_privilege_escalation == Some(false));
    let seccomp = filtered(pod.and_then(|p| p.seccomp_profile.as_ref()))
        || every(&|c| filtered(c.seccomp_profile.as_ref()));
    let other_user = pod_user.is_some_and(|user| user != 0 && user != AGENT_USER);

    let followed = [
        (non_root && !profile.as_root, "runAsNonRoot", "true"),
        // A profile that asks for root has said what it wants of this, too: an agent that inherited it would never start.
        (inherits_non_root && profile.as_root, "runAsNonRoot", "false"),
        (non_root || drops_all || profile.not_root || other_user, "runAsUser", AGENT_USER_JSON),
        (drops_all, "capabilities", r#"{"drop":["ALL"]}"#),
        (no_escalation && !profile.escalates, "allowPrivilegeEscalation", "false"),
        (seccomp, "seccompProfile", r#"{"type":"RuntimeDefault"}"#),
    ];
    let mut json = String::with_capacity(profile.json.len() + 256);
    json.push_str(&profile.json);
    for (_, field, value) in followed.into_iter().filter(|(holds, ..)| *holds) {
        if profile.fields.iter().all(|f| f != field) {
            json.push_str(if json.is_empty() { "\"" } else { ",\"" });
            json.push_str(field);
            json.push_str("\":");
            json.push_str(value);
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn followed(profile: &Value, spec: &str) -> Value {
        let profile = Profile::new(profile.as_object().unwrap());
        let members = follow(&profile, &serde_json::from_str(spec).unwrap());
        serde_json::from_str(&format!("{{{members}}}")).unwrap()
    }

    #[test]
    fn the_pod_is_followed_field_by_field() {
        for (spec, expected) in [
            (r#"{"containers":[{"name":"a"}]}"#, json!({})),
            (
                r#"{"securityContext":{"runAsNonRoot":true},"containers":[{}]}"#,
                json!({"runAsNonRoot": true, "runAsUser": 100}),
            ),
            (r#"{"securityContext":{"runAsUser":1000},"containers":[{}]}"#, json!({"runAsUser": 100})),
            (r#"{"securityContext":{"runAsUser":0},"containers":[{}]}"#, json!({})),
            (r#"{"securityContext":{"runAsUser":100},"containers":[{}]}"#, json!({})),
            (
                r#"{"containers":[{"securityContext":{"runAsNonRoot":true}}],"initContainers":[{"securityContext":{"runAsNonRoot":true}}]}"#,
                json!({"runAsNonRoot": true, "runAsUser": 100}),
            ),
            (r#"{"containers":[{"securityContext":{"runAsNonRoot":true}},{}]}"#, json!({})),
            (
                r#"{"containers":[{"securityContext":{"capabilities":{"drop":["NET_RAW","all"]}}}]}"#,
                json!({"runAsUser": 100, "capabilities": {"drop": ["ALL"]}}),
            ),
            (
                r#"{"securityContext":{"seccompProfile":{"type":"Unconfined"}},"containers":[{"securityContext":{"allowPrivilegeEscalation":false}}]}"#,
                json!({"allowPrivilegeEscalation": false}),
            ),
            (r#"{"containers":[]}"#, json!({})),
        ] {
            assert_eq!(followed(&json!({}), spec), expected, "{spec}");
        }
    }

    #[test]
    fn the_profile_comes_first() {
        let restricted = r#"{"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{}]}"#;
        assert_eq!(
            followed(
                &json!({"runAsUser": 101, "seccompProfile": {"type": "Localhost", "localhostProfile": "p"}}),
                restricted
            ),
            json!({"runAsUser": 101, "seccompProfile": {"type": "Localhost", "localhostProfile": "p"}, "runAsNonRoot": true}),
        );
        assert_eq!(
            followed(&json!({"runAsUser": 0}), restricted),
            json!({"runAsUser": 0, "runAsNonRoot": false, "seccompProfile": {"type": "RuntimeDefault"}}),
        );
    }

    #[test]
    fn what_needs_escalation_is_not_forbidden_it() {
        let forbids = r#"{"containers":[{"securityContext":{"allowPrivilegeEscalation":false}}]}"#;
        for profile in [json!({"privileged": true}), json!({"capabilities": {"add": ["CAP_SYS_ADMIN"]}})] {
            assert_eq!(followed(&profile, forbids), profile);
        }
        let other = json!({"capabilities": {"add": ["NET_ADMIN"]}});
        assert_eq!(followed(&other, forbids)["allowPrivilegeEscalation"], false);
    }
}
