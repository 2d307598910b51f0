//! A replica of a release, where no node runs one.

use super::{
    Release,
    processes::{Process, free_port},
    release::NAME,
    skipped,
};
use std::{fs, net::TcpListener, process::Command};

/// A replica as the Deployment would start it, listening where the Service is.
pub struct Replica(Process);

impl Drop for Replica {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Replica {
    /// Starts the program with the arguments, the configuration and the rights that the chart gives it; none where it can't listen there.
    pub async fn start(release: &Release) -> Option<Self> {
        let folder = release.cluster.processes.folder().join(&release.namespace);
        fs::create_dir_all(&folder).unwrap();
        let name = format!("{NAME}.{}.svc", release.namespace);
        release.cluster.authority.server(&[&name]).write(&folder, "tls");
        let account = format!("system:serviceaccount:{}:{NAME}", release.namespace);
        let kubeconfig = release.cluster.kubeconfig_as(&account);
        let service = release.get("v1", "Service", NAME).await.unwrap();
        let address = format!("{}:443", service["spec"]["clusterIP"].as_str().unwrap());
        if let Err(error) = TcpListener::bind(&address) {
            skipped(&release.namespace, &format!("cannot listen at {address}: {error}"));
            return None;
        }
        let map = release.get("v1", "ConfigMap", &release.config_map().await).await.unwrap();
        for (file, content) in map["data"].as_object().unwrap() {
            fs::write(folder.join(file), content.as_str().unwrap()).unwrap();
        }
        let deployment = release.get("apps/v1", "Deployment", NAME).await.unwrap();
        let arguments =
            deployment.pointer("/spec/template/spec/containers/0/args").unwrap().as_array().unwrap();
        let here = folder.display();
        let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"));
        command.env_clear().env("KUBECONFIG", kubeconfig).env("POD_NAMESPACE", &release.namespace);
        for argument in arguments {
            let argument = argument.as_str().unwrap();
            command.arg(match argument.split_once('=') {
                Some(("--bind", _)) => format!("--bind={address}"),
                Some(("--config", _)) => format!("--config={here}/values.yaml"),
                Some(("--cert-dir", _)) => format!("--cert-dir={here}"),
                Some(("--ca-file", _)) => format!("--ca-file={here}/ca.crt"),
                _ => argument.to_owned(),
            });
        }
        command.arg(format!("--admin-bind=127.0.0.1:{}", free_port()));
        Some(Self(release.cluster.processes.start(&format!("replica-{}", release.namespace), &mut command)))
    }
}
