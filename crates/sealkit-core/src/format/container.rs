//! Opening and sealing by format: which keys a ring has for a container, and in which order they are tried.

use super::{
    Format, KeyShape, KeyShapeError, Opened, SealError, SealTimes,
    aes_gcm::{self, AesGcmKey, Layout},
    dotnet::{self, DotnetKey},
    envelope,
    fernet::{self, FernetKey},
    halite::{self, HaliteKey},
    iron::{self, IronKey, Suffix},
    php_signed::{self, PhpSignedKey},
    plain::{self, Encoding},
    router_cookie::{self, RouterKey},
    secretbox::{self, SecretboxKey},
    signed_json::{self, SignedJsonKey},
};
use crate::{
    CookiePassword, Detail, Key, KeyRing, MIN_PASSWORD_CHARACTERS, SecureRandom, UnixMillis,
    keyring::DEFAULT_ID,
};
use std::{borrow::Cow, time::Duration};

/// A password made ready for every container that it can be a key of. Made once, when the ring is built.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) iron: IronKey,
    router: Option<RouterKey>,
    fernet: Option<FernetKey>,
    raw: Option<AesGcmKey>,
    sha256: Option<AesGcmKey>,
    hex: Option<AesGcmKey>,
    halite: Option<HaliteKey>,
    php_signed: Option<PhpSignedKey>,
    secretbox: Option<SecretboxKey>,
    dotnet: Option<DotnetKey>,
    signed_json: Option<SignedJsonKey>,
    bytes: usize,
    /// As JavaScript counts them.
    characters: usize,
    /// A short password is a key of the formats whose SDKs take one, and of no other.
    by_format: bool,
}

/// Fewest bytes of a password that Ruby takes since 8.0.1.
const RUBY_V7_BYTES: usize = 32;

impl Prepared {
    pub(crate) fn new(password: &str) -> Self {
        Self {
            bytes: password.len(),
            characters: password.encode_utf16().count(),
            by_format: false,
            iron: IronKey::new(password),
            router: RouterKey::new(password),
            fernet: FernetKey::new(password),
            raw: AesGcmKey::raw_bytes(password),
            sha256: AesGcmKey::sha256(password),
            hex: AesGcmKey::hex(password),
            halite: HaliteKey::new(password),
            php_signed: PhpSignedKey::new(password),
            secretbox: SecretboxKey::new(password),
            dotnet: DotnetKey::new(password),
            signed_json: SignedJsonKey::new(password),
        }
    }

    /// Shorter than the formats with a rule of their own length want it, as the SDKs count.
    pub(crate) const fn is_short(&self) -> bool {
        self.characters < MIN_PASSWORD_CHARACTERS
    }

    /// Holds each format to the floor of its SDKs.
    pub(crate) const fn by_format(mut self) -> Self {
        self.by_format = true;
        self
    }

    /// Shorter than the SDKs of this format take it, where the ring keeps to that.
    pub(crate) const fn is_below_floor(&self, format: Format) -> bool {
        self.by_format && self.is_short() && format.has_floor()
    }

    /// Ruby 7.0 to 8.0.0 took any password.
    fn ruby_v7(&self) -> Option<&AesGcmKey> {
        self.sha256.as_ref().filter(|_| self.by_format || self.bytes >= RUBY_V7_BYTES)
    }

    /// Go's rule: 64 hexadecimal digits are the key itself, any other password is hashed.
    fn go(&self) -> Option<&AesGcmKey> {
        self.hex.as_ref().or(self.sha256.as_ref())
    }
}

impl Format {
    /// Checks that this format can seal with this password: it has the [`KeyShape`], its length included.
    ///
    /// # Errors
    /// [`KeyShapeError`] with the rule, and the command that makes a right one.
    pub fn check_password(self, password: &CookiePassword) -> Result<(), KeyShapeError> {
        let key = Prepared::new(password.expose_secret());
        if self.fits(&key) && self.is_long_enough(&key) {
            Ok(())
        } else {
            Err(KeyShapeError { format: self })
        }
    }

    /// The passwords of the ring that can be keys of this format, in order. For `kotlin-iron` only those that stand for the id
    /// `1`: workos-kotlin knows no other.
    pub fn keys(self, ring: &KeyRing) -> impl Iterator<Item = &Key> {
        ring.keys().iter().filter(move |key| {
            self.fits(key.prepared()) && (self != Self::KotlinIron || key.iron_id() == DEFAULT_ID)
        })
    }

    /// The password of the ring that this format seals with: the first of its [`keys`](Self::keys) that is long enough.
    #[must_use]
    pub fn sealing_key(self, ring: &KeyRing) -> Option<&Key> {
        self.keys(ring).find(|key| self.is_long_enough(key.prepared()))
    }

    /// Where the rule is a text of 32 characters, a shorter one opens at most.
    fn is_long_enough(self, key: &Prepared) -> bool {
        self.key_shape() != KeyShape::Text32 || !key.is_short()
    }

    /// Every SDK that writes it demands 32 characters. (Go, .NET and PHP's Halite never did, and Ruby does since 8.0.1.)
    const fn has_floor(self) -> bool {
        matches!(self, Self::Iron | Self::KotlinIron | Self::RrCookie | Self::SignedJson)
    }

    const fn text(self) -> Encoding {
        match self {
            Self::B64urlJson => Encoding::Base64Url,
            _ => Encoding::Text,
        }
    }

    fn fits(self, key: &Prepared) -> bool {
        if key.is_below_floor(self) {
            return false;
        }
        match self {
            Self::Iron | Self::KotlinIron => true,
            Self::RrCookie => key.router.is_some(),
            Self::PythonFernet => key.fernet.is_some(),
            Self::RubyV6 => key.raw.is_some(),
            Self::RubyV7 => key.ruby_v7().is_some(),
            Self::GoGcm => key.go().is_some(),
            Self::RustGcm => key.hex.is_some(),
            Self::PhpHalite => key.halite.is_some(),
            Self::PhpSigned => key.php_signed.is_some(),
            Self::PhpSecretbox => key.secretbox.is_some(),
            Self::DotnetGcm => key.dotnet.is_some(),
            Self::SignedJson => key.signed_json.is_some(),
            Self::PlainJson | Self::B64urlJson => false,
        }
    }

    /// Opens `value` as this format, with the passwords of the ring that can be its keys, and leaves the text that was sealed
    /// in `plaintext` (for the PHP formats with its envelope).
    ///
    /// The tag is checked before anything else is believed. Nothing is allocated when `plaintext` has room for the value; on
    /// failure it is left empty.
    ///
    /// # Errors
    /// A [`Detail`]: `malformed`, `truncated`, `tampered` (no tag fits; nobody can tell a changed value from another
    /// password), `wrong_password` (an iron seal whose id no password has), `bad_password` (no password has the shape of a
    /// key), `expired`, `not_a_session` (what is inside is not what the container holds).
    pub fn open<'r>(
        self,
        value: &str,
        ring: &'r KeyRing,
        now: UnixMillis,
        plaintext: &mut Vec<u8>,
    ) -> Result<Opened<'r>, Detail> {
        match self {
            Self::Iron | Self::KotlinIron => return iron::open(value, ring, now, plaintext),
            Self::PlainJson | Self::B64urlJson => {
                plain::open(self.text(), value, plaintext)?;
                return Ok(Opened { key: None, sealed_at: None, expires_at: None });
            }
            _ => {}
        }
        let mut outcome = Detail::BadPassword;
        for key in ring.keys() {
            let Some(result) = self.open_with(value, key.prepared(), now, plaintext) else { continue };
            match result {
                Ok(SealTimes { sealed_at, expires_at }) => {
                    return Ok(Opened { key: Some(key), sealed_at, expires_at });
                }
                // Ruby itself refuses it since 8.0.1.
                Err(Detail::Tampered) if self == Self::RubyV7 && key.is_short() => {}
                Err(Detail::Tampered) => outcome = Detail::Tampered,
                Err(detail) => return Err(detail),
            }
        }
        Err(outcome)
    }

    /// `None` when the password cannot be a key of this format.
    fn open_with(
        self,
        value: &str,
        key: &Prepared,
        now: UnixMillis,
        plaintext: &mut Vec<u8>,
    ) -> Option<Result<SealTimes, Detail>> {
        if key.is_below_floor(self) {
            return None;
        }
        Some(match self {
            Self::RrCookie => router_cookie::open(value, key.router.as_ref()?, now, plaintext),
            Self::PythonFernet => fernet::open(value, key.fernet.as_ref()?, now, plaintext),
            Self::RubyV6 => aes_gcm::open(Layout::NonceFirstInLines, value, key.raw.as_ref()?, plaintext),
            Self::RubyV7 => aes_gcm::open(Layout::Versioned, value, key.ruby_v7()?, plaintext),
            Self::GoGcm => aes_gcm::open(Layout::NonceFirst, value, key.go()?, plaintext),
            Self::RustGcm => aes_gcm::open(Layout::NonceFirst, value, key.hex.as_ref()?, plaintext),
            Self::PhpHalite => halite::open(value, key.halite.as_ref()?, now, plaintext),
            Self::PhpSigned => php_signed::open(value, key.php_signed.as_ref()?, now, plaintext),
            Self::PhpSecretbox => secretbox::open(value, key.secretbox.as_ref()?, now, plaintext),
            Self::DotnetGcm => dotnet::open(value, key.dotnet.as_ref()?, now, plaintext),
            Self::SignedJson => signed_json::open(value, key.signed_json.as_ref()?, now, plaintext),
            Self::Iron | Self::KotlinIron | Self::PlainJson | Self::B64urlJson => return None,
        })
    }

    /// Seals `plaintext` as this format, with its [`sealing_key`](Self::sealing_key). The PHP formats take it with its envelope.
    ///
    /// # Errors
    /// [`SealError`]: no password that can seal, or no random bytes.
    pub fn seal(
        self,
        plaintext: &[u8],
        ring: &KeyRing,
        now: UnixMillis,
        random: &dyn SecureRandom,
    ) -> Result<String, SealError> {
        self.seal_until(plaintext, ring, now, None, random)
    }

    /// The same with an `end` that the seal itself names. For the PHP formats it stands in the envelope ([`wrap`](Self::wrap)).
    ///
    /// # Errors
    /// [`SealError`]; [`SealError::NoEnd`] unless the format [holds an end](Self::holds_an_end).
    pub fn seal_until(
        self,
        plaintext: &[u8],
        ring: &KeyRing,
        now: UnixMillis,
        end: Option<UnixMillis>,
        random: &dyn SecureRandom,
    ) -> Result<String, SealError> {
        if end.is_some() && !self.holds_an_end() {
            return Err(SealError::NoEnd);
        }
        if !self.is_authenticated() {
            return plain::seal(self.text(), plaintext).ok_or(SealError::NotText);
        }
        let key = self.sealing_key(ring).ok_or(SealError::BadPassword)?;
        if self == Self::Iron {
            return iron::seal_with(plaintext, key.iron(), key.iron_id(), end, Suffix::Present, random);
        }
        let key = key.prepared();
        self.seal_with(plaintext, key, now, end, random).unwrap_or(Err(SealError::BadPassword))
    }

    /// The text that this format seals for a payload: for two of PHP's in an envelope with its end, `ttl` from now (zero is the
    /// 30 days that workos-php gives it).
    #[must_use]
    pub fn wrap<'p>(self, payload: &'p str, now: UnixMillis, ttl: Duration) -> Cow<'p, str> {
        let ttl = if ttl.is_zero() { envelope::DEFAULT_TTL } else { ttl };
        envelope::wrap(self, payload, now.saturating_add(ttl))
    }

    /// `None` when the password cannot be a key of this format.
    fn seal_with(
        self,
        plaintext: &[u8],
        key: &Prepared,
        now: UnixMillis,
        end: Option<UnixMillis>,
        random: &dyn SecureRandom,
    ) -> Option<Result<String, SealError>> {
        Some(match self {
            // Its reader knows this id only, and refuses the suffix.
            Self::KotlinIron => {
                iron::seal_with(plaintext, &key.iron, DEFAULT_ID, end, Suffix::Absent, random)
            }
            Self::RrCookie => router_cookie::seal(plaintext, key.router.as_ref()?, end, random),
            Self::PythonFernet => fernet::seal(plaintext, key.fernet.as_ref()?, now, random),
            Self::RubyV6 => aes_gcm::seal(Layout::NonceFirstInLines, plaintext, key.raw.as_ref()?, random),
            Self::RubyV7 => aes_gcm::seal(Layout::Versioned, plaintext, key.ruby_v7()?, random),
            Self::GoGcm => aes_gcm::seal(Layout::NonceFirst, plaintext, key.go()?, random),
            Self::RustGcm => aes_gcm::seal(Layout::NonceFirst, plaintext, key.hex.as_ref()?, random),
            Self::PhpHalite => halite::seal(plaintext, key.halite.as_ref()?, now, random),
            Self::PhpSigned => php_signed::seal(plaintext, key.php_signed.as_ref()?, now, random),
            Self::PhpSecretbox => secretbox::seal(plaintext, key.secretbox.as_ref()?, now, random),
            Self::DotnetGcm => dotnet::seal(plaintext, key.dotnet.as_ref()?, now, random),
            Self::SignedJson => signed_json::seal(plaintext, key.signed_json.as_ref()?),
            Self::Iron | Self::PlainJson | Self::B64urlJson => return None,
        })
    }
}
