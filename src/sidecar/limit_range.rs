//! The ephemeral storage that a LimitRange of the namespace gives containers that state none, told from what it gave the pod's own.
//!
//! The API server's LimitRanger plugin has run by then, and writes what it set into an annotation. It runs again after the patch: what
//! it changed in the containers that are added would make the API server ask about the pod once more. A pod that was copied out of such
//! a namespace brings the annotation along, and gets what its containers have.

use crate::{
    config::Resources,
    pod::{self, Annotations, Metadata, Spec},
    quantity,
};
use std::borrow::Cow;

const STORAGE: &str = "ephemeral-storage";

/// What the annotation begins with; `cpu, memory request for container app; memory limit for init container step` follows.
const PREFIX: &str = "LimitRanger plugin set: ";

/// The resources with the ephemeral storage of a LimitRange, where they state none.
pub(super) fn complete<'r>(
    resources: Cow<'r, Resources>,
    metadata: &Metadata<'_>,
    spec: &Spec<'_>,
) -> Cow<'r, Resources> {
    let states = |list: &[(String, String)]| list.iter().any(|(name, _)| name == STORAGE);
    if states(&resources.requests) || states(&resources.limits) {
        return resources;
    }
    let Some(Given { request, limit }) = given(metadata, spec) else { return resources };
    let mut resources = resources.into_owned();
    resources.requests.push((STORAGE.into(), request));
    resources.limits.extend(limit.map(|limit| (STORAGE.into(), limit)));
    Cow::Owned(resources)
}

/// What every container gets that states nothing.
struct Given {
    request: String,
    limit: Option<String>,
}

/// Reads it off a container whose request was set: one that stated a limit has a request by then, so where the plugin set no limit
/// there is none to set.
fn given(metadata: &Metadata<'_>, spec: &Spec<'_>) -> Option<Given> {
    let set = metadata.annotations.as_ref()?.get(Annotations::LIMIT_RANGER)?.strip_prefix(PREFIX)?;
    let name = containers(set, " request for ").next()?;
    let container = spec.all_containers().find(|container| container.name == name)?;
    let resources = serde_json::from_str::<pod::Resources<'_>>(container.resources?.get()).ok()?;
    let amount = |side: Option<pod::Pairs<'_>>| quantity::canonical(side?.get(STORAGE)?).ok();
    let limited = containers(set, " limit for ").any(|limited| limited == name);
    let limit = if limited { Some(amount(resources.limits)?) } else { None };
    Some(Given { request: amount(resources.requests)?, limit })
}

/// The containers whose ephemeral storage was set, on one side.
fn containers<'s>(set: &'s str, side: &'static str) -> impl Iterator<Item = &'s str> {
    let parts = set.split("; ").filter_map(move |part| part.split_once(side));
    let storage = parts.filter(|(resources, _)| resources.split(", ").any(|resource| resource == STORAGE));
    storage.filter_map(|(_, container)| container.rsplit(' ').next())
}
