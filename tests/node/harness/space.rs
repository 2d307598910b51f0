//! A namespace of one test, and the pods in it.

use super::{
    api::{Api, Reply},
    pods, wait,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The image of applications: a shell, and the client of the stand-in.
pub const IMAGE: &str = "images.test/app:1";

/// A namespace.
#[derive(Clone)]
pub struct Space {
    api: Api,
    name: &'static str,
}

/// A pod that was made and does not run.
pub struct Gated {
    pub pod: Value,
    /// How long its creation took.
    pub took: Duration,
}

impl Space {
    /// Makes it, with the Secret of the agents. One of a run before this one goes first.
    pub async fn new(api: &Api, name: &'static str, labels: Value) -> Self {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        if api.get(&namespace).await.status.is_success() {
            api.delete(&namespace).await.created();
            wait::until("the end of a namespace", async || {
                (!api.get(&namespace).await.status.is_success()).then_some(())
            })
            .await;
        }
        api.create(&namespace).await.created();
        let space = Self { api: api.clone(), name };
        space
            .create(
                "{apiVersion: v1, kind: Secret, metadata: {name: datadog-secret}, stringData: {api-key: k, token: t}}",
            )
            .await;
        wait::until("the ServiceAccount", async || space.find("v1", "ServiceAccount", "default").await).await;
        space
    }

    /// Makes what a manifest describes.
    pub async fn create(&self, manifest: &str) -> Value {
        self.try_create(manifest).await.created()
    }

    /// The same, and what the API server says of it. `IMAGE` is the image of applications.
    pub async fn try_create(&self, manifest: &str) -> Reply {
        let manifest = manifest.replace("IMAGE", IMAGE);
        let mut object: Value =
            serde_saphyr::from_str(&manifest).unwrap_or_else(|error| panic!("{error}\n{manifest}"));
        object["metadata"]["namespace"] = self.name.into();
        self.api.create(&object).await
    }

    /// An object, where it is.
    pub async fn find(&self, version: &str, kind: &str, name: &str) -> Option<Value> {
        let object =
            json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": self.name}});
        let reply = self.api.get(&object).await;
        reply.status.is_success().then_some(reply.body)
    }

    /// A pod that is Ready, with all its containers.
    pub async fn ready(&self, name: &str) -> Value {
        self.pod_until("Ready", |pod| {
            let ready = condition(pod, "Ready");
            pod["metadata"]["name"] == name && ready
        })
        .await
    }

    /// The one pod of a workload, as soon as it is as asked for.
    pub async fn pod_of(&self, workload: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.pod_until(what, |pod| pod["metadata"]["labels"]["app"] == workload && holds(pod)).await
    }

    /// A Job that has completed: itself, and its pod.
    pub async fn completed(&self, name: &str) -> (Value, Value) {
        let pod = self.pod_of(name, "completed", |pod| pod["status"]["phase"] == "Succeeded").await;
        let job = wait::until("a completed Job", async || {
            self.find("batch/v1", "Job", name).await.filter(|job| job["status"]["succeeded"] == 1)
        })
        .await;
        (job, pod)
    }

    /// What the agent of a pod has found, each by its key, once it has found this.
    pub async fn found(&self, pod: &Value, key: &str) -> Value {
        let name = pod["metadata"]["name"].as_str().unwrap();
        wait::until(&format!("{key} in the agent's log"), async || {
            let log = self.api.log(self.name, name, pods::SIDECAR).await;
            let mut found = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            found.find_map(|line| line.get(key).cloned())
        })
        .await
    }

    /// A pod that is selected and never runs: for what its creation comes to. Says whether it has the sidecar, and how long it took.
    pub async fn gated(&self) -> Gated {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "gated-", "namespace": self.name,
            "labels": {"agent.datadoghq.com/sidecar": "fargate"}},
            "spec": {"schedulingGates": [{"name": "tests/never"}], "containers": [{"name": "app", "image": IMAGE}]}});
        let began = Instant::now();
        let reply = self.api.create(&pod).await;
        let took = began.elapsed();
        Gated { pod: reply.created(), took }
    }

    /// Gives it up, with what is in it.
    pub async fn end(self) {
        self.api
            .delete(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}))
            .await
            .created();
    }

    async fn pod_until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        let look = async || {
            seen = self.api.pods(self.name).await;
            seen.iter().find(|pod| holds(pod)).cloned()
        };
        if let Ok(pod) = tokio::time::timeout(wait::PATIENCE, wait::until(what, look)).await {
            return pod;
        }
        panic!("no pod was {what}: {seen:#?}")
    }
}

/// Whether a condition of a pod is true.
pub fn condition(pod: &Value, kind: &str) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == kind && c["status"] == "True")
}

/// The state of a container, which is where `status` says: `running`, `terminated` or `waiting`.
pub fn state<'a>(pod: &'a Value, container: &str) -> &'a Value {
    let lists = ["containerStatuses", "initContainerStatuses"];
    let all = lists.into_iter().filter_map(|list| pod["status"][list].as_array()).flatten();
    all.into_iter().find(|status| status["name"] == container).map_or(&Value::Null, |status| &status["state"])
}

/// A moment, in seconds; the cluster tells them no better.
#[track_caller]
pub fn seconds(moment: &Value) -> i64 {
    serde_json::from_value::<Time>(moment.clone())
        .unwrap_or_else(|error| panic!("{moment}: {error}"))
        .0
        .as_second()
}
