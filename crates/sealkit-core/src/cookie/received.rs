//! The session that a request carried, in one cookie or in several, and which cookies those were.

use super::{
    CookieLine, MAX_CANDIDATES, Pairs,
    chunk::{self, MAX_CHUNKS, Pieces},
    decode_value, pairs,
};
use std::{borrow::Cow, fmt};

/// The values of the cookie `name` that a request carried, split or not; at most [`MAX_CANDIDATES`].
///
/// First those that stand in one cookie, in the order of the request; then those put together from pieces of ours
/// (`name.0`, `name.1`, …); then the one from pieces of iron-session 9, if it is an iron seal. However many there are in one
/// cookie, one that is put together has a place. Each is decoded as [`candidates`](super::candidates) does it; what is
/// damaged, incomplete or mixed is passed over and does not count.
///
/// `limit` is the size of a value put together, in bytes, decoded (a reader's own limit, 24 KiB by default): what is larger
/// is passed over and never allocated. Nothing is allocated for a value in one cookie that is not encoded.
pub fn values<'h, 'n, I>(lines: I, name: &'n str, limit: usize) -> Values<'h, 'n, I::IntoIter>
where
    I: IntoIterator,
    I::Item: CookieLine<'h>,
{
    Values {
        name,
        limit,
        left: MAX_CANDIDATES,
        source: Source::Request { pairs: pairs(lines), pieces: None, last: None },
    }
}

/// The values of the cookie `name` that are worth trying, split or not; at most [`MAX_CANDIDATES`].
///
/// Up to that number they are those of [`values`], in its order. Of more, those with the lower `cost` come first, whatever their
/// place in the request: so junk that another host has set hides a session only if it looks as good
/// ([`SessionReader::opening_cost`](crate::session::SessionReader::opening_cost)). A value put together from pieces has a place.
pub fn values_to_try<'h, I, C: Ord>(
    lines: I,
    name: &str,
    limit: usize,
    mut cost: impl FnMut(&str) -> C,
) -> Vec<Cow<'h, str>>
where
    I: IntoIterator,
    I::Item: CookieLine<'h>,
{
    let mut all = values(lines, name, limit);
    let mut unsplit: Vec<_> = std::iter::from_fn(|| all.unsplit()).collect();
    let mut joined: Vec<_> = all.collect();
    if unsplit.len() + joined.len() > MAX_CANDIDATES {
        for values in [&mut unsplit, &mut joined] {
            values.sort_by_cached_key(|value| cost(value));
        }
        unsplit.truncate(MAX_CANDIDATES - joined.len().min(1));
    }
    unsplit.append(&mut joined);
    unsplit.truncate(MAX_CANDIDATES);
    unsplit
}

/// Iterator of [`values`].
pub struct Values<'h, 'n, I> {
    name: &'n str,
    limit: usize,
    left: usize,
    source: Source<'h, I>,
}

enum Source<'h, I> {
    /// The request is being read.
    Request {
        pairs: Pairs<'h, I>,
        /// Boxed and absent at first: most requests have none.
        pieces: Option<Box<Pieces<'h>>>,
        /// The unsplit value that comes last, unless one from pieces takes its place.
        last: Option<Cow<'h, str>>,
    },
    /// It has been read: what was put together from pieces, and the unsplit value that gives way to it.
    Joined(std::vec::IntoIter<String>, Option<Cow<'h, str>>),
}

impl<'h, I> Values<'h, '_, I>
where
    I: Iterator,
    I::Item: CookieLine<'h>,
{
    /// The next value in one cookie; `None` when the request has been read.
    fn unsplit(&mut self) -> Option<Cow<'h, str>> {
        let Source::Request { pairs, pieces, last } = &mut self.source else { return None };
        for (found, raw) in pairs {
            if found == self.name {
                if last.is_some() {
                    continue;
                }
                match decode_value(raw) {
                    Some(value) if self.left == 1 => *last = Some(value),
                    Some(value) => return Some(value),
                    None => {}
                }
            } else if let Some(index) = chunk::index_of(found, self.name) {
                pieces.get_or_insert_default().add(index, raw);
            }
        }
        let joined: Vec<_> =
            pieces.take().iter().flat_map(|pieces| pieces.join(self.limit)).take(self.left).collect();
        self.source = Source::Joined(joined.into_iter(), last.take());
        None
    }
}

impl<'h, I> Iterator for Values<'h, '_, I>
where
    I: Iterator,
    I::Item: CookieLine<'h>,
{
    type Item = Cow<'h, str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let value = self.unsplit().or_else(|| match &mut self.source {
            Source::Request { .. } => None,
            Source::Joined(joined, last) => joined.next().map(Cow::Owned).or_else(|| last.take()),
        })?;
        self.left -= 1;
        Some(value)
    }
}

impl<I> fmt::Debug for Values<'_, '_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("name", &self.name).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Which of a session's cookies a request carried, and where it was sent: what a response has to delete when it stores the
/// session otherwise.
///
/// ```
/// use sealkit_core::cookie::Presence;
///
/// let present = Presence::of(["wos-session.0=x; wos-session.1=y; other=z"], "wos-session");
/// assert!(!present.unsplit());
/// assert_eq!(present.pieces().collect::<Vec<_>>(), [0, 1]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Presence<'r> {
    unsplit: bool,
    /// Bit i is the piece i.
    pieces: u16,
    /// How often the request carried each: bit i is the piece i, [`UNSPLIT`] the unsplit cookie.
    once: u16,
    twice: u16,
    host: Option<&'r str>,
    path: Option<&'r str>,
}

/// The bit of the unsplit cookie.
const UNSPLIT: u16 = 1 << 10;

impl<'r> Presence<'r> {
    /// No cookie at all. The default.
    pub const NONE: Self = Self { unsplit: false, pieces: 0, once: 0, twice: 0, host: None, path: None };

    /// The cookies that the request carried: `name`, and `name.0` to `name.9`, whatever their values are worth.
    #[must_use]
    pub fn of<'h, I>(lines: I, name: &str) -> Self
    where
        I: IntoIterator,
        I::Item: CookieLine<'h>,
    {
        pairs(lines).fold(Self::NONE, |present, (found, _)| {
            let bit = bit_of(found, name);
            let present =
                Self { once: present.once | bit, twice: present.twice | (present.once & bit), ..present };
            match bit {
                0 => present,
                UNSPLIT => present.with_unsplit(),
                piece => Self { pieces: present.pieces | piece, ..present },
            }
        })
    }

    /// The same, of a request that was sent to this host (the value of `Host`, with a port or without) and path: a cookie of
    /// another `Domain` or `Path` is deleted as far as they tell.
    #[must_use]
    pub const fn sent_to(self, host: Option<&'r str>, path: &'r str) -> Self {
        Self { host, path: Some(path), ..self }
    }

    /// The same, with this host if the request's own has no [`parent_domains`](super::parent_domains): behind a proxy it may be
    /// an address or a name of the private network.
    #[must_use]
    pub fn or_host(self, host: Option<&'r str>) -> Self {
        let has_domains = self.host.is_some_and(|own| super::parent_domains(own).next().is_some());
        if has_domains { self } else { Self { host, ..self } }
    }

    /// The cookie `name` itself.
    #[must_use]
    pub const fn unsplit(self) -> bool {
        self.unsplit
    }

    /// The pieces `name.0` to `name.9` that are there, ascending; of whichever library.
    pub fn pieces(self) -> impl Iterator<Item = u8> {
        (0..10).filter(move |index| self.pieces & (1 << index) != 0)
    }

    /// Nothing is there.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !self.unsplit && self.pieces == 0
    }

    /// The cookie `name` too.
    #[must_use]
    pub const fn with_unsplit(self) -> Self {
        Self { unsplit: true, ..self }
    }

    /// Every piece that a session of ours can be split into, too: for an answer to a browser that may hold more than its request
    /// told.
    #[must_use]
    pub const fn with_every_piece(self) -> Self {
        Self { pieces: self.pieces | ((1 << MAX_CHUNKS) - 1), ..self }
    }

    pub(super) const fn without_unsplit(self) -> Self {
        Self { unsplit: false, ..self }
    }

    pub(super) fn without_pieces_below(self, count: usize) -> Self {
        let kept = self.pieces().filter(|index| usize::from(*index) >= count);
        Self { pieces: kept.fold(0, |pieces, index| pieces | (1 << index)), ..self }
    }

    /// How many cookies the request carried under the name `found`, of a session called `name`; 2 stands for more, too.
    pub(super) fn count_of(self, name: &str, found: &str) -> u8 {
        let bit = bit_of(found, name);
        u8::from(self.once & bit != 0) + u8::from(self.twice & bit != 0)
    }

    pub(super) const fn host(self) -> Option<&'r str> {
        self.host
    }

    pub(super) const fn path(self) -> Option<&'r str> {
        self.path
    }
}

/// The bit of the cookie `found` among those of `name`; 0 for any other.
fn bit_of(found: &str, name: &str) -> u16 {
    if found == name { UNSPLIT } else { chunk::index_of(found, name).map_or(0, |index| 1 << index) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_try(header: &str) -> Vec<String> {
        let cost = |value: &str| usize::from(!value.starts_with("good"));
        values_to_try([header], "s", 100, cost).into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn three_values_are_tried_in_the_order_of_the_request() {
        assert_eq!(to_try("s=a; s=b; s=good"), ["a", "b", "good"]);
        assert_eq!(to_try("s=; s=%zz; s=a; t=b"), ["a"]);
    }

    #[test]
    fn of_more_values_the_cheap_ones_are_tried() {
        assert_eq!(to_try("s=a; s=b; s=c; s=good1; s=d; s=good2"), ["good1", "good2", "a"]);
        let many = "s=a; ".repeat(2000);
        assert_eq!(to_try(&format!("{many} s=good")), ["good", "a", "a"]);
    }

    #[test]
    fn value_put_together_from_pieces_has_a_place() {
        let value = "x".repeat(9000);
        let pieces = chunk::split("s", &value).unwrap();
        let pieces: Vec<_> = pieces.iter().map(|piece| format!("{}={}", piece.name, piece.value)).collect();
        let header = format!("s=good1; s=good2; s=good3; {}", pieces.join("; "));
        let cost = |value: &str| usize::from(!value.starts_with("good"));
        let tried = values_to_try([header.as_str()], "s", 10_000, cost);
        assert_eq!(tried, ["good1", "good2", value.as_str()]);
    }

    #[test]
    fn cookies_of_a_name_are_counted_up_to_two() {
        let present = Presence::of(["s=a; s=b; s.0=c", "s=d; t=e"], "s");
        let count = |found| present.count_of("s", found);
        assert_eq!([count("s"), count("s.0"), count("s.1"), count("t")], [2, 1, 0, 0]);
    }
}
