//! What is added to a pod: one file per row of the product's table, put together here.
//!
//! Every row speaks the same law: absent, it is added; present and equal, nothing happens; present and different, the user's value
//! stays and a warning says so; only what would make the pod invalid or the agent useless is a [`Conflict`].

mod container;
mod datadog_volumes;
mod ending;
mod env;
mod overrides;
mod plan;
mod pod_resources;
mod record;
mod security;
mod sockets;
mod tags;
mod template;
mod volumes;
mod warnings;

pub(crate) use overrides::Overrides;
pub(crate) use record::STATUS;
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

/// What must be added contradicts the pod; the text says how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict(pub(crate) String);

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
}

/// Adds the sidecar of a profile to a pod that has none.
pub(crate) fn inject(
    rules: &Rules,
    profile: usize,
    pod: &Pod<'_>,
    spec: &Spec<'_>,
    overrides: Overrides,
) -> Result<Addition, Conflict> {
    let Some(template) = rules.templates.get(profile) else {
        return Err(Conflict(format!("profile {profile} does not exist")));
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
            return Err(Conflict(format!("the pod has a container {COPY_STEP} of its own")));
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
    plan.annotations.push((STATUS, string(&record::status(&rules.config, profile))));
    Ok(plan.finish(pod))
}

/// Marks the pod of a probe, and changes nothing else.
pub(crate) fn probed(rules: &Rules, pod: &Pod<'_>, spec: &Spec<'_>) -> Addition {
    let mut plan = Plan::new(spec, Warnings::default());
    plan.annotations.push((STATUS, string(&record::probed(&rules.config))));
    plan.finish(pod)
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
