//! Files that do not load, and the exact lines that say why.

use super::under_injection;
use datadog_sidecar_injector::config;

/// What `config check` would print of a file, without its name.
#[track_caller]
pub(super) fn problems(yaml: &str) -> Vec<String> {
    let Err(problems) = config::load(yaml, "f") else { panic!("this loaded:\n{yaml}") };
    let lines = problems.to_string();
    lines.lines().map(|line| line.strip_prefix("f:").expect("the file's name").to_owned()).collect()
}

#[track_caller]
pub(super) fn refused(cases: &[(&str, &[&str])]) {
    for (yaml, expected) in cases {
        assert_eq!(problems(yaml), *expected, "\n{yaml}");
    }
}

/// As [`refused`] for what is under `agentSidecarInjection`: places count from there, paths too.
#[track_caller]
pub(super) fn refused_in_injection(cases: &[(&str, &[&str])]) {
    const AT: &str = "clusterAgent.admissionController.agentSidecarInjection.";
    for (yaml, expected) in cases {
        let found: Vec<String> = problems(&under_injection(yaml))
            .iter()
            .map(|line| {
                let mut parts = line.splitn(3, ':');
                let mut number = |less: u64| {
                    parts.next().and_then(|text| text.parse::<u64>().ok()).expect("a number") - less
                };
                let (line, column) = (number(3), number(6));
                let rest = parts.next().expect("a message").trim_start();
                format!("{line}:{column}: {}", rest.strip_prefix(AT).unwrap_or(rest))
            })
            .collect();
        assert_eq!(found, *expected, "\n{yaml}");
    }
}

#[test]
fn what_is_no_yaml() {
    refused(&[
        ("a: [1, 2\nb: 3", &["2:2: illegal placement of ':' indicator"]),
        ("a:\n\t- b", &["2:2: tabs disallowed within this context (block indentation)"]),
        ("a: b: c", &["1:5: mapping values are not allowed in this context"]),
        ("a: *b", &["1:4: alias references unknown anchor"]),
        ("a: 'x'`\n", &["1:7: invalid trailing content after single-quoted scalar"]),
        ("a: {{ .Values.a }}", &["1:5: a key must be text (a template, `{{ … }}`, must be filled in first)"]),
        (": x", &["1:1: a key is empty"]),
    ]);
}

#[test]
fn what_is_no_values_file() {
    refused(&[
        ("- a", &["1:1: must be a mapping, not a list"]),
        ("text", &["1:1: must be a mapping, not text"]),
        ("a: 1\n---\nb: 2", &["3:1: a second document begins here: a configuration is one document"]),
        ("apiVersion: v1\nkind: Pod", &["1:1: this is a Kubernetes object (Pod), and no values file"]),
        ("datadog: []", &["1:10: datadog: must be a mapping, not a list"]),
        (
            "clusterAgent: {enabled: maybe}",
            &[
                "1:25: clusterAgent.enabled: must be true or false, not text: remove its quotes, if it has any",
            ],
        ),
    ]);
    let large = format!("a: {}", "x".repeat(1 << 20));
    assert_eq!(problems(&large), ["1:1: the file is larger than 1 MiB"]);
}

#[test]
fn a_key_twice() {
    refused(&[
        (
            "datadog:\n  site: datadoghq.eu\n  site: datadoghq.com",
            &["3:3: datadog.site: duplicate key, first on line 2"],
        ),
        ("agents: {a: 1, a: 2}", &["1:16: agents.a: duplicate key, first on line 1"]),
    ]);
}

#[test]
fn an_unknown_key_of_the_injection() {
    refused_in_injection(&[
        ("selector: []", &["1:1: selector: unknown key; did you mean `selectors`?"]),
        ("Provider: fargate", &["1:1: Provider: unknown key; did you mean `provider`?"]),
        (
            "selectors:\n  - objectselector: {matchLabels: {a: b}}",
            &["2:5: selectors[0].objectselector: unknown key; did you mean `objectSelector`?"],
        ),
        (
            "kubeletApiLogging: {collect: true}",
            &["1:21: kubeletApiLogging.collect: unknown key; known here: enabled, containerCollectAll"],
        ),
    ]);
}

#[test]
fn a_value_of_another_type() {
    refused_in_injection(&[
        (
            "enabled: \"true\"",
            &["1:10: enabled: must be true or false, not text: remove its quotes, if it has any"],
        ),
        ("enabled: 1", &["1:10: enabled: must be true or false, not a number"]),
        ("selectors: {}", &["1:12: selectors: must be a list, not a mapping: begin each item with `- `"]),
        ("selectors: [a]", &["1:13: selectors[0]: must be a mapping, not text"]),
        ("selectors:\n  -\n", &["2:4: selectors[0]: is empty: fill it in, or remove it"]),
        ("imageTag: [7]", &["1:11: imageTag: must be text, not a list"]),
        ("provider: 1", &["1:11: provider: must be \"fargate\" or \"\", not a number"]),
        ("imagePullSecrets: [[]]", &["1:20: imagePullSecrets[0]: must be text or a mapping, not a list"]),
    ]);
}

#[test]
fn a_word_that_is_not_among_those_accepted() {
    refused_in_injection(&[
        ("provider: eks", &["1:11: provider: must be \"fargate\" or \"\", not \"eks\""]),
        (
            "imagePullPolicy: always",
            &["1:18: imagePullPolicy: must be \"Always\", \"IfNotPresent\" or \"Never\", not \"always\""],
        ),
        (
            "podOverrides: [mode, image]",
            &[
                "1:22: podOverrides[1]: must be \"profile\", \"resources\", \"mode\" or \"entrypoints\", not \"image\"",
            ],
        ),
        (
            "profiles: [{mode: Native}]",
            &["1:19: profiles[0].mode: must be \"auto\", \"container\" or \"native\", not \"Native\""],
        ),
    ]);
    refused(&[(
        "clusterAgent: {admissionController: {failurePolicy: ignore}}",
        &[
            "1:53: clusterAgent.admissionController.failurePolicy: must be \"Ignore\" or \"Fail\", not \"ignore\"",
        ],
    )]);
}

#[test]
fn ports_and_timeouts() {
    refused(&[
        (
            "clusterAgent: {servicePort: 0}",
            &["1:29: clusterAgent.servicePort: must be from 1 to 65535, not 0"],
        ),
        (
            "clusterAgent: {servicePort: 65536}",
            &["1:29: clusterAgent.servicePort: must be from 1 to 65535, not 65536"],
        ),
        (
            "clusterAgent: {servicePort: 5005.5}",
            &["1:29: clusterAgent.servicePort: must be a whole number, not a number"],
        ),
        (
            "clusterAgent: {admissionController: {port: 10250}}",
            &[
                "1:44: clusterAgent.admissionController.port: must not be 10250, which on Fargate is the kubelet's",
            ],
        ),
        (
            "clusterAgent: {admissionController: {port: 8080}}",
            &[
                "1:44: clusterAgent.admissionController.port: must not be 8080, where the injector's probes and metrics are",
            ],
        ),
        (
            "clusterAgent: {admissionController: {timeoutSeconds: 31}}",
            &["1:54: clusterAgent.admissionController.timeoutSeconds: must be from 1 to 30, not 31"],
        ),
    ]);
}

#[test]
fn what_the_chart_would_refuse_of_the_injector() {
    const DIGEST: &str = "must be `sha256:` and 64 hexadecimal digits in lowercase";
    refused(&[
        ("injector: {replica: 3}", &["1:12: injector.replica: unknown key; did you mean `replicas`?"]),
        ("injector: {replicas: 0}", &["1:22: injector.replicas: must be from 1 to 20, not 0"]),
        (
            "injector: {rbac: {readSecret: true}}",
            &["1:19: injector.rbac.readSecret: unknown key; did you mean `readSecrets`?"],
        ),
        ("injector: {drainDelay: 16s}", &["1:24: injector.drainDelay: must be from 0s to 15s"]),
        ("injector: {drainDelay: 1h}", &["1:24: injector.drainDelay: must be from 0s to 15s"]),
        (
            "injector: {rbac: {namespaces: [shop]}}",
            &[
                "1:18: injector.rbac.kubelet.access: must be proxy, apiServer or none, as injector.rbac.namespaces lists namespaces; docs/security.md compares them",
            ],
        ),
        (
            "injector: {rbac: {namespaces: [Shop], kubelet: {access: proxy}}}",
            &[
                "1:32: injector.rbac.namespaces[0]: must be 1 to 63 lowercase letters, digits and `-`, with a letter or digit at each end",
            ],
        ),
        ("injector: {image: {digest: abc}}", &[&format!("1:28: injector.image.digest: {DIGEST}")]),
        (
            "injector: {hostNetwork: true}",
            &[
                "1:25: injector.hostNetwork: is not to be had: where the control plane does not reach pods on nodes, run the replicas on Fargate, whose pods have addresses of the VPC; docs/operations.md says how",
            ],
        ),
        (
            "injector: {autoscaling: {enabled: true, minReplicas: 3, maxReplicas: 2}}",
            &["1:54: injector.autoscaling.minReplicas: must be at most maxReplicas, which is 2, not 3"],
        ),
        (
            "injector: {certificates: {files: {secretName: tls}}}",
            &[
                "1:47: injector.certificates.files.secretName: is for mode files: change injector.certificates.mode, or take the key out",
            ],
        ),
        (
            "commonLabels: {team: a b}",
            &[
                "1:22: commonLabels.team: is no label value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at each end",
            ],
        ),
    ]);
}

#[test]
fn names_of_other_things() {
    refused(&[
        (
            "datadog: {site: \"https://datadoghq.eu\"}",
            &["1:17: datadog.site: must be a host name without scheme, such as datadoghq.eu"],
        ),
        (
            "datadog: {site: DATADOGHQ.EU}",
            &["1:17: datadog.site: must be a host name in lowercase, such as datadoghq.eu"],
        ),
        ("datadog: {clusterName: my cluster}", &["1:24: datadog.clusterName: must not contain spaces"]),
        ("clusterAgent: {serviceName: 5xx}", &["1:29: clusterAgent.serviceName: must begin with a letter"]),
        (
            "clusterAgent: {serviceNamespace: a.b}",
            &[
                "1:34: clusterAgent.serviceNamespace: must be 1 to 63 lowercase letters, digits and `-`, with a letter or digit at each end",
            ],
        ),
    ]);
    const SUBDOMAIN: &str = "must be 1 to 253 lowercase letters, digits, `-` and `.`, with a letter or digit at each end of every part";
    refused_in_injection(&[
        ("apiKeySecret: {name: Keys}", &[&format!("1:22: apiKeySecret.name: {SUBDOMAIN}")]),
        (
            "apiKeySecret: {key: a/b}",
            &["1:21: apiKeySecret.key: must be 1 to 253 letters, digits, `-`, `_` and `.`"],
        ),
        (
            "profiles: [{clusterAgentTokenSecret: {name: a_b}}]",
            &[&format!("1:45: profiles[0].clusterAgentTokenSecret.name: {SUBDOMAIN}")],
        ),
        ("imagePullSecrets: [a, {name: \"\"}]", &[&format!("1:23: imagePullSecrets[1]: {SUBDOMAIN}")]),
        (
            "excludedNamespaces: [kube_system]",
            &[
                "1:22: excludedNamespaces[0]: must be 1 to 63 lowercase letters, digits and `-`, with a letter or digit at each end",
            ],
        ),
    ]);
}

#[test]
fn images() {
    refused_in_injection(&[
        (
            "containerRegistry: https://gcr.io",
            &["1:20: containerRegistry: must be a registry without scheme, such as public.ecr.aws/datadog"],
        ),
        (
            "containerRegistry: gcr.io/datadoghq/",
            &[
                "1:20: containerRegistry: must be a registry, such as public.ecr.aws/datadog, without a trailing `/`",
            ],
        ),
        (
            "imageName: datadog/agent:7",
            &["1:12: imageName: must be the name alone: the tag and the registry have keys of their own"],
        ),
        ("imageName: Agent", &["1:12: imageName: must be the name of an image in lowercase, such as agent"]),
        (
            "imageTag: \"7@sha256:0\"",
            &["1:11: imageTag: must be the tag alone: the digest has a key of its own"],
        ),
        (
            "imageTag: -7",
            &[
                "1:11: imageTag: must be 1 to 128 letters, digits, `_`, `.` and `-`, and not begin with `.` or `-`",
            ],
        ),
        (
            "imageDigest: sha256:ab",
            &["1:14: imageDigest: must be `sha256:` and 64 hexadecimal digits in lowercase"],
        ),
    ]);
}

#[test]
fn selectors_that_the_api_server_would_refuse() {
    const KEY: &str = "is no label: the name must be 1 to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at each end";
    const VALUE: &str =
        "is no label value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at each end";
    refused_in_injection(&[
        (
            "selectors:\n  - objectSelector:\n      matchLabels: {-a: b, c: d e, f: 1, g: }",
            &[
                &format!("3:25: selectors[0].objectSelector.matchLabels.-a: {KEY}")[..],
                &format!("3:31: selectors[0].objectSelector.matchLabels.c: {VALUE}"),
                "3:39: selectors[0].objectSelector.matchLabels.f: must be text, not a number: quote it",
                "3:42: selectors[0].objectSelector.matchLabels.g: has no value; write \"\" for an empty one",
            ],
        ),
        (
            "selectors:\n  - namespaceSelector:\n      matchLabels: {Example.com/a: b}",
            &[
                "3:36: selectors[0].namespaceSelector.matchLabels[\"Example.com/a\"]: is no label: what is before the `/` must be a DNS name in lowercase",
            ],
        ),
        (
            "selectors:\n  - objectSelector:\n      matchExpressions:\n        - {key: a, operator: In}\n        - {key: a, operator: NotIn, values: []}\n        - {key: a, operator: Exists, values: [b]}\n        - {key: a, operator: exists}\n        - {key: a, operator: Gt, values: [\"1\"]}\n        - {operator: Exists}\n        - {key: a, operator: In, values: [\"-\"]}",
            &[
                "4:11: selectors[0].objectSelector.matchExpressions[0]: `In` needs values",
                "5:11: selectors[0].objectSelector.matchExpressions[1]: `NotIn` needs values",
                "6:46: selectors[0].objectSelector.matchExpressions[2].values: `Exists` has no values",
                "7:30: selectors[0].objectSelector.matchExpressions[3].operator: must be \"In\", \"NotIn\", \"Exists\" or \"DoesNotExist\"; did you mean `Exists`?",
                "8:30: selectors[0].objectSelector.matchExpressions[4].operator: must be \"In\", \"NotIn\", \"Exists\" or \"DoesNotExist\"",
                "9:11: selectors[0].objectSelector.matchExpressions[5]: `key` is missing",
                &format!("10:43: selectors[0].objectSelector.matchExpressions[6].values[0]: {VALUE}"),
            ],
        ),
    ]);
}

#[test]
fn selectors_that_nobody_can_mean() {
    const ALL: &str = "selects every pod of the cluster: give it an objectSelector or a namespaceSelector that is not empty";
    refused_in_injection(&[
        ("selectors:\n  - {}", &[&format!("2:5: selectors[0]: {ALL}")]),
        ("selectors:\n  - name: all\n    profile: default", &[&format!("2:5: selectors[0]: {ALL}")]),
        (
            "selectors:\n  - objectSelector: {}\n    namespaceSelector: {matchLabels: {}}",
            &[&format!("2:5: selectors[0]: {ALL}")],
        ),
        (
            "selectors:\n  - profile: big\n    objectSelector: {matchLabels: {a: b}}\nprofiles:\n  - name: large\n  - name: small",
            &[
                "2:14: selectors[0].profile: there is no profile \"big\"; there is \"default\", \"large\" and \"small\"",
            ],
        ),
    ]);
}

#[test]
fn names_of_profiles() {
    refused_in_injection(&[
        (
            "profiles:\n  - name: a\n  - name: a",
            &["3:11: profiles[1].name: \"a\" is the name of profiles[0] already"],
        ),
        (
            "profiles:\n  - {}\n  - env: []",
            &[
                "3:5: profiles[1]: needs a name: one profile may do without, and profiles[0] is the default already",
            ],
        ),
        (
            "profiles:\n  - {}\n  - name: default",
            &["3:11: profiles[1].name: profiles[0] is the default profile already"],
        ),
        (
            "profiles:\n  - name: a b",
            &[
                "2:11: profiles[0].name: is no name of a profile: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at each end",
            ],
        ),
    ]);
}

#[test]
fn variables() {
    refused_in_injection(&[
        (
            "profiles:\n  - env: [{name: A, value: true}]",
            &["2:28: profiles[0].env[0].value: must be text, not true or false: quote it"],
        ),
        (
            "profiles:\n  - env: [{name: A, value: 8080}]",
            &["2:28: profiles[0].env[0].value: must be text, not a number: quote it"],
        ),
        (
            "profiles:\n  - env: [{name: A, value: no}]",
            &["2:28: profiles[0].env[0].value: must be text, not true or false: quote it"],
        ),
        ("profiles:\n  - env: [{value: a}]", &["2:11: profiles[0].env[0]: `name` is missing"]),
        (
            "profiles:\n  - env: [{name: A=B}]",
            &["2:18: profiles[0].env[0].name: must be one or more printable ASCII characters other than `=`"],
        ),
        (
            "profiles:\n  - env:\n    - {name: A, value: a}\n    - {name: B}\n    - {name: A, value: b}",
            &["5:14: profiles[0].env[2].name: \"A\" is there already, at [0]"],
        ),
        (
            "profiles:\n  - env: [{name: A, value: a, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]",
            &["2:11: profiles[0].env[0]: has both a value and a valueFrom"],
        ),
        (
            "profiles:\n  - env: [{name: A, valueFrom: {}}]",
            &[
                "2:32: profiles[0].env[0].valueFrom: must be exactly one of fieldRef, secretKeyRef, configMapKeyRef and resourceFieldRef",
            ],
        ),
        (
            "profiles:\n  - env: [{name: A, valueFrom: {secretKeyRef: {name: a}}}]",
            &["2:47: profiles[0].env[0].valueFrom.secretKeyRef: `key` is missing"],
        ),
        (
            "profiles:\n  - env: [{name: A, valueFrom: {secretKeyref: {name: a, key: b}}}]",
            &["2:33: profiles[0].env[0].valueFrom.secretKeyref: unknown key; did you mean `secretKeyRef`?"],
        ),
        (
            "profiles:\n  - env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.node}}}]",
            &[
                "2:55: profiles[0].env[0].valueFrom.fieldRef.fieldPath: is no field that a variable can refer to, such as spec.nodeName or metadata.labels['app']",
            ],
        ),
        (
            "profiles:\n  - env: [{name: A, valueFrom: {resourceFieldRef: {resource: cpu}}}]",
            &[
                "2:62: profiles[0].env[0].valueFrom.resourceFieldRef.resource: must be limits.… or requests.… of cpu, memory or ephemeral-storage",
            ],
        ),
    ]);
}

#[test]
fn a_secret_is_named_and_never_printed() {
    let key = "0123456789abcdef0123456789abcdef";
    for (yaml, expected) in [
        (
            format!("datadog:\n  env:\n    - name: DD_API_KEY\n      value: {key:?}"),
            "4:14: datadog.env[0].value: DD_API_KEY must not hold a key or token in the open: use valueFrom.secretKeyRef, or ENC[…]",
        ),
        (
            format!("datadog:\n  env:\n    - name: OUR_TOKEN\n      value: {key:?}"),
            "4:14: datadog.env[0].value: OUR_TOKEN must not hold a key or token in the open: use valueFrom.secretKeyRef, or ENC[…]",
        ),
        (
            format!("datadog:\n  env:\n    - name: DD_API_KEY\n      value: {{x: {key:?}}}"),
            "4:14: datadog.env[0].value: must be text, not a mapping",
        ),
        (format!("datadog:\n  env: [{key}]"), "2:9: datadog.env[0]: must be a mapping, not text"),
        (format!("datadog:\n  env: {key}: x"), "2:40: mapping values are not allowed in this context"),
    ] {
        let found = problems(&yaml);
        assert_eq!(found, [expected]);
        assert!(!found.concat().contains(key));
    }
}

#[test]
fn resources() {
    const UNKNOWN: &str = "is no quantity: after the number comes nothing or one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei";
    refused_in_injection(&[
        (
            "profiles:\n  - resources: {limits: {memory: 256mi}}",
            &[&format!("2:34: profiles[0].resources.limits.memory: {UNKNOWN}")],
        ),
        (
            "profiles:\n  - resources: {limits: {memory: lots}}",
            &[
                "2:34: profiles[0].resources.limits.memory: is no quantity: it must begin with a number, such as 200m or 256Mi",
            ],
        ),
        (
            "profiles:\n  - resources: {limits: {cpu: -1}}",
            &["2:31: profiles[0].resources.limits.cpu: must not be negative"],
        ),
        (
            "profiles:\n  - resources: {requests: {cpu: 1.5}, limits: {cpu: 1400m}}",
            &["2:33: profiles[0].resources.requests.cpu: is more than the limit"],
        ),
        (
            "profiles:\n  - resources: {limits: {cpus: 1}}",
            &[
                "2:32: profiles[0].resources.limits.cpus: is no resource of a container: cpu, memory, ephemeral-storage, hugepages-… or one with a domain",
            ],
        ),
        (
            "profiles:\n  - resources: {limits: {example.com/gpu: 2}, requests: {example.com/gpu: 1}}",
            &[
                "2:75: profiles[0].resources.requests[\"example.com/gpu\"]: must equal the limit: this resource cannot be overcommitted",
            ],
        ),
        (
            "profiles:\n  - resources: {limit: {cpu: 1}}",
            &["2:17: profiles[0].resources.limit: unknown key; did you mean `limits`?"],
        ),
    ]);
}

#[test]
fn security_contexts() {
    refused_in_injection(&[
        (
            "profiles:\n  - securityContext: {privileged: true, allowPrivilegeEscalation: true, capabilities: {add: [SYS_PTRACE]}}",
            &[
                "2:35: profiles[0].securityContext.privileged: EKS Fargate runs no privileged container",
                "2:67: profiles[0].securityContext.allowPrivilegeEscalation: EKS Fargate allows no privilege escalation",
                "2:93: profiles[0].securityContext.capabilities.add: EKS Fargate lets no container add capabilities",
            ],
        ),
        (
            "profiles:\n  - securityContext: {runAsUser: \"100\"}",
            &[
                "2:34: profiles[0].securityContext.runAsUser: must be a whole number, not text: remove its quotes, if it has any",
            ],
        ),
        (
            "profiles:\n  - securityContext: {runAsUser: -1}",
            &["2:34: profiles[0].securityContext.runAsUser: must be from 0 to 2147483647, not -1"],
        ),
        (
            "profiles:\n  - securityContext: {runAsGroup: 2147483648, procMount: Unmasked}",
            &[
                "2:35: profiles[0].securityContext.runAsGroup: must be from 0 to 2147483647, not 2147483648",
                "2:58: profiles[0].securityContext.procMount: must not be Unmasked: EKS Fargate has no user namespaces, which it needs",
            ],
        ),
        (
            "profiles:\n  - securityContext: {runAsNonRoot: true, runAsUser: 0}",
            &["2:54: profiles[0].securityContext.runAsUser: must not be 0, which runAsNonRoot refuses"],
        ),
        (
            "profiles:\n  - securityContext: {readOnlyRootFileSystem: true}",
            &[
                "2:23: profiles[0].securityContext.readOnlyRootFileSystem: unknown key; did you mean `readOnlyRootFilesystem`?",
            ],
        ),
        (
            "profiles:\n  - securityContext: {seccompProfile: {type: Localhost}}",
            &["2:39: profiles[0].securityContext.seccompProfile: `Localhost` needs a localhostProfile"],
        ),
        (
            "profiles:\n  - securityContext: {fsGroup: 1}",
            &[
                "2:23: profiles[0].securityContext.fsGroup: unknown key; known here: allowPrivilegeEscalation, appArmorProfile, capabilities, privileged, procMount, readOnlyRootFilesystem, runAsGroup, runAsNonRoot, runAsUser, seLinuxOptions, seccompProfile",
            ],
        ),
        (
            "provider: \"\"\nprofiles:\n  - securityContext: {privileged: true, allowPrivilegeEscalation: false}",
            &[
                "3:67: profiles[0].securityContext.allowPrivilegeEscalation: must not be false for a privileged container",
            ],
        ),
    ]);
}

#[test]
fn everything_at_once_in_the_order_of_the_file() {
    let yaml = "clusterAgent:\n  servicePort: 0\n  admissionController:\n    port: 10250\n    agentSidecarInjection:\n      nope: 1\n      provider: x\ndatadog:\n  site: a b\n  tags: 1\n";
    let places: Vec<String> = problems(yaml)
        .iter()
        .map(|line| line.splitn(3, ": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "2:16 clusterAgent.servicePort",
            "4:11 clusterAgent.admissionController.port",
            "6:7 clusterAgent.admissionController.agentSidecarInjection.nope",
            "7:17 clusterAgent.admissionController.agentSidecarInjection.provider",
            "9:9 datadog.site",
            "10:9 datadog.tags",
        ]
    );
}

#[test]
fn the_place_is_where_it_was_written() {
    refused(&[
        (
            "x: &env\n  - name: A\n    value: 1\ndatadog:\n  env: *env\n",
            &["3:12: datadog.env[0].value: must be text, not a number: quote it"],
        ),
        (
            "x: &common {port: 10250}\nclusterAgent:\n  admissionController:\n    <<: *common\n    timeoutSeconds: 0",
            &[
                "1:19: clusterAgent.admissionController.port: must not be 10250, which on Fargate is the kubelet's",
                "5:21: clusterAgent.admissionController.timeoutSeconds: must be from 1 to 30, not 0",
            ],
        ),
        ("{\"datadog\":\r\n {\"site\": 1}}", &["2:11: datadog.site: must be text, not a number: quote it"]),
        ("datadog: {tags: [é, 1]}", &["1:21: datadog.tags[1]: must be text, not a number: quote it"]),
    ]);
    let problems = config::load_bytes(b"datadog:\n  site: \xff", "f").unwrap_err();
    assert_eq!(problems.to_string(), "f:2:9: the file is not UTF-8");
}

#[test]
fn a_flood_of_problems_is_counted() {
    let yaml = format!("datadog:\n  tags:\n{}", "  - 1\n".repeat(150));
    let found = problems(&yaml);
    assert_eq!(found.len(), 101);
    assert_eq!(found.last().map(String::as_str), Some(" and 50 more"));
    let yaml = format!("datadog:\n  env:\n{}", "  - {name: =, value: 1}\n".repeat(30_000));
    assert_eq!(problems(&yaml).last().map(String::as_str), Some(" and many more"));
}
