//! How sidecars reach the Cluster Agent: its Service as stated, or as Datadog's chart calls it.

use super::{
    ClusterAgent,
    file::File,
    names,
    problem::{Path, Report},
};

/// The name of Datadog's chart, and of its release in Datadog's own instructions: the release's name is not among its values.
const RELEASE: &str = "datadog";

/// The longest name that Datadog's chart makes before it puts something behind it.
const LONGEST: usize = 63;

/// Where the Cluster Agent answers; `None` where there is none, or sidecars are not to talk to it.
pub(super) fn resolve(file: &File, notices: &mut Vec<String>, report: &mut Report) -> Option<ClusterAgent> {
    let (agent, existing) = (&file.cluster_agent, &file.existing_cluster_agent);
    let injection = &agent.admission_controller.agent_sidecar_injection;
    let root = Path::default();
    let (path, of_existing) = (root.key("clusterAgent"), root.key("existingClusterAgent"));
    let joins = existing.join && !existing.service_name.is_empty();
    if existing.join && !joins {
        notices.push(format!("{of_existing}.join has no effect without {of_existing}.serviceName"));
    }
    let named = [
        (path.key("serviceName"), agent.service_name.as_str()),
        (of_existing.key("serviceName"), if existing.join { existing.service_name.as_str() } else { "" }),
    ];
    let named = named.into_iter().find(|(_, name)| !name.is_empty());
    let (at, service) = named.map_or_else(|| of_chart(file), |(at, name)| (at, name.to_owned()));
    if let Err(wrong) = names::service(&service) {
        report.add(&at, wrong);
    }
    let namespace = (!agent.service_namespace.is_empty()).then(|| agent.service_namespace.clone());
    if let Some(Err(wrong)) = namespace.as_deref().map(names::dns_label) {
        report.add(&path.key("serviceNamespace"), wrong);
    }
    let tls_verification = injection.cluster_agent_tls_verification.enabled;
    let found = ClusterAgent { service, namespace, port: agent.service_port, tls_verification };
    let there = agent.enabled || joins;
    let wanted = there && injection.cluster_agent_communication_enabled;
    let (token, read) = (&existing.token_secret_name.0, injection.cluster_agent_token_secret.name.as_deref());
    if wanted && joins && !token.is_empty() && read.is_some_and(|read| read != token) {
        notices.push(format!(
            "{of_existing}.tokenSecretName is a Secret of the release namespace: sidecars read the token from clusterAgentTokenSecret of agentSidecarInjection"
        ));
    }
    wanted.then_some(found)
}

/// What Datadog's chart calls the Service, and the key that says so.
fn of_chart(file: &File) -> (Path, String) {
    let short = |name: &str| name.chars().take(LONGEST).collect::<String>().trim_end_matches('-').to_owned();
    let root = Path::default();
    let (at, name) = if !file.fullname_override.is_empty() {
        (root.key("fullnameOverride"), short(&file.fullname_override))
    } else if RELEASE.contains(&file.name_override) {
        (root.key("nameOverride"), RELEASE.to_owned())
    } else {
        (root.key("nameOverride"), short(&format!("{RELEASE}-{}", file.name_override)))
    };
    (at, format!("{name}-cluster-agent"))
}
