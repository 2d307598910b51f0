//! Waiting for news of a namespace: the API server asks about its first pods before the watch has told of it.

use crate::view::View;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long a review waits, from its arrival on: news takes some milliseconds, and who creates the pod waits with it.
pub(super) const PATIENCE: Duration = Duration::from_millis(400);

/// The most reviews that wait at once. For one more the first of them waits no longer.
const MOST: usize = 128;

/// The reviews that wait.
#[derive(Debug, Default)]
pub(super) struct News(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// The first is the one that waits longest.
    by_id: BTreeMap<u64, CancellationToken>,
}

/// A place among those who wait, given back when dropped.
struct Place<'a> {
    news: &'a News,
    id: u64,
    gives_way: CancellationToken,
}

impl News {
    /// Waits until the namespace is known, at most `until` then.
    pub(super) async fn wait(&self, view: &View, namespace: &str, until: Instant) {
        let place = self.join();
        let known = place.gives_way.run_until_cancelled(view.until(|seen| !seen.awaits(namespace)));
        let _ = timeout_at(until, known).await;
    }

    fn join(&self) -> Place<'_> {
        let mut waiting = self.lock();
        if waiting.by_id.len() >= MOST
            && let Some((_, first)) = waiting.by_id.pop_first()
        {
            first.cancel();
        }
        let (id, gives_way) = (waiting.next, CancellationToken::new());
        waiting.next += 1;
        waiting.by_id.insert(id, gives_way.clone());
        Place { news: self, id, gives_way }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.news.lock().by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, future::join_all};
    use std::{pin::pin, sync::Arc};

    fn watched() -> View {
        let view = View::default();
        view.change(|seen| seen.namespaces = Some(Arc::default()));
        view
    }

    fn learn(view: &View, name: &str) {
        view.change(|seen| {
            let namespaces = Arc::make_mut(seen.namespaces.get_or_insert_default());
            namespaces.insert(name.to_owned(), Default::default());
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_review_waits_for_its_own_namespace_and_not_for_ever() {
        let (view, news, began) = (watched(), News::default(), Instant::now());
        let mut waits = pin!(news.wait(&view, "shop", began + PATIENCE));
        assert!(waits.as_mut().now_or_never().is_none());
        learn(&view, "bank");
        assert!(waits.as_mut().now_or_never().is_none());
        learn(&view, "shop");
        assert!(waits.now_or_never().is_some());
        news.wait(&view, "never", began + PATIENCE).await;
        assert_eq!(began.elapsed(), PATIENCE);
        assert!(news.lock().by_id.is_empty());
        View::default().until(|seen| !seen.awaits("without a watch")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_first_give_way() {
        let (view, news, began) = (watched(), News::default(), Instant::now());
        let all = (0..MOST + 10).map(|_| async {
            news.wait(&view, "never", began + PATIENCE).await;
            began.elapsed()
        });
        let took = join_all(all).await;
        assert_eq!(took.iter().filter(|took| took.is_zero()).count(), 10);
        assert!(took[..10].iter().all(Duration::is_zero), "the first ones");
        assert!(took[10..].iter().all(|took| *took == PATIENCE));
        assert!(news.lock().by_id.is_empty());
    }
}
