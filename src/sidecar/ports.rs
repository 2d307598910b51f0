//! Ports: those through which applications reach the agent, and those of its own that an application has already.
//!
//! The containers of a pod share one network: two of them cannot listen on the same port.

use super::{Obstacle, cws, env, is_own, plan::Plan, template::Template};
use crate::{
    config::Otlp,
    pod::{Container, Protocol, Spec},
};
use std::{cell::LazyCell, collections::HashSet, ops::RangeInclusive};

/// The agent's own ports, on loopback: when it opens each, and the variable that moves it.
const OWN: [(u16, Opened, &str); 9] = [
    (5000, Opened::Always, "DD_EXPVAR_PORT"),
    (5001, Opened::Always, "DD_CMD_PORT"),
    (5012, Opened::Always, "DD_APM_DEBUG_PORT"),
    (6062, Opened::Always, "DD_PROCESS_CONFIG_EXPVAR_PORT"),
    (6162, Opened::Always, "DD_PROCESS_CONFIG_CMD_PORT"),
    (5003, Opened::Otlp, "DD_OTLP_CONFIG_TRACES_INTERNAL_PORT"),
    (5010, Opened::Cws, "DD_SECURITY_AGENT_CMD_PORT"),
    (5011, Opened::Cws, "DD_SECURITY_AGENT_EXPVAR_PORT"),
    (5678, Opened::Cws, cws::PROBE),
];

/// When the agent opens a port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    Always,
    /// While it receives OpenTelemetry.
    Otlp,
    /// While it protects workloads.
    Cws,
}

/// Where the agent's own ports move to: the first that is free. Istio, Linkerd, App Mesh, Consul, Kuma and Dapr use none of these,
/// whether they declare theirs or not, and the kernel gives none of them to a client.
const MOVED: RangeInclusive<u16> = 18100..=18999;

const DOGSTATSD: u16 = 8125;
const APM: u16 = 8126;
const OTLP_GRPC: u16 = 4317;
const OTLP_HTTP: u16 = 4318;

/// Where applications send what they trace with OpenTelemetry.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What they speak there, where that is not what most of OpenTelemetry's libraries speak by themselves.
const OTLP_PROTOCOL: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");

/// What ports make of the sidecar.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Variables, as JSON texts.
    pub(super) env: Vec<String>,
    /// Its `ports`, as JSON texts.
    pub(super) ports: Vec<String>,
    /// Where the agent listens for what Workload Protection traces, where that has moved.
    pub(super) probe: Option<String>,
}

/// Chooses the sidecar's ports beside those of the pod.
pub(super) fn choose(
    template: &Template,
    sockets: bool,
    spec: &Spec<'_>,
    plan: &mut Plan<'_>,
) -> Result<Chosen, Obstacle> {
    let (asked, configured) = (template.ports, |variable: &str| template.configures(variable));
    let taken = |port: u16, protocol: Protocol| {
        users(spec).any(|c| c.ports().iter().any(|p| p.container_port.0 == port && p.protocol() == protocol))
    };
    let mut chosen = Chosen::default();
    // A pod may state tens of thousands of ports: they are looked at once, and only where it matters.
    let occupied = LazyCell::new(|| {
        let ports = users(spec).flat_map(Container::ports);
        let theirs = ports.filter(|p| p.protocol() == Protocol::Tcp).map(|p| p.container_port.0);
        theirs.chain(template.configured_ports.iter().copied()).collect::<HashSet<_>>()
    });
    let otlp = receivers(asked.otlp, &taken, plan);
    let mut free = MOVED.filter(|port| !occupied.contains(port));
    for (port, opened, variable) in OWN {
        let opens = match opened {
            Opened::Always => true,
            Opened::Otlp => otlp.any(),
            Opened::Cws => template.cws.is_some(),
        };
        if !opens || configured(variable) || !taken(port, Protocol::Tcp) {
            continue;
        }
        let Some(next) = free.next() else {
            return Err(Obstacle::Conflict(format!(
                "port {port} is an application's, and none is free for the agent's own"
            )));
        };
        let moved = if variable == cws::PROBE { format!("localhost:{next}") } else { next.to_string() };
        chosen.env.push(env::literal(variable, &moved));
        if variable == cws::PROBE {
            chosen.probe = Some(moved);
        }
        plan.warnings.push(format!("port {port} is an application's: the agent's own moves to {next}"));
    }
    let receivers = [
        (DOGSTATSD, Protocol::Udp, "DD_DOGSTATSD_PORT", asked.dogstatsd, "dogstatsdport"),
        (APM, Protocol::Tcp, "DD_APM_RECEIVER_PORT", asked.apm, "traceport"),
    ];
    for (port, protocol, variable, wanted, name) in receivers {
        if port == APM && template.no_traces {
            // The agent does not listen there.
        } else if !taken(port, protocol) {
            if wanted {
                chosen.ports.push(declared(port, protocol, name, spec, plan));
            }
        } else if configured(variable) {
            // The operator has moved it, or switched it off.
        } else if sockets {
            chosen.env.push(env::literal(variable, "0"));
            plan.warnings.push(format!(
                "port {port} is an application's: the agent is reached through its socket alone"
            ));
        } else {
            return Err(Obstacle::Conflict(format!(
                "port {port} is an application's, and without sockets the agent needs it"
            )));
        }
    }
    for (receives, port, variable, name) in [
        (otlp.grpc, OTLP_GRPC, "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT", "otlpgrpcport"),
        (otlp.http, OTLP_HTTP, "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_HTTP_ENDPOINT", "otlphttpport"),
    ] {
        if !receives {
            continue;
        }
        if !configured(variable) {
            chosen.env.push(env::literal(variable, &format!("0.0.0.0:{port}")));
        }
        chosen.ports.push(declared(port, Protocol::Tcp, name, spec, plan));
    }
    tell_applications(otlp, spec, plan);
    Ok(chosen)
}

/// The protocols of OpenTelemetry whose ports are free.
fn receivers(asked: Otlp, taken: &impl Fn(u16, Protocol) -> bool, plan: &mut Plan<'_>) -> Otlp {
    let mut free = |asked: bool, port: u16, protocol: &str| {
        let taken = asked && taken(port, Protocol::Tcp);
        if taken {
            plan.warnings
                .push(format!("port {port} is an application's: the agent receives no OTLP over {protocol}"));
        }
        asked && !taken
    };
    Otlp { grpc: free(asked.grpc, OTLP_GRPC, "gRPC"), http: free(asked.http, OTLP_HTTP, "HTTP") }
}

/// A port of the sidecar. A name that an application has given to a port of its own stays the application's alone: a Service that
/// asks for it means that one.
fn declared(port: u16, protocol: Protocol, name: &str, spec: &Spec<'_>, plan: &mut Plan<'_>) -> String {
    let theirs = |c: &Container<'_>| !is_own(&c.name) && c.ports().iter().any(|p| p.name == name);
    let protocol = protocol.as_str();
    if spec.all_containers().any(theirs) {
        plan.warnings
            .push(format!("a port of an application is named {name}: the agent's {port} has no name"));
        return format!(r#"{{"containerPort":{port},"protocol":"{protocol}"}}"#);
    }
    format!(r#"{{"name":"{name}","containerPort":{port},"protocol":"{protocol}"}}"#)
}

fn tell_applications(otlp: Otlp, spec: &Spec<'_>, plan: &mut Plan<'_>) {
    let endpoint = |port: u16| (OTLP_ENDPOINT, format!("http://localhost:{port}"));
    let told = match otlp {
        Otlp { http: true, .. } => vec![endpoint(OTLP_HTTP)],
        // Put in front one by one, so that the endpoint comes first.
        Otlp { grpc: true, .. } => vec![(OTLP_PROTOCOL.0, OTLP_PROTOCOL.1.to_owned()), endpoint(OTLP_GRPC)],
        Otlp { .. } => return,
    };
    for (variable, value) in told {
        let json = env::literal(variable, &value);
        plan.each(spec, |mut each, warnings| {
            if each.runs_on {
                each.tell(variable, &value, json.clone(), warnings);
            }
        });
    }
}

/// The user's containers that run beside the agent.
fn users<'s, 'p>(spec: &'s Spec<'p>) -> impl Iterator<Item = &'s Container<'p>> {
    let native = spec.init_containers().iter().filter(|c| c.is_native_sidecar());
    native.chain(spec.containers()).filter(|c| !is_own(&c.name))
}
