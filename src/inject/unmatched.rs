//! Why no selector matches a pod, in words that say what to change.

use super::{
    Assumptions,
    place::{Pairs, Place},
};
use crate::{
    config::{LabelSelector, Operator, Selector},
    near::{is_near, nearest},
    rules::{Labels, NAMESPACE_NAME},
    sidecar::SIDECAR_LABEL,
};

/// How many selectors are told of.
const MOST: usize = 3;

/// Values this short are near everything.
const SHORT: usize = 3;

/// Why no selector matches.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Why {
    /// The reason in words.
    pub(super) text: String,
    /// Whether the pod all but matches, so that somebody most likely wants the sidecar.
    pub(super) near: bool,
    /// The label that the reason is about.
    pub(super) label: Option<String>,
}

impl Why {
    fn far(text: String) -> Self {
        Self { text, near: false, label: None }
    }

    fn near(label: &str, text: String) -> Self {
        Self { text, near: true, label: Some(label.to_owned()) }
    }
}

/// Says why no selector matches a pod.
pub(super) fn why(assumptions: &Assumptions, place: &Place<'_>, namespace: &Labels) -> Why {
    let selectors = assumptions.selectors.as_slice();
    if assumptions.off {
        return Why::far("injection is off: agentSidecarInjection.enabled is false".into());
    }
    let near_miss = || selectors.iter().enumerate().find_map(|(i, selector)| near_miss(i, selector, place));
    if let Some(why) = misplaced(selectors, place, namespace).or_else(near_miss) {
        return why;
    }
    let asks = Pairs::Labels.get(place.template, SIDECAR_LABEL).is_some();
    let looked_at = selectors.iter().filter_map(|selector| selector.object.as_ref()).flat_map(keys);
    let nobody = asks && !looked_at.into_iter().any(|key| key == SIDECAR_LABEL);
    let none = if nobody { format!("; none looks at label {SIDECAR_LABEL}") } else { String::new() };
    Why::far(format!("no selector matches{none}{}", unmet(selectors, place, namespace)))
}

/// Says that the labels that a selector wants are on what holds the template.
fn misplaced(selectors: &[Selector], place: &Place<'_>, namespace: &Labels) -> Option<Why> {
    let around = |key: &str| {
        Pairs::Labels.get(place.template, key).or_else(|| Some(place.misplaced(Pairs::Labels, key)?.1))
    };
    let would_match = |selector: &&Selector| {
        selector.object.as_ref().is_some_and(|object| object.matches(around))
            && of_namespace(selector, namespace)
    };
    let object = selectors.iter().find(would_match)?.object.as_ref()?;
    let (key, holder) = keys(object).find_map(|key| Some((key, place.misplaced(Pairs::Labels, key)?.0)))?;
    let text = format!("label {key} is on {}; it must be on {}", holder.called, place.home(Pairs::Labels));
    Some(Why::near(key, text))
}

/// Says which label, or its value, is all but what a selector wants.
fn near_miss(position: usize, selector: &Selector, place: &Place<'_>) -> Option<Why> {
    let object = selector.object.as_ref()?;
    let wants = || called(position, selector);
    wanted(object).find_map(|(key, values)| {
        let Some(value) = Pairs::Labels.get(place.template, key) else {
            let keys = Pairs::Labels.of(place.template).map(|(key, _)| key);
            let meant = keys.filter(|own| own.len() > 2 * SHORT).find(|own| is_near(own, key))?;
            let text = format!("no selector matches; label {meant} is not {key}, which {} wants", wants());
            return Some(Why::near(meant, text));
        };
        let near = nearest(value, values.iter().copied())
            .filter(|near| near.len() > SHORT && !same_but_digits(value, near));
        if values.is_empty() || values.contains(&value) || near.is_none() && key != SIDECAR_LABEL {
            return None;
        }
        let text =
            format!("no selector matches; label {key} is {value:?}, {} wants {}", wants(), either(&values));
        Some(Why::near(key, text))
    })
}

/// Says what each selector wants first that is not so.
fn unmet(selectors: &[Selector], place: &Place<'_>, namespace: &Labels) -> String {
    let mut text = String::new();
    let mut unknown = false;
    for (i, selector) in selectors.iter().enumerate().take(MOST) {
        let of_pod = |key: &str| Pairs::Labels.get(place.template, key);
        let of_namespace = |key: &str| namespace.get(key).map(String::as_str);
        let first =
            selector.object.as_ref().and_then(|object| first_unmet(object, "label", of_pod)).or_else(|| {
                let unmet = first_unmet(selector.namespace.as_ref()?, "namespace label", of_namespace)?;
                unknown |= !unmet.contains(NAMESPACE_NAME);
                Some(unmet)
            });
        if let Some(first) = first {
            text.push_str(&format!("; {} wants {first}", called(i, selector)));
        }
    }
    if selectors.len() > MOST {
        text.push_str(&format!("; and {} more", selectors.len() - MOST));
    }
    if unknown {
        text.push_str(" (--namespace-label gives labels of a namespace)");
    }
    text
}

fn first_unmet<'l>(
    selector: &LabelSelector,
    what: &str,
    label: impl Fn(&str) -> Option<&'l str>,
) -> Option<String> {
    let of_values = |values: &[String]| either(&values.iter().map(String::as_str).collect::<Vec<_>>());
    if let Some((key, value)) = selector.match_labels.iter().find(|(key, value)| label(key) != Some(value)) {
        return Some(format!("{what} {key} {}", either(&[value])));
    }
    let unmet =
        selector.match_expressions.iter().find(|requirement| !requirement.holds(label(&requirement.key)))?;
    let key = &unmet.key;
    Some(match &unmet.operator {
        Operator::In(values) => format!("{what} {key} {}", of_values(values)),
        Operator::NotIn(values) => format!("{what} {key} not {}", of_values(values)),
        Operator::Exists => format!("{what} {key}"),
        Operator::DoesNotExist => format!("no {what} {key}"),
    })
}

fn of_namespace(selector: &Selector, namespace: &Labels) -> bool {
    let label = |key: &str| namespace.get(key).map(String::as_str);
    selector.namespace.as_ref().is_none_or(|wanted| wanted.matches(label))
}

/// The labels that must be there, with the values they may have; no values: any.
pub(super) fn wanted(selector: &LabelSelector) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let labels = selector.match_labels.iter().map(|(key, value)| (key.as_str(), vec![value.as_str()]));
    labels.chain(selector.match_expressions.iter().filter_map(|requirement| match &requirement.operator {
        Operator::In(values) => Some((requirement.key.as_str(), values.iter().map(String::as_str).collect())),
        Operator::Exists => Some((requirement.key.as_str(), Vec::new())),
        Operator::NotIn(_) | Operator::DoesNotExist => None,
    }))
}

fn keys(selector: &LabelSelector) -> impl Iterator<Item = &str> {
    wanted(selector).map(|(key, _)| key)
}

/// Whether two values are numbers of one series, such as `shard-1` and `shard-2`, and neither of them a slip.
fn same_but_digits(one: &str, other: &str) -> bool {
    let letters = |text: &'_ str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(one) == letters(other)
}

fn called(position: usize, selector: &Selector) -> String {
    if selector.name.is_empty() {
        format!("selector {}", position + 1)
    } else {
        format!("selector {:?}", selector.name)
    }
}

fn either(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    quoted.join(" or ")
}
