//! What a profile can say: read, layered, refused.

use super::{bad::refused_in_injection, good::example, injection};
use datadog_sidecar_injector::config::{
    Check, CheckSource, Config, Cws, Image, Logs, OnMissingSecret, Otlp, Ports, Profile,
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
    assert_eq!(profile.ports, Ports { dogstatsd: true, apm: true, otlp: Otlp { grpc: true, http: true } });
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
    assert!(shop.process_collection && shop.wait_for_agent && shop.ports.otlp.any() && shop.sockets);
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
    assert_eq!(p.ports, Ports { dogstatsd: false, apm: true, otlp: Otlp { grpc: true, http: true } });
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
