//! Variables as JSON.

use crate::{
    config::{EnvVar, SecretKey},
    patch::string,
};

/// A literal.
pub(super) fn literal(name: &str, value: &str) -> String {
    format!(r#"{{"name":{},"value":{}}}"#, string(name), string(value))
}

/// The value of a key of a Secret.
pub(super) fn secret(name: &str, secret: &SecretKey) -> String {
    let (of, key) = (string(&secret.name), string(&secret.key));
    format!(r#"{{"name":{},"valueFrom":{{"secretKeyRef":{{"name":{of},"key":{key}}}}}}}"#, string(name))
}

/// A field of the pod.
pub(super) fn field(name: &str, path: &str) -> String {
    let (name, path) = (string(name), string(path));
    format!(r#"{{"name":{name},"valueFrom":{{"fieldRef":{{"apiVersion":"v1","fieldPath":{path}}}}}}}"#)
}

/// A variable as configured.
pub(super) fn configured(variable: &EnvVar) -> String {
    match &variable.value_from {
        Some(from) => format!(r#"{{"name":{},"valueFrom":{from}}}"#, string(&variable.name)),
        None => literal(&variable.name, variable.value.as_deref().unwrap_or_default()),
    }
}

/// Tags as the agent reads them from a variable: divided by spaces, or a JSON list where one of them contains a space.
pub(super) fn tags(tags: &[String]) -> String {
    if tags.iter().any(|tag| tag.contains(char::is_whitespace)) {
        serde_json::Value::from(tags).to_string()
    } else {
        tags.join(" ")
    }
}

/// The literal that is in force of a variable in the operator's lists, the last list first.
pub(super) fn last_literal<'v>(lists: &[&'v [EnvVar]], name: &str) -> Option<&'v str> {
    let found = lists.iter().rev().find_map(|list| list.iter().find(|variable| variable.name == name))?;
    found.value.as_deref()
}

/// Whether the agent reads a value as `false`.
pub(super) fn is_false(value: &str) -> bool {
    ["0", "f", "F", "false", "False", "FALSE"].contains(&value)
}

/// The ports in the operator's variables: a number, or an address that ends in one.
pub(super) fn ports(lists: &[&[EnvVar]]) -> Vec<u16> {
    let literals = lists.iter().copied().flatten().filter_map(|variable| variable.value.as_deref());
    literals.filter_map(|value| value.rsplit(':').next()?.parse().ok()).collect()
}

/// Lays the operator's variables, list over list, over ours: a literal takes the place of ours, the others are answered and come last,
/// since Kubernetes replaces `$(NAME)` by what stands before it alone.
pub(super) fn lay(ours: &mut Variables, lists: &[&[EnvVar]]) -> Variables {
    let mut merged: Vec<&EnvVar> = Vec::new();
    for variable in lists.iter().copied().flatten() {
        match merged.iter_mut().find(|other| other.name == variable.name) {
            Some(other) => *other = variable,
            None => merged.push(variable),
        }
    }
    let mut own = Variables::default();
    for variable in ordered(merged) {
        let json = configured(variable);
        if ours.contains(&variable.name) && references(variable).next().is_none() {
            ours.set(&variable.name, json);
        } else {
            ours.remove(&variable.name);
            own.set(&variable.name, json);
        }
    }
    own
}

/// Each variable after those it refers to; otherwise in their order.
fn ordered(mut rest: Vec<&EnvVar>) -> Vec<&EnvVar> {
    let mut ordered = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let waits = |variable: &EnvVar| {
            references(variable)
                .any(|name| name != variable.name && rest.iter().any(|other| other.name == name))
        };
        // Of those that refer to each other in a circle the first is as good as any.
        let next = rest.iter().position(|variable| !waits(variable)).unwrap_or(0);
        ordered.push(rest.remove(next));
    }
    ordered
}

/// The names in `$(NAME)`.
fn references(variable: &EnvVar) -> impl Iterator<Item = &str> {
    let value = variable.value.as_deref().unwrap_or_default();
    value.split("$(").skip(1).filter_map(|rest| rest.split_once(')')).map(|(name, _)| name)
}

/// Variables in their order, a name once.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    /// Sets a variable: one of that name is replaced where it stands, another goes last.
    pub(super) fn set(&mut self, name: &str, json: String) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, there)) => *there = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// The names.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The JSON texts, joined by commas.
    pub(super) fn joined(&self) -> String {
        self.0.iter().map(|(_, json)| json.as_str()).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(ours: &[&str], lists: &[&[(&str, &str)]]) -> (Vec<String>, Vec<String>) {
        let mut variables = Variables::default();
        ours.iter().for_each(|name| variables.set(name, literal(name, "ours")));
        let variable = |(name, value): &(&str, &str)| EnvVar {
            name: (*name).into(),
            value: Some((*value).into()),
            value_from: None,
        };
        let lists: Vec<Vec<EnvVar>> = lists.iter().map(|list| list.iter().map(variable).collect()).collect();
        let lists: Vec<&[EnvVar]> = lists.iter().map(Vec::as_slice).collect();
        let own = lay(&mut variables, &lists);
        (variables.names(), own.names())
    }

    #[test]
    fn a_variable_comes_after_those_it_refers_to() {
        let none: [&str; 0] = [];
        for (lists, ours, own) in [
            (&[&[("DD_TAGS", "a"), ("X", "1")][..]][..], &["DD_TAGS", "DD_SITE"][..], &["X"][..]),
            (&[&[("X", "1"), ("DD_TAGS", "a:$(X)")]], &["DD_SITE"], &["X", "DD_TAGS"]),
            (
                &[&[("DD_TAGS", "a:$(X) b:$(Y)"), ("X", "$(Y)"), ("Y", "1")]],
                &["DD_SITE"],
                &["Y", "X", "DD_TAGS"],
            ),
            (&[&[("A", "$(X)")], &[("X", "1")]], &["DD_TAGS", "DD_SITE"], &["X", "A"]),
            (&[&[("DD_TAGS", "$(X)")], &[("DD_TAGS", "b")]], &["DD_TAGS", "DD_SITE"], &none),
            (&[&[("DD_TAGS", "b")], &[("DD_TAGS", "$(X")]], &["DD_TAGS", "DD_SITE"], &none),
            (&[&[("A", "$(B)"), ("B", "$(A)"), ("P", "$(P):x")]], &["DD_TAGS", "DD_SITE"], &["P", "A", "B"]),
        ] {
            let (got_ours, got_own) = laid(&["DD_TAGS", "DD_SITE"], lists);
            assert_eq!(
                (got_ours, got_own),
                (
                    ours.iter().map(|s| (*s).to_owned()).collect(),
                    own.iter().map(|s| (*s).to_owned()).collect()
                ),
                "{lists:?}"
            );
        }
    }
}
