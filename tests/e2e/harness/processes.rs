//! Processes that end with this one, however it ends.
//!
//! A shell holds the list of their ids and waits for the end of its input, a pipe that this process holds open and never
//! closes: when the tests are over, failed, interrupted or killed, it kills what is on the list and removes the folder.

use std::{
    fs::File,
    io::Write as _,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

const GUARD: &str = r#"while read -r pid; do pids="$pids $pid"; done; kill -9 $pids 2>/dev/null; [ -n "$KEEP" ] || rm -rf "$1""#;

/// What was started, and the folder everything is in.
pub struct Processes {
    folder: PathBuf,
    guard: Mutex<ChildStdin>,
}

impl Processes {
    /// Takes a folder, which goes with the processes unless the variable `KEEP` is set.
    #[expect(clippy::zombie_processes, reason = "it outlives us")]
    pub fn new(folder: PathBuf) -> Self {
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .stdin(Stdio::piped())
            // An interrupt from the keyboard is for the tests alone.
            .process_group(0)
            .spawn()
            .unwrap();
        let stdin = guard.stdin.take().unwrap();
        Self { folder, guard: Mutex::new(stdin) }
    }

    /// The folder of this run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a program whose output goes to `NAME.log`.
    pub fn start(&self, name: &str, command: &mut Command) -> Process {
        let log = self.folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        writeln!(self.guard.lock().unwrap(), "{}", child.id()).unwrap();
        Process { name: name.to_owned(), log, child }
    }
}

/// A program that was started.
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Kills it. It is not waited for, so that its id stays taken until the guard is through with its list.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
    }

    /// What it wrote until now.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Panics with the end of the log where it has ended.
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let log = self.log();
            let from = log.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            panic!("{} ended ({status}):\n{}", self.name, &log[from..]);
        }
    }
}

/// A port of 127.0.0.1 that nothing listens on: below those that the system gives to outgoing connections, and far from the
/// choices of a run at the same time.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 97) as u16 * 100;
    (0..9700)
        .map(|_| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 9700)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
