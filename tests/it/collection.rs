//! Other people's files, which are read where they lie beside the checkout and are no part of this repository.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// A file of the collection; `None`, and a line past libtest's capture that `tests/run.sh` counts, where it is not there.
#[expect(clippy::explicit_write, reason = "eprintln is what libtest captures")]
pub fn file(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus").join(name);
    if path.exists() {
        return Some(path);
    }
    writeln!(std::io::stderr(), "skipped: {} is not there", path.display()).unwrap();
    None
}

/// The files of a folder of the collection; none, and that line, where it is not there.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let entries = file(folder).into_iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    entries.map(|entry| entry.unwrap().path()).collect()
}
