//! What a sample says about a format or a password that it does not show.
//!
//! Of `n` cookies, `u` could not be read and may be of it; none of the others is. Then, with 95 % confidence, under `(u + 3) / n` of
//! all cookies are of it (the rule of three, with every cookie that could not be read counted against the advice).

/// Fewest different cookies without one of a kind, from which on that kind counts as gone: then, with 95 % confidence, under one
/// in a hundred is of it.
pub(super) const ENOUGH: u64 = 300;

/// How often something was seen, and how often it may have been without being recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Cookies that opened and are of it.
    pub(super) seen: u64,
    /// Whole cookies that did not open and have its shape.
    pub(super) unopened: u64,
    /// Cookies that no value was read of.
    pub(super) unread: u64,
    /// All cookies.
    pub(super) sample: u64,
}

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// New cookies are sealed with it, as far as order tells.
    Seals,
    InUse,
    Gone,
    TooFew,
    /// Among those that could not be read, too many may be of it.
    Unknown,
}

impl Evidence {
    /// Cookies that may be of it, unseen.
    pub(super) const fn unreadable(self) -> u64 {
        self.unopened.saturating_add(self.unread)
    }

    pub(super) fn verdict(self) -> Verdict {
        let is_low = u128::from(self.numerator()) * u128::from(ENOUGH) <= u128::from(self.sample) * 3;
        match self {
            Self { seen: 1.., .. } => Verdict::InUse,
            _ if is_low => Verdict::Gone,
            Self { unopened: 0, sample: ..ENOUGH, .. } => Verdict::TooFew,
            Self { unopened: 0, unread: 0, .. } => Verdict::TooFew,
            _ => Verdict::Unknown,
        }
    }

    const fn numerator(self) -> u64 {
        self.unreadable().saturating_add(3)
    }

    /// The most of all cookies that are of it, in percent with two places, rounded up.
    pub(super) fn bound(self) -> String {
        let exact = (u128::from(self.numerator()) * 10_000).div_ceil(u128::from(self.sample.max(1)));
        let hundredths = exact.min(10_000);
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    }

    pub(super) fn text(self, verdict: Verdict) -> String {
        let (bound, unreadable) = (self.bound(), self.unreadable());
        match verdict {
            Verdict::Seals => "keep: the first one seals".to_owned(),
            Verdict::InUse => "keep: still out there".to_owned(),
            Verdict::Gone => {
                format!("could be dropped: not seen; with 95 % confidence under {bound} of cookies have it")
            }
            Verdict::TooFew if self.sample == 0 => "unknown: nothing was seen".to_owned(),
            Verdict::TooFew => format!(
                "unknown: not seen, but among so few cookies up to {bound} could have it unseen (give {ENOUGH} or more)"
            ),
            Verdict::Unknown => format!(
                "unknown: {unreadable} cookies that cannot be read may have it, up to {bound}; make them readable first"
            ),
        }
    }
}

impl Verdict {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Seals => "seals",
            Self::InUse => "in_use",
            Self::Gone => "could_be_dropped",
            Self::TooFew => "sample_too_small",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(seen: u64, unopened: u64, unread: u64, sample: u64) -> (Verdict, String) {
        let evidence = Evidence { seen, unopened, unread, sample };
        (evidence.verdict(), evidence.bound())
    }

    #[test]
    fn only_a_low_bound_is_called_gone() {
        for (given, verdict, bound) in [
            ((0, 0, 0, 300), Verdict::Gone, "1.00 %"),
            ((0, 0, 0, 299), Verdict::TooFew, "1.01 %"),
            ((0, 0, 0, 0), Verdict::TooFew, "100.00 %"),
            ((1, 0, 0, 1000), Verdict::InUse, "0.30 %"),
            ((0, 1, 0, 300), Verdict::Unknown, "1.34 %"),
            ((0, 1, 0, 400), Verdict::Gone, "1.00 %"),
            ((0, 0, 1, 300), Verdict::Unknown, "1.34 %"),
            ((0, 2, 3, 800), Verdict::Gone, "1.00 %"),
            ((0, 2, 4, 800), Verdict::Unknown, "1.13 %"),
            ((0, 360, 0, 360), Verdict::Unknown, "100.00 %"),
            ((0, 1, 0, 2), Verdict::Unknown, "100.00 %"),
            ((0, 0, 1, 2), Verdict::TooFew, "100.00 %"),
            ((0, u64::MAX, u64::MAX, u64::MAX), Verdict::Unknown, "100.00 %"),
            ((0, 0, 0, u64::MAX), Verdict::Gone, "0.01 %"),
        ] {
            let (seen, unopened, unread, sample) = given;
            assert_eq!(judged(seen, unopened, unread, sample), (verdict, bound.to_owned()), "{given:?}");
        }
    }
}
