//! Label selectors, checked as strictly as the API server does.

use super::{
    LabelSelector, Operator, Profile, Requirement, Selector, file, names,
    problem::{Path, Report},
    words::listed,
};
use crate::near::nearest;

const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];

/// The selectors, each with the position of its profile.
pub(super) fn resolve(
    selectors: &[file::Selector],
    profiles: &[Profile],
    path: &Path,
    report: &mut Report,
) -> Vec<Selector> {
    let selectors = selectors.iter().enumerate().map(|(index, selector)| {
        let path = path.index(index);
        let object = labels(selector.object_selector.as_ref(), &path.key("objectSelector"), report);
        let namespace = labels(selector.namespace_selector.as_ref(), &path.key("namespaceSelector"), report);
        if object.is_none() && namespace.is_none() {
            let message = "selects every pod of the cluster: give it an objectSelector or a namespaceSelector that is not empty";
            report.add(&path, message);
        }
        let profile = profile(selector.profile.as_deref(), profiles, &path.key("profile"), report);
        Selector { name: selector.name.clone().unwrap_or_default(), profile, object, namespace }
    });
    selectors.collect()
}

fn profile(name: Option<&str>, profiles: &[Profile], path: &Path, report: &mut Report) -> usize {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return 0 };
    if let Some(position) = profiles.iter().position(|profile| profile.name == name) {
        return position;
    }
    let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
    report.add(
        path,
        format!("there is no profile {name:?}; there is {}", listed(&names).replace(" or ", " and ")),
    );
    0
}

/// A checked selector; `None` where it demands nothing.
fn labels(selector: Option<&file::LabelSelector>, path: &Path, report: &mut Report) -> Option<LabelSelector> {
    let file::LabelSelector { match_labels, match_expressions } = selector?;
    for (key, value) in match_labels {
        let path = path.key("matchLabels").key(key);
        for wrong in [names::label_key(key), names::label_value(value)].into_iter().filter_map(Result::err) {
            report.add(&path, wrong);
        }
    }
    let requirements = match_expressions.iter().enumerate().filter_map(|(index, expression)| {
        requirement(expression, &path.key("matchExpressions").index(index), report)
    });
    let match_expressions: Vec<Requirement> = requirements.collect();
    let match_labels: Vec<_> = match_labels.clone().into_iter().collect();
    // Something was demanded, if wrongly: that is told, and not that nothing is.
    (!match_labels.is_empty() || selector.is_some_and(|selector| !selector.match_expressions.is_empty()))
        .then_some(LabelSelector { match_labels, match_expressions })
}

fn requirement(expression: &file::MatchExpression, path: &Path, report: &mut Report) -> Option<Requirement> {
    let file::MatchExpression { key, operator, values } = expression;
    if let Err(wrong) = names::label_key(key) {
        report.add(&path.key("key"), wrong);
    }
    for (index, value) in values.iter().enumerate() {
        if let Err(wrong) = names::label_value(value) {
            report.add(&path.key("values").index(index), wrong);
        }
    }
    let operator = match operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            report.add(path, format!("`{operator}` needs values"));
            return None;
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            report.add(&path.key("values"), format!("`{operator}` has no values"));
            return None;
        }
        "In" => Operator::In(values.clone()),
        "NotIn" => Operator::NotIn(values.clone()),
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            let near = nearest(other, OPERATORS.into_iter());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            report.add(&path.key("operator"), format!("must be {}{hint}", listed(&OPERATORS)));
            return None;
        }
    };
    Some(Requirement { key: key.clone(), operator })
}
