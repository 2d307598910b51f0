//! What the chart makes for self-managed certificates, and replicas that keep them. Each replica has an entry of its own in the
//! webhook configuration, so that the API server calls every one for every pod; one that cannot be called refuses the pod.

use super::{
    Scene, audit,
    injector::{admin, webhook},
    pods,
    processes::{Process, free_port},
    scene::{documents, in_namespace, yaml},
    wait,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    pin::pin,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What the chart lets the injector do about its certificates, and no more.
const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME, namespace: NAME-own}
rules:
  - {apiGroups: [''], resources: [secrets], resourceNames: [NAME-ca], verbs: [get, list, watch, patch]}
  - {apiGroups: [''], resources: [secrets], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME, namespace: NAME-own}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: NAME}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME}
rules:
  - apiGroups: [admissionregistration.k8s.io]
    resources: [mutatingwebhookconfigurations]
    resourceNames: [datadog-sidecar-injector-NAME]
    verbs: [get, list, watch, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAME}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: NAME}]
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NAME-own}
spec: {type: ExternalName, externalName: localhost}
";

const POD: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}},
    spec: {containers: [{name: app, image: app}]}}";

/// How far a caller may lag behind: half of what a replica waits for them with a leaf's life of 12 s.
const LAG: Duration = Duration::from_millis(1500);

/// A scene with replicas.
pub struct Installation {
    pub scene: Scene,
    pub replicas: Vec<Replica>,
    pub webhook: Value,
    pub secret: Value,
}

/// A process.
pub struct Replica {
    process: Process,
    port: u16,
    admin_port: u16,
}

impl Installation {
    /// Makes a namespace for it, rights and Service. The webhook configuration and the Secret, without content, are the caller's to make.
    pub async fn new(name: &'static str, replicas: usize, arguments: &[&str]) -> Self {
        Self::each(name, &vec![arguments.to_vec(); replicas]).await
    }

    /// The same with arguments for each replica.
    pub async fn each(name: &'static str, arguments: &[Vec<&str>]) -> Self {
        let scene = Scene::empty(name, json!({})).await;
        // Of its own, so that the rights of others don't reach into it.
        let own = format!("{name}-own");
        scene.make_namespace(&own, json!({})).await;
        for object in documents(&RIGHTS.replace("NAME", name)) {
            scene.api.create(&object).await.created();
        }
        let configuration = format!("datadog-sidecar-injector-{name}");
        let mut registered = webhook(&configuration, name, &Value::Null);
        let entry = registered["webhooks"][0].take();
        let mut it = Self {
            secret: yaml(&format!(
                "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}-ca, namespace: {own}}}, type: Opaque}}"
            )),
            webhook: Value::Null,
            replicas: Vec::new(),
            scene,
        };
        let mut entries = Vec::new();
        for (index, arguments) in arguments.iter().enumerate() {
            let replica = it.start(index, arguments);
            let mut entry = entry.clone();
            entry["name"] = format!("inject-{index}.datadog-sidecar-injector.test").into();
            entry["failurePolicy"] = "Fail".into();
            entry["clientConfig"] = json!({"service":
                {"namespace": own, "name": name, "path": "/inject", "port": replica.port}});
            entries.push(entry);
            it.replicas.push(replica);
        }
        registered["webhooks"] = entries.into();
        it.webhook = registered;
        it
    }

    /// The same with webhook configuration and Secret, and every replica ready and called.
    pub async fn ready(name: &'static str, replicas: usize, arguments: &[&str]) -> Self {
        let it = Self::new(name, replicas, arguments).await;
        it.scene.api.create(&it.secret).await.created();
        it.scene.api.apply(&it.webhook).await.created();
        it.wait_until_ready().await;
        it
    }

    fn start(&self, index: usize, arguments: &[&str]) -> Replica {
        let (name, cluster) = (self.scene.name, self.scene.cluster);
        let (port, admin_port) = (free_port(), free_port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"));
        command.arg("serve");
        command.env_clear().env("KUBECONFIG", cluster.kubeconfig_of_injector(name));
        if !arguments.contains(&"--cert-dir") {
            command.arg("--self-managed");
        }
        command.args(["--own-namespace", &format!("{name}-own"), "--drain-delay", "0", "--service", name]);
        command.args(["--ca-secret", &format!("{name}-ca")]);
        command.args(["--webhook-configuration", &format!("datadog-sidecar-injector-{name}")]);
        command.args([format!("--bind=127.0.0.1:{port}"), format!("--admin-bind=127.0.0.1:{admin_port}")]);
        command.args(arguments);
        let process = cluster.processes.start(&format!("replica-{name}-{index}"), &mut command);
        Replica { process, port, admin_port }
    }

    /// Waits until every replica says that it is ready and the API server calls them.
    pub async fn wait_until_ready(&self) {
        for replica in &self.replicas {
            wait::until("a ready replica", async || {
                replica.readiness().await.starts_with("HTTP/1.1 200").then_some(())
            })
            .await;
        }
        let pod = in_namespace(yaml(POD), &self.scene.namespace);
        wait::until("the webhooks to be called", async || {
            let reply = self.scene.api.dry_run(&pod).await;
            (reply.status.is_success() && pods::sidecars(&reply.body) == 1).then_some(())
        })
        .await;
    }

    /// The certificates in the Secret.
    pub async fn cas(&self) -> Vec<CertificateDer<'static>> {
        certificates(&self.stored_bundle().await.unwrap_or_default())
    }

    /// How many certificates the Secret holds; `None` where it holds something else.
    pub async fn cas_or_garbage(&self) -> Option<usize> {
        let stored = self.stored_bundle().await?;
        stored.starts_with(b"-----BEGIN").then(|| certificates(&stored).len())
    }

    /// `ca.crt` of the Secret.
    pub async fn stored_bundle(&self) -> Option<Vec<u8>> {
        let secret = self.scene.api.get(&self.secret).await;
        Some(STANDARD.decode(secret.body["data"]["ca.crt"].as_str()?).unwrap())
    }

    /// `caBundle`, where every entry has the same.
    pub async fn bundle(&self) -> Option<Vec<u8>> {
        let webhook = self.scene.api.get(&self.webhook).await.created();
        let bundles: Vec<_> = webhook["webhooks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["clientConfig"]["caBundle"].as_str())
            .collect();
        let first = bundles[0]?;
        bundles.iter().all(|bundle| *bundle == Some(first)).then(|| STANDARD.decode(first).unwrap())
    }

    /// How often the Secret and the webhook configuration were written by the injector.
    pub fn writes(&self) -> usize {
        let log = &self.scene.cluster.audit;
        [&self.secret, &self.webhook]
            .map(|object| audit::writes(log, self.scene.name, object["metadata"]["name"].as_str().unwrap()))
            .iter()
            .sum()
    }

    /// What its replicas have watched until now.
    pub fn watches(&self) -> BTreeSet<String> {
        audit::watches(&self.scene.cluster.audit, self.scene.name)
    }

    /// The certificate that a replica serves to a caller who trusts this bundle.
    pub async fn leaf(&self, replica: &Replica, bundle: &[u8]) -> Result<CertificateDer<'static>, String> {
        let mut roots = RootCertStore::empty();
        for ca in certificates(bundle) {
            roots.add(ca).unwrap();
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let host = ServerName::try_from(format!("{0}.{0}-own.svc", self.scene.name)).unwrap();
        let stream =
            TcpStream::connect(("127.0.0.1", replica.port)).await.map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(host, stream).await.map_err(|error| error.to_string())?;
        Ok(stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned())
    }

    /// Has pods made until `work` is done: none may be refused, and each gets its sidecar. Every replica must also be trusted by
    /// callers who call for the first time, one with the bundle in place and one who lags behind. Returns how many pods there were.
    pub async fn while_reviews_go_on(&self, work: impl Future<Output = ()>) -> usize {
        let pod = in_namespace(yaml(POD), &self.scene.namespace);
        let mut bundles: Vec<(Instant, Vec<u8>)> = Vec::new();
        let mut review = async || {
            let made = self.scene.api.dry_run(&pod).await.created();
            assert_eq!(pods::sidecars(&made), 1);
            if let Some(bundle) = self.bundle().await {
                bundles.push((Instant::now(), bundle));
            }
            bundles.retain(|(at, _)| at.elapsed() < LAG);
            let callers = [bundles.first(), bundles.last()];
            for (at, bundle) in callers.into_iter().flatten() {
                for replica in &self.replicas {
                    if let Err(error) = self.leaf(replica, bundle).await {
                        panic!(
                            "not trusted with the bundle of {:?} ago: {error}\n{}",
                            at.elapsed(),
                            replica.log()
                        );
                    }
                }
            }
        };
        let (mut work, mut reviews) = (pin!(work), 0);
        loop {
            tokio::select! {
                biased;
                () = &mut work => return reviews,
                () = review() => reviews += 1,
            }
        }
    }
}

impl Replica {
    /// The page, or nothing while it doesn't listen.
    pub async fn readiness(&self) -> String {
        admin(self.admin_port, "/readyz").await.unwrap_or_default()
    }

    /// The page, or nothing while it doesn't listen.
    pub async fn liveness(&self) -> String {
        admin(self.admin_port, "/livez").await.unwrap_or_default()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.process.kill();
    }
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap()
}
