//! Trouble with the API server, told so that a restart of it does not read like a missing right: a line at the first failure, a warning
//! where it lasts, and a line when it is over.

use std::{fmt::Display, time::Duration};
use tokio::time::Instant;

/// How long an API server that starts may refuse what it will allow.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something that is asked again and again.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// What cannot be done, such as `watch namespaces`.
    what: &'static str,
    since: Option<Instant>,
    warned: bool,
}

impl Trouble {
    /// None so far.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, since: None, warned: false }
    }

    /// It failed.
    pub(crate) fn failed(&mut self, error: &dyn Display) {
        let what = self.what;
        match self.since {
            None => {
                self.since = Some(Instant::now());
                tracing::info!(what, %error, "Cannot do this for the moment: it is tried again");
            }
            Some(since) if !self.warned && since.elapsed() >= PATIENCE => {
                self.warned = true;
                let seconds = since.elapsed().as_secs();
                tracing::warn!(what, %error, seconds, "Cannot do this: it is tried again");
            }
            Some(_) => {}
        }
    }

    /// It worked.
    pub(crate) fn over(&mut self) {
        let what = self.what;
        if let Some(since) = self.since.take() {
            self.warned = false;
            tracing::info!(what, seconds = since.elapsed().as_secs(), "Does this again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_warned_of_once() {
        let mut trouble = Trouble::new("watch namespaces");
        trouble.failed(&"refused");
        trouble.failed(&"refused");
        assert!(!trouble.warned);
        tokio::time::advance(PATIENCE).await;
        trouble.failed(&"refused");
        assert!(trouble.warned);
        trouble.over();
        assert!(trouble.since.is_none() && !trouble.warned);
        trouble.failed(&"refused");
        assert!(!trouble.warned, "another time is another matter");
    }
}
