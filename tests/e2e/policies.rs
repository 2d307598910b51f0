//! Namespaces whose cluster has policies: `helm install` passes with the values that docs/policies.md names.

use crate::harness::{Release, hook, scene::PROBE, skipped, wait, yaml};
use serde_json::{Value, json};
use std::fs;

/// The policies of the table in the document.
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/policies.yaml");

/// The values in the document.
fn values() -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policies.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn helm_install_passes_the_policies_of_the_document_with_the_values_that_it_names() {
    let release = Release::new("policies").await;
    if !release.cluster.controllers {
        return skipped("policies", "no controllers run, who would make the pod of the hook");
    }
    release.make_account(&release.namespace).await;
    release.kubectl(&["apply", "-f", POLICIES]);
    for (version, kind, spec) in [
        ("v1", "Pod", yaml(PROBE)["spec"].clone()),
        (
            "apps/v1",
            "Deployment",
            json!({"selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}}),
        ),
        (
            "batch/v1",
            "Job",
            json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}),
        ),
    ] {
        let object = json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": "refused", "namespace": release.namespace}, "spec": spec});
        wait::until(&format!("the policy of {kind}s"), async || {
            release.api.dry_run(&object).await.message().contains("ValidatingAdmissionPolicy").then_some(())
        })
        .await;
    }
    // What the document says of digests.
    let digest = format!("--set=injector.image.digest=sha256:{}", "0".repeat(64));
    let mut arguments = release.arguments("install", &values());
    arguments.push(digest);
    let mut replica = None;
    let Some(said) = hook::run(&release, &arguments, &mut replica).await else { return };
    assert!(said.success, "{said:?}\n{}", events(&release));
    wait::until("the replicas' pods", async || {
        (release.api.pods(&release.namespace).await.len() == 2).then_some(())
    })
    .await;
    for (version, kind) in [("policy/v1", "PodDisruptionBudget"), ("networking.k8s.io/v1", "NetworkPolicy")] {
        assert_ne!(release.get(version, kind, "datadog-sidecar-injector").await, None::<Value>, "{kind}");
    }
    drop(replica);
    release.kubectl(&["delete", "-f", POLICIES]);
    release.uninstall().await;
}

#[tokio::test]
async fn the_pod_of_the_hook_goes_where_the_pods_of_the_deployment_go() {
    let release = Release::new("policies-placed").await;
    let of = |kind: &str, values: &str| {
        let objects = release.template(values, &[]);
        objects.into_iter().find(|object| object["kind"] == kind).unwrap()["spec"]["template"].take()
    };
    let values = values();
    let (job, deployment) = (of("Job", &values), of("Deployment", &values));
    for key in [
        "nodeSelector",
        "tolerations",
        "affinity",
        "priorityClassName",
        "imagePullSecrets",
        "securityContext",
    ] {
        assert!(!job["spec"][key].is_null(), "{key}");
        assert_eq!(job["spec"][key], deployment["spec"][key], "{key}");
    }
    for key in ["image", "imagePullPolicy", "resources", "securityContext"] {
        assert_eq!(job["spec"]["containers"][0][key], deployment["spec"]["containers"][0][key], "{key}");
    }
    for (key, value) in deployment["metadata"]["labels"].as_object().unwrap() {
        let other = json!("datadog-sidecar-injector-probe");
        let expected = if key == "app.kubernetes.io/name" { &other } else { value };
        assert_eq!(job["metadata"]["labels"][key], *expected, "{key}");
    }
    assert_eq!(job["metadata"]["annotations"], json!({"contact": "observability@example.com"}));

    let amounts = json!({"requests": {"cpu": "50m"}, "limits": {"memory": "64Mi"}});
    let job = of("Job", &format!("injector: {{probe: {{resources: {amounts}}}}}"));
    assert_eq!(job["spec"]["containers"][0]["resources"], amounts);
}

#[tokio::test]
async fn the_network_policies_let_replicas_and_the_pod_of_the_hook_ask_the_api_server() {
    let release = Release::new("policies-network").await;
    for (ports, expected) in [("", vec![443, 6443]), (", apiServerPorts: [443, 16443]", vec![443, 16443])] {
        let objects =
            release.template(&format!("injector: {{networkPolicy: {{enabled: true{ports}}}}}"), &[]);
        let labels = |kind: &str| {
            let mut objects = objects.iter().filter(|object| object["kind"] == kind);
            objects.next().unwrap()["spec"]["template"]["metadata"]["labels"].clone()
        };
        for (pod, open) in [(labels("Deployment"), 2), (labels("Job"), 0)] {
            let selects = |policy: &&Value| {
                let wanted = policy["spec"]["podSelector"]["matchLabels"].as_object().unwrap();
                wanted.iter().all(|(key, value)| pod[key] == *value)
            };
            let policies: Vec<&Value> =
                objects.iter().filter(|object| object["kind"] == "NetworkPolicy").filter(selects).collect();
            let [policy] = policies[..] else { panic!("{pod}: {policies:?}") };
            assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
            let rules = |pointer: &str| policy.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
            assert_eq!(rules("/spec/ingress/0/ports"), open);
            let ports: Vec<u64> = policy["spec"]["egress"][1]["ports"]
                .as_array()
                .unwrap()
                .iter()
                .map(|port| port["port"].as_u64().unwrap())
                .collect();
            assert_eq!(ports, expected);
        }
    }
}

/// What the API server refused the controllers.
fn events(release: &Release) -> String {
    release.kubectl(&[
        "-n",
        &release.namespace,
        "get",
        "events",
        "-o",
        "custom-columns=M:.message",
        "--no-headers",
    ])
}
