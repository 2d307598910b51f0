//! What is wrong with a configuration: all of it at once, each with its place.

use super::tree::Place;
use std::{collections::HashMap, fmt};

/// Further problems are counted, not printed.
const MAX_PRINTED: usize = 100;

/// Further problems are dropped.
const MAX_KEPT: usize = 1000;

/// Everything that is wrong with a file, in the order of the file; printed one line each as
/// `FILE:LINE:COLUMN: KEY.PATH: MESSAGE`. No line holds the value of a variable or of a key that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file's name as it was given.
    pub file: String,
    /// At least one, at most a thousand.
    pub list: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Counted from one.
    pub line: u64,
    /// In characters, counted from one.
    pub column: u64,
    /// Such as `datadog.env[0].value`; empty where the file as a whole is meant.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Collects problems while a file is checked, and knows where each key path was written.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    places: HashMap<String, Place>,
}

/// A key path as it is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(String);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().take(MAX_PRINTED).enumerate() {
            let Problem { line, column, path, message } = problem;
            let newline = if index == 0 { "" } else { "\n" };
            let colon = if path.is_empty() { "" } else { ": " };
            write!(f, "{newline}{}:{line}:{column}: {path}{colon}{message}", self.file)?;
        }
        match self.list.len().saturating_sub(MAX_PRINTED) {
            0 => Ok(()),
            _ if self.list.len() >= MAX_KEPT => write!(f, "\n{}: and many more", self.file),
            more => write!(f, "\n{}: and {more} more", self.file),
        }
    }
}

impl Report {
    /// Notes where the value of `path` was written.
    pub(super) fn locate(&mut self, path: &Path, place: Place) {
        self.places.insert(path.0.clone(), place);
    }

    /// Records a problem at a place.
    pub(super) fn at(&mut self, place: Place, path: &Path, message: impl Into<String>) {
        if self.problems.len() >= MAX_KEPT {
            return;
        }
        let Place { line, column } = place;
        self.problems.push(Problem { line, column, path: path.0.clone(), message: message.into() });
    }

    /// Records a problem of the value of `path`, unless something is wrong there already: one mistake is told once.
    pub(super) fn add(&mut self, path: &Path, message: impl Into<String>) {
        let full = self.problems.len() >= MAX_KEPT;
        if !full && !self.problems.iter().any(|problem| related(&problem.path, &path.0)) {
            self.at(self.place(path), path, message);
        }
    }

    /// The problems in the order of the file; none where all is well.
    pub(super) fn into_problems(mut self, file: &str) -> Option<Problems> {
        self.problems.sort();
        self.problems.dedup();
        (!self.problems.is_empty()).then(|| Problems { file: file.into(), list: self.problems })
    }

    /// The place of a path, or of the nearest that holds it.
    fn place(&self, path: &Path) -> Place {
        let mut rest = path.0.as_str();
        loop {
            if let Some(place) = self.places.get(rest) {
                return *place;
            }
            let Some(end) = rest.rfind(['.', '[']) else { return Place { line: 1, column: 1 } };
            rest = rest.get(..end).unwrap_or_default();
        }
    }
}

impl Path {
    /// The path of a key under this one.
    #[must_use]
    pub(super) fn key(&self, key: &str) -> Self {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        match (plain, self.0.is_empty()) {
            (true, true) => Self(key.into()),
            (true, false) => Self(format!("{}.{key}", self.0)),
            (false, _) => Self(format!("{}[{key:?}]", self.0)),
        }
    }

    /// The path of an item under this one.
    #[must_use]
    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Whether this is the path of a key of this name.
    pub(super) fn is_of(&self, key: &str) -> bool {
        self.0.rsplit('.').next() == Some(key)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether one of two paths is, or holds, the other.
fn related(one: &str, other: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    !one.is_empty() && (holds(one, other) || holds(other, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_printed_as_people_write_it() {
        let path = Path::default().key("datadog").key("env").index(2).key("app.kubernetes.io/name").key("x");
        assert_eq!(path.to_string(), r#"datadog.env[2]["app.kubernetes.io/name"].x"#);
    }

    #[test]
    fn one_mistake_is_told_once() {
        let mut report = Report::default();
        let env = Path::default().key("env");
        report.at(Place { line: 3, column: 5 }, &env.index(0).key("nmae"), "unknown key");
        report.add(&env.index(0), "missing name");
        report.add(&env.index(1), "missing name");
        let problems = report.into_problems("f").unwrap();
        assert_eq!(problems.to_string(), "f:1:1: env[1]: missing name\nf:3:5: env[0].nmae: unknown key");
    }
}
