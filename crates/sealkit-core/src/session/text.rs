//! Strings inside a JSON text that somebody else owns: where they stand, so that nothing is copied.

use serde::{
    Deserialize,
    de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// A string of a JSON text: its place there, or its own copy when it was written with escapes.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    At(Place),
    Own(Box<str>),
}

/// Where a piece of a text stands. Half the size of a range: sessions are full of them, and are moved about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// Where `part` stands in `base`, if it is a piece of it.
    pub(crate) fn within(base: &str, part: &str) -> Option<Self> {
        let start = part.as_ptr().addr().checked_sub(base.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        let place = Self { start: start.try_into().ok()?, end: end.try_into().ok()? };
        (end <= base.len()).then_some(place)
    }

    /// What stands there.
    pub(crate) fn get(self, base: &str) -> Option<&str> {
        base.get(usize::try_from(self.start).ok()?..usize::try_from(self.end).ok()?)
    }
}

impl Text {
    /// Where `part`, a piece of `base`, stands in it.
    pub(crate) fn within(base: &str, part: Cow<'_, str>) -> Self {
        match part {
            Cow::Owned(own) => Self::Own(own.into()),
            Cow::Borrowed(part) => match Place::within(base, part) {
                Some(place) => Self::At(place),
                None => Self::Own(part.into()),
            },
        }
    }

    pub(crate) fn get<'a>(&'a self, base: &'a str) -> &'a str {
        match self {
            Self::At(place) => place.get(base).unwrap_or_default(),
            Self::Own(own) => own,
        }
    }
}

/// The JSON text with each lone surrogate escape (`\ud83d` without its other half) replaced by `\ufffd`: the text has the same
/// length, and every place in it stays what it was.
///
/// JavaScript, Python, PHP and Ruby write such escapes, and every SDK but the crate reads them. A Rust string cannot hold them.
pub(crate) fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut rest = 0;
    while let Some(at) = json.get(rest..).and_then(|rest| memchr::memchr(b'\\', rest.as_bytes())) {
        let at = rest + at;
        rest = match (escaped_unit(json, at), escaped_unit(json, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at + 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(json.get(copied..at).unwrap_or_default());
                out.push_str("\\ufffd");
                copied = at + 6;
                copied
            }
            // Past the backslash and what it escapes.
            _ => at + 2,
        };
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(json.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The code unit of the escape `\uXXXX` that stands at `at`.
fn escaped_unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

/// A JSON string, unescaped; a lone surrogate is U+FFFD in it.
pub(crate) fn unescaped(json: &str) -> Option<String> {
    serde_json::from_str(json).or_else(|_| serde_json::from_str(&without_lone_surrogates(json))).ok()
}

/// A string, borrowed where it is written without escapes.
#[derive(Deserialize)]
pub(crate) struct Borrowed<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A member that is taken when it is a string and counts as absent when it is anything else.
///
/// For members that a JWT template or an application may have given another shape: they must not make the session unreadable.
#[derive(Default)]
pub(crate) struct Lenient<'a>(pub(crate) Option<Cow<'a, str>>);

/// A list of strings; items of another kind are left out, and anything but a list counts as an empty one.
#[derive(Default)]
pub(crate) struct LenientList<'a>(pub(crate) Vec<Cow<'a, str>>);

/// True or false; anything else counts as absent.
#[derive(Default)]
pub(crate) struct LenientBool(pub(crate) Option<bool>);

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LenientList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for LenientBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoolVisitor).map(Self)
    }
}

/// A visitor of one kind of value, for which every other kind counts as absent. One for each kind, not one for all: claims and
/// users are full of these, and each value would be moved through an enum of every kind.
macro_rules! lenient {
    ($visitor:ident($value:ty, $what:literal) { $($own:item)* } ignores $($kind:ident)*) => {
        struct $visitor;

        impl<'de> Visitor<'de> for $visitor {
            type Value = $value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($what)
            }

            $($own)*

            $(lenient!(@$kind);)*

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Self::Value::default())
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Self::Value::default())
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Self::Value::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Self::Value::default())
            }
        }
    };
    (@text) => {
        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@number) => {
        fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@bool) => {
        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

lenient! {
    TextVisitor(Option<Cow<'de, str>>, "any value") {
        fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Some(Cow::Borrowed(text)))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(Cow::Owned(text.to_owned())))
        }
    } ignores number bool list
}

lenient! {
    ListVisitor(Vec<Cow<'de, str>>, "any value") {
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if let Lenient(Some(text)) = item {
                    if list.is_empty() {
                        list.reserve(16);
                    }
                    list.push(text);
                }
            }
            Ok(list)
        }
    } ignores text number bool
}

lenient! {
    BoolVisitor(Option<bool>, "any value") {
        fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Self::Value, E> {
            Ok(Some(truth))
        }
    } ignores text number list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_count_as_absent() {
        for json in ["null", "1", "-1", "1.5", "true", "[\"a\",[1]]", "{\"a\":{}}"] {
            assert!(serde_json::from_str::<Lenient<'_>>(json).unwrap().0.is_none(), "{json}");
        }
        assert_eq!(serde_json::from_str::<Lenient<'_>>(r#""a\n""#).unwrap().0.unwrap(), "a\n");
        for json in ["null", "1", "-1", "1.5", "true", "\"a\"", r#""a\n""#, "{\"a\":{}}"] {
            assert!(serde_json::from_str::<LenientList<'_>>(json).unwrap().0.is_empty(), "{json}");
        }
        assert_eq!(serde_json::from_str::<LenientList<'_>>(r#"["a",1,"b"]"#).unwrap().0, ["a", "b"]);
        for json in ["null", "0", "\"true\"", "[true]", "{}"] {
            assert!(serde_json::from_str::<LenientBool>(json).unwrap().0.is_none(), "{json}");
        }
        assert_eq!(serde_json::from_str::<LenientBool>("false").unwrap().0, Some(false));
    }

    #[test]
    fn lone_surrogates_are_replaced_in_place() {
        for (json, clean) in [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\uDC00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00x""#, r#""\ufffd\ud83d\ude00x""#),
            (r#""\ud83dé\ude00""#, r#""\ufffdé\ufffd""#),
        ] {
            assert_eq!(without_lone_surrogates(json), clean);
            assert_eq!(json.len(), clean.len());
        }
        for whole in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u12"#, r#""é\"#, "", r#""\u00e9""#] {
            assert!(
                matches!(without_lone_surrogates(whole), Cow::Borrowed(same) if same == whole),
                "{whole}"
            );
        }
        assert_eq!(unescaped(r#""a\udc00b""#).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(unescaped("7"), None);
    }

    #[test]
    fn a_piece_is_found_where_it_stands_and_nowhere_else() {
        let base = "abcabc";
        assert_eq!(Place::within(base, base.get(3..5).unwrap()), Some(Place { start: 3, end: 5 }));
        assert_eq!(Place::within(base, "zzz"), None);
        assert_eq!(Text::within(base, Cow::Borrowed(base.get(3..).unwrap())).get(base), "abc");
        assert_eq!(Text::within(base, Cow::Borrowed("elsewhere")).get(base), "elsewhere");
    }
}
