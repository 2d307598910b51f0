//! What is known of the cluster, behind one swap: watches write it, reviews read it, and a review that waits for news hears of it.

use crate::seen::Seen;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::watch;

/// Holds what is known, and changes it.
#[derive(Debug, Default)]
pub struct View {
    current: ArcSwap<Seen>,
    changes: watch::Sender<()>,
}

impl View {
    /// What is known now.
    pub fn load(&self) -> Arc<Seen> {
        self.current.load_full()
    }

    /// Changes a part of it. `change` may be called again where another part has changed meanwhile.
    pub fn change(&self, change: impl Fn(&mut Seen)) {
        self.current.rcu(|seen| {
            let mut next = Seen::clone(seen);
            change(&mut next);
            next
        });
        self.changes.send_replace(());
    }

    /// Whether somebody waits for news.
    pub fn is_awaited(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Until it is so; looks now and after every change.
    pub async fn until(&self, so: impl Fn(&Seen) -> bool) {
        let mut changes = self.changes.subscribe();
        // The sender lives as long as this does.
        while !so(&self.load()) && changes.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn knows(view: &View, name: &str) -> bool {
        view.load().created.contains_key(name)
    }

    fn learn(view: &View, name: &str) {
        view.change(|seen| {
            Arc::make_mut(&mut seen.created).insert(name.to_owned(), 0);
        });
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_of_every_change() {
        let view = View::default();
        learn(&view, "a");
        view.until(|seen| seen.created.contains_key("a")).await;
        let both = async {
            tokio::join!(view.until(|seen| seen.created.contains_key("c")), async {
                for name in ["b", "c"] {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    learn(&view, name);
                }
            })
        };
        tokio::time::timeout(Duration::from_secs(2), both).await.expect("at once");
        assert!(knows(&view, "b") && knows(&view, "c"));
    }
}
