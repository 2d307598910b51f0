//! The command line: arguments and wiring, one file per command.
//!
//! Exit codes: 0 done; 1 `--check` found something to change, or `probe` found no way to the injector; 2 usage or
//! configuration; 3 unreadable or empty input; 130 and 143 where a second SIGINT or SIGTERM ended `serve` at once. Each
//! command's `--help` ends with its own.

mod colour;
mod completions;
mod config;
mod inject;
mod parse;
mod probe;
mod serve;

use crate::shutdown::Signal;
use clap::{Parser, Subcommand};
use std::{
    fs::File,
    io::{self, Read, Write},
    process::ExitCode,
};

/// The most bytes of one input: a file that does not end is noticed before memory does.
const LARGEST_INPUT: u64 = 256 << 20;

/// What `--help` ends with.
const AFTER_HELP: &str = "\
Examples:
  datadog-sidecar-injector inject -f manifests/ --diff
  datadog-sidecar-injector serve --self-signed /tmp/injector-tls

Exit codes:
  0         done
  1         inject --check found something that would change
  2         usage or configuration
  3         unreadable or empty input of inject
  130, 143  a second SIGINT or SIGTERM ended serve at once";

/// Add the Datadog Agent sidecar to pods on EKS Fargate.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inject(inject::Inject),
    Serve(Box<serve::Serve>),
    Config(config::Config),
    Completions(completions::Completions),
    #[command(hide = true)]
    Probe(probe::Probe),
}

/// How a command ended, as the process tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// 0
    Done,
    /// 1: `--check` found something to change.
    WouldChange,
    /// 1: `probe` did not find what it looked for.
    NotProved,
    /// 2: the arguments or the configuration.
    Configuration,
    /// 3: input that cannot be read, or holds nothing to read.
    Unreadable,
    /// 130 or 143: a second signal ended it at once.
    Signalled(Signal),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::WouldChange | Exit::NotProved => Self::from(1),
            Exit::Configuration => Self::from(2),
            Exit::Unreadable => Self::from(3),
            Exit::Signalled(signal) => Self::from(signal.exit_code()),
        }
    }
}

/// Parses the arguments, runs the command, returns its exit code. An error that a command does not handle itself is printed
/// with its causes, and counts as one of usage.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Completions(arguments) => completions::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Inject(arguments) => inject::run(arguments),
        Command::Probe(arguments) => probe::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
    };
    let exit = result.unwrap_or_else(|error| {
        if is_closed_pipe(&error) {
            return Exit::Done;
        }
        // Nobody is left to tell where standard error is closed.
        let _ = writeln!(io::stderr(), "{error:#}");
        Exit::Configuration
    });
    exit.into()
}

/// Whether whoever read our output had read enough, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The content of a file, or of standard input where its name is `-`.
///
/// # Errors
///
/// It cannot be read, or is larger than any configuration or manifest is.
fn read_input(file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let input: Box<dyn Read> =
        if file == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) };
    input.take(LARGEST_INPUT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_INPUT {
        let message = format!("it is larger than {} MiB", LARGEST_INPUT >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}
