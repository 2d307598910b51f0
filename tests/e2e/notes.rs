//! What the chart says when it is installed: the next steps, complete.

use crate::harness::Release;
use datadog_sidecar_injector::config;

/// The notes for values, of an installation that is not made.
fn notes(release: &Release, values: &str) -> String {
    let said = release.dry(values);
    let (_, notes) = said.split_once("\nNOTES:\n").unwrap_or_else(|| panic!("no notes: {said}"));
    notes.to_owned()
}

fn injection(text: &str) -> String {
    format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{{text}}}}}}}")
}

#[tokio::test]
async fn the_notes_make_every_secret_that_sidecars_refer_to() {
    let release = Release::new("notes-secrets").await;
    let make = "kubectl -n NAMESPACE create secret generic ";
    let both = "datadog-secret --from-literal=api-key=YOUR_API_KEY --from-literal=token=CLUSTER_AGENT_TOKEN";
    let key = "datadog-secret --from-literal=api-key=YOUR_API_KEY";
    for (values, commands) in [
        (String::new(), vec![both]),
        ("clusterAgent: {enabled: false}".to_owned(), vec![key]),
        (injection("clusterAgentCommunicationEnabled: false"), vec![key]),
        (
            "{clusterAgent: {enabled: false}, existingClusterAgent: {join: true, serviceName: dca}}"
                .to_owned(),
            vec![both],
        ),
        (
            injection("apiKeySecret: {name: keys, key: a}, clusterAgentTokenSecret: {name: keys, key: t}"),
            vec!["keys --from-literal=a=YOUR_API_KEY --from-literal=t=CLUSTER_AGENT_TOKEN"],
        ),
        (
            injection("clusterAgentTokenSecret: {name: tokens, key: t}"),
            vec![key, "tokens --from-literal=t=CLUSTER_AGENT_TOKEN"],
        ),
        // The default profile's are those of most pods.
        (
            injection(
                "profiles: [{apiKeySecret: {name: keys}}, {name: other, apiKeySecret: {name: theirs}}]",
            ),
            vec![
                "keys --from-literal=api-key=YOUR_API_KEY",
                "datadog-secret --from-literal=token=CLUSTER_AGENT_TOKEN",
            ],
        ),
    ] {
        let said = notes(&release, &values);
        let found: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix(make)).collect();
        assert_eq!(found, commands, "{values}: {said}");
        let token = commands.iter().any(|command| command.contains("TOKEN"));
        assert_eq!(said.contains("CLUSTER_AGENT_TOKEN is "), token, "{values}: {said}");
    }
    let said = notes(&release, "clusterAgent: {tokenExistingSecret: mine, serviceNamespace: dd}");
    let from = "kubectl -n dd get secret mine -o jsonpath='{.data.token}' | base64 -d";
    assert!(said.contains(from), "{said}");
}

#[tokio::test]
async fn a_key_in_the_values_is_told_of_and_kept_nowhere() {
    let release = Release::new("notes-key").await;
    let key = "0123456789abcdef0123456789abcdef";
    let values = format!("datadog: {{apiKey: {key}}}");
    let said = notes(&release, &values);
    let [notice] = &config::load(&values, "values.yaml").unwrap().notices[..] else { panic!("one notice") };
    assert!(said.contains(notice) && notice.contains("datadog.apiKey"), "{notice}: {said}");
    assert!(!said.contains(key), "{said}");
    let rendered: Vec<String> = release.render(&values).iter().map(ToString::to_string).collect();
    assert!(!rendered.concat().contains(key));
}
