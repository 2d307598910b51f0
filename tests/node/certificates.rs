//! Changes of who makes the injector's certificates, which nobody's pod may notice.

use crate::{
    harness::{
        Cluster,
        helm::{self, NAME, NAMESPACE},
        pki::Authority,
        wait,
    },
    rollouts::{assert_all_injected, while_pods_are_made},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// What the chart makes for cert-manager, which is not here: the test fills the Secret in its place.
const KINDS: [(&str, &str); 2] = [("certificates", "Certificate"), ("issuers", "Issuer")];

/// Every change there is between the three modes, forth and back.
const MODES: [&str; 7] =
    ["selfManaged", "files", "selfManaged", "certManager", "files", "certManager", "selfManaged"];

fn definition((plural, kind): (&str, &str)) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.cert-manager.io")},
        "spec": {"group": "cert-manager.io", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}})
}

/// A Secret as cert-manager fills it.
fn secret(name: &str, authority: &Authority) -> Value {
    let pair = authority.server(&[&format!("{NAME}.{NAMESPACE}.svc")]);
    let data = json!({"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.pem()});
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": NAMESPACE}, "stringData": data})
}

#[tokio::test]
async fn a_change_of_who_makes_certificates_costs_no_pod_its_sidecar() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("quiet-certificates").await;
    let definitions = KINDS.map(definition);
    for definition in &definitions {
        cluster.api.apply(definition).await.created();
    }
    let (files, cert_manager) = (Authority::new(), Authority::new());
    for secret in [secret("somebodys", &files), secret(&format!("{NAME}-tls"), &cert_manager)] {
        cluster.api.apply(&secret).await.created();
    }
    let values = |mode: &str| {
        let ca = files.pem().replace('\n', "\\n");
        let given = if mode == "files" {
            format!(", files: {{secretName: somebodys, caBundle: \"{ca}\"}}")
        } else {
            String::new()
        };
        format!("injector: {{drainDelay: 3s, certificates: {{mode: {mode}{given}}}}}")
    };
    cluster.install(&values(MODES[0])).await;
    for change in MODES.windows(2) {
        let upgrade = async {
            // As a person does it: without force.
            let said = helm::put("upgrade", &values(change[1]), &["--reset-values"]).await;
            assert!(said.success, "{change:?}: {}\n{}", said.text, cluster.state().await);
            cluster.settled().await;
        };
        let made = while_pods_are_made(&space, upgrade).await;
        assert_all_injected(&made, &format!("{change:?}"));
    }
    // Of other authorities' CAs some stay for a while; the one in use is there.
    let kind = "MutatingWebhookConfiguration";
    let webhook = cluster.get("admissionregistration.k8s.io/v1", kind, NAME).await.created();
    let secret = cluster.get("v1", "Secret", &format!("{NAME}-ca")).await.created();
    let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let own = String::from_utf8(decoded(&secret["data"]["ca.crt"])).unwrap();
    for entry in webhook["webhooks"].as_array().unwrap() {
        let bundle = String::from_utf8(decoded(&entry["clientConfig"]["caBundle"])).unwrap();
        assert!(bundle.contains(&own), "{bundle}");
    }
    space.end().await;
    cluster.uninstall().await;
    for definition in &definitions {
        cluster.api.delete(definition).await.created();
    }
    wait::until("the end of the definitions", async || {
        let mut left = 0;
        for definition in &definitions {
            left += usize::from(cluster.api.get(definition).await.status.is_success());
        }
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_stops_the_rollout_and_costs_no_pod_its_sidecar() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("quiet-distrust").await;
    cluster.install("injector: {drainDelay: 3s}").await;
    let (right, wrong) = (Authority::new(), Authority::new());
    cluster.api.apply(&secret("distrusted", &right)).await.created();
    let ca = wrong.pem().replace('\n', "\\n");
    let values = format!(
        "injector: {{drainDelay: 3s, certificates: {{mode: files, files: {{secretName: distrusted, caBundle: \"{ca}\"}}}}}}"
    );
    let upgrade = async {
        let said = helm::put("upgrade", &values, &["--reset-values", "--timeout=25s"]).await;
        assert!(!said.success, "{}", said.text);
        let state = cluster.state().await;
        assert!(state.contains("does not hold the CA of the certificate being served"), "{state}");
    };
    let made = while_pods_are_made(&space, upgrade).await;
    assert_all_injected(&made, "a certificate that nobody trusts");
    let rollback = async {
        let said = helm::run(&["rollback", "injector", "--wait", "--timeout=90s"]).await;
        assert!(said.success, "{}", said.text);
        cluster.settled().await;
    };
    let made = while_pods_are_made(&space, rollback).await;
    assert_all_injected(&made, "the way back");
    space.end().await;
    // With the webhook configuration goes the CA that would stay in it for an hour.
    cluster.uninstall().await;
}
