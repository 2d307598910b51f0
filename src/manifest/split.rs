//! Where documents begin and end.

use super::Fault;

/// A part of a stream between two separators; the separator before it is part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// Its exact text.
    pub text: &'a str,
    /// The line of the stream on which it begins, from 1.
    pub line: usize,
    /// The length of what comes before the content: separator, directives, comments, blank lines.
    pub head: usize,
    /// Where the content ends: the end of the text, or where a closing `...` begins.
    pub end: usize,
}

impl Chunk<'_> {
    /// A fault at a place in this chunk.
    pub(super) fn fault(&self, offset: usize, document: usize, message: String) -> Fault {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.rsplit('\n').next().unwrap_or("");
        Fault {
            document,
            line: self.line + before.matches('\n').count(),
            column: line.trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1,
            message,
        }
    }

    /// A fault whose line was counted from this chunk's beginning.
    pub(super) fn place(&self, fault: Fault, document: usize) -> Fault {
        Fault { document, line: self.line + fault.line - 1, ..fault }
    }
}

/// What some editors put before a text.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The chunks of a stream, none for an empty one.
pub(super) fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut starts = vec![(0, 1)];
    let mut number = 0;
    // A separator after directives belongs to them; the line after `...` begins something new.
    let (mut directives, mut content, mut closed) = (false, false, false);
    for (offset, line) in lines(text) {
        number += 1;
        let separator = is_separator(line);
        if offset > 0 && (closed || (separator && (content || !directives))) {
            starts.push((offset, number));
            (directives, content) = (false, false);
        }
        directives |= line.starts_with('%');
        content |= separator || !is_presentation(line);
        closed = is_marker(line, "...");
    }
    let ends = starts.iter().skip(1).map(|(offset, _)| *offset).chain([text.len()]);
    let chunks = starts.iter().zip(ends).map(|(&(start, line), end)| chunk(&text[start..end], line));
    chunks.filter(|chunk| !chunk.text.is_empty()).collect()
}

/// The lines of a text with their offsets, without their line ends and without a byte order mark.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = offset;
        offset += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        (start, if start == 0 { line.trim_start_matches(BYTE_ORDER_MARK) } else { line })
    })
}

/// Whether a line begins a document.
pub(super) fn is_separator(line: &str) -> bool {
    is_marker(line, "---")
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// Whether a line holds nothing of a value: blank, a comment, a directive.
fn is_presentation(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t']);
    // In YAML 1.1 these break lines too, so that a comment may be followed by content.
    let one_line = !line.contains(['\u{85}', '\u{2028}', '\u{2029}']);
    line.is_empty() || one_line && line.starts_with(['#', '%'])
}

fn chunk(text: &str, line: usize) -> Chunk<'_> {
    let bare = |line: &str| is_separator(line) && is_presentation(&line[3..]);
    let mut head = text.len();
    let mut end = text.len();
    for (offset, line) in lines(text) {
        if is_marker(line, "...") {
            end = offset;
        }
        if head == text.len() && !is_presentation(line) && !bare(line) {
            // Blanks before the value are its indentation in YAML and nothing in JSON.
            let json = line.trim_start().starts_with(['{', '[']);
            let mark =
                if offset == 0 { text.len() - text.trim_start_matches(BYTE_ORDER_MARK).len() } else { 0 };
            head = offset + mark + if json { line.len() - line.trim_start().len() } else { 0 };
        }
    }
    Chunk { text, line, head: head.min(end), end }
}
