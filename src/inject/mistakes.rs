//! Classic mistakes in a template: a name that is misspelt, of the wrong kind or in the wrong place, a quantity that is none.

use super::{
    place::{Pairs, Place},
    unmatched::wanted,
};
use crate::{
    config::Selector,
    near::{is_near, nearest},
    pod::Annotations,
    quantity,
    sidecar::{self, ENABLED_LABEL, SIDECAR_LABEL},
};
use serde_json::Value;

/// What names of Datadog's begin with.
const DATADOG: [&str; 2] = ["agent.datadoghq.com/", "admission.datadoghq.com/"];

/// Suffixes of quantities: in lower case without a final `b`, and the two that may be meant.
const SUFFIXES: [(&str, &str, &str); 8] = [
    ("k", "Ki", "k"),
    ("m", "Mi", "M"),
    ("g", "Gi", "G"),
    ("t", "Ti", "T"),
    ("ki", "Ki", "k"),
    ("mi", "Mi", "M"),
    ("gi", "Gi", "G"),
    ("ti", "Ti", "T"),
];

/// Whether a template or what holds it says anything to us, be it misspelt.
pub(super) fn addresses_us(place: &Place<'_>) -> bool {
    let ours = |key: &str| {
        key.starts_with(SIDECAR_LABEL)
            || sidecar::annotations().any(|known| is_near(key, known))
            || is_near(key, SIDECAR_LABEL)
    };
    [Pairs::Labels, Pairs::Annotations].into_iter().any(|pairs| {
        let mut own = pairs.of(place.template).map(|(key, _)| key);
        own.any(ours) || place.holders.iter().any(|holder| holder.keys(pairs).any(ours))
    })
}

/// Says which labels and annotations have no effect though they were meant for us. The decision of an `injected` pod tells
/// of annotations that begin as ours do, and the label `told` is told of elsewhere.
pub(super) fn names(
    place: &Place<'_>,
    selectors: &[Selector],
    injected: bool,
    told: Option<&str>,
) -> Vec<String> {
    let mut notes = Vec::new();
    for (key, _) in Pairs::Labels.of(place.template).filter(|(key, _)| Some(*key) != told) {
        notes.extend(label(key, place, selectors));
    }
    for (key, _) in Pairs::Annotations.of(place.template) {
        let told = injected && key.starts_with(Annotations::OURS);
        notes.extend(annotation(key, place).filter(|_| !told));
    }
    for key in sidecar::annotations().filter(|key| *key != sidecar::STATUS) {
        notes.extend(misplaced(Pairs::Annotations, key, place));
    }
    if injected {
        notes.extend(misplaced(Pairs::Labels, ENABLED_LABEL, place).filter(|_| {
            place.misplaced(Pairs::Labels, ENABLED_LABEL).is_some_and(|(_, value)| value != "true")
        }));
    }
    notes
}

fn label(key: &str, place: &Place<'_>, selectors: &[Selector]) -> Option<String> {
    if sidecar::annotations().any(|known| known == key) {
        return Some(wrong_kind(Pairs::Labels, key, Pairs::Annotations));
    }
    let mut known: Vec<&str> = vec![SIDECAR_LABEL, ENABLED_LABEL];
    known.extend(selectors.iter().filter_map(|s| s.object.as_ref()).flat_map(wanted).map(|(key, _)| key));
    if known.contains(&key) || !DATADOG.iter().any(|prefix| key.starts_with(prefix)) {
        return None;
    }
    let missing = known.into_iter().filter(|known| Pairs::Labels.get(place.template, known).is_none());
    let meant = nearest(key, missing)?;
    Some(format!("label {key} is ignored: did you mean {meant}?"))
}

fn annotation(key: &str, place: &Place<'_>) -> Option<String> {
    if let Some(label) = [SIDECAR_LABEL, ENABLED_LABEL].into_iter().find(|label| is_near(key, label)) {
        let there = Pairs::Labels.get(place.template, label).is_some();
        return (!there).then(|| wrong_kind(Pairs::Annotations, key, Pairs::Labels));
    }
    let known = sidecar::annotations().any(|known| known == key);
    let meant = key.starts_with(Annotations::OURS) || sidecar::annotations().any(|known| is_near(key, known));
    (!known && meant).then(|| sidecar::misspelt(key))
}

fn wrong_kind(is: Pairs, key: &str, belongs: Pairs) -> String {
    format!("{} {key} has no effect: it must be in metadata.{}", is.one(), belongs.key())
}

/// Says that a pair is on what holds the template, where no pod gets it.
fn misplaced(pairs: Pairs, key: &str, place: &Place<'_>) -> Option<String> {
    let (holder, _) = place.misplaced(pairs, key)?;
    let home = place.home(pairs);
    Some(format!(
        "{} {key} is on {} and has no effect there; it must be on {home}",
        pairs.one(),
        holder.called
    ))
}

/// Says which requests and limits are no quantities, which the API server would refuse.
pub(super) fn quantities(template: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(spec) = template.get("spec") else { return notes };
    wrong_quantities(spec, "the pod", &mut notes);
    let lists = ["initContainers", "containers"].into_iter().filter_map(|list| spec.get(list)?.as_array());
    for container in lists.flatten() {
        let name = container.get("name").and_then(Value::as_str).unwrap_or("unnamed");
        wrong_quantities(container, &format!("container {name}"), &mut notes);
    }
    notes
}

fn wrong_quantities(holder: &Value, whose: &str, notes: &mut Vec<String>) {
    for side in ["requests", "limits"] {
        let amounts = holder.get("resources").and_then(|resources| resources.get(side)?.as_object());
        for (resource, value) in amounts.into_iter().flatten() {
            let Some(text) = value.as_str().filter(|text| quantity::parse(text).is_err()) else { continue };
            let shown = sidecar::shorten(text);
            let hint = meant(text).unwrap_or_else(|| "it takes one such as 500m or 512Mi".into());
            notes.push(format!("{whose}: {side}.{resource} {shown:?} is no quantity: {hint}"));
        }
    }
}

/// Says which quantity may be meant.
fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = text[number.len()..].to_ascii_lowercase();
    let suffix = suffix.strip_suffix('b').unwrap_or(&suffix);
    let number = number.trim();
    quantity::parse(number).ok()?;
    let (_, twos, tens) = SUFFIXES.into_iter().find(|(written, ..)| *written == suffix)?;
    Some(format!("did you mean {number}{twos} (or {number}{tens})?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_quantity_that_is_none_is_told_with_the_one_that_is_meant() {
        for (text, hint) in [
            ("2GB", Some("2Gi (or 2G)")),
            ("512mb", Some("512Mi (or 512M)")),
            ("1.5 Gi", Some("1.5Gi (or 1.5G)")),
            ("1K", Some("1Ki (or 1k)")),
            ("two", None),
            ("1 core", None),
        ] {
            assert_eq!(meant(text), hint.map(|hint| format!("did you mean {hint}?")), "{text}");
        }
        let template = json!({"spec": {"resources": {"limits": {"cpu": 2, "memory": "4GB"}},
            "containers": [{"name": "a", "resources": {"requests": {"cpu": "1 core", "memory": "1Gi"}}}]}});
        assert_eq!(
            quantities(&template),
            [
                "the pod: limits.memory \"4GB\" is no quantity: did you mean 4Gi (or 4G)?",
                "container a: requests.cpu \"1 core\" is no quantity: it takes one such as 500m or 512Mi",
            ]
        );
    }
}
