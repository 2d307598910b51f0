//! What the sidecar makes of the pod's size on Fargate, which is what the pod costs.

use super::{Obstacle, is_own, plan::Plan};
use crate::{
    config::Resources,
    fargate::{Added, Asked, Need, Reading, Size},
    pod::Spec,
    quantity,
};

/// Compares the pod's size before and after, and warns where it changes or where nobody but the sidecar determines it.
pub(super) fn compare(
    spec: &Spec<'_>,
    sidecar: &Resources,
    native: bool,
    plan: &mut Plan<'_>,
) -> Result<(), Obstacle> {
    let amount = |resource: &str| {
        let stated = sidecar.requests.iter().find(|(name, _)| name == resource);
        stated.and_then(|(_, amount)| quantity::parse(amount).ok()).unwrap_or_default()
    };
    let added = Added { need: Need { cpu: amount("cpu"), memory: amount("memory") }, native };
    let asked = Asked::read(spec);
    let size = |added, reading| Size::of(asked.together(added, reading));

    // A pod that is too large by itself is none of our business.
    let Some(before) = size(None, Reading::LongRunning) else { return Ok(()) };
    let Some(after) = size(Some(added), Reading::LongRunning) else {
        return Err(Obstacle::TooLarge(format!(
            "of {before} without the sidecar, the pod is larger with it than the largest size of Fargate"
        )));
    };
    if before != after {
        plan.warnings.push(format!("Fargate size {before} becomes {after} with the sidecar"));
        plan.size = format!("{before} -> {after}");
    }
    if native
        && let Some(otherwise) = size(Some(added), Reading::InitStep)
        && otherwise != after
    {
        plan.warnings
            .push(format!("Fargate size {otherwise} instead, if AWS counts native sidecars as init steps"));
    }
    let mut each = spec.all_containers().zip(asked.each());
    if spec.resources.is_none() && each.all(|(c, need)| is_own(&c.name) || need == Need::default()) {
        plan.warnings.push(
            "no container of the pod states requests: the sidecar alone determines its Fargate size".into(),
        );
    }
    Ok(())
}
