//! What can be asked of pods that run.

use super::api::{Api, Reply, path};
use http::{Method, Request};
use serde_json::Value;

impl Api {
    /// `kubectl delete --grace-period=0 --force`.
    pub async fn delete_now(&self, object: &Value) -> Reply {
        let path = format!("{}?gracePeriodSeconds=0", path(object));
        self.send(Method::DELETE, &path, "application/json", &Value::Null).await
    }

    /// What a container has logged until now.
    pub async fn log(&self, namespace: &str, pod: &str, container: &str) -> String {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}");
        let request = Request::get(path).body(Vec::new()).unwrap();
        self.0.request_text(request).await.unwrap_or_default()
    }
}
