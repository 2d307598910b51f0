//! When CAs and leaves are made, taken into use and dropped: what one replica knows and what follows from it. Pure: the clock
//! is passed in.
//!
//! A new CA is added beside the current one when two thirds of that one's life are over. Leaves are of the new CA only once
//! it has been in the `caBundle` in place for [`Lives::propagation`], as API servers learn of a change one by one. The old CA
//! is dropped when no leaf of it can be left.

use super::issue::{Ca, SKEW};
use rustls::pki_types::CertificateDer;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// More CAs at once than any rotation makes: the Secret was deleted again and again.
const MOST: usize = 4;

/// API servers have learnt of a new `caBundle` after this time, at the latest.
const PROPAGATION: Duration = Duration::from_secs(300);

/// How long certificates live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    ca: Duration,
    leaf: Duration,
}

/// Lives that leave no time to rotate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLives {
    /// The CA ends before leaves of the next one are everywhere.
    #[error("a CA must live at least three times as long as a leaf")]
    Ca,
    /// Nothing can be renewed that fast.
    #[error("a leaf must live at least 4s")]
    Leaf,
}

impl Lives {
    /// A CA must live three times as long as a leaf, and a leaf 4 seconds.
    pub fn new(ca: Duration, leaf: Duration) -> Result<Self, BadLives> {
        if leaf < Duration::from_secs(4) {
            return Err(BadLives::Leaf);
        }
        if ca < leaf.saturating_mul(3) {
            return Err(BadLives::Ca);
        }
        Ok(Self { ca, leaf })
    }

    /// A CA's life.
    pub fn ca(&self) -> Duration {
        self.ca
    }

    /// A leaf's life.
    pub fn leaf(&self) -> Duration {
        self.leaf
    }

    /// How long a CA is in the `caBundle` in place before a leaf of it is served: five minutes, less where leaves live shortly.
    pub fn propagation(&self) -> Duration {
        PROPAGATION.min(self.leaf / 4)
    }

    /// How often the clock is looked at. Never a sleep until the next date: the machine may be suspended meanwhile.
    pub fn tick(&self) -> Duration {
        (self.propagation() / 4).min(Duration::from_secs(30))
    }

    /// How long an old CA stays beside a new one: as long as a leaf of it could live.
    fn overlap(&self) -> Duration {
        self.leaf
    }
}

/// What to do about the stored CAs.
#[derive(Clone, Debug)]
pub enum Action {
    /// They are as they should be.
    Keep,
    /// These are to be stored, and where `make` says so a new one after them.
    Store {
        /// Oldest first.
        cas: Vec<Arc<Ca>>,
        /// Whether a new one is due.
        make: bool,
    },
}

/// What one replica knows, from what it read and what it did.
#[derive(Debug)]
pub struct Knowledge {
    lives: Lives,
    /// Oldest first.
    cas: Vec<Arc<Ca>>,
    /// Since when each CA has been in the bundle in place.
    seen: Vec<(Arc<Ca>, SystemTime)>,
    /// Whether a bundle in place was ever seen.
    looked: bool,
    leaf: Option<Issued>,
}

/// The leaf being served.
#[derive(Debug)]
struct Issued {
    ca: Arc<Ca>,
    made: SystemTime,
    ends: SystemTime,
}

impl Knowledge {
    /// Nothing is known.
    pub fn new(lives: Lives) -> Self {
        Self { lives, cas: Vec::new(), seen: Vec::new(), looked: false, leaf: None }
    }

    /// The CAs last taken over, oldest first.
    pub fn cas(&self) -> &[Arc<Ca>] {
        &self.cas
    }

    /// What to do about what is stored. `damaged`: some of it could not be read. What was known before is then put back, as
    /// leaves of it are being served; where nothing usable is stored, a new CA is made as well.
    pub fn plan(&self, now: SystemTime, stored: &[Arc<Ca>], damaged: bool) -> Action {
        // One that has not begun was made by a machine whose clock is wrong.
        let valid = |ca: &&Arc<Ca>| ca.made() <= now + SKEW && now < ca.ends();
        let mut cas: Vec<_> = stored.iter().filter(valid).cloned().collect();
        let lost = cas.is_empty();
        if lost || damaged {
            cas.extend(self.cas.iter().filter(valid).cloned());
        }
        sort(&mut cas);
        // Twice the time: by then no replica, however late it saw the bundle, serves a leaf of an older one.
        if let Some(newest) = cas.last()
            && self.in_place_for(now, newest, self.lives.propagation() * 2)
            && now >= newest.made() + self.lives.overlap()
        {
            cas = vec![newest.clone()];
        }
        cas.drain(..cas.len().saturating_sub(MOST));
        let make = lost || cas.last().is_some_and(|newest| now >= due(newest.made(), newest.ends()));
        if make || damaged || cas.len() != stored.len() { Action::Store { cas, make } } else { Action::Keep }
    }

    /// Takes over what is stored.
    pub fn take(&mut self, mut cas: Vec<Arc<Ca>>) {
        sort(&mut cas);
        self.seen.retain(|(ca, _)| holds(&cas, ca));
        self.cas = cas;
    }

    /// Takes note of the bundle in place.
    pub fn look(&mut self, now: SystemTime, bundle: &[CertificateDer<'_>]) {
        let there = |ca: &&Arc<Ca>| bundle.contains(ca.certificate());
        for ca in self.cas.iter().filter(there) {
            if self.seen.iter().any(|(seen, _)| same(seen, ca)) {
                continue;
            }
            // Whoever has just started may trust that what is neither new nor missing has been there for a while.
            let old = !self.looked && now >= ca.made() + self.lives.overlap() / 2;
            self.seen.push((ca.clone(), if old { ca.made() } else { now }));
        }
        self.looked = true;
    }

    /// The CA that a leaf is to be made of now, if one is due.
    pub fn leaf_due(&self, now: SystemTime) -> Option<&Arc<Ca>> {
        let signer = self.signer(now)?;
        let Some(leaf) = &self.leaf else { return Some(signer) };
        // The clock was set back behind the leaf's beginning.
        let early = now + SKEW < leaf.made;
        // Near the CA's end a new leaf would live no longer than the one there is.
        let longer = self.leaf_ends(now, signer) > leaf.ends;
        let is_due = !same(signer, &leaf.ca) || early || (now >= due(leaf.made, leaf.ends) && longer);
        is_due.then_some(signer)
    }

    /// When a leaf made now ends: never after its CA.
    pub fn leaf_ends(&self, now: SystemTime, ca: &Ca) -> SystemTime {
        (now + self.lives.leaf).min(ca.ends())
    }

    /// Takes note that a leaf of this CA is served from now on.
    pub fn served(&mut self, now: SystemTime, ca: Arc<Ca>) {
        let ends = self.leaf_ends(now, &ca);
        self.leaf = Some(Issued { ca, made: now, ends });
    }

    /// The newest CA that every API server knows; until there is one, the oldest.
    fn signer(&self, now: SystemTime) -> Option<&Arc<Ca>> {
        let mut valid = self.cas.iter().filter(|ca| now < ca.ends());
        let known = |ca: &&Arc<Ca>| self.in_place_for(now, ca, self.lives.propagation());
        valid.clone().rfind(known).or_else(|| valid.next())
    }

    fn in_place_for(&self, now: SystemTime, ca: &Ca, time: Duration) -> bool {
        let since = self.seen.iter().find(|(seen, _)| same(seen, ca)).map(|(_, since)| *since);
        since.is_some_and(|since| now >= since + time)
    }
}

/// When two thirds of a life are over.
fn due(made: SystemTime, ends: SystemTime) -> SystemTime {
    made + ends.duration_since(made).unwrap_or_default() * 2 / 3
}

fn same(one: &Ca, other: &Ca) -> bool {
    one.certificate() == other.certificate()
}

fn holds(cas: &[Arc<Ca>], one: &Ca) -> bool {
    cas.iter().any(|ca| same(ca, one))
}

/// Oldest first, in the same order in every replica, none twice.
fn sort(cas: &mut Vec<Arc<Ca>>) {
    cas.sort_by(|a, b| (a.made(), a.certificate().as_ref()).cmp(&(b.made(), b.certificate().as_ref())));
    cas.dedup_by(|a, b| same(a, b));
}

#[cfg(test)]
mod tests;
