//! What `datadog`, and of `injector` the access to the kubelet, set once for all agents, as the variables that Datadog documents for it and as defaults of every profile.

use super::{
    EnvVar, Otlp, Profile, file,
    problem::{Path, Report},
    secret, variables,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// `datadog.env` over the variables that other keys stand for.
pub(super) fn env(datadog: &file::Datadog, injector: &file::Injector, report: &mut Report) -> Vec<EnvVar> {
    let path = Path::default().key("datadog");
    let dogstatsd = &datadog.dogstatsd;
    let switch = |value: Option<bool>| value.map(|value| value.to_string());
    let tags = dogstatsd.tags.to_list().join(" ");
    let origin = switch(dogstatsd.origin_detection);
    let variables = [
        ("logLevel", "DD_LOG_LEVEL", datadog.log_level.clone()),
        ("dd_url", "DD_DD_URL", datadog.dd_url.clone()),
        ("podLabelsAsTags", "DD_KUBERNETES_POD_LABELS_AS_TAGS", mapping(&datadog.pod_labels_as_tags)),
        (
            "podAnnotationsAsTags",
            "DD_KUBERNETES_POD_ANNOTATIONS_AS_TAGS",
            mapping(&datadog.pod_annotations_as_tags),
        ),
        (
            "namespaceLabelsAsTags",
            "DD_KUBERNETES_NAMESPACE_LABELS_AS_TAGS",
            mapping(&datadog.namespace_labels_as_tags),
        ),
        ("checksCardinality", "DD_CHECKS_TAG_CARDINALITY", datadog.checks_cardinality.clone()),
        ("containerInclude", "DD_CONTAINER_INCLUDE", datadog.container_include.clone()),
        ("containerExclude", "DD_CONTAINER_EXCLUDE", datadog.container_exclude.clone()),
        (
            "containerIncludeMetrics",
            "DD_CONTAINER_INCLUDE_METRICS",
            datadog.container_include_metrics.clone(),
        ),
        (
            "containerExcludeMetrics",
            "DD_CONTAINER_EXCLUDE_METRICS",
            datadog.container_exclude_metrics.clone(),
        ),
        ("containerIncludeLogs", "DD_CONTAINER_INCLUDE_LOGS", datadog.container_include_logs.clone()),
        ("containerExcludeLogs", "DD_CONTAINER_EXCLUDE_LOGS", datadog.container_exclude_logs.clone()),
        ("dogstatsd", "DD_DOGSTATSD_NON_LOCAL_TRAFFIC", switch(dogstatsd.non_local_traffic)),
        ("dogstatsd", "DD_DOGSTATSD_ORIGIN_DETECTION", origin.clone()),
        ("dogstatsd", "DD_DOGSTATSD_ORIGIN_DETECTION_CLIENT", origin),
        ("dogstatsd", "DD_DOGSTATSD_TAG_CARDINALITY", dogstatsd.tag_cardinality.clone()),
        ("dogstatsd", "DD_DOGSTATSD_TAGS", Some(tags)),
        ("otlp", "DD_OTLP_CONFIG_LOGS_ENABLED", switch(datadog.otlp.logs.enabled)),
        ("apm", "DD_APM_ENABLED", no_traces(&datadog.apm).then(|| "false".into())),
    ];
    let mut lower = Vec::new();
    if injector.rbac.kubelet.access == Some(file::KubeletAccess::ApiServer) {
        let value = Some("true".into());
        lower.push(EnvVar { name: "DD_KUBELET_USE_API_SERVER".into(), value, value_from: None });
    }
    for (key, name, value) in variables {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        if secret::is_literal(name, &value) || secret::is_in_address(&value) {
            report.add(&path.key(key), "must not hold a key or password in the open");
        }
        lower.push(EnvVar { name: name.into(), value: Some(value), value_from: None });
    }
    variables::merge(&lower, variables::resolve(&datadog.env, &path.key("env"), report))
}

/// Lays what `datadog` says over what is built in of a profile.
pub(super) fn defaults(datadog: &file::Datadog, profile: &mut Profile) {
    let on = |value: Option<bool>| value == Some(true);
    let file::OtlpProtocols { grpc, http } = &datadog.otlp.receiver.protocols;
    profile.logs.enabled |= on(datadog.logs.enabled);
    profile.logs.collect_all |= on(datadog.logs.container_collect_all);
    profile.process_collection |= on(datadog.process_agent.process_collection);
    profile.ports.otlp = Otlp { grpc: on(grpc.enabled), http: on(http.enabled) };
    profile.ports.apm |= on(datadog.apm.port_enabled) || on(datadog.apm.enabled);
}

/// What a profile switches on with `ports.otlp`: the protocols that `datadog` is for, or else all it is not against.
pub(super) fn receivers(datadog: &file::Datadog) -> Otlp {
    let file::OtlpProtocols { grpc, http } = &datadog.otlp.receiver.protocols;
    let those = |stated: &dyn Fn(Option<bool>) -> bool| Otlp {
        grpc: stated(grpc.enabled),
        http: stated(http.enabled),
    };
    let wanted = [those(&|stated| stated == Some(true)), those(&|stated| stated != Some(false))];
    wanted.into_iter().find(|otlp| otlp.any()).unwrap_or(Otlp { grpc: true, http: true })
}

/// Whether somebody switched traces off, as Datadog's chart reads it: the socket is on unless it is switched off, and `enabled` is
/// but the old word for the port.
fn no_traces(apm: &file::Apm) -> bool {
    apm.socket_enabled == Some(false)
        && ![apm.use_socket_volume, apm.enabled, apm.port_enabled].contains(&Some(true))
}

/// A mapping as the agent reads it from a variable.
fn mapping(map: &BTreeMap<String, String>) -> Option<String> {
    let map = map.iter().map(|(key, tag)| (key.clone(), Value::from(tag.as_str())));
    let map: serde_json::Map<String, Value> = map.collect();
    (!map.is_empty()).then(|| Value::Object(map).to_string())
}
