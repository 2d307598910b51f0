//! What is set once for all of Datadog's agents, and what sidecars make of it.

use super::{bad::refused, good::literal, under_injection, values};
use datadog_sidecar_injector::config::{Config, Logs, Otlp, Ports};

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
  containerInclude: name:api
  containerExclude: image:postgres
  containerIncludeMetrics: a
  containerExcludeMetrics: b
  containerIncludeLogs: c
  containerExcludeLogs: name:payment-db
  otlp: {logs: {enabled: true}}
  apm: {enabled: false, socketEnabled: false}
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
            literal("DD_CONTAINER_INCLUDE", "name:api"),
            literal("DD_CONTAINER_EXCLUDE", "image:postgres"),
            literal("DD_CONTAINER_INCLUDE_METRICS", "a"),
            literal("DD_CONTAINER_EXCLUDE_METRICS", "b"),
            literal("DD_CONTAINER_INCLUDE_LOGS", "c"),
            literal("DD_CONTAINER_EXCLUDE_LOGS", "name:payment-db"),
            literal("DD_DOGSTATSD_NON_LOCAL_TRAFFIC", "true"),
            literal("DD_DOGSTATSD_ORIGIN_DETECTION", "false"),
            literal("DD_DOGSTATSD_ORIGIN_DETECTION_CLIENT", "false"),
            literal("DD_DOGSTATSD_TAG_CARDINALITY", "low"),
            literal("DD_DOGSTATSD_TAGS", "a:b c:d"),
            literal("DD_OTLP_CONFIG_LOGS_ENABLED", "true"),
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
        assert_eq!(
            profile.ports,
            Ports { dogstatsd: false, apm: true, otlp: Otlp { grpc: false, http: true } }
        );
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
fn traces_are_off_where_the_socket_is_off_and_no_port_is_on() {
    for (apm, off) in [
        ("{enabled: false}", false),
        ("{enabled: false, portEnabled: false}", false),
        ("{socketEnabled: false, enabled: false}", true),
        ("{socketEnabled: false, useSocketVolume: true}", false),
        ("{socketEnabled: false, enabled: true}", false),
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
fn each_protocol_of_opentelemetry_has_its_own_switch() {
    for (protocols, stated, switched_on) in [
        ("{}", (false, false), (true, true)),
        ("{grpc: {enabled: false}, http: {enabled: true}}", (false, true), (false, true)),
        ("{http: {enabled: true}}", (false, true), (false, true)),
        ("{grpc: {enabled: true}}", (true, false), (true, false)),
        ("{grpc: {enabled: false}}", (false, false), (false, true)),
        ("{grpc: {enabled: false}, http: {enabled: false}}", (false, false), (true, true)),
        ("{grpc: {enabled: true}, http: {enabled: true}}", (true, true), (true, true)),
    ] {
        let of = |profile: &str| {
            let datadog = format!("datadog: {{otlp: {{receiver: {{protocols: {protocols}}}}}}}\n");
            let config = values(&(datadog + &under_injection(&format!("profiles: [{profile}]"))));
            let otlp = config.profiles[0].ports.otlp;
            (otlp.grpc, otlp.http)
        };
        assert_eq!(of("{}"), stated, "{protocols}");
        assert_eq!(of("{ports: {otlp: true}}"), switched_on, "{protocols}");
        assert_eq!(of("{ports: {otlp: false}}"), (false, false), "{protocols}");
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
fn sidecars_are_told_to_ask_the_api_server_where_they_may_ask_nobody_else() {
    let access = |access: &str| format!("injector: {{rbac: {{kubelet: {{access: {access}}}}}}}");
    assert_eq!(values(&access("apiServer")).env, [literal("DD_KUBELET_USE_API_SERVER", "true")]);
    for other in ["proxy", "none", "null"] {
        assert_eq!(values(&access(other)).env, [], "{other}");
    }
    let own = "{env: [{name: DD_KUBELET_USE_API_SERVER, value: 'false'}]}";
    let stated = values(&format!("{}\ndatadog: {own}", access("apiServer")));
    assert_eq!(stated.env, [literal("DD_KUBELET_USE_API_SERVER", "false")]);
}
