//! Warnings for people, gathered so that one sentence speaks for several containers.

use crate::pod::{NAME, cut};

/// The most characters of one warning; the API server's clients show no more.
const LONGEST: usize = 120;

/// The most warnings of one review: the API server cuts all of them where they are too many together.
const MOST: usize = 30;

/// Warnings in the order they came up.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    plain: Vec<String>,
    /// A sentence about containers, with the containers.
    about: Vec<(String, Vec<String>)>,
}

impl From<Vec<String>> for Warnings {
    fn from(plain: Vec<String>) -> Self {
        Self { plain, about: Vec::new() }
    }
}

impl Extend<String> for Warnings {
    fn extend<I: IntoIterator<Item = String>>(&mut self, warnings: I) {
        self.plain.extend(warnings);
    }
}

impl Warnings {
    /// Adds a warning.
    pub(super) fn push(&mut self, warning: String) {
        self.plain.push(warning);
    }

    /// Adds a container to those that a sentence speaks of.
    pub(super) fn about(&mut self, sentence: &str, container: &str) {
        let name = || cut(container, NAME).to_owned();
        match self.about.iter_mut().find(|(s, _)| s == sentence) {
            Some((_, containers)) if containers.len() < LONGEST => containers.push(name()),
            Some(_) => {}
            None => self.about.push((sentence.to_owned(), vec![name()])),
        }
    }

    /// The warnings, each short enough to be shown.
    pub(super) fn finish(self) -> Vec<String> {
        let about = self
            .about
            .into_iter()
            .map(|(sentence, containers)| format!("{sentence}: {}", containers.join(", ")));
        self.plain.into_iter().chain(about).take(MOST).map(|w| shorten(&w)).collect()
    }
}

/// Cuts a text to what a warning may hold, with `…` where something went.
pub(crate) fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_speaks_for_several_containers() {
        let mut warnings = Warnings::default();
        warnings.about("it stays in", "a");
        warnings.push("first".into());
        warnings.about("it stays in", "b");
        assert_eq!(warnings.finish(), ["first", "it stays in: a, b"]);
    }

    #[test]
    fn a_warning_is_never_too_long() {
        assert_eq!(shorten(&"é".repeat(121)).chars().count(), 120);
        assert_eq!(shorten("short"), "short");
    }
}
