//! The profiles and their two layers: the default profile lies over the built-in one and under every other.

use super::{
    Config, Cws, DEFAULT_PROFILE, Image, Logs, Mode, Otlp, Ports, Profile, Provider, SecretKey, checks, cws,
    file, image, names,
    problem::{Path, Report},
    propagate, resources, security, variables, volumes,
};
use std::collections::HashMap;

/// What the profiles of a file are resolved with.
pub(super) struct Layers<'a> {
    pub(super) provider: Provider,
    pub(super) path: &'a Path,
    pub(super) notices: &'a mut Vec<String>,
    pub(super) report: &'a mut Report,
}

/// A profile, and what Workload Protection would be in it were it on.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    profile: Profile,
    cws: cws::Layer,
    /// What `ports.otlp: true` means.
    otlp: Otlp,
}

impl Layers<'_> {
    /// All profiles, the default one first, each complete.
    pub(super) fn resolve(mut self, built_in: Layer, profiles: &[file::Profile]) -> Vec<Profile> {
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
            .map(|(index, profile)| self.lay(&default, index, profile).profile)
            .collect();
        std::iter::once(default.profile).chain(others).collect()
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

    fn lay(
        &mut self,
        Layer { profile: lower, cws, otlp }: &Layer,
        index: usize,
        upper: &file::Profile,
    ) -> Layer {
        let path = self.path.index(index);
        let at = |key: &str| path.key(key);
        let (provider, report) = (self.provider, &mut *self.report);
        let env = variables::resolve(&upper.env, &at("env"), report);
        let cws = cws::lay(cws, &upper.cws, &at("cws"), report);
        let profile = Profile {
            name: name(upper).to_owned(),
            env: variables::merge(&lower.env, env),
            resources: resources::resolve(
                &lower.resources,
                &upper.resources,
                &at("resources"),
                self.notices,
                report,
            ),
            security_context: security::resolve(
                &lower.security_context,
                &upper.security_context,
                provider,
                &at("securityContext"),
                report,
            ),
            mode: upper.mode.unwrap_or(lower.mode),
            api_key_secret: secret(&lower.api_key_secret, &upper.api_key_secret, &at("apiKeySecret"), report),
            token_secret: secret(
                &lower.token_secret,
                &upper.cluster_agent_token_secret,
                &at("clusterAgentTokenSecret"),
                report,
            ),
            selectable: upper.selectable.unwrap_or(true),
            image: image::lay(&lower.image, &upper.image, &at("image"), report),
            image_pull_secrets: pull_secrets(
                &lower.image_pull_secrets,
                upper.image_pull_secrets.iter().map(file::PullSecret::name),
                &at("imagePullSecrets"),
                report,
            ),
            wait_for_agent: upper.wait_for_agent.unwrap_or(lower.wait_for_agent),
            share_process_namespace: upper.share_process_namespace.unwrap_or(lower.share_process_namespace),
            sockets: upper.sockets.enabled.unwrap_or(lower.sockets),
            ports: Ports {
                dogstatsd: upper.ports.dogstatsd.unwrap_or(lower.ports.dogstatsd),
                apm: upper.ports.apm.unwrap_or(lower.ports.apm),
                otlp: match upper.ports.otlp {
                    Some(true) => *otlp,
                    Some(false) => Otlp::default(),
                    None => lower.ports.otlp,
                },
            },
            logs: Logs {
                enabled: upper.logs.enabled().unwrap_or(lower.logs.enabled),
                collect_all: upper.logs.collect_all().unwrap_or(lower.logs.collect_all),
            },
            process_collection: upper.process_collection.unwrap_or(lower.process_collection),
            cws: cws.in_force(),
            checks: checks::lay(&lower.checks, &upper.checks, &at("checks"), report),
            volumes: volumes::lay(&lower.volumes, &upper.volumes, provider, &at("volumes"), report),
            volume_mounts: volumes::lay_mounts(
                &lower.volume_mounts,
                &upper.volume_mounts,
                provider,
                &at("volumeMounts"),
                report,
            ),
            tags: appended(&lower.tags, upper.tags.to_list()),
            service_account_token: upper.service_account_token.unwrap_or(lower.service_account_token),
        };
        volumes::check(lower, &profile, &upper.volume_mounts, provider, &path, report);
        let contradiction = |profile: &Profile| profile.wait_for_agent && profile.mode == Mode::Container;
        if contradiction(&profile) && !contradiction(lower) {
            let key = if upper.wait_for_agent.is_some() { "waitForAgent" } else { "mode" };
            report.add(
                &at(key),
                "waitForAgent goes with mode native or auto: applications never wait for another container",
            );
        }
        Layer { profile, cws, otlp: *otlp }
    }
}

/// The layer under the file's own profiles: what is built in, with what is said once for all sidecars.
pub(super) fn built_in(
    datadog: &file::Datadog,
    injection: &file::Injection,
    image: &Image,
    path: &Path,
    report: &mut Report,
) -> Option<Layer> {
    let mut profile = Config::default().profiles.into_iter().next()?;
    profile.api_key_secret =
        secret(&profile.api_key_secret, &injection.api_key_secret, &path.key("apiKeySecret"), report);
    profile.token_secret = secret(
        &profile.token_secret,
        &injection.cluster_agent_token_secret,
        &path.key("clusterAgentTokenSecret"),
        report,
    );
    profile.image = image.clone();
    let logging = &injection.kubelet_api_logging;
    profile.logs = Logs { enabled: logging.enabled, collect_all: logging.container_collect_all };
    propagate::defaults(datadog, &mut profile);
    let cws = Cws { image: image::tracer(image), entrypoints: Vec::new() };
    let otlp = propagate::receivers(datadog);
    Some(Layer { profile, cws: cws::Layer { enabled: false, cws }, otlp })
}

/// A layer's Secrets for pulling images, appended to those below.
pub(super) fn pull_secrets<'s>(
    lower: &[String],
    upper: impl Iterator<Item = &'s str> + Clone,
    path: &Path,
    report: &mut Report,
) -> Vec<String> {
    for (index, name) in upper.clone().enumerate() {
        if let Err(wrong) = names::subdomain(name) {
            report.add(&path.index(index), wrong);
        }
    }
    appended(lower, upper.map(str::to_owned).collect())
}

/// One list after another, each text once.
fn appended(lower: &[String], upper: Vec<String>) -> Vec<String> {
    let mut all = lower.to_vec();
    for text in upper {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
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
