//! The log: one JSON object a line on stderr.

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

/// Why a log level cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("log level {0:?} is none of off, error, warn, info, debug and trace, nor a list of TARGET=LEVEL")]
pub struct BadLevel(String);

/// Starts logging. `level` is a word for our own lines (those of libraries then start at `warn`), or directives such as
/// `info,kube=debug`.
///
/// A panic becomes a line too, with its place but without its message, which may hold parts of a pod.
pub fn init(level: &str) -> Result<(), BadLevel> {
    let lines = fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
    registry()
        .with(filter(level)?)
        .with(lines)
        .try_init()
        // Whoever set a logger before us keeps it.
        .unwrap_or_default();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "Panicked");
    }));
    Ok(())
}

fn filter(level: &str) -> Result<Targets, BadLevel> {
    let bad = || BadLevel(level.into());
    // The parser takes nothing for "error", and a misspelt word for a target of which everything is logged.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if !level.split(',').all(|part| is_level(part.rsplit('=').next().unwrap_or_default().trim())) {
        return Err(bad());
    }
    let directives = match level.trim().parse::<LevelFilter>() {
        Ok(LevelFilter::OFF) => "off".into(),
        Ok(LevelFilter::ERROR) => "error".into(),
        // Of each failed call the library tells as well, as an error.
        Ok(level) => {
            format!("warn,{}={level},kube_client::client::builder=off", env!("CARGO_CRATE_NAME"))
        }
        Err(_) => level.split(',').map(str::trim).collect::<Vec<_>>().join(","),
    };
    directives.parse().map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_concerns_our_own_lines() {
        assert_eq!(
            filter("debug").unwrap().to_string(),
            "kube_client::client::builder=off,datadog_sidecar_injector=debug,warn"
        );
        assert_eq!(
            filter("INFO").unwrap().to_string(),
            "kube_client::client::builder=off,datadog_sidecar_injector=info,warn"
        );
        assert_eq!(filter("error").unwrap().to_string(), "error");
        for list in ["info,kube=debug", "kube=debug, info"] {
            assert_eq!(filter(list).unwrap().to_string(), "kube=debug,info");
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for level in ["", "inof", "loud=", "kube=chatty", "info,"] {
            assert!(filter(level).is_err(), "{level:?}");
        }
    }
}
