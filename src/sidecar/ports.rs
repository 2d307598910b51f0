//! Ports: those through which applications reach the agent, and those of its own that an application has already.
//!
//! The containers of a pod share one network: two of them cannot listen on the same port.

use super::{Obstacle, env, is_own, plan::Plan};
use crate::{
    config,
    pod::{Container, Protocol, Set, Spec},
};

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
    pub(super) ports: Vec<&'static str>,
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
    let mut next = MOVED;
    for (port, variable) in OWN {
        if configured(variable) || !taken(port, Protocol::Tcp) {
            continue;
        }
        while taken(next, Protocol::Tcp) {
            next += 1;
        }
        chosen.env.push(env::literal(variable, &next.to_string()));
        plan.warnings.push(format!("port {port} is an application's: the agent's own moves to {next}"));
        next += 1;
    }
    let receivers = [
        (DOGSTATSD, Protocol::Udp, "DD_DOGSTATSD_PORT", asked.dogstatsd, DOGSTATSD_PORT),
        (APM, Protocol::Tcp, "DD_APM_RECEIVER_PORT", asked.apm, APM_PORT),
    ];
    for (port, protocol, variable, wanted, json) in receivers {
        if configured(variable) || !taken(port, protocol) {
            chosen.ports.extend(wanted.then_some(json));
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
            chosen.env.push(env::literal("DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT", "0.0.0.0:4317"));
            chosen.env.push(env::literal("DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_HTTP_ENDPOINT", "0.0.0.0:4318"));
            chosen.ports.extend([OTLP_GRPC_PORT, OTLP_HTTP_PORT]);
            tell_applications(spec, plan);
        }
    }
    Ok(chosen)
}

const DOGSTATSD_PORT: &str = r#"{"name":"dogstatsdport","containerPort":8125,"protocol":"UDP"}"#;
const APM_PORT: &str = r#"{"name":"traceport","containerPort":8126,"protocol":"TCP"}"#;
const OTLP_GRPC_PORT: &str = r#"{"name":"otlpgrpcport","containerPort":4317,"protocol":"TCP"}"#;
const OTLP_HTTP_PORT: &str = r#"{"name":"otlphttpport","containerPort":4318,"protocol":"TCP"}"#;

fn tell_applications(spec: &Spec<'_>, plan: &mut Plan<'_>) {
    let (variable, value) = OTLP_ENDPOINT;
    plan.each(spec, |each, warnings| {
        if !each.runs_on {
            return;
        }
        match each.container.env.as_ref().and_then(|env| env.compare(variable, value)) {
            None => each.extra.env.prepend.push(env::literal(variable, value).into()),
            Some(Set::Equal) => {}
            Some(Set::Different | Set::Reference) => {
                warnings.about(&format!("{variable} is set already and stays in"), &each.container.name);
            }
        }
    });
}

/// The user's containers that run beside the agent.
fn users<'s, 'p>(spec: &'s Spec<'p>) -> impl Iterator<Item = &'s Container<'p>> {
    let native = spec.init_containers().iter().filter(|c| c.is_native_sidecar());
    native.chain(spec.containers()).filter(|c| !is_own(&c.name))
}
