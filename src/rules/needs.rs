//! The Secrets, and the ConfigMap, that a sidecar refers to in the namespace of its pod.

use crate::{
    config::{Config, Profile, SecretKey},
    seen::{KeyRef, Lack, ObjectRef},
    select::Subject,
};
use serde_json::Value;

const API_KEY: &str = "DD_API_KEY";
const TOKEN: &str = "DD_CLUSTER_AGENT_AUTH_TOKEN";

/// What the names of variables about the Cluster Agent begin with.
const CLUSTER_AGENT: &str = "DD_CLUSTER_AGENT_";

/// The ConfigMap with the CA of the Cluster Agent, as Datadog's controller calls it.
pub(crate) const CA: &str = "datadog-ca-cert";

/// The volume of that.
pub(crate) const CA_VOLUME: &str = "agent-ca-cert";

/// The CA's key there.
pub(crate) const CA_KEY: &str = "ca.crt";

/// What the sidecar of a profile refers to; `None` where it doesn't.
#[derive(Debug)]
pub(super) struct Needs {
    api_key: Option<KeyRef>,
    token: Option<KeyRef>,
    ca: Option<KeyRef>,
}

/// What sidecars go without where their namespace lacks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Without {
    /// Nothing.
    #[default]
    Nothing,
    /// The verification of the Cluster Agent's certificate.
    Verification,
    /// The Cluster Agent.
    ClusterAgent,
}

/// What a namespace is known to lack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing<'a> {
    /// Without it the agent is useless.
    ApiKey(Lack<'a>),
    /// Without it the agent cannot talk to the Cluster Agent.
    Token(Lack<'a>),
    /// Without it the agent cannot verify the Cluster Agent's certificate.
    Ca(Lack<'a>),
}

impl Needs {
    pub(super) fn of(config: &Config, profile: &Profile) -> Self {
        let agent = config.cluster_agent.as_ref();
        let ca = || KeyRef { object: ObjectRef::config_map(CA), key: CA_KEY.into() };
        Self {
            api_key: needed(config, profile, API_KEY, &profile.api_key_secret),
            token: agent.and_then(|_| needed(config, profile, TOKEN, &profile.token_secret)),
            ca: agent.is_some_and(|agent| agent.tls_verification).then(ca),
        }
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        [&self.api_key, &self.token, &self.ca].into_iter().flatten().map(|wanted| &wanted.object)
    }

    pub(super) fn missing<'a>(&'a self, subject: Subject<'a>) -> Option<Missing<'a>> {
        let moment = subject.moment?;
        let lack = |wanted: &'a Option<KeyRef>| moment.lack(subject.namespace, wanted.as_ref()?);
        let token = || lack(&self.token).map(Missing::Token);
        lack(&self.api_key).map(Missing::ApiKey).or_else(token).or_else(|| lack(&self.ca).map(Missing::Ca))
    }
}

/// The configuration with sidecars that go without something.
pub(super) fn reduced(config: &Config, without: Without) -> Config {
    let mut config = config.clone();
    match without {
        Without::Nothing => return config,
        Without::Verification => {
            config.cluster_agent.iter_mut().for_each(|agent| agent.tls_verification = false);
            return config;
        }
        Without::ClusterAgent => config.cluster_agent = None,
    }
    let lists = config.profiles.iter_mut().map(|profile| &mut profile.env).chain([&mut config.env]);
    lists.for_each(|env| env.retain(|variable| !variable.name.starts_with(CLUSTER_AGENT)));
    config
}

/// The Secret behind a variable: ours, or what the operator put in its place.
fn needed(config: &Config, profile: &Profile, variable: &str, ours: &SecretKey) -> Option<KeyRef> {
    let Some(own) = config.env.iter().chain(&profile.env).rfind(|own| own.name == variable) else {
        return Some(KeyRef { object: ObjectRef::secret(&ours.name), key: ours.key.clone() });
    };
    let reference = own.value_from.as_ref()?.get("secretKeyRef")?;
    let text = |key: &str| reference.get(key).and_then(Value::as_str).map(str::to_owned);
    let optional = reference.get("optional") == Some(&Value::Bool(true));
    (!optional).then_some(())?;
    Some(KeyRef { object: ObjectRef::secret(text("name")?), key: text("key")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn names(text: &str) -> Vec<Vec<String>> {
        let text = format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{{text}}}}}}}");
        let config = load(&text, "values.yaml").unwrap_or_else(|problems| panic!("{problems}"));
        let names =
            |profile| Needs::of(&config, profile).objects().map(|object| object.name.clone()).collect();
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
