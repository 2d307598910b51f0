//! What a plain scalar means to kubectl: YAML 1.1 as go-yaml v2 reads it, down to its quirks.
//!
//! `yes` is true, `0400` is 256, `08` is 8, `1_000` is 1000, `1:30` is text.

/// A scalar without quotes and tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// Above `i64::MAX`.
    Large(u64),
    Float(f64),
    Text,
}

/// Reads a plain scalar.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') if separated(text) => float(&text.replace('_', "")),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            let digits = text.replace('_', "");
            integer(&digits).unwrap_or_else(|| float(&digits))
        }
        _ => Scalar::Text,
    }
}

/// Whether a reader of YAML 1.1 or 1.2 may take `text` without quotes for something else than text.
///
/// Wider than [`resolve`]: other programs read numbers to the base of sixty, dates, `=` and other spellings.
pub(super) fn ambiguous(text: &str) -> bool {
    const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ""];
    if WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) || matches!(text, "<<" | "=") {
        return true;
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return false;
    }
    let digits = text.replace(['_', ','], "");
    resolve(&digits) != Scalar::Text
        || digits.to_ascii_lowercase().parse::<f64>().is_ok()
        || resolve(&digits.to_ascii_lowercase()) != Scalar::Text
        || base_sixty(&digits)
        || date(text)
}

/// Go's `strconv.ParseInt(…, 0, 64)`, then `ParseUint`, then go-yaml's own reading of `0b`.
fn integer(digits: &str) -> Option<Scalar> {
    let (negative, rest) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let (radix, body) = radix(rest);
    // Rust reads a sign of its own, Go does not.
    if !body.starts_with(['+', '-'])
        && let Ok(magnitude) = u64::from_str_radix(body, radix)
    {
        return match i64::try_from(magnitude) {
            Ok(value) => Some(Scalar::Int(if negative { -value } else { value })),
            Err(_) if negative && magnitude == 1 << 63 => Some(Scalar::Int(i64::MIN)),
            Err(_) if digits.starts_with(['+', '-']) => None,
            Err(_) => Some(Scalar::Large(magnitude)),
        };
    }
    let signed = digits.strip_prefix("0b")?;
    i64::from_str_radix(signed, 2).ok().map(Scalar::Int)
}

fn radix(digits: &str) -> (u32, &str) {
    let (prefix, body) = digits.split_at_checked(2).unwrap_or(("", digits));
    match prefix {
        "0x" | "0X" => (16, body),
        "0o" | "0O" => (8, body),
        "0b" | "0B" => (2, body),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, text where it is out of range.
fn float(text: &str) -> Scalar {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shaped = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    match text.parse::<f64>() {
        Ok(value) if shaped && value.is_finite() => Scalar::Float(value),
        _ => Scalar::Text,
    }
}

/// Whether every `_` stands between two digits.
fn separated(text: &str) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    (0..bytes.len())
        .all(|i| bytes[i] != b'_' || (i > 0 && digit(bytes.get(i - 1)) && digit(bytes.get(i + 1))))
}

/// `190:20:30` and `1:30.5`, numbers in YAML 1.1.
fn base_sixty(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.contains(':') && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.'))
}

/// `2001-12-14` and what begins like it.
fn date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits =
        |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    digits(parts.next())
        && digits(parts.next())
        && parts.next().is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A number as a key of a mapping: Go's `FormatFloat(…, 'g', -1, 32)`.
#[expect(clippy::cast_possible_truncation, reason = "that is how kubectl's library writes such a key")]
pub(super) fn float_key(value: f64) -> String {
    let value = value as f32;
    if value.is_nan() {
        return ".nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf".into() } else { "-.inf".into() };
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        format!("{value}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}
