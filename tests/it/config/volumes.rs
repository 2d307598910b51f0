//! Volumes of a profile and mounts of its sidecar that are refused.

use super::{bad::refused_in_injection, injection};

#[test]
fn volumes_that_are_refused() {
    const SOURCE: &str =
        "must have exactly one source beside its name, such as `emptyDir: {}` or `configMap: {name: …}`";
    refused_in_injection(&[
        (
            "profiles:\n  - volumes: [{emptyDir: {}}, {name: A, emptyDir: {}}, {name: a}, {name: b, emptyDir: {}, secret: {}}, {name: c, emptyDir: }]",
            &[
                "2:15: profiles[0].volumes[0]: `name` is missing",
                "2:38: profiles[0].volumes[1].name: must be 1 to 63 lowercase letters, digits and `-`, with a letter or digit at each end",
                &format!("2:56: profiles[0].volumes[2]: {SOURCE}"),
                &format!("2:67: profiles[0].volumes[3]: {SOURCE}"),
                &format!("2:104: profiles[0].volumes[4]: {SOURCE}"),
            ],
        ),
        (
            "profiles:\n  - volumes:\n    - {name: ddsockets, emptyDir: {}}\n    - {name: datadog-check-x, emptyDir: {}}\n    - {name: a, emptyDir: {}}\n    - {name: a, emptyDir: {}}",
            &[
                "3:14: profiles[0].volumes[0].name: \"ddsockets\" is the name of a volume that the injector adds",
                "4:14: profiles[0].volumes[1].name: \"datadog-check-x\" is the name of a volume that the injector adds",
                "6:14: profiles[0].volumes[3].name: \"a\" is there already, at [2]",
            ],
        ),
        (
            "profiles:\n  - volumes: [{name: a, emptydir: {}}, {name: b, configMap: x}]",
            &[
                "2:35: profiles[0].volumes[0].emptydir: is no source of a volume; did you mean `emptyDir`?",
                "2:61: profiles[0].volumes[1].configMap: must be a mapping",
            ],
        ),
        (
            "profiles:\n  - volumes:\n    - {name: a, secret: {name: b}}\n    - {name: b, configMap: {name: 1}}\n    - {name: c, persistentVolumeClaim: {claimName: A}}\n    - {name: d, emptyDir: {sizeLimit: lots}}\n    - {name: e, configMap: {name: e, defaultMode: 644}}\n    - {name: f, configMap: {name: f, defaultMode: 0644}}",
            &[
                "3:25: profiles[0].volumes[0].secret: `secretName` is missing",
                "4:35: profiles[0].volumes[1].configMap.name: must be text",
                "5:52: profiles[0].volumes[2].persistentVolumeClaim.claimName: must be 1 to 253 lowercase letters, digits, `-` and `.`, with a letter or digit at each end of every part",
                "6:39: profiles[0].volumes[3].emptyDir.sizeLimit: is no quantity: it must begin with a number, such as 200m or 256Mi",
                "7:51: profiles[0].volumes[4].configMap.defaultMode: must be from 0 to 0777 (511)",
            ],
        ),
        (
            "profiles:\n  - volumes: [{name: a, hostPath: {path: /}}, {name: b, csi: {driver: x}}]",
            &[
                "2:35: profiles[0].volumes[0].hostPath: EKS Fargate mounts no directory of a node",
                "2:62: profiles[0].volumes[1].csi: EKS Fargate has no inline CSI volumes, only those of EFS through a persistentVolumeClaim",
            ],
        ),
    ]);
    let elsewhere =
        "provider: ''\nprofiles: [{volumes: [{name: a, hostPath: {path: /}}, {name: b, csi: {driver: x}}]}]";
    assert_eq!(injection(elsewhere).profiles[0].volumes.len(), 2);
}

#[test]
fn mounts_that_are_refused() {
    const PATH: &str = "must be an absolute path, and neither `/` nor with `:` or `..` in it";
    let under = |mounts: &str| {
        format!("profiles:\n  - volumes: [{{name: a, emptyDir: {{}}}}]\n    volumeMounts:\n{mounts}")
    };
    for (mounts, expected) in [
        ("    - {name: a}", &["4:7: profiles[0].volumeMounts[0]: `mountPath` is missing"][..]),
        (
            "    - {name: b, mountPath: /b}",
            &["4:14: profiles[0].volumeMounts[0].name: there is no volume \"b\" in this profile"],
        ),
        (
            "    - {name: a, mountPath: b}\n    - {name: a, mountPath: /}\n    - {name: a, mountPath: '/a:b'}\n    - {name: a, mountPath: /a/../b}",
            &[
                &format!("4:28: profiles[0].volumeMounts[0].mountPath: {PATH}"),
                &format!("5:28: profiles[0].volumeMounts[1].mountPath: {PATH}"),
                &format!("6:28: profiles[0].volumeMounts[2].mountPath: {PATH}"),
                &format!("7:28: profiles[0].volumeMounts[3].mountPath: {PATH}"),
            ],
        ),
        (
            "    - {name: a, mountPath: /b}\n    - {name: a, mountPath: /b/}",
            &["5:28: profiles[0].volumeMounts[1].mountPath: \"/b\" is there already, at [0]"],
        ),
        (
            "    - {name: a, mountPath: /b, subPath: /c, mountPropagation: Both, recursiveReadOnly: 'Yes'}",
            &[
                "4:41: profiles[0].volumeMounts[0].subPath: must be a path within the volume",
                "4:63: profiles[0].volumeMounts[0].mountPropagation: must be \"None\", \"HostToContainer\" or \"Bidirectional\"",
                "4:88: profiles[0].volumeMounts[0].recursiveReadOnly: must be \"Disabled\", \"IfPossible\" or \"Enabled\"",
            ],
        ),
        (
            "    - {name: a, mountPath: /b, subPath: a, subPathExpr: b}\n    - {name: a, mountPath: /c, mountPropagation: Bidirectional}\n    - {name: a, mountpath: /d}",
            &[
                "4:7: profiles[0].volumeMounts[0]: has both a subPath and a subPathExpr",
                "5:50: profiles[0].volumeMounts[1].mountPropagation: EKS Fargate runs no privileged container, which this needs",
                "6:7: profiles[0].volumeMounts[2]: `mountPath` is missing",
                "6:17: profiles[0].volumeMounts[2].mountpath: unknown key; did you mean `mountPath`?",
            ],
        ),
    ] {
        refused_in_injection(&[(&under(mounts), expected)]);
    }
}

#[test]
fn mounts_that_would_meet_ours() {
    for (path, state, wrong) in [
        ("/var/run/datadog", "sockets: {enabled: false}", "is where the sockets of the agent are"),
        ("/opt/datadog-agent/run", "logs: false", "is where the agent remembers what it read of the logs"),
        ("/tmp", "securityContext: {}", "is a volume of ours where the root file system is read-only"),
        (
            "/etc/datadog-agent",
            "securityContext: {}",
            "is a volume of ours where the root file system is read-only",
        ),
        ("/cws-instrumentation-volume", "cws: {}", "is where cws puts the tracer"),
        (
            "/var/run/secrets/kubernetes.io/serviceaccount",
            "serviceAccountToken: false",
            "is where serviceAccountToken puts the token",
        ),
        ("/conf.d", "checks: []", "holds the ConfigMaps of checks: mount below it"),
        ("/conf.d/x.d", "checks: []", "is where the ConfigMap of the check of that name is"),
    ] {
        let on = match state.split(':').next().unwrap() {
            "sockets" => "sockets: {enabled: true}",
            "logs" => "logs: true",
            "securityContext" => "securityContext: {readOnlyRootFilesystem: true}",
            "cws" => "cws: {enabled: true}",
            "serviceAccountToken" => "serviceAccountToken: true",
            _ => "checks: [{name: x, configMap: x}]",
        };
        let mount = format!(
            "volumes: [{{name: a, emptyDir: {{}}}}]\n    volumeMounts: [{{name: a, mountPath: {path}}}]"
        );
        refused_in_injection(&[(
            &format!("profiles:\n  - {mount}\n    {on}\n  - name: inherits"),
            &[&format!("3:41: profiles[0].volumeMounts[0].mountPath: {wrong}")],
        )]);
        assert_eq!(
            injection(&format!("profiles:\n  - {mount}\n    {state}")).profiles[0].volume_mounts.len(),
            1,
            "{path}"
        );
        if path != "/var/run/datadog" {
            refused_in_injection(&[(
                &format!("profiles:\n  - {mount}\n  - {{name: p, {on}}}"),
                &[&format!("4:5: profiles[1]: the default profile mounts a volume at {path}, which {wrong}")],
            )]);
        }
    }
    let below = "profiles: [{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /conf.d/y.d}], checks: [{name: x, configMap: x}]}]";
    assert_eq!(injection(below).profiles[0].volume_mounts.len(), 1);
}
