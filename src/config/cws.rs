//! Workload Protection without eBPF, layered whether or not it is on.

use super::{
    Cws, file, image, names,
    problem::{Path, Report},
};

/// What a layer makes of it: what it would be, and whether it is.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) enabled: bool,
    pub(super) cws: Cws,
}

impl Layer {
    /// What is in force.
    pub(super) fn in_force(&self) -> Option<Cws> {
        self.enabled.then(|| self.cws.clone())
    }
}

/// A layer over the one below; of entrypoints, container by container.
pub(super) fn lay(lower: &Layer, upper: &file::Cws, path: &Path, report: &mut Report) -> Layer {
    let mut entrypoints = lower.cws.entrypoints.clone();
    for (container, command) in &upper.entrypoints {
        let path = path.key("entrypoints").key(container);
        if names::dns_label(container).is_err() {
            report.add(&path, "is no name of a container");
        }
        if command.first().is_none_or(String::is_empty) {
            report.add(&path, "must begin with a program, such as [/docker-entrypoint.sh, run]");
        }
        match entrypoints.iter_mut().find(|(other, _)| other == container) {
            Some((_, other)) => other.clone_from(command),
            None => entrypoints.push((container.clone(), command.clone())),
        }
    }
    let image = image::lay(&lower.cws.image, &upper.image, &path.key("image"), report);
    Layer { enabled: upper.enabled.unwrap_or(lower.enabled), cws: Cws { image, entrypoints } }
}
