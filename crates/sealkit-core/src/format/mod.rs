//! The containers that WorkOS SDKs seal a session in: one file each, and the table of what is true of them.

mod aes_gcm;
mod dotnet;
mod envelope;
mod fernet;
mod halite;
pub mod iron;
mod key_shape;
mod php_signed;
mod plain;
mod router_cookie;
mod secretbox;
mod signed_json;

pub use key_shape::KeyShape;

use crate::{Key, RandomUnavailable, UnixMillis, casing::Style};
use std::{fmt, str::FromStr};

macro_rules! formats {
    ($($variant:ident $id:literal $shape:ident $style:ident $writer:literal;)*) => {
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
        }
    };
}

formats! {
    Iron "iron" Text32 Camel "@workos-inc/node 7.15 and later, authkit-nextjs, authkit-session";
    KotlinIron "kotlin-iron" Text32 KotlinMixed "workos-kotlin 5.0 and later";
    RrCookie "rr-cookie" Text32 Camel "authkit-react-router, authkit-remix";
    PythonFernet "python-fernet" FernetKey Snake "workos (PyPI) 5.10 and later";
    RubyV6 "ruby-v6" Bytes32 Snake "workos (Ruby) 5.7 to 6.x";
    RubyV7 "ruby-v7" Text32 Snake "workos (Ruby) 7.0 and later";
    GoGcm "go-gcm" Text32 Snake "workos-go 7.0 and later";
    RustGcm "rust-gcm" Hex64 Snake "the crate workos 3.x";
    PhpHalite "php-halite" Text32 Snake "workos-php 4.30 to 4.32";
    PhpSigned "php-signed" Text32 Snake "workos-php 4.30 to 4.32, the signing-only class";
    PhpSecretbox "php-secretbox" Base64Key Snake "workos-php 5.0 and later";
    DotnetGcm "dotnet-gcm" Text32 Snake "workos.net 3.0 and later";
}

impl Format {
    /// True when this version reads and writes it.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        matches!(self, Self::Iron)
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
    /// The password of the ring that opened it.
    pub key: &'r Key,
    /// When it was sealed, if the format says so (authenticated).
    pub sealed_at: Option<UnixMillis>,
    /// When the seal itself ends, if it does.
    pub expires_at: Option<UnixMillis>,
}

/// Nothing could be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no password in the ring, or its first one is too short to seal with.
    #[error("the first password of the ring cannot seal")]
    BadPassword,
    /// No random bytes.
    #[error("no secure random bytes available")]
    Random,
    /// The crypto library refused.
    #[error("the crypto library refused to encrypt")]
    Crypto,
}

impl From<RandomUnavailable> for SealError {
    fn from(_: RandomUnavailable) -> Self {
        Self::Random
    }
}
