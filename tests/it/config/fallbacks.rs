//! What Datadog's chart states elsewhere than for sidecars, and sidecars fall back to.

use super::{bad::refused, values};
use datadog_sidecar_injector::config::PullPolicy;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn the_image_of_all_agents_is_that_of_sidecars() {
    let version = env!("PINNED_AGENT_VERSION");
    for (yaml, expected) in [
        ("", format!("public.ecr.aws/datadog/agent:{version}")),
        ("registry: r.example.com/dd", format!("r.example.com/dd/agent:{version}")),
        ("registry: r.example.com\nagents: {image: {name: a, tag: 7.50}}", "r.example.com/a:7.50".into()),
        ("agents: {image: {repository: r.example.com/x/y}}", format!("r.example.com/x/y:{version}")),
        ("agents: {image: {repository: mine, tag: 1}}", "mine:1".into()),
        (
            "registry: a.example.com\nagents: {image: {repository: r.example.com/x/y, name: z, tag: 1}}",
            "r.example.com/x/y:1".into(),
        ),
        (
            "registry: a.example.com\nclusterAgent: {admissionController: {containerRegistry: b.example.com}}",
            format!("b.example.com/agent:{version}"),
        ),
        (
            "clusterAgent: {admissionController: {containerRegistry: b.example.com, agentSidecarInjection: {containerRegistry: c.example.com}}}",
            format!("c.example.com/agent:{version}"),
        ),
        (
            "agents: {image: {repository: r.example.com/x/y, tag: 1}}\nclusterAgent: {admissionController: {agentSidecarInjection: {imageName: z}}}",
            "public.ecr.aws/datadog/z:1".into(),
        ),
        ("useFIPSAgent: true", format!("public.ecr.aws/datadog/agent:{version}-fips")),
        (
            "useFIPSAgent: true\nagents: {image: {tag: 7.80.0, tagSuffix: full}}",
            "public.ecr.aws/datadog/agent:7.80.0-fips-full".into(),
        ),
        (
            "useFIPSAgent: true\nagents: {image: {tag: 7.80.0-fips}}",
            "public.ecr.aws/datadog/agent:7.80.0-fips".into(),
        ),
        (
            "useFIPSAgent: true\nclusterAgent: {admissionController: {agentSidecarInjection: {imageTag: 7.80.0}}}",
            "public.ecr.aws/datadog/agent:7.80.0".into(),
        ),
    ] {
        assert_eq!(values(yaml).profiles[0].image.reference(), expected, "{yaml}");
    }
    let of_agents = format!("agents: {{image: {{digest: {DIGEST}}}}}\n");
    let injection =
        |keys: &str| format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{{keys}}}}}}}");
    let digest = |yaml: &str| values(yaml).image.digest;
    assert_eq!(digest(&of_agents).as_deref(), Some(DIGEST));
    assert_eq!(
        digest(&(of_agents.clone() + &injection("containerRegistry: c.example.com"))).as_deref(),
        Some(DIGEST)
    );
    assert_eq!(digest(&(of_agents + &injection("imageTag: 7.50"))), None);
}

#[test]
fn pull_settings_of_all_agents_are_those_of_sidecars() {
    let agents = "agents: {image: {pullPolicy: Always, pullSecrets: [{name: a}, {name: a}, {name: b}]}}\n";
    let config = values(agents);
    assert_eq!(
        (config.pull_policy, config.image_pull_secrets),
        (PullPolicy::Always, vec!["a".into(), "b".into()])
    );
    let own = "clusterAgent: {admissionController: {agentSidecarInjection: {imagePullPolicy: Never, imagePullSecrets: [c]}}}";
    let config = values(&format!("{agents}{own}"));
    assert_eq!((config.pull_policy, config.image_pull_secrets), (PullPolicy::Never, vec!["c".to_owned()]));
}

#[test]
fn the_service_is_called_as_datadogs_chart_calls_it() {
    let long = "x".repeat(70);
    for (yaml, expected) in [
        ("", "datadog-cluster-agent"),
        ("fullnameOverride: dd-prod", "dd-prod-cluster-agent"),
        ("fullnameOverride: dd-prod\nnameOverride: other", "dd-prod-cluster-agent"),
        ("nameOverride: other", "datadog-other-cluster-agent"),
        ("nameOverride: dog", "datadog-cluster-agent"),
        ("fullnameOverride: dd-prod\nclusterAgent: {serviceName: mine}", "mine"),
        (
            "existingClusterAgent: {join: true, serviceName: theirs, tokenSecretName: datadog-secret}",
            "theirs",
        ),
        ("existingClusterAgent: {join: true, serviceName: theirs}\nclusterAgent: {enabled: false}", "theirs"),
        ("existingClusterAgent: {serviceName: theirs}", "datadog-cluster-agent"),
        (
            "existingClusterAgent: {join: true, serviceName: theirs}\nclusterAgent: {serviceName: mine}",
            "mine",
        ),
    ] {
        let config = values(yaml);
        assert_eq!(config.cluster_agent.map(|agent| agent.service).as_deref(), Some(expected), "{yaml}");
        assert_eq!(config.notices, Vec::<String>::new(), "{yaml}");
    }
    let off = "existingClusterAgent: {serviceName: theirs}\nclusterAgent: {enabled: false}";
    assert_eq!(values(off).cluster_agent, None);
    assert_eq!(
        values("existingClusterAgent: {join: true}").notices,
        ["existingClusterAgent.join has no effect without existingClusterAgent.serviceName"]
    );
    assert_eq!(
        values("existingClusterAgent: {join: true, serviceName: s, tokenSecretName: t}").notices,
        [
            "existingClusterAgent.tokenSecretName is a Secret of the release namespace: sidecars read the token from clusterAgentTokenSecret of agentSidecarInjection"
        ]
    );
    refused(&[(
        &format!("fullnameOverride: {long}"),
        &[
            "1:19: fullnameOverride: must be 1 to 63 lowercase letters, digits and `-`, with a letter or digit at each end",
        ],
    )]);
}

#[test]
fn what_is_wrong_is_told_where_it_is_written() {
    refused(&[
        (
            "registry: https://r.example.com",
            &["1:11: registry: must be a registry without scheme, such as public.ecr.aws/datadog"],
        ),
        (
            "agents: {image: {tag: '7 8'}}",
            &[
                "1:23: agents.image.tag: must be 1 to 128 letters, digits, `_`, `.` and `-`, and not begin with `.` or `-`",
            ],
        ),
        (
            "agents: {image: {repository: 'r.example.com/agent:7'}}",
            &["1:30: agents.image.repository: must be the repository alone: the tag has a key of its own"],
        ),
        (
            "agents: {image: {name: A}}",
            &["1:24: agents.image.name: must be the name of an image in lowercase, such as agent"],
        ),
        (
            "agents: {image: {digest: x}}",
            &["1:26: agents.image.digest: must be `sha256:` and 64 hexadecimal digits in lowercase"],
        ),
        (
            "agents: {image: {pullPolicy: always}}",
            &[
                "1:30: agents.image.pullPolicy: must be \"Always\", \"IfNotPresent\" or \"Never\", not \"always\"",
            ],
        ),
        ("agents: {image: {pullSecrets: [{}]}}", &["1:32: agents.image.pullSecrets[0]: `name` is missing"]),
        (
            "existingClusterAgent: {join: true, serviceName: A}",
            &[
                "1:49: existingClusterAgent.serviceName: must be 1 to 63 lowercase letters, digits and `-`, with a letter or digit at each end",
            ],
        ),
    ]);
}
