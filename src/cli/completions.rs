//! `completions`: what a shell needs to complete our command lines.

use super::{Cli, Exit};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::io::{Write as _, stdout};

/// What the program is called where it is installed.
const NAME: &str = env!("CARGO_PKG_NAME");

/// What `--help` ends with.
const AFTER_HELP: &str = "\
Examples:
  source <(datadog-sidecar-injector completions bash)
  datadog-sidecar-injector completions zsh > \"${fpath[1]}/_datadog-sidecar-injector\"
  datadog-sidecar-injector completions fish > ~/.config/fish/completions/datadog-sidecar-injector.fish

Exit codes:
  0  done
  2  usage";

/// Print the script that completes command lines in a shell.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Runs the command.
pub(super) fn run(arguments: &Completions) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    // It panics where it cannot write, and a reader may have gone away.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, NAME, &mut script);
    let mut script = String::from_utf8(script)?;
    if arguments.shell == Shell::Bash {
        // It spells a name with hyphens in two ways, so that no command is found again (clap-rs/clap#6421).
        script = script.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__"));
    }
    let mut out = stdout().lock();
    out.write_all(script.as_bytes())?;
    out.flush()?;
    Ok(Exit::Done)
}
