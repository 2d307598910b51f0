//! The choice of a selector among many, at the price of one.
//!
//! A selector that requires a label to have one of some values is found through that label; only the others are tried in turn.

use super::Labels;
use crate::config::{LabelSelector, Operator, Requirement, Selector};
use std::collections::HashMap;

/// The label every namespace has: its own name.
pub(crate) const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Below this number of selectors trying them in turn costs less than looking labels up.
const WORTH_IT: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Index {
    by_pod_label: HashMap<Box<str>, Vec<usize>>,
    by_namespace_label: HashMap<Box<str>, Vec<usize>>,
    rest: Vec<usize>,
}

/// Labels that every pod selected by a selector has one of.
struct Anchor<'a> {
    of_namespace: bool,
    key: &'a str,
    values: Vec<&'a str>,
}

impl Index {
    pub(super) fn new(selectors: &[Selector]) -> Self {
        let mut index = Self::default();
        if selectors.len() < WORTH_IT {
            index.rest = (0..selectors.len()).collect();
            return index;
        }
        // A label that many selectors share finds too many of them: each goes under its rarest.
        let mut uses: HashMap<(bool, &str, &str), usize> = HashMap::new();
        for anchor in selectors.iter().flat_map(anchors) {
            for value in anchor.values {
                *uses.entry((anchor.of_namespace, anchor.key, value)).or_default() += 1;
            }
        }
        let cost = |anchor: &Anchor<'_>| {
            anchor
                .values
                .iter()
                .filter_map(|value| uses.get(&(anchor.of_namespace, anchor.key, *value)))
                .max()
                .copied()
        };
        for (position, selector) in selectors.iter().enumerate() {
            let Some(anchor) = anchors(selector).into_iter().min_by_key(cost) else {
                index.rest.push(position);
                continue;
            };
            let labels =
                if anchor.of_namespace { &mut index.by_namespace_label } else { &mut index.by_pod_label };
            for value in anchor.values {
                labels.entry(pair(anchor.key, value).into()).or_default().push(position);
            }
        }
        index
    }

    pub(super) fn first_match<'p>(
        &self,
        selectors: &[Selector],
        pod: impl Fn(&str) -> Option<&'p str>,
        pod_pairs: impl Iterator<Item = (&'p str, &'p str)>,
        namespace: &str,
        namespace_labels: Option<&Labels>,
    ) -> Option<usize> {
        let of_namespace = |key: &str| {
            if key == NAMESPACE_NAME {
                return Some(namespace);
            }
            namespace_labels.and_then(|labels| labels.get(key)).map(String::as_str)
        };
        let matches = |&position: &usize| {
            selectors.get(position).is_some_and(|s| {
                s.object.as_ref().is_none_or(|o| o.matches(&pod))
                    && s.namespace.as_ref().is_none_or(|n| n.matches(of_namespace))
            })
        };
        let mut best = self.rest.iter().copied().find(matches);
        let mut try_all = |candidates: Option<&Vec<usize>>| {
            let better = candidates.into_iter().flatten().copied();
            let found = better.take_while(|&p| best.is_none_or(|b| p < b)).find(matches);
            best = found.or(best);
        };
        let mut buffer = String::new();
        if !self.by_pod_label.is_empty() {
            for (key, value) in pod_pairs {
                try_all(self.by_pod_label.get(write_pair(&mut buffer, key, value)));
            }
        }
        if !self.by_namespace_label.is_empty() {
            try_all(self.by_namespace_label.get(write_pair(&mut buffer, NAMESPACE_NAME, namespace)));
            for (key, value) in namespace_labels.into_iter().flatten() {
                try_all(self.by_namespace_label.get(write_pair(&mut buffer, key, value)));
            }
        }
        best
    }
}

impl LabelSelector {
    /// Whether labels, looked up by key, meet every requirement.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.match_labels.iter().all(|(key, value)| label(key) == Some(value))
            && self.match_expressions.iter().all(|r| r.holds(label(&r.key)))
    }
}

impl Requirement {
    /// Whether a label, `None` where there is none, meets it.
    pub(crate) fn holds(&self, label: Option<&str>) -> bool {
        let among = |values: &[String]| label.is_some_and(|l| values.iter().any(|v| v == l));
        match &self.operator {
            Operator::In(values) => among(values),
            Operator::NotIn(values) => !among(values),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
        }
    }
}

fn anchors(selector: &Selector) -> Vec<Anchor<'_>> {
    let mut anchors = Vec::new();
    for (side, of_namespace) in [(&selector.object, false), (&selector.namespace, true)] {
        for (key, value) in side.iter().flat_map(|s| &s.match_labels) {
            anchors.push(Anchor { of_namespace, key, values: vec![value] });
        }
        for requirement in side.iter().flat_map(|s| &s.match_expressions) {
            if let Operator::In(values) = &requirement.operator {
                let values = values.iter().map(String::as_str).collect();
                anchors.push(Anchor { of_namespace, key: &requirement.key, values });
            }
        }
    }
    anchors
}

fn pair(key: &str, value: &str) -> String {
    let mut pair = String::new();
    write_pair(&mut pair, key, value);
    pair
}

/// Neither a label's key nor its value holds `=`.
fn write_pair<'b>(buffer: &'b mut String, key: &str, value: &str) -> &'b str {
    buffer.clear();
    buffer.push_str(key);
    buffer.push('=');
    buffer.push_str(value);
    buffer
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requirement() -> impl Strategy<Value = Requirement> {
        let values = prop::collection::vec("[xyz]", 1..3);
        let operator = prop_oneof![
            values.clone().prop_map(Operator::In),
            values.prop_map(Operator::NotIn),
            Just(Operator::Exists),
            Just(Operator::DoesNotExist),
        ];
        ("[abc]", operator).prop_map(|(key, operator)| Requirement { key, operator })
    }

    fn label_selector() -> impl Strategy<Value = LabelSelector> {
        (prop::collection::vec(("[abc]", "[xyz]"), 0..3), prop::collection::vec(requirement(), 0..2))
            .prop_map(|(match_labels, match_expressions)| LabelSelector { match_labels, match_expressions })
    }

    pub(in crate::rules) fn selector() -> impl Strategy<Value = Selector> {
        (prop::option::of(label_selector()), prop::option::of(label_selector()))
            .prop_map(|(object, namespace)| Selector { object, namespace, ..Selector::default() })
    }

    proptest! {
        #[test]
        fn the_index_finds_what_trying_in_turn_finds(
            selectors in prop::collection::vec(selector(), 0..30),
            pod in prop::collection::btree_map("[abc]", "[xyz]", 0..4),
            labels in prop::option::of(prop::collection::btree_map("[abc]", "[xyz]", 0..4)),
        ) {
            let get = |key: &str| pod.get(key).map(String::as_str);
            let of_namespace = |key: &str| labels.as_ref().and_then(|l| l.get(key)).map(String::as_str);
            let expected = selectors.iter().position(|s| {
                s.object.as_ref().is_none_or(|o| o.matches(get)) && s.namespace.as_ref().is_none_or(|n| n.matches(of_namespace))
            });
            let pairs = pod.iter().map(|(k, v)| (k.as_str(), v.as_str()));
            let found = Index::new(&selectors).first_match(&selectors, get, pairs, "ns", labels.as_ref());
            prop_assert_eq!(found, expected);
        }
    }
}
