//! Points in time: whole milliseconds since 1970, always handed in by the caller.

use std::{fmt, time::Duration};

/// A point in time in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Nothing in this crate reads a clock; every decision takes `now` as an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970 (a JWT `NumericDate`, RFC 7519 §2); saturates.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// From the JSON text of a number: a NumericDate (RFC 7519 §2), seconds since 1970 with or without a fraction or an exponent.
    ///
    /// Saturates. `None` for a negative number, for one that no double holds (`1e400`), and for every text that is not a number.
    #[must_use]
    pub fn from_numeric_date(json: &str) -> Option<Self> {
        if let Ok(whole) = json.parse() {
            return Some(Self::from_secs(whole));
        }
        // A JSON text that is a number begins so; Rust's own reader takes `inf` and `nan`, too.
        if !json.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return None;
        }
        let secs: f64 = json.parse().ok().filter(|secs: &f64| secs.is_finite() && *secs >= 0.0)?;
        Some(Duration::try_from_secs_f64(secs).map_or(Self(u64::MAX), |since| Self(millis(since))))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This instant moved into the future; saturates.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// This instant moved into the past; saturates at 1970.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(UnixMillis::from_secs(u64::MAX).as_millis(), u64::MAX);
        assert_eq!(UnixMillis::default().saturating_sub(Duration::from_secs(1)), UnixMillis::default());
        let late = UnixMillis::from_millis(u64::MAX);
        assert_eq!(late.saturating_add(Duration::MAX), late);
        assert_eq!(UnixMillis::default().saturating_since(late), Duration::ZERO);
    }

    #[test]
    fn numeric_date_may_have_fraction_and_exponent() {
        for (json, millis) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("1767225600", 1_767_225_600_000),
            ("1767225600.0", 1_767_225_600_000),
            ("1767225600.5", 1_767_225_600_500),
            ("1.7672256e9", 1_767_225_600_000),
            ("1.7672256E+9", 1_767_225_600_000),
            ("15e-1", 1_500),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("1e300", u64::MAX),
        ] {
            assert_eq!(
                UnixMillis::from_numeric_date(json).map(UnixMillis::as_millis),
                Some(millis),
                "{json}"
            );
        }
    }

    #[test]
    fn other_values_are_not_a_date() {
        for json in ["-1", "-0.5", "1e400", "-1e400", "null", "true", "\"1\"", "\"inf\"", "[1]", "{}"] {
            assert_eq!(UnixMillis::from_numeric_date(json).map(UnixMillis::as_millis), None, "{json}");
        }
    }
}
