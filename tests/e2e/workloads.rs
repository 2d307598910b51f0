//! Each kind of workload that makes pods: the webhook sees what its controller makes.

use crate::harness::{Scene, pods, scene::in_namespace, skipped, yaml};
use serde_json::{Value, json};

/// A pod template with the label.
fn template(app: &str, spec: &str) -> String {
    format!(
        "{{metadata: {{labels: {{app: {app}, agent.datadoghq.com/sidecar: fargate}}}}, spec: {{{spec}}}}}"
    )
}

const REDIS: &str = "containers: [{name: redis, image: 'redis:latest', args: [redis-server]}]";

/// Applies a workload in both namespaces as `kubectl apply` does and returns its injected pod.
async fn pod_of(scene: &Scene, workload: &str, template: &str) -> Value {
    let mut made = Vec::new();
    for namespace in [&scene.plain, &scene.namespace] {
        let workload = scene.api.apply(&in_namespace(yaml(workload), namespace)).await.created();
        made.push(scene.pod_of(namespace, &workload, template).await);
    }
    let mut plain = made.remove(0);
    // Names and owners differ; the pod's own part is what counts.
    plain["metadata"]["labels"].as_object_mut().unwrap().retain(|key, _| !key.contains("controller-uid"));
    scene.judge(&plain, &made[0], Vec::new()).await.pod
}

#[tokio::test]
async fn the_documented_redis_deployment_gets_the_sidecar() {
    let (scene, _injector) = Scene::serving("redis", "").await;
    let deployment = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: redis}}, \
         spec: {{replicas: 1, selector: {{matchLabels: {{app: redis}}}}, template: {}}}}}",
        template("redis", REDIS)
    );
    let pod = pod_of(&scene, &deployment, "/spec/template").await;

    assert_eq!(pods::names(&pod, "containers"), ["redis", pods::SIDECAR]);
    assert_eq!(pods::names(&pod, "initContainers"), [""; 0]);
    assert_eq!(pod["spec"]["shareProcessNamespace"], true);
    let sidecar = pods::container(&pod, pods::SIDECAR);
    assert_eq!(sidecar["resources"]["requests"], json!({"cpu": "200m", "memory": "256Mi"}));
    assert_eq!(sidecar["resources"]["limits"], sidecar["resources"]["requests"]);
    assert_eq!(pods::env(sidecar, "DD_EKS_FARGATE"), Some("true"));
    assert_eq!(
        pods::env(sidecar, "DD_CLUSTER_AGENT_URL"),
        Some("https://datadog-cluster-agent.datadog-agent.svc.cluster.local:5005")
    );
    assert_eq!(pods::mount(sidecar, "ddsockets"), Some("/var/run/datadog"));
    let redis = pods::container(&pod, "redis");
    assert_eq!(pods::mount(redis, "ddsockets"), Some("/var/run/datadog"));
    assert_eq!(pods::env(redis, "DD_TRACE_AGENT_URL"), Some("unix:///var/run/datadog/apm.socket"));
    assert_eq!(pods::env(redis, "DD_DOGSTATSD_URL"), Some("unix:///var/run/datadog/dsd.socket"));
}

#[tokio::test]
async fn the_pod_of_a_stateful_set_gets_the_sidecar() {
    let (scene, _injector) = Scene::serving("stateful-set", "").await;
    let set = format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: db}}, \
         spec: {{serviceName: db, selector: {{matchLabels: {{app: db}}}}, template: {}, \
         volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], \
         resources: {{requests: {{storage: 1Gi}}}}}}}}]}}}}",
        template("db", "containers: [{name: db, image: db, volumeMounts: [{name: data, mountPath: /data}]}]")
    );
    if !scene.cluster.controllers {
        // The volume of the claim is the controller's doing.
        return skipped("the pod of a StatefulSet", "no kube-controller-manager");
    }
    let pod = pod_of(&scene, &set, "/spec/template").await;
    assert_eq!(pods::names(&pod, "containers"), ["db", pods::SIDECAR]);
    assert_eq!(pods::mount(pods::container(&pod, "db"), "data"), Some("/data"));
}

#[tokio::test]
async fn the_pod_of_a_job_gets_a_native_sidecar() {
    let (scene, _injector) = Scene::serving("job", "").await;
    let job = format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: import}}, spec: {{template: {}}}}}",
        template("import", "restartPolicy: Never, containers: [{name: import, image: import}]")
    );
    let pod = pod_of(&scene, &job, "/spec/template").await;
    assert_eq!(pods::names(&pod, "initContainers"), [pods::SIDECAR]);
    assert_eq!(pods::container(&pod, pods::SIDECAR)["restartPolicy"], "Always");
    assert_eq!(pods::names(&pod, "containers"), ["import"]);
}

#[tokio::test]
async fn the_pod_of_a_job_made_of_a_cron_job_gets_a_native_sidecar() {
    let (scene, _injector) = Scene::serving("cron-job", "").await;
    let cron_job = yaml(&format!(
        "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: report, namespace: cron-job}}, \
         spec: {{schedule: '0 0 1 1 *', jobTemplate: {{spec: {{template: {}}}}}}}}}",
        template(
            "report",
            "restartPolicy: OnFailure, initContainers: [{name: fetch, image: fetch}], containers: [{name: report, image: report}]"
        )
    ));
    let cron_job = scene.api.create(&cron_job).await.created();
    // As `kubectl create job --from=cronjob/report` does.
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "report-now", "annotations": {"cronjob.kubernetes.io/instantiate": "manual"}},
        "spec": cron_job["spec"]["jobTemplate"]["spec"],
    });
    let pod = pod_of(&scene, &job.to_string(), "/spec/template").await;
    assert_eq!(pods::names(&pod, "initContainers"), [pods::SIDECAR, "fetch"]);
    assert_eq!(pods::names(&pod, "containers"), ["report"]);
}
