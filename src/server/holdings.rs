//! The bytes that are held for connections: bodies that arrive, and answers until they are written. Where they are too many the
//! oldest of them give way, since those are the ones whose peer takes its time.

use super::pace::Pace;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// So many bytes.
#[derive(Clone, Debug)]
pub(crate) struct Holdings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    bytes: usize,
    /// The oldest first.
    by_id: BTreeMap<u64, (usize, Arc<Pace>)>,
}

/// What one request holds, given back when dropped.
#[derive(Debug)]
pub(crate) struct Holding {
    holdings: Holdings,
    id: u64,
}

impl Holdings {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, held: Mutex::default() }))
    }

    /// Holds nothing yet, for a connection.
    pub(crate) fn hold(&self, pace: &Arc<Pace>) -> Holding {
        let mut held = self.lock();
        let id = held.next;
        held.next += 1;
        held.by_id.insert(id, (0, pace.clone()));
        Holding { holdings: self.clone(), id }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holding {
    /// Holds this many bytes from now on. Connections that hold others end for it; `false`, and nothing changed, where it has had
    /// to give way itself, or all that is held is being decided.
    pub(crate) fn resize(&self, bytes: usize) -> bool {
        let mut held = self.holdings.lock();
        let Some(own) = held.by_id.get(&self.id).map(|(own, _)| *own) else { return false };
        while held.bytes - own + bytes > self.holdings.0.limit {
            let waits = |(id, (bytes, pace)): &(&u64, &(usize, Arc<Pace>))| {
                **id != self.id && *bytes > 0 && pace.waits_since().is_some()
            };
            let Some(oldest) = held.by_id.iter().find(waits).map(|(id, _)| *id) else { return false };
            held.forget(oldest);
        }
        held.bytes = held.bytes - own + bytes;
        if let Some((own, _)) = held.by_id.get_mut(&self.id) {
            *own = bytes;
        }
        true
    }
}

impl Held {
    fn forget(&mut self, id: u64) {
        if let Some((bytes, pace)) = self.by_id.remove(&id) {
            self.bytes -= bytes;
            pace.end();
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut held = self.holdings.lock();
        if let Some((bytes, _)) = held.by_id.remove(&self.id) {
            held.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Timeouts;

    fn pace() -> Arc<Pace> {
        Pace::new(&Timeouts::default())
    }

    fn gives_way(pace: &Pace) -> bool {
        futures::FutureExt::now_or_never(pace.ended()).is_some()
    }

    #[test]
    fn gives_no_more_than_there_is_and_takes_back() {
        let (holdings, own) = (Holdings::new(10), pace());
        let holding = holdings.hold(&own);
        assert!(holding.resize(10));
        assert!(!holding.resize(11));
        assert!(holding.resize(4));
        drop(holding);
        assert!(holdings.hold(&own).resize(10));
        assert!(!gives_way(&own));
    }

    #[test]
    fn the_oldest_gives_way_and_its_bytes_are_free_at_once() {
        let holdings = Holdings::new(10);
        let paces = [pace(), pace(), pace()];
        let [first, second, third] = paces.each_ref().map(|pace| holdings.hold(pace));
        assert!(first.resize(4) && second.resize(6));
        assert!(third.resize(3));
        assert_eq!(paces.each_ref().map(|pace| gives_way(pace)), [true, false, false]);
        assert!(!first.resize(1), "it has given way");
        drop(first);
        assert!(third.resize(4));
        assert!(!gives_way(&paces[1]), "what was given up is not given back twice");
    }

    #[test]
    fn what_is_being_decided_does_not() {
        let holdings = Holdings::new(10);
        let (old, new) = (pace(), pace());
        let held = holdings.hold(&old);
        assert!(held.resize(8));
        let answering = old.answer();
        let deciding = answering.decide();
        let newcomer = holdings.hold(&new);
        assert!(!newcomer.resize(3));
        drop(deciding);
        assert!(newcomer.resize(3));
        assert!(gives_way(&old));
    }
}
