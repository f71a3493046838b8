//! What the newest SDK of a format does with a session that it opens and writes anew.

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

/// An SDK's ways with a session. Paths are API names with a dot between levels: `user.metadata`.
pub(super) struct Sdk {
    pub(super) session: Keeps,
    pub(super) user: Keeps,
    pub(super) impersonator: Keeps,
    /// Paths of members that it leaves out when they are null.
    pub(super) leaves_out: &'static [&'static str],
    /// It leaves out an empty `user.metadata`, too.
    pub(super) leaves_out_empty_metadata: bool,
    /// Members that must be texts, or it opens no session.
    pub(super) needs: &'static [&'static str],
    /// The same for the members of a user, where there is one.
    pub(super) needs_in_user: &'static [&'static str],
    /// The same for the members of an impersonator.
    pub(super) needs_in_impersonator: &'static [&'static str],
    /// It reads into types: a member of another type ends the reading.
    pub(super) typed: bool,
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

/// `omitempty`, which Go has at few members.
const LEFT_OUT_BY_GO: &[&str] = &["user", "impersonator", "user.name", "user.metadata", "user.locale"];

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

/// By the SDKs of `formats.md` §11: node 11.0, authkit-react-router 0.12, kotlin 7.2, python 10.7, ruby 6.2 and 10.2, go 10.1,
/// rust 3.5, php 4.32 and 9.0, .NET 6.2.
pub(super) const fn sdk(format: Format) -> Sdk {
    let plain = Sdk {
        session: FOUR,
        user: Keeps::All,
        impersonator: Keeps::All,
        leaves_out: &[],
        leaves_out_empty_metadata: false,
        needs: &[],
        needs_in_user: &[],
        needs_in_impersonator: &[],
        typed: false,
    };
    match format {
        Format::Iron | Format::PlainJson | Format::B64urlJson => {
            Sdk { session: NODE, user: NODE_USER, ..plain }
        }
        // Written by the package itself, with `headers` beside the four; the user comes from node.
        Format::RrCookie => Sdk {
            session: Keeps::Only(&["access_token", "refresh_token", "user", "impersonator", "headers"]),
            user: NODE_USER,
            ..plain
        },
        // User and impersonator are maps, carried over whole.
        Format::KotlinIron => Sdk {
            session: Keeps::Only(&[
                "access_token",
                "refresh_token",
                "user",
                "authentication_method",
                "impersonator",
            ]),
            needs: TOKENS,
            ..plain
        },
        Format::PythonFernet | Format::RubyV7 | Format::PhpSecretbox => plain,
        Format::RubyV6 => Sdk {
            session: Keeps::Only(&[
                "access_token",
                "refresh_token",
                "user",
                "organization_id",
                "impersonator",
            ]),
            user: RUBY6_USER,
            impersonator: IMPERSONATOR,
            ..plain
        },
        Format::GoGcm => Sdk {
            user: NODE_USER,
            impersonator: IMPERSONATOR,
            leaves_out: LEFT_OUT_BY_GO,
            leaves_out_empty_metadata: true,
            typed: true,
            ..plain
        },
        Format::RustGcm => Sdk {
            user: NODE_USER,
            impersonator: IMPERSONATOR,
            leaves_out: LEFT_OUT_BY_RUST,
            needs: TOKENS,
            needs_in_user: &["object", "id", "email", "email_verified", "created_at", "updated_at"],
            needs_in_impersonator: &["email"],
            typed: true,
            ..plain
        },
        Format::PhpHalite | Format::PhpSigned => Sdk {
            session: Keeps::Only(&["access_token", "refresh_token", "session_id"]),
            needs: TOKENS,
            ..plain
        },
        Format::DotnetGcm => Sdk { session: Keeps::Only(TOKENS), ..plain },
        Format::SignedJson => Sdk { session: Keeps::All, ..plain },
    }
}
