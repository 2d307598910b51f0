//! What kubectl's reader takes and a strict one does not, put into a form that both take.
//!
//! Found by comparing the two over thousands of published files: the escape `\'`, and quoted text whose further lines
//! are indented no deeper than its key.

use super::split;
use granit_parser::{ErrorKind, ScanError};

/// Deeper than any key.
const DEEPER: &str = match std::str::from_utf8(&[b' '; 512]) {
    Ok(spaces) => spaces,
    Err(_) => "",
};

/// The text without the fault that a strict reader found; `None` where it is one for kubectl as well.
pub(super) fn mend(text: &str, error: &ScanError) -> Option<String> {
    let marker = error.marker();
    let (start, line) = split::lines(text).nth(marker.line().checked_sub(1)?)?;
    let column = line.char_indices().nth(marker.col()).map_or(line.len(), |(offset, _)| offset);
    match error.kind() {
        ErrorKind::UnknownQuotedScalarEscape => unescape_apostrophes(text, start + column),
        ErrorKind::InvalidQuotedScalarIndent if !line[..column.min(line.len())].contains('\t') => {
            Some(format!("{}{DEEPER}{}", &text[..start], &text[start..]))
        }
        _ => None,
    }
}

/// `\'` as `'` in the double-quoted scalar that begins at `start`; `None` where it has none.
fn unescape_apostrophes(text: &str, start: usize) -> Option<String> {
    let scalar = text.get(start..)?.strip_prefix('"')?;
    let mut out = text[..start + 1].to_owned();
    let mut rest = scalar.chars();
    let mut found = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next()? {
                '\'' => {
                    found = true;
                    out.push('\'');
                }
                escaped => out.extend(['\\', escaped]),
            },
            '"' => {
                out.push('"');
                break;
            }
            c => out.push(c),
        }
    }
    out.push_str(rest.as_str());
    found.then_some(out)
}
