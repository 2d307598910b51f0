//! Load on a webhook: as fast as it answers, at a fixed rate, or over a new connection each time.

use crate::{
    client::{Connection, Target},
    process,
};
use anyhow::{Result, ensure};
use std::{rc::Rc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many connections send.
    pub connections: usize,
    /// Reviews a second over all connections, on a fixed schedule; `None`: each connection asks again at once.
    pub rate: Option<f64>,
    /// Whether each review has a connection of its own.
    pub reconnect: bool,
    /// What goes before and is not counted.
    pub warmup: Duration,
    /// How long it is counted.
    pub time: Duration,
}

/// What came of a load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Reviews answered.
    pub answered: usize,
    /// Reviews that were not.
    pub errors: usize,
    /// Reviews answered in a second.
    pub rate: f64,
    /// The server's own CPU time for a review, in microseconds; 0 where its process is not known.
    pub cpu: f64,
    /// Half of the answers took at most so many microseconds.
    pub p50: f64,
    /// 99 of 100 answers took at most so many microseconds.
    pub p99: f64,
    /// The part of one core that sending took; near 1 the generator and not the server was the limit.
    pub own_cpu: f64,
}

/// The moments of a run.
#[derive(Clone, Copy)]
struct Window {
    begin: Instant,
    from: Instant,
    until: Instant,
}

#[derive(Default)]
struct Tally {
    nanoseconds: Vec<u64>,
    errors: usize,
}

/// Puts a load on a target, and counts what it costs the server's process. Runs in a `LocalSet`.
///
/// # Errors
///
/// The server cannot be reached, answers nothing, or ends.
pub async fn measure(target: &Rc<Target>, load: Load, server: Option<u32>) -> Result<Sample> {
    let begin = Instant::now() + Duration::from_millis(20);
    let from = begin + load.warmup;
    let window = Window { begin, from, until: from + load.time };
    let senders: Vec<_> = (0..load.connections)
        .map(|index| tokio::task::spawn_local(send(Rc::clone(target), load, index, window)))
        .collect();
    let cpu = || -> Result<_> {
        Ok((server.map(process::cpu).transpose()?.unwrap_or_default(), process::cpu(std::process::id())?))
    };
    sleep_until(window.from).await;
    let before = cpu()?;
    sleep_until(window.until).await;
    let (after, seconds) = (cpu()?, window.from.elapsed().as_secs_f64());

    let mut all = Tally::default();
    for sender in senders {
        let tally = sender.await?;
        all.nanoseconds.extend(tally.nanoseconds);
        all.errors += tally.errors;
    }
    all.nanoseconds.sort_unstable();
    let answered = all.nanoseconds.len();
    ensure!(answered > 0, "no review was answered, {} failed", all.errors);
    let at = |percent: usize| all.nanoseconds[(answered * percent / 100).min(answered - 1)] as f64 / 1e3;
    Ok(Sample {
        answered,
        errors: all.errors,
        rate: answered as f64 / seconds,
        cpu: (after.0 - before.0).as_secs_f64() * 1e6 / answered as f64,
        p50: at(50),
        p99: at(99),
        own_cpu: (after.1 - before.1).as_secs_f64() / seconds,
    })
}

async fn send(target: Rc<Target>, load: Load, index: usize, window: Window) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    let mut due = window.begin + load.rate.map_or(Duration::ZERO, |rate| seconds(index as f64 / rate));
    loop {
        let mut start = Instant::now();
        if start < due {
            // The timer's slack is the generator's; being late for want of an answer counts.
            sleep_until(due).await;
            start = Instant::now();
        } else if load.rate.is_some() {
            start = due;
        }
        if let Some(rate) = load.rate {
            due += seconds(load.connections as f64 / rate);
        }
        let answered = ask(&target, &mut connection).await.is_ok();
        let end = Instant::now();
        if end >= window.until {
            return tally;
        }
        if !answered {
            tally.errors += 1;
            connection = None;
        } else if start >= window.from {
            tally.nanoseconds.push(u64::try_from((end - start).as_nanos()).unwrap_or(u64::MAX));
        }
        if load.reconnect {
            connection = None;
        }
    }
}

async fn ask(target: &Target, connection: &mut Option<Connection>) -> Result<usize> {
    if connection.is_none() {
        *connection = Some(Connection::open(target).await?);
    }
    match connection {
        Some(open) => open.ask(target).await,
        None => Ok(0),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
