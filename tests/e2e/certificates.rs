//! Certificates that look after themselves.

use crate::harness::{Installation, pki::Authority, wait};
use serde_json::json;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// Lives by which much happens in a minute.
const SHORT: [&str; 2] = ["--ca-lifetime=40s", "--leaf-lifetime=12s"];

#[tokio::test]
async fn replicas_that_start_at_once_with_an_empty_secret_share_one_ca_and_then_write_nothing() {
    let it = Installation::ready("ca-race", 3, &["--leaf-lifetime=6s"]).await;
    let bundle = it.bundle().await.expect("caBundle in every entry");
    assert_eq!(it.cas().await.len(), 1);
    assert_eq!(it.stored_bundle().await.unwrap(), bundle);
    let mut leaves = Vec::new();
    for replica in &it.replicas {
        leaves.push(it.leaf(replica, &bundle).await.unwrap());
    }
    let (_, leaf) = x509_parser::parse_x509_certificate(&leaves[0]).unwrap();
    let mut names: Vec<_> =
        leaf.subject_alternative_name().unwrap().unwrap().value.general_names.iter().collect();
    names.sort_by_key(|name| name.to_string().len());
    let hosts = [
        "ca-race",
        "ca-race.ca-race-own",
        "ca-race.ca-race-own.svc",
        "ca-race.ca-race-own.svc.cluster.local",
    ]
    .map(x509_parser::extensions::GeneralName::DNSName);
    assert_eq!(names, hosts.iter().collect::<Vec<_>>());

    let writes = it.writes();
    assert!((2..=12).contains(&writes), "{writes} writes");
    // Each replica renews its leaf, in memory, twice.
    for _ in 0..2 {
        for (replica, leaf) in it.replicas.iter().zip(&mut leaves) {
            wait::until("a new leaf", async || {
                let now = it.leaf(replica, &bundle).await.unwrap();
                (now != *leaf).then(|| *leaf = now)
            })
            .await;
        }
    }
    assert_eq!(it.writes(), writes, "in steady state nothing is written");
    // Those of docs/operations.md, and no others.
    let watches = [
        "mutatingwebhookconfigurations by name",
        "namespaces",
        "secrets by name",
        "secrets by name of a namespace",
    ];
    assert_eq!(it.watches().into_iter().collect::<Vec<_>>(), watches);
    let secret = it.scene.api.get(&it.secret).await.created();
    let key = secret["data"]["ca.key"].as_str().unwrap();
    for replica in &it.replicas {
        let log = replica.log();
        assert!(!log.contains("PRIVATE") && !log.contains(&key[..64]), "{log}");
    }
}

#[tokio::test]
async fn a_ca_bundle_that_was_wiped_or_replaced_is_back_at_once() {
    let it = Installation::ready("ca-wiped", 2, &[]).await;
    let bundle = it.bundle().await.unwrap();
    let names = ["inject-0.datadog-sidecar-injector.test", "inject-1.datadog-sidecar-injector.test"];
    let foreign =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, it.scene.cluster.authority.pem());
    for (name, put) in [(names[0], json!(null)), (names[1], json!(foreign)), (names[0], json!(""))] {
        let patch = json!({"webhooks": [{"name": name, "clientConfig": {"caBundle": put}}]});
        it.scene.api.patch(&it.webhook, "", &patch).await.created();
        let began = Instant::now();
        // Somebody else's CA stays for a while: perhaps a replica shows a certificate of it.
        wait::until("caBundle", async || {
            let kept = it.bundle().await?;
            let ours = |part: &[u8]| part.windows(bundle.len()).any(|window| window == &bundle[..]);
            ours(&kept).then_some(())
        })
        .await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    it.wait_until_ready().await;
}

#[tokio::test]
async fn the_ca_bundle_is_the_only_field_it_owns_and_what_the_chart_applies_does_not_conflict() {
    let it = Installation::ready("ca-owner", 2, &[]).await;
    let bundle = it.bundle().await.unwrap();
    // What an upgrade does: the same object, some of it changed, without caBundle and without force.
    let mut upgrade = it.webhook.clone();
    upgrade["webhooks"][0]["timeoutSeconds"] = 5.into();
    let applied = it.scene.api.apply(&upgrade).await.created();
    assert_eq!(applied["webhooks"][0]["timeoutSeconds"], 5);
    assert_eq!(it.bundle().await.unwrap(), bundle);

    let ours: Vec<_> = applied["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["manager"] == "datadog-sidecar-injector")
        .collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0]["operation"], "Apply");
    let entry = json!({".": {}, "f:name": {}, "f:clientConfig": {"f:caBundle": {}}});
    let owner = &applied["metadata"]["ownerReferences"];
    assert_eq!(owner.as_array().unwrap().len(), 1);
    assert_eq!((&owner[0]["kind"], &owner[0]["name"]), (&json!("Namespace"), &json!("ca-owner-own")));
    let owner = format!(r#"k:{{"uid":{}}}"#, owner[0]["uid"]);
    assert_eq!(
        ours[0]["fieldsV1"],
        json!({"f:metadata": {"f:ownerReferences": {owner: {}}}, "f:webhooks": {
            r#"k:{"name":"inject-0.datadog-sidecar-injector.test"}"#: entry,
            r#"k:{"name":"inject-1.datadog-sidecar-injector.test"}"#: entry,
        }})
    );
    // Argo CD deletes what it tracks, but not where that has an owner.
    let tracked = json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "a:b/c:d/e"}}});
    it.scene.api.merge(&it.webhook, "", &tracked).await.created();
    it.scene
        .api
        .patch(
            &it.webhook,
            "",
            &json!({"webhooks": [{"name": "inject-0.datadog-sidecar-injector.test",
        "clientConfig": {"caBundle": null}}]}),
        )
        .await
        .created();
    wait::until("no owner", async || {
        let now = it.scene.api.get(&it.webhook).await.created();
        now["metadata"]["ownerReferences"].is_null().then_some(())
    })
    .await;
    // Nor does the Secret, which the chart owns without its content.
    it.scene.api.apply(&it.secret).await.created();
    assert_eq!(it.stored_bundle().await.unwrap(), bundle);
}

#[tokio::test]
async fn a_secret_that_was_deleted_or_damaged_is_healed_and_no_review_fails() {
    let it = Installation::ready("ca-deleted", 2, &["--ca-lifetime=200s", "--leaf-lifetime=12s"]).await;
    let old = it.cas().await;
    let healed = async |known: &[rustls::pki_types::CertificateDer<'static>]| {
        wait::until("another CA, alone, in Secret and caBundle", async || {
            let cas = it.cas().await;
            let done =
                cas.len() == 1 && !known.contains(&cas[0]) && it.bundle().await == it.stored_bundle().await;
            done.then_some(())
        })
        .await;
    };
    let reviews = it
        .while_reviews_go_on(async {
            it.scene.api.delete(&it.secret).await.created();
            wait::until("the old CA beside a new one", async || {
                let cas = it.cas().await;
                (cas.len() == 2 && cas[0] == old[0]).then_some(())
            })
            .await;
            healed(&old).await;
            let before = [old.clone(), it.cas().await].concat();
            let garbage = json!({"data": {"ca.crt": "Z2FyYmFnZQ=="}});
            it.scene.api.merge(&it.secret, "", &garbage).await.created();
            wait::until("a Secret in order", async || (it.cas_or_garbage().await? == 2).then_some(())).await;
            healed(&before).await;
        })
        .await;
    assert!(reviews > 50, "{reviews}");
    it.wait_until_ready().await;
    assert!(it.replicas.iter().any(|replica| replica.log().contains("ca.crt is missing or not PEM")));
}

#[tokio::test]
async fn a_deleted_secret_that_it_may_not_make_is_filled_when_somebody_else_makes_it() {
    let it = Installation::ready("ca-forbidden", 2, &[]).await;
    let old = it.cas().await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "ca-forbidden", "namespace": "ca-forbidden-own"}});
    let mut rules = it.scene.api.get(&role).await.created()["rules"].clone();
    rules.as_array_mut().unwrap().retain(|rule| rule["resourceNames"].is_array());
    it.scene.api.merge(&role, "", &json!({"rules": rules})).await.created();
    it.while_reviews_go_on(async {
        it.scene.api.delete(&it.secret).await.created();
        wait::until("it to say what it may not", async || {
            let told =
                |log: &str| log.contains("cannot write the Secret") && log.contains("cannot create resource");
            it.replicas.iter().all(|replica| told(&replica.log())).then_some(())
        })
        .await;
        it.scene.api.apply(&it.secret).await.created();
        wait::until("the old CA beside a new one", async || {
            let cas = it.cas().await;
            (cas.len() == 2 && cas[0] == old[0] && it.bundle().await == it.stored_bundle().await)
                .then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn no_review_fails_while_the_ca_is_rotated() {
    let it = Installation::ready("ca-rotated", 3, &SHORT).await;
    let first = it.cas().await;
    let mut most = 0;
    let mut bundles = Vec::new();
    let reviews = it
        .while_reviews_go_on(async {
            let began = Instant::now();
            // Two rotations.
            loop {
                let cas = it.cas().await;
                most = most.max(cas.len());
                for ca in cas {
                    if !bundles.contains(&ca) {
                        bundles.push(ca);
                    }
                }
                if bundles.len() == 3
                    && it.cas().await == bundles[2..]
                    && it.bundle().await == it.stored_bundle().await
                {
                    return;
                }
                assert!(began.elapsed() < Duration::from_secs(180), "{} CAs", bundles.len());
                tokio::time::sleep(wait::STEP).await;
            }
        })
        .await;
    assert_eq!((most, &bundles[..1]), (2, &first[..]), "old and new side by side");
    assert!(reviews > 100, "{reviews}");
    it.wait_until_ready().await;
}

#[tokio::test]
async fn it_waits_for_the_webhook_configuration_and_makes_no_secret_without_one() {
    let it = Installation::new("ca-waits", 1, &[]).await;
    let replica = &it.replicas[0];
    let missing = "the MutatingWebhookConfiguration datadog-sidecar-injector-ca-waits is missing";
    wait::until("it to say what is missing", async || {
        replica.readiness().await.contains(missing).then_some(())
    })
    .await;
    assert!(replica.liveness().await.starts_with("HTTP/1.1 200"));
    assert_eq!(it.scene.api.get(&it.secret).await.status, 404);

    it.scene.api.apply(&it.webhook).await.created();
    it.wait_until_ready().await;
    assert_eq!(it.cas().await.len(), 1);

    // An uninstall while it still runs.
    it.scene.api.delete(&it.webhook).await.created();
    it.scene.api.delete(&it.secret).await.created();
    wait::until("it to say what is missing", async || {
        replica.readiness().await.contains(missing).then_some(())
    })
    .await;
    let began = Instant::now();
    // Longer than it would wait before it makes a Secret that is needed.
    while began.elapsed() < Duration::from_secs(5) {
        assert_eq!(it.scene.api.get(&it.secret).await.status, 404, "it must not come back");
        tokio::time::sleep(wait::STEP).await;
    }
}

/// Files as a volume has them, exchanged as a whole.
fn mount(volume: &Path, version: &str, authority: &Authority, host: &str) {
    let folder = volume.join(version);
    fs::create_dir_all(&folder).unwrap();
    authority.server(&[host]).write(&folder, "tls");
    fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    let (new, current) = (volume.join("..new"), volume.join("..data"));
    std::os::unix::fs::symlink(version, &new).unwrap();
    fs::rename(new, current).unwrap();
    for file in ["tls.crt", "tls.key", "ca.crt"] {
        // There after the first time.
        _ = std::os::unix::fs::symlink(format!("..data/{file}"), volume.join(file));
    }
}

#[tokio::test]
async fn a_ca_of_files_is_in_place_before_a_certificate_of_it_is_shown() {
    let volumes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let host = "ca-files.ca-files-own.svc";
    let authorities = [Authority::new(), Authority::new()];
    for volume in &volumes {
        mount(volume.path(), "one", &authorities[0], host);
    }
    // Each replica has its files at a time of its own.
    let paths = volumes.each_ref().map(|volume| volume.path().to_str().unwrap());
    let it = Installation::each("ca-files", &paths.map(|path| vec!["--cert-dir", path])).await;
    it.scene.api.apply(&it.webhook).await.created();
    it.wait_until_ready().await;
    let shown = async |replica: usize, authority: &Authority| {
        it.leaf(&it.replicas[replica], authority.pem().as_bytes()).await.is_ok()
    };
    let reviews = it
        .while_reviews_go_on(async {
            for (replica, volume) in volumes.iter().enumerate() {
                mount(volume.path(), "two", &authorities[1], host);
                wait::until("the new certificate", async || {
                    shown(replica, &authorities[1]).await.then_some(())
                })
                .await;
            }
        })
        .await;
    assert!(reviews > 50, "{reviews}");
    let bundle = String::from_utf8(it.bundle().await.unwrap()).unwrap();
    assert!(authorities.iter().all(|authority| bundle.contains(&authority.pem())), "{bundle}");
}

#[tokio::test]
async fn a_certificate_that_the_bundle_does_not_trust_is_not_ready() {
    let volume = tempfile::tempdir().unwrap();
    let (right, wrong) = (Authority::new(), Authority::new());
    mount(volume.path(), "one", &right, "ca-wrong.ca-wrong-own.svc");
    let other = tempfile::tempdir().unwrap();
    mount(other.path(), "one", &right, "somebody.else.svc");
    let ca = volume.path().join("ca");
    fs::write(&ca, wrong.pem()).unwrap();
    let [path, ca, other] = [volume.path(), &ca, other.path()].map(|path| path.to_str().unwrap());
    for (name, arguments, says) in [
        ("ca-wrong", ["--cert-dir", path, "--ca-file", ca], "it does not hold the CA of the certificate"),
        (
            "ca-none",
            ["--cert-dir", path, "--ca-file", "/nowhere"],
            "is empty, and there is no CA to write there",
        ),
        ("ca-other", ["--cert-dir", other, "--log-level", "info"], "is not for ca-other.ca-other-own.svc"),
    ] {
        let it = Installation::each(name, &[arguments.to_vec()]).await;
        it.scene.api.apply(&it.webhook).await.created();
        wait::until(says, async || it.replicas[0].readiness().await.contains(says).then_some(())).await;
    }
}
