//! `config check`, `config schema`: a configuration examined without a cluster.

use super::{Exit, read_input};
use crate::config;
use anyhow::Context;
use clap::{Args, Subcommand};
use std::io::{Write, stderr, stdout};

/// Checks a configuration, or prints its JSON Schema.
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a configuration file; print everything that is wrong with it, and exit with 2 where anything is.
    Check {
        /// The file; `-` reads standard input.
        file: String,
    },
    /// Print the JSON Schema of the configuration file.
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
