//! Whether output is coloured.

use clap::ValueEnum;
use std::{env, io::IsTerminal};

/// What `--color` takes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Also into a file or a pipe, and whatever NO_COLOR says.
    Always,
    /// Nowhere.
    Never,
}

impl Colour {
    /// Whether what goes to this stream is coloured.
    pub(super) fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            Self::Auto => {
                stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
            Self::Always => true,
            Self::Never => false,
        }
    }
}
