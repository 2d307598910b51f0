//! The thread that answers reviews.
//!
//! It does nothing else, so that no review waits for a configuration to compile or a key to be made; and there is one, so that
//! no review pays for waking another. One core answers far more reviews than an API server asks for.

use std::{io, panic::resume_unwind, thread};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
};
use tokio_util::sync::{CancellationToken, DropGuard};

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
