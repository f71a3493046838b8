//! JSON values by their text, as the languages of the SDKs take them.

use super::super::members::pairs;

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

pub(super) fn kind(json: &str) -> Kind {
    match json.as_bytes().first() {
        Some(b'"') => Kind::Text,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') | None => Kind::Null,
        _ => Kind::Number,
    }
}

/// A text that a Rust string can hold.
pub(super) fn is_whole_text(json: &str) -> bool {
    kind(json) == Kind::Text && serde_json::from_str::<String>(json).is_ok()
}

/// `[]`, however it is spaced.
pub(super) fn is_empty_array(json: &str) -> bool {
    kind(json) == Kind::Array
        && json.trim_matches(['[', ']']).trim().is_empty()
        && json.matches('[').count() == 1
}

pub(super) fn is_empty_object(json: &str) -> bool {
    pairs(json).is_some_and(|members| members.is_empty())
}

/// False in JavaScript.
pub(super) fn is_falsy(json: &str) -> bool {
    match kind(json) {
        Kind::Null => true,
        Kind::Bool => json == "false",
        Kind::Number => json.parse::<f64>().is_ok_and(|number| number == 0.0),
        Kind::Text => json == r#""""#,
        Kind::Array | Kind::Object => false,
    }
}

/// False in Python.
pub(super) fn is_falsy_in_python(json: &str) -> bool {
    is_falsy(json) || is_empty_array(json) || is_empty_object(json)
}

/// True when a number in it has more than `most` characters; with `integers` only those without fraction and exponent count.
pub(super) fn has_longer_number(json: &str, most: usize, integers: bool) -> bool {
    numbers(json).any(|number| {
        let is_counted = !integers || number.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        is_counted && number.bytes().filter(u8::is_ascii_digit).count() > most
    })
}

/// True when a number in it is larger than a double can be: JavaScript reads it as infinite.
pub(super) fn has_infinite_number(json: &str) -> bool {
    numbers(json).any(|number| number.parse::<f64>().is_ok_and(f64::is_infinite))
}

/// The numbers in a JSON text, at any depth.
fn numbers(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
            let (_, from) = rest.split_at_checked(start)?;
            if let Some(inside) = from.strip_prefix('"') {
                rest = after_text(inside);
                continue;
            }
            let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
            let end = from.find(|c: char| !is_of_number(c)).unwrap_or(from.len());
            let (number, after) = from.split_at_checked(end)?;
            rest = after;
            return Some(number);
        }
    })
}

/// What follows the end of a JSON string.
fn after_text(inside: &str) -> &str {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            '"' if !escaped => return inside.get(at + 1..).unwrap_or_default(),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_at_any_depth_and_not_in_texts() {
        let found: Vec<_> = numbers(r#"{"a1":[1,-2.5e+3],"b":"7 \" 8","c":{"d":1e400}}"#).collect();
        assert_eq!(found, ["1", "-2.5e+3", "1e400"]);
        assert!(has_infinite_number("[1e400]") && !has_infinite_number(r#"["1e400",1e40]"#));
        assert!(has_longer_number("1234", 3, true) && !has_longer_number("12.34", 3, true));
        assert!(has_longer_number("12.34", 3, false) && !has_longer_number("\"1234\"", 3, false));
    }

    #[test]
    fn falsy_values_differ_by_language() {
        for json in ["null", "false", "0", "-0.0", "0e5", "\"\""] {
            assert!(is_falsy(json) && is_falsy_in_python(json), "{json}");
        }
        for json in ["{}", "[]", "[ ]"] {
            assert!(!is_falsy(json) && is_falsy_in_python(json), "{json}");
        }
        for json in ["[[]]", "[0]", "{\"a\":1}", "7", "true", "\"0\""] {
            assert!(!is_falsy(json) && !is_falsy_in_python(json), "{json}");
        }
    }
}
