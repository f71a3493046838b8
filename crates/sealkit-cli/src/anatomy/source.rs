//! What was pasted: a bare value, a `Cookie` header line or a `Set-Cookie` line.

use super::{diagnosis::Diagnosis, finding::Finding};
use sealkit::{
    Untrusted,
    cookie::{self, Presence, decode_value, pairs},
    session::DEFAULT_LIMIT,
};
use serde::Serialize;

/// What every piece of a split cookie begins with.
const PIECE: &str = "~sk1";

/// Most cookie names that are listed.
const MOST_NAMES: usize = 20;

/// What a text turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Value,
    CookieHeader,
    SetCookieLine,
}

/// A cookie value found in a text.
#[derive(Clone, Debug)]
pub(crate) struct Pasted {
    pub(crate) source: Source,
    pub(crate) name: Option<String>,
    /// Percent-decoded.
    pub(crate) value: String,
    pub(crate) percent_encoded: bool,
    /// Length of the value as it stood there, of all pieces if it was split.
    pub(crate) encoded_bytes: usize,
    /// Cookies that it stood in.
    pub(crate) pieces: usize,
    /// What the text around the value has told.
    pub(super) notes: Vec<Finding>,
}

impl Pasted {
    /// Finds the cookie `wanted` in what somebody pasted.
    ///
    /// # Errors
    /// Why there is no such cookie, or no readable one.
    pub(crate) fn find(text: &str, wanted: &str) -> Result<Self, Finding> {
        // A line feed at the end belongs to a Ruby value; at any end it is the clipboard's.
        let text = text.trim();
        if let Some(line) = header(text, "set-cookie") {
            return Self::in_set_cookie(line, wanted);
        }
        if let Some(line) = header(text, "cookie") {
            return Self::in_header(line, wanted);
        }
        // Developer tools copy `name=value` and whole headers without their name.
        if is_pair_of(text, wanted) || (text.contains("; ") && !text.starts_with('{')) {
            return Self::in_header(text, wanted);
        }
        if text.starts_with(PIECE) {
            return Err(Diagnosis::OnePiece.into());
        }
        Self::new(Source::Value, None, text)
    }

    fn in_set_cookie(line: &str, wanted: &str) -> Result<Self, Finding> {
        let mut attributes = line.split(';');
        let pair = attributes.next().unwrap_or_default();
        let (found, raw) = pair
            .split_once('=')
            .ok_or_else(|| Diagnosis::CookieMissing.about("no name=value pair follows Set-Cookie:"))?;
        let (found, raw) = (found.trim(), raw.trim());
        if raw.is_empty() && attributes.any(|one| one.trim().eq_ignore_ascii_case("max-age=0")) {
            return Err(Diagnosis::Deletion.into());
        }
        let is_numbered = piece_of(found, wanted);
        if raw.starts_with(PIECE) || (is_numbered && !raw.ends_with("~2")) {
            return Err(Diagnosis::OnePiece.about(named(found)));
        }
        Self::new(Source::SetCookieLine, Some(found), raw)
    }

    fn in_header(line: &str, wanted: &str) -> Result<Self, Finding> {
        let values: Vec<&str> =
            pairs([line]).filter(|(name, _)| *name == wanted).map(|(_, raw)| raw).collect();
        if let Some(raw) = values.first() {
            let mut pasted = Self::new(Source::CookieHeader, Some(wanted), raw)?;
            if values.len() > 1 {
                let about = format!("{}, and this is the first", values.len());
                pasted.notes.push(Diagnosis::SeveralCookies.about(about));
            }
            return Ok(pasted);
        }
        if !Presence::of([line], wanted).is_empty() {
            return Self::joined(line, wanted);
        }
        Err(missing(line, wanted))
    }

    /// A value that stands in `name.0`, `name.1`, …
    fn joined(line: &str, wanted: &str) -> Result<Self, Finding> {
        let pieces: Vec<(&str, &str)> = pairs([line]).filter(|(name, _)| piece_of(name, wanted)).collect();
        let Some(value) = cookie::values([line], wanted, DEFAULT_LIMIT).next() else {
            let names: Vec<String> = pieces.iter().map(|(name, _)| named(name)).collect();
            let diagnosis = if pieces.len() == 1 { Diagnosis::OnePiece } else { Diagnosis::SplitIncomplete };
            return Err(diagnosis.about(names.join(", ")));
        };
        Ok(Self {
            source: Source::CookieHeader,
            name: Some(wanted.to_owned()),
            percent_encoded: pieces.iter().any(|(_, raw)| raw.contains('%')),
            // The names but one, which is counted elsewhere.
            encoded_bytes: pieces
                .iter()
                .map(|(name, raw)| name.len() + raw.len())
                .sum::<usize>()
                .saturating_sub(wanted.len()),
            pieces: pieces.len(),
            value: value.into_owned(),
            notes: Vec::new(),
        })
    }

    fn new(source: Source, name: Option<&str>, raw: &str) -> Result<Self, Finding> {
        if raw.is_empty() || raw == "\"\"" {
            return Err(Diagnosis::EmptyValue.into());
        }
        let value = decode_value(raw).ok_or(Diagnosis::BadEscape)?;
        Ok(Self {
            source,
            name: name.map(str::to_owned),
            percent_encoded: raw.contains('%') && *value != *raw,
            encoded_bytes: raw.len(),
            pieces: 1,
            value: value.into_owned(),
            notes: Vec::new(),
        })
    }
}

/// `name=…` or `name.0=…`.
fn is_pair_of(text: &str, wanted: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| name == wanted || piece_of(name, wanted))
}

/// `name.0` to `name.9`.
fn piece_of(found: &str, name: &str) -> bool {
    let number = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
    number.is_some_and(|number| number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()))
}

fn missing(line: &str, wanted: &str) -> Finding {
    let names: Vec<&str> = pairs([line]).map(|(name, _)| name).collect();
    if let Some(other) = names.iter().find(|name| name.eq_ignore_ascii_case(wanted)) {
        return Diagnosis::CookieNameCase.about(format!("{}, not {}", named(other), named(wanted)));
    }
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| named(name)).collect();
    let others = match names.len().saturating_sub(MOST_NAMES) {
        _ if names.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{}, {more} more", shown.join(", ")),
    };
    Diagnosis::CookieMissing.about(format!("`{}` (found: {others})", named(wanted)))
}

/// The name of a cookie, unless it may be a secret that stands in its place.
fn named(name: &str) -> String {
    Untrusted::new(name).as_name().to_string()
}

/// What follows `Name:`, in any case.
fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (found, rest) = text.split_once(':')?;
    found.trim().eq_ignore_ascii_case(name).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<(Source, Option<String>, String), &'static str> {
        let found = Pasted::find(text, "wos-session");
        found
            .map(|pasted| (pasted.source, pasted.name, pasted.value))
            .map_err(|finding| finding.diagnosis.code())
    }

    #[test]
    fn a_value_is_found_in_whatever_was_pasted() {
        let name = || Some("wos-session".to_owned());
        assert_eq!(found(" Fe26.2*1~2\n"), Ok((Source::Value, None, "Fe26.2*1~2".into())));
        assert_eq!(found("a%2Bb"), Ok((Source::Value, None, "a+b".into())));
        for header in [
            "Cookie: a=1; wos-session=x%3D",
            "cookie:wos-session=x=; b=2",
            "wos-session=x=",
            "a=1; wos-session=\"x=\"",
        ] {
            assert_eq!(found(header), Ok((Source::CookieHeader, name(), "x=".into())), "{header}");
        }
        let line = "Set-Cookie: other=x%3D; Path=/; HttpOnly";
        assert_eq!(found(line), Ok((Source::SetCookieLine, Some("other".into()), "x=".into())));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let finding = Pasted::find("Cookie: a=1; b=2", "wos-session").unwrap_err();
        insta::assert_snapshot!(
            finding.says(),
            @"there is no cookie of this name in the line: `wos-session` (found: a, b)"
        );
        assert_eq!(found(""), Err("empty_value"));
        assert_eq!(found("Cookie: "), Err("cookie_missing"));
        assert_eq!(found("a%zz"), Err("bad_percent_escape"));
    }

    #[test]
    fn only_digits_after_the_dot_make_a_piece() {
        assert!(piece_of("a.0", "a") && piece_of("a.9", "a"));
        assert!(
            !piece_of("a.10", "a") && !piece_of("a.x", "a") && !piece_of("a", "a") && !piece_of("b.0", "a")
        );
    }
}
