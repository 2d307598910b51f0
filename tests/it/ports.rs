//! The containers of a pod share one network: where an application has a port that the agent can open, one of the two gives way, and
//! the agent's never goes where something else of the pod is.

use crate::{config::injection, laws};
use datadog_sidecar_injector::rules::Rules;
use serde_json::{Value, json};

/// What the pinned agent listens on, by what switches that on; and the variable that moves it or switches it off.
const OPENED: [(u16, &str, &str); 13] = [
    (5000, "", "DD_EXPVAR_PORT"),
    (5001, "", "DD_CMD_PORT"),
    (5012, "", "DD_APM_DEBUG_PORT"),
    (6062, "", "DD_PROCESS_CONFIG_EXPVAR_PORT"),
    (6162, "", "DD_PROCESS_CONFIG_CMD_PORT"),
    (8125, "ports: {dogstatsd: true}", "DD_DOGSTATSD_PORT"),
    (8126, "ports: {apm: true}", "DD_APM_RECEIVER_PORT"),
    (4317, "ports: {otlp: true}", "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT"),
    (4318, "ports: {otlp: true}", "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_HTTP_ENDPOINT"),
    (5003, "ports: {otlp: true}", "DD_OTLP_CONFIG_TRACES_INTERNAL_PORT"),
    (5010, "cws: {enabled: true}", "DD_SECURITY_AGENT_CMD_PORT"),
    (5011, "cws: {enabled: true}", "DD_SECURITY_AGENT_EXPVAR_PORT"),
    (5678, "cws: {enabled: true}", "DD_RUNTIME_SECURITY_CONFIG_EBPFLESS_SOCKET"),
];

/// Ports that the sidecars of meshes open without a word in the pod, and those that the kernel gives to clients.
const TAKEN: [(&str, u16, u16); 13] = [
    ("Istio", 15000, 15090),
    ("Linkerd", 4140, 4143),
    ("Linkerd", 4190, 4191),
    ("App Mesh and Kuma", 9901, 9902),
    ("Kuma", 5670, 5682),
    ("Consul", 8500, 8503),
    ("Consul", 19000, 19100),
    ("Consul", 20000, 20700),
    ("Consul", 21000, 21755),
    ("Dapr", 3500, 3501),
    ("Dapr", 9090, 9090),
    ("NodePorts", 30000, 32767),
    ("clients and Dapr", 32768, 65535),
];

fn rules(profile: &str) -> Rules {
    Rules::compile(injection(&format!("profiles: [{{{profile}}}]")), laws::setting())
}

fn pod(ports: &[u16]) -> Value {
    let both =
        |port: &u16| [json!({"containerPort": port}), json!({"containerPort": port, "protocol": "UDP"})];
    let ports: Vec<Value> = ports.iter().flat_map(both).collect();
    json!({
        "metadata": {"labels": {"agent.datadoghq.com/sidecar": "fargate"}},
        "spec": {"containers": [{"name": "app", "image": "app", "command": ["/app"], "ports": ports}]},
    })
}

/// The sidecar that a pod is given, and what is told.
fn sidecar(profile: &str, ports: &[u16]) -> (Value, Vec<String>) {
    let pod = pod(ports);
    let decision = laws::decided(&rules(profile), &pod);
    let after = laws::applied(&pod, &decision);
    let containers = after["spec"]["containers"].as_array().unwrap();
    (containers.iter().find(|c| c["name"] == "datadog-agent-injected").unwrap().clone(), decision.warnings)
}

fn variable(sidecar: &Value, name: &str) -> Option<String> {
    let found = sidecar["env"].as_array().unwrap().iter().find(|v| v["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

#[test]
fn no_port_of_the_agents_is_taken_from_an_application_in_silence() {
    for (port, profile, name) in OPENED {
        let told = format!("port {port} is an application's");
        let (alone, warnings) = sidecar(profile, &[]);
        assert!(!warnings.iter().any(|w| w.starts_with("port ")), "{port}: {warnings:?}");
        let declares = |sidecar: &Value| {
            let ports = sidecar["ports"].as_array().into_iter().flatten();
            ports.filter(|p| p["containerPort"] == port).count()
        };
        let (beside, warnings) = sidecar(profile, &[port]);
        assert!(warnings.iter().any(|w| w.starts_with(&told)), "{port}: {warnings:?}");
        assert_eq!(declares(&beside), 0, "{port}");
        if declares(&alone) == 0 {
            let moved = variable(&beside, name).unwrap_or_else(|| panic!("{port} does not move"));
            assert_ne!(moved, port.to_string());
        } else {
            let still = variable(&beside, name).is_some_and(|value| value.ends_with(&port.to_string()));
            assert!(!still, "{port} is still opened");
        }
        // What the operator states is not stated again.
        let stated = format!(
            "{profile}{}env: [{{name: {name}, value: \"18777\"}}]",
            if profile.is_empty() { "" } else { ", " }
        );
        assert_eq!(variable(&sidecar(&stated, &[port]).0, name).as_deref(), Some("18777"), "{port}");
    }
}

#[test]
fn no_port_moves_to_where_something_else_is() {
    let every = "ports: {dogstatsd: true, apm: true, otlp: true}, cws: {enabled: true}";
    let stated = "env: [{name: DD_CMD_PORT, value: \"18102\"}]";
    // The second finds the first places taken, one by an application and one by the operator.
    for (profile, also) in [(every.to_owned(), None), (format!("{every}, {stated}"), Some(18101))] {
        let ports: Vec<u16> = OPENED
            .iter()
            .map(|(port, ..)| *port)
            .filter(|port| ![4317, 4318].contains(port))
            .chain(also)
            .collect();
        let (sidecar, _) = sidecar(&profile, &ports);
        let mut moved: Vec<u16> = OPENED
            .iter()
            .filter(|(port, ..)| ![8125, 8126, 4317, 4318].contains(port))
            .map(|(_, _, name)| {
                variable(&sidecar, name).unwrap().rsplit(':').next().unwrap().parse().unwrap()
            })
            .collect();
        assert_eq!(moved.len(), 9);
        for port in &moved {
            let there = TAKEN.iter().find(|(_, first, last)| (first..=last).contains(&port));
            assert!(there.is_none(), "{port}: {there:?}");
            assert!(!ports.contains(port) && OPENED.iter().all(|(own, ..)| own != port), "{port}");
        }
        moved.sort_unstable();
        moved.dedup();
        assert_eq!(moved.len(), 9, "two moved to the same place: {moved:?}");
    }
}

#[test]
fn the_tracer_goes_where_the_agent_listens() {
    for (profile, ports, expected) in [
        ("cws: {enabled: true}", &[][..], json!(["trace", "--", "/app"])),
        ("cws: {enabled: true}", &[5678], json!(["trace", "--probe-addr=localhost:18100", "--", "/app"])),
        (
            "cws: {enabled: true}, env: [{name: DD_RUNTIME_SECURITY_CONFIG_EBPFLESS_SOCKET, value: \"localhost:15678\"}]",
            &[5678],
            json!(["trace", "--probe-addr=localhost:15678", "--", "/app"]),
        ),
    ] {
        let pod = pod(ports);
        let after = laws::applied(&pod, &laws::decided(&rules(profile), &pod));
        let command = after["spec"]["containers"][0]["command"].as_array().unwrap();
        assert_eq!(json!(command[1..]), expected, "{profile}");
    }
}
