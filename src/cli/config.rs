//! `config check`, `config schema`: a configuration examined without a cluster.

use super::{Exit, read_input};
use crate::config;
use anyhow::Context;
use clap::{Args, Subcommand, ValueHint};
use std::io::{Write, stderr, stdout};

/// What `--help` ends with.
const AFTER_HELP: &str = "\
Examples:
  datadog-sidecar-injector config check datadog-values.yaml
  datadog-sidecar-injector config schema > values.schema.json

Exit codes:
  0  done; the configuration is a good one
  2  usage, or a configuration that cannot be read or has errors";

/// What `config check --help` ends with.
const CHECK_HELP: &str = "\
Example:
  datadog-sidecar-injector config check datadog-values.yaml

Errors go to stderr, a line each with its place in the file; what has no effect is told on stdout.

Exit codes:
  0  the configuration is a good one
  2  usage, or a configuration that cannot be read or has errors";

/// What `config schema --help` ends with.
const SCHEMA_HELP: &str = "\
Example:
  datadog-sidecar-injector config schema > values.schema.json

An editor with YAML's language server checks a file by it that begins with
  # yaml-language-server: $schema=values.schema.json

Exit codes:
  0  done
  2  usage";

/// Check a configuration, or print its JSON Schema.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a configuration file, and print everything that is wrong with it.
    #[command(after_help = CHECK_HELP)]
    Check {
        /// The file; - reads standard input.
        #[arg(value_hint = ValueHint::FilePath)]
        file: String,
    },
    /// Print the JSON Schema of the configuration file.
    #[command(after_help = SCHEMA_HELP)]
    Schema,
    /// Print the reference page of the configuration.
    #[command(hide = true)]
    Reference,
}

/// Runs the command.
pub(super) fn run(arguments: &Config) -> anyhow::Result<Exit> {
    match &arguments.action {
        Action::Check { file } => return check(file),
        Action::Schema => writeln!(stdout(), "{:#}", config::schema())?,
        Action::Reference => write!(stdout(), "{}", config::reference())?,
    }
    Ok(Exit::Done)
}

fn check(file: &str) -> anyhow::Result<Exit> {
    let bytes = read_input(file).with_context(|| file.to_owned())?;
    let config = match config::load_bytes(&bytes, file) {
        Ok(config) => config,
        Err(problems) => {
            writeln!(stderr(), "{problems}")?;
            return Ok(Exit::Configuration);
        }
    };
    let count = |number: usize, what| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let (selectors, profiles) =
        (count(config.selectors.len(), "selector"), count(config.profiles.len(), "profile"));
    let mut out = stdout().lock();
    writeln!(out, "{file}: ok: {selectors}, {profiles}")?;
    for notice in &config.notices {
        writeln!(out, "{file}: notice: {notice}")?;
    }
    Ok(Exit::Done)
}
