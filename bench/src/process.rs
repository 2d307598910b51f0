//! Servers as processes: started, watched through `/proc`, ended.

use crate::client::{Connection, Target};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    io::Read,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How long a server may take to its first answer; under valgrind it takes seconds.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A running server, which ends with its owner.
pub struct Server {
    child: Child,
}

/// A process's memory, in kB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What is resident now.
    pub resident: u64,
    /// The most that ever was.
    pub peak: u64,
}

impl Server {
    /// Starts a command and waits for its first answer; says how long that took.
    ///
    /// # Errors
    ///
    /// It cannot be started, ends, or gives no answer.
    pub async fn start(command: &[String], target: &Target) -> Result<(Self, Duration)> {
        let (program, arguments) = command.split_first().context("an empty command")?;
        let start = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        let mut server = Self { child };
        loop {
            if let Ok(mut connection) = Connection::open(target).await
                && connection.ask(target).await.is_ok()
            {
                return Ok((server, start.elapsed()));
            }
            if server.child.try_wait()?.is_some() {
                bail!("{} ended at its start: {}", command.join(" "), server.said()?);
            }
            ensure!(start.elapsed() < LONGEST_START, "{} does not answer", command.join(" "));
            // Asking without a pause would take the time that the server needs.
            sleep(Duration::from_micros(200)).await;
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and returns what it wrote to its standard error.
    ///
    /// # Errors
    ///
    /// It cannot be asked, or its output cannot be read.
    pub fn end(mut self) -> Result<String> {
        let asked = Command::new("kill").arg(self.id().to_string()).status()?;
        ensure!(asked.success(), "process {} cannot be ended", self.id());
        self.said()
    }

    fn said(&mut self) -> Result<String> {
        let mut text = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            stderr.read_to_string(&mut text)?;
        }
        Ok(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The CPU time of a process: of all its threads, user and system.
///
/// # Errors
///
/// There is no such process.
pub fn cpu(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that has just ended has no file any more.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The memory of a process.
///
/// # Errors
///
/// There is no such process.
pub fn memory(process: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).context("no memory in the status")
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// What is put before a command to count its instructions.
pub const CACHEGRIND: [&str; 4] =
    ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"];

/// What is put before a command to count its allocations.
pub const MEMCHECK: [&str; 4] = ["valgrind", "--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"];

/// What a command under valgrind reported on its standard error: instructions, or allocations.
///
/// # Errors
///
/// It reported nothing.
pub fn counted(report: &str) -> Result<u64> {
    let instructions = report.lines().find_map(|line| line.split_once("refs:")).map(|(_, number)| number);
    let allocations =
        || report.lines().find_map(|line| line.split_once("total heap usage:")?.1.split_once("allocs"));
    let number = instructions
        .or_else(|| allocations().map(|(number, _)| number))
        .context("valgrind reported nothing")?;
    Ok(number.trim().replace(',', "").parse()?)
}

/// Whether valgrind is installed.
pub fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success())
}
