//! A JSON object as what it is on the wire: members in order, values as they were written.

use super::text::{unescaped, without_lone_surrogates};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use zeroize::Zeroizing;

/// The members of a JSON object in order, each value as its own JSON text, wiped on drop.
///
/// Numbers keep their digits and texts their escapes: what is not touched is written back byte for byte. Of a member that
/// stands twice the last value is kept, as JavaScript and Python do. A name with a lone surrogate, which no Rust text can hold,
/// is its own JSON text.
#[derive(Clone, Default)]
pub(crate) struct Members(Vec<(String, Zeroizing<String>)>);

impl Members {
    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The JSON text of a member.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A member that is a JSON string, unescaped; a lone surrogate is U+FFFD in it.
    pub(crate) fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        unescaped(self.get(name)?).map(Zeroizing::new)
    }

    /// A member that is there and not null.
    pub(crate) fn present(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| *value != "null")
    }

    /// Replaces the member where it stands, or appends it.
    pub(crate) fn set(&mut self, name: &str, json: impl Into<String>) {
        let json = Zeroizing::new(json.into());
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }

    pub(crate) fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, quoted(text));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| own != name);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Compact JSON.
    pub(crate) fn to_json(&self) -> Zeroizing<String> {
        let length = self.0.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>() + 2;
        let mut out = Zeroizing::new(String::with_capacity(length));
        out.push('{');
        for (i, (name, value)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            if is_json_text(name) {
                out.push_str(name);
            } else {
                out.push_str(&quoted(name));
            }
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        out
    }
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The JSON text of a name as [`Members`] and [`pairs`] give it.
fn name_of(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_else(|_| json.to_owned())
}

/// True when the name is the JSON text of one that no Rust text can hold.
pub(crate) fn is_json_text(name: &str) -> bool {
    name.starts_with('"')
        && serde_json::from_str::<String>(name).is_err()
        && serde_json::from_str::<String>(&without_lone_surrogates(name)).is_ok()
}

/// Every member of a JSON object as it is written, those that stand twice included. `None` for anything but an object.
pub(crate) fn pairs(json: &str) -> Option<Vec<(String, &str)>> {
    serde_json::from_str(json).ok().map(|Pairs(all)| all)
}

struct Pairs<'a>(Vec<(String, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some((name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
                    all.push((name_of(name.get()), value.get()));
                }
                Ok(Pairs(all))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some((name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
                    members.set(&name_of(name.get()), value.get());
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_members_are_written_back_byte_for_byte() {
        let json = r#"{"a":1e400,"b":12345678901234567890123,"é":"\u00e9","c":{"x":[1, 2]},"d":null}"#;
        let mut members = Members::parse(json).unwrap();
        assert_eq!(*members.to_json(), json);
        members.set_text("b", "new \"value\"");
        members.remove("c");
        members.set("z", "true");
        assert_eq!(*members.to_json(), r#"{"a":1e400,"b":"new \"value\"","é":"\u00e9","d":null,"z":true}"#);
    }

    #[test]
    fn names_and_texts_with_lone_surrogates_stay_what_they_are() {
        let json = r#"{"\ud83d":1,"\ud83e":"\udc00","\"access_token\"":2,"t":"a\ud83d"}"#;
        let members = Members::parse(json).unwrap();
        assert_eq!(*members.to_json(), json);
        assert_eq!(members.text("t").unwrap().as_str(), "a\u{fffd}");
        assert_eq!(pairs(r#"{"a":1,"a":[2]}"#).unwrap(), [("a".to_owned(), "1"), ("a".to_owned(), "[2]")]);
        assert_eq!(pairs("[1]"), None);
    }

    #[test]
    fn of_a_member_that_stands_twice_the_last_value_is_kept() {
        assert_eq!(*Members::parse(r#"{"a":1,"b":2,"a":3}"#).unwrap().to_json(), r#"{"a":3,"b":2}"#);
    }
}
