//! The end of the process, with reviews on their way.

use super::{
    harness::{Client, Gate, Setup, admin, body, eventually},
    process::Process,
};
use rustix::process::Signal;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

#[tokio::test]
async fn what_is_in_flight_is_answered() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Setup::of(Gate(gate.clone())).start().await;
    let mut idle = server.client().await;
    let mut client = server.client().await;
    let review = tokio::spawn(async move {
        let reply = client.post(&body("1")).await;
        (client, reply)
    });
    // The permit is taken: the review is in flight.
    gate.add_permits(1);
    eventually("in flight", || async { gate.available_permits() == 0 }).await;
    let (mut client, reply) = review.await.unwrap();
    assert!(!reply.unwrap().closes());

    let review = tokio::spawn(async move { client.post(&body("2")).await });
    let (address, metrics) = (server.address, server.metrics.clone());
    let drained = tokio::spawn(server.running.drain());
    // No request: it ends, with a farewell, while the other is still being answered.
    idle.closed().await;
    assert!(!drained.is_finished());
    gate.add_permits(1);
    let reply = review.await.unwrap().unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.closes(), "the client is told to go elsewhere");
    drained.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any longer");
    assert!(metrics.text().contains("_connections 0\n"));
}

#[tokio::test]
async fn what_never_ends_does_not_hold_the_exit() {
    let mut setup = Setup::of(Gate(Arc::new(Semaphore::new(0))));
    setup.timeouts.finish = Duration::from_millis(100);
    let server = setup.start().await;
    let mut client = server.client().await;
    let (running, address) = (server.running, server.address);
    let review = tokio::spawn(async move { client.post(&body("1")).await });
    tokio::time::timeout(Duration::from_secs(8), running.drain()).await.expect("bounded");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    review.abort();
}

async fn start(delay: &str, directory: &tempfile::TempDir) -> (Process, String) {
    let path = directory.path().to_str().unwrap();
    let process = Process::start(&["--self-signed", path, "--drain-delay", delay]).await;
    (process, std::fs::read_to_string(directory.path().join("ca.crt")).unwrap())
}

#[tokio::test]
async fn a_signal_under_load_loses_no_review() {
    let directory = tempfile::tempdir().unwrap();
    let (mut process, ca) = start("500ms", &directory).await;
    let address = process.address;
    let load: Vec<_> = (0..4)
        .map(|pause| {
            let ca = ca.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(address, &ca).await.unwrap();
                let mut answered = 0;
                loop {
                    // A failure here is a pod without its sidecar.
                    let reply = client.post(&body("1")).await.unwrap();
                    assert_eq!(reply.status, 200);
                    answered += 1;
                    if reply.closes() {
                        return answered;
                    }
                    if pause > 0 {
                        tokio::time::sleep(Duration::from_millis(7 * pause)).await;
                    }
                }
            })
        })
        .collect();
    eventually("under load", || async {
        admin(process.admin_address, "/decisions").await.json().as_array().unwrap().len() > 20
    })
    .await;
    process.signal(Signal::TERM);
    process.wait_for("Draining").await;
    let ready = admin(process.admin_address, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("draining"), "{}", ready.text());
    assert_eq!(admin(process.admin_address, "/livez").await.status, 200);
    // Endpoints still name us: a new connection is served, and the next request is sent to where endpoints point by then.
    let mut late = Client::connect(address, &ca).await.unwrap();
    let reply = late.post(&body("late")).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.closes());
    for one in load {
        assert!(one.await.unwrap() > 0);
    }
    assert_eq!(process.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let directory = tempfile::tempdir().unwrap();
        let (mut process, _) = start("10m", &directory).await;
        process.signal(Signal::TERM);
        process.wait_for("Draining").await;
        process.signal(second);
        assert_eq!(process.exit_code().await, Some(code));
    }
}

#[tokio::test]
async fn without_a_cluster_there_is_nothing_to_wait_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let mut process = Process::start(&["--self-signed", path]).await;
    process.signal(Signal::INT);
    assert_eq!(process.exit_code().await, Some(0));
}
