//! No replica at all.

use crate::harness::{Cluster, helm, pods};
use serde_json::{Value, json};
use std::time::Duration;

/// `timeoutSeconds` of the chart.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How often the injector is asked about pods of the namespaces that are left alone.
async fn others_are_untouched(cluster: &Cluster) {
    for namespace in ["kube-system", "kube-public", "kube-node-lease", helm::NAMESPACE] {
        let pod: Value = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "other", "namespace": namespace, "labels": {"agent.datadoghq.com/sidecar": "fargate"}},
            "spec": {"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "app", "image": "app",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}});
        let made = cluster.api.dry_run(&pod).await.created();
        assert_eq!(pods::sidecars(&made), 0, "{namespace}");
        assert_eq!(made["metadata"]["annotations"], Value::Null, "{namespace}");
    }
}

#[tokio::test]
async fn without_replicas_pods_are_made_as_they_are() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("outage").await;
    cluster.install(helm::STANDARD).await;
    assert_eq!(pods::sidecars(&space.gated().await.pod), 1);
    others_are_untouched(&cluster).await;

    cluster.patch(&json!({"spec": {"replicas": 0}})).await;
    cluster.without_replicas().await;
    for _ in 0..10 {
        let gated = space.gated().await;
        assert_eq!(pods::sidecars(&gated.pod), 0);
        assert!(gated.took < TIMEOUT, "{:?}", gated.took);
    }
    others_are_untouched(&cluster).await;

    cluster.patch(&json!({"spec": {"replicas": 2}})).await;
    cluster.settled().await;
    assert_eq!(pods::sidecars(&space.gated().await.pod), 1);
}
