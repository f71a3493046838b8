//! A payload in the shape of another format: members renamed by table, nothing dropped, and what its SDK makes of it told.

use super::{
    UnsealedSession,
    members::{Members, quoted},
};
use crate::{
    casing::{Names, Style},
    format::Format,
};
use std::fmt;
use zeroize::Zeroizing;

/// A payload converted for a format.
#[derive(Clone)]
#[non_exhaustive]
pub struct Converted {
    /// The JSON text, with every member of the old one.
    pub payload: Zeroizing<String>,
    /// What the format's SDK does not do with it.
    pub losses: Vec<Loss>,
}

impl fmt::Debug for Converted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Converted").field("losses", &self.losses).finish_non_exhaustive()
    }
}

/// Something that a session holds and the SDK of a format does not. Members are told by their API names, with a dot between
/// levels: `user.metadata`.
///
/// The container holds every member all the same: what the SDK leaves alone is still there when sealkit opens the cookie, as
/// long as the SDK has not written it anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The SDK does not know the member: it neither shows it nor writes it again.
    NotKept {
        /// The member.
        member: String,
    },
    /// The member is null, and the SDK leaves such members out when it writes.
    NullLeftOut {
        /// The member.
        member: String,
    },
    /// The SDK does not open a session without it, or where it is of another type.
    Needed {
        /// The member.
        member: String,
    },
    /// Two members come to the same name; the one that the table knows is written.
    Collides {
        /// The member.
        member: String,
    },
}

impl Loss {
    /// The stable code.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotKept { .. } => "not_kept",
            Self::NullLeftOut { .. } => "null_left_out",
            Self::Needed { .. } => "needed",
            Self::Collides { .. } => "collides",
        }
    }

    /// The member that it is about.
    #[must_use]
    pub fn member(&self) -> &str {
        let (Self::NotKept { member }
        | Self::NullLeftOut { member }
        | Self::Needed { member }
        | Self::Collides { member }) = self;
        member
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = self.member();
        match self {
            Self::NotKept { .. } => {
                write!(f, "{member}: the SDK does not keep it when it writes the session anew")
            }
            Self::NullLeftOut { .. } => write!(f, "{member}: null, which the SDK leaves out when it writes"),
            Self::Needed { .. } => write!(f, "{member}: the SDK does not open a session without it"),
            Self::Collides { .. } => write!(f, "{member}: two members would have this name, one is written"),
        }
    }
}

/// Which members an SDK keeps, by their API names.
#[derive(Clone, Copy)]
enum Keeps {
    All,
    Only(&'static [&'static str]),
}

impl Keeps {
    fn keeps(self, member: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&member),
        }
    }
}

/// What the newest SDK of a format does with a session that it opens and writes anew.
struct Sdk {
    session: Keeps,
    user: Keeps,
    impersonator: Keeps,
    nulls: bool,
    needs: &'static [&'static str],
    needs_in_user: &'static [&'static str],
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

/// By the SDKs of `formats.md` §11: node 11.0, kotlin 7.2, python 10.7, ruby 6.2 and 10.2, go 10.1, rust 3.5, php 4.32 and
/// 9.0, .NET 6.2.
const fn sdk(format: Format) -> Sdk {
    let plain = Sdk {
        session: FOUR,
        user: Keeps::All,
        impersonator: Keeps::All,
        nulls: true,
        needs: &[],
        needs_in_user: &[],
    };
    match format {
        Format::Iron | Format::RrCookie | Format::PlainJson | Format::B64urlJson => {
            Sdk { session: NODE, user: NODE_USER, ..plain }
        }
        Format::KotlinIron => Sdk {
            session: Keeps::Only(&[
                "access_token",
                "refresh_token",
                "user",
                "authentication_method",
                "impersonator",
            ]),
            user: NODE_USER,
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
            ..plain
        },
        Format::GoGcm => Sdk { user: NODE_USER, impersonator: IMPERSONATOR, nulls: false, ..plain },
        Format::RustGcm => Sdk {
            user: NODE_USER,
            impersonator: IMPERSONATOR,
            nulls: false,
            needs: TOKENS,
            needs_in_user: &["object", "id", "email", "email_verified", "created_at", "updated_at"],
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

/// The payload of a session as `format` names its members. Nothing is dropped; inside of `metadata` and `impersonator` nothing
/// is renamed, nor is any value changed. `object` of a user is always `user`, and written where an SDK cannot do without it.
#[must_use]
pub fn payload_in(unsealed: &UnsealedSession, format: Format) -> Converted {
    let (from, to) = (unsealed.style(), format.style());
    let old = Members::parse(unsealed.expose_text()).unwrap_or_default();
    let mut converting = Converting { sdk: sdk(format), format, losses: Vec::new() };
    let payload = converting.session(&old, from, to);
    Converted { payload, losses: converting.losses }
}

struct Converting {
    sdk: Sdk,
    format: Format,
    losses: Vec<Loss>,
}

impl Converting {
    fn session(&mut self, old: &Members, from: Style, to: Style) -> Zeroizing<String> {
        let mut new = Members::default();
        for (name, value) in old.iter() {
            let api = from.session().api_name(name);
            let value = match api {
                Some("user") if value.starts_with('{') => self.user(value, from, to),
                Some("oauth_tokens") => recased(value, from.oauth_tokens(), to.oauth_tokens()),
                // The text that old Ruby writes for nobody.
                Some("impersonator") if from == Style::Ruby6 && value == NOBODY => continue,
                Some("impersonator") => {
                    self.impersonator(value);
                    value.to_owned()
                }
                _ => value.to_owned(),
            };
            self.put(&mut new, old, name, api, from.session(), to.session(), value, "");
        }
        if to == Style::Ruby6 && new.present("impersonator").is_none() {
            new.set("impersonator", NOBODY);
        }
        for needed in self.sdk.needs {
            if new.text(to.session().of(needed)).is_none() {
                self.losses.push(Loss::Needed { member: (*needed).to_owned() });
            }
        }
        new.to_json()
    }

    fn user(&mut self, json: &str, from: Style, to: Style) -> String {
        let Ok(old) = Members::parse(json) else { return json.to_owned() };
        // Kotlin writes the API's names into a camelCase payload.
        let names = if old.get("email_verified").is_some() { Style::Snake.user() } else { from.user() };
        let mut new = Members::default();
        for (name, value) in old.iter() {
            self.put(&mut new, &old, name, names.api_name(name), names, to.user(), value.to_owned(), "user.");
        }
        if self.sdk.needs_in_user.contains(&"object") && new.present("object").is_none() {
            new.set("object", quoted("user"));
        }
        for needed in self.sdk.needs_in_user {
            if new.present(to.user().of(needed)).is_none() {
                self.losses.push(Loss::Needed { member: format!("user.{needed}") });
            }
        }
        if self.format == Format::RustGcm && !holds_texts(new.present("metadata")) {
            self.losses.push(Loss::Needed { member: "user.metadata".to_owned() });
        }
        new.to_json().to_string()
    }

    /// Stays as it is; what types with named members make of it is told.
    fn impersonator(&mut self, json: &str) {
        let Ok(members) = Members::parse(json) else { return };
        for (name, value) in members.iter() {
            let member = || format!("impersonator.{name}");
            if !self.sdk.impersonator.keeps(name) {
                self.losses.push(Loss::NotKept { member: member() });
            } else if value == "null" && self.format == Format::RustGcm {
                // Go writes a null reason, unlike its null members of `user`.
                self.losses.push(Loss::NullLeftOut { member: member() });
            }
        }
    }

    /// One member, under its new name.
    #[expect(
        clippy::too_many_arguments,
        reason = "both levels of a payload go through here, each with its names"
    )]
    fn put(
        &mut self,
        new: &mut Members,
        old: &Members,
        name: &str,
        api: Option<&'static str>,
        from: Names,
        to: Names,
        value: String,
        level: &str,
    ) {
        let target = api.map_or(name, |api| to.of(api));
        let member = || format!("{level}{}", api.unwrap_or(name));
        // A member that the table does not know gives way to the one that comes to its name.
        if api.is_none() && to.api_name(target).is_some_and(|api| old.get(from.of(api)).is_some()) {
            self.losses.push(Loss::Collides { member: member() });
            return;
        }
        let keeps = if level.is_empty() { self.sdk.session } else { self.sdk.user };
        if !keeps.keeps(api.unwrap_or(name)) {
            self.losses.push(Loss::NotKept { member: member() });
        } else if value == "null" && !self.sdk.nulls {
            self.losses.push(Loss::NullLeftOut { member: member() });
        }
        new.set(target, value);
    }
}

/// What workos-ruby up to 6.x writes when nobody impersonates the user: `nil.to_json`, as a text.
pub(super) const NOBODY: &str = r#""null""#;

/// True when the metadata is absent or an object of texts, as the crate `workos` demands.
fn holds_texts(metadata: Option<&str>) -> bool {
    metadata.is_none_or(|json| {
        Members::parse(json).is_ok_and(|members| members.iter().all(|(_, value)| value.starts_with('"')))
    })
}

/// An object with its members under other names; anything else as it is.
pub(super) fn recased(json: &str, from: Names, to: Names) -> String {
    let Ok(members) = Members::parse(json) else { return json.to_owned() };
    let mut out = Members::default();
    for (name, value) in members.iter() {
        out.set(from.api_name(name).map_or(name, |api| to.of(api)), value);
    }
    out.to_json().to_string()
}
