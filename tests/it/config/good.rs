//! Files that load, and what is then in force.

use super::{injection, values};
use datadog_sidecar_injector::config::{
    self, ClusterAgent, Config, EnvVar, LabelSelector, Mode, Operator, PodOverride, Provider, PullPolicy,
    Requirement, Resources, SecretKey,
};
use serde_json::json;
use std::path::Path;

pub(super) fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    values(&std::fs::read_to_string(&path).unwrap())
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

pub(super) fn literal(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), value_from: None }
}

#[test]
fn an_empty_file_means_the_defaults() {
    for yaml in [
        "",
        "# nothing",
        "---\n",
        "{}",
        "null",
        "datadog:\nclusterAgent:\n",
        "clusterAgent: {admissionController: {agentSidecarInjection: null}}",
    ] {
        let config = Config { hash: String::new(), ..values(yaml) };
        assert_eq!(config, Config::default(), "{yaml:?}");
    }
}

#[test]
fn null_means_the_default() {
    let config = injection(
        "provider: null\nselectors:\nprofiles: ~\nimageTag:\nclusterAgentTlsVerification: {enabled: }\n",
    );
    assert_eq!(Config { hash: String::new(), ..config }, Config::default());
}

#[test]
fn the_documented_flags_as_a_file() {
    let config = example("minimal.yaml");
    assert_eq!(config.cluster_name, "my-cluster");
    assert_eq!(Config { cluster_name: String::new(), hash: String::new(), ..config }, Config::default());
}

#[test]
fn the_full_example() {
    let config = example("values.yaml");
    assert_eq!((config.site.as_str(), config.cluster_name.as_str()), ("datadoghq.eu", "production"));
    assert_eq!(config.tags, ["team:platform", "cost-center:42"]);
    assert_eq!(config.env, [literal("DD_LOG_LEVEL", "warn")]);
    assert_eq!(
        config.cluster_agent,
        Some(ClusterAgent {
            service: "datadog-cluster-agent".into(),
            namespace: Some("monitoring".into()),
            port: 5005,
            tls_verification: false,
        })
    );
    let profiles: Vec<&str> = config.profiles.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(profiles, ["default", "large"]);
    let selectors: Vec<_> = config.selectors.iter().map(|one| (one.name.as_str(), one.profile)).collect();
    assert_eq!(selectors, [("checkout", 1), ("everything else that asks for it", 0)]);
    let large = &config.profiles[1];
    assert_eq!(
        large.env,
        [
            literal("DD_APM_ENABLED", "true"),
            EnvVar {
                name: "DD_HOSTNAME".into(),
                value: None,
                value_from: Some(json!({"fieldRef": {"fieldPath": "metadata.name"}})),
            },
        ]
    );
    let amounts = pairs(&[("cpu", "500m"), ("memory", "512Mi")]);
    assert_eq!(large.resources, Resources { requests: amounts.clone(), limits: amounts });
    assert_eq!(large.api_key_secret, SecretKey { name: "checkout-datadog".into(), key: "api-key".into() });
    assert_eq!(
        serde_json::Value::from(large.security_context.clone()),
        json!({"allowPrivilegeEscalation": false, "runAsUser": 100})
    );
    assert_eq!(config.notices, Vec::<String>::new());
}

#[test]
fn a_profile_of_datadogs_documentation() {
    let config = example("process-collection.yaml");
    assert_eq!(config.profiles.len(), 1);
    assert_eq!(config.profiles[0].name, "default");
    assert_eq!(
        config.profiles[0].resources,
        Resources {
            requests: pairs(&[("cpu", "300m"), ("memory", "256Mi")]),
            limits: pairs(&[("cpu", "600m"), ("memory", "512Mi")]),
        }
    );
    let app = LabelSelector { match_labels: pairs(&[("app", "checkout")]), match_expressions: Vec::new() };
    assert_eq!(config.selectors[0].object, Some(app));
}

#[test]
fn every_key_of_the_injection_is_read() {
    let config = injection(
        r#"
enabled: false
provider: ""
clusterAgentTlsVerification: {enabled: true}
kubeletApiLogging: {enabled: true, containerCollectAll: true}
containerRegistry: localhost:5000/mirror
imageName: datadog/agent
imageTag: 7.50
imageDigest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
imagePullPolicy: Always
imagePullSecrets: [{name: one}, two, one]
apiKeySecret: {name: keys}
clusterAgentTokenSecret: {key: other}
selectors:
  - objectSelector:
      matchExpressions:
        - {key: a, operator: In, values: [x]}
        - {key: b, operator: NotIn, values: ["", z]}
        - {key: c, operator: Exists, values: []}
        - {key: d, operator: DoesNotExist}
    namespaceSelector: {matchLabels: {example.com/e: ""}}
profiles:
  - {name: p, mode: native, selectable: false, clusterAgentTokenSecret: {name: team}}
podOverrides: [mode]
excludedNamespaces: []
"#,
    );
    assert!(!config.enabled && config.profiles[0].logs.enabled && config.profiles[0].logs.collect_all);
    assert_eq!((config.provider, config.pull_policy), (Provider::None, PullPolicy::Always));
    assert!(config.cluster_agent.is_some_and(|agent| agent.tls_verification));
    assert_eq!(config.image.tag, "7.50", "a tag that YAML takes for a number keeps its own text");
    assert_eq!(
        config.image.reference(),
        "localhost:5000/mirror/datadog/agent@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    );
    assert_eq!(config.image_pull_secrets, ["one", "two"]);
    assert_eq!(config.pod_overrides, [PodOverride::Mode]);
    assert_eq!(config.excluded_namespaces, Vec::<String>::new());
    let requirement = |key: &str, operator| Requirement { key: key.into(), operator };
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        config.selectors[0].object.as_ref().map(|selector| selector.match_expressions.clone()),
        Some(vec![
            requirement("a", Operator::In(texts(&["x"]))),
            requirement("b", Operator::NotIn(texts(&["", "z"]))),
            requirement("c", Operator::Exists),
            requirement("d", Operator::DoesNotExist),
        ])
    );
    assert_eq!(
        config.selectors[0].namespace.as_ref().map(|one| one.match_labels.clone()),
        Some(pairs(&[("example.com/e", "")]))
    );
    let [default, p] = &config.profiles[..] else { panic!("{:?}", config.profiles) };
    assert_eq!((default.mode, default.selectable), (Mode::Auto, true));
    assert_eq!((p.mode, p.selectable), (Mode::Native, false));
    assert_eq!(p.api_key_secret, SecretKey { name: "keys".into(), key: "api-key".into() });
    assert_eq!(default.token_secret, SecretKey { name: "datadog-secret".into(), key: "other".into() });
    assert_eq!(p.token_secret, SecretKey { name: "team".into(), key: "other".into() });
}

#[test]
fn tags_as_a_list_and_as_text() {
    for yaml in ["datadog: {tags: [team:a, 'cost:b']}", "datadog: {tags: ' team:a  cost:b'}"] {
        assert_eq!(values(yaml).tags, ["team:a", "cost:b"]);
    }
}

#[test]
fn no_cluster_agent() {
    assert_eq!(values("clusterAgent: {enabled: false}").cluster_agent, None);
    assert_eq!(injection("clusterAgentCommunicationEnabled: false").cluster_agent, None);
    let agent =
        values("clusterAgent: {serviceName: ca, serviceNamespace: dd, servicePort: 5006}").cluster_agent;
    let expected = ClusterAgent {
        service: "ca".into(),
        namespace: Some("dd".into()),
        port: 5006,
        tls_verification: false,
    };
    assert_eq!(agent, Some(expected));
}

#[test]
fn the_registry_of_the_admission_controller() {
    let at =
        "clusterAgent: {admissionController: {containerRegistry: gcr.io/datadoghq, agentSidecarInjection: ";
    assert_eq!(values(&format!("{at}{{}}}}}}")).image.registry, "gcr.io/datadoghq");
    assert_eq!(values(&format!("{at}{{containerRegistry: \"\"}}}}}}")).image.registry, "gcr.io/datadoghq");
    assert_eq!(values(&format!("{at}{{containerRegistry: other.io}}}}}}")).image.registry, "other.io");
}

#[test]
fn an_empty_list_of_selectors_is_the_label() {
    assert_eq!(injection("selectors: []").selectors, Config::default().selectors);
}

#[test]
fn resources_are_mirrored_and_layered_one_by_one() {
    let config = injection(
        "profiles:\n- {resources: {requests: {cpu: 1}}}\n- {name: a, resources: {limits: {memory: 1Gi, ephemeral-storage: 2Gi}}}\n- {name: b, resources: {requests: {cpu: 0.5}, limits: {cpu: 2}}}",
    );
    let both = |list: &[(&str, &str)]| Resources { requests: pairs(list), limits: pairs(list) };
    let [default, a, b] = &config.profiles[..] else { panic!("{:?}", config.profiles) };
    assert_eq!(default.resources, both(&[("cpu", "1"), ("memory", "256Mi")]));
    assert_eq!(a.resources, both(&[("cpu", "1"), ("memory", "1Gi"), ("ephemeral-storage", "2Gi")]));
    assert_eq!(b.resources.requests, pairs(&[("cpu", "0.5"), ("memory", "256Mi")]));
    assert_eq!(b.resources.limits, pairs(&[("cpu", "2"), ("memory", "256Mi")]));
}

#[test]
fn a_security_context_is_layered_by_its_top_fields() {
    let config = injection(
        "profiles:\n- name: a\n  securityContext: {runAsUser: 200, capabilities: {drop: [ALL]}}\n- securityContext: {runAsUser: 100, readOnlyRootFilesystem: true, capabilities: {drop: [NET_RAW]}}",
    );
    let expected =
        json!({"runAsUser": 200, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
    assert_eq!(serde_json::Value::from(config.profiles[1].security_context.clone()), expected);
}

#[test]
fn variables_keep_their_place_when_overridden() {
    let config = injection(
        "profiles:\n- env: [{name: A, value: a}, {name: B, value: b}]\n- {name: p, env: [{name: C}, {name: A, valueFrom: {configMapKeyRef: {name: c, key: k, optional: true}}}]}",
    );
    let reference = json!({"configMapKeyRef": {"name": "c", "key": "k", "optional": true}});
    let a = EnvVar { name: "A".into(), value: None, value_from: Some(reference) };
    assert_eq!(config.profiles[1].env, [a, literal("B", "b"), literal("C", "")]);
}

#[test]
fn a_key_by_reference_is_no_literal() {
    let config = injection(
        "profiles:\n- env: [{name: DD_API_KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: DD_APP_KEY, value: 'ENC[x]'}]",
    );
    assert_eq!(config.profiles[0].env.len(), 2);
}

#[test]
fn names_of_variables_as_kubernetes_1_35_has_them() {
    let config = values("datadog: {env: [{name: 'a b.c-d/é'}]}".replace('é', "e").as_str());
    assert_eq!(config.env, [literal("a b.c-d/e", "")]);
}

#[test]
fn what_fargate_refuses_is_allowed_elsewhere() {
    let config = injection(
        "provider: ''\nprofiles:\n- securityContext: {privileged: true, capabilities: {add: [SYS_PTRACE]}}",
    );
    assert_eq!(config.profiles[0].security_context.len(), 2);
}

#[test]
fn unknown_keys_elsewhere_are_ignored() {
    let yaml = "agents: {enabled: false}\nclusterAgent: {replicas: 2, metricsProvider: {enabled: true}}\ninjector: {replicas: 2}\nregistry: gcr.io";
    assert_eq!(values(yaml).notices, Vec::<String>::new());
}

#[test]
fn what_has_no_effect_is_told() {
    let yaml = "datadog: {kubelet: {host: x}, logs: {enabled: true}, otlp: }\nclusterAgent: {token: x, env: [{name: DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_ENABLED, value: true}], admissionController: {enabled: false, provider: fargate, agentSidecarInjection: {clusterAgentTlsVerification: {copyCaConfigMap: true}}}}";
    assert_eq!(
        values(yaml).notices,
        [
            "not passed on to sidecars: datadog.kubelet",
            "ignored, since it belongs under clusterAgent.admissionController.agentSidecarInjection: clusterAgent.admissionController.provider",
            "clusterAgent.token is not read: sidecars take the token from the Secret of clusterAgentTokenSecret",
            "clusterAgent.env: DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_… is not read: write it as keys of clusterAgent.admissionController.agentSidecarInjection",
            "clusterAgent.admissionController.enabled switches Datadog's own controller off, not this one: that is clusterAgent.admissionController.agentSidecarInjection.enabled",
            "clusterAgent.admissionController.agentSidecarInjection.clusterAgentTlsVerification.copyCaConfigMap has no effect yet: make the ConfigMap datadog-ca-cert in the namespace of each pod; in a namespace without it sidecars do not verify the Cluster Agent",
        ]
    );
    assert_eq!(
        injection("profiles: [{resources: {limits: {memory: 256m}}}]").notices,
        [
            "clusterAgent.admissionController.agentSidecarInjection.profiles[0].resources.limits.memory is a fraction of a byte: m stands for a thousandth, Mi for mebibytes"
        ]
    );
    let agents_own = "datadog: {clusterName: Prod_1}";
    assert_eq!(values(agents_own).cluster_name, "Prod_1");
    assert_eq!(values(agents_own).notices.len(), 1);
}

#[test]
fn the_hash_is_of_what_is_in_force() {
    let hash = |yaml: &str| injection(yaml).hash;
    assert_eq!(hash("").len(), 16);
    assert_eq!(values("").hash, values("# a comment changes nothing").hash);
    for (one, other) in [
        ("enabled: true", "# the default, said aloud"),
        ("profiles: [{resources: {limits: {cpu: 0.5}}}]", "profiles: [{resources: {requests: {cpu: 500m}}}]"),
        ("excludedNamespaces: [a, b]", "excludedNamespaces: [b, a, b]"),
        (
            "profiles: [{name: a}, {name: b, mode: native}]\nselectors: [{profile: b, objectSelector: {matchLabels: {x: v, z: w}}}]",
            "profiles: [{name: b, mode: native}, {name: a}]\nselectors: [{name: one, profile: b, objectSelector: {matchLabels: {z: w, x: v}}}]",
        ),
        (
            "imageTag: '7'\nimageDigest: &d sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "imageTag: '8'\nimageDigest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ),
    ] {
        assert_eq!(hash(one), hash(other), "{one}\n{other}");
    }
    for (one, other) in [
        ("", "enabled: false"),
        ("", "imageTag: 7.0.0"),
        ("profiles: [{env: [{name: A}, {name: B}]}]", "profiles: [{env: [{name: B}, {name: A}]}]"),
        (
            "selectors: [{objectSelector: {matchLabels: {a: b}}}]",
            "selectors: [{namespaceSelector: {matchLabels: {a: b}}}]",
        ),
    ] {
        assert_ne!(hash(one), hash(other), "{one}\n{other}");
    }
    let same = values("clusterAgent: {token: x}");
    assert_eq!((same.notices.len(), same.hash), (1, values("").hash));
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, config::reference()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == config::reference(), "docs/configuration.md is out of date: make generate");
}

/// Values that people really wrote, where the collection is there.
#[test]
fn files_of_real_users() {
    let files = crate::collection::files("datadog");
    if files.is_empty() {
        return;
    }
    let mut loaded = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        // Some hold the values and, after them, the pods or resources they go with.
        let first = text.split("\n---").next().unwrap_or_default();
        let shown = path.display();
        match config::load(first, "f") {
            Ok(config) => {
                loaded += 1;
                assert!(!config.profiles.is_empty(), "{shown}");
            }
            Err(problems) => {
                let known = [
                    "this is a Kubernetes object",
                    "must not be in this file",
                    "invalid trailing content",
                    "must be a mapping, not a list",
                    "while parsing a block mapping",
                ];
                let lines = problems.to_string();
                assert!(
                    lines.lines().all(|line| known.iter().any(|known| line.contains(known))),
                    "{shown}: {lines}"
                );
            }
        }
    }
    assert!(loaded >= 10, "only {loaded} files loaded");
}
