//! What one test sees: two namespaces, `namespace` with the webhook and `plain` without.

use super::{
    Injector, Reached,
    api::{Api, Reply},
    audit::{self, Call},
    control_plane::ControlPlane,
    pods, wait,
};
use serde_json::{Value, json};

/// The label of the namespaces that a scene's webhook sees.
pub const SCENE: &str = "e2e/scene";

/// The one thing that is extended, not added.
const SAFE_TO_EVICT: &str =
    "/metadata/annotations/cluster-autoscaler.kubernetes.io~1safe-to-evict-local-volumes";

/// A pod that every namespace admits.
pub const PROBE: &str = "
apiVersion: v1
kind: Pod
metadata: {name: probe}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
    - {name: probe, image: probe, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
";

/// What sidecars refer to.
pub const SECRET: &str =
    "{apiVersion: v1, kind: Secret, metadata: {name: datadog-secret}, stringData: {api-key: a, token: t}}";

/// A test's own part of the cluster.
pub struct Scene {
    pub cluster: &'static ControlPlane,
    pub api: Api,
    /// Unique in the run.
    pub name: &'static str,
    /// The namespace whose pods the webhook sees.
    pub namespace: String,
    /// One with the same labels whose pods it doesn't see: what comes out there is what the injector is measured against.
    pub plain: String,
}

/// What became of a pod.
pub struct Injected {
    /// As it is stored.
    pub pod: Value,
    /// The warnings of its creation.
    pub warnings: Vec<String>,
}

impl Scene {
    /// Namespaces without a webhook.
    pub async fn empty(name: &'static str, labels: Value) -> Self {
        let cluster = ControlPlane::shared().await;
        let scene =
            Self { cluster, api: cluster.api().await, name, namespace: name.to_owned(), plain: plain(name) };
        scene.make_namespace(&scene.plain, labels.clone()).await;
        let mut seen = labels;
        seen[SCENE] = name.into();
        scene.make_namespace(&scene.namespace, seen).await;
        scene
    }

    /// A scene whose webhook is served by a binary with this configuration, and active.
    pub async fn serving(name: &'static str, config: &str) -> (Self, Injector) {
        Self::labelled(name, json!({}), config).await
    }

    /// The same with labels on the namespaces.
    pub async fn labelled(name: &'static str, labels: Value, config: &str) -> (Self, Injector) {
        let scene = Self::empty(name, labels).await;
        let injector = Injector::start(&scene, config, Reached::Service).await;
        scene.register(&injector.webhook()).await;
        (scene, injector)
    }

    /// Makes a namespace, the ServiceAccount that its pods need, as a controller would, and the Secret of the sidecars.
    pub async fn make_namespace(&self, name: &str, labels: Value) {
        self.make_bare_namespace(name, labels).await;
        self.create(name, SECRET).await;
    }

    /// The same without the Secret.
    pub async fn make_bare_namespace(&self, name: &str, labels: Value) {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.api.create(&namespace).await.created();
        self.create(name, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}").await;
    }

    /// Makes a webhook configuration, and pods, dry, until the API server calls it for them.
    pub async fn register(&self, webhook: &Value) {
        let made = self.api.create(webhook).await.created();
        let probe = in_namespace(yaml(PROBE), &self.namespace);
        wait::until("the webhook to be called", async || {
            self.api.dry_run(&probe).await.created();
            let calls = audit::calls(&self.cluster.audit, &self.namespace, "probe")?;
            calls.iter().any(|call| call.configuration == made["metadata"]["name"]).then_some(())
        })
        .await;
    }

    /// Makes two more namespaces, as the scene's own are, for pods by the thousand: the audit log leaves these out. Returns how many
    /// reviews there were when the API server, which learns of namespaces by a watch of its own, asked about pods of the first.
    pub async fn quiet(&self, injector: &Injector, name: &str, labels: Value) -> u64 {
        self.make_namespace(&plain(name), labels.clone()).await;
        let mut seen = labels;
        seen[SCENE] = self.name.into();
        self.make_namespace(name, seen).await;
        let before = injector.reviews().await;
        let probe = in_namespace(yaml(PROBE), name);
        wait::until("the webhook to be called", async || {
            self.api.dry_run(&probe).await.created();
            Some(injector.reviews().await).filter(|now| *now > before)
        })
        .await
    }

    /// Makes what a manifest describes in a namespace.
    pub async fn create(&self, namespace: &str, manifest: &str) -> Value {
        self.api.create(&in_namespace(yaml(manifest), namespace)).await.created()
    }

    /// Makes a pod where the webhook sees it.
    pub async fn try_pod(&self, pod: &Value) -> Reply {
        self.api.create(&in_namespace(pod.clone(), &self.namespace)).await
    }

    /// Makes a pod in both namespaces and sees that exactly one sidecar was added, by an answer of the injector that only
    /// adds, and that nothing was lost.
    pub async fn inject(&self, manifest: &str) -> Injected {
        let pod = yaml(manifest);
        let plain = self.api.create(&in_namespace(pod.clone(), &self.plain)).await.created();
        let reply = self.try_pod(&pod).await;
        let warnings = reply.warnings.clone();
        self.judge(&plain, &reply.created(), warnings).await
    }

    /// Sees what [`Scene::inject`] sees, of a pod that somebody made.
    pub async fn judge(&self, plain: &Value, made: &Value, warnings: Vec<String>) -> Injected {
        let pod = self.api.get(&typed(made)).await.created();
        assert_eq!(pods::sidecars(&pod), 1, "warnings {warnings:?}, pod {pod:#}");
        pods::assert_kept(plain, &pod);
        let calls = self.calls(&pod);
        // What other webhooks change they are asked about again.
        let alone = calls.iter().all(|call| call.configuration == calls[0].configuration);
        assert!(!alone || calls.len() == 1, "asked {} times", calls.len());
        let mut calls = calls.into_iter().filter(|call| call.mutated);
        let first = calls.next().expect("a call that changed the pod");
        assert_eq!((first.round, calls.next()), (0, None), "one answer does it all");
        let added = |operation: &Value| operation["op"] == "add" || operation["path"] == SAFE_TO_EVICT;
        assert!(first.patch.iter().all(added), "{:?}", first.patch);
        Injected { pod, warnings }
    }

    /// Makes a pod and sees that it is stored as it is without the webhook; returns the warnings.
    pub async fn pass(&self, manifest: &str) -> Vec<String> {
        let pod = yaml(manifest);
        let plain = self.api.create(&in_namespace(pod.clone(), &self.plain)).await.created();
        let reply = self.try_pod(&pod).await;
        let warnings = reply.warnings.clone();
        let stored = self.api.get(&typed(&reply.created())).await.created();
        pods::assert_kept(&plain, &stored);
        pods::assert_kept(&stored, &plain);
        warnings
    }

    /// The webhook calls for a pod of `namespace`.
    pub fn calls(&self, pod: &Value) -> Vec<Call> {
        let (namespace, name) = (pod["metadata"]["namespace"].as_str(), pod["metadata"]["name"].as_str());
        audit::calls(&self.cluster.audit, namespace.unwrap(), name.unwrap())
            .expect("the creation in the audit log")
    }

    /// The pod of a workload that was just made: the controller's, or, where no controllers run, the template's made by us.
    pub async fn pod_of(&self, namespace: &str, workload: &Value, template: &str) -> Value {
        if self.cluster.controllers {
            return wait::until("the workload's pod", async || {
                self.api.pods(namespace).await.into_iter().next().map(|pod| typed_as(pod, "v1", "Pod"))
            })
            .await;
        }
        let mut pod = typed_as(workload.pointer(template).unwrap().clone(), "v1", "Pod");
        pod["metadata"]["generateName"] = "made-by-hand-".into();
        self.api.create(&in_namespace(pod, namespace)).await.created()
    }
}

/// A document.
#[track_caller]
pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Documents separated by `---`, but for those that are comments alone.
pub fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").filter(|text| text.contains("kind:")).map(yaml).collect()
}

/// The namespace beside one that the webhook sees.
pub fn plain(namespace: &str) -> String {
    format!("{namespace}-plain")
}

/// The object in a namespace.
pub fn in_namespace(mut object: Value, namespace: &str) -> Value {
    object["metadata"]["namespace"] = namespace.into();
    object
}

fn typed(pod: &Value) -> Value {
    typed_as(pod.clone(), "v1", "Pod")
}

fn typed_as(mut object: Value, version: &str, kind: &str) -> Value {
    object["apiVersion"] = version.into();
    object["kind"] = kind.into();
    object
}
