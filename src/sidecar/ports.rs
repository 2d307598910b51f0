//! Ports: those through which applications reach the agent, and those of its own that an application has already.
//!
//! The containers of a pod share one network: two of them cannot listen on the same port.

use super::{Obstacle, env, is_own, plan::Plan};
use crate::{
    config,
    pod::{Container, Protocol, Spec},
};
use std::{cell::LazyCell, collections::HashSet};

/// The agent's own ports, on loopback, each with the variable that moves it.
const OWN: [(u16, &str); 5] = [
    (5000, "DD_EXPVAR_PORT"),
    (5001, "DD_CMD_PORT"),
    (5012, "DD_APM_DEBUG_PORT"),
    (6062, "DD_PROCESS_CONFIG_EXPVAR_PORT"),
    (6162, "DD_PROCESS_CONFIG_CMD_PORT"),
];

/// Where the agent's own ports move to: the first that is free from here on.
const MOVED: u16 = 15000;

const DOGSTATSD: u16 = 8125;
const APM: u16 = 8126;
const OTLP_GRPC: u16 = 4317;
const OTLP_HTTP: u16 = 4318;

/// Where applications send what they trace with OpenTelemetry.
const OTLP_ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");

/// What ports make of the sidecar.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Variables, as JSON texts.
    pub(super) env: Vec<String>,
    /// Its `ports`, as JSON texts.
    pub(super) ports: Vec<String>,
}

/// Chooses the sidecar's ports beside those of the pod.
pub(super) fn choose(
    asked: config::Ports,
    sockets: bool,
    configured: impl Fn(&str) -> bool,
    spec: &Spec<'_>,
    plan: &mut Plan<'_>,
) -> Result<Chosen, Obstacle> {
    let taken = |port: u16, protocol: Protocol| {
        users(spec).any(|c| c.ports().iter().any(|p| p.container_port.0 == port && p.protocol() == protocol))
    };
    let mut chosen = Chosen::default();
    // A pod may state tens of thousands of ports: they are looked at once, and only where it matters.
    let occupied = LazyCell::new(|| {
        let ports = users(spec).flat_map(Container::ports);
        ports.filter(|p| p.protocol() == Protocol::Tcp).map(|p| p.container_port.0).collect::<HashSet<_>>()
    });
    let mut free = (MOVED..=u16::MAX).filter(|port| !occupied.contains(port));
    for (port, variable) in OWN {
        if configured(variable) || !taken(port, Protocol::Tcp) {
            continue;
        }
        let Some(next) = free.next() else {
            return Err(Obstacle::Conflict(format!(
                "port {port} is an application's, and none is free for the agent's own"
            )));
        };
        chosen.env.push(env::literal(variable, &next.to_string()));
        plan.warnings.push(format!("port {port} is an application's: the agent's own moves to {next}"));
    }
    let receivers = [
        (DOGSTATSD, Protocol::Udp, "DD_DOGSTATSD_PORT", asked.dogstatsd, "dogstatsdport"),
        (APM, Protocol::Tcp, "DD_APM_RECEIVER_PORT", asked.apm, "traceport"),
    ];
    for (port, protocol, variable, wanted, name) in receivers {
        if !taken(port, protocol) {
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
    if asked.otlp {
        if taken(OTLP_GRPC, Protocol::Tcp) || taken(OTLP_HTTP, Protocol::Tcp) {
            plan.warnings.push("port 4317 or 4318 is an application's: the agent receives no OTLP".into());
        } else {
            let receivers = [
                (OTLP_GRPC, "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT", "otlpgrpcport"),
                (OTLP_HTTP, "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_HTTP_ENDPOINT", "otlphttpport"),
            ];
            for (port, variable, name) in receivers {
                if !configured(variable) {
                    chosen.env.push(env::literal(variable, &format!("0.0.0.0:{port}")));
                }
                chosen.ports.push(declared(port, Protocol::Tcp, name, spec, plan));
            }
            tell_applications(spec, plan);
        }
    }
    Ok(chosen)
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

fn tell_applications(spec: &Spec<'_>, plan: &mut Plan<'_>) {
    let (variable, value) = OTLP_ENDPOINT;
    let json = env::literal(variable, value);
    plan.each(spec, |mut each, warnings| {
        if each.runs_on {
            each.tell(variable, value, json.clone(), warnings);
        }
    });
}

/// The user's containers that run beside the agent.
fn users<'s, 'p>(spec: &'s Spec<'p>) -> impl Iterator<Item = &'s Container<'p>> {
    let native = spec.init_containers().iter().filter(|c| c.is_native_sidecar());
    native.chain(spec.containers()).filter(|c| !is_own(&c.name))
}
