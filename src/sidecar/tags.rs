//! Unified service tagging: the pod's labels as variables of its applications.

use super::plan::Plan;
use crate::pod::{Metadata, Set, Spec};

/// The label whose value is also the agent's own `DD_ENV`.
pub(super) const ENV_LABEL: &str = "tags.datadoghq.com/env";

const VARIABLES: [(&str, &str); 3] = [
    (ENV_LABEL, "DD_ENV"),
    ("tags.datadoghq.com/service", "DD_SERVICE"),
    ("tags.datadoghq.com/version", "DD_VERSION"),
];

/// Whether a label's value says something, and is no longer than the API server takes: it goes into every container.
pub(super) fn is_value(value: &str) -> bool {
    !value.is_empty() && value.len() <= 63
}

/// Gives every container of the user's the variables of the pod's labels that it has none of.
pub(super) fn add(metadata: &Metadata<'_>, spec: &Spec<'_>, plan: &mut Plan<'_>) {
    let Some(labels) = &metadata.labels else { return };
    for (label, variable) in VARIABLES {
        let Some(value) = labels.get(label).filter(|v| is_value(v)) else { continue };
        let json = super::env::literal(variable, value);
        plan.each(spec, |each, warnings| {
            match each.container.env.as_ref().and_then(|env| env.compare(variable, value)) {
                None => each.extra.env.prepend.push(json.clone().into()),
                // A reference is most often to this very label.
                Some(Set::Equal | Set::Reference) => {}
                Some(Set::Different) => {
                    warnings.about(
                        &format!("{variable} differs from the pod's label and stays in"),
                        &each.container.name,
                    );
                }
            }
        });
    }
}
