//! What is told of a file that is in force: nothing in it is without effect and without a word.

use super::{injection, values};

const INJECTION: &str = "clusterAgent.admissionController.agentSidecarInjection";

#[test]
fn an_injection_that_is_off_is_told() {
    assert_eq!(
        injection("enabled: false").notices,
        [format!("injection is off: {INJECTION}.enabled is false")]
    );
}

#[test]
fn a_key_in_the_open_is_accepted_and_never_told() {
    let config = values("datadog: {apiKey: 0123456789abcdef0123456789abcdef}");
    assert_eq!(
        config.notices,
        [
            "datadog.apiKey is not used: sidecars read the key from the Secret of apiKeySecret, in the namespace of each pod"
        ]
    );
    assert!(!format!("{config:?}").contains("0123456789abcdef0123456789abcdef"));
}

#[test]
fn what_sets_up_datadogs_own_controller_is_told_in_either_form() {
    for (key, variables) in [
        ("env", "[{name: DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_ENABLED, value: 'true'}]"),
        ("envDict", "{DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_ENABLED: 'true'}"),
    ] {
        assert_eq!(
            values(&format!("clusterAgent: {{{key}: {variables}}}")).notices,
            [format!(
                "clusterAgent.{key}: DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_… is not read: write it as keys of {INJECTION}"
            )]
        );
        assert_eq!(values(&format!("clusterAgent: {{{key}: }}")).notices, Vec::<String>::new());
    }
    assert_eq!(values("clusterAgent: {envDict: {X: y}, token: ''}").notices, Vec::<String>::new());
}

#[test]
fn the_values_of_an_umbrella_chart_are_told_apart() {
    let deep = |keys: &str| {
        [format!("one level too deep, as in the values of an umbrella chart, and not read: {keys}")]
    };
    let inner = "{datadog: {site: datadoghq.eu}, agents: {enabled: false}, clusterAgent: {enabled: true}}";
    assert_eq!(
        values(&format!("datadog: {inner}")).notices,
        deep("datadog.datadog, datadog.clusterAgent, datadog.agents")
    );
    assert_eq!(values(&format!("dd: {inner}")).notices, deep("dd.datadog, dd.clusterAgent, dd.agents"));
    // Somebody else's chart may have one of these names.
    assert_eq!(values("monitoring: {datadog: {enabled: true}}").notices, Vec::<String>::new());
}

#[test]
fn what_is_nearly_a_key_is_told() {
    for (yaml, told) in [
        ("clusterAgents: {enabled: true}", "clusterAgents is not read: did you mean `clusterAgent`?"),
        (
            "clusterAgent: {admissionControler: {port: 8443}}",
            "clusterAgent.admissionControler is not read: did you mean `clusterAgent.admissionController`?",
        ),
        (
            "clusterAgent: {admissionController: {agentSideCarInjection: {enabled: true}}}",
            "clusterAgent.admissionController.agentSideCarInjection is not read: did you mean `clusterAgent.admissionController.agentSidecarInjection`?",
        ),
        (
            "clusterAgent: {agentSideCarInjection: {enabled: true}}",
            "clusterAgent.agentSideCarInjection is not read: did you mean `clusterAgent.admissionController.agentSidecarInjection`?",
        ),
    ] {
        assert_eq!(values(yaml).notices, [told]);
    }
}

#[test]
fn templates_are_told_and_not_taken_for_names() {
    let config = values(
        "datadog: {clusterName: '{{ .Values.name }}', tags: ['team:a', 'env:{{ .Values.env }}', 'pod:${POD}']}",
    );
    assert_eq!(config.cluster_name, "");
    assert_eq!(
        config.notices,
        [
            "a template, `{{ … }}`, which nothing fills in: datadog.clusterName, datadog.tags[1]",
            "a reference, `${…}`, which nothing fills in; write `$(NAME)` in DD_TAGS of a profile's env: datadog.tags[2]"
        ]
    );
    assert_eq!(
        injection("profiles: [{tags: ['x:{{y}}']}]").notices,
        ["a template, `{{ … }}`, which nothing fills in: profiles[0].tags[0]"]
    );
}

#[test]
fn what_is_meant_for_the_agents_of_nodes_is_told() {
    assert_eq!(
        values("datadog: {env: [{name: DD_HOSTNAME, value: node}, {name: DD_LOG_LEVEL, value: warn}]}")
            .notices,
        ["datadog.env says of every sidecar what is true of one node's agent: DD_HOSTNAME"]
    );
    assert_eq!(
        values("agents: {containers: {agent: {env: [{name: A, value: b}]}}, volumes: []}").notices,
        ["of the agents of nodes alone, where profiles say what sidecars have: agents.containers"]
    );
    assert_eq!(
        values("fips: {enabled: true}").notices,
        ["fips.enabled: sidecars have no FIPS proxy; with useFIPSAgent their image is a compliant one"]
    );
    assert_eq!(
        values("datadog: {dogstatsd: {tags: ['a:b c']}}").notices,
        ["the agent takes a space for the end of a tag in: datadog.dogstatsd.tags"]
    );
}

#[test]
fn a_name_of_a_cluster_may_begin_with_a_digit() {
    for name in ["0jon-dev", "dev_1", "a.b-c"] {
        assert_eq!(
            values(&format!("datadog: {{clusterName: {name}}}")).notices,
            Vec::<String>::new(),
            "{name}"
        );
    }
    assert_eq!(values("datadog: {clusterName: A}").notices.len(), 1);
}

#[test]
fn logs_that_the_kubelet_will_not_give_are_told() {
    let logs = "datadog: {logs: {enabled: true}}\nclusterAgent: {admissionController: {agentSidecarInjection: \
        {profiles: [{name: a}, {name: b, logs: false}]}}}";
    for (access, told) in [("proxy", false), ("null", false), ("apiServer", true), ("none", true)] {
        let notices =
            values(&format!("{logs}\ninjector: {{rbac: {{kubelet: {{access: {access}}}}}}}")).notices;
        let expected = format!(
            "injector.rbac.kubelet.access is {access}, so that these profiles collect no logs: default, a; say proxy, \
             or let Fargate's Fluent Bit send them (deploy/aws-logging.yaml)"
        );
        assert_eq!(notices, if told { vec![expected] } else { vec![] });
    }
}
