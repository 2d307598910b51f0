//! The places of a server's connections. Where all are taken one gives way to the newcomer: of the peer that has most of them,
//! the one that has waited longest for it. So whoever takes all places loses them first, and the API server, which has a few and
//! uses them, none.

use super::pace::Pace;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// So many places.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_id: HashMap<u64, (IpAddr, Arc<Pace>)>,
}

/// A place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    id: u64,
}

/// What a newcomer found.
#[derive(Debug)]
pub(crate) enum Found {
    /// A free place.
    Free(Place),
    /// The place of a connection that has been told to end.
    GivenUp(Place),
    /// Nothing: every connection is being answered.
    Nothing,
}

impl Places {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, taken: Mutex::default() }))
    }

    /// A place for a connection of this peer.
    pub(crate) fn take(&self, peer: IpAddr, pace: &Arc<Pace>) -> Found {
        let mut taken = self.lock();
        let full = taken.by_id.len() >= self.0.limit;
        if full {
            let Some(id) = taken.first_to_go() else { return Found::Nothing };
            if let Some((_, pace)) = taken.by_id.remove(&id) {
                pace.end();
            }
        }
        let id = taken.next;
        taken.next += 1;
        // On a socket for both families an address of IPv4 comes as one of IPv6.
        taken.by_id.insert(id, (peer.to_canonical(), pace.clone()));
        let place = Place { places: self.clone(), id };
        if full { Found::GivenUp(place) } else { Found::Free(place) }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn first_to_go(&self) -> Option<u64> {
        let mut of_peer = HashMap::<IpAddr, usize>::new();
        for (peer, _) in self.by_id.values() {
            *of_peer.entry(*peer).or_default() += 1;
        }
        let waiting = self.by_id.iter().filter_map(|(id, (peer, pace))| {
            let since = pace.waits_since()?;
            Some((std::cmp::Reverse(of_peer.get(peer).copied()), since, *id))
        });
        waiting.min().map(|(.., id)| id)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Timeouts;
    use std::time::Duration;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    struct Connection(Arc<Pace>, Option<Place>);

    impl Connection {
        fn of(places: &Places, peer: IpAddr) -> Self {
            let pace = Pace::new(&Timeouts::default());
            let place = match places.take(peer, &pace) {
                Found::Free(place) | Found::GivenUp(place) => Some(place),
                Found::Nothing => None,
            };
            Self(pace, place)
        }

        fn gives_way(&self) -> bool {
            futures::FutureExt::now_or_never(self.0.ended()).is_some()
        }
    }

    async fn later() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_waits_longest_gives_way() {
        let places = Places::new(2);
        let first = Connection::of(&places, A);
        later().await;
        let second = Connection::of(&places, A);
        later().await;
        let third = Connection::of(&places, A);
        assert!(third.1.is_some());
        assert_eq!([first.gives_way(), second.gives_way(), third.gives_way()], [true, false, false]);
        drop(second);
        assert!(matches!(places.take(A, &Pace::new(&Timeouts::default())), Found::Free(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn of_the_peer_that_has_most() {
        let places = Places::new(4);
        let api_server = Connection::of(&places, A);
        later().await;
        let mut flood = Vec::new();
        for _ in 0..100 {
            flood.push(Connection::of(&places, B));
            later().await;
        }
        assert!(!api_server.gives_way());
        assert_eq!(flood.iter().filter(|one| !one.gives_way()).count(), 3);
        assert!(!Connection::of(&places, A).gives_way());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_being_answered_does_not() {
        let places = Places::new(2);
        let (one, two) = (Connection::of(&places, A), Connection::of(&places, A));
        later().await;
        let answers = [one.0.answer(), two.0.answer()];
        let deciding = answers.each_ref().map(|answering| answering.decide());
        assert!(Connection::of(&places, B).1.is_none());
        drop(deciding);
        assert!(Connection::of(&places, B).1.is_some());
    }
}
