//! All that is to be done to a pod, list by list, and its turning into operations.

use super::{Addition, is_own, warnings::Warnings};
use crate::{
    patch::{Edits, Patch, Shape, Step, Step::Key, string},
    pod::{Annotations, Container, Metadata, Pod, Set, Spec},
};
use std::borrow::Cow;

const SPEC: Step<'static> = Key("spec");

/// What is to be done to a pod. Rows add to it; the order of operations is made once, at the end.
#[derive(Debug)]
pub(super) struct Plan<'r> {
    pub(super) volumes: Edits<'r>,
    pub(super) pull_secrets: Edits<'r>,
    /// As many as the pod has containers.
    pub(super) containers: Vec<Extra<'r>>,
    /// As many as the pod has init containers.
    pub(super) init_containers: Vec<Extra<'r>>,
    /// Our init containers, put in front of the pod's.
    pub(super) own_init: Vec<String>,
    /// Our container, put behind the pod's.
    pub(super) own_container: Option<String>,
    /// Annotations set, as JSON texts.
    pub(super) annotations: Vec<(&'r str, Cow<'r, str>)>,
    pub(super) share_processes: bool,
    /// The change of the pod's size on Fargate, where there is one.
    pub(super) size: String,
    pub(super) warnings: Warnings,
}

/// What is to be done to one of the pod's containers.
#[derive(Debug, Default)]
pub(super) struct Extra<'r> {
    pub(super) mounts: Edits<'r>,
    pub(super) env: Edits<'r>,
    /// A new command, as JSON.
    pub(super) command: Option<String>,
}

/// One of the user's containers, with what is to be done to it.
pub(super) struct Each<'p, 'v, 'r> {
    pub(super) container: &'p Container<'v>,
    pub(super) extra: &'p mut Extra<'r>,
    /// Whether it runs as long as the applications do: a container or a native sidecar.
    pub(super) runs_on: bool,
}

impl<'r> Each<'_, '_, 'r> {
    /// Gives the container a variable, written as `json`. Where it is set to something else that stays, with a warning.
    pub(super) fn tell(
        &mut self,
        variable: &str,
        value: &str,
        json: impl Into<Cow<'r, str>>,
        warnings: &mut Warnings,
    ) {
        match self.container.env.as_ref().and_then(|env| env.compare(variable, value)) {
            None => self.extra.env.prepend.push(json.into()),
            Some(Set::Equal) => {}
            Some(Set::Different | Set::Reference) => {
                warnings.about(&format!("{variable} is set already and stays in"), &self.container.name);
            }
        }
    }
}

impl<'r> Plan<'r> {
    pub(super) fn new(spec: &Spec<'_>, warnings: Warnings) -> Self {
        let extras = |n: usize| std::iter::repeat_with(Extra::default).take(n).collect();
        Self {
            volumes: Edits::default(),
            pull_secrets: Edits::default(),
            containers: extras(spec.containers().len()),
            init_containers: extras(spec.init_containers().len()),
            own_init: Vec::new(),
            own_container: None,
            annotations: Vec::new(),
            share_processes: false,
            size: String::new(),
            warnings,
        }
    }

    /// Calls `visit` for each of the user's containers and init containers, never for one of ours.
    pub(super) fn each<'v>(
        &mut self,
        spec: &Spec<'v>,
        mut visit: impl FnMut(Each<'_, 'v, 'r>, &mut Warnings),
    ) {
        let init = spec.init_containers().iter().zip(&mut self.init_containers).map(|(container, extra)| {
            let runs_on = container.is_native_sidecar();
            Each { container, extra, runs_on }
        });
        let plain = spec.containers().iter().zip(&mut self.containers).map(|(container, extra)| Each {
            container,
            extra,
            runs_on: true,
        });
        for each in init.chain(plain).filter(|each| !is_own(&each.container.name)) {
            visit(each, &mut self.warnings);
        }
    }

    /// Makes the containers share their processes, where the user has no objection; says whether they do.
    pub(super) fn share_process_namespace(&mut self, spec: &Spec<'_>) -> bool {
        match spec.share_process_namespace {
            Some(true) => true,
            Some(false) => {
                self.warnings.push(
                    "shareProcessNamespace: false stays: the agent sees no processes of other containers"
                        .into(),
                );
                false
            }
            None => {
                self.share_processes = true;
                true
            }
        }
    }

    /// Appends Secrets for pulling images that are not there yet.
    pub(super) fn add_pull_secrets(&mut self, spec: &Spec<'_>, names: &[String], offline: bool) {
        let there = spec.image_pull_secrets.as_deref().unwrap_or_default();
        let missing = names.iter().filter(|name| !there.iter().any(|secret| *secret.name == ***name));
        self.pull_secrets.append =
            missing.map(|name| format!(r#"{{"name":{}}}"#, string(name)).into()).collect();
        if offline && there.is_empty() && !self.pull_secrets.append.is_empty() {
            self.warnings
                .push("imagePullSecrets: naming any here drops those of the pod's ServiceAccount".into());
        }
    }

    /// Turns the plan into operations: containers by position first, then what shifts positions.
    pub(super) fn finish(mut self, pod: &Pod<'_>) -> Addition {
        let mut patch = Patch::new(shape(pod));
        for (list, extras) in [("initContainers", &self.init_containers), ("containers", &self.containers)] {
            for (index, extra) in extras.iter().enumerate() {
                let at = |field| [SPEC, Key(list), Step::Index(index), Key(field)];
                patch.edit(&at("env"), &extra.env);
                patch.edit(&at("volumeMounts"), &extra.mounts);
                if let Some(command) = &extra.command {
                    patch.set(&at("command"), command);
                }
            }
        }
        patch.edit(&[SPEC, Key("volumes")], &self.volumes);
        let own_init = std::mem::take(&mut self.own_init);
        let own = |list: Vec<String>| list.into_iter().map(Into::into).collect();
        let init = Edits { prepend: own(own_init), ..Edits::default() };
        patch.edit(&[SPEC, Key("initContainers")], &init);
        let container =
            Edits { append: own(self.own_container.take().into_iter().collect()), ..Edits::default() };
        patch.edit(&[SPEC, Key("containers")], &container);
        patch.edit(&[SPEC, Key("imagePullSecrets")], &self.pull_secrets);
        if self.share_processes {
            patch.set(&[SPEC, Key("shareProcessNamespace")], "true");
        }
        let there = pod.metadata().annotations.as_ref().map_or(0, Annotations::size);
        let mut room = Annotations::LIMIT.saturating_sub(there);
        for (key, value) in &self.annotations {
            // Escaped, a value is longer than what counts.
            let Some(left) = room.checked_sub(key.len() + value.len()) else {
                self.warnings.push(format!("annotation {key} is left out: the pod's are as large as may be"));
                continue;
            };
            room = left;
            patch.set(&[Key("metadata"), Key("annotations"), Key(key)], value);
        }
        Addition { patch: patch.finish(), warnings: self.warnings.finish(), size: self.size }
    }
}

/// The outline of a pod, as far as a plan reaches.
fn shape<'a>(pod: &Pod<'_>) -> Shape<'a> {
    let containers = |list: &[Container<'_>]| {
        Shape::List(
            list.iter()
                .map(|c| {
                    Shape::object([
                        c.command.as_ref().map(|_| ("command", Shape::Leaf)),
                        c.env.as_ref().map(|env| ("env", Shape::Leaves(env.len))),
                        c.volume_mounts.as_ref().map(|mounts| ("volumeMounts", Shape::Leaves(mounts.len()))),
                    ])
                })
                .collect(),
        )
    };
    let annotations = |a: &Annotations<'_>| {
        let known = super::record::WRITTEN.into_iter().filter(|key| a.get(key).is_some());
        Shape::Object(known.map(|key| (key, Shape::Leaf)).collect())
    };
    let metadata =
        |m: &Metadata<'_>| Shape::object([m.annotations.as_ref().map(|a| ("annotations", annotations(a)))]);
    let spec = |spec: &Spec<'_>| {
        Shape::object([
            spec.volumes.as_ref().map(|list| ("volumes", Shape::Leaves(list.len()))),
            spec.image_pull_secrets.as_ref().map(|list| ("imagePullSecrets", Shape::Leaves(list.len()))),
            spec.init_containers.as_ref().map(|list| ("initContainers", containers(list))),
            spec.containers.as_ref().map(|list| ("containers", containers(list))),
            spec.share_process_namespace.map(|_| ("shareProcessNamespace", Shape::Leaf)),
        ])
    };
    Shape::object([
        pod.metadata.as_ref().map(|m| ("metadata", metadata(m))),
        pod.spec.as_ref().map(|s| ("spec", spec(s))),
    ])
}
