//! The containers that WorkOS SDKs seal a session in: one file each, and the table of what is true of them.

mod aes_gcm;
mod container;
mod detect;
mod dotnet;
pub(crate) mod envelope;
mod fernet;
mod foreign;
mod halite;
pub mod iron;
mod key_shape;
mod lenient;
mod php_signed;
mod plain;
mod router_cookie;
mod secretbox;
mod set;
mod signed_json;
#[cfg(test)]
mod testing;

pub(crate) use container::Prepared;
pub use detect::{Candidates, detect};
pub use foreign::ForeignCookie;
pub use key_shape::{KeyShape, KeyShapeError};
pub use set::FormatSet;

use crate::{Key, RandomUnavailable, UnixMillis, casing::Style};
use std::{fmt, str::FromStr};

macro_rules! formats {
    ($($variant:ident $id:literal $shape:ident $style:ident $protection:ident $cost:ident $wire:ident $writer:literal;)*) => {
        /// A container, by who writes it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Format {
            $(#[doc = concat!("`", $id, "`: ", $writer, ".")] $variant,)*
        }

        impl Format {
            /// Every format.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable id.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// Who writes it.
            #[must_use]
            pub const fn writer(self) -> &'static str {
                match self { $(Self::$variant => $writer,)* }
            }

            /// What its passwords look like.
            #[must_use]
            pub const fn key_shape(self) -> KeyShape {
                match self { $(Self::$variant => KeyShape::$shape,)* }
            }

            /// How its payload's members are named.
            #[must_use]
            pub const fn style(self) -> Style {
                match self { $(Self::$variant => Style::$style,)* }
            }

            /// What it does for the payload.
            #[must_use]
            pub const fn protection(self) -> Protection {
                match self { $(Self::$variant => Protection::$protection,)* }
            }

            /// What an attempt to open it costs.
            #[must_use]
            pub const fn cost(self) -> Cost {
                match self { $(Self::$variant => Cost::$cost,)* }
            }

            /// The form in which its values are written into `Set-Cookie`.
            #[must_use]
            pub const fn wire(self) -> Wire {
                match self { $(Self::$variant => Wire::$wire,)* }
            }
        }
    };
}

formats! {
    Iron "iron" Text32 Camel Sealed Cheap Token "@workos-inc/node 7.15 and later, authkit-nextjs, authkit-session";
    KotlinIron "kotlin-iron" Text32 KotlinMixed Sealed Cheap Token "workos-kotlin 5.0 and later";
    RrCookie "rr-cookie" Text32 Camel Sealed Cheap Encoded "authkit-react-router, authkit-remix";
    PythonFernet "python-fernet" FernetKey Snake Sealed Cheap Raw "workos (PyPI) 5.10 and later";
    RubyV6 "ruby-v6" Bytes32 Ruby6 Sealed Cheap Encoded "workos (Ruby) 5.7 to 6.x";
    RubyV7 "ruby-v7" Text32 Snake Sealed Cheap Encoded "workos (Ruby) 7.0 and later";
    GoGcm "go-gcm" Text32 Snake Sealed Cheap Raw "workos-go 7.0 and later";
    RustGcm "rust-gcm" Hex64 Snake Sealed Cheap Raw "the crate workos 3.x";
    PhpHalite "php-halite" Text32 Snake Sealed Cheap Encoded "workos-php 4.30 to 4.32";
    PhpSigned "php-signed" Text32 Snake Signed Cheap Encoded "workos-php 4.30 to 4.32, the signing-only class";
    PhpSecretbox "php-secretbox" Base64Key Snake Sealed Cheap Encoded "workos-php 5.0 and later";
    DotnetGcm "dotnet-gcm" Text32 Snake Sealed Costly Encoded "workos.net 3.0 and later";
    SignedJson "signed-json" Text32 Camel Signed Cheap Encoded "sealkit: readable JSON that nobody can change";
    PlainJson "plain-json" Unneeded Camel Open Cheap Encoded "open branches of authkit-nextjs and authkit-session";
    B64urlJson "b64url-json" Unneeded Camel Open Cheap Token "an open branch of authkit-session";
}

/// What a container does for the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Encrypted and authenticated.
    Sealed,
    /// Authenticated, and readable by the visitor.
    Signed,
    /// Nothing: everything but the access token is the visitor's own claim.
    Open,
}

/// What an attempt to open a value costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cost {
    /// Microseconds.
    Cheap,
    /// A hundred thousand rounds of key derivation: tens of milliseconds for each value and password that anybody sends.
    Costly,
}

/// The form in which a session is written into `Set-Cookie`: the one that the servers of the format's language expect. Reading
/// takes both forms.
///
/// Found by running the servers: Python's and Go's and the JDK's never decode a cookie; Rack and PHP decode once, and take a raw `+` for
/// a space; express, Next.js and React Router decode once. A value with a byte that no cookie may hold raw is always percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// Raw; percent-encoded it would be the same text.
    Token,
    /// Raw: standard base64 or base64url with its padding, which a reader that does not decode must get as it is.
    Raw,
    /// Percent-encoded once, as `encodeURIComponent` does.
    Encoded,
}

impl Format {
    /// Its place in [`ALL`](Self::ALL).
    #[expect(clippy::as_conversions, reason = "the number of a variant that holds nothing")]
    const fn number(self) -> u32 {
        self as u32
    }

    /// True when both are the same container under the same password: what Go and the crate `workos` seal. Which of the two wrote a value,
    /// nothing tells.
    #[must_use]
    pub const fn shares_container_with(self, other: Self) -> bool {
        self.number() == other.number()
            || matches!((self, other), (Self::RustGcm, Self::GoGcm) | (Self::GoGcm, Self::RustGcm))
    }

    /// Nobody can change the payload without the password.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        !matches!(self.protection(), Protection::Open)
    }

    /// True when a seal of this format can say when it ends.
    #[must_use]
    pub const fn holds_an_end(self) -> bool {
        matches!(self, Self::Iron | Self::KotlinIron | Self::RrCookie) || self.always_ends()
    }

    /// True when a seal of this format always says when it ends: 30 days after it was written, unless the writer chooses otherwise.
    #[must_use]
    pub const fn always_ends(self) -> bool {
        matches!(self, Self::PhpHalite | Self::PhpSigned)
    }

    /// A reader of this format believes the seal and verifies no token: workos-go, which also opens what the crate seals under
    /// the same password.
    #[must_use]
    pub const fn is_believed_when_sealed(self) -> bool {
        matches!(self, Self::GoGcm | Self::RustGcm)
    }

    /// Read without being named: sealed, and cheap to try.
    #[must_use]
    pub const fn is_read_by_default(self) -> bool {
        matches!((self.protection(), self.cost()), (Protection::Sealed, Cost::Cheap))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(id: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.iter().copied().find(|format| format.id() == id).ok_or(UnknownFormat)
    }
}

/// The text is no format's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a format id")]
#[non_exhaustive]
pub struct UnknownFormat;

/// What a container says about its own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SealTimes {
    /// When it was sealed, if the container says so.
    pub(crate) sealed_at: Option<UnixMillis>,
    /// When it ends by itself, if it does.
    pub(crate) expires_at: Option<UnixMillis>,
}

/// What opened, and with which key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Opened<'r> {
    /// The password of the ring that opened it; none for a format that has none.
    pub key: Option<&'r Key>,
    /// When it was sealed, if the format says so (authenticated).
    pub sealed_at: Option<UnixMillis>,
    /// When the seal itself ends, if it does.
    pub expires_at: Option<UnixMillis>,
}

/// Nothing could be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No password of the ring has the shape that the format needs, or it is too short to seal with.
    #[error("no password of the ring can seal in this format")]
    BadPassword,
    /// The format writes the text as it is, and it is no UTF-8.
    #[error("what is to be sealed is no UTF-8 text")]
    NotText,
    /// No random bytes.
    #[error("no secure random bytes available")]
    Random,
    /// The format has no field for an end of its own.
    #[error("a seal of this format cannot say when it ends")]
    NoEnd,
    /// The crypto library refused.
    #[error("the crypto library refused to encrypt")]
    Crypto,
}

impl From<RandomUnavailable> for SealError {
    fn from(_: RandomUnavailable) -> Self {
        Self::Random
    }
}
