//! Stands in for the images that pods of the tests need, which cannot be had here: the Datadog Agent, its `cws-instrumentation`,
//! the client in an application, and the process that holds a pod together. One static program without dependencies;
//! `images.sh` builds it with nothing but `rustc`.
//!
//! As the agent it checks what it was given and says what is missing, opens its sockets, answers its probe some seconds later, and
//! ends as the agent does. What it finds it logs, a line of JSON for each thing, for the tests to read.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream, ToSocketAddrs as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::{UnixDatagram, UnixListener, UnixStream},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, ExitCode},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// How long the agent takes to start.
const STARTING: Duration = Duration::from_secs(3);

/// For how many seconds no other process must be seen before the agent ends by itself.
const ALONE: u32 = 3;

const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;
const IGNORE: usize = 1;

static ENDING: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    safe fn signal(number: i32, handler: usize) -> usize;
}

extern "C" fn end(_: i32) {
    ENDING.store(true, Ordering::Relaxed);
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    let words: Vec<_> = arguments.iter().skip(1).map(String::as_str).collect();
    signal(SIGTERM, end as extern "C" fn(i32) as usize);
    match (Path::new(&arguments[0]).file_name().and_then(OsStr::to_str), words.as_slice()) {
        (Some("pause"), _) | (_, ["wait"]) => pause(),
        (Some("cws-instrumentation"), ["setup", "--cws-volume-mount", volume]) => set_up(volume),
        (Some("cws-instrumentation"), ["trace", "--", command @ ..]) => trace(command),
        (_, ["health"]) => code(TcpStream::connect(("127.0.0.1", port("DD_CMD_PORT", 5001))).is_ok()),
        (_, ["send"]) => send(),
        (_, []) => agent(),
        _ => {
            eprintln!("unknown: {arguments:?}");
            ExitCode::FAILURE
        }
    }
}

/// Holds a pod together. Where its containers share their processes it is the first of them, and their orphans are its own.
fn pause() -> ExitCode {
    signal(SIGCHLD, IGNORE);
    wait_for_end(|| false);
    ExitCode::SUCCESS
}

fn agent() -> ExitCode {
    let missing = missing();
    if !missing.is_empty() {
        eprintln!("missing: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    let user = fs::metadata("/proc/self").map(|process| process.uid()).unwrap_or_default();
    println!(r#"{{"user": {user}, "writable": {:?}}}"#, writable(Path::new("/")));
    if let Some(url) = given("DD_CLUSTER_AGENT_URL") {
        let address =
            url.trim_start_matches("https://").to_socket_addrs().ok().and_then(|mut found| found.next());
        println!(
            r#"{{"clusterAgent": "{}"}}"#,
            address.map_or_else(String::new, |found| found.ip().to_string())
        );
    }
    if let Some(path) = given("DD_APM_RECEIVER_SOCKET") {
        let listener = bound(&path, |path| UnixListener::bind(path));
        thread::spawn(move || listener.incoming().flatten().for_each(answer));
    }
    if let Some(path) = given("DD_DOGSTATSD_SOCKET") {
        let socket = bound(&path, |path| UnixDatagram::bind(path));
        thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(length) = socket.recv(&mut bytes) {
                println!(r#"{{"metric": {:?}}}"#, String::from_utf8_lossy(&bytes[..length]));
            }
        });
    }
    if is("DD_RUNTIME_SECURITY_CONFIG_ENABLED") && is("DD_RUNTIME_SECURITY_CONFIG_EBPFLESS_ENABLED") {
        let listener = TcpListener::bind(("127.0.0.1", 5678)).expect("the port of tracers");
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut command = String::new();
                if stream.read_to_string(&mut command).is_ok() {
                    println!(r#"{{"traced": {command}}}"#);
                }
            }
        });
    }
    thread::spawn(|| {
        thread::sleep(STARTING);
        let listener =
            TcpListener::bind(("127.0.0.1", port("DD_CMD_PORT", 5001))).expect("the port of commands");
        println!(r#"{{"up": true}}"#);
        listener.incoming().for_each(drop);
    });

    let (leaves, mut alone, mut looked) = (is("DD_AUTO_EXIT_NOPROCESS_ENABLED"), 0, 0);
    wait_for_end(|| {
        looked += 1;
        if leaves && looked % 10 == 0 {
            alone = if others().is_empty() { alone + 1 } else { 0 };
        }
        alone == ALONE
    });
    println!(r#"{{"ended": "{}"}}"#, if alone == ALONE { "no other process" } else { "told to" });
    ExitCode::SUCCESS
}

/// What an agent on Fargate cannot do without.
fn missing() -> Vec<&'static str> {
    let mut needed = vec!["DD_API_KEY", "DD_SITE", "DD_KUBERNETES_KUBELET_NODENAME", "DD_EKS_FARGATE"];
    if is("DD_CLUSTER_AGENT_ENABLED") {
        needed.extend(["DD_CLUSTER_AGENT_AUTH_TOKEN", "DD_CLUSTER_AGENT_URL"]);
    }
    let mut missing: Vec<_> = needed.into_iter().filter(|name| given(name).is_none()).collect();
    // Where the root is read-only it has been copied.
    let file = "/etc/datadog-agent/datadog.yaml";
    if fs::read(file).is_err() {
        missing.push(file);
    }
    missing
}

/// The directories below one, and itself, in which a file can be made.
fn writable(below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let probe = below.join(".probe");
    if fs::write(&probe, "").is_ok() {
        _ = fs::remove_file(&probe);
        found.push(below.display().to_string());
    }
    let entries = fs::read_dir(below).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    let kernels = ["/proc", "/sys", "/dev"].map(Path::new);
    found.extend(
        folders
            .iter()
            .filter(|folder| !kernels.contains(&folder.as_path()))
            .flat_map(|folder| writable(folder)),
    );
    found
}

/// The names of the processes that are neither the agent's nor the pod's own.
fn others() -> Vec<String> {
    let own = fs::read_to_string("/proc/self/comm").unwrap_or_default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let name = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("comm")).ok();
    let numbered = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().parse::<u32>().is_ok();
    processes.filter(numbered).filter_map(name).filter(|name| *name != own && name != "pause\n").collect()
}

/// A socket that every user of the pod may write to.
fn bound<T>(path: &str, bind: impl Fn(&str) -> io::Result<T>) -> T {
    // An agent that was killed leaves its own behind.
    _ = fs::remove_file(path);
    let socket = bind(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o722)).expect("its own socket");
    socket
}

/// Takes traces.
fn answer(mut stream: UnixStream) {
    let mut bytes = [0; 8192];
    if stream.read(&mut bytes).is_ok_and(|length| bytes[..length].starts_with(b"PUT /v0.4/traces ")) {
        println!(r#"{{"trace": true}}"#);
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
}

/// As an application: sends a trace and a metric where its variables say, as soon as somebody listens there.
fn send() -> ExitCode {
    let path = |name| given(name).and_then(|url| url.strip_prefix("unix://").map(str::to_owned));
    let (Some(traces), Some(metrics)) = (path("DD_TRACE_AGENT_URL"), path("DD_DOGSTATSD_URL")) else {
        eprintln!("DD_TRACE_AGENT_URL and DD_DOGSTATSD_URL must be set");
        return ExitCode::FAILURE;
    };
    let sent = || {
        let mut stream = UnixStream::connect(&traces)?;
        stream.write_all(b"PUT /v0.4/traces HTTP/1.1\r\nhost: agent\r\ncontent-length: 1\r\n\r\n\x90")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        UnixDatagram::unbound()?.send_to(b"app.started:1|c", &metrics)?;
        Ok::<_, io::Error>(reply.starts_with("HTTP/1.1 200 "))
    };
    for _ in 0..300 {
        if sent().unwrap_or(false) {
            return ExitCode::SUCCESS;
        }
        thread::sleep(Duration::from_millis(100));
    }
    eprintln!("nobody takes what is sent: {:?}", sent());
    ExitCode::FAILURE
}

/// Brings the tracer into the volume.
fn set_up(volume: &str) -> ExitCode {
    let copied = fs::copy("/proc/self/exe", format!("{volume}/cws-instrumentation"));
    copied
        .inspect_err(|error| eprintln!("{volume}: {error}"))
        .map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS)
}

/// Tells the agent what it runs, and runs it.
fn trace(command: &[&str]) -> ExitCode {
    let told = (0..300).any(|_| {
        thread::sleep(Duration::from_millis(100));
        TcpStream::connect(("127.0.0.1", 5678)).is_ok_and(|mut agent| write!(agent, "{command:?}").is_ok())
    });
    if !told {
        eprintln!("there is no agent");
        return ExitCode::FAILURE;
    }
    eprintln!("{}", Command::new(command[0]).args(&command[1..]).exec());
    ExitCode::FAILURE
}

/// Looks ten times a second.
fn wait_for_end(mut over: impl FnMut() -> bool) {
    while !ENDING.load(Ordering::Relaxed) && !over() {
        thread::sleep(Duration::from_millis(100));
    }
}

fn given(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is(name: &str) -> bool {
    given(name).is_some_and(|value| value == "true")
}

fn port(name: &str, otherwise: u16) -> u16 {
    given(name).and_then(|port| port.parse().ok()).unwrap_or(otherwise)
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
