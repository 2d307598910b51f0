//! The end of the process: signals, and tasks whose end somebody sees.

use futures::FutureExt;
use std::{io, panic::AssertUnwindSafe, time::Duration};
use tokio::{
    signal::unix::{Signal as Stream, SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, such as Ctrl-C.
    Interrupt,
    /// SIGTERM, such as the kubelet sends.
    Terminate,
}

impl Signal {
    /// What a shell calls the status of a process that the signal ended: 130 or 143.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// The signals that ask the process to end.
#[derive(Debug)]
pub struct Signals {
    interrupt: Stream,
    terminate: Stream,
}

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Tasks that run as long as the process. One that ends before it is told to is a fault.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts a task, which must end soon after the token it is given is cancelled.
    pub fn spawn<F>(&mut self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = AssertUnwindSafe(task(self.stop.clone())).catch_unwind();
        self.running.spawn(async move {
            if task.await.is_err() {
                tracing::error!(task = name, "A task panicked");
            }
            name
        });
    }

    /// Waits for a task to end; forever where there is none.
    pub async fn ended(&mut self) -> &'static str {
        match self.running.join_next().await {
            Some(Ok(name)) => name,
            // Panics are caught above, and nobody aborts.
            Some(Err(_)) => "unknown",
            None => std::future::pending().await,
        }
    }

    /// Tells all to end, waits for them, and aborts what has not ended after `patience`.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(tasks = self.running.len(), "Tasks ignored the end of the process");
            self.running.shutdown().await;
        }
    }
}

/// Calls `step` at once and then again and again with a pause of `every` between, until `stop` is cancelled.
pub(crate) async fn repeat<F: Future<Output = ()>>(
    every: Duration,
    stop: CancellationToken,
    mut step: impl FnMut() -> F,
) {
    while !stop.is_cancelled() {
        step().await;
        let _ = stop.run_until_cancelled(tokio::time::sleep(every)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_seen_to_end() {
        let mut tasks = Tasks::default();
        tasks.spawn("lives", |stop| async move { stop.cancelled().await });
        tasks.spawn("dies", |_| async { panic!("on purpose") });
        assert_eq!(tasks.ended().await, "dies");
        tasks.stop(Duration::from_secs(60)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ignores_the_token_does_not_hold_the_exit() {
        let mut tasks = Tasks::default();
        tasks.spawn("deaf", |_| std::future::pending());
        tasks.stop(Duration::from_secs(1)).await;
    }
}
