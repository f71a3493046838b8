//! The fields of the SDKs that read a session into types by exact names: the crate and Kotlin. (Go has its own file.)

use super::{
    kotlin,
    value::{Kind, is_whole_text, kind},
};
use crate::session::members::{is_json_text, pairs};

/// A language whose SDK reads a session into types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// serde: nothing is coerced, and no field may stand twice.
    Rust,
    /// Jackson: scalars become texts, and a few other things.
    Kotlin,
}

/// Whether a value can be read into a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// As it stands.
    As,
    /// As another value.
    Otherwise,
    Not,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Truth,
    Time,
    /// A map of texts.
    Texts,
}

/// Whether a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Optional,
    /// It may be absent, but must not be null.
    NotNull,
    Needed,
}

/// A field by its API name.
pub(super) struct Field(pub(super) &'static str, pub(super) Type, pub(super) Presence);

use Presence::{Needed, NotNull, Optional};
use Type::{Text, Texts, Time, Truth};

impl Dialect {
    pub(super) const fn session(self) -> &'static [Field] {
        match self {
            Self::Rust => &[Field("access_token", Text, Needed), Field("refresh_token", Text, Needed)],
            Self::Kotlin => &[
                Field("access_token", Text, Needed),
                Field("refresh_token", Text, Needed),
                Field("authentication_method", Text, Optional),
            ],
        }
    }

    pub(super) const fn user(self) -> &'static [Field] {
        match self {
            Self::Rust => &[
                Field("object", Text, Needed),
                Field("id", Text, Needed),
                Field("email", Text, Needed),
                Field("email_verified", Truth, Needed),
                Field("name", Text, Optional),
                Field("first_name", Text, Optional),
                Field("profile_picture_url", Text, Optional),
                Field("last_name", Text, Optional),
                Field("last_sign_in_at", Text, Optional),
                Field("locale", Text, Optional),
                Field("created_at", Text, Needed),
                Field("updated_at", Text, Needed),
                Field("external_id", Text, Optional),
                Field("metadata", Texts, Optional),
            ],
            Self::Kotlin => &[
                Field("object", Text, NotNull),
                Field("id", Text, Needed),
                Field("email", Text, Needed),
                Field("email_verified", Truth, Optional),
                Field("name", Text, Optional),
                Field("first_name", Text, Optional),
                Field("profile_picture_url", Text, Optional),
                Field("last_name", Text, Optional),
                Field("last_sign_in_at", Time, Optional),
                Field("locale", Text, Optional),
                Field("created_at", Time, Needed),
                Field("updated_at", Time, Needed),
                Field("external_id", Text, Optional),
                Field("metadata", Texts, Optional),
            ],
        }
    }

    pub(super) const fn impersonator(self) -> &'static [Field] {
        &[Field("email", Text, Needed), Field("reason", Text, Optional)]
    }

    /// A value of a field that takes one.
    pub(super) fn fit(self, field: &Field, json: &str) -> Fit {
        let Field(_, of_type, presence) = field;
        let is_null = match (self, of_type) {
            (Self::Kotlin, Time) => kotlin::is_no_time(json),
            _ => kind(json) == Kind::Null,
        };
        match (self, of_type) {
            (Self::Kotlin, Truth) => kotlin::truth(json),
            _ if is_null && *presence != Optional => Fit::Not,
            _ if is_null && kind(json) == Kind::Null => Fit::As,
            _ if is_null => Fit::Otherwise,
            (_, Text) => self.text(json),
            (Self::Rust, Truth) => only_if(kind(json) == Kind::Bool),
            (Self::Kotlin, Time) => kotlin::time(json),
            (Self::Rust, Time) => self.text(json),
            (_, Texts) => self.texts(json),
        }
    }

    /// A value of a map of texts, or of a field that is one.
    pub(super) fn text(self, json: &str) -> Fit {
        match self {
            Self::Rust => only_if(is_whole_text(json)),
            Self::Kotlin => kotlin::text(json),
        }
    }

    /// A map: the worst of its values.
    fn texts(self, json: &str) -> Fit {
        let Some(members) = pairs(json) else { return Fit::Not };
        let of = |(name, value): &(String, &str)| match self {
            Self::Rust if is_json_text(name) => Fit::Not,
            _ => self.text(value),
        };
        let fits: Vec<Fit> = members.iter().map(of).collect();
        [Fit::Not, Fit::Otherwise].into_iter().find(|fit| fits.contains(fit)).unwrap_or(Fit::As)
    }

    /// True when a field that stands twice ends the reading. (Members that stand twice at the top and in the user are written
    /// once; those of an impersonator are left as they are.)
    pub(super) const fn refuses_twice(self) -> bool {
        matches!(self, Self::Rust)
    }

    /// Most digits of a number, wherever it stands.
    pub(super) const fn longest_number(self) -> Option<usize> {
        match self {
            Self::Rust => None,
            Self::Kotlin => Some(1000),
        }
    }
}

const fn only_if(fits: bool) -> Fit {
    if fits { Fit::As } else { Fit::Not }
}
