//! A payload in the shape of another format: members renamed by table, nothing dropped, and what its SDKs make of it told.

mod go;
mod judge;
mod kotlin;
mod loss;
mod sdk;
#[cfg(test)]
mod tests;
mod typed;
mod value;

pub use loss::{Effect, Loss};

use super::{
    UnsealedSession,
    members::{Members, quoted},
};
use crate::{
    casing::{Names, Style},
    format::Format,
};
use sdk::{Sdk, sdks};
use std::fmt;
use zeroize::Zeroizing;

/// A payload converted for a format.
#[derive(Clone)]
#[non_exhaustive]
pub struct Converted {
    /// The JSON text, with every member of the old one.
    pub payload: Zeroizing<String>,
    /// What the format's SDKs do not do with it.
    pub losses: Vec<Loss>,
}

impl fmt::Debug for Converted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Converted").field("losses", &self.losses).finish_non_exhaustive()
    }
}

/// The payload of a session as `format` names its members. Nothing is dropped but what collides; inside of `metadata` and
/// `impersonator` nothing is renamed, nor is any value changed. `object` of a user is always `user`, and written where an SDK
/// cannot do without it. The empty array that PHP writes for an empty `user.metadata` is written as an empty object where SDKs
/// read it into a type.
#[must_use]
pub fn payload_in(unsealed: &UnsealedSession, format: Format) -> Converted {
    let (from, to) = (unsealed.style(), format.style());
    let old = Members::parse(unsealed.expose_text()).unwrap_or_default();
    let mut converting = Converting { sdks: sdks(format), losses: Vec::new() };
    let payload = converting.session(&old, from, to);
    let mut losses = converting.losses;
    losses.extend(judge::losses(&payload, to, sdks(format)));
    Converted { payload, losses }
}

/// What the SDKs of `format` do not do with a payload that stands in it as it is.
#[must_use]
pub fn losses_in(unsealed: &UnsealedSession, format: Format) -> Vec<Loss> {
    judge::losses(unsealed.expose_text(), unsealed.style(), sdks(format))
}

struct Converting {
    sdks: &'static [Sdk],
    losses: Vec<Loss>,
}

/// The members of a payload, or those of its user, and how they are named before and after.
struct Level {
    /// What stands before the members' names when they are told.
    path: &'static str,
    from: Names,
    to: Names,
}

impl Converting {
    fn session(&mut self, old: &Members, from: Style, to: Style) -> Zeroizing<String> {
        let level = Level { path: "", from: from.session(), to: to.session() };
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
                _ => value.to_owned(),
            };
            self.put(&mut new, &level, name, value);
        }
        if to == Style::Ruby6 && new.present("impersonator").is_none() {
            new.set("impersonator", NOBODY);
        }
        new.to_json()
    }

    fn user(&mut self, json: &str, from: Style, to: Style) -> String {
        let Ok(old) = Members::parse(json) else { return json.to_owned() };
        let level = Level {
            path: "user.",
            from: if has_api_names(&old) { Style::Snake.user() } else { from.user() },
            to: to.user(),
        };
        let mut new = Members::default();
        for (name, value) in old.iter() {
            let is_php_s_empty = level.from.api_name(name) == Some("metadata")
                && value::is_empty_array(value)
                && self.sdks.iter().any(Sdk::types_metadata);
            self.put(&mut new, &level, name, if is_php_s_empty { "{}".to_owned() } else { value.to_owned() });
        }
        if self.sdks.iter().any(Sdk::needs_object) && new.present("object").is_none() {
            new.set("object", quoted("user"));
        }
        new.to_json().to_string()
    }

    fn oauth_tokens(&mut self, json: &str, from: Style, to: Style) -> String {
        let Ok(old) = Members::parse(json) else { return json.to_owned() };
        let (from, to) = (from.oauth_tokens(), to.oauth_tokens());
        let level = Level { path: "oauth_tokens.", from, to };
        let mut new = Members::default();
        for (name, value) in old.iter() {
            self.put(&mut new, &level, name, value.to_owned());
        }
        new.to_json().to_string()
    }

    /// One member, under its new name.
    fn put(&mut self, new: &mut Members, level: &Level, name: &str, value: String) {
        let api = level.from.api_name(name);
        let target = api.map_or(name, |api| level.to.of(api));
        // What meant nothing until now must not come to mean something, nor take another's place.
        if api.is_none() && level.to.api_name(name).is_some() {
            self.losses.push(Loss::new(Effect::Collides, format!("{}{name}", level.path)));
            return;
        }
        new.set(target, value);
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
