//! The API server as `kubectl` uses it: JSON in, JSON out, nothing lost, the warnings kept.

use http::{Method, Request, StatusCode};
use kube::client::Body;
use serde_json::Value;

/// A client.
#[derive(Clone)]
pub struct Api(pub(super) kube::Client);

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    /// The warnings that `kubectl` would print.
    pub warnings: Vec<String>,
    /// The object, or a `Status` that says what is wrong.
    pub body: Value,
}

impl Reply {
    /// The object; panics where it was refused.
    #[track_caller]
    pub fn created(self) -> Value {
        assert!(self.status.is_success(), "refused: {}", self.message());
        self.body
    }

    /// What the API server says is wrong.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Api {
    pub fn new(client: kube::Client) -> Self {
        Self(client)
    }

    /// Whether the API server is ready.
    pub async fn ready(&self) -> bool {
        let request = Request::get("/readyz").body(Vec::new()).unwrap();
        self.0.request_text(request).await.is_ok()
    }

    /// The minor version of the server, such as 35.
    pub async fn minor(&self) -> String {
        self.0.apiserver_version().await.unwrap().minor
    }

    /// `kubectl create`.
    pub async fn create(&self, object: &Value) -> Reply {
        self.send(Method::POST, &collection(object), "application/json", object).await
    }

    /// `kubectl create --dry-run=server`.
    pub async fn dry_run(&self, object: &Value) -> Reply {
        self.send(Method::POST, &format!("{}?dryRun=All", collection(object)), "application/json", object)
            .await
    }

    /// `kubectl drain`, of one pod.
    pub async fn evict(&self, eviction: &Value) -> Reply {
        let mut pod = eviction.clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        self.send(Method::POST, &format!("{}/eviction", path(&pod)), "application/json", eviction).await
    }

    /// `kubectl apply --server-side`.
    pub async fn apply(&self, object: &Value) -> Reply {
        let path = format!("{}?fieldManager=kubectl", path(object));
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", object).await
    }

    /// `kubectl apply --server-side --dry-run=server`.
    pub async fn apply_dry(&self, object: &Value) -> Reply {
        let path =
            format!("{}?fieldManager=kubectl&dryRun=All&force=true&fieldValidation=Strict", path(object));
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", object).await
    }

    /// What a controller writes by server-side apply: these fields and no others.
    pub async fn own(&self, manager: &str, object: &Value) -> Reply {
        let path = format!("{}?fieldManager={manager}&force=true", path(object));
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", object).await
    }

    /// What a user may do in a namespace, as the user sees it.
    pub async fn rules(&self, namespace: &str) -> Value {
        let review = serde_json::json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace}});
        self.create(&review).await.created()["status"]["resourceRules"].clone()
    }

    /// `kubectl patch --type=merge`; `part` names an object or a subresource of it.
    pub async fn merge(&self, object: &Value, subresource: &str, patch: &Value) -> Reply {
        let path = format!("{}{subresource}", path(object));
        self.send(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// `kubectl patch --type=strategic`.
    pub async fn patch(&self, object: &Value, subresource: &str, patch: &Value) -> Reply {
        let path = format!("{}{subresource}", path(object));
        self.send(Method::PATCH, &path, "application/strategic-merge-patch+json", patch).await
    }

    /// `kubectl get`: the object as it is stored.
    pub async fn get(&self, object: &Value) -> Reply {
        self.send(Method::GET, &path(object), "application/json", &Value::Null).await
    }

    /// `kubectl delete`.
    pub async fn delete(&self, object: &Value) -> Reply {
        self.send(Method::DELETE, &path(object), "application/json", &Value::Null).await
    }

    /// The pods of a namespace.
    pub async fn pods(&self, namespace: &str) -> Vec<Value> {
        self.list("v1", "Pod", namespace).await
    }

    /// The objects of a kind in a namespace.
    pub async fn list(&self, version: &str, kind: &str, namespace: &str) -> Vec<Value> {
        let one =
            serde_json::json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace}});
        let list =
            self.send(Method::GET, &collection(&one), "application/json", &Value::Null).await.created();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    pub(super) async fn send(&self, method: Method, path: &str, content_type: &str, body: &Value) -> Reply {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let request = Request::builder().method(method).uri(path).header("content-type", content_type);
        let response = self.0.send(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        let warnings = response
            .headers()
            .get_all("warning")
            .iter()
            .map(|value| warning(str::from_utf8(value.as_bytes()).unwrap()))
            .collect();
        let body = response.into_body().collect_bytes().await.unwrap();
        Reply { status, warnings, body: serde_json::from_slice(&body).unwrap_or_default() }
    }
}

/// Where objects of this kind are made.
fn collection(object: &Value) -> String {
    let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    let api = if version == "v1" { "/api" } else { "/apis" };
    let plural = match kind.strip_suffix("Policy") {
        Some(kind) => format!("{}policies", kind.to_lowercase()),
        None => format!("{}s", kind.to_lowercase()),
    };
    match object.pointer("/metadata/namespace").and_then(Value::as_str) {
        Some(namespace) => format!("{api}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("{api}/{version}/{plural}"),
    }
}

pub(super) fn path(object: &Value) -> String {
    format!("{}/{}", collection(object), text(object, "/metadata/name"))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {object}"))
}

/// The text of a header `299 - "text"`.
fn warning(header: &str) -> String {
    let quoted = header.split_once('"').map_or(header, |(_, rest)| rest);
    quoted.strip_suffix('"').unwrap_or(quoted).replace("\\\"", "\"").replace("\\\\", "\\")
}
