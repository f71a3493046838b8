//! `Fe26.2`: the seal of every JavaScript WorkOS library.
//!
//! ```text
//! Fe26.2 * passwordId * encSalt * iv * ciphertext * expiration * macSalt * mac [~2]
//! ```
//!
//! AES-256-CBC under a key derived from the password and `encSalt`, then HMAC-SHA-256 over the text of the first six
//! parts under a key derived from the password and `macSalt`. Both derivations are PBKDF2-HMAC-SHA-1 with one round
//! over the ASCII text of the salt. The suffix is not covered by the MAC; it is accepted as `~2` or absent, and means
//! nothing. Source: `@hapi/iron` 7.0.1, iron-webcrypto 2.0.0, `@workos-inc/node` 11.0.0.

mod key;
#[cfg(test)]
pub(super) mod testing;

pub(crate) use key::IronKey;

use super::{Format, Opened, SealError, SealTimes};
use crate::{
    Detail, KeyRing, SecureRandom, UnixMillis,
    base64::{URL_SAFE_NO_PAD, decode_into},
    constant_time_eq, keyring, split,
};
use aes::Aes256;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use key::DerivedKey;
use std::time::Duration;

/// What every seal of this format begins with.
pub const PREFIX: &str = "Fe26.2*";

/// The suffix that iron-session, and with it every WorkOS library, appends.
pub(super) const SUFFIX: &str = "~2";

/// A seal outlives its expiration by this much; the libraries' `timestampSkewSec` default.
const EXPIRATION_SKEW: Duration = Duration::from_secs(60);

/// Whether a seal ends in [`SUFFIX`]: the JavaScript libraries write it, Kotlin cannot read a seal that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suffix {
    Present,
    Absent,
}

/// Where a seal without an id is looked up.
const EMPTY_ID: &str = "default";

/// Salts are written as 64 characters of hexadecimal text.
const SALT: usize = 64;

/// Seals `plaintext` with the ring's first password (of 32 characters at least), as `@workos-inc/node` 11 does: lower-case hex salts, suffix `~2`.
///
/// `expires` is written into the seal in milliseconds; WorkOS session seals have none.
///
/// # Errors
/// [`SealError`]: no or too short a password, or no random bytes.
pub fn seal(
    plaintext: &[u8],
    ring: &KeyRing,
    expires: Option<UnixMillis>,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let key = Format::Iron.sealing_key(ring).ok_or(SealError::BadPassword)?;
    seal_with(plaintext, key.iron(), key.iron_id(), expires, Suffix::Present, random)
}

/// Seals `plaintext` with this key under this id, as [`seal`] does with a ring.
///
/// # Errors
/// [`SealError`]: no random bytes.
pub(super) fn seal_with(
    plaintext: &[u8],
    key: &IronKey,
    id: &str,
    expires: Option<UnixMillis>,
    suffix: Suffix,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let (mut enc_salt, mut iv, mut mac_salt) = ([0; 32], [0; 16], [0; 32]);
    random.fill(&mut enc_salt)?;
    random.fill(&mut iv)?;
    random.fill(&mut mac_salt)?;

    let blocks = plaintext.len() / 16 + 1;
    let mut out = String::with_capacity(PREFIX.len() + id.len() + 2 * SALT + 22 + blocks * 22 + 20 + 43 + 9);
    out.push_str(PREFIX);
    out.push_str(id);
    out.push('*');
    let encryption_key = key.derive(&push_hex(&mut out, &enc_salt));
    out.push('*');
    URL_SAFE_NO_PAD.encode_append(iv, &mut out);
    out.push('*');
    let mut ciphertext = vec![0; blocks * 16];
    if let Some(start) = ciphertext.get_mut(..plaintext.len()) {
        start.copy_from_slice(plaintext);
    }
    cbc::Encryptor::<Aes256>::new(encryption_key.as_bytes().into(), &iv.into())
        .encrypt_padded::<Pkcs7>(&mut ciphertext, plaintext.len())
        .map_err(|_| SealError::Crypto)?;
    URL_SAFE_NO_PAD.encode_append(&ciphertext, &mut out);
    out.push('*');
    if let Some(expires) = expires {
        out.push_str(&expires.as_millis().to_string());
    }
    let signed = out.len();
    out.push('*');
    let mac_key = key.derive(&push_hex(&mut out, &mac_salt));
    let tag = mac_key.mac(out.get(..signed).unwrap_or_default());
    out.push('*');
    URL_SAFE_NO_PAD.encode_append(tag, &mut out);
    if suffix == Suffix::Present {
        out.push_str(SUFFIX);
    }
    Ok(out)
}

/// Opens `value` with the passwords of the ring that answer to its id, and leaves the plaintext in `plaintext`.
///
/// The MAC is checked before anything else is believed, the expiration included (the libraries look at the time first).
/// Nothing is allocated when `plaintext` has room for the value. On failure it is left empty.
///
/// # Errors
/// A [`Detail`]: `malformed`, `truncated`, `wrong_password` (no password of that id), `tampered` (no tag fits),
/// `expired` (60 s after the written time), `bad_password` (only passwords under 32 characters answer to the id).
pub fn open<'r>(
    value: &str,
    ring: &'r KeyRing,
    now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<Opened<'r>, Detail> {
    plaintext.clear();
    let seal = Seal::parse(value)?;
    let id = if seal.id.is_empty() { EMPTY_ID } else { seal.id };
    let mut outcome = Detail::WrongPassword;
    for key in ring.named(id) {
        if key.prepared().is_below_floor(Format::Iron) {
            if outcome == Detail::WrongPassword {
                outcome = Detail::BadPassword;
            }
            continue;
        }
        if !seal.is_authentic(key.iron()) {
            outcome = if key.is_short() { Detail::BadPassword } else { Detail::Tampered };
            continue;
        }
        let SealTimes { sealed_at, expires_at } = open_authentic(&seal, key.iron(), now, plaintext)?;
        return Ok(Opened { key: Some(key), sealed_at, expires_at });
    }
    Err(outcome)
}

/// Opens `value` with this key, as [`open`] does with a ring: `wrong_password` unless the seal names this id.
///
/// # Errors
/// A [`Detail`]: `malformed`, `truncated`, `wrong_password`, `tampered`, `expired`.
pub(super) fn open_with(
    value: &str,
    key: &IronKey,
    id: &str,
    now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    let seal = Seal::parse(value)?;
    if seal.id != id {
        return Err(Detail::WrongPassword);
    }
    if !seal.is_authentic(key) {
        return Err(Detail::Tampered);
    }
    open_authentic(&seal, key, now, plaintext)
}

/// Opens a seal whose MAC is right: its time, then its text.
fn open_authentic(
    seal: &Seal<'_>,
    key: &IronKey,
    now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    if seal.expires.is_some_and(|at| at <= now.saturating_sub(EXPIRATION_SKEW)) {
        return Err(Detail::Expired);
    }
    decrypt(seal, &key.derive(seal.enc_salt), plaintext).inspect_err(|_| plaintext.clear())?;
    Ok(SealTimes { sealed_at: None, expires_at: seal.expires })
}

fn decrypt(seal: &Seal<'_>, key: &DerivedKey, plaintext: &mut Vec<u8>) -> Result<(), Detail> {
    let mut iv = [0; 16];
    if decode_into(&URL_SAFE_NO_PAD, seal.iv, &mut iv).map(<[u8]>::len) != Some(16) {
        return Err(Detail::Malformed);
    }
    URL_SAFE_NO_PAD.decode_append(seal.ciphertext, plaintext).map_err(|_| Detail::Malformed)?;
    let length = cbc::Decryptor::<Aes256>::new(key.as_bytes().into(), &iv.into())
        .decrypt_padded::<Pkcs7>(plaintext)
        .map_err(|_| Detail::Malformed)?
        .len();
    plaintext.truncate(length);
    Ok(())
}

/// The parts of a seal, borrowed from its text; nothing in it has been believed yet.
struct Seal<'a> {
    id: &'a str,
    enc_salt: &'a [u8; SALT],
    iv: &'a str,
    ciphertext: &'a str,
    expires: Option<UnixMillis>,
    mac_salt: &'a [u8; SALT],
    mac: [u8; 32],
    /// The text that the MAC covers.
    signed: &'a str,
}

impl<'a> Seal<'a> {
    fn parse(value: &'a str) -> Result<Self, Detail> {
        // Any other suffix stays with the MAC, which is then no base64url of 32 bytes.
        let body = value.strip_suffix(SUFFIX).unwrap_or(value);
        let rest = body.strip_prefix(PREFIX).ok_or(Detail::Malformed)?;
        // From both ends, so that only one pass is made over the ciphertext.
        let (id, rest) = split::at_first(rest, b'*').ok_or(Detail::Truncated)?;
        let (enc_salt, rest) = split::at_first(rest, b'*').ok_or(Detail::Truncated)?;
        let (iv, rest) = split::at_first(rest, b'*').ok_or(Detail::Truncated)?;
        let (rest, mac) = split::at_last(rest, b'*').ok_or(Detail::Truncated)?;
        let (rest, mac_salt) = split::at_last(rest, b'*').ok_or(Detail::Truncated)?;
        let (ciphertext, expiration) = split::at_last(rest, b'*').ok_or(Detail::Truncated)?;
        if memchr::memchr(b'*', ciphertext.as_bytes()).is_some() || !(id.is_empty() || keyring::is_word(id)) {
            return Err(Detail::Malformed);
        }
        let (enc_salt, mac_salt) = (salt(enc_salt)?, salt(mac_salt)?);
        let expires = match expiration {
            "" => None,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(UnixMillis::from_millis(digits.parse().map_err(|_| Detail::Malformed)?))
            }
            _ => return Err(Detail::Malformed),
        };
        let mut tag = [0; 32];
        if mac.len() < 43 {
            return Err(Detail::Truncated);
        }
        if decode_into(&URL_SAFE_NO_PAD, mac, &mut tag).map(<[u8]>::len) != Some(32) {
            return Err(Detail::Malformed);
        }
        let signed = body.get(..body.len() - mac.len() - SALT - 2).ok_or(Detail::Malformed)?;
        Ok(Self { id, enc_salt, iv, ciphertext, expires, mac_salt, mac: tag, signed })
    }

    fn is_authentic(&self, key: &IronKey) -> bool {
        constant_time_eq(&key.derive(self.mac_salt).mac(self.signed), &self.mac)
    }
}

fn salt(text: &str) -> Result<&[u8; SALT], Detail> {
    let salt: &[u8; SALT] = text.as_bytes().try_into().map_err(|_| Detail::Malformed)?;
    // Without a way out of the loop, so that it becomes a handful of vector instructions.
    let is_hex = salt.iter().fold(true, |hex, b| hex & b.is_ascii_hexdigit());
    is_hex.then_some(salt).ok_or(Detail::Malformed)
}

/// Appends and returns the text of a salt: lower-case hexadecimal.
fn push_hex(out: &mut String, bytes: &[u8; 32]) -> [u8; SALT] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; SALT];
    for (to, byte) in text.chunks_exact_mut(2).zip(bytes) {
        for (to, digit) in to.iter_mut().zip([byte >> 4, byte & 0xf]) {
            *to = DIGITS.get(usize::from(digit)).copied().unwrap_or_default();
        }
    }
    out.extend(text.map(char::from));
    text
}
