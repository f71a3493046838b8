//! Reading the `Cookie` header: hostile input, bounded work, no allocation for what is not encoded.

use super::percent;
use crate::split;
use std::{borrow::Cow, fmt};

/// Bytes of all `Cookie` lines of a request that are read. A pair that does not end within them is not seen.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// How many values of one name are handed out.
pub const MAX_CANDIDATES: usize = 3;

/// One `Cookie` header line, as text or as the bytes that an HTTP library holds.
pub trait CookieLine<'h>: private::Line<'h> {}

impl<'h> CookieLine<'h> for &'h str {}
impl<'h> CookieLine<'h> for &'h [u8] {}

mod private {
    pub trait Line<'h> {
        fn bytes(self) -> &'h [u8];
    }

    impl<'h> Line<'h> for &'h str {
        fn bytes(self) -> &'h [u8] {
            self.as_bytes()
        }
    }

    impl<'h> Line<'h> for &'h [u8] {
        fn bytes(self) -> &'h [u8] {
            self
        }
    }
}

/// The values of the cookies that are called exactly `name`, in the order of the request, at most [`MAX_CANDIDATES`].
///
/// For a cookie that is never split; a session's are read by [`values`](super::values).
///
/// Each is percent-decoded once, with one pair of double quotes taken off; `+` is a plus. What is empty, has a malformed
/// escape or does not decode to UTF-8 is passed over and does not count. Several candidates are normal (a cookie of the
/// host and one of its parent domain): the caller takes the one that opens.
pub fn candidates<'h, 'n, I>(lines: I, name: &'n str) -> Candidates<'h, 'n, I::IntoIter>
where
    I: IntoIterator,
    I::Item: CookieLine<'h>,
{
    Candidates { pairs: pairs(lines), name, left: MAX_CANDIDATES }
}

/// Every `name=value` pair of the `Cookie` lines in order, trimmed, the value still encoded (for [`decode_value`]).
///
/// Pieces without `=`, without a name, or that are not UTF-8 are passed over.
pub fn pairs<'h, I>(lines: I) -> Pairs<'h, I::IntoIter>
where
    I: IntoIterator,
    I::Item: CookieLine<'h>,
{
    Pairs { lines: lines.into_iter(), rest: &[], budget: MAX_HEADER_BYTES }
}

/// A raw cookie value made readable: one pair of double quotes off, percent-decoded once. `None` if it is empty or malformed.
#[must_use]
pub fn decode_value(raw: &str) -> Option<Cow<'_, str>> {
    percent::decode(unquoted(raw)).filter(|value| !value.is_empty())
}

/// A cookie value as it stands in a header: percent-encoded as JavaScript's `encodeURIComponent` does it.
///
/// ```
/// use sealkit_core::cookie::{decode_value, encode_value};
///
/// assert_eq!(encode_value("a+b\n"), "a%2Bb%0A");
/// assert_eq!(decode_value("a%2Bb%0A").as_deref(), Some("a+b\n"));
/// ```
#[must_use]
pub fn encode_value(value: &str) -> String {
    let mut encoded = String::with_capacity(percent::encoded_len(value));
    percent::encode_into(&mut encoded, value);
    encoded
}

/// Without one pair of double quotes, if it has one.
pub(super) fn unquoted(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(raw)
}

/// Iterator of [`candidates`].
pub struct Candidates<'h, 'n, I> {
    pairs: Pairs<'h, I>,
    name: &'n str,
    left: usize,
}

impl<'h, I> Iterator for Candidates<'h, '_, I>
where
    I: Iterator,
    I::Item: CookieLine<'h>,
{
    type Item = Cow<'h, str>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = self.name;
        self.pairs.find_map(|(found, raw)| if found == name { decode_value(raw) } else { None })
    }
}

impl<I> fmt::Debug for Candidates<'_, '_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidates").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Iterator of [`pairs`].
pub struct Pairs<'h, I> {
    lines: I,
    rest: &'h [u8],
    budget: usize,
}

impl<'h, I> Iterator for Pairs<'h, I>
where
    I: Iterator,
    I::Item: CookieLine<'h>,
{
    type Item = (&'h str, &'h str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                if self.budget == 0 {
                    return None;
                }
                let line = private::Line::bytes(self.lines.next()?);
                self.rest = within(line, self.budget);
                // The separator counts too, so that endless empty lines end.
                self.budget = self.budget.saturating_sub(line.len() + 1);
            }
            let (piece, rest) = match memchr::memchr(b';', self.rest) {
                Some(end) => (self.rest.get(..end), self.rest.get(end + 1..)),
                None => (Some(self.rest), None),
            };
            self.rest = rest.unwrap_or_default();
            let piece = piece.unwrap_or_default();
            if let Some(pair) = parse(piece) {
                return Some(pair);
            }
        }
    }
}

impl<I> fmt::Debug for Pairs<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairs").finish_non_exhaustive()
    }
}

/// The pairs of `line` that end within `budget` bytes: a value cut in two must never be read as a value.
fn within(line: &[u8], budget: usize) -> &[u8] {
    match line.get(..budget) {
        None => line,
        Some(head) if head.len() == line.len() => line,
        Some(head) => head.rsplitn(2, |b| *b == b';').nth(1).unwrap_or_default(),
    }
}

fn parse(piece: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = split::at_first(simdutf8::basic::from_utf8(piece).ok()?, b'=')?;
    let (name, value) = (name.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']));
    if name.is_empty() { None } else { Some((name, value)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(header: &str) -> Vec<String> {
        candidates([header], "wos-session").map(Cow::into_owned).collect()
    }

    /// The 18 headers of the table, and what is read here. Where the three libraries agree, so do we.
    #[test]
    fn the_table_of_cookie_headers_is_read_as_decided() {
        let tables: serde_json::Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../vectors/tables.json"
        )))
        .unwrap();
        let rows = tables["cookie_header"].as_array().unwrap();
        // (header, ours, why it is not what everybody says)
        let decided: [(&str, &[&str], &str); 8] = [
            ("wos-session=%zz", &[], "a malformed escape: skipped, as Next.js does"),
            ("wos-session=\"quoted\"", &["quoted"], "one pair of quotes is stripped, as cookie 0.7 does"),
            (
                "wos-session=first; wos-session=second",
                &["first", "second"],
                "both are candidates, in order; the one that opens wins",
            ),
            ("wos-session=", &[], "an empty value is no cookie"),
            ("wos-session", &[], "no value is no cookie, as in cookie 0.7 and 1.1"),
            ("Wos-Session=x", &[], "names are case-sensitive"),
            (" wos-session =x", &["x"], "whitespace around the name is trimmed, as in cookie 0.7 and 1.1"),
            ("wos-session=x;wos-session2=y", &["x"], "a longer name is another name"),
        ];
        assert_eq!(rows.len(), 18);
        let mut differing = 0;
        for row in rows {
            let header = row["header"].as_str().unwrap();
            if let Some((_, ours, why)) = decided.iter().find(|(known, ..)| *known == header) {
                assert_eq!(read(header), *ours, "{header}: {why}");
                differing += 1;
                continue;
            }
            let everybody = row["next15"].as_str().unwrap();
            assert_eq!(row["cookie@1.1.1"].as_str(), Some(everybody), "{header} is not unanimous");
            assert_eq!(row["cookie@0.7.2"].as_str(), Some(everybody), "{header} is not unanimous");
            assert_eq!(read(header), [everybody], "{header}");
        }
        assert_eq!(differing, decided.len(), "a row of the decision is not in the table");
    }

    #[test]
    fn nothing_is_allocated_for_a_value_that_is_not_encoded() {
        let found: Vec<_> = candidates(["wos-session=Fe26.2*1*a~2"], "wos-session").collect();
        assert!(matches!(found.as_slice(), [Cow::Borrowed("Fe26.2*1*a~2")]));
    }

    #[test]
    fn several_lines_are_one_header_and_bytes_are_taken_as_they_come() {
        let lines: [&[u8]; 3] = [b"a=1; wos-session=x", b"b=\xff; wos-session=\xff", b"wos-session=y;"];
        let found: Vec<_> = candidates(lines, "wos-session").collect();
        assert_eq!(found, ["x", "y"]);
    }

    #[test]
    fn at_most_three_values_are_handed_out_and_broken_ones_do_not_count() {
        let header = "s=%; s=; s=1; s=%ff; s=2; s=3; s=4";
        assert_eq!(candidates([header], "s").collect::<Vec<_>>(), ["1", "2", "3"]);
    }

    #[test]
    fn a_line_feed_inside_a_value_survives_as_ruby_writes_it() {
        assert_eq!(read("wos-session=abc%0Adef%0A"), ["abc\ndef\n"]);
    }

    #[test]
    fn a_pair_beyond_the_limit_is_not_seen_and_never_seen_in_part() {
        let filler = format!("f={}", "x".repeat(MAX_HEADER_BYTES - 20));
        let inside = format!("{filler}; s=yes");
        assert_eq!(candidates([inside.as_str()], "s").collect::<Vec<_>>(), ["yes"]);
        let across = format!("{filler}; s={}", "y".repeat(100));
        assert_eq!(candidates([across.as_str()], "s").count(), 0);
        assert_eq!(candidates([filler.as_str(), across.as_str(), "s=late"], "s").count(), 0);
        assert_eq!(pairs(std::iter::repeat_n("", 10_000_000)).count(), 0);
    }

    #[test]
    fn ten_thousand_cookies_cost_no_more_than_the_limit() {
        let header = "wos-session=%zz;".repeat(10_000);
        assert_eq!(read(&header), Vec::<String>::new());
        assert!(pairs([header.as_str()]).count() <= MAX_HEADER_BYTES / 16);
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", candidates(["wos-session=secret"], "wos-session"));
        assert_eq!(shown, "Candidates { name: \"wos-session\", .. }");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(
            lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..6),
        ) {
            let lines = lines.iter().map(Vec::as_slice);
            for (name, value) in pairs(lines.clone()) {
                prop_assert!(!name.is_empty() && !name.contains([';', '=']) && !value.contains(';'));
                prop_assert!(candidates(lines.clone(), name).count() <= MAX_CANDIDATES);
            }
        }

        #[test]
        fn cookie_like_text_is_read_without_harm(header in "([ ;=%\"a+]|%41|s=){0,60}") {
            for value in candidates([header.as_str()], "s") {
                prop_assert!(!value.is_empty());
            }
        }
    }
}
