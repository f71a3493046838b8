//! A value too large for one cookie, cut into pieces and put together again.
//!
//! ```text
//! name.0 = ~sk1.<count>.<generation>.<text>     count: 2 to 5
//! name.i = ~sk1-<i>.<generation>.<text>         i: 1 to count - 1
//! ```
//!
//! No format begins with `~sk1`, so that a piece is never taken for a value. The generation is the start of the SHA-256 of
//! the whole value, in hexadecimal: it tells apart the pieces of two writes that a browser may hold side by side, and as it
//! is compared again after joining, a mix of them is no session in any format. It proves nothing about who wrote the value;
//! that is for the format. Every character of the marker is one that percent-encoding leaves alone.
//!
//! Pieces without a marker are those of iron-session 9 (`chunk: true`): `name.0` to `name.3`, up to the first that is
//! missing, plainly concatenated. They are read, never written, and only as an iron seal, whose MAC refuses a mix.

use super::{CookieTooLarge, Form, MAX_CANDIDATES, MAX_COOKIE_BYTES, header::unquoted, percent};
use crate::format::iron;
use aws_lc_rs::digest;
use std::fmt::Write as _;

/// Most cookies that one value is split into: together about 20 KB, more than most proxies take in a request.
pub const MAX_CHUNKS: usize = 5;

/// What every piece begins with.
const MARKER: &str = "~sk1";

/// Hexadecimal digits of a generation.
const GENERATION: usize = 16;

/// What a piece has besides its text and the name of the whole: `.0` and `~sk1.5.<generation>.`; the same for all.
const OVERHEAD: usize = ".0".len() + MARKER.len() + ".5.".len() + GENERATION + ".".len();

/// Most pieces that iron-session 9 writes and reads.
const MAX_UNMARKED: usize = 4;

/// One cookie of a split value.
pub(super) struct Chunk {
    /// `name.0`, …
    pub(super) name: String,
    /// Marker and text, not yet in their wire form.
    pub(super) value: String,
}

/// The name of a piece.
pub(super) fn name_of(name: &str, index: u8) -> String {
    format!("{name}.{index}")
}

/// Which piece of `name` is called `found`: one digit, as written by everybody.
pub(super) fn index_of(found: &str, name: &str) -> Option<u8> {
    digit(found.strip_prefix(name)?.strip_prefix('.')?)
}

/// Cuts `value` into pieces each of which, as it is written and with its name, is a cookie that browsers keep.
///
/// No cut falls inside a character or an escape.
pub(super) fn split(name: &str, value: &str, form: Form) -> Result<Vec<Chunk>, CookieTooLarge> {
    let room = MAX_COOKIE_BYTES.saturating_sub(name.len() + OVERHEAD);
    let mut texts = Vec::with_capacity(MAX_CHUNKS);
    let mut rest = value;
    while !rest.is_empty() {
        let (text, tail) = cut(rest, room, form);
        if texts.len() == MAX_CHUNKS || text.is_empty() {
            let limit = MAX_CHUNKS * MAX_COOKIE_BYTES;
            return Err(CookieTooLarge { bytes: limit + form.len(rest), limit });
        }
        texts.push(text);
        rest = tail;
    }
    let (count, generation) = (texts.len(), generation(value));
    let piece = |(index, text): (u8, &str)| Chunk {
        name: name_of(name, index),
        value: match index {
            0 => format!("{MARKER}.{count}.{generation}.{text}"),
            _ => format!("{MARKER}-{index}.{generation}.{text}"),
        },
    };
    Ok((0..).zip(texts).map(piece).collect())
}

/// The longest start of `value` that is at most `room` bytes as it is written, and the rest.
fn cut(value: &str, room: usize, form: Form) -> (&str, &str) {
    let mut bytes = 0;
    let end = value.char_indices().find_map(|(at, char)| {
        bytes += form.width(char);
        (bytes > room).then_some(at)
    });
    value.split_at(end.unwrap_or(value.len()))
}

/// The first digits of the SHA-256 of the whole value.
fn generation(value: &str) -> String {
    let hash = digest::digest(&digest::SHA256, value.as_bytes());
    hash.as_ref().iter().take(GENERATION / 2).fold(String::with_capacity(GENERATION), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The pieces of one name that a request carried: at most [`MAX_CANDIDATES`] generations of each of ours, and the first of
/// each of iron-session's.
#[derive(Default)]
pub(super) struct Pieces<'h> {
    marked: Vec<Piece<'h>>,
    unmarked: [Option<&'h str>; MAX_UNMARKED],
}

/// A piece of ours.
struct Piece<'h> {
    index: u8,
    /// Of all pieces; known of the first alone.
    count: Option<u8>,
    generation: &'h str,
    /// Still encoded.
    text: &'h str,
}

impl<'h> Pieces<'h> {
    /// Takes note of the cookie `name.index`. What is damaged, too much or there already is passed over.
    pub(super) fn add(&mut self, index: u8, raw: &'h str) {
        let raw = unquoted(raw);
        match raw.strip_prefix(MARKER) {
            Some(marked) => {
                if let Some(piece) = Piece::parse(index, marked) {
                    self.add_marked(piece);
                }
            }
            None if raw.is_empty() => {}
            None => {
                if let Some(place) = self.unmarked.get_mut(usize::from(index)) {
                    place.get_or_insert(raw);
                }
            }
        }
    }

    fn add_marked(&mut self, piece: Piece<'h>) {
        let mut same_place = self.marked.iter().filter(|known| known.index == piece.index);
        let known = same_place.clone().any(|known| known.generation == piece.generation);
        if !known && same_place.nth(MAX_CANDIDATES - 1).is_none() {
            self.marked.push(piece);
        }
    }

    /// The whole values: ours in the order of their first pieces, then iron-session's; none longer than `limit` bytes.
    pub(super) fn join(&self, limit: usize) -> impl Iterator<Item = String> {
        self.marked
            .iter()
            .filter_map(move |head| self.joined(head, limit))
            .chain(std::iter::once_with(move || self.joined_unmarked(limit)).flatten())
    }

    fn joined(&self, head: &Piece<'h>, limit: usize) -> Option<String> {
        let tail = |index| {
            let of_it = |piece: &&Piece<'h>| piece.index == index && piece.generation == head.generation;
            self.marked.iter().find(of_it).map(|piece| piece.text)
        };
        let mut texts = vec![head.text];
        for index in 1..head.count? {
            texts.push(tail(index)?);
        }
        concatenate(&texts, limit).filter(|value| generation(value) == head.generation)
    }

    fn joined_unmarked(&self, limit: usize) -> Option<String> {
        let texts: Vec<_> = self.unmarked.iter().map_while(|text| *text).collect();
        concatenate(&texts, limit).filter(|value| value.starts_with(iron::PREFIX))
    }
}

impl<'h> Piece<'h> {
    /// `marked` is what follows the marker, in a cookie `name.index`.
    fn parse(index: u8, marked: &'h str) -> Option<Self> {
        let fields = marked.strip_prefix(if index == 0 { '.' } else { '-' })?;
        let mut fields = fields.splitn(3, '.');
        let (number, generation, text) = (digit(fields.next()?)?, fields.next()?, fields.next()?);
        let fits = match index {
            0 => (2..=MAX_CHUNKS).contains(&usize::from(number)),
            _ => number == index && usize::from(index) < MAX_CHUNKS,
        };
        let count = (index == 0).then_some(number);
        (fits && is_generation(generation)).then_some(Self { index, count, generation, text })
    }
}

/// One digit and nothing else.
fn digit(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        _ => None,
    }
}

fn is_generation(text: &str) -> bool {
    text.len() == GENERATION && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Decoded and put together. The size is known, and refused, before a byte of it is allocated.
fn concatenate(texts: &[&str], limit: usize) -> Option<String> {
    let bytes = texts.iter().map(|text| percent::decoded_len(text)).sum();
    if bytes > limit {
        return None;
    }
    let mut whole = String::with_capacity(bytes);
    for text in texts {
        whole.push_str(&percent::decode(text)?);
    }
    (!whole.is_empty()).then_some(whole)
}
