//! The profiles and their two layers: the default profile lies over the built-in one and under every other.

use super::{
    Config, DEFAULT_PROFILE, Profile, Provider, SecretKey, file, names,
    problem::{Path, Report},
    resources, security, variables,
};
use std::collections::HashMap;

/// What the profiles of a file are resolved with.
pub(super) struct Layers<'a> {
    pub(super) provider: Provider,
    pub(super) path: &'a Path,
    pub(super) notices: &'a mut Vec<String>,
    pub(super) report: &'a mut Report,
}

impl Layers<'_> {
    /// All profiles, the default one first, each complete.
    pub(super) fn resolve(mut self, built_in: Profile, profiles: &[file::Profile]) -> Vec<Profile> {
        self.check_names(profiles);
        let base = profiles.iter().position(|profile| name(profile) == DEFAULT_PROFILE);
        let default = match base.and_then(|index| Some((index, profiles.get(index)?))) {
            Some((index, profile)) => self.lay(&built_in, index, profile),
            None => built_in,
        };
        let others: Vec<Profile> = profiles
            .iter()
            .enumerate()
            .filter(|(_, profile)| name(profile) != DEFAULT_PROFILE)
            .map(|(index, profile)| self.lay(&default, index, profile))
            .collect();
        std::iter::once(default).chain(others).collect()
    }

    fn check_names(&mut self, profiles: &[file::Profile]) {
        let mut seen = HashMap::new();
        for (index, profile) in profiles.iter().enumerate() {
            let path = self.path.index(index);
            let name = name(profile);
            if let Err(wrong) = names::label_value(name) {
                self.report.add(&path.key("name"), wrong.replace("label value", "name of a profile"));
            }
            match (seen.insert(name, index), profile.name.as_deref().unwrap_or_default()) {
                (None, _) => {}
                (Some(first), "") => self.report.add(
                    &path,
                    format!("needs a name: one profile may do without, and profiles[{first}] is the default already"),
                ),
                (Some(first), DEFAULT_PROFILE) => self.report.add(
                    &path.key("name"),
                    format!("profiles[{first}] is the default profile already"),
                ),
                (Some(first), name) => {
                    self.report.add(&path.key("name"), format!("{name:?} is the name of profiles[{first}] already"));
                }
            }
        }
    }

    fn lay(&mut self, lower: &Profile, index: usize, upper: &file::Profile) -> Profile {
        let path = self.path.index(index);
        let env = variables::resolve(&upper.env, &path.key("env"), self.report);
        Profile {
            name: name(upper).to_owned(),
            env: variables::merge(&lower.env, env),
            resources: resources::resolve(
                &lower.resources,
                &upper.resources,
                &path.key("resources"),
                self.notices,
                self.report,
            ),
            security_context: security::resolve(
                &lower.security_context,
                &upper.security_context,
                self.provider,
                &path.key("securityContext"),
                self.report,
            ),
            mode: upper.mode.unwrap_or(lower.mode),
            api_key_secret: secret(
                &lower.api_key_secret,
                &upper.api_key_secret,
                &path.key("apiKeySecret"),
                self.report,
            ),
            token_secret: secret(
                &lower.token_secret,
                &upper.cluster_agent_token_secret,
                &path.key("clusterAgentTokenSecret"),
                self.report,
            ),
            selectable: upper.selectable.unwrap_or(true),
            ..lower.clone()
        }
    }
}

/// The profile that lies under the file's own: what is built in, with the Secrets of `agentSidecarInjection`.
pub(super) fn built_in(injection: &file::Injection, path: &Path, report: &mut Report) -> Option<Profile> {
    let mut profile = Config::default().profiles.into_iter().next()?;
    profile.api_key_secret =
        secret(&profile.api_key_secret, &injection.api_key_secret, &path.key("apiKeySecret"), report);
    profile.token_secret = secret(
        &profile.token_secret,
        &injection.cluster_agent_token_secret,
        &path.key("clusterAgentTokenSecret"),
        report,
    );
    Some(profile)
}

/// The profile without a name is the default one.
fn name(profile: &file::Profile) -> &str {
    profile.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_PROFILE)
}

fn secret(lower: &SecretKey, upper: &file::SecretRef, path: &Path, report: &mut Report) -> SecretKey {
    if let Some(Err(wrong)) = upper.name.as_deref().map(names::subdomain) {
        report.add(&path.key("name"), wrong);
    }
    if let Some(Err(wrong)) = upper.key.as_deref().map(names::data_key) {
        report.add(&path.key("key"), wrong);
    }
    SecretKey {
        name: upper.name.clone().unwrap_or_else(|| lower.name.clone()),
        key: upper.key.clone().unwrap_or_else(|| lower.key.clone()),
    }
}
