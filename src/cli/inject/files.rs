//! The files that `-f` means, and what is in them.

use crate::{cli::read_input, inject::Input, manifest};
use anyhow::{Context as _, ensure};
use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

/// What a directory is searched for.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Reads every `-f`; the errors are those of all of them.
pub(super) fn read_all(files: &[String], recursive: bool) -> Result<Vec<Input>, Vec<String>> {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match expand(file, recursive) {
            Ok(names) => {
                for name in names {
                    match read(&name) {
                        Ok(input) => inputs.push(input),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Err(error) => problems.push(format!("{error:#}")),
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

fn read(file: &str) -> Result<Input, String> {
    let name = if file == "-" { "stdin" } else { file };
    if file == "-" && io::stdin().is_terminal() {
        super::say(&["reading manifests from the terminal; end them with Ctrl-D"]);
    }
    let bytes = read_input(file).map_err(|error| format!("{name}: {error}"))?;
    let text = manifest::text(&bytes).map_err(|fault| format!("{name}: {fault}"))?.to_owned();
    Ok(Input { name: name.to_owned(), text })
}

/// The files that an argument means: itself, or the manifests in a directory, sorted.
fn expand(file: &str, recursive: bool) -> anyhow::Result<Vec<String>> {
    ensure!(
        !["http://", "https://"].iter().any(|scheme| file.starts_with(scheme)),
        "{file}: addresses are not read; pipe what is there to -f -"
    );
    let directory = Path::new(file);
    if file == "-" || !fs::metadata(directory).with_context(|| file.to_owned())?.is_dir() {
        return Ok(vec![file.to_owned()]);
    }
    let found = manifests(directory, recursive)?;
    let rest = if recursive { " or below it" } else { "; those below it are read with -R" };
    ensure!(!found.is_empty(), "{file}: no *.yaml, *.yml or *.json in this directory{rest}");
    Ok(found.iter().map(|path| path.display().to_string()).collect())
}

/// The manifests in a directory, or at any depth below it, in the order of their paths. As with kubectl hidden ones count, and
/// a link below it that leads to a directory is not followed: so no loop of links is endless, and no file is read twice.
fn manifests(directory: &Path, recursive: bool) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        let name = || directory.display().to_string();
        for entry in fs::read_dir(&directory).with_context(name)? {
            let entry = entry.with_context(name)?;
            let path = entry.path();
            if entry.file_type().with_context(name)?.is_dir() {
                if recursive {
                    open.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
                && path.is_file()
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
