//! The whole server beside the echo: started here, pinned to one core, under the same loads in turn, the generator on another.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use injector_bench::{
    body::Size,
    client::{Connection, Target},
    load::{Load, Sample, measure},
    process::{self, CACHEGRIND, Memory, Server},
    report::{Measure, print},
    values::{Matching, values},
};
use std::{fs, net::TcpListener, path::PathBuf, rc::Rc, time::Duration};

/// What runs under valgrind, twice, so that the difference leaves the start out.
const FEW: usize = 50;
const MANY: usize = 200;

/// Measures the server against the echo and prints tables. Run it on another core than the servers: `taskset -c 1 compare …`.
#[derive(Parser)]
struct Arguments {
    /// The product, built for release.
    #[arg(long)]
    server: PathBuf,
    /// How often each is measured; the servers take turns.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many seconds a measurement takes.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// The core that all servers run on.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// How often each server is started to see how long that takes; 0 leaves it out.
    #[arg(long, default_value_t = 20)]
    starts: usize,
}

/// A server to compare.
struct Subject {
    name: String,
    command: Vec<String>,
    url: String,
}

/// A subject that runs.
struct Running {
    server: Server,
    idle: Memory,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.rounds > 0 && arguments.seconds > 0.0, "rounds and seconds must be above 0");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, compare(&arguments))
}

async fn compare(arguments: &Arguments) -> Result<()> {
    let directory = std::env::temp_dir().join(format!("injector-bench-{}", std::process::id()));
    let subjects = subjects(arguments, &directory)?;
    let names: Vec<_> = subjects.iter().map(|subject| subject.name.clone()).collect();
    let pin = |command: &[String]| -> Vec<String> {
        let core = arguments.core.to_string();
        ["taskset", "-c", &core].into_iter().map(str::to_owned).chain(command.iter().cloned()).collect()
    };

    let mut running = Vec::new();
    for subject in &subjects {
        let target = Target::new(&subject.url, Size::Small.review())?;
        let (server, _) = Server::start(&pin(&subject.command), &target).await?;
        running.push(Running { idle: process::memory(server.id())?, server });
    }
    let closed = Load {
        connections: 8,
        rate: None,
        reconnect: false,
        warmup: Duration::from_millis(300),
        time: Duration::from_secs_f64(arguments.seconds),
    };
    let at_rate = Load { rate: Some(200.0), connections: 1, time: closed.time * 3, ..closed };
    let fresh = Load { reconnect: true, connections: 1, ..closed };
    for (title, size, load) in [
        ("small, 8 connections", Size::Small, closed),
        ("typical, 8 connections", Size::Typical, closed),
        ("large, 8 connections", Size::Large, closed),
        ("typical, 200 a second over 1 connection", Size::Typical, at_rate),
        ("typical, a new connection each", Size::Typical, fresh),
    ] {
        let samples = rounds(arguments, &subjects, &running, size, load).await?;
        let column = |title, digits, of: fn(&Sample) -> f64| Measure {
            title,
            digits,
            values: samples.iter().map(|own| own.iter().map(of).collect()).collect(),
        };
        let mut columns = vec![column("CPU µs a review", 1, |s| s.cpu)];
        if load.rate.is_none() {
            columns.push(column("reviews a second", 0, |s| s.rate));
        }
        columns.extend([column("p50 µs", 0, |s| s.p50), column("p99 µs", 0, |s| s.p99)]);
        print(title, &names, &columns);
        let most = samples.iter().flatten().map(|s| s.own_cpu).fold(0.0, f64::max);
        let errors: usize = samples.iter().flatten().map(|s| s.errors).sum();
        println!("\nErrors: {errors}. The generator used at most {:.0} % of its core.", most * 100.0);
    }
    memory(&names, &running)?;
    drop(running);

    if arguments.starts > 0 {
        starts(arguments.starts, &subjects, &names, &pin).await?;
    }
    if process::has_valgrind() {
        instructions(&subjects, &names).await?;
    } else {
        eprintln!("valgrind is not installed: instructions are not counted");
    }
    let binary = fs::metadata(&arguments.server)?.len();
    println!("\nThe binary has {:.1} MB.", binary as f64 / 1e6);
    Ok(fs::remove_dir_all(directory)?)
}

/// The echo, and the product with several configurations.
fn subjects(arguments: &Arguments, directory: &std::path::Path) -> Result<Vec<Subject>> {
    let text = |path: &std::path::Path| path.display().to_string();
    let echo = std::env::current_exe()?.with_file_name("echo");
    let address = free_address()?;
    let mut subjects = vec![Subject {
        name: "echo".into(),
        url: format!("https://{address}/"),
        command: vec![text(&echo), address],
    }];
    for (name, selectors, matching) in [
        ("injected", 1, Matching::Last),
        ("skipped, no selector matches", 1, Matching::None),
        ("injected, the last of 1,000 selectors", 1000, Matching::Last),
    ] {
        let own = directory.join(subjects.len().to_string());
        fs::create_dir_all(&own)?;
        let file = own.join("values.yaml");
        fs::write(&file, values(selectors, 1, matching))?;
        let (address, admin) = (free_address()?, free_address()?);
        let mut command = vec![text(&arguments.server), "serve".into()];
        command.extend(["--config".into(), text(&file), "--self-signed".into(), text(&own)]);
        command.extend(["--bind".into(), address.clone(), "--admin-bind".into(), admin]);
        command.extend(["--kubernetes-version".into(), "1.35".into()]);
        subjects.push(Subject { name: name.into(), url: format!("https://{address}/inject"), command });
    }
    Ok(subjects)
}

/// An address nobody listens on.
fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// By subject, then by round.
async fn rounds(
    arguments: &Arguments,
    subjects: &[Subject],
    running: &[Running],
    size: Size,
    load: Load,
) -> Result<Vec<Vec<Sample>>> {
    let mut samples = vec![Vec::new(); subjects.len()];
    for _ in 0..arguments.rounds {
        for ((subject, running), samples) in subjects.iter().zip(running).zip(&mut samples) {
            let target = Rc::new(Target::new(&subject.url, size.review())?);
            let sample = measure(&target, load, Some(running.server.id())).await;
            samples.push(sample.with_context(|| subject.name.clone())?);
        }
    }
    Ok(samples)
}

fn memory(names: &[String], running: &[Running]) -> Result<()> {
    let now: Vec<_> = running.iter().map(|r| process::memory(r.server.id())).collect::<Result<_>>()?;
    let column = |title, values: Vec<u64>| {
        let values = values.into_iter().map(|kilobytes| vec![kilobytes as f64 / 1024.0]).collect();
        Measure { title, digits: 1, values }
    };
    let idle =
        column("MB resident after the first review", running.iter().map(|r| r.idle.resident).collect());
    let after = column("after all load", now.iter().map(|m| m.resident).collect());
    let peak = column("at most", now.iter().map(|m| m.peak).collect());
    print("memory", names, &[idle, after, peak]);
    Ok(())
}

async fn starts(
    times: usize,
    subjects: &[Subject],
    names: &[String],
    pin: &impl Fn(&[String]) -> Vec<String>,
) -> Result<()> {
    let mut values = vec![Vec::new(); subjects.len()];
    for _ in 0..times {
        for (subject, values) in subjects.iter().zip(&mut values) {
            let target = Target::new(&subject.url, Size::Typical.review())?;
            let (_, took) = Server::start(&pin(&subject.command), &target).await?;
            values.push(took.as_secs_f64() * 1e3);
        }
    }
    let measure = Measure { title: "ms from start to first answer", digits: 1, values };
    print("start", names, &[measure]);
    Ok(())
}

async fn instructions(subjects: &[Subject], names: &[String]) -> Result<()> {
    let mut columns = Vec::new();
    for size in Size::ALL {
        let mut values = Vec::new();
        for subject in subjects {
            let (few, many) = (counted(subject, size, FEW).await?, counted(subject, size, MANY).await?);
            values.push(vec![(many as f64 - few as f64) / (MANY - FEW) as f64 / 1e3]);
        }
        columns.push(Measure { title: size.name(), digits: 0, values });
    }
    print("1,000 instructions a review, TLS and HTTP included", names, &columns);
    Ok(())
}

/// The instructions of a server's life with so many reviews.
async fn counted(subject: &Subject, size: Size, reviews: usize) -> Result<u64> {
    let command: Vec<_> =
        CACHEGRIND.into_iter().map(str::to_owned).chain(subject.command.iter().cloned()).collect();
    let target = Target::new(&subject.url, size.review())?;
    let (server, _) = Server::start(&command, &target).await?;
    let mut connection = Connection::open(&target).await?;
    for _ in 0..reviews {
        connection.ask(&target).await?;
    }
    process::counted(&server.end()?)
}
