//! Kubernetes quantities, such as `200m`, `256Mi` or `1e3`, compared and added exactly.

use std::{
    borrow::Cow,
    iter::Sum,
    ops::{Add, Sub},
    str::FromStr,
};

/// A quantity's unit is a billionth: Kubernetes rounds what is finer up.
const NANOS: u128 = 1_000_000_000;

/// The largest quantity, 2⁶³ − 1: Kubernetes lowers what is larger to it.
const MAX: i128 = (i64::MAX as i128) * (NANOS as i128);

/// More significant digits are refused: what is written by people has far fewer, and this many are computed exactly.
const MAX_DIGITS: usize = 20;

/// An amount of a resource, exact to a billionth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: i128,
}

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No digit, or something before the number.
    #[error("is no quantity: it must begin with a number, such as 200m or 256Mi")]
    NoNumber,
    /// What follows the number is no suffix.
    #[error(
        "is no quantity: after the number comes nothing or one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei"
    )]
    UnknownSuffix,
    /// An exponent that no amount of anything needs.
    #[error("is no usable quantity: its exponent is beyond 18")]
    Exponent,
    /// More digits than are computed exactly.
    #[error("is no usable quantity: it has more than 20 significant digits")]
    TooLong,
}

/// Parses a quantity by the grammar of Kubernetes.
///
/// ```
/// use datadog_sidecar_injector::quantity::parse;
/// assert_eq!(parse("0.2"), parse("200m"));
/// assert!(parse("1Gi").unwrap() > parse("1G").unwrap());
/// assert!(parse("1 Gi").is_err());
/// ```
pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || whole.is_empty() && fraction.is_empty() {
        return Err(QuantityError::NoNumber);
    }
    let (twos, tens) = scale(suffix)?;
    let digits = match fraction {
        "" => Cow::Borrowed(whole),
        _ => Cow::Owned([whole, fraction].concat()),
    };
    let significant = digits.trim_start_matches('0');
    let shortest = significant.trim_end_matches('0');
    if shortest.is_empty() {
        return Ok(Quantity::ZERO);
    }
    if shortest.len() > MAX_DIGITS {
        return Err(QuantityError::TooLong);
    }
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let exponent = tens
        .saturating_add(9)
        .saturating_sub(length(fraction))
        .saturating_add(length(significant) - length(shortest));
    // At most 10²⁰ · 2⁶⁰, which 128 bits hold.
    let mantissa = shortest.bytes().fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0')) << twos;
    let nanos = shift(mantissa, exponent);
    Ok(Quantity { nanos: if negative { -nanos } else { nanos } })
}

/// Parses a quantity that is to be written somewhere: the API server accepts any exponent, and computes for minutes on some.
pub fn parse_bounded(text: &str) -> Result<Quantity, QuantityError> {
    let parsed = parse(text)?;
    let exponent =
        text.find(['e', 'E']).and_then(|at| text.get(at + 1..)).filter(|digits| !digits.is_empty());
    match exponent.map(str::parse::<i8>) {
        Some(Ok(-18..=18)) | None => Ok(parsed),
        Some(_) => Err(QuantityError::Exponent),
    }
}

/// Writes a quantity in Kubernetes' canonical form, such as `500m` for `0.5` and `1Gi` for `1024Mi`.
///
/// # Errors
///
/// It is none, or its exponent is beyond 18.
pub fn canonical(text: &str) -> Result<String, QuantityError> {
    let Quantity { nanos } = parse_bounded(text)?;
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let (mut number, mut suffix) = (nanos, 0);
    if text.ends_with('i') && nanos % NANOS == 0 {
        number /= NANOS;
        while number != 0 && number % 1024 == 0 && suffix < BINARY.len() - 1 {
            number /= 1024;
            suffix += 1;
        }
        return Ok(format!("{sign}{number}{}", BINARY[suffix]));
    }
    while number != 0 && number % 1000 == 0 && suffix < DECIMAL.len() - 1 {
        number /= 1000;
        suffix += 1;
    }
    Ok(format!("{sign}{number}{}", if number == 0 { "" } else { DECIMAL[suffix] }))
}

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nanos: 0 };

    /// The amount in billionths of the resource's unit.
    pub fn from_nanos(nanos: i128) -> Self {
        Self { nanos }
    }

    /// The amount in billionths.
    pub fn nanos(self) -> i128 {
        self.nanos
    }

    /// Whether the amount is a whole number of the resource's unit.
    pub fn is_whole(self) -> bool {
        self.nanos % (NANOS as i128) == 0
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text)
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos) }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(other.nanos) }
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, Add::add)
    }
}

/// A suffix as powers of two and of ten.
fn scale(suffix: &str) -> Result<(u32, i64), QuantityError> {
    Ok(match suffix {
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "" => (0, 0),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        other => {
            let exponent = other.strip_prefix(['e', 'E']).ok_or(QuantityError::UnknownSuffix)?;
            (0, exponent.parse::<i64>().map_err(|_| QuantityError::UnknownSuffix)?)
        }
    })
}

/// `mantissa · 10^exponent`, rounded up and at most [`MAX`].
fn shift(mantissa: u128, exponent: i64) -> i128 {
    let power =
        u32::try_from(exponent.unsigned_abs()).ok().and_then(|exponent| 10_u128.checked_pow(exponent));
    let shifted = match power {
        Some(power) if exponent < 0 => mantissa.div_ceil(power),
        Some(power) => mantissa.saturating_mul(power),
        // So small that it rounds up to the unit, or too large.
        None if exponent < 0 => 1,
        None => u128::MAX,
    };
    i128::try_from(shifted).unwrap_or(MAX).min(MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(text: &str) -> i128 {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).nanos()
    }

    #[test]
    fn what_kubernetes_accepts() {
        let unit = 1_000_000_000;
        for (text, expected) in [
            ("0", 0),
            ("200m", unit / 5),
            ("0.2", unit / 5),
            (".2", unit / 5),
            ("+1.", unit),
            ("-1", -unit),
            ("1k", 1_000 * unit),
            ("1Ki", 1_024 * unit),
            ("1.5Gi", 3 * 512 * 1_024 * 1_024 * unit),
            ("1E", 10_i128.pow(18) * unit),
            ("1E3", 1_000 * unit),
            ("1e3", 1_000 * unit),
            ("1e-3", unit / 1_000),
            ("1e+3", 1_000 * unit),
            ("2n", 2),
            ("0.1n", 1),
            ("-0.1n", -1),
            ("1e-99", 1),
            ("1e-999999999999", 1),
            ("8Ei", MAX),
            ("1e99", MAX),
            ("0e99", 0),
            ("9223372036854775807", MAX),
            ("9223372036854775806", MAX - unit),
            ("100000000000000000000000000", MAX),
            ("00000000000000000000000000000001", unit),
            ("1.00000000000000000000000000", unit),
        ] {
            assert_eq!(nanos(text), expected, "{text}");
        }
    }

    #[test]
    fn what_kubernetes_refuses() {
        for text in [
            "", "m", "Mi", "-", "+", ".", "1.2.3", "1K", "1ki", "1mi", "1MB", "1 Gi", " 1", "1 ", "1e",
            "1e1.5", "0x10", "1_000", "--1", "1e3Mi", "NaN", "inf", "٣",
        ] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
        // "1e" is refused although "1E" is an exa.
        assert_eq!(parse("1e"), Err(QuantityError::UnknownSuffix));
        assert_eq!(parse("123456789012345678901"), Err(QuantityError::TooLong));
    }

    #[test]
    fn the_canonical_form_is_that_of_kubernetes() {
        for (text, expected) in [
            ("0.5", "500m"),
            ("512Mi", "512Mi"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("1e3", "1k"),
            ("1E", "1E"),
            ("100m", "100m"),
            ("-1000m", "-1"),
            ("0Mi", "0"),
            ("0", "0"),
            ("1e-9", "1n"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["1e-2147483649", "1e19", "1E-19", "1e99999999999999999999"] {
            assert!(canonical(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_means_the_same(text in "-?[0-9]{1,6}(\\.[0-9]{1,3})?(n|u|m|k|M|G|Ki|Mi|Gi|e-?[0-9]|)") {
            if let Ok(written) = canonical(&text) {
                prop_assert_eq!(parse(&written), parse(&text));
                prop_assert_eq!(canonical(&written), Ok(written));
            }
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = (parse(&text), canonical(&text));
        }

        #[test]
        fn any_number_and_suffix(text in "[+-]?[0-9.]{0,30}([a-zA-Z]{0,3}|[eE][+-]?[0-9]{0,12})") {
            let _ = (parse(&text), canonical(&text));
        }

        #[test]
        fn order_is_that_of_the_numbers(one in 0_u64..1_000_000_000, other in 0_u64..1_000_000_000) {
            for suffix in ["n", "u", "m", "", "k", "Ki", "Mi"] {
                let quantity = |number: u64| parse(&format!("{number}{suffix}")).unwrap();
                prop_assert_eq!(quantity(one).cmp(&quantity(other)), one.cmp(&other));
            }
        }

        #[test]
        fn sums_are_exact(milli in 0_i64..1_000_000_000, kibi in 0_i64..1_000_000_000) {
            let sum = parse(&format!("{milli}m")).unwrap() + parse(&format!("{kibi}Ki")).unwrap();
            prop_assert_eq!(sum.nanos(), i128::from(milli) * 1_000_000 + i128::from(kibi) * 1_024 * 1_000_000_000);
            prop_assert_eq!(sum - parse(&format!("{kibi}Ki")).unwrap(), parse(&format!("{milli}m")).unwrap());
        }

        #[test]
        fn a_fraction_is_the_shifted_whole(whole in 0_u64..1_000_000, thousandths in 0_u64..1_000) {
            let fraction = parse(&format!("{whole}.{thousandths:03}")).unwrap();
            prop_assert_eq!(fraction, parse(&format!("{}m", whole * 1_000 + thousandths)).unwrap());
        }
    }
}
