//! From the text of a file to a configuration: read, checked for its shape, checked for its meaning, filled in.

use super::{
    Config, Profile,
    file::{self, File},
    hash, image, injector, names, notice,
    problem::{Path, Problem, Problems, Report},
    profiles::{self, Layers},
    propagate, reach, schema, selectors, shape, tree, words,
};
use crate::fargate::KUBELET_PORT;

/// The injector's own second port in the chart.
const ADMIN_PORT: u16 = 8080;

/// The longest name of a cluster that the agent accepts.
const MAX_CLUSTER_NAME: usize = 80;

/// Reads a configuration, in YAML or JSON. `file` is its name, for messages; an empty text is the default configuration.
///
/// # Errors
///
/// Everything that is wrong with it, each with line, column and key path.
///
/// ```
/// use datadog_sidecar_injector::config;
/// let config = config::load("datadog: {site: datadoghq.eu}", "values.yaml").unwrap();
/// assert_eq!(config.site, "datadoghq.eu");
///
/// let problems = config::load("clusterAgent: {servicePort: 0}", "values.yaml").unwrap_err();
/// assert_eq!(problems.to_string(), "values.yaml:1:29: clusterAgent.servicePort: must be from 1 to 65535, not 0");
/// ```
pub fn load(text: &str, file: &str) -> Result<Config, Problems> {
    let mut report = Report::default();
    let config = match tree::parse(text) {
        Ok(root) => read(&root, text, &mut report),
        Err(tree::Unreadable { place, message }) => {
            report.at(place, &Path::default(), message);
            Config::default()
        }
    };
    match report.into_problems(file) {
        Some(problems) => Err(problems),
        None => Ok(config),
    }
}

/// As [`load`], for the bytes of a file.
///
/// # Errors
///
/// As [`load`]; also where the bytes are not UTF-8.
pub fn load_bytes(bytes: &[u8], file: &str) -> Result<Config, Problems> {
    str::from_utf8(bytes)
        .map_err(|error| not_utf8(bytes, error.valid_up_to(), file))
        .and_then(|text| load(text, file))
}

fn not_utf8(bytes: &[u8], end: usize, file: &str) -> Problems {
    let valid = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    let line = valid.matches('\n').count() + 1;
    let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (line, column) = (count(line), count(column));
    let problem = Problem { line, column, path: String::new(), message: "the file is not UTF-8".into() };
    Problems { file: file.into(), list: vec![problem] }
}

fn read(root: &tree::Node, text: &str, report: &mut Report) -> Config {
    if let (Some(_), Some(kind)) = (root.get("apiVersion"), root.get("kind")) {
        let kind = kind.text(text).unwrap_or_default();
        let message = format!("this is a Kubernetes object ({}), and no values file", words::shortened(kind));
        report.at(root.place, &Path::default(), message);
        return Config::default();
    }
    let value = shape::check(root, text, schema::derived(), report);
    match serde_json::from_value::<File>(value) {
        Ok(file) => resolve(root, &file, report),
        Err(_) => {
            // The error is not printed: it could quote a value. Where problems are known already, they are the cause.
            report.add(&Path::default(), "cannot be read, for a reason that was not foreseen");
            Config::default()
        }
    }
}

/// Checks the meaning of a file, and fills in what it leaves out.
fn resolve(root: &tree::Node, file: &File, report: &mut Report) -> Config {
    let File { datadog, cluster_agent, injector, .. } = file;
    let controller = &cluster_agent.admission_controller;
    let injection = &controller.agent_sidecar_injection;
    let at = Path::default().key("clusterAgent").key("admissionController").key("agentSidecarInjection");
    let built_in = Config::default();

    let mut notices = notice::notices(root, file);
    check_controller(controller, report);
    injector::check(file, report);
    let image = image::resolve(file, &at, &built_in.image, report);
    let profile = profiles::built_in(datadog, injection, &image, &at, report);
    let profiles =
        Layers { provider: injection.provider, path: &at.key("profiles"), notices: &mut notices, report };
    let profiles = profile.map(|profile| profiles.resolve(profile, &injection.profiles)).unwrap_or_default();
    notices.extend(logs_without_kubelet(injector, &profiles));
    let selectors = selectors::resolve(&injection.selectors, &profiles, &at.key("selectors"), report);
    let pull_policy = injection.image_pull_policy.or(file.agents.image.pull_policy);
    let image_pull_secrets = pull_secrets(injection, &file.agents.image, &at, report);
    let mut config = Config {
        enabled: injection.enabled,
        site: site(&datadog.site, &built_in.site, report),
        cluster_name: cluster_name(&datadog.cluster_name.0, &mut notices, report),
        tags: datadog.tags.to_list(),
        env: propagate::env(datadog, injector, report),
        cluster_agent: reach::resolve(file, &mut notices, report),
        provider: injection.provider,
        image,
        pull_policy: pull_policy.unwrap_or(built_in.pull_policy),
        image_pull_secrets,
        on_missing_secret: injection.on_missing_secret,
        selectors: if selectors.is_empty() { built_in.selectors } else { selectors },
        profiles,
        pod_overrides: injection.pod_overrides.clone(),
        excluded_namespaces: excluded(&injection.excluded_namespaces, &at.key("excludedNamespaces"), report),
        notices,
        hash: String::new(),
    };
    config.hash = hash::of(&config);
    config
}

fn check_controller(controller: &file::AdmissionController, report: &mut Report) {
    let wrong = match controller.port {
        KUBELET_PORT => "must not be 10250, which on Fargate is the kubelet's",
        ADMIN_PORT => "must not be 8080, where the injector's probes and metrics are",
        _ => return,
    };
    report.add(&Path::default().key("clusterAgent").key("admissionController").key("port"), wrong);
}

/// A profile that collects logs where agents are kept from the kubelet, which has them.
fn logs_without_kubelet(injector: &file::Injector, profiles: &[Profile]) -> Option<String> {
    let access = match injector.rbac.kubelet.access? {
        file::KubeletAccess::Proxy => return None,
        file::KubeletAccess::ApiServer => "apiServer",
        file::KubeletAccess::None => "none",
    };
    let names: Vec<&str> = profiles.iter().filter(|p| p.logs.enabled).map(|p| p.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "injector.rbac.kubelet.access is {access}, so that these profiles collect no logs: {}; say proxy, or let Fargate's Fluent Bit send them (deploy/aws-logging.yaml)",
            names.join(", ")
        )
    })
}

fn site(site: &str, built_in: &str, report: &mut Report) -> String {
    if site.is_empty() {
        return built_in.to_owned();
    }
    if let Err(wrong) = names::host(site) {
        report.add(&Path::default().key("datadog").key("site"), wrong);
    }
    site.to_owned()
}

/// The agent ignores a name it does not like: that is worth a notice, but no reason to stop.
fn cluster_name(name: &str, notices: &mut Vec<String>, report: &mut Report) -> String {
    let path = Path::default().key("datadog").key("clusterName");
    if name.contains("{{") {
        // A template that nobody fills in is no name: the notice about those tells of it.
        return String::new();
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        report.add(&path, "must not contain spaces");
    } else if !name.is_empty() {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let word = |part: &str| {
            part.starts_with(edge)
                && part.ends_with(|c| edge(c) || c == '_')
                && part.chars().all(|c| edge(c) || c == '-' || c == '_')
        };
        if name.len() > MAX_CLUSTER_NAME || !name.split('.').all(word) {
            notices.push(format!(
                "{path} will be ignored by the agent: it takes at most {MAX_CLUSTER_NAME} lowercase letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
            ));
        }
    }
    name.to_owned()
}

/// Those of the injection; where it has none, those of Datadog's own agents.
fn pull_secrets(
    injection: &file::Injection,
    agents: &file::AgentsImage,
    at: &Path,
    report: &mut Report,
) -> Vec<String> {
    let own = injection.image_pull_secrets.iter().map(file::PullSecret::name);
    let own = profiles::pull_secrets(&[], own, &at.key("imagePullSecrets"), report);
    let path = Path::default().key("agents").key("image").key("pullSecrets");
    let of_agents = agents.pull_secrets.iter().map(|secret| secret.name.as_str());
    let of_agents = profiles::pull_secrets(&[], of_agents, &path, report);
    if own.is_empty() { of_agents } else { own }
}

fn excluded(namespaces: &[String], path: &Path, report: &mut Report) -> Vec<String> {
    for (index, namespace) in namespaces.iter().enumerate() {
        if let Err(wrong) = names::dns_label(namespace) {
            report.add(&path.index(index), wrong);
        }
    }
    namespaces.to_vec()
}
