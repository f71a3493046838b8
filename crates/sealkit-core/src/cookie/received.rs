//! The session that a request carried, in one cookie or in several, and which cookies those were.

use super::{
    CookieLine, MAX_CANDIDATES, Pairs,
    chunk::{self, Pieces},
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

/// Which of a session's cookies a browser holds: what an answer has to delete when it stores the session otherwise.
///
/// ```
/// use sealkit_core::cookie::Presence;
///
/// let present = Presence::of(["wos-session.0=x; wos-session.1=y; other=z"], "wos-session");
/// assert!(!present.unsplit());
/// assert_eq!(present.pieces().collect::<Vec<_>>(), [0, 1]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Presence {
    unsplit: bool,
    /// Bit i is the piece i.
    pieces: u16,
}

impl Presence {
    /// No cookie at all. The default.
    pub const NONE: Self = Self { unsplit: false, pieces: 0 };

    /// The cookies that the request carried: `name`, and `name.0` to `name.9`, whatever their values are worth.
    #[must_use]
    pub fn of<'h, I>(lines: I, name: &str) -> Self
    where
        I: IntoIterator,
        I::Item: CookieLine<'h>,
    {
        pairs(lines).fold(Self::NONE, |present, (found, _)| {
            if found == name {
                return present.with_unsplit();
            }
            chunk::index_of(found, name).map_or(present, |index| present.with_piece(index))
        })
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

    pub(super) const fn without_unsplit(self) -> Self {
        Self { unsplit: false, ..self }
    }

    /// `index` is a digit.
    const fn with_piece(self, index: u8) -> Self {
        Self { pieces: self.pieces | 1 << index, ..self }
    }

    pub(super) fn without_pieces_below(self, count: usize) -> Self {
        self.pieces()
            .filter(|index| usize::from(*index) >= count)
            .fold(Self { pieces: 0, ..self }, Self::with_piece)
    }
}
