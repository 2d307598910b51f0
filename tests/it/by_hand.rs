//! A sidecar written by hand, as people did before it was injected, and the injected one of a profile that wants the same.

use crate::laws;
use datadog_sidecar_injector::{config, rules::Rules, select::Outcome};
use serde_json::{Value, json};

/// The agent as its documentation told people to write it into each workload: traces and metrics over ports, the Cluster Agent in a
/// namespace of its own.
const BY_HAND: &str = "
kind: Pod
metadata: {labels: {app: orders}}
spec:
  shareProcessNamespace: true
  containers:
    - {name: orders, image: 'orders:3'}
    - name: agent
      image: datadog/agent
      resources: {limits: {cpu: 200m, memory: 256Mi}, requests: {cpu: 200m, memory: 256Mi}}
      ports:
        - {name: dogstatsdport, containerPort: 8125, protocol: UDP}
        - {name: traceport, containerPort: 8126, protocol: TCP}
      env:
        - {name: DD_EKS_FARGATE, value: 'true'}
        - {name: DD_KUBERNETES_KUBELET_NODENAME, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}}
        - {name: DD_API_KEY, valueFrom: {secretKeyRef: {name: datadog-secret, key: api-key}}}
        - {name: DD_SITE, value: datadoghq.com}
        - {name: DD_CLUSTER_NAME, value: my-cluster}
        - {name: DD_APM_ENABLED, value: 'true'}
        - {name: DD_CLUSTER_AGENT_ENABLED, value: 'true'}
        - {name: DD_CLUSTER_AGENT_URL, value: 'https://datadog-cluster-agent.datadog-agent.svc.cluster.local:5005'}
        - {name: DD_CLUSTER_AGENT_AUTH_TOKEN, valueFrom: {secretKeyRef: {name: datadog-secret, key: token}}}
        - {name: DD_ORCHESTRATOR_EXPLORER_ENABLED, value: 'true'}
";

const THE_SAME_WISHES: &str = "
datadog: {clusterName: my-cluster}
clusterAgent:
  serviceNamespace: datadog-agent
  admissionController:
    agentSidecarInjection:
      selectors: [{objectSelector: {matchLabels: {app: orders}}}]
      profiles:
        - ports: {dogstatsd: true, apm: true}
          sockets: {enabled: false}
          env: [{name: DD_APM_ENABLED, value: 'true'}]
";

/// What the injected one says besides: its ports are open whoever the caller seems to be.
const BESIDES: [&str; 2] = ["DD_APM_NON_LOCAL_TRAFFIC", "DD_DOGSTATSD_NON_LOCAL_TRAFFIC"];

fn by_name(container: &Value, list: &str) -> Vec<Value> {
    let mut items = container[list].as_array().cloned().unwrap_or_default();
    items.sort_by_key(|item| item["name"].as_str().map(str::to_owned));
    items
}

#[test]
fn the_injected_sidecar_has_what_the_one_written_by_hand_has() {
    let by_hand: Value = serde_saphyr::from_str(BY_HAND).unwrap();
    let mut without = by_hand.clone();
    let written = without["spec"]["containers"].as_array_mut().unwrap().pop().unwrap();
    without["spec"].as_object_mut().unwrap().remove("shareProcessNamespace");

    let config = config::load(THE_SAME_WISHES, "values.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let rules = Rules::compile(config, laws::setting());
    let decision = laws::decided(&rules, &without);
    assert_eq!(decision.outcome, Outcome::Injected, "{}", decision.detail);
    let pod = laws::applied(&without, &decision);
    let injected = &pod["spec"]["containers"][1];
    assert_eq!(injected["name"], "datadog-agent-injected");

    let mut env = by_name(injected, "env");
    for name in BESIDES {
        assert!(env.contains(&json!({"name": name, "value": "true"})), "{name}");
    }
    env.retain(|variable| !BESIDES.iter().any(|name| variable["name"] == **name));
    assert_eq!(env, by_name(&written, "env"));
    assert_eq!(by_name(injected, "ports"), by_name(&written, "ports"));
    assert_eq!(injected["resources"], written["resources"]);
    assert_eq!(pod["spec"]["shareProcessNamespace"], by_hand["spec"]["shareProcessNamespace"]);
}
