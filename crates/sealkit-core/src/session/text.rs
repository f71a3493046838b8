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
    fn a_piece_is_found_where_it_stands_and_nowhere_else() {
        let base = "abcabc";
        assert_eq!(Place::within(base, base.get(3..5).unwrap()), Some(Place { start: 3, end: 5 }));
        assert_eq!(Place::within(base, "zzz"), None);
        assert_eq!(Text::within(base, Cow::Borrowed(base.get(3..).unwrap())).get(base), "abc");
        assert_eq!(Text::within(base, Cow::Borrowed("elsewhere")).get(base), "elsewhere");
    }
}
