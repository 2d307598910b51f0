//! CAs in `caBundle` that are none of ours: of replicas with certificates of another kind, whose rollout is not over, or whose
//! certificate is exchanged a little later. They stay for a while, since whoever still serves a certificate of theirs must be trusted.

use rustls::pki_types::CertificateDer;
use std::time::Duration;
use tokio::time::Instant;

/// How long one stays after it was first seen. A replica that needs it longer puts it back.
pub(super) const STAY: Duration = Duration::from_secs(3600);

/// The most that stay: more than any bundle of a company has.
const MOST: usize = 256;

/// Those that were seen, and when first.
#[derive(Debug, Default)]
pub(super) struct Strangers(Vec<(CertificateDer<'static>, Instant)>);

impl Strangers {
    /// Takes note of those that are in the bundles now, and forgets those that have gone.
    pub(super) fn look<'c>(
        &mut self,
        now: Instant,
        there: impl Iterator<Item = &'c CertificateDer<'static>>,
    ) {
        let mut found: Vec<(CertificateDer<'static>, Instant)> = Vec::new();
        for ca in there {
            if found.iter().any(|(known, _)| known == ca) {
                continue;
            }
            let since = self.0.iter().find(|(known, _)| known == ca).map_or(now, |(_, since)| *since);
            found.push((ca.clone(), since));
        }
        self.0 = found;
    }

    /// Lets all of them stay for another while: where others have just dropped a CA in use, they may be about to drop another one.
    pub(super) fn renew(&mut self, now: Instant) {
        self.0.iter_mut().for_each(|(_, since)| *since = now);
    }

    /// Those that stay.
    pub(super) fn staying(&self, now: Instant) -> impl Iterator<Item = &CertificateDer<'static>> {
        let fresh = self.0.iter().filter(move |(_, since)| now.duration_since(*since) < STAY);
        fresh.take(MOST).map(|(ca, _)| ca)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ca(name: u8) -> CertificateDer<'static> {
        vec![name].into()
    }

    fn staying(strangers: &Strangers) -> Vec<u8> {
        strangers.staying(Instant::now()).map(|ca| ca.as_ref()[0]).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_ours_stays_for_a_while() {
        let mut strangers = Strangers::default();
        let look = |strangers: &mut Strangers, bundle: &[u8]| {
            let bundle: Vec<_> = bundle.iter().copied().map(ca).collect();
            strangers.look(Instant::now(), bundle.iter());
        };
        look(&mut strangers, &[2, 2]);
        assert_eq!(staying(&strangers), [2]);
        tokio::time::advance(STAY / 2).await;
        look(&mut strangers, &[2, 3]);
        assert_eq!(staying(&strangers), [2, 3]);
        tokio::time::advance(STAY / 2).await;
        assert_eq!(staying(&strangers), [3]);
        look(&mut strangers, &[]);
        look(&mut strangers, &[2, 3]);
        assert_eq!(staying(&strangers), [2, 3], "whoever put them back needs them");
        tokio::time::advance(STAY).await;
        assert_eq!(staying(&strangers), [0; 0]);
        strangers.renew(Instant::now());
        assert_eq!(staying(&strangers), [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_them_is_not_kept() {
        let mut strangers = Strangers::default();
        let all: Vec<CertificateDer<'static>> =
            (0..1000_u16).map(|n| n.to_be_bytes().to_vec().into()).collect();
        strangers.look(Instant::now(), all.iter());
        assert_eq!(staying(&strangers).len(), MOST);
    }
}
