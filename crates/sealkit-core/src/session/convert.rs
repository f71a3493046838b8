//! A payload in the shape of another format: members renamed by table, nothing dropped, and what its SDK makes of it told.

mod sdk;
#[cfg(test)]
mod tests;

use super::{
    UnsealedSession,
    members::{Members, quoted},
};
use crate::{
    casing::{Names, Style},
    format::Format,
};
use sdk::{Keeps, Sdk, sdk};
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
    /// The member is null (or an empty `metadata`), and the SDK leaves it out when it writes.
    NullLeftOut {
        /// The member.
        member: String,
    },
    /// The SDK does not open a session without it, or where it is of another type.
    Needed {
        /// The member.
        member: String,
    },
    /// The old format does not know the member, and in the new one its name is another's: it is not written.
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
            Self::NullLeftOut { .. } => {
                write!(f, "{member}: null or empty, which the SDK leaves out when it writes")
            }
            Self::Needed { .. } => {
                write!(f, "{member}: the SDK does not open a session without it, or with one of another type")
            }
            Self::Collides { .. } => {
                write!(f, "{member}: its name is another member's there, so it is not written")
            }
        }
    }
}

/// The payload of a session as `format` names its members. Nothing is dropped but what collides; inside of `metadata` and
/// `impersonator` nothing is renamed, nor is any value changed. `object` of a user is always `user`, and written where an SDK
/// cannot do without it.
#[must_use]
pub fn payload_in(unsealed: &UnsealedSession, format: Format) -> Converted {
    let (from, to) = (unsealed.style(), format.style());
    let old = Members::parse(unsealed.expose_text()).unwrap_or_default();
    let mut converting = Converting { sdk: sdk(format), losses: Vec::new() };
    let payload = converting.session(&old, from, to);
    Converted { payload, losses: converting.losses }
}

struct Converting {
    sdk: Sdk,
    losses: Vec<Loss>,
}

/// The members of a payload, or those of its user, and how they are named before and after.
struct Level {
    /// What stands before the members' names when they are told.
    path: &'static str,
    from: Names,
    to: Names,
    keeps: Keeps,
}

impl Converting {
    fn session(&mut self, old: &Members, from: Style, to: Style) -> Zeroizing<String> {
        let level = Level { path: "", from: from.session(), to: to.session(), keeps: self.sdk.session };
        let mut new = Members::default();
        for (name, value) in old.iter() {
            let value = match level.from.api_name(name) {
                Some("user") if value.starts_with('{') => self.user(value, from, to),
                Some("oauth_tokens") => self.oauth_tokens(value, from, to),
                // The text that old Ruby writes for nobody.
                Some("impersonator") if from == Style::Ruby6 && value == NOBODY => {
                    if to == Style::Ruby6 {
                        new.set(name, NOBODY);
                    }
                    continue;
                }
                Some("impersonator") => {
                    self.impersonator(value);
                    value.to_owned()
                }
                _ => value.to_owned(),
            };
            self.put(&mut new, &level, name, value);
        }
        if to == Style::Ruby6 && new.present("impersonator").is_none() {
            new.set("impersonator", NOBODY);
        }
        for needed in self.sdk.needs {
            if new.text(level.to.of(needed)).is_none() {
                self.needed("", needed);
            }
        }
        new.to_json()
    }

    fn user(&mut self, json: &str, from: Style, to: Style) -> String {
        let Ok(old) = Members::parse(json) else { return json.to_owned() };
        let level = Level {
            path: "user.",
            from: if has_api_names(&old) { Style::Snake.user() } else { from.user() },
            to: to.user(),
            keeps: self.sdk.user,
        };
        let mut new = Members::default();
        for (name, value) in old.iter() {
            self.put(&mut new, &level, name, value.to_owned());
        }
        if self.sdk.needs_in_user.contains(&"object") && new.present("object").is_none() {
            new.set("object", quoted("user"));
        }
        for api in level.to.api_names() {
            let fits = match new.present(level.to.of(api)) {
                None => !self.sdk.needs_in_user.contains(&api),
                Some(value) => !self.sdk.typed || has_its_type(api, value),
            };
            if !fits {
                self.needed(level.path, api);
            }
        }
        new.to_json().to_string()
    }

    fn oauth_tokens(&mut self, json: &str, from: Style, to: Style) -> String {
        let Ok(old) = Members::parse(json) else { return json.to_owned() };
        let (from, to) = (from.oauth_tokens(), to.oauth_tokens());
        let level = Level { path: "oauth_tokens.", from, to, keeps: Keeps::All };
        let mut new = Members::default();
        for (name, value) in old.iter() {
            self.put(&mut new, &level, name, value.to_owned());
        }
        new.to_json().to_string()
    }

    /// Stays as it is; what types with named members make of it is told.
    fn impersonator(&mut self, json: &str) {
        let Ok(members) = Members::parse(json) else {
            if self.sdk.typed && json != "null" {
                self.needed("", "impersonator");
            }
            return;
        };
        for (name, value) in members.iter() {
            self.judge("impersonator.", name, value, self.sdk.impersonator);
        }
        for member in ["email", "reason"] {
            let fits = match members.present(member) {
                None => !self.sdk.needs_in_impersonator.contains(&member),
                Some(value) => !self.sdk.typed || is_text(value),
            };
            if !fits {
                self.needed("impersonator.", member);
            }
        }
    }

    /// One member, under its new name.
    fn put(&mut self, new: &mut Members, level: &Level, name: &str, value: String) {
        let api = level.from.api_name(name);
        let target = api.map_or(name, |api| level.to.of(api));
        // What meant nothing until now must not come to mean something, nor take another's place.
        if api.is_none() && level.to.api_name(name).is_some() {
            self.losses.push(Loss::Collides { member: format!("{}{name}", level.path) });
            return;
        }
        self.judge(level.path, api.unwrap_or(name), &value, level.keeps);
        new.set(target, value);
    }

    /// Tells when the SDK does not write the member as it is.
    fn judge(&mut self, path: &str, name: &str, value: &str, keeps: Keeps) {
        if !keeps.keeps(name) {
            self.losses.push(Loss::NotKept { member: format!("{path}{name}") });
        } else if self.is_left_out(path, name, value) {
            self.losses.push(Loss::NullLeftOut { member: format!("{path}{name}") });
        }
    }

    fn is_left_out(&self, path: &str, name: &str, value: &str) -> bool {
        let is_empty = || Members::parse(value).is_ok_and(|members| members.iter().next().is_none());
        let is_empty_metadata =
            || self.sdk.leaves_out_empty_metadata && (path, name) == ("user.", "metadata") && is_empty();
        self.sdk.leaves_out.iter().any(|left_out| left_out.strip_prefix(path) == Some(name))
            && (value == "null" || is_empty_metadata())
    }

    fn needed(&mut self, path: &str, name: &str) {
        self.losses.push(Loss::Needed { member: format!("{path}{name}") });
    }
}

/// What workos-ruby up to 6.x writes when nobody impersonates the user: `nil.to_json`, as a text.
pub(super) const NOBODY: &str = r#""null""#;

/// Kotlin writes the API's names into a camelCase payload, and so may others: true when a user has names of the API's that are
/// not camelCase, and none that only camelCase has.
fn has_api_names(user: &Members) -> bool {
    let (camel, snake) = (Style::Camel.user(), Style::Snake.user());
    let any = |one: Names, other: Names| {
        user.iter().any(|(name, _)| one.api_name(name).is_some() && other.api_name(name).is_none())
    };
    any(snake, camel) && !any(camel, snake)
}

/// True when the value has the type that SDKs with types give this member of a user.
fn has_its_type(api: &str, value: &str) -> bool {
    match api {
        "email_verified" => matches!(value, "true" | "false"),
        "metadata" => {
            Members::parse(value).is_ok_and(|members| members.iter().all(|(_, value)| is_text(value)))
        }
        _ => is_text(value),
    }
}

fn is_text(value: &str) -> bool {
    value.starts_with('"')
}

/// An object with its members under other names, but for unknown ones whose name is another's there; anything else as it is.
pub(super) fn recased(json: &str, from: Names, to: Names) -> String {
    let Ok(members) = Members::parse(json) else { return json.to_owned() };
    let mut out = Members::default();
    for (name, value) in members.iter() {
        match (from.api_name(name), to.api_name(name)) {
            (Some(api), _) => out.set(to.of(api), value),
            (None, None) => out.set(name, value),
            (None, Some(_)) => {}
        }
    }
    out.to_json().to_string()
}
