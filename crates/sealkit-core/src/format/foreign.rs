//! What the SDK of one format does with a cookie of another: the table behind the log and `sealkit migrate --plan`.
//!
//! Source: run with a cookie of every format: @workos-inc/node 7, 8 and 11, python 5.46 and 10.8, kotlin 7.2.0. React Router, Ruby, Go,
//! PHP, the crate and .NET go by what they do with a value that does not open.

use super::Format;
use std::fmt;

/// What the SDK of a format does with a cookie of another format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignCookie {
    /// It opens it, as its own.
    Opens,
    /// Some releases open it, or not all of it: the sentence tells.
    OpensInPart(&'static str),
    /// It finds no session in it, without an error: the user is a stranger.
    Stranger,
    /// It rejects it with a reason (`invalid_session_cookie`), which applications treat as signed out.
    Rejects,
    /// It throws past its own error handling: the application answers 500 to every request.
    Throws,
}

impl Format {
    /// What the SDK that reads `reader` does with a cookie of this format, under the same password where both can have one.
    #[must_use]
    pub const fn read_by(self, reader: Self) -> ForeignCookie {
        use ForeignCookie::{Opens, OpensInPart, Rejects, Stranger, Throws};
        match (reader, self) {
            _ if reader.number() == self.number() => Opens,
            // Read by sealkit alone, which reads every format.
            (Self::SignedJson, _) => Opens,
            // `~` is not base64url, and the exception is none of the kind that the SDK catches.
            (Self::KotlinIron, Self::Iron) => Throws,
            (Self::Iron, Self::KotlinIron) => OpensInPart(
                "on iron-session 6 to 8 (authkit-nextjs, @workos-inc/node 7) take the user for a stranger; later ones open it and \
                 find no `user.firstName`",
            ),
            (Self::PlainJson | Self::B64urlJson, Self::Iron) | (Self::GoGcm, Self::RustGcm) => Opens,
            (Self::RustGcm, Self::GoGcm) => OpensInPart(
                "open it under a password of 64 hexadecimal digits, if the refresh token and every member of `user` that they demand \
                 are there",
            ),
            (Self::RubyV7, Self::RubyV6) => OpensInPart(
                "of 7.1.2 and later open it under a password of exactly 32 bytes, earlier ones reject it",
            ),
            (Self::Iron | Self::RrCookie | Self::PlainJson | Self::B64urlJson, _) => Stranger,
            _ => Rejects,
        }
    }
}

impl ForeignCookie {
    /// True when every release opens it.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Opens)
    }
}

/// What the readers do, after "its readers".
impl fmt::Display for ForeignCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opens => "open it",
            Self::OpensInPart(sentence) => sentence,
            Self::Stranger => "find no session in it and take the user for a stranger",
            Self::Rejects => "reject it (`invalid_session_cookie`), and the user looks signed out",
            Self::Throws => {
                "throw, and their applications answer 500 to every request of that browser, sign-out included"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sdk_reads_its_own_format() {
        for format in Format::ALL {
            assert!(format.read_by(*format).is_read(), "{format}");
        }
    }

    #[test]
    fn kotlin_alone_throws_and_only_at_javascript_seals() {
        for reader in Format::ALL {
            for written in Format::ALL {
                let throws = written.read_by(*reader) == ForeignCookie::Throws;
                assert_eq!(throws, (*reader, *written) == (Format::KotlinIron, Format::Iron), "{written}");
            }
        }
    }

    #[test]
    fn javascript_takes_the_user_for_a_stranger_where_others_reject() {
        assert_eq!(Format::Iron.read_by(Format::RrCookie), ForeignCookie::Stranger);
        assert_eq!(Format::GoGcm.read_by(Format::Iron), ForeignCookie::Stranger);
        assert_eq!(Format::Iron.read_by(Format::PythonFernet), ForeignCookie::Rejects);
        assert_eq!(Format::Iron.read_by(Format::GoGcm), ForeignCookie::Rejects);
        assert!(Format::Iron.read_by(Format::SignedJson).is_read());
        assert!(Format::RustGcm.read_by(Format::GoGcm).is_read());
        assert!(!Format::GoGcm.read_by(Format::RustGcm).is_read());
    }
}
