use super::*;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring::default_provider,
    pki_types::{ServerName, UnixTime},
};

const HOUR: Duration = Duration::from_secs(3600);
const HOST: &str = "injector.datadog.svc";

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn lives() -> Lives {
    Lives::new(8760 * HOUR, 168 * HOUR).unwrap()
}

fn ca(made: SystemTime) -> Arc<Ca> {
    Arc::new(Ca::new("a CA", made, lives().ca()).unwrap())
}

fn ders(cas: &[Arc<Ca>]) -> Vec<CertificateDer<'static>> {
    cas.iter().map(|ca| ca.certificate().clone()).collect()
}

/// A replica that has had these CAs in place for long, and serves a leaf of the first.
fn settled(now: SystemTime, cas: &[Arc<Ca>]) -> Knowledge {
    let mut knowledge = Knowledge::new(lives());
    knowledge.take(cas.to_vec());
    knowledge.look(now, &ders(cas));
    knowledge.served(now, cas[0].clone());
    knowledge
}

#[track_caller]
fn stored(action: Action) -> (Vec<Arc<Ca>>, bool) {
    match action {
        Action::Store { cas, make } => (cas, make),
        Action::Keep => panic!("nothing is to be stored"),
    }
}

#[test]
fn lives_leave_time_to_rotate() {
    assert_eq!(Lives::new(HOUR, HOUR), Err(BadLives::Ca));
    assert_eq!(Lives::new(HOUR, Duration::from_secs(3)), Err(BadLives::Leaf));
    assert_eq!(lives().propagation(), Duration::from_secs(300));
    assert_eq!(lives().tick(), Duration::from_secs(30));
}

#[test]
fn an_empty_secret_gets_a_ca() {
    let (cas, make) = stored(Knowledge::new(lives()).plan(start(), &[], false));
    assert!(cas.is_empty() && make);
}

#[test]
fn the_next_ca_comes_after_two_thirds_of_the_life() {
    let one = [ca(start())];
    let knowledge = settled(start(), &one);
    let due = start() + 5840 * HOUR;
    assert!(matches!(knowledge.plan(due - HOUR, &one, false), Action::Keep));
    let (cas, make) = stored(knowledge.plan(due, &one, false));
    assert!(make && ders(&cas) == ders(&one));
}

#[test]
fn a_leaf_of_the_next_ca_waits_until_its_bundle_is_everywhere() {
    let cas = [ca(start()), ca(start() + 5840 * HOUR)];
    let now = start() + 5840 * HOUR;
    let mut knowledge = settled(now, &cas[..1]);
    knowledge.take(cas.to_vec());
    assert!(knowledge.leaf_due(now + HOUR).is_none(), "it is in no bundle");
    let wiped: [CertificateDer<'_>; 0] = [];
    knowledge.look(now + HOUR, &wiped);
    let placed = now + 2 * HOUR;
    knowledge.look(placed, &ders(&cas));
    let everywhere = placed + lives().propagation();
    assert!(knowledge.leaf_due(everywhere - Duration::from_secs(1)).is_none());
    let signer = knowledge.leaf_due(everywhere).unwrap().clone();
    assert!(same(&signer, &cas[1]));
    knowledge.served(everywhere, signer);
    assert!(knowledge.leaf_due(everywhere).is_none());
    assert!(
        matches!(knowledge.plan(everywhere, &cas, false), Action::Keep),
        "leaves of the old one may be left"
    );
    let (left, make) = stored(knowledge.plan(cas[1].made() + lives().leaf(), &cas, false));
    assert!(!make && ders(&left) == ders(&cas[1..]));
}

#[test]
fn a_late_bundle_drops_no_ca_that_others_may_still_use() {
    let cas = [ca(start()), ca(start() + 5840 * HOUR)];
    // Nobody could write the bundle for a month.
    let placed = start() + 6600 * HOUR;
    let mut knowledge = settled(start(), &cas[..1]);
    knowledge.take(cas.to_vec());
    knowledge.look(placed, &ders(&cas));
    let switched = placed + lives().propagation();
    assert!(knowledge.leaf_due(switched).is_some());
    assert!(matches!(knowledge.plan(switched, &cas, false), Action::Keep));
    assert!(matches!(knowledge.plan(switched + lives().propagation(), &cas, false), Action::Store { .. }));
}

#[test]
fn leaves_are_renewed_after_two_thirds_and_never_outlive_their_ca() {
    let one = [ca(start())];
    let mut knowledge = settled(start(), &one);
    assert!(knowledge.leaf_due(start() + 111 * HOUR).is_none());
    assert!(knowledge.leaf_due(start() + 112 * HOUR).is_some());
    assert!(knowledge.leaf_due(start() - HOUR).is_some(), "the clock was set back");
    // A CA that nobody could replace: its leaves end with it, and are not made again and again.
    let late = one[0].ends() - 10 * HOUR;
    assert_eq!(knowledge.leaf_ends(late, &one[0]), one[0].ends());
    knowledge.served(late, one[0].clone());
    assert!(knowledge.leaf_due(one[0].ends() - HOUR).is_none());
    assert!(knowledge.leaf_due(one[0].ends()).is_none());
}

#[test]
fn an_expired_ca_is_replaced_at_once() {
    let one = [ca(start())];
    let knowledge = settled(start(), &one);
    let (cas, make) = stored(knowledge.plan(one[0].ends(), &one, false));
    assert!(cas.is_empty() && make);
}

#[test]
fn a_ca_made_by_a_clock_that_is_ahead_is_dropped() {
    let cas = [ca(start()), ca(start() + 50_000 * HOUR)];
    let knowledge = settled(start(), &cas[..1]);
    let (left, make) = stored(knowledge.plan(start() + HOUR, &cas, false));
    assert!(!make && ders(&left) == ders(&cas[..1]));
    let (left, make) = stored(knowledge.plan(start() + HOUR, &cas[1..], false));
    assert!(make && ders(&left) == ders(&cas[..1]), "leaves of it are being served");
}

#[test]
fn what_was_lost_is_put_back_beside_a_new_ca() {
    let one = [ca(start())];
    let knowledge = settled(start(), &one);
    let now = start() + HOUR;
    for damaged in [false, true] {
        let (cas, make) = stored(knowledge.plan(now, &[], damaged));
        assert!(make && ders(&cas) == ders(&one));
    }
    // Half of it could be read.
    let other = ca(start() + HOUR);
    let (cas, make) = stored(knowledge.plan(now, std::slice::from_ref(&other), true));
    assert!(!make && ders(&cas) == ders(&[one[0].clone(), other.clone()]));
    // Another replica dropped it: this is no damage.
    assert!(matches!(knowledge.plan(now, &[other], false), Action::Keep));
}

#[test]
fn the_secret_does_not_grow_without_end() {
    let cas: Vec<_> = (0..6).map(|hour| ca(start() + hour * HOUR)).collect();
    let (left, _) = stored(Knowledge::new(lives()).plan(start() + 6 * HOUR, &cas, false));
    assert_eq!(ders(&left), ders(&cas[2..]));
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A replica and the leaf that it serves.
struct Replica {
    knowledge: Knowledge,
    leaf: Option<(CertificateDer<'static>, Arc<Ca>)>,
    /// When it looks next: it is slow, or cut off from the API server, for a while.
    next: SystemTime,
}

/// The Secret, and every bundle that was in place and since when.
struct Cluster {
    secret: Vec<Arc<Ca>>,
    bundles: Vec<(SystemTime, Vec<CertificateDer<'static>>)>,
}

impl Replica {
    fn new(now: SystemTime, lives: Lives) -> Self {
        Self { knowledge: Knowledge::new(lives), leaf: None, next: now }
    }

    /// What the task does in a round, but that nobody else writes meanwhile.
    fn act(&mut self, now: SystemTime, lives: Lives, cluster: &mut Cluster) {
        while let Action::Store { mut cas, make } = self.knowledge.plan(now, &cluster.secret, false) {
            if make {
                cas.push(Arc::new(Ca::new("a CA", now, lives.ca()).unwrap()));
            }
            cluster.secret = cas;
        }
        self.knowledge.take(cluster.secret.clone());
        let wanted = ders(self.knowledge.cas());
        self.knowledge.look(now, &cluster.bundles.last().map_or(Vec::new(), |(_, bundle)| bundle.clone()));
        if cluster.bundles.last().is_none_or(|(_, bundle)| *bundle != wanted) {
            cluster.bundles.push((now, wanted.clone()));
        }
        self.knowledge.look(now, &wanted);
        if let Some(ca) = self.knowledge.leaf_due(now).cloned() {
            let life = self.knowledge.leaf_ends(now, &ca).duration_since(now).unwrap();
            self.leaf = Some((ca.leaf(&[HOST], now, life).unwrap().certificate, ca.clone()));
            self.knowledge.served(now, ca);
        }
    }
}

fn verify(
    leaf: &CertificateDer<'_>,
    bundle: &[CertificateDer<'static>],
    now: SystemTime,
) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for ca in bundle {
        roots.add(ca.clone()).map_err(|error| error.to_string())?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .unwrap();
    let time = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let host = ServerName::try_from(HOST).unwrap();
    verifier.verify_server_cert(leaf, &[], &host, &[], time).map(drop).map_err(|error| error.to_string())
}

/// Three replicas that start at once, start again, and are slow or cut off for up to a propagation time; the Secret is emptied.
/// Whatever leaf is served, an API server trusts it that has any bundle of the last propagation time.
#[test]
fn at_every_moment_every_leaf_is_trusted_by_api_servers_that_lag_behind() {
    let short = |ca, leaf| Lives::new(Duration::from_secs(ca), Duration::from_secs(leaf)).unwrap();
    let all = [short(600, 200), short(900, 100), short(36_000, 3600)];
    let runs = all
        .into_iter()
        .flat_map(|lives| (0..if lives.ca() < HOUR { 6 } else { 1 }).map(move |seed| (seed, lives)));
    for (seed, lives) in runs {
        let mut dice = Dice(seed);
        let mut cluster = Cluster { secret: Vec::new(), bundles: Vec::new() };
        let mut replicas: Vec<_> = (0..3).map(|_| Replica::new(start(), lives)).collect();
        let (step, lag) = (lives.propagation() / 5, lives.propagation() - Duration::from_secs(1));
        let (mut now, mut checked, mut cas) = (start(), 0, std::collections::HashSet::new());
        while now < start() + lives.ca() * 4 {
            let chance = dice.roll(1000);
            if chance == 0 {
                cluster.secret.clear();
            } else if chance < 20 {
                let which = dice.roll(3) as usize;
                replicas[which] = Replica::new(now, lives);
            }
            for replica in &mut replicas {
                if now >= replica.next {
                    replica.act(now, lives, &mut cluster);
                    let wait = lives.propagation().as_secs() / 2;
                    replica.next = now
                        + if dice.roll(50) == 0 {
                            Duration::from_secs(dice.roll(wait))
                        } else {
                            Duration::ZERO
                        };
                }
            }
            cas.extend(cluster.secret.iter().map(|ca| ca.certificate().clone()));
            let recent = cluster.bundles.iter().rposition(|(since, _)| *since + lag <= now).unwrap_or(0);
            for replica in &replicas {
                let Some((leaf, ca)) = &replica.leaf else { continue };
                assert!(now < ca.ends(), "the leaf's CA has ended");
                for (since, bundle) in &cluster.bundles[recent..] {
                    let since = now.duration_since(*since).unwrap();
                    verify(leaf, bundle, now)
                        .unwrap_or_else(|error| panic!("seed {seed}, bundle of {since:?} ago: {error}"));
                    checked += 1;
                }
            }
            now += step;
        }
        assert!(cas.len() >= 5, "{} CAs in four lives", cas.len());
        assert!(checked > 600, "{checked}");
        assert!(cluster.bundles.len() < 40 * cas.len(), "bundles are not written again and again");
    }
}
