//! What a profile can say: read, layered, refused.

use super::{
    bad::{problems, refused, refused_in_injection},
    good::{example, literal},
    injection, under_injection, values,
};
use datadog_sidecar_injector::config::{
    Check, CheckSource, Config, Cws, Image, Logs, OnMissingSecret, Ports, Profile,
};
use serde_json::json;

const AGENT: &str = "public.ecr.aws/datadog/agent";
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// The default profile and one over it.
#[track_caller]
fn two(yaml: &str) -> [Profile; 2] {
    let profiles = injection(yaml).profiles;
    profiles.try_into().unwrap_or_else(|profiles| panic!("{profiles:?}"))
}

#[test]
fn every_key_is_read() {
    let config = injection(
        r#"
onMissingSecret: inject
profiles:
  - image: {registry: mirror.io, name: datadog/agent, tag: 7.50}
    imagePullSecrets: [a, {name: b}, a]
    mode: native
    waitForAgent: true
    shareProcessNamespace: false
    sockets: {enabled: false}
    ports: {dogstatsd: true, apm: true, otlp: true}
    logs: {enabled: true, containerCollectAll: true}
    processCollection: true
    cws: {enabled: true, image: {tag: "1"}, entrypoints: {web: [/run, "", x]}}
    checks:
      - {name: http_check, configMap: http}
      - name: redisdb
        container: redis
        initConfig: {a: 1.5}
        instances: [{host: "%%host%%", tls: true, tags: [x, null], inner: {y: null}}]
    volumes:
      - {name: data, persistentVolumeClaim: {claimName: efs, madeUpLater: {x: 1}}}
      - {name: new, sourceOfTomorrow: {}}
    volumeMounts:
      - {name: data, mountPath: /data/, readOnly: true, subPath: a/b}
    tags: [a:b, c:d]
    serviceAccountToken: true
"#,
    );
    assert_eq!(config.on_missing_secret, OnMissingSecret::Inject);
    let [profile] = &config.profiles[..] else { panic!("{:?}", config.profiles) };
    assert_eq!(profile.image.reference(), "mirror.io/datadog/agent:7.50");
    assert_eq!(config.image.repository(), AGENT);
    assert_eq!(profile.image_pull_secrets, ["a", "b"]);
    assert!(profile.wait_for_agent && profile.process_collection && profile.service_account_token);
    assert!(!profile.share_process_namespace && !profile.sockets);
    assert_eq!(profile.ports, Ports { dogstatsd: true, apm: true, otlp: true });
    assert_eq!(profile.logs, Logs { enabled: true, collect_all: true });
    let tracer = Image {
        registry: "public.ecr.aws/datadog".into(),
        name: "cws-instrumentation".into(),
        tag: "1".into(),
        digest: None,
    };
    let entrypoints = vec![("web".to_owned(), texts(&["/run", "", "x"]))];
    assert_eq!(profile.cws, Some(Cws { image: tracer, entrypoints }));
    let redis = CheckSource::Container {
        container: "redis".into(),
        init_config: json!({"a": 1.5}),
        instances: vec![json!({"host": "%%host%%", "tls": true, "tags": ["x", null], "inner": {"y": null}})],
    };
    assert_eq!(
        profile.checks,
        [
            Check { name: "http_check".into(), source: CheckSource::ConfigMap("http".into()) },
            Check { name: "redisdb".into(), source: redis },
        ]
    );
    assert_eq!(
        profile.volumes,
        [
            json!({"name": "data", "persistentVolumeClaim": {"claimName": "efs", "madeUpLater": {"x": 1}}}),
            json!({"name": "new", "sourceOfTomorrow": {}}),
        ]
    );
    let mount = json!({"name": "data", "mountPath": "/data", "readOnly": true, "subPath": "a/b"});
    assert_eq!(profile.volume_mounts, [mount]);
    assert_eq!(profile.tags, ["a:b", "c:d"]);
    assert_eq!(config.notices, Vec::<String>::new());
}

#[test]
fn the_example_of_profiles() {
    let config = example("profiles.yaml");
    let [default, shop, legacy] = &config.profiles[..] else { panic!("{:?}", config.profiles) };
    assert_eq!(config.env.len(), 2);
    assert!(default.logs.enabled && shop.logs.enabled && !legacy.logs.enabled);
    assert!(shop.process_collection && shop.wait_for_agent && shop.ports.otlp && shop.sockets);
    assert_eq!((shop.checks.len(), shop.tags.as_slice()), (2, &texts(&["team:platform"])[..]));
    let tracer = shop.cws.as_ref().map(|cws| cws.image.reference());
    assert_eq!(tracer, Some(format!("public.ecr.aws/datadog/cws-instrumentation:{}", config.image.tag)));
    assert_eq!(legacy.image.reference(), format!("{AGENT}:7.75.0"));
    assert_eq!((legacy.cws.as_ref(), legacy.volumes.len()), (None, 1));
    assert_eq!(config.notices, Vec::<String>::new());
}

#[test]
fn an_image_is_layered_part_by_part() {
    let of = |yaml: &str| two(yaml).map(|profile| profile.image.reference());
    let [default, p] =
        of("imageName: x\nprofiles: [{image: {tag: '7'}}, {name: p, image: {registry: mirror.io}}]");
    assert_eq!((default.as_str(), p.as_str()), ("public.ecr.aws/datadog/x:7", "mirror.io/x:7"));
    let digest = format!("imageDigest: {DIGEST}\n");
    let [default, p] = of(&format!("{digest}profiles: [{{name: p, image: {{registry: mirror.io}}}}]"));
    assert_eq!((default, p), (format!("{AGENT}@{DIGEST}"), format!("mirror.io/agent@{DIGEST}")));
    let [_, p] = of(&format!("{digest}profiles: [{{name: p, image: {{tag: '7'}}}}]"));
    assert_eq!(p, format!("{AGENT}:7"), "a digest from below is not that of a tag from above");
    let [_, p] = of(&format!("profiles: [{{name: p, image: {{tag: '7', digest: '{DIGEST}'}}}}]"));
    assert_eq!(p, format!("{AGENT}@{DIGEST}"));
    let [_, p] = of("profiles: [{name: p, image: {registry: '', tag: ''}}]");
    assert_eq!(p, Config::default().image.reference(), "an empty part is none");
}

#[test]
fn logs_by_a_switch_or_a_mapping() {
    for (yaml, expected) in [
        ("logs: true", (true, false)),
        ("logs: {enabled: true}", (true, false)),
        ("logs: {containerCollectAll: true}", (false, true)),
        ("logs: false", (false, false)),
        ("logs: null", (false, false)),
    ] {
        let logs = injection(&format!("profiles: [{{{yaml}}}]")).profiles[0].logs;
        assert_eq!((logs.enabled, logs.collect_all), expected, "{yaml}");
    }
    let [default, p] =
        two("profiles: [{logs: {enabled: true, containerCollectAll: true}}, {name: p, logs: false}]");
    assert_eq!(default.logs, Logs { enabled: true, collect_all: true });
    assert_eq!(p.logs, Logs { enabled: false, collect_all: true });
    let [all, p] = two("kubeletApiLogging: {enabled: true}\nprofiles: [{name: p, logs: false}]");
    assert!(all.logs.enabled && !p.logs.enabled);
}

#[test]
fn each_key_lies_over_that_of_the_default_profile() {
    let base = "{waitForAgent: true, shareProcessNamespace: false, sockets: {enabled: false}, ports: {apm: true}, processCollection: true, serviceAccountToken: true, imagePullSecrets: [a], tags: 'x:1 y:2'}";
    let [default, p] = two(&format!(
        "profiles: [{base}, {{name: p, ports: {{otlp: true}}, imagePullSecrets: [b, a], tags: [z:3, x:1]}}]"
    ));
    assert_eq!(p.ports, Ports { dogstatsd: false, apm: true, otlp: true });
    assert_eq!(
        (p.image_pull_secrets.as_slice(), p.tags.as_slice()),
        (&texts(&["a", "b"])[..], &texts(&["x:1", "y:2", "z:3"])[..])
    );
    let inherited = Profile {
        name: "default".into(),
        ports: default.ports,
        image_pull_secrets: texts(&["a"]),
        tags: texts(&["x:1", "y:2"]),
        ..p
    };
    assert_eq!(inherited, default);
    let over = "{name: p, waitForAgent: false, shareProcessNamespace: true, sockets: {enabled: true}, ports: {apm: false}, processCollection: false, serviceAccountToken: false}";
    let [_, p] = two(&format!("profiles: [{base}, {over}]"));
    let built_in = &Config::default().profiles[0];
    let undone = Profile { name: "default".into(), image_pull_secrets: Vec::new(), tags: Vec::new(), ..p };
    assert_eq!(&undone, built_in);
}

#[test]
fn workload_protection_is_layered_whether_or_not_it_is_on() {
    let [default, p] = two(
        "profiles: [{cws: {image: {registry: r.io}, entrypoints: {a: [a], b: [b]}}}, {name: p, cws: {enabled: true, entrypoints: {b: [x], c: [c]}}}]",
    );
    assert_eq!(default.cws, None);
    let cws = p.cws.unwrap();
    assert_eq!(cws.image.repository(), "r.io/cws-instrumentation");
    let of = |name: &str, word: &str| (name.to_owned(), texts(&[word]));
    assert_eq!(cws.entrypoints, [of("a", "a"), of("b", "x"), of("c", "c")]);
    let [on, off] =
        two("containerRegistry: m.io\nprofiles: [{cws: {enabled: true}}, {name: p, cws: {enabled: false}}]");
    assert_eq!((on.cws.map(|cws| cws.image.registry), off.cws), (Some("m.io".into()), None));
}

#[test]
fn lists_are_layered_by_name() {
    let [default, p] = two(r#"
profiles:
  - checks: [{name: a, configMap: one}, {name: b, container: x, instances: [{}]}]
    volumes: [{name: v, emptyDir: {}}, {name: w, emptyDir: {}}]
    volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /w}]
  - name: p
    checks: [{name: a, configMap: two}, {name: b, container: z, instances: [{}]}]
    volumes: [{name: v, secret: {secretName: s}}]
    volumeMounts: [{name: v, mountPath: /w}, {name: w, mountPath: /x}]
"#);
    let names: Vec<_> = p.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "b"]);
    assert_eq!(p.checks[0].source, CheckSource::ConfigMap("two".into()));
    assert_eq!(p.checks[1], default.checks[1]);
    assert_eq!(
        p.volumes,
        [json!({"name": "v", "secret": {"secretName": "s"}}), json!({"name": "w", "emptyDir": {}})]
    );
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    assert_eq!(p.volume_mounts, [mount("v", "/v"), mount("v", "/w"), mount("w", "/x")]);
}

#[test]
fn images_and_switches_that_are_refused() {
    refused_in_injection(&[
        (
            "profiles:\n  - image: {registry: 'https://a', name: a:b, tag: a@b, digest: 1}",
            &[
                "2:23: profiles[0].image.registry: must be a registry without scheme, such as public.ecr.aws/datadog",
                "2:42: profiles[0].image.name: must be the name alone: the tag and the registry have keys of their own",
                "2:52: profiles[0].image.tag: must be the tag alone: the digest has a key of its own",
                "2:65: profiles[0].image.digest: must be text, not a number: quote it",
            ],
        ),
        (
            "profiles:\n  - logs: yes please",
            &["2:11: profiles[0].logs: must be true or false or a mapping, not text"],
        ),
        (
            "profiles:\n  - logs: {collectAll: true}",
            &["2:12: profiles[0].logs.collectAll: unknown key; known here: enabled, containerCollectAll"],
        ),
        (
            "profiles:\n  - sockets: true",
            &["2:14: profiles[0].sockets: must be a mapping, not true or false"],
        ),
        (
            "profiles:\n  - ports: {dogStatsD: true}",
            &["2:13: profiles[0].ports.dogStatsD: unknown key; did you mean `dogstatsd`?"],
        ),
        ("onMissingSecret: wait", &["1:18: onMissingSecret: must be \"skip\" or \"inject\", not \"wait\""]),
    ]);
}

#[test]
fn an_agent_that_nobody_can_wait_for() {
    const WRONG: &str =
        "waitForAgent goes with mode native or auto: applications never wait for another container";
    refused_in_injection(&[
        (
            "profiles:\n  - {mode: container, waitForAgent: true}\n  - name: inherits",
            &[&format!("2:37: profiles[0].waitForAgent: {WRONG}")],
        ),
        (
            "profiles:\n  - waitForAgent: true\n  - {name: p, mode: container}",
            &[&format!("3:21: profiles[1].mode: {WRONG}")],
        ),
    ]);
    assert!(injection("profiles: [{waitForAgent: true}]").profiles[0].wait_for_agent);
    let both = "profiles: [{mode: container}, {name: p, waitForAgent: true, mode: native}]";
    assert!(injection(both).profiles[1].wait_for_agent);
}

#[test]
fn workload_protection_that_is_refused() {
    refused_in_injection(&[(
        "profiles:\n  - cws: {entrypoints: {Web: [x], web: [], api: ['', x], db: /run}}",
        &[
            "2:30: profiles[0].cws.entrypoints.Web: is no name of a container",
            "2:40: profiles[0].cws.entrypoints.web: must begin with a program, such as [/docker-entrypoint.sh, run]",
            "2:49: profiles[0].cws.entrypoints.api: must begin with a program, such as [/docker-entrypoint.sh, run]",
            "2:62: profiles[0].cws.entrypoints.db: must be a list, not text",
        ],
    )]);
}

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

#[test]
fn what_is_set_for_all_agents_reaches_sidecars() {
    let config = values(
        r#"
datadog:
  logLevel: debug
  dd_url: https://intake.example.com
  podLabelsAsTags: {app: kube_app, "*": "%%label%%"}
  podAnnotationsAsTags: {a: b}
  namespaceLabelsAsTags: {team: team}
  checksCardinality: orchestrator
  dogstatsd: {nonLocalTraffic: true, originDetection: false, tagCardinality: low, tags: [a:b, c:d]}
  apm: {enabled: false}
  env: [{name: MINE, value: x}, {name: DD_LOG_LEVEL, value: warn}]
"#,
    );
    assert_eq!(
        config.env,
        [
            literal("DD_LOG_LEVEL", "warn"),
            literal("DD_DD_URL", "https://intake.example.com"),
            literal("DD_KUBERNETES_POD_LABELS_AS_TAGS", r#"{"*":"%%label%%","app":"kube_app"}"#),
            literal("DD_KUBERNETES_POD_ANNOTATIONS_AS_TAGS", r#"{"a":"b"}"#),
            literal("DD_KUBERNETES_NAMESPACE_LABELS_AS_TAGS", r#"{"team":"team"}"#),
            literal("DD_CHECKS_TAG_CARDINALITY", "orchestrator"),
            literal("DD_DOGSTATSD_NON_LOCAL_TRAFFIC", "true"),
            literal("DD_DOGSTATSD_ORIGIN_DETECTION", "false"),
            literal("DD_DOGSTATSD_ORIGIN_DETECTION_CLIENT", "false"),
            literal("DD_DOGSTATSD_TAG_CARDINALITY", "low"),
            literal("DD_DOGSTATSD_TAGS", "a:b c:d"),
            literal("DD_APM_ENABLED", "false"),
            literal("MINE", "x"),
        ]
    );
    assert_eq!(config.notices, Vec::<String>::new());
    assert_eq!(
        values("datadog: {logLevel: '', tags: [], podLabelsAsTags: {}, dogstatsd: {tags: []}}").env,
        []
    );
}

#[test]
fn what_is_set_for_all_agents_is_the_default_of_profiles() {
    let of = |datadog: &str, profile: &str| {
        let config =
            values(&format!("datadog: {datadog}\n{}", under_injection(&format!("profiles: [{profile}]"))));
        assert_eq!(config.notices, Vec::<String>::new());
        config.profiles.into_iter().next_back().unwrap()
    };
    let all = "{logs: {enabled: true, containerCollectAll: true}, processAgent: {processCollection: true}, otlp: {receiver: {protocols: {http: {enabled: true}}}}, apm: {portEnabled: true, instrumentation: {enabled: true}}}";
    for name in ["default", "p"] {
        let profile = of(all, &format!("{{name: {name}}}"));
        assert_eq!(profile.logs, Logs { enabled: true, collect_all: true });
        assert!(profile.process_collection);
        assert_eq!(profile.ports, Ports { dogstatsd: false, apm: true, otlp: true });
    }
    let profile = of(
        all,
        "{logs: {enabled: false, containerCollectAll: false}, processCollection: false, ports: {apm: false, otlp: false}}",
    );
    assert_eq!(profile, Config::default().profiles[0]);
    let profile =
        of("{logs: {enabled: false}, otlp: {receiver: {protocols: {grpc: {enabled: false}}}}}", "{}");
    assert_eq!(profile, Config::default().profiles[0]);
    assert!(of("{apm: {enabled: true}}", "{}").ports.apm);
}

#[test]
fn traces_are_off_where_somebody_says_so_and_nobody_else() {
    for (apm, off) in [
        ("{enabled: false}", true),
        ("{socketEnabled: false}", true),
        ("{socketEnabled: false, portEnabled: false}", true),
        ("{portEnabled: false}", false),
        ("{enabled: false, portEnabled: true}", false),
        ("{socketEnabled: false, portEnabled: true}", false),
        ("{enabled: false, socketEnabled: true}", false),
        ("{}", false),
    ] {
        let env = values(&format!("datadog: {{apm: {apm}}}")).env;
        assert_eq!(env, if off { vec![literal("DD_APM_ENABLED", "false")] } else { Vec::new() }, "{apm}");
    }
}

#[test]
fn what_sidecars_are_not_told_is_named_once() {
    let yaml = "datadog: {kubelet: {tlsVerify: false}, apm: {port: 8127, instrumentation: {x: y}}, logs: {enabled: true, containerCollectUsingFiles: true}, dogstatsd: {port: 8125, useSocketVolume: }, podLabelsAsTags: {kubelet: x}}";
    assert_eq!(
        values(yaml).notices,
        [
            "not passed on to sidecars: datadog.kubelet, datadog.apm.port, datadog.logs.containerCollectUsingFiles, datadog.dogstatsd.port"
        ]
    );
}

#[test]
fn what_is_set_for_all_agents_and_is_refused() {
    refused(&[
        (
            "datadog: {dd_url: 'https://u:hunter2@intake'}",
            &["1:19: datadog.dd_url: must not hold a key or password in the open"],
        ),
        (
            "datadog: {podLabelsAsTags: {a: 1}}",
            &["1:32: datadog.podLabelsAsTags.a: must be text, not a number: quote it"],
        ),
        (
            "datadog: {dogstatsd: {tags: 1}}",
            &["1:29: datadog.dogstatsd.tags: must be a list or text, not a number"],
        ),
        ("datadog: {logs: true}", &["1:17: datadog.logs: must be a mapping, not true or false"]),
    ]);
}

#[test]
fn the_hash_is_of_profiles_as_well() {
    let hash = |yaml: &str| injection(&format!("profiles: [{yaml}]")).hash;
    let volume = |size: &str| {
        format!(
            "{{volumes: [{{name: a, ephemeral: {{volumeClaimTemplate: {{spec: {{resources: {{requests: {{storage: {size}}}}}}}}}}}}}]}}"
        )
    };
    for (one, other) in [
        (volume("1Gi"), volume("2Gi")),
        ("{tags: [a]}".into(), "{tags: [b]}".into()),
        ("{image: {tag: '1'}}".into(), "{image: {tag: '2'}}".into()),
        (
            "{checks: [{name: a, container: b, instances: [{image_pull_secrets: [a, b]}]}]}".into(),
            "{checks: [{name: a, container: b, instances: [{image_pull_secrets: [b, a]}]}]}".into(),
        ),
    ] {
        assert_ne!(hash(&one), hash(&other), "{one}\n{other}");
    }
    for (one, other) in [
        ("{logs: true}".to_owned(), "{logs: {enabled: true}}".to_owned()),
        ("{tags: 'a b'}".into(), "{tags: [a, b, a]}".into()),
        (
            format!("{{image: {{tag: '1', digest: '{DIGEST}'}}}}"),
            format!("{{image: {{tag: '2', digest: '{DIGEST}'}}}}"),
        ),
        ("{cws: {image: {tag: '1'}}}".into(), "{}".into()),
    ] {
        assert_eq!(hash(&one), hash(&other), "{one}\n{other}");
    }
    let entrypoints = |list: &str| hash(&format!("{{cws: {{enabled: true, entrypoints: {{{list}}}}}}}"));
    assert_eq!(entrypoints("a: [x], b: [z]"), entrypoints("b: [z], a: [x]"));
    assert_ne!(entrypoints("a: [x, z]"), entrypoints("a: [z, x]"));
}

#[test]
fn a_layer_over_itself_changes_nothing() {
    let all = "image: {tag: '7'}, imagePullSecrets: [a], mode: native, waitForAgent: true, shareProcessNamespace: false, sockets: {enabled: false}, ports: {apm: true}, logs: {containerCollectAll: true}, processCollection: true, cws: {enabled: true, entrypoints: {a: [b]}}, checks: [{name: a, configMap: b}, {name: a, container: b, instances: [{}]}], volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a}], tags: [a], serviceAccountToken: true";
    let [default, same] = two(&format!("profiles: [{{{all}}}, {{name: same, {all}}}]"));
    assert_eq!(Profile { name: "default".into(), ..same }, default);
}
