//! What is added to a pod: one file per row of the product's table, put together here.
//!
//! Every row speaks the same law: absent, it is added; present and equal, nothing happens; present and different, the user's value
//! stays and a warning says so; only what would make the pod invalid or the agent useless is a conflict, and then
//! nothing at all is changed.

mod checks;
mod container;
mod cws;
mod datadog_volumes;
mod ending;
mod env;
mod limit_range;
mod overrides;
mod plan;
mod pod_resources;
mod ports;
mod record;
mod security;
mod size;
mod sockets;
mod tags;
mod template;
mod token;
mod volumes;
mod warnings;

pub(crate) use overrides::{ENABLED_LABEL, OPT_OUT, Overrides, SIDECAR_LABEL, annotations, misspelt};
pub(crate) use record::STATUS;
pub(crate) use template::Template;
pub(crate) use warnings::shorten;

use crate::{
    config::Provider,
    patch::{Fault, string},
    pod::{Container, Pod, Spec},
    rules::Rules,
};
use datadog_volumes::Going;
use plan::Plan;
use std::borrow::Cow;
use warnings::Warnings;

/// The name of the sidecar, as a container or as an init container.
pub const SIDECAR: &str = "datadog-agent-injected";

/// The init step that fills the agent's configuration directory where its root is read-only.
pub const COPY_STEP: &str = "init-copy-agent-config";

/// Why a pod that was selected gets no sidecar; the text says how it comes about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// What must be added contradicts the pod.
    Conflict(String),
    /// With the sidecar there is no size of Fargate for the pod, and without it there is.
    TooLarge(String),
    /// More would be added than a patch may hold.
    TooComplex(String),
}

/// Whether a container is one of ours: applications' settings are none of its business.
pub(crate) fn is_own(name: &str) -> bool {
    name == SIDECAR || name == COPY_STEP || name == cws::STEP
}

/// A patch in JSON, and the warnings that go with it.
pub(crate) struct Addition {
    /// The operations; empty where nothing is to be done.
    pub(crate) patch: Result<Vec<u8>, Fault>,
    /// For people.
    pub(crate) warnings: Vec<String>,
    /// The change of the pod's size on Fargate, where there is one.
    pub(crate) size: String,
}

/// Adds the sidecar of a profile to a pod that has none.
pub(crate) fn inject(
    rules: &Rules,
    profile: usize,
    pod: &Pod<'_>,
    spec: &Spec<'_>,
    overrides: Overrides,
) -> Result<Addition, Obstacle> {
    let Some(template) = rules.template(profile, overrides.without) else {
        return Err(Obstacle::Conflict(format!("profile {profile} does not exist")));
    };
    let metadata = pod.metadata();
    let fargate = rules.config.provider == Provider::Fargate;
    let mut plan = Plan::new(spec, Warnings::from(overrides.warnings));

    let mut shares_processes = spec.share_process_namespace == Some(true);
    let mut socket_mount = None;
    if fargate {
        let going = Going::of(spec);
        datadog_volumes::remove(&going, spec, &mut plan);
        if template.share_processes {
            shares_processes = plan.share_process_namespace(spec);
        }
        if template.sockets {
            socket_mount = Some(sockets::add(metadata, &going, template.silent(), spec, &mut plan)?);
        }
        tags::add(metadata, spec, &mut plan);
    }
    volumes::add(&template.volumes, spec, &mut plan)?;
    plan.add_pull_secrets(spec, &template.pull_secrets, rules.setting.offline);
    if !template.own_token {
        token::warn(spec, &mut plan);
    }
    let ports = ports::choose(template, socket_mount.is_some(), spec, &mut plan)?;
    template.checks.add(metadata, spec, &mut plan);

    let mode = overrides.mode.unwrap_or(template.mode);
    let ending = ending::decide(spec, mode, template.waits, &rules.setting, shares_processes)?;
    plan.warnings.extend(ending.warning);
    let resources = overrides.resources.apply(&template.resources, &mut plan.warnings);
    pod_resources::check(spec, &resources, ending.native)?;
    if fargate {
        size::compare(spec, &resources, ending.native, &mut plan)?;
    }
    let resources = match limit_range::complete(resources, metadata, spec) {
        Cow::Borrowed(_) => Cow::Borrowed(template.resources_json.as_str()),
        Cow::Owned(own) => Cow::Owned(container::resources(&own)),
    };
    let security = security::follow(&template.security, spec);
    let token_mount = token::automatic(spec);
    let token_mount = token_mount.as_deref();
    let per_step = container::PerStep { token_mount, resources: &resources, security: &security };

    if let Some(cws) = &template.cws {
        if lacks_step(spec, cws::STEP)? {
            plan.own_init.push(container::step(cws::STEP, &cws.step, &per_step));
        }
        let probe = ports.probe.as_deref().or(cws.probe.as_deref());
        cws::wrap(&cws.entrypoints, &overrides.entrypoints, probe, spec, &mut plan)?;
    }
    if template.read_only_root {
        if lacks_step(spec, COPY_STEP)? {
            plan.own_init.push(container::step(COPY_STEP, &template.copy_step, &per_step));
        } else if ending.native {
            // It would come after the sidecar, which needs what it copies.
            return Err(named_as(COPY_STEP));
        }
    }
    let sidecar = container::sidecar(
        template,
        &container::PerPod {
            env_label: metadata.labels.as_ref().and_then(|l| l.get(tags::ENV_LABEL)),
            auto_exit: ending.auto_exit,
            native: ending.native,
            waits: ending.waits,
            socket_mount: socket_mount.as_deref(),
            token_mount,
            ports: &ports,
            resources: &resources,
            security: &security,
        },
    );
    if ending.native {
        plan.own_init.push(sidecar);
    } else {
        plan.own_container = Some(sidecar);
    }
    plan.annotations.push((STATUS, Cow::Borrowed(&template.status)));
    Ok(plan.finish(pod))
}

/// Whether an init step of ours is to be added: a template copied from an injected pod brings it along.
fn lacks_step(spec: &Spec<'_>, name: &str) -> Result<bool, Obstacle> {
    let named = |list: &[Container<'_>]| list.iter().any(|c| c.name == name);
    if named(spec.containers()) { Err(named_as(name)) } else { Ok(!named(spec.init_containers())) }
}

fn named_as(name: &str) -> Obstacle {
    Obstacle::Conflict(format!("the pod has a container {name} of its own"))
}

/// Marks the pod of a probe, and changes nothing else.
pub(crate) fn probed(rules: &Rules, pod: &Pod<'_>, spec: &Spec<'_>) -> Addition {
    let mut plan = Plan::new(spec, Warnings::default());
    plan.annotations.push((STATUS, Cow::Owned(string(&record::probed(&rules.config)))));
    plan.finish(pod)
}

/// Gives what other injectors added beside our sidecar what it lacks, and changes nothing else.
pub(crate) fn complete(rules: &Rules, pod: &Pod<'_>, spec: &Spec<'_>) -> Addition {
    let mut plan = Plan::new(spec, Warnings::default());
    if rules.config.provider == Provider::Fargate {
        let going = Going::of(spec);
        datadog_volumes::remove(&going, spec, &mut plan);
        sockets::complete(&going, spec, &mut plan);
        tags::add(pod.metadata(), spec, &mut plan);
    }
    plan.finish(pod)
}
