//! Waiting for a condition, with an end.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
pub const STEP: Duration = Duration::from_millis(50);

/// How long anything may take that a loaded machine has to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; panics with `what` where there is none in [`PATIENCE`].
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(STEP).await;
    }
}
