//! What is learnt from the API server, here a stand-in that speaks as much of its language as is needed.

use super::harness::{eventually, metric, setting};
use bytes::Bytes;
use datadog_sidecar_injector::{
    cluster::{namespaces, objects, version},
    config::Config,
    in_force::Store,
    metrics::Metrics,
    seen::ObjectRef,
    view::View,
};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Request, Response, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::Client;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::broadcast};
use tokio_util::sync::CancellationToken;

struct ApiServer {
    minor: Mutex<Option<&'static str>>,
    accepts: Mutex<Vec<String>>,
    events: broadcast::Sender<Value>,
    /// Whether Secrets may be read.
    secrets: AtomicBool,
}

/// A value that nobody is to see, in base64 as Secrets have it.
const VALUE: &str = "czNjcmV0";

fn namespace(name: &str, team: &str, version: u32) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": { "name": name, "labels": { "team": team }, "resourceVersion": version.to_string() },
    })
}

fn secret(name: &str, namespace: &str, data: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace, "resourceVersion": "11"}, "data": data})
}

impl ApiServer {
    async fn start() -> (Arc<Self>, Client) {
        let it = Arc::new(Self {
            minor: Mutex::new(Some("33+")),
            accepts: Mutex::default(),
            events: broadcast::channel(16).0,
            secrets: AtomicBool::new(true),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = it.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                let service = service_fn(move |request| {
                    let server = server.clone();
                    async move { Ok::<_, Infallible>(server.answer(&request)) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        // Whoever was first is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        (it, Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap())
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let json = |value: Value| Response::new(Full::from(value.to_string()).boxed_unsync());
        let query = request.uri().query().unwrap_or_default();
        match request.uri().path() {
            "/version" => match *self.minor.lock().unwrap() {
                Some(minor) => json(json!({
                    "major": "1", "minor": minor, "gitVersion": "v1.33.4-eks", "gitCommit": "", "gitTreeState": "",
                    "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
                })),
                None => Response::builder().status(503).body(Full::default().boxed_unsync()).unwrap(),
            },
            "/api/v1/secrets" if !self.secrets.load(Ordering::Relaxed) => {
                let status = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
                    "message": "secrets is forbidden"});
                Response::builder().status(403).body(Full::from(status.to_string()).boxed_unsync()).unwrap()
            }
            "/api/v1/namespaces" | "/api/v1/secrets" if query.contains("watch=true") => {
                let events = futures::stream::unfold(self.events.subscribe(), |mut events| async move {
                    // Nothing more is told of what is no longer kept.
                    let event = events.recv().await.ok().filter(|event| !event.is_null())?;
                    Some((Ok(Frame::data(Bytes::from(format!("{event}\n")))), events))
                });
                Response::new(StreamBody::new(events).boxed_unsync())
            }
            "/api/v1/secrets" => {
                let name = query.split("metadata.name%3D").nth(1).unwrap().split('&').next().unwrap();
                assert!(query.contains("resourceVersion=0&"), "from the cache: {query}");
                let items =
                    ["shop", "bank"].map(|namespace| secret(name, namespace, json!({"api-key": VALUE})));
                json(json!({"kind": "SecretList", "metadata": {"resourceVersion": "10"}, "items": items}))
            }
            "/api/v1/namespaces" => {
                let accept = request.headers()["accept"].to_str().unwrap().to_owned();
                self.accepts.lock().unwrap().push(accept);
                json(json!({
                    "apiVersion": "meta.k8s.io/v1",
                    "kind": "PartialObjectMetadataList",
                    "metadata": { "resourceVersion": "10" },
                    "items": [namespace("shop", "red", 1), namespace("bank", "blue", 2)],
                }))
            }
            other => panic!("asked for {other}"),
        }
    }
}

#[tokio::test]
async fn the_labels_of_namespaces_are_kept_up_to_date() {
    let (api, client) = ApiServer::start().await;
    let seen = Arc::<View>::default();
    let known = Arc::new(namespaces::Known::new(seen.clone()));
    let stop = CancellationToken::new();
    let watch = tokio::spawn(namespaces::watch(client, known.clone(), stop.clone()));
    eventually("synced", || async { known.is_synced() }).await;
    let team = |name: &str| seen.load().labels(name).map(|labels| labels["team"].clone());
    assert_eq!(team("shop").as_deref(), Some("red"));
    assert_eq!(team("bank").as_deref(), Some("blue"));
    assert!(
        api.accepts.lock().unwrap().iter().all(|accept| accept.contains("PartialObjectMetadata")),
        "metadata is all that is asked for"
    );

    eventually("watched", || async { api.events.receiver_count() > 0 }).await;
    api.events.send(json!({ "type": "MODIFIED", "object": namespace("shop", "green", 11) })).unwrap();
    api.events.send(json!({ "type": "ADDED", "object": namespace("new", "red", 12) })).unwrap();
    api.events.send(json!({ "type": "DELETED", "object": namespace("bank", "blue", 13) })).unwrap();
    eventually("changed", || async {
        team("shop").as_deref() == Some("green") && team("new").is_some() && team("bank").is_none()
    })
    .await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), watch).await.expect("ends when told to").unwrap();
}

#[tokio::test]
async fn the_version_is_asked_for_until_it_is_known_and_then_again() {
    let (api, client) = ApiServer::start().await;
    *api.minor.lock().unwrap() = None;
    let store = Arc::new(Store::new(Config::default(), setting(), Arc::new(Metrics::new())));
    let known = Arc::new(AtomicBool::new(false));
    let stop = CancellationToken::new();
    let every = Duration::from_millis(20);
    let watch = tokio::spawn(version::watch(client, store.clone(), known.clone(), every, stop.clone()));
    let minor = || store.load().rules.setting.kubernetes_minor;
    *api.minor.lock().unwrap() = Some("33+");
    eventually("known", || async { known.load(Ordering::Relaxed) && minor() == 33 }).await;
    *api.minor.lock().unwrap() = Some("34");
    eventually("upgraded", || async { minor() == 34 }).await;
    *api.minor.lock().unwrap() = Some("?");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), watch).await.expect("ends when told to").unwrap();
    assert_eq!(minor(), 34);
}

#[tokio::test]
async fn the_namespaces_with_a_secret_are_kept_up_to_date_and_follow_the_configuration() {
    let (api, client) = ApiServer::start().await;
    let metrics = Arc::new(Metrics::new());
    let store = Arc::new(Store::new(Config::default(), setting(), metrics.clone()));
    let seen = Arc::<View>::default();
    let stop = CancellationToken::new();
    let known = objects::Known::new(seen.clone(), metrics.clone());
    let watch = tokio::spawn(objects::watch(client, store.clone(), known, stop.clone()));
    let keys = |name: &str, namespace: &str| -> Option<String> {
        Some(seen.load().objects.get(&ObjectRef::secret(name))?.get(namespace)?.join(" "))
    };
    let gauges = || ["objects_watched", "objects_known"].map(|name| metric(&metrics.text(), name).unwrap());
    let name = "datadog-secret";
    eventually("listed", || async { keys(name, "shop").is_some() && keys(name, "bank").is_some() }).await;
    assert_eq!(keys(name, "shop").as_deref(), Some("api-key"));
    assert_eq!(gauges(), [1.0, 1.0]);

    let send = |kind: &str, namespace: &str, data: Value| {
        api.events.send(json!({"type": kind, "object": secret(name, namespace, data)})).unwrap();
    };
    send("ADDED", "new", json!({"api-key": VALUE, "token": VALUE}));
    send("MODIFIED", "shop", json!({}));
    send("DELETED", "bank", json!({}));
    eventually("changed", || async {
        keys(name, "new").as_deref() == Some("api-key token")
            && keys(name, "shop").as_deref() == Some("")
            && keys(name, "bank").is_none()
    })
    .await;
    // The end of the changes that are kept: all is listed again, and meanwhile what was known stays.
    api.events.send(json!({"type": "ERROR", "object": {"kind": "Status", "code": 410}})).unwrap();
    eventually("listed again", || async { keys(name, "bank").is_some() }).await;
    assert_eq!(keys(name, "new"), None);

    // Another name in the configuration.
    let mut config = Config::default();
    config.profiles[0].token_secret.name = "token-secret".into();
    store.set_config(config);
    eventually("both known", || async {
        keys("token-secret", "shop").is_some() && keys(name, "shop").is_some()
    })
    .await;
    assert_eq!(gauges(), [2.0, 2.0]);
    store.set_config(Config::default());
    eventually("forgotten", || async {
        seen.load().objects.get(&ObjectRef::secret("token-secret")).is_none()
    })
    .await;

    // The right is taken away, and the watch ends.
    eventually("watched", || async { api.events.receiver_count() > 0 }).await;
    api.secrets.store(false, Ordering::Relaxed);
    api.events.send(Value::Null).unwrap();
    eventually("unknown", || async { seen.load().objects.get(&ObjectRef::secret(name)).is_none() }).await;
    assert_eq!(gauges(), [1.0, 0.0]);
    api.secrets.store(true, Ordering::Relaxed);
    eventually("known again", || async { keys(name, "shop").is_some() }).await;
    // Something that is no Secret: nothing is known, and it begins anew.
    api.events.send(json!({"type": "ADDED", "object": {"data": {"api-key": VALUE}}})).unwrap();
    eventually("unknown", || async { seen.load().objects.get(&ObjectRef::secret(name)).is_none() }).await;
    eventually("known again", || async { keys(name, "shop").is_some() }).await;
    assert!(!format!("{:?}", seen.load()).contains(VALUE));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), watch).await.expect("ends when told to").unwrap();
}
