//! The thread that answers reviews.
//!
//! It does nothing else, so that no review waits for a configuration to compile or a key to be made; and there is one, so that
//! no review pays for waking another. One core answers far more reviews than an API server asks for.

use crate::shutdown::repeat;
use std::{
    io,
    panic::resume_unwind,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The sign of life of the thread, which it renews itself: one that is stuck cannot.
#[derive(Debug)]
pub(crate) struct Heart {
    epoch: Instant,
    /// The last beat, in milliseconds after `epoch`.
    last: AtomicU64,
    patience: Duration,
}

impl Heart {
    /// One that may be still for so long, and for twice as long before the process counts as dead.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { epoch: Instant::now(), last: AtomicU64::new(0), patience }
    }

    /// Beats on the thread it runs on until `stop` is cancelled.
    pub(super) async fn beat(self: Arc<Self>, stop: CancellationToken) {
        let every = self.patience / 10;
        repeat(every, stop, async || self.last.store(self.now(), Relaxed)).await;
    }

    /// Whether reviews are taken.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.beaten_within(self.patience)
    }

    /// Whether they may yet be.
    pub(crate) fn alive(&self) -> Result<(), String> {
        self.beaten_within(2 * self.patience)
    }

    fn beaten_within(&self, patience: Duration) -> Result<(), String> {
        let still = Duration::from_millis(self.now().saturating_sub(self.last.load(Relaxed)));
        if still <= patience {
            return Ok(());
        }
        Err(format!("the thread that answers reviews has been stuck for {} s", still.as_secs()))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A thread with a runtime of its own. When this is dropped, the thread ends with all that runs on it.
#[derive(Debug)]
pub(super) struct Thread {
    handle: Handle,
    _stop: DropGuard,
}

impl Thread {
    /// Starts one of this name.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(stopped.cancelled()))?;
        Ok(Self { handle, _stop: stop.drop_guard() })
    }

    /// Has a listener's connections come to this thread.
    pub(super) fn take(&self, listener: TcpListener) -> io::Result<TcpListener> {
        let listener = listener.into_std()?;
        let _here = self.handle.enter();
        TcpListener::from_std(listener)
    }

    /// Runs a task on this thread, and all that it spawns; ends, or panics, when the task does.
    pub(super) fn run<F: Future<Output = ()> + Send + 'static>(
        &self,
        task: F,
    ) -> impl Future<Output = ()> + Send + 'static + use<F> {
        let running = self.handle.spawn(task);
        async {
            if let Err(error) = running.await
                && let Ok(panic) = error.try_into_panic()
            {
                resume_unwind(panic);
            }
        }
    }
}
