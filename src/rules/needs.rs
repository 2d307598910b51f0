//! The Secrets that a sidecar cannot start without.

use crate::{
    config::{Config, Profile, SecretKey},
    seen::Lack,
    select::Subject,
};
use serde_json::Value;

const API_KEY: &str = "DD_API_KEY";
const TOKEN: &str = "DD_CLUSTER_AGENT_AUTH_TOKEN";

/// What the names of variables about the Cluster Agent begin with.
const CLUSTER_AGENT: &str = "DD_CLUSTER_AGENT_";

/// What the sidecar of a profile takes from Secrets of the pod's namespace; `None` where it takes nothing.
#[derive(Debug)]
pub(super) struct Needs {
    api_key: Option<SecretKey>,
    token: Option<SecretKey>,
}

/// What a namespace is known to lack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing<'a> {
    /// Without it the agent is useless.
    ApiKey(Lack<'a>),
    /// Without it the agent cannot talk to the Cluster Agent.
    Token(Lack<'a>),
}

impl Needs {
    pub(super) fn of(config: &Config, profile: &Profile) -> Self {
        Self {
            api_key: needed(config, profile, API_KEY, &profile.api_key_secret),
            token: config
                .cluster_agent
                .as_ref()
                .and_then(|_| needed(config, profile, TOKEN, &profile.token_secret)),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.api_key.iter().chain(&self.token).map(|secret| secret.name.as_str())
    }

    pub(super) fn missing<'a>(&'a self, subject: Subject<'a>) -> Option<Missing<'a>> {
        let moment = subject.moment?;
        let lack = |secret: &'a Option<SecretKey>| moment.lack(subject.namespace, secret.as_ref()?);
        lack(&self.api_key).map(Missing::ApiKey).or_else(|| lack(&self.token).map(Missing::Token))
    }
}

/// The configuration with sidecars that know of no Cluster Agent.
pub(super) fn without_cluster_agent(config: &Config) -> Config {
    let mut config = Config { cluster_agent: None, ..config.clone() };
    let lists = config.profiles.iter_mut().map(|profile| &mut profile.env).chain([&mut config.env]);
    lists.for_each(|env| env.retain(|variable| !variable.name.starts_with(CLUSTER_AGENT)));
    config
}

/// The Secret behind a variable: ours, or what the operator put in its place.
fn needed(config: &Config, profile: &Profile, variable: &str, ours: &SecretKey) -> Option<SecretKey> {
    let Some(own) = config.env.iter().chain(&profile.env).rfind(|own| own.name == variable) else {
        return Some(ours.clone());
    };
    let reference = own.value_from.as_ref()?.get("secretKeyRef")?;
    let text = |key: &str| reference.get(key).and_then(Value::as_str).map(str::to_owned);
    let optional = reference.get("optional") == Some(&Value::Bool(true));
    (!optional).then_some(())?;
    Some(SecretKey { name: text("name")?, key: text("key")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn names(text: &str) -> Vec<Vec<String>> {
        let text = format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{{text}}}}}}}");
        let config = load(&text, "values.yaml").unwrap_or_else(|problems| panic!("{problems}"));
        let names = |profile| Needs::of(&config, profile).names().map(str::to_owned).collect();
        config.profiles.iter().map(names).collect()
    }

    #[test]
    fn a_sidecar_needs_its_profiles_secrets() {
        let profiles = "apiKeySecret: {name: a}, profiles: [{name: one, apiKeySecret: {name: b}}, \
                        {name: two, clusterAgentTokenSecret: {name: c}}]";
        assert_eq!(names(profiles), [["a", "datadog-secret"], ["b", "datadog-secret"], ["a", "c"]]);
        assert_eq!(names("clusterAgentCommunicationEnabled: false"), [["datadog-secret"]]);
    }

    #[test]
    fn a_variable_of_the_operators_takes_the_place_of_ours() {
        let env = |source: &str| names(&format!("profiles: [{{env: [{{name: DD_API_KEY, {source}}}]}}]"));
        let other = "valueFrom: {secretKeyRef: {name: other, key: k}}";
        assert_eq!(env(other), [["other", "datadog-secret"]]);
        for none in [
            "value: 'ENC[key]'",
            "valueFrom: {secretKeyRef: {name: other, key: k, optional: true}}",
            "valueFrom: {configMapKeyRef: {name: other, key: k}}",
        ] {
            assert_eq!(env(none), [["datadog-secret"]], "{none}");
        }
    }
}
