//! Reviews whose texts are long, and which are many.

use crate::{
    injector::{Injector, factor},
    reviews::{ALL, DEFAULTS, LARGEST, ORDINARY, Place, filled, review},
    watch::{Watch, under_attack},
};
use futures::future::join_all;

/// How much more the process may have after than before, in kB.
const KEPT: u64 = 20_000;

#[tokio::test]
async fn names_of_megabytes_are_not_kept() {
    let mut injector = Injector::start(DEFAULTS).await;
    let mut client = injector.client().await.unwrap();
    let long = "x".repeat(2 << 20);
    let pod = |metadata: &str| format!(r#"{{"metadata":{{{metadata}}},"spec":{{"containers":[]}}}}"#);
    // As large, without a name.
    let annotated = review("1", "shop", &pod(&format!(r#""annotations":{{"a":"{long}"}}"#)));
    for _ in 0..10 {
        client.post(annotated.as_bytes()).await.unwrap();
    }
    let before = injector.memory("VmRSS");
    let named = [
        review("1", "shop", &pod(&format!(r#""name":"{long}""#))),
        review("1", "shop", &pod(&format!(r#""generateName":"{long}""#))),
        review("1", &long, &pod("")),
        review(&long, "shop", &pod("")),
        review("1", "shop", &pod(&format!(r#""name":"{long}","namespace":"{long}""#))),
    ];
    let watch = Watch::start(&injector);
    for named in named.iter().cycle().take(300) {
        // An error may end the connection.
        if client.post(named.as_bytes()).await.is_err() {
            match injector.client().await {
                Ok(another) => client = another,
                Err(_) => break,
            }
        }
    }
    watch.end(&injector);
    let after = injector.memory("VmRSS");
    assert!(after <= before + KEPT, "{after} kB after, {before} kB before");
    injector.assert_alive();
}

#[tokio::test]
async fn many_of_the_largest_at_once() {
    let body = filled(Place::Containers, r##"{"name":"c#","image":"i"}"##, LARGEST, true);
    under_attack(ALL, async |injector| {
        join_all((0..48).map(|_| async {
            for _ in 0..2 {
                if let Ok(mut client) = injector.client().await {
                    _ = client.post(&body).await;
                }
            }
        }))
        .await;
    })
    .await;
}

#[tokio::test]
async fn many_of_ordinary_size_one_after_the_other() {
    let body = filled(Place::Containers, "{}", ORDINARY, true);
    under_attack(ALL, async |injector| {
        join_all((0..32).map(|_| async {
            for _ in 0..20 / factor() {
                if let Ok(mut client) = injector.client().await {
                    _ = client.post(&body).await;
                }
            }
        }))
        .await;
    })
    .await;
}
