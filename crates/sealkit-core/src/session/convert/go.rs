//! How workos-go reads a session: `encoding/json` into its structs. Names match without regard to case, the last of several
//! wins, and an object is read into what an earlier one has left.

use super::{
    loss::{Effect, Loss},
    value::{Kind, kind},
};
use crate::session::{members::pairs, text::unescaped};
use std::collections::BTreeMap;

/// The type of a field of a struct.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    /// `string`: null changes nothing.
    Text,
    /// `*string`: null is nil.
    Pointer,
    /// `*string`, left out when nil.
    LeftOut,
    Truth,
    /// `map[string]string`, left out when empty.
    Texts,
}

type Fields = &'static [(&'static str, Type)];

const SESSION: Fields = &[("access_token", Type::Text), ("refresh_token", Type::Text)];
const USER: Fields = &[
    ("object", Type::Text),
    ("id", Type::Text),
    ("email", Type::Text),
    ("email_verified", Type::Truth),
    ("name", Type::LeftOut),
    ("first_name", Type::Pointer),
    ("profile_picture_url", Type::Pointer),
    ("last_name", Type::Pointer),
    ("last_sign_in_at", Type::Pointer),
    ("locale", Type::LeftOut),
    ("created_at", Type::Text),
    ("updated_at", Type::Text),
    ("external_id", Type::Pointer),
    ("metadata", Type::Texts),
];
const IMPERSONATOR: Fields = &[("email", Type::Text), ("reason", Type::Pointer)];

/// A struct while it is read.
#[derive(Clone, Default, PartialEq, Eq)]
struct Read {
    /// Texts unescaped, truths as they are written.
    values: BTreeMap<&'static str, String>,
    metadata: BTreeMap<String, String>,
}

/// A struct behind a pointer at the top level.
struct Inner {
    name: &'static str,
    fields: Fields,
    /// What stands in the payload under the exact name.
    given: Option<String>,
    read: Option<Read>,
}

/// What Go makes of a payload. Before 9.2.0 it has no `user.name`.
pub(super) fn losses(payload: &str, has_name: bool) -> Vec<Loss> {
    let mut reading = Reading { has_name, ..Reading::default() };
    let mut top = Read::default();
    let mut inner = [
        Inner { name: "user", fields: USER, given: None, read: None },
        Inner { name: "impersonator", fields: IMPERSONATOR, given: None, read: None },
    ];
    let members = pairs(payload).unwrap_or_default();
    for (name, json) in &members {
        let json = *json;
        let folded = fold(name);
        if let Some(inner) = inner.iter_mut().find(|inner| inner.name == folded) {
            reading.pointer(inner, name, json);
        } else if let Some((field, of_type)) = SESSION.iter().find(|(field, _)| *field == folded) {
            reading.field(&mut top, (field, *of_type), json, (name, field));
            if name != field {
                reading.twin(name, field);
            }
        } else {
            reading.losses.push(Loss::new(Effect::NotKept, name.clone()));
        }
    }
    reading.tell_tokens(&members, &top);
    for inner in &inner {
        reading.tell_inner(inner);
    }
    let mut losses = reading.losses;
    let refused: Vec<String> =
        losses.iter().filter(|loss| loss.effect == Effect::Needed).map(|loss| loss.member.clone()).collect();
    losses.retain(|loss| loss.effect == Effect::Needed || !refused.contains(&loss.member));
    losses
}

#[derive(Default)]
struct Reading {
    has_name: bool,
    losses: Vec<Loss>,
}

impl Reading {
    /// `user` or `impersonator`, by whichever name.
    fn pointer(&mut self, inner: &mut Inner, name: &str, json: &str) {
        let is_exact = name == inner.name;
        if is_exact {
            inner.given = Some(json.to_owned());
        } else {
            self.twin(name, inner.name);
        }
        match kind(json) {
            Kind::Null => inner.read = None,
            Kind::Object => {
                let read = inner.read.get_or_insert_default();
                for (member, value) in pairs(json).unwrap_or_default() {
                    let folded = fold(&member);
                    let shown = format!("{name}.{member}");
                    let known = inner.fields.iter().find(|(field, _)| *field == folded);
                    match known.filter(|(field, _)| self.has_name || *field != "name") {
                        Some((field, of_type)) => {
                            let own = path(inner.name, field);
                            self.field(read, (field, *of_type), value, (&shown, own));
                            if is_exact && member != *field {
                                self.twin(&shown, own);
                            }
                        }
                        // What stands in a twin goes with the twin.
                        None if is_exact => self.losses.push(Loss::new(Effect::NotKept, shown)),
                        None => {}
                    }
                }
            }
            _ => self.refused(name, if is_exact { None } else { Some(inner.name) }),
        }
    }

    /// One value into one field: from the member `shown`, while the field's own member is `own`.
    fn field(
        &mut self,
        read: &mut Read,
        (field, of_type): (&'static str, Type),
        json: &str,
        (shown, own): (&str, &'static str),
    ) {
        let fits = match (of_type, kind(json)) {
            (Type::Text | Type::Truth, Kind::Null) => true,
            (Type::Pointer | Type::LeftOut, Kind::Null) => {
                read.values.remove(field);
                true
            }
            (Type::Texts, Kind::Null) => {
                read.metadata.clear();
                true
            }
            (Type::Text | Type::Pointer | Type::LeftOut, Kind::Text) => {
                read.values.insert(field, unescaped(json).unwrap_or_default());
                true
            }
            (Type::Truth, Kind::Bool) => {
                read.values.insert(field, json.to_owned());
                true
            }
            (Type::Texts, Kind::Object) => {
                pairs(json).unwrap_or_default().into_iter().all(|(name, value)| {
                    let text = match kind(value) {
                        Kind::Null => Some(String::new()),
                        Kind::Text => unescaped(value),
                        _ => None,
                    };
                    text.map(|text| read.metadata.insert(name, text)).is_some()
                })
            }
            _ => false,
        };
        if !fits {
            self.refused(shown, (shown != own).then_some(own));
        }
    }

    fn refused(&mut self, member: &str, taken_for: Option<&'static str>) {
        self.losses.push(Loss { taken_for, ..Loss::new(Effect::Needed, member) });
    }

    /// A member that Go takes for another and does not write.
    fn twin(&mut self, member: &str, taken_for: &'static str) {
        self.losses.push(Loss { taken_for: Some(taken_for), ..Loss::new(Effect::NotKept, member) });
    }

    fn tell_tokens(&mut self, members: &[(String, &str)], top: &Read) {
        for (field, _) in SESSION {
            let given = members.iter().find(|(name, _)| name == field).map(|(_, json)| *json);
            let given_text = given.and_then(unescaped);
            let read = top.values.get(field).cloned().unwrap_or_default();
            let is_same =
                given.is_none_or(|json| serde_json::from_str::<String>(json).is_ok_and(|text| text == read));
            if is_same && (given.is_some() || read.is_empty()) {
                continue;
            }
            if *field == "access_token" && given_text.as_deref() != Some(read.as_str()) {
                // The session opens, and its token is another.
                let is_twin = |(name, json): &&(String, &str)| {
                    name != field && fold(name) == *field && kind(json) == Kind::Text
                };
                let twin = members.iter().rev().find(is_twin);
                self.refused(twin.map_or(*field, |(name, _)| name.as_str()), Some(field));
            } else if given.is_none_or(|json| matches!(kind(json), Kind::Null | Kind::Text)) {
                self.losses.push(Loss::new(Effect::Changed, *field));
            }
        }
    }

    fn tell_inner(&mut self, inner: &Inner) {
        let (name, given) = (inner.name, inner.given.as_deref());
        let Some(read) = &inner.read else {
            match given.map(kind) {
                Some(Kind::Null) => self.losses.push(Loss::new(Effect::NullLeftOut, name)),
                Some(Kind::Object) => self.losses.push(Loss::new(Effect::NotKept, name)),
                _ => {}
            }
            return;
        };
        let members = given.and_then(pairs).unwrap_or_default();
        if given.is_none_or(|json| kind(json) == Kind::Null) {
            self.losses.push(Loss::new(Effect::Changed, name));
            return;
        }
        for (field, of_type) in inner.fields {
            if *field == "name" && !self.has_name {
                continue;
            }
            // Of a member that stands twice the last counts, as everywhere.
            let Some((_, json)) = members.iter().rev().find(|(member, _)| member == field) else {
                let is_new = match of_type {
                    Type::Texts => !read.metadata.is_empty(),
                    _ => read.values.contains_key(field),
                };
                if is_new {
                    self.losses.push(Loss::new(Effect::Changed, format!("{name}.{field}")));
                }
                continue;
            };
            if *of_type == Type::Texts {
                let changed = changed_texts(json, read);
                self.losses.extend(
                    changed.iter().map(|text| Loss::new(Effect::Changed, format!("{name}.{field}.{text}"))),
                );
            }
            if let Some(effect) = effect(*of_type, field, json, read) {
                self.losses.push(Loss::new(effect, format!("{name}.{field}")));
            }
        }
    }
}

/// The values of a map that are not what was given, or were not given at all.
fn changed_texts(json: &str, read: &Read) -> Vec<String> {
    // Of a name that stands twice the last counts.
    let given: BTreeMap<String, &str> = pairs(json).unwrap_or_default().into_iter().collect();
    let is_changed = |(name, text): &(&String, &String)| {
        !given
            .get(*name)
            .is_some_and(|json| serde_json::from_str::<String>(json).is_ok_and(|own| own == **text))
    };
    read.metadata.iter().filter(is_changed).map(|(name, _)| name.clone()).collect()
}

/// What becomes of a member when what was read is written.
fn effect(of_type: Type, field: &str, json: &str, read: &Read) -> Option<Effect> {
    if of_type == Type::Texts {
        let is_none = kind(json) == Kind::Null || pairs(json).is_some_and(|given| given.is_empty());
        return match (read.metadata.is_empty(), is_none) {
            (true, true) => Some(Effect::NullLeftOut),
            (true, false) => Some(Effect::NotKept),
            (false, _) => None,
        };
    }
    let is_null = kind(json) == Kind::Null;
    match (read.values.get(field), of_type) {
        (None, Type::LeftOut) if is_null => Some(Effect::NullLeftOut),
        (None, Type::LeftOut) => Some(Effect::NotKept),
        (None, Type::Pointer) => (!is_null).then_some(Effect::Changed),
        (None, _) => Some(Effect::Changed),
        (Some(value), Type::Truth) => (value != json).then_some(Effect::Changed),
        (Some(value), _) => {
            (serde_json::from_str::<String>(json).ok().as_ref() != Some(value)).then_some(Effect::Changed)
        }
    }
}

/// The path of a field, for what is told.
fn path(inner: &str, field: &'static str) -> &'static str {
    let paths = [
        "user.object",
        "user.id",
        "user.email",
        "user.email_verified",
        "user.name",
        "user.first_name",
        "user.profile_picture_url",
        "user.last_name",
        "user.last_sign_in_at",
        "user.locale",
        "user.created_at",
        "user.updated_at",
        "user.external_id",
        "user.metadata",
        "impersonator.email",
        "impersonator.reason",
    ];
    paths.into_iter().find(|path| path.strip_prefix(inner) == Some(&format!(".{field}"))).unwrap_or(field)
}

/// As `encoding/json` folds names: by simple case folding, in which two letters outside of ASCII are ASCII's.
fn fold(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}
