//! The sidecar's securityContext: the profile's fields first, the others so that a pod admitted without us is admitted with us.

use super::is_own;
use crate::pod::{ContainerSecurity, Seccomp, Spec};
use serde_json::{Map, Value, json};

/// The user that the agent's image is made for.
const AGENT_USER: i64 = 100;

/// The securityContext of each container we add; empty where nothing needs to be said.
pub(super) fn follow(profile: &Map<String, Value>, spec: &Spec<'_>) -> Map<String, Value> {
    let every = |holds: &dyn Fn(&ContainerSecurity<'_>) -> bool| {
        let mut users = spec.all_containers().filter(|c| !is_own(&c.name)).peekable();
        users.peek().is_some() && users.all(|c| c.security_context.as_ref().is_some_and(holds))
    };
    let pod = spec.security_context.as_ref();
    let filtered =
        |s: Option<&Seccomp<'_>>| s.is_some_and(|s| s.kind == "RuntimeDefault" || s.kind == "Localhost");
    let pod_user = pod.and_then(|p| p.run_as_user);

    let non_root =
        pod.and_then(|p| p.run_as_non_root) == Some(true) || every(&|c| c.run_as_non_root == Some(true));
    let drops_all = every(&|c| {
        let drop = c.capabilities.as_ref().and_then(|caps| caps.drop.as_deref()).unwrap_or_default();
        drop.iter().any(|capability| capability.eq_ignore_ascii_case("ALL"))
    });
    let no_escalation = every(&|c| c.allow_privilege_escalation == Some(false));
    let seccomp = filtered(pod.and_then(|p| p.seccomp_profile.as_ref()))
        || every(&|c| filtered(c.seccomp_profile.as_ref()));
    let other_user = pod_user.is_some_and(|user| user != 0 && user != AGENT_USER);

    let mut context = profile.clone();
    let mut set = |field: &str, value: Value| {
        if !context.contains_key(field) {
            context.insert(field.into(), value);
        }
    };
    // A profile that asks for root has said what it wants of this, too.
    let root = profile.get("runAsUser") == Some(&json!(0));
    if non_root && !root {
        set("runAsNonRoot", json!(true));
    }
    if non_root || drops_all || other_user {
        set("runAsUser", json!(AGENT_USER));
    }
    if drops_all {
        set("capabilities", json!({"drop": ["ALL"]}));
    }
    if no_escalation {
        set("allowPrivilegeEscalation", json!(false));
    }
    if seccomp {
        set("seccompProfile", json!({"type": "RuntimeDefault"}));
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(profile: Value, spec: &str) -> Value {
        let Value::Object(profile) = profile else { panic!("an object") };
        Value::Object(follow(&profile, &serde_json::from_str(spec).unwrap()))
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
            assert_eq!(followed(json!({}), spec), expected, "{spec}");
        }
    }

    #[test]
    fn the_profile_comes_first() {
        let restricted = r#"{"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{}]}"#;
        assert_eq!(
            followed(
                json!({"runAsUser": 101, "seccompProfile": {"type": "Localhost", "localhostProfile": "p"}}),
                restricted
            ),
            json!({"runAsUser": 101, "seccompProfile": {"type": "Localhost", "localhostProfile": "p"}, "runAsNonRoot": true}),
        );
        assert_eq!(
            followed(json!({"runAsUser": 0}), restricted),
            json!({"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}}),
        );
    }
}
