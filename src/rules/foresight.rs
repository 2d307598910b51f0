//! What selectors say of a pod before the labels of its namespace are known.

use super::{NAMESPACE_NAME, Rules};
use crate::config::{LabelSelector, Selector};

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreseen {
    /// This profile, whatever the labels are.
    Profile(usize),
    /// None, whatever they are.
    Nothing,
    /// It depends on them.
    Open,
}

impl Rules {
    /// What the selectors choose for a pod, as far as its own labels and the name of its namespace tell.
    ///
    /// A single selector is part of the webhook's configuration, so the API server has matched the namespace already: its match
    /// stands.
    pub(crate) fn foresee<'p>(&self, pod: impl Fn(&str) -> Option<&'p str>, namespace: &str) -> Foreseen {
        let alone = self.config.selectors.len() == 1;
        let mut perhaps = None;
        for Selector { object, namespace: of_namespace, profile, .. } in &self.config.selectors {
            if !object.as_ref().is_none_or(|object| object.matches(&pod)) {
                continue;
            }
            match of_namespace.as_ref().map_or(Some(true), |selector| selector.foresees(namespace)) {
                Some(false) => {}
                None if !alone => {
                    if perhaps.is_some_and(|other| other != *profile) {
                        return Foreseen::Open;
                    }
                    perhaps = Some(*profile);
                }
                None | Some(true) => {
                    let same = perhaps.is_none_or(|other| other == *profile);
                    return if same { Foreseen::Profile(*profile) } else { Foreseen::Open };
                }
            }
        }
        if perhaps.is_some() { Foreseen::Open } else { Foreseen::Nothing }
    }
}

impl LabelSelector {
    /// Whether a namespace of this name matches; `None` where other labels decide.
    fn foresees(&self, namespace: &str) -> Option<bool> {
        let is_name = |key: &str| key == NAMESPACE_NAME;
        let met = self.match_labels.iter().all(|(key, value)| !is_name(key) || value == namespace)
            && self.match_expressions.iter().all(|r| !is_name(&r.key) || r.holds(Some(namespace)));
        let open = self.match_labels.iter().any(|(key, _)| !is_name(key))
            || self.match_expressions.iter().any(|r| !is_name(&r.key));
        if met && open { None } else { Some(met) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        rules::{Labels, Setting, index::tests::selector},
    };
    use proptest::prelude::*;

    fn rules(selectors: Vec<Selector>) -> Rules {
        let setting = Setting { own_namespace: "own".into(), kubernetes_minor: 35, offline: false };
        Rules::compile(Config { selectors, ..Config::default() }, setting)
    }

    /// Calls one of the labels of namespaces as that of the name is called.
    fn with_names((profile, mut selector): (usize, Selector)) -> Selector {
        let rename = |key: &mut String| {
            if key == "a" {
                NAMESPACE_NAME.clone_into(key);
            }
        };
        if let Some(namespace) = &mut selector.namespace {
            namespace.match_labels.iter_mut().for_each(|(key, _)| rename(key));
            namespace.match_expressions.iter_mut().for_each(|r| rename(&mut r.key));
        }
        Selector { profile, ..selector }
    }

    proptest! {
        #[test]
        fn what_is_foreseen_comes_true_whatever_the_labels_are(
            selectors in prop::collection::vec((0..2_usize, selector()).prop_map(with_names), 2..6),
            pod in prop::collection::btree_map("[abc]", "[xyz]", 0..4),
            namespace in "[xyz]",
            all in prop::collection::vec(prop::collection::btree_map("[bc]", "[xyz]", 0..3), 20),
        ) {
            let get = |key: &str| pod.get(key).map(String::as_str);
            let rules = rules(selectors);
            let chosen = |labels: &Labels| {
                let pairs = pod.iter().map(|(k, v)| (k.as_str(), v.as_str()));
                let position = rules.first_match(get, pairs, &namespace, Some(labels));
                position.map(|position| rules.config.selectors[position].profile)
            };
            let foreseen = rules.foresee(get, &namespace);
            for labels in &all {
                match foreseen {
                    Foreseen::Profile(profile) => prop_assert_eq!(chosen(labels), Some(profile)),
                    Foreseen::Nothing => prop_assert_eq!(chosen(labels), None),
                    Foreseen::Open => {}
                }
            }
        }
    }

    fn foreseen(namespace_selectors: &[(usize, &str)]) -> Foreseen {
        let selectors = namespace_selectors.iter().map(|&(profile, key)| Selector {
            profile,
            namespace: (!key.is_empty()).then(|| LabelSelector {
                match_labels: vec![(key.to_owned(), "shop".to_owned())],
                ..LabelSelector::default()
            }),
            ..Selector::default()
        });
        rules(selectors.collect()).foresee(|_| None, "shop")
    }

    #[test]
    fn what_no_label_changes_is_not_open() {
        assert_eq!(foreseen(&[(0, "team"), (1, "")]), Foreseen::Open);
        assert_eq!(foreseen(&[(0, "team"), (0, "")]), Foreseen::Profile(0), "the same profile either way");
        assert_eq!(foreseen(&[(0, "team"), (0, "tier")]), Foreseen::Open, "or neither");
        assert_eq!(foreseen(&[(0, "team"), (1, "tier")]), Foreseen::Open);
        assert_eq!(foreseen(&[(1, NAMESPACE_NAME), (0, "team")]), Foreseen::Profile(1));
        assert_eq!(foreseen(&[]), Foreseen::Nothing);
    }

    #[test]
    fn the_match_of_a_single_selector_stands() {
        assert_eq!(foreseen(&[(0, "team")]), Foreseen::Profile(0));
    }
}
