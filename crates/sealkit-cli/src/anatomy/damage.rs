//! What happens to values on their way: each kind of damage with its repair, tried and told, never done for a session.

use super::{diagnosis::Diagnosis, opening};
use sealkit::cookie::decode_value;

/// A value as it may have been before, and what happened to it.
#[derive(Debug)]
pub(super) struct Repair {
    pub(super) diagnosis: Diagnosis,
    pub(super) value: String,
    /// The damage can be seen, whether or not a password opens what is repaired.
    pub(super) is_certain: bool,
}

/// Everything that may have happened to `value`; each repaired value has the shape of a format.
pub(super) fn repairs(value: &str) -> Vec<Repair> {
    let all = [
        decoded(value),
        unquoted(value),
        one_line(value),
        plus(value),
        padded(value),
        alphabet(value),
        suffix(value),
    ];
    let has_shape = |text: &str| !opening::candidates(text, None).is_empty();
    let shapeless = !has_shape(value);
    all.into_iter()
        .flatten()
        .filter(|repair| repair.value != value && has_shape(&repair.value))
        .map(|repair| Repair { is_certain: repair.is_certain && shapeless, ..repair })
        .collect()
}

fn repair(diagnosis: Diagnosis, value: impl Into<String>) -> Option<Repair> {
    Some(Repair { diagnosis, value: value.into(), is_certain: true })
}

/// Decoded once more, twice at most.
fn decoded(value: &str) -> Option<Repair> {
    if !value.contains('%') {
        return None;
    }
    let once = decode_value(value)?;
    let twice = if once.contains('%') { decode_value(&once)? } else { once };
    repair(Diagnosis::PercentTwice, twice)
}

fn unquoted(value: &str) -> Option<Repair> {
    let bare: String = value.chars().filter(|char| *char != '\\').collect();
    let bare = bare.trim_matches(['"', '\'', '`']);
    if bare.starts_with('{') { None } else { repair(Diagnosis::Quoted, bare) }
}

fn one_line(value: &str) -> Option<Repair> {
    if value.starts_with('{') {
        return None;
    }
    let line: String = value.chars().filter(|char| !char.is_whitespace()).collect();
    // A single space here and there is rather a plus; lines are broken with line ends.
    if value.contains(['\n', '\r', '\t']) || value.starts_with("Fe26.") {
        repair(Diagnosis::WhiteSpace, line)
    } else {
        None
    }
}

fn plus(value: &str) -> Option<Repair> {
    let is_json = value.starts_with('{') || value.starts_with("sj1.");
    if is_json || !value.contains(' ') {
        None
    } else {
        repair(Diagnosis::PlusToSpace, value.replace(' ', "+"))
    }
}

fn padded(value: &str) -> Option<Repair> {
    let (body, suffix) = value.strip_suffix("~2").map_or((value, ""), |body| (body, "~2"));
    let (body, suffix) = match body.rsplit_once('.') {
        Some((body, signature)) if suffix.is_empty() => (body, format!(".{signature}")),
        _ => (body, suffix.to_owned()),
    };
    let missing = match body.len() % 4 {
        2 => "==",
        3 => "=",
        _ => return None,
    };
    if body.contains(['=', '*', '{']) || body.starts_with("Fe26") {
        return None;
    }
    // Of text that was cut off, a quarter has this length, too: only opening proves it.
    Some(Repair {
        diagnosis: Diagnosis::PaddingLost,
        value: format!("{body}{missing}{suffix}"),
        is_certain: false,
    })
}

fn alphabet(value: &str) -> Option<Repair> {
    let exchanged: String = value
        .chars()
        .map(|char| match char {
            '+' => '-',
            '/' => '_',
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    if value.starts_with("Fe26") || value.starts_with('{') || value.starts_with("sj1.") {
        None
    } else {
        repair(Diagnosis::OtherAlphabet, exchanged)
    }
}

/// An iron seal with its rightful end.
fn suffix(value: &str) -> Option<Repair> {
    let (body, end) = value.strip_prefix("Fe26.2*")?.split_once('~')?;
    if end == "2" { None } else { repair(Diagnosis::OddSuffix, format!("Fe26.2*{body}~2")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(value: &str) -> Vec<(&'static str, bool)> {
        repairs(value).iter().map(|repair| (repair.diagnosis.code(), repair.is_certain)).collect()
    }

    #[test]
    fn damage_that_leaves_no_shape_is_certain_and_the_rest_must_be_proven_by_opening() {
        let base64 = "abcd".repeat(20);
        assert_eq!(codes(&base64), []);
        assert_eq!(codes(&format!("{base64}%2B%2B%2B%2B")), [("percent_encoded_twice", true)]);
        assert_eq!(codes(&format!("{base64}a bc")), [("plus_became_space", true)]);
        assert_eq!(codes(&format!("{base64}a-_c")), [("other_alphabet", true)]);
        assert_eq!(codes(&format!("{base64}abc")), [("padding_lost", false)]);
        assert_eq!(codes(&format!("'{base64}'")), [("quoted", true)]);
        assert_eq!(codes("Fe26.2*1*a*b~1"), [("odd_suffix", false)], "a shape without a meaning");
        assert_eq!(codes("hello world"), []);
    }
}
