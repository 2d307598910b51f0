//! The injector as a process with little memory.

use crate::harness::{Client, tls};
use serde_json::Value;
use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    net::{TcpSocket, TcpStream},
    process::{Child, Command},
    sync::{Mutex, MutexGuard},
};
use tokio_rustls::TlsConnector;

/// What it may have, in kB: less than the chart's limit.
const MEMORY: u64 = 200_000;

/// Files that it may have open: more than its own bounds ask for.
pub const FILES: usize = 8192;

/// What the strict numbers are multiplied with: a build without optimisation takes several times as long.
pub fn factor() -> u32 {
    if cfg!(debug_assertions) && env::var_os("INJECTOR_BINARY").is_none() { 5 } else { 1 }
}

/// Attacks take turns: what one costs would be measured in another.
static ALONE: Mutex<()> = Mutex::const_new(());

/// It runs.
pub struct Injector {
    child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub ca: String,
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Injector {
    /// Starts it with this configuration.
    pub async fn start(config: &str) -> Self {
        let alone = ALONE.lock().await;
        raise_open_files();
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("values.yaml"), folder.path().join("log"));
        fs::write(&file, config).unwrap();
        let binary = env::var_os("INJECTOR_BINARY")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_datadog-sidecar-injector").into());
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &format!("ulimit -d {MEMORY} && ulimit -n {FILES} && exec \"$@\""), "sh"])
            .arg(binary)
            .args(["serve", "--kubernetes-version=1.35", "--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0"])
            .arg("--config")
            .arg(&file)
            .arg("--self-signed")
            .arg(folder.path());
        let child = command
            .env_clear()
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let listening = async {
            loop {
                let text = fs::read_to_string(&log).unwrap();
                let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                if let Some(line) = lines.find(|line| line["message"] == "Listening") {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let listening = tokio::time::timeout(Duration::from_secs(20), listening)
            .await
            .unwrap_or_else(|_| panic!("it does not start: {}", fs::read_to_string(&log).unwrap()));
        let address = |key: &str| listening[key].as_str().unwrap().parse().unwrap();
        let ca = fs::read_to_string(folder.path().join("ca.crt")).unwrap();
        Self {
            child,
            address: address("address"),
            admin: address("admin_address"),
            ca,
            folder,
            _alone: alone,
        }
    }

    /// A client of the attacker's.
    pub async fn client(&self) -> io::Result<Client> {
        connect(self.address, &self.ca, Ipv4Addr::LOCALHOST).await
    }

    /// A value of `/proc/PID/status` in kB.
    pub fn memory(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap()));
        let status = status.unwrap_or_else(|_| panic!("it has ended: {}", self.log()));
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        // A process that has ended and was not waited for has no memory.
        let line = line.unwrap_or_else(|| panic!("it has ended: {}", self.log()));
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sees that it lives, and has never had more than it may.
    pub fn assert_alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "it has ended: {}", self.log());
        let peak = self.memory("VmHWM");
        assert!(peak <= MEMORY, "it had {peak} kB of {MEMORY}");
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

/// A TLS connection from an address of this machine.
pub async fn connect(address: SocketAddr, ca: &str, from: Ipv4Addr) -> io::Result<Client> {
    let stream = plain(address, from).await?;
    let name = "localhost".try_into().unwrap();
    let connector = TlsConnector::from(std::sync::Arc::new(tls(ca, &[b"http/1.1"])));
    Ok(Client::over(connector.connect(name, stream).await?))
}

/// A connection that nothing is sent on.
pub async fn plain(address: SocketAddr, from: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// How many files this process may have open.
pub fn files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap())
}
