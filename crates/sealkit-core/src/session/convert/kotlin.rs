//! The types of workos-kotlin 7.2.0, as Jackson 2 with its module for `java.time` reads them.

use super::{
    typed::Fit,
    value::{Kind, kind},
};
use crate::session::text::unescaped;

/// Jackson reads any scalar into a text.
pub(super) fn text(json: &str) -> Fit {
    match kind(json) {
        Kind::Text if serde_json::from_str::<String>(json).is_ok() => Fit::As,
        // A lone surrogate does not survive the writing.
        Kind::Text | Kind::Bool | Kind::Number => Fit::Otherwise,
        Kind::Null => Fit::As,
        Kind::Array | Kind::Object => Fit::Not,
    }
}

/// A primitive Boolean: whole numbers and a few texts are read, null and an empty text as false.
pub(super) fn truth(json: &str) -> Fit {
    match kind(json) {
        Kind::Bool => Fit::As,
        Kind::Null => Fit::Otherwise,
        Kind::Number if json.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Fit::Otherwise,
        Kind::Text => {
            let text = unescaped(json).unwrap_or_default();
            let known = ["", "null", "true", "True", "TRUE", "false", "False", "FALSE"];
            if known.contains(&text.trim()) { Fit::Otherwise } else { Fit::Not }
        }
        _ => Fit::Not,
    }
}

/// Most seconds since 1970, either way, that `java.time.Instant` holds.
const MOST_SECONDS: i64 = 31_556_889_864_403_199;

/// An `OffsetDateTime`. The caller has dealt with null.
pub(super) fn time(json: &str) -> Fit {
    match kind(json) {
        Kind::Number => epoch(json),
        Kind::Text => {
            let text = unescaped(json).unwrap_or_default();
            let text = text.trim();
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => (true, digits),
                None => (false, text),
            };
            let is_number = !digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                && digits.matches('.').count() <= 1
                && digits != ".";
            if is_number {
                epoch(if sign && text.starts_with('+') { digits } else { text })
            } else if is_offset_date_time(text) {
                Fit::As
            } else {
                Fit::Not
            }
        }
        _ => Fit::Not,
    }
}

/// True for a text that Jackson takes as no time at all: as null.
pub(super) fn is_no_time(json: &str) -> bool {
    kind(json) == Kind::Null
        || (kind(json) == Kind::Text && unescaped(json).is_some_and(|text| text.trim().is_empty()))
}

/// Seconds since 1970.
fn epoch(number: &str) -> Fit {
    let fits = match number.parse::<i64>() {
        Ok(seconds) => (-MOST_SECONDS..=MOST_SECONDS).contains(&seconds),
        // A whole number that is longer, or one with a fraction: beyond 10^63 it counts as zero.
        Err(_) if number.bytes().all(|b| b.is_ascii_digit() || b == b'-') => false,
        Err(_) => number.parse::<f64>().is_ok_and(|seconds| seconds.abs() < 3.155e16 || seconds.abs() > 1e63),
    };
    if fits { Fit::Otherwise } else { Fit::Not }
}

/// `DateTimeFormatter.ISO_OFFSET_DATE_TIME` of JDK 9 and later, strict, in any case, with Jackson's `+0000` taken for `Z`.
fn is_offset_date_time(text: &str) -> bool {
    let Some((date, clock)) = text.split_once(['T', 't']) else { return false };
    let Some(at) = clock.find(['Z', 'z', '+', '-']) else { return false };
    let Some((clock, offset)) = clock.split_at_checked(at) else { return false };
    is_date(date) && is_clock(clock) && is_offset(offset)
}

/// `2024-02-29`, and years of more digits with their sign.
fn is_date(text: &str) -> bool {
    let (sign, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.get(..1), rest),
        None => (None, text),
    };
    let mut parts = rest.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let has_year = match (sign, year.len()) {
        // More than four digits need the plus, and four must not have it.
        (None, 4) | (Some("-"), 4..=9) | (Some("+"), 5..=9) => digits(year),
        _ => None,
    };
    let (Some(year), Some(month), Some(day)) = (has_year, two(month), two(day)) else { return false };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// `12:34`, `12:34:56`, `12:34:56.789`: up to nine places.
fn is_clock(text: &str) -> bool {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let parts: Vec<Option<u64>> = whole.split(':').map(two).collect();
    let fits = match parts.as_slice() {
        [Some(hour), Some(minute)] => fraction.is_none() && *hour < 24 && *minute < 60,
        [Some(hour), Some(minute), Some(second)] => *hour < 24 && *minute < 60 && *second < 60,
        _ => false,
    };
    fits && fraction.is_none_or(|places| places.len() <= 9 && places.bytes().all(|b| b.is_ascii_digit()))
}

/// `Z`, `+02`, `+0200`, `+02:00`, `+02:00:00`: at most 18 hours.
fn is_offset(text: &str) -> bool {
    if text.eq_ignore_ascii_case("z") {
        return true;
    }
    let Some(rest) = text.strip_prefix(['+', '-']) else { return false };
    let has_colons = rest.contains(':');
    let parts: Option<Vec<u64>> = if has_colons {
        rest.split(':').map(two).collect()
    } else {
        let bytes = rest.len();
        (0..bytes).step_by(2).map(|at| rest.get(at..at + 2).and_then(two)).collect()
    };
    let (hour, minute, second) = match parts.as_deref() {
        Some([hour]) => (*hour, 0, 0),
        Some([hour, minute]) => (*hour, *minute, 0),
        Some([hour, minute, second]) => (*hour, *minute, *second),
        _ => return false,
    };
    minute < 60 && second < 60 && hour * 3600 + minute * 60 + second <= 18 * 3600
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn two(text: &str) -> Option<u64> {
    (text.len() == 2).then(|| digits(text))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_java_reads_them() {
        for good in [
            "2024-01-01T00:00:00Z",
            "2024-01-01t00:00z",
            "2024-02-29T23:59:59.123456789+02:00",
            " 2024-01-01T00:00Z ",
            "2024-01-01T00:00:00+0000",
            "2024-01-01T00:00:00-0330",
            "2024-01-01T00:00:00+18:00",
            "2024-01-01T00:00:00+02",
            "+12024-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
        ] {
            assert_eq!(time(&format!("\"{good}\"")), Fit::As, "{good}");
        }
        for number in ["\"1704067200\"", "\"1704067200.5\"", "7", "-7", "1704067200.5", "1e5"] {
            assert_eq!(time(number), Fit::Otherwise, "{number}");
        }
        for bad in [
            "\"2024-01-01\"",
            "\"2024-01-01 00:00:00Z\"",
            "\"2024-01-01T00:00:00\"",
            "\"2023-02-29T00:00:00Z\"",
            "\"2024-01-01T24:00:00Z\"",
            "\"2024-01-01T00:00:60Z\"",
            "\"2024-01-01T00:00:00+18:01\"",
            "\"24-01-01T00:00:00Z\"",
            "\"2024-1-01T00:00:00Z\"",
            "\"2024-01-01T00:00:00.1234567890Z\"",
            "\"2024-01-01T00:00:00Zx\"",
            "\"yesterday\"",
            "\"Mon, 01 Jan 2024 00:00:00 GMT\"",
            "true",
            "[]",
            "{}",
            "99999999999999999999",
            "\"1.2.3\"",
            "\"2024-01-01T00Z\"",
        ] {
            assert_eq!(time(bad), Fit::Not, "{bad}");
        }
        assert!(is_no_time("null") && is_no_time("\"\"") && is_no_time("\" \"") && !is_no_time("7"));
    }

    #[test]
    fn booleans_are_read_as_jackson_reads_them() {
        for good in ["\"\"", "0", "7", "-1", "\"true\"", "\" False \"", "null"] {
            assert_eq!(truth(good), Fit::Otherwise, "{good}");
        }
        for bad in ["0.5", "1e0", "\"no\"", "\"tRue\"", "[]", "{}"] {
            assert_eq!(truth(bad), Fit::Not, "{bad}");
        }
    }
}
