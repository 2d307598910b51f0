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

    /// The names.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The JSON texts, joined by commas.
    pub(super) fn joined(&self) -> String {
        self.0.iter().map(|(_, json)| json.as_str()).collect::<Vec<_>>().join(",")
    }
}
