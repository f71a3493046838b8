//! What the SDKs of a format do with a session that they open and re-seal. `vectors/sdk_reads.json` is the truth for seven of them.

use super::typed::Dialect;
use crate::format::Format;

/// Which members an SDK keeps, by their API names.
#[derive(Clone, Copy)]
pub(super) enum Keeps {
    All,
    Only(&'static [&'static str]),
}

impl Keeps {
    pub(super) fn keeps(self, member: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&member),
        }
    }
}

/// What an SDK does with a session. Paths are API names with a dot between levels: `user.metadata`.
#[derive(Clone, Copy)]
pub(super) struct Sdk {
    /// As reports name it, where the SDKs of a format differ.
    pub(super) name: &'static str,
    pub(super) session: Keeps,
    pub(super) user: Keeps,
    pub(super) impersonator: Keeps,
    /// Paths of members that it leaves out when they are null.
    pub(super) leaves_out: &'static [&'static str],
    /// Members that must be texts, or it opens no session.
    pub(super) needs: &'static [&'static str],
    pub(super) reading: Reading,
    pub(super) refresh: Refresh,
}

/// How an SDK reads the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it comes.
    Maps,
    /// As it comes, but no integer of more than 4300 digits: Python.
    PythonMaps,
    /// As it comes; the user is what the API answers, whatever stood there.
    AnsweredUser,
    /// Into types.
    Typed(Dialect),
    /// Into Go's structs; false without `user.name`.
    Go(bool),
}

/// What a refresh of an SDK asks of the payload, as far as it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refresh {
    Unmeasured,
    /// Node: a refresh token and a user that JavaScript takes for true.
    Node,
    /// authkit-session: a user, and no number that JSON cannot hold.
    AuthkitSession,
    /// Python: a refresh token and a user that Python takes for true, and a token that UTF-8 can hold.
    Python,
}

impl Sdk {
    /// An empty array as `user.metadata`, which PHP writes for an empty object, would end the reading.
    pub(super) const fn types_metadata(&self) -> bool {
        matches!(self.reading, Reading::Typed(_) | Reading::Go(_))
    }

    /// It does not open a session whose user has no `object`.
    pub(super) const fn needs_object(&self) -> bool {
        matches!(self.reading, Reading::Typed(Dialect::Rust))
    }
}

const TOKENS: &[&str] = &["access_token", "refresh_token"];
const FOUR: Keeps = Keeps::Only(&["access_token", "refresh_token", "user", "impersonator"]);
const NODE: Keeps = Keeps::Only(&[
    "organization_id",
    "user",
    "access_token",
    "refresh_token",
    "authentication_method",
    "impersonator",
]);
const NODE_USER: Keeps = Keeps::Only(&[
    "object",
    "id",
    "email",
    "email_verified",
    "name",
    "first_name",
    "profile_picture_url",
    "last_name",
    "last_sign_in_at",
    "locale",
    "created_at",
    "updated_at",
    "external_id",
    "metadata",
]);
const IMPERSONATOR: Keeps = Keeps::Only(&["email", "reason"]);
const RUBY6_USER: Keeps = Keeps::Only(&[
    "id",
    "email",
    "first_name",
    "last_name",
    "email_verified",
    "profile_picture_url",
    "external_id",
    "locale",
    "last_sign_in_at",
    "created_at",
    "updated_at",
]);

/// `skip_serializing_if = "Option::is_none"`, which the crate has at every `Option`.
const LEFT_OUT_BY_RUST: &[&str] = &[
    "user",
    "impersonator",
    "impersonator.reason",
    "user.first_name",
    "user.last_name",
    "user.name",
    "user.profile_picture_url",
    "user.external_id",
    "user.metadata",
    "user.last_sign_in_at",
    "user.locale",
];

const FOUR_AND_HEADERS: Keeps =
    Keeps::Only(&["access_token", "refresh_token", "user", "impersonator", "headers"]);
const KOTLIN: Keeps =
    Keeps::Only(&["access_token", "refresh_token", "user", "authentication_method", "impersonator"]);
const RUBY6: Keeps =
    Keeps::Only(&["access_token", "refresh_token", "user", "organization_id", "impersonator"]);
const PHP4: Keeps = Keeps::Only(&["access_token", "refresh_token", "session_id"]);

const PLAIN: Sdk = Sdk {
    name: "",
    session: FOUR,
    user: Keeps::All,
    impersonator: Keeps::All,
    leaves_out: &[],
    needs: &[],
    reading: Reading::Maps,
    refresh: Refresh::Unmeasured,
};
const NODE_11: Sdk = Sdk {
    name: "node",
    session: NODE,
    user: NODE_USER,
    reading: Reading::AnsweredUser,
    refresh: Refresh::Node,
    ..PLAIN
};
const AUTHKIT_SESSION: Sdk =
    Sdk { name: "authkit-session", session: FOUR, refresh: Refresh::AuthkitSession, ..NODE_11 };
const GO: Sdk = Sdk { name: "go", reading: Reading::Go(true), ..PLAIN };

/// By the SDKs of `formats.md` §11: node 11.0, authkit-session 0.7, authkit-react-router 0.12, kotlin 7.2, python 10.8, ruby 6.2
/// and 10.2, go 10.1 and before 9.2, rust 3.5, php 4.32 and 9.0, .NET 6.2.
pub(super) const fn sdks(format: Format) -> &'static [Sdk] {
    match format {
        Format::Iron => &[NODE_11, AUTHKIT_SESSION],
        Format::PlainJson | Format::B64urlJson => &[Sdk { session: NODE, user: NODE_USER, ..PLAIN }],
        // Written by the package itself, with `headers` beside the four; the user comes from node.
        Format::RrCookie => &[Sdk { session: FOUR_AND_HEADERS, user: NODE_USER, ..PLAIN }],
        Format::KotlinIron => &[Sdk {
            session: KOTLIN,
            user: NODE_USER,
            impersonator: IMPERSONATOR,
            reading: Reading::Typed(Dialect::Kotlin),
            ..PLAIN
        }],
        Format::PythonFernet => &[Sdk {
            leaves_out: &["impersonator"],
            reading: Reading::PythonMaps,
            refresh: Refresh::Python,
            ..PLAIN
        }],
        Format::RubyV7 | Format::PhpSecretbox => &[PLAIN],
        Format::RubyV6 => &[Sdk { session: RUBY6, user: RUBY6_USER, impersonator: IMPERSONATOR, ..PLAIN }],
        Format::GoGcm => &[GO, Sdk { name: "workos-go 7.0 to 9.1", reading: Reading::Go(false), ..GO }],
        Format::RustGcm => &[Sdk {
            user: NODE_USER,
            impersonator: IMPERSONATOR,
            leaves_out: LEFT_OUT_BY_RUST,
            reading: Reading::Typed(Dialect::Rust),
            ..PLAIN
        }],
        Format::PhpHalite | Format::PhpSigned => &[Sdk { session: PHP4, needs: TOKENS, ..PLAIN }],
        Format::DotnetGcm => &[Sdk { session: Keeps::Only(TOKENS), ..PLAIN }],
        Format::SignedJson => &[Sdk { session: Keeps::All, ..PLAIN }],
    }
}
