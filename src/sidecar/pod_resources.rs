//! Pods that state requests and limits as a whole: the API server refuses one whose containers ask for more.

use super::Obstacle;
use crate::{
    config::Resources,
    pod::{self, Container, Spec},
    quantity::{self, Quantity},
};
use serde_json::value::RawValue;

/// Checks that the sidecar fits a pod's own `spec.resources`, where there are any.
///
/// The rule is the API server's: the containers' requests together are at most the pod's, and no container's limit is above the pod's.
pub(super) fn check(spec: &Spec<'_>, sidecar: &Resources, native: bool) -> Result<(), Obstacle> {
    let Some(whole) = spec.resources.and_then(read) else { return Ok(()) };
    for (resource, most) in whole.limits.iter().flat_map(pod::Pairs::iter) {
        if quantity_of(&sidecar.limits, resource) > quantity::parse(most).ok() {
            return Err(Obstacle::Conflict(format!(
                "the sidecar's {resource} limit exceeds that of the pod's spec.resources"
            )));
        }
    }
    // Of what the sidecar asks for none of, it changes nothing.
    for (resource, own) in &sidecar.requests {
        let most = whole.requests.as_ref().and_then(|requests| requests.get(resource));
        let (Some(most), Ok(own)) = (most, quantity::parse(own)) else { continue };
        if Some(requested(spec, resource, own, native)) > quantity::parse(most).ok() {
            return Err(Obstacle::Conflict(format!(
                "with the sidecar the containers' {resource} requests exceed the pod's spec.resources"
            )));
        }
    }
    Ok(())
}

/// What the containers request together: those that run side by side, or the largest init step beside the native sidecars
/// that run by then.
fn requested(spec: &Spec<'_>, resource: &str, own: Quantity, native: bool) -> Quantity {
    let mut running = if native { own } else { Quantity::default() };
    let mut largest_step = Quantity::default();
    for container in spec.init_containers() {
        let request = request(container, resource);
        if container.is_native_sidecar() {
            running = running + request;
        } else {
            largest_step = largest_step.max(running + request);
        }
    }
    let containers = spec.containers().iter().fold(running, |sum, c| sum + request(c, resource));
    let all = if native { containers } else { containers + own };
    all.max(largest_step)
}

/// A container's request; without one, its limit counts, as the API server defaults it.
fn request(container: &Container<'_>, resource: &str) -> Quantity {
    let stated = container.resources.and_then(read).unwrap_or_default();
    let side = |pairs: &Option<pod::Pairs<'_>>| {
        pairs.as_ref().and_then(|p| p.get(resource)).and_then(|q| quantity::parse(q).ok())
    };
    side(&stated.requests).or_else(|| side(&stated.limits)).unwrap_or_default()
}

fn read(raw: &RawValue) -> Option<pod::Resources<'_>> {
    serde_json::from_str::<Option<_>>(raw.get()).ok().flatten()
}

fn quantity_of(list: &[(String, String)], resource: &str) -> Option<Quantity> {
    list.iter().find(|(name, _)| name == resource).and_then(|(_, q)| quantity::parse(q).ok())
}
