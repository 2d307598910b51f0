//! How many documents and workloads there were, and what became of them.

use super::Sheet;
use crate::select::SkipReason;

/// The most lines about pods that nobody asked to inject.
const MOST: usize = 10;

/// What became of a pod or pod template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It changes.
    Changed,
    /// The sidecar is in it already.
    Unchanged,
    /// It gets no sidecar.
    Skipped(SkipReason),
}

/// Counts documents and workloads in one line.
pub fn summary(sheets: &[Sheet<'_>]) -> String {
    let documents = pages(sheets).filter(|page| page.document.number > 0).count();
    let fates: Vec<Fate> = pages(sheets).flat_map(|page| &page.fates).copied().collect();
    let read = format!("{} read", counted(documents, "document"));
    if fates.is_empty() {
        return format!("{read}, no workloads");
    }
    let of = |fate: Fate| fates.iter().filter(|other| **other == fate).count();
    let (changed, unchanged) = (of(Fate::Changed), of(Fate::Unchanged));
    let reasons: Vec<String> = SkipReason::ALL
        .into_iter()
        .map(|reason| (of(Fate::Skipped(reason)), reason))
        .filter(|(count, _)| *count > 0)
        .map(|(count, reason)| format!("{count} {}", reason.label()))
        .collect();
    let because = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    format!(
        "{read}, {}: {changed} injected, {unchanged} unchanged, {} skipped{because}",
        counted(fates.len(), "workload"),
        fates.len() - changed - unchanged
    )
}

/// Says of each pod that no selector matches why, where no pod of the input has the sidecar: then somebody expected one.
pub fn unmatched(sheets: &[Sheet<'_>]) -> Vec<String> {
    let has_sidecar = |fate: &Fate| matches!(fate, Fate::Changed | Fate::Unchanged);
    if pages(sheets).flat_map(|page| &page.fates).any(has_sidecar) {
        return Vec::new();
    }
    let all: Vec<&String> = pages(sheets).flat_map(|page| &page.unmatched).collect();
    let mut told: Vec<String> = all.iter().take(MOST).map(ToString::to_string).collect();
    if all.len() > MOST {
        told.push(format!("and {} more that no selector matches", all.len() - MOST));
    }
    told
}

fn pages<'s>(sheets: &'s [Sheet<'_>]) -> impl Iterator<Item = &'s super::Page<'s>> {
    sheets.iter().flat_map(|sheet| &sheet.pages)
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
