//! What pods can contain: the API server accepts the injected form of each, with everything of the user's in it.

use crate::harness::{Scene, pods, yaml};
use serde_json::json;

const METADATA: &str = "metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}}";

/// A bare pod with the label.
fn pod(spec: &str) -> String {
    format!("{{apiVersion: v1, kind: Pod, {METADATA}, spec: {{{spec}}}}}")
}

#[tokio::test]
async fn a_bare_pod_gets_the_sidecar_and_its_stored_form_nothing_more() {
    let (scene, _injector) = Scene::serving("bare", "").await;
    let requests = "{cpu: 300m, memory: 400Mi}";
    let app = format!("containers: [{{name: app, image: app, resources: {{requests: {requests}}}}}]");
    let injected = scene.inject(&pod(&app)).await;
    assert_eq!(injected.warnings, [""; 0]);
    assert_eq!(pods::names(&injected.pod, "containers"), ["app", pods::SIDECAR]);

    // `kubectl get -o yaml`, another name, `kubectl create`.
    let mut again = yaml(&pod(""));
    again["metadata"]["name"] = "again".into();
    again["metadata"]["annotations"] = injected.pod["metadata"]["annotations"].clone();
    again["spec"] = injected.pod["spec"].clone();
    let again = scene.try_pod(&again).await.created();
    assert!(scene.calls(&again).iter().all(|call| call.patch.is_empty()));
    assert_eq!(again["spec"], injected.pod["spec"]);
}

#[tokio::test]
async fn a_dry_run_shows_the_sidecar_and_stores_nothing() {
    let (scene, _injector) = Scene::serving("dry-run", "").await;
    let mut pod = yaml(&pod("containers: [{name: app, image: app}]"));
    pod["metadata"]["namespace"] = scene.namespace.as_str().into();
    let shown = scene.api.dry_run(&pod).await.created();
    assert_eq!(pods::sidecars(&shown), 1);
    assert_eq!(scene.api.get(&pod).await.status, 404);
}

#[tokio::test]
async fn native_sidecars_and_every_probe_are_kept() {
    let (scene, _injector) = Scene::serving("probes", "").await;
    let injected = scene
        .inject(&pod("
            initContainers:
              [{name: proxy, image: proxy, restartPolicy: Always, startupProbe: {httpGet: {path: /, port: 1}},
                lifecycle: {preStop: {exec: {command: [stop]}}}, readinessProbe: {tcpSocket: {port: 2}}},
               {name: migrate, image: migrate, env: [{name: A, value: b}]}],
            containers:
              [{name: app, image: app, startupProbe: {exec: {command: [a]}, failureThreshold: 30},
                livenessProbe: {grpc: {port: 3}, terminationGracePeriodSeconds: 5}, readinessProbe: {httpGet: {path: /r, port: web}},
                ports: [{name: web, containerPort: 80}], resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]}]
        "))
        .await;
    assert_eq!(pods::names(&injected.pod, "initContainers"), ["proxy", "migrate"]);
    // What runs beside the application sends to the agent as well; a step that ends before it is up has the socket only.
    let [proxy, migrate] = ["proxy", "migrate"].map(|name| pods::container(&injected.pod, name));
    assert!(
        pods::env(proxy, "DD_DOGSTATSD_URL").is_some() && pods::env(migrate, "DD_DOGSTATSD_URL").is_none()
    );
    assert!([proxy, migrate].iter().all(|container| pods::mount(container, "ddsockets").is_some()));
}

#[tokio::test]
async fn volumes_of_every_kind_are_kept() {
    let (scene, _injector) = Scene::serving("volumes", "").await;
    let injected = scene
        .inject(&pod("
            containers: [{name: app, image: app, volumeMounts: [{name: scratch, mountPath: /scratch, subPathExpr: '$(POD)'}],
              volumeDevices: [{name: raw, devicePath: /dev/x}], env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}],
            volumes:
              [{name: scratch, ephemeral: {volumeClaimTemplate: {metadata: {labels: {a: b}},
                spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}},
               {name: raw, persistentVolumeClaim: {claimName: raw}},
               {name: all, projected: {sources: [{configMap: {name: a, optional: true}}, {serviceAccountToken: {path: t, audience: x}}]}},
               {name: image, image: {reference: 'files:1', pullPolicy: IfNotPresent}},
               {name: memory, emptyDir: {medium: Memory, sizeLimit: 10Mi}}]
        "))
        .await;
    let volumes = pods::names(&injected.pod, "volumes");
    assert!(
        ["scratch", "raw", "all", "image", "memory", "ddsockets"].iter().all(|name| volumes.contains(name))
    );
}

#[tokio::test]
async fn annotations_and_labels_with_slashes_and_tildes_are_kept() {
    let (scene, _injector) = Scene::serving("names", "").await;
    let injected = scene
        .inject(
            "{apiVersion: v1, kind: Pod,
              metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate, tags.datadoghq.com/env: live},
                annotations: {example.com/a: '~/{}', cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes: cache}},
              spec: {containers: [{name: app, image: app}], volumes: [{name: cache, emptyDir: {}}]}}",
        )
        .await;
    let annotations = &injected.pod["metadata"]["annotations"];
    assert_eq!(
        annotations["cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"],
        "cache,ddsockets"
    );
    assert_eq!(pods::env(pods::container(&injected.pod, pods::SIDECAR), "DD_ENV"), Some("live"));
}

#[tokio::test]
async fn what_comes_after_creation_is_not_reviewed() {
    let (scene, _injector) = Scene::serving("afterwards", "").await;
    let injected = scene.inject(&pod("containers: [{name: app, image: app}]")).await;
    let created = scene.calls(&injected.pod);

    let debugger = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "sh", "targetContainerName": "app"}]}});
    let debugged = scene.api.patch(&injected.pod, "/ephemeralcontainers", &debugger).await.created();
    assert_eq!(pods::names(&debugged, "ephemeralContainers"), ["debug"]);
    pods::assert_kept(&injected.pod, &debugged);
    let labelled = json!({"metadata": {"labels": {"later": "yes"}}});
    let labelled = scene.api.merge(&injected.pod, "", &labelled).await.created();
    pods::assert_kept(&debugged, &labelled);

    assert_eq!(pods::sidecars(&labelled), 1);
    assert_eq!(scene.calls(&injected.pod), created);
}
