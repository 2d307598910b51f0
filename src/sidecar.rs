//! What is added to a pod: one file per row of the product's table, put together here.
//!
//! Every row speaks the same law: absent, it is added; present and equal, nothing happens; present and different, the user's value
//! stays and a warning says so; only what would make the pod invalid or the agent useless is a conflict, and then
//! nothing at all is changed.

mod container;
mod datadog_volumes;
mod ending;
mod env;
mod overrides;
mod plan;
mod pod_resources;
mod record;
mod security;
mod size;
mod sockets;
mod tags;
mod template;
mod volumes;
mod warnings;

pub(crate) use overrides::Overrides;
pub(crate) use template::Template;
pub(crate) use warnings::shorten;

use crate::{
    config::Provider,
    patch::{Fault, string},
    pod::{Container, Pod, Spec},
    rules::Rules,
};
use plan::Plan;
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
}

/// Whether a container is one of ours: applications' settings are none of its business.
pub(crate) fn is_own(name: &str) -> bool {
    name == SIDECAR || name == COPY_STEP
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
    let Some(template) = rules.templates.get(profile) else {
        return Err(Obstacle::Conflict(format!("profile {profile} does not exist")));
    };
    let metadata = pod.metadata();
    let fargate = rules.config.provider == Provider::Fargate;
    let mut plan = Plan::new(spec, Warnings::from(overrides.warnings));

    let mut shares_processes = spec.share_process_namespace == Some(true);
    let mut socket_mount = None;
    if fargate {
        datadog_volumes::remove(spec, &mut plan);
        shares_processes = plan.share_process_namespace(spec);
        socket_mount = Some(sockets::add(metadata, spec, &mut plan)?);
        tags::add(metadata, spec, &mut plan);
    }
    volumes::add(&template.volumes, spec, &mut plan)?;
    plan.add_pull_secrets(spec, &rules.config.image_pull_secrets, rules.setting.offline);

    let ending =
        ending::decide(spec, overrides.mode.unwrap_or(template.mode), &rules.setting, shares_processes)?;
    plan.warnings.extend(ending.warning);
    let resources = overrides.resources.apply(&template.resources, &mut plan.warnings);
    pod_resources::check(spec, &resources, ending.native)?;
    if fargate {
        size::compare(spec, &resources, ending.native, &mut plan)?;
    }
    let security = security::follow(&template.security_context, spec);

    let sidecar = container::sidecar(
        template,
        &container::PerPod {
            env_label: metadata.labels.as_ref().and_then(|l| l.get(tags::ENV_LABEL)),
            auto_exit: ending.auto_exit,
            native: ending.native,
            socket_mount: socket_mount.as_deref(),
            resources: &resources,
            security: &security,
        },
    );
    if template.read_only_root {
        let named = |list: &[Container<'_>]| list.iter().any(|c| c.name == COPY_STEP);
        let kept = named(spec.init_containers());
        if named(spec.containers()) || kept && ending.native {
            return Err(Obstacle::Conflict(format!("the pod has a container {COPY_STEP} of its own")));
        }
        // A template copied from an injected pod brings the step along.
        if !kept {
            plan.own_init.push(container::copy_step(template, &resources, &security));
        }
    }
    if ending.native {
        plan.own_init.push(sidecar);
    } else {
        plan.own_container = Some(sidecar);
    }
    plan.annotations.push((record::STATUS, string(&record::status(&rules.config, profile))));
    Ok(plan.finish(pod))
}

/// Gives what other injectors added beside our sidecar what it lacks, and changes nothing else.
pub(crate) fn complete(rules: &Rules, pod: &Pod<'_>, spec: &Spec<'_>) -> Addition {
    let mut plan = Plan::new(spec, Warnings::default());
    if rules.config.provider == Provider::Fargate {
        datadog_volumes::remove(spec, &mut plan);
        sockets::complete(spec, &mut plan);
        tags::add(pod.metadata(), spec, &mut plan);
    }
    plan.finish(pod)
}
