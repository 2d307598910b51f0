//! The file looked at again and again: what changed, decided from its content alone. Who reads the file, and when, is the
//! caller's business; so is keeping the last good configuration in force.

use super::{Config, load_bytes};
use sha2::{Digest, Sha256};

/// A configuration file as it was last seen.
///
/// ```
/// use datadog_sidecar_injector::config::{Change, Watched};
/// let mut file = Watched::new("values.yaml");
/// assert!(matches!(file.look(Ok(b"datadog: {site: datadoghq.eu}")), Change::Loaded(config) if config.site == "datadoghq.eu"));
/// assert!(matches!(file.look(Ok(b"datadog: {site: datadoghq.eu}")), Change::Unchanged));
/// assert!(matches!(file.look(Ok(b"datadog: [")), Change::Broken(_)));
/// ```
#[derive(Debug)]
pub struct Watched {
    file: String,
    seen: Option<[u8; 32]>,
}

/// What a look at the file showed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The same as at the look before, be it good or bad.
    Unchanged,
    /// Another content, and a good one: to be put in force.
    Loaded(Box<Config>),
    /// Another content that cannot be used, or none that can be read: the last good one stays in force. What is wrong, one
    /// line for each problem. Told once.
    Broken(String),
}

impl Watched {
    /// A file that has not been looked at yet. `file` is its name, for messages.
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), seen: None }
    }

    /// What the content read just now, or the reason why none could be read, changes.
    pub fn look(&mut self, content: Result<&[u8], &str>) -> Change {
        // A reason is not mistaken for a file that consists of its words.
        let (mark, bytes) = content.map_or_else(|reason| (b"-", reason.as_bytes()), |bytes| (b"+", bytes));
        let seen = Sha256::new().chain_update(mark).chain_update(bytes).finalize().into();
        if self.seen.replace(seen) == Some(seen) {
            return Change::Unchanged;
        }
        match content {
            Err(reason) => Change::Broken(format!("{}: {reason}", self.file)),
            Ok(bytes) => match load_bytes(bytes, &self.file) {
                Ok(config) => Change::Loaded(Box::new(config)),
                Err(problems) => Change::Broken(problems.to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_told_once() {
        let mut file = Watched::new("f");
        let broken = |change: Change| match change {
            Change::Broken(text) => text,
            other => panic!("{other:?}"),
        };
        assert!(matches!(file.look(Ok(b"")), Change::Loaded(_)));
        assert_eq!(file.look(Ok(b"")), Change::Unchanged);
        assert_eq!(broken(file.look(Ok(b"datadog: 1"))), "f:1:10: datadog: must be a mapping, not a number");
        assert_eq!(file.look(Ok(b"datadog: 1")), Change::Unchanged);
        assert_eq!(broken(file.look(Err("no such file"))), "f: no such file");
        assert_eq!(file.look(Err("no such file")), Change::Unchanged);
        assert_eq!(broken(file.look(Ok(b"no such file"))), "f:1:1: must be a mapping, not text");
        assert!(matches!(file.look(Ok(b"")), Change::Loaded(_)));
    }
}
