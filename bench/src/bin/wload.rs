//! Load on any webhook, as the API server makes it.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use injector_bench::{
    body::Size,
    client::Target,
    load::{Load, measure},
};
use std::{path::PathBuf, rc::Rc, time::Duration};

/// Sends reviews to a webhook and prints what came of it.
#[derive(Parser)]
struct Arguments {
    /// Such as https://127.0.0.1:8443/inject.
    url: String,
    /// small, typical, large, or a file with a review.
    #[arg(long, default_value = "typical")]
    body: String,
    /// How many connections send.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Reviews a second over all connections; without it each connection asks again at once.
    #[arg(long)]
    rate: Option<f64>,
    /// A new connection for each review.
    #[arg(long)]
    reconnect: bool,
    /// For how many seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The server's process, to tell its CPU time.
    #[arg(long)]
    pid: Option<u32>,
    /// Only writes the body to standard output.
    #[arg(long)]
    print: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.connections > 0 && arguments.seconds > 0.0, "connections and seconds must be above 0");
    let body = match Size::of(&arguments.body) {
        Some(size) => size.review(),
        None => std::fs::read(PathBuf::from(&arguments.body)).context(arguments.body)?,
    };
    if arguments.print {
        print!("{}", String::from_utf8_lossy(&body));
        return Ok(());
    }
    let target = Rc::new(Target::new(&arguments.url, body)?);
    let load = Load {
        connections: arguments.connections,
        rate: arguments.rate,
        reconnect: arguments.reconnect,
        warmup: Duration::from_millis(300),
        time: Duration::from_secs_f64(arguments.seconds),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sample = tokio::task::LocalSet::new().block_on(&runtime, measure(&target, load, arguments.pid))?;
    println!("{sample:#?}");
    Ok(())
}
