//! Checks of a profile that are refused.

use super::{
    bad::{problems, refused_in_injection},
    under_injection,
};

#[test]
fn checks_that_are_refused() {
    const NAME: &str = "must be 1 to 48 lowercase letters, digits, `_` and `-`, with a letter or digit at each end, such as http_check";
    refused_in_injection(&[
        ("profiles:\n  - checks: [{configMap: a}]", &["2:14: profiles[0].checks[0]: `name` is missing"]),
        (
            "profiles:\n  - checks: [{name: A/b, configMap: a}]",
            &[&format!("2:21: profiles[0].checks[0].name: {NAME}")],
        ),
        (
            "profiles:\n  - checks: [{name: a}, {name: b, configMap: b, container: b}]",
            &[
                "2:14: profiles[0].checks[0]: must have exactly one of configMap and container",
                "2:25: profiles[0].checks[1]: must have exactly one of configMap and container",
            ],
        ),
        (
            "profiles:\n  - checks: [{name: a, container: b}, {name: b, container: b, instances: []}, {name: c, container: b, instances: [x]}]",
            &[
                "2:14: profiles[0].checks[0].instances: must name at least one instance, such as `- {}`",
                "2:74: profiles[0].checks[1].instances: must name at least one instance, such as `- {}`",
                "2:115: profiles[0].checks[2].instances[0]: must be a mapping, not text",
            ],
        ),
        (
            "profiles:\n  - checks: [{name: a, configMap: b, instances: [{}], initConfig: {}}]",
            &[
                "2:49: profiles[0].checks[0].instances: goes with `container` only: the ConfigMap holds it",
                "2:67: profiles[0].checks[0].initConfig: goes with `container` only: the ConfigMap holds it",
            ],
        ),
        (
            "profiles:\n  - checks:\n    - {name: a_b, configMap: x}\n    - {name: a-b, configMap: z}\n    - {name: a, container: c, instances: [{}]}\n    - {name: a, container: c, instances: [{}]}",
            &[
                "4:14: profiles[0].checks[1].name: \"a-b\" is there already, at [0]",
                "6:14: profiles[0].checks[3].name: \"a\" is there already, at [2]",
            ],
        ),
        (
            &format!(
                "profiles:\n  - checks: [{{name: a, container: {}, instances: [{{}}]}}]",
                "c".repeat(57)
            ),
            &[
                "2:35: profiles[0].checks[0].container: is longer than 56 characters: no annotation can be named after it",
            ],
        ),
    ]);
}

#[test]
fn a_password_of_a_check_is_named_and_never_printed() {
    const REMEDY: &str = "must not be written in the open: put it into a Secret, name it in the profile's env with valueFrom.secretKeyRef, and write %%env_NAME%% here, NAME being that of the variable";
    for (instance, place, key) in [
        ("password: hunter2", "2:61: profiles[0].checks[0].instances[0].password", "password"),
        ("api_key: hunter2", "2:60: profiles[0].checks[0].instances[0].api_key", "api_key"),
        ("pass: 20250101", "2:57: profiles[0].checks[0].instances[0].pass", "pass"),
        (
            "h: {X-Auth-Token: [hunter2]}",
            "2:70: profiles[0].checks[0].instances[0].h.X-Auth-Token[0]",
            "X-Auth-Token",
        ),
        ("url: 'redis://:hunter2@h:6379'", "2:56: profiles[0].checks[0].instances[0].url", "url"),
    ] {
        let yaml = format!("profiles:\n  - checks: [{{name: a, container: b, instances: [{{{instance}}}]}}]");
        refused_in_injection(&[(&yaml, &[&format!("{place}: {key} {REMEDY}")])]);
        let told = problems(&under_injection(&yaml)).concat();
        assert!(!told.contains("hunter2") && !told.contains("20250101"), "{told}");
    }
    let init = "profiles:\n  - checks: [{name: a, container: b, initConfig: {token: x}, instances: [{}]}]";
    refused_in_injection(&[(
        init,
        &[&format!("2:58: profiles[0].checks[0].initConfig.token: token {REMEDY}")],
    )]);
}
