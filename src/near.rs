//! The known name that a misspelt one means.

/// Names longer than this are nobody's misspelling.
const LONGEST: usize = 128;

/// How many characters may be added, removed, replaced or swapped with their neighbour.
const FARTHEST: usize = 2;

/// Returns the known name that is nearest to a word, where one is near enough to have been meant.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    let near = known.map(|other| (strsim::osa_distance(&lower, &other.to_lowercase()), other));
    near.filter(|(distance, other)| *distance <= FARTHEST && *distance < other.len().div_ceil(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Whether a word may be meant for a known name.
pub(crate) fn is_near(word: &str, known: &str) -> bool {
    nearest(word, [known].into_iter()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["fargate", "sidecar.cpu.limit", "sidecar.cpu.request", "web"];
        for (word, meant) in [
            ("fargte", Some("fargate")),
            ("Fargate", Some("fargate")),
            ("fragate", Some("fargate")),
            ("sidecar.cpu.limits", Some("sidecar.cpu.limit")),
            ("wep", Some("web")),
            ("api", None),
            ("true", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1 << 20), known.into_iter()), None);
    }
}
