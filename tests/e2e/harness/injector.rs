//! The real binary, serving one scene, and the webhook configuration that leads to it.

use super::{
    Scene,
    processes::{Process, free_port},
    scene::SCENE,
    wait,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The injector's own namespace.
pub const OWN_NAMESPACE: &str = "datadog-agent";

/// How the API server comes to the webhook.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Through a Service, as in production: HTTP/1.1, the Service's name in the certificate.
    Service,
    /// By its address, with the certificate that the binary makes for itself: HTTP/2.
    Url,
}

/// What `INJECTOR_BINARY` names, such as a release, or the binary of these tests.
fn binary() -> OsString {
    let own = option_env!("CARGO_BIN_EXE_datadog-sidecar-injector").map(Into::into);
    env::var_os("INJECTOR_BINARY").or(own).expect("INJECTOR_BINARY is set")
}

/// A running binary.
pub struct Injector {
    /// The name of its webhook configuration.
    pub configuration: String,
    process: Process,
    port: u16,
    admin_port: u16,
    reached: Reached,
    ca: String,
    scene: &'static str,
    config: PathBuf,
}

impl Injector {
    /// Starts the binary and waits until it says that it is ready.
    pub async fn start(scene: &Scene, config: &str, reached: Reached) -> Self {
        Self::start_as(scene, config, reached, &scene.cluster.injector_kubeconfig).await
    }

    /// The same with the kubeconfig of another user.
    pub async fn start_as(scene: &Scene, config: &str, reached: Reached, kubeconfig: &Path) -> Self {
        let (cluster, name) = (scene.cluster, scene.name);
        let folder = cluster.processes.folder().join(name);
        let certificates = folder.join("certificates");
        fs::create_dir_all(&certificates).unwrap();
        fs::write(folder.join("config.yaml"), config).unwrap();
        let (port, admin_port) = (free_port(), free_port());
        let mut command = Command::new(binary());
        command.env_clear().env("KUBECONFIG", kubeconfig).env("LOG_LEVEL", "debug").arg("serve");
        command.arg("--config").arg(folder.join("config.yaml"));
        command.args(["--own-namespace", OWN_NAMESPACE, "--drain-delay", "0"]);
        command.args([format!("--bind=127.0.0.1:{port}"), format!("--admin-bind=127.0.0.1:{admin_port}")]);
        match reached {
            Reached::Service => {
                cluster
                    .authority
                    .server(&[&format!("{name}.{OWN_NAMESPACE}.svc")])
                    .write(&certificates, "tls");
                command.arg("--cert-dir").arg(&certificates);
                let service = format!(
                    "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, \
                     spec: {{type: ExternalName, externalName: localhost}}}}"
                );
                scene.create(OWN_NAMESPACE, &service).await;
            }
            Reached::Url => _ = command.arg("--self-signed").arg(&certificates),
        }
        let process = cluster.processes.start(&format!("injector-{name}"), &mut command);
        let mut injector = Self {
            configuration: format!("datadog-sidecar-injector-{name}"),
            process,
            port,
            admin_port,
            reached,
            ca: String::new(),
            scene: name,
            config: folder.join("config.yaml"),
        };
        wait::until("a ready injector", async || {
            injector.process.assert_alive();
            injector.admin("/readyz").await.filter(|answer| answer.starts_with("HTTP/1.1 200"))
        })
        .await;
        injector.ca = match reached {
            Reached::Service => cluster.authority.pem(),
            Reached::Url => fs::read_to_string(certificates.join("ca.crt")).unwrap(),
        };
        injector
    }

    /// The webhook configuration of an installation, but that it sees the scene's namespaces only and that its name ends with
    /// the scene's.
    pub fn webhook(&self) -> Value {
        let mut webhook = webhook(&self.configuration, self.scene, &self.client_config());
        let expressions = webhook.pointer_mut("/webhooks/0/namespaceSelector/matchExpressions").unwrap();
        expressions.as_array_mut().unwrap().push(json!({
            "key": "kubernetes.io/metadata.name",
            "operator": "NotIn",
            "values": ["kube-system", "kube-public", "kube-node-lease", OWN_NAMESPACE],
        }));
        webhook["webhooks"][0]["objectSelector"] = json!({"matchExpressions": [
            {"key": "admission.datadoghq.com/enabled", "operator": "NotIn", "values": ["false"]},
        ]});
        webhook
    }

    /// Gives it another configuration, which it reads in its own time.
    pub fn configure(&self, config: &str) {
        fs::write(&self.config, config).unwrap();
    }

    /// Ends it, as a node that dies does.
    pub async fn kill(&mut self) {
        self.process.kill();
        wait::until("the port to be closed", async || {
            TcpStream::connect(("127.0.0.1", self.port)).await.is_err().then_some(())
        })
        .await;
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// An answer of the admin server, with its head.
    pub async fn admin(&self, path: &str) -> Option<String> {
        admin(self.admin_port, path).await
    }

    /// How many reviews it answered.
    pub async fn reviews(&self) -> u64 {
        self.reviews_with("").await
    }

    /// How many it answered with an outcome.
    pub async fn reviews_with(&self, outcome: &str) -> u64 {
        let metrics = self.admin("/metrics").await.unwrap();
        let counted = |line: &&str| {
            line.starts_with("datadog_sidecar_injector_reviews_total{") && line.contains(outcome)
        };
        let counts = metrics.lines().filter(counted);
        counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    fn client_config(&self) -> Value {
        let ca = STANDARD.encode(&self.ca);
        match self.reached {
            Reached::Service => json!({"caBundle": ca, "service":
                {"namespace": OWN_NAMESPACE, "name": self.scene, "path": "/inject", "port": self.port}}),
            Reached::Url => {
                json!({"caBundle": ca, "url": format!("https://127.0.0.1:{}/inject", self.port)})
            }
        }
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// An answer of the admin server at a port, with its head.
pub async fn admin(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// A webhook on the creation of pods in the namespaces of a scene.
pub fn webhook(name: &str, scene: &str, client_config: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "inject.datadog-sidecar-injector.test",
            "clientConfig": client_config,
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"],
                "scope": "Namespaced"}],
            "namespaceSelector": {"matchExpressions": [{"key": SCENE, "operator": "In", "values": [scene]}]},
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Ignore",
            "matchPolicy": "Equivalent",
            "reinvocationPolicy": "IfNeeded",
            "sideEffects": "None",
            "timeoutSeconds": 3,
        }],
    })
}
