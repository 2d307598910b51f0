//! A certificate for this machine: a CA and a leaf for localhost, made at the start. For trying things out, without a
//! cluster.

use super::{BadPair, Pair, issue::Ca};
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Whom the certificate is for.
pub const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How long CA and leaf are valid: nobody tries things out for longer.
const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// What `--self-signed` made.
#[derive(Debug)]
pub struct SelfSigned {
    /// To serve with. Its key is nowhere but in memory, as is the CA's.
    pub pair: Pair,
    /// Where the CA's certificate was written.
    pub ca_file: PathBuf,
    /// The CA's certificate, as PEM.
    pub ca_pem: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be made.
    #[error("cannot make a certificate")]
    Issue(#[from] rcgen::Error),
    /// What was made cannot be used.
    #[error("cannot use the certificate that was made")]
    Pair(#[from] BadPair),
    /// The CA's certificate could not be written.
    #[error("cannot write {path}")]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Makes a CA and a leaf, and writes the CA's certificate to `ca.crt` in `directory`, which is made where it is missing.
pub fn create(directory: &Path, now: SystemTime) -> Result<SelfSigned, Error> {
    let ca = Ca::new("datadog-sidecar-injector (self-signed)", now, LIFE)?;
    let leaf = ca.leaf(&NAMES, now, LIFE)?;
    let pair = Pair::new(vec![leaf.certificate], leaf.key)?;
    let ca_file = directory.join("ca.crt");
    write_whole(&ca_file, ca.pem().as_bytes())
        .map_err(|source| Error::Write { path: ca_file.clone(), source })?;
    Ok(SelfSigned { pair, ca_file, ca_pem: ca.pem() })
}

/// Writes a file so that a reader sees either the old one or the whole new one.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let draft = path.with_extension(format!("crt.{}.tmp", std::process::id()));
    let written = fs::File::create(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    if written.is_err() {
        // What failed to be written may not even be there.
        let _ = fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_ca_and_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let nested = directory.path().join("not/there/yet");
        let made = create(&nested, SystemTime::now()).unwrap();
        made.pair.valid_at(SystemTime::now()).unwrap();
        let files: Vec<_> = fs::read_dir(&nested).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["ca.crt"]);
        let text = fs::read_to_string(made.ca_file).unwrap();
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!text.contains("PRIVATE KEY"));
        assert_eq!(text, made.ca_pem);
    }

    #[test]
    fn says_where_it_could_not_write() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = create(file.path(), SystemTime::now()).unwrap_err();
        assert!(error.to_string().contains("ca.crt"), "{error}");
    }
}
