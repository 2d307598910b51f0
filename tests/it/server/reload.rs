//! A configuration file that changes.

use super::{
    harness::{Setup, eventually, mount},
    process::{Process, command},
};
use datadog_sidecar_injector::{config::Config, reload, server::Admission};
use std::{path::Path, time::Duration};
use tokio_util::sync::CancellationToken;

const GOOD: &str = "datadog:\n  site: datadoghq.com\n";
const OTHER: &str = "datadog:\n  site: datadoghq.eu\n";
const BROKEN: &str = "clusterAgent:\n  admissionController:\n    agentSidecarInjection:\n      provider: moon\n      selecters: []\n";

fn write(volume: &Path, version: &str, text: &str) {
    mount(volume, version, &[("values.yaml", text)]);
}

#[tokio::test]
async fn a_good_one_is_taken_and_a_broken_one_is_told() {
    let volume = tempfile::tempdir().unwrap();
    write(volume.path(), "1", GOOD);
    let (file, config) = reload::File::open(&volume.path().join("values.yaml")).unwrap();
    let server = Setup { config, ..Setup::of(Admission) }.start().await;
    let stop = CancellationToken::new();
    let every = Duration::from_millis(20);
    let watch = reload::watch(file, every, server.rules.clone(), server.metrics.clone(), stop.clone());
    let watch = tokio::spawn(watch);
    let site = || server.rules.load().rules.config.site.clone();
    assert_eq!(site(), "datadoghq.com");

    write(volume.path(), "2", OTHER);
    eventually("the other one is in force", || async { site() == "datadoghq.eu" }).await;
    eventually("told", || async { server.metric("config_last_reload_successful") == Some(1.0) }).await;

    write(volume.path(), "3", BROKEN);
    eventually("told", || async { server.metric("config_last_reload_successful") == Some(0.0) }).await;
    assert_eq!(site(), "datadoghq.eu", "the last good one stays");
    assert_eq!(server.admin("/readyz").await.status, 200);

    // Back to what is in force already: nothing to take, but all is well.
    write(volume.path(), "4", OTHER);
    eventually("well again", || async { server.metric("config_last_reload_successful") == Some(1.0) }).await;

    std::fs::remove_file(volume.path().join("..data")).unwrap();
    eventually("told", || async { server.metric("config_last_reload_successful") == Some(0.0) }).await;
    write(volume.path(), "5", GOOD);
    eventually("the first one is in force", || async { site() == "datadoghq.com" }).await;
    stop.cancel();
    watch.await.unwrap();
}

#[tokio::test]
async fn a_file_that_does_not_change_is_left_alone() {
    let volume = tempfile::tempdir().unwrap();
    write(volume.path(), "1", GOOD);
    let (mut file, config) = reload::File::open(&volume.path().join("values.yaml")).unwrap();
    let server = Setup { config, ..Setup::of(Admission) }.start().await;
    let before = server.rules.load();
    write(volume.path(), "2", GOOD);
    file.poll(&server.rules, &server.metrics);
    assert!(std::sync::Arc::ptr_eq(&before, &server.rules.load()));
    assert_ne!(before.rules.config, Config { site: "another".into(), ..Config::default() });
}

#[tokio::test]
async fn a_broken_one_at_the_start_ends_the_process_with_every_problem() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("values.yaml");
    std::fs::write(&path, BROKEN).unwrap();
    let arguments = ["--self-signed", directory.path().to_str().unwrap(), "--config", path.to_str().unwrap()];
    let output = command(&arguments).output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("values.yaml"), "{text}");
    for problem in ["moon", "selecters"] {
        assert!(text.contains(problem), "{problem}: {text}");
    }
}

#[tokio::test]
async fn the_process_logs_each_problem_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("values.yaml");
    std::fs::write(&path, GOOD).unwrap();
    let arguments = ["--self-signed", directory.path().to_str().unwrap(), "--config", path.to_str().unwrap()];
    let mut process = Process::start(&arguments).await;
    std::fs::write(&path, BROKEN).unwrap();
    let line = process.wait_for("The configuration is broken; the last good one stays in force").await;
    assert_eq!(line["level"], "ERROR");
    assert!(line["problems"].as_str().unwrap().contains("values.yaml"), "{line}");
    assert_eq!(super::harness::admin(process.admin_address, "/readyz").await.status, 200);
}
