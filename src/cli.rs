//! The command line: arguments and wiring, one file per command.
//!
//! Exit codes: 0 done; 1 `--check` found something to change; 2 usage or configuration; 3 unreadable input.

pub mod serve;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Adds the Datadog Agent sidecar to pods on EKS Fargate.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The admission webhook: answers the API server's reviews over TLS.
    Serve(serve::Serve),
}

/// Parses the arguments, runs the command, returns its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Serve(serve) => serve.run(),
    }
}
