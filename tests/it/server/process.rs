//! The binary as a process.

use super::harness::{Client, PATIENCE, body, eventually};
use serde_json::{Value, json};
use std::{io::Write as _, net::SocketAddr, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

pub(super) struct Process {
    pub(super) child: Child,
    pub(super) address: SocketAddr,
    pub(super) admin_address: SocketAddr,
    pub(super) log: Lines<BufReader<ChildStderr>>,
}

const BINARY: &str = env!("CARGO_BIN_EXE_datadog-sidecar-injector");

/// The binary with nothing in its environment.
pub(super) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("serve").args(arguments);
    alone(command)
}

fn alone(mut command: Command) -> Command {
    command.env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Process {
    /// Starts it on ports of its own, and waits until it listens.
    pub(super) async fn start(arguments: &[&str]) -> Self {
        Self::of(command(arguments)).await
    }

    async fn of(mut command: Command) -> Self {
        let mut child =
            command.args(["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"]).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = wait_for(&mut log, "Listening").await;
        let address = |key: &str| listening[key].as_str().unwrap().parse().unwrap();
        Self { child, address: address("address"), admin_address: address("admin_address"), log }
    }

    pub(super) async fn wait_for(&mut self, message: &str) -> Value {
        wait_for(&mut self.log, message).await
    }

    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id().expect("it lives")).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    pub(super) async fn exit_code(&mut self) -> Option<i32> {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap().code()
    }
}

async fn wait_for(log: &mut Lines<BufReader<ChildStderr>>, message: &str) -> Value {
    let find = async {
        while let Some(line) = log.next_line().await.unwrap() {
            let json: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if json["message"] == message {
                return json;
            }
        }
        panic!("the log ended without {message:?}");
    };
    tokio::time::timeout(PATIENCE, find).await.unwrap_or_else(|_| panic!("never logged: {message}"))
}

async fn output(arguments: &[&str]) -> (Option<i32>, String) {
    let output = tokio::time::timeout(PATIENCE, command(arguments).output()).await.unwrap().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_told_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().to_str().unwrap();
    for (arguments, says) in [
        (&[][..], "--cert-dir"),
        (&["--cert-dir", directory, "--self-signed", directory], "--self-signed"),
        (&["--self-managed", "--self-signed", directory], "--self-signed"),
        (&["--self-managed", "--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"], "needs a cluster"),
        (
            &[
                "--self-managed",
                "--ca-lifetime",
                "1h",
                "--bind",
                "127.0.0.1:0",
                "--admin-bind",
                "127.0.0.1:0",
            ],
            "three times as long",
        ),
        (&["--self-signed", directory, "--kubernetes-version", "latest"], "1.33"),
        (&["--self-signed", directory, "--own-namespace", ""], "--own-namespace"),
        (&["--self-signed", directory, "--drain-delay", "soon"], "10s"),
        (&["--self-signed", directory, "--bind", "nowhere"], "--bind"),
        (
            &["--self-signed", directory, "--bind", "127.0.0.1:10250", "--admin-bind", "127.0.0.1:0"],
            "--bind <ADDRESS>': port 10250 is the kubelet's on Fargate, at the pod's own address: listen on another, such as 8443",
        ),
        (
            &["--self-signed", directory, "--bind", "127.0.0.1:0", "--admin-bind", "[::]:10250"],
            "--admin-bind <ADDRESS>': port 10250 is the kubelet's on Fargate, at the pod's own address: listen on another, such as 8080",
        ),
        (&["--self-signed", directory, "--log-level", "kube=chatty"], "chatty"),
        (&["--self-signed", directory, "--bind", "192.0.2.1:1"], "192.0.2.1:1"),
        (
            &["--self-signed", "/proc/nowhere", "--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"],
            "ca.crt",
        ),
        (&["--self-signed", directory, "--config", "/nowhere.yaml"], "/nowhere.yaml"),
    ] {
        let (code, text) = output(arguments).await;
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(says), "{arguments:?}: {text}");
        assert!(!text.contains("panicked"), "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn flags_are_environment_variables_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = command(&[])
        .env("SELF_SIGNED", directory.path())
        .env("SELF_MANAGED", "false")
        .env("BIND", "127.0.0.1:0")
        .env("ADMIN_BIND", "127.0.0.1:0")
        .env("POD_NAMESPACE", "elsewhere")
        .env("KUBERNETES_VERSION", "1.28")
        .env("DRAIN_DELAY", "0")
        .env("LOG_LEVEL", "info")
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let listening = wait_for(&mut log, "Listening").await;
    let address = listening["admin_address"].as_str().unwrap().parse().unwrap();
    let config = super::harness::admin(address, "/config").await.json();
    assert_eq!(config["ownNamespace"], "elsewhere");
    assert_eq!(config["kubernetesVersion"], "1.28");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn no_value_of_a_pod_is_told_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let mut process =
        Process::start(&["--self-signed", directory.path().to_str().unwrap(), "--log-level", "trace"]).await;
    let ca = std::fs::read_to_string(directory.path().join("ca.crt")).unwrap();
    let mut client = Client::connect(process.address, &ca).await.unwrap();
    let variable = |name: &str| json!({"name": name, "value": "hunter2"});
    let annotations: Vec<String> =
        ["mode", "profile", "cpu.limit", "memory.request", "entrypoints", "status", "other"]
            .iter()
            .map(|name| format!("agent.datadoghq.com/sidecar.{name}"))
            .collect();
    let annotations: Value = annotations.into_iter().map(|key| (key, json!("hunter2"))).collect();
    let mut reviewed = 0;
    for spec in [
        json!({"containers": [{"name": "app", "command": ["hunter2"], "args": ["hunter2"],
            "env": [variable("PASSWORD"), variable("DD_TRACE_AGENT_URL"), variable("DD_ENV")]}]}),
        json!({"containers": [{"name": "app", "env": "hunter2"}]}),
        json!({"restartPolicy": "hunter2", "containers": ["hunter2"]}),
        json!({"volumes": [{"name": "ddsockets", "secret": {"secretName": "hunter2"}}], "containers": [{"name": "app"}]}),
    ] {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "request": {"uid": "1", "operation": "CREATE",
            "namespace": "shop", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": {
            "metadata": {"name": "p", "annotations": annotations, "labels": {
                "agent.datadoghq.com/sidecar": "fargate", "tags.datadoghq.com/env": "prod"}}, "spec": spec}}});
        let reply = client.post(review.to_string().as_bytes()).await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("warnings") && !reply.text().contains("hunter2"), "{}", reply.text());
        reviewed += 1;
    }
    // Cut off amid a value.
    assert_eq!(client.post(br#"{"request": {"object": "hunter2"#).await.unwrap().status, 400);
    for page in ["/decisions", "/config", "/metrics", "/readyz"] {
        let page = super::harness::admin(process.admin_address, page).await;
        assert!(!page.text().contains("hunter2"), "{}", page.text());
    }
    process.signal(rustix::process::Signal::TERM);
    let mut answered = 0;
    while let Some(line) = process.log.next_line().await.unwrap() {
        assert!(!line.contains("hunter2"), "{line}");
        answered += usize::from(line.contains("Answered a review"));
    }
    assert_eq!(answered, reviewed, "each has its line at debug");
}

#[tokio::test]
async fn running_out_of_files_ends_when_there_are_some_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "ulimit -n 40; exec \"$@\"", "sh", BINARY, "serve", "--self-signed"]);
    shell.arg(directory.path());
    let mut process = Process::of(alone(shell)).await;
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(tokio::net::TcpStream::connect(process.address).await.unwrap());
    }
    process.wait_for("Could not accept a connection").await;
    drop(open);
    let ca = std::fs::read_to_string(directory.path().join("ca.crt")).unwrap();
    eventually("served again", || async {
        let Ok(mut client) = Client::connect(process.address, &ca).await else { return false };
        client.post(&body("1")).await.is_ok_and(|reply| reply.status == 200)
    })
    .await;
}

#[tokio::test]
async fn all_addresses_are_those_of_ipv4_as_well_whatever_the_machine_says() {
    // A network of its own, where `[::]` alone would mean IPv6 alone. Its loopback is up as soon as somebody says so.
    let directory = tempfile::tempdir().unwrap();
    let script = r#"
        ip link set lo up && echo 1 > /proc/sys/net/ipv6/bindv6only || exit 9
        "$@" 2> "$0/log" &
        server=$!
        for _ in $(seq 200); do
            grep -q Listening "$0/log" && break
            sleep 0.05
        done
        bash -c 'exec 3<>/dev/tcp/127.0.0.1/18443 && exec 3<>/dev/tcp/127.0.0.1/18080'
        reached=$?
        kill $server
        exit $reached"#;
    let mut shell = Command::new("unshare");
    shell.args(["--net", "/bin/sh", "-c", script]).arg(directory.path());
    shell.args([BINARY, "serve", "--bind=[::]:18443", "--admin-bind=[::]:18080", "--self-signed"]);
    let ended = shell.arg(directory.path()).kill_on_drop(true).stderr(Stdio::null()).status().await;
    match ended.ok().and_then(|status| status.code()) {
        Some(0) => {}
        Some(1) if directory.path().join("log").exists() => {
            panic!("not reached: {}", std::fs::read_to_string(directory.path().join("log")).unwrap())
        }
        // Past libtest's capture, for tests/run.sh counts it.
        _ => {
            writeln!(std::io::stderr(), "skipped: bindv6only: no network namespace can be made here")
                .unwrap();
        }
    }
}
