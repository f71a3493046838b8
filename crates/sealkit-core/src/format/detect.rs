//! Telling formats apart by shape: which containers a value may be, in the order in which they are to be tried.
//!
//! Nothing here is believed: a shape only says which keys are worth trying, and every candidate but the unsealed ones carries
//! an authentication tag that decides. An unsealed format never comes after a sealed one, so a value that looks sealed and
//! fails is never read as unsealed.

use super::{Format, iron, signed_json};
use crate::base64::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD, decode_into};
use base64_simd::Base64;
use std::{borrow::Cow, fmt};

/// What `php-halite` begins with: its magic bytes in base64, twice.
const HALITE: &str = "TVVJRUF";

/// `{"p":"` in base64.
const PHP_SIGNED: &str = "eyJwIjoi";

/// `{"` in base64.
const JSON: &str = "eyJ";

/// What every Fernet token begins with until the year 2106.
const FERNET: &str = "gAAAAA";

/// Bytes of a nonce and a tag of AES-GCM: nothing is shorter.
const NONCE_AND_TAG: usize = 28;

/// Most formats that one value can be.
const MOST: usize = 7;

/// The formats that a value may be, in the order in which they are to be tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Candidates {
    formats: [Option<Format>; MOST],
}

impl Candidates {
    fn of(formats: impl IntoIterator<Item = Format>) -> Self {
        let mut all = [None; MOST];
        for (slot, format) in all.iter_mut().zip(formats) {
            *slot = Some(format);
        }
        Self { formats: all }
    }

    /// The formats, in order.
    pub fn iter(&self) -> impl Iterator<Item = Format> + use<> {
        self.formats.into_iter().flatten()
    }

    /// True when the value has the shape of no format.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl fmt::Debug for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Format::id)).finish()
    }
}

/// What a percent-decoded cookie value may be, by its shape alone. Linear in its length, and without any crypto.
#[must_use]
pub fn detect(value: &str) -> Candidates {
    if let Some(format) = by_prefix(value) {
        return Candidates::of([format]);
    }
    if let Some(body) = value.strip_suffix("~2") {
        let fits = decoded_length(&STANDARD, body).is_some_and(|bytes| bytes >= 16 + NONCE_AND_TAG);
        return Candidates::of(fits.then_some(Format::DotnetGcm));
    }
    if let Some((body, mac)) = value.rsplit_once('.') {
        let fits = body.starts_with(JSON) && mac.len() == 43 && decoded_length(&STANDARD, body).is_some();
        return Candidates::of(fits.then_some(Format::RrCookie));
    }
    let is_fernet = has_first_byte(value, 0x80)
        && decoded_length(&URL_SAFE, value).is_some_and(|bytes| bytes >= 73 && (bytes - 57) % 16 == 0);
    if is_fernet && value.starts_with(FERNET) {
        return Candidates::of([Format::PythonFernet]);
    }
    let is_json = value.starts_with(JSON) && decoded_length(&URL_SAFE_NO_PAD, value).is_some();
    let fernet = is_fernet.then_some(Format::PythonFernet);
    let json = is_json.then_some(Format::B64urlJson);
    Candidates::of(fernet.into_iter().chain(json).chain(by_tag(value)))
}

fn by_prefix(value: &str) -> Option<Format> {
    match value {
        // The suffix is not signed, and opens nothing: whose a seal is, its payload says.
        _ if value.starts_with(iron::PREFIX) && !value.ends_with(iron::SUFFIX) => Some(Format::KotlinIron),
        _ if value.starts_with(iron::PREFIX) => Some(Format::Iron),
        _ if value.starts_with('{') => Some(Format::PlainJson),
        _ if value.starts_with(signed_json::PREFIX) => Some(Format::SignedJson),
        _ if value.starts_with(HALITE) => Some(Format::PhpHalite),
        _ if value.starts_with(PHP_SIGNED) => Some(Format::PhpSigned),
        _ => None,
    }
}

/// The containers that are nothing but a nonce, a ciphertext and a tag in base64: only a key tells them apart.
///
/// Line feeds are Ruby's, and mark its old seals while they survive. Its new ones begin with the byte 1, and so does one in 256
/// of the others.
fn by_tag(value: &str) -> impl Iterator<Item = Format> {
    let line = one_line(value);
    let fits = decoded_length(&STANDARD, &line).is_some_and(|bytes| bytes >= NONCE_AND_TAG);
    let in_lines = matches!(line, Cow::Owned(_));
    let formats: &[Format] = match (fits, in_lines) {
        (false, _) => &[],
        (true, true) => &[Format::RubyV6],
        (true, false) if has_first_byte(value, 1) => {
            &[Format::RubyV7, Format::RustGcm, Format::GoGcm, Format::RubyV6, Format::PhpSecretbox]
        }
        (true, false) => &[Format::RustGcm, Format::GoGcm, Format::RubyV6, Format::PhpSecretbox],
    };
    formats.iter().copied()
}

/// The text without its line ends.
fn one_line(value: &str) -> Cow<'_, str> {
    match memchr::memchr2(b'\n', b'\r', value.as_bytes()) {
        None => Cow::Borrowed(value),
        Some(_) => Cow::Owned(value.replace(['\r', '\n'], "")),
    }
}

/// How many bytes the text stands for, if it is canonical.
fn decoded_length(alphabet: &Base64, text: &str) -> Option<usize> {
    alphabet.check(text.as_bytes()).ok()?;
    alphabet.decoded_length(text.as_bytes()).ok()
}

/// True when the first byte that the base64 text stands for is `byte`, in either alphabet.
fn has_first_byte(value: &str, byte: u8) -> bool {
    let Some(start) = value.get(..4) else { return false };
    [&URL_SAFE, &STANDARD].into_iter().any(|alphabet| {
        decode_into(alphabet, start, &mut [0; 3]).and_then(|bytes| bytes.first()) == Some(&byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(value: &str) -> Vec<&'static str> {
        detect(value).iter().map(Format::id).collect()
    }

    #[test]
    fn an_unsealed_format_never_comes_after_a_sealed_one() {
        let json = URL_SAFE_NO_PAD.encode_to_string([b"{\"a".as_slice(), &[0; 39]].concat());
        assert_eq!(ids(&json), ["b64url-json", "rust-gcm", "go-gcm", "ruby-v6", "php-secretbox"]);
        assert_eq!(ids("{}"), ["plain-json"]);
        assert_eq!((ids("Fe26.2*{}"), ids("Fe26.2*{}~2")), (vec!["kotlin-iron"], vec!["iron"]));
        assert_eq!(ids("sj1.{}"), ["signed-json"]);
    }

    #[test]
    fn what_has_no_shape_is_nothing() {
        for value in
            ["", "x", "eyJh.eyJh.c2ln", "Fe26.2%2A1", "hello world", "abc~2", "gAAAAA==", "é", "\n\n"]
        {
            assert!(detect(value).is_empty(), "{value:?}: {:?}", detect(value));
        }
    }

    #[test]
    fn the_first_byte_1_puts_the_newer_ruby_first_and_line_feeds_leave_the_older_alone() {
        let of = |first: u8| STANDARD.encode_to_string([&[first], [7; 40].as_slice()].concat());
        assert_eq!(ids(&of(1))[0], "ruby-v7");
        assert!(!ids(&of(0)).contains(&"ruby-v7") && !ids(&of(2)).contains(&"ruby-v7"));
        let mut lines = of(1);
        lines.insert(20, '\n');
        assert_eq!(ids(&lines), ["ruby-v6"]);
    }
}
