//! What was pasted: a bare value, a `Cookie` header line or a `Set-Cookie` line.

use sealkit::cookie::{decode_value, pairs};
use serde::Serialize;

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
    /// Length of the value as it stood there.
    pub(crate) encoded_bytes: usize,
}

impl Pasted {
    /// Finds the cookie `wanted` in what somebody pasted.
    ///
    /// # Errors
    /// A sentence for people when there is no such cookie, or no readable one.
    pub(crate) fn find(text: &str, wanted: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(line) = header(text, "set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let (found, raw) =
                pair.split_once('=').ok_or("there is no name=value pair in the Set-Cookie line")?;
            return Self::new(Source::SetCookieLine, Some(found.trim()), raw.trim());
        }
        if let Some(line) = header(text, "cookie") {
            return Self::in_header(line, wanted);
        }
        // Developer tools copy `name=value` and whole headers without their name.
        if text.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('=')) || text.contains("; ") {
            return Self::in_header(text, wanted);
        }
        Self::new(Source::Value, None, text)
    }

    fn in_header(line: &str, wanted: &str) -> Result<Self, String> {
        let mut names = Vec::new();
        for (name, raw) in pairs([line]) {
            if name == wanted {
                return Self::new(Source::CookieHeader, Some(name), raw);
            }
            names.push(name);
        }
        let others = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Err(format!(
            "there is no cookie `{wanted}` in this header (found: {others}); name another with --name"
        ))
    }

    fn new(source: Source, name: Option<&str>, raw: &str) -> Result<Self, String> {
        let value = decode_value(raw).ok_or("the value is empty, or has a malformed percent-escape")?;
        Ok(Self {
            source,
            name: name.map(str::to_owned),
            percent_encoded: raw.contains('%') && *value != *raw,
            encoded_bytes: raw.len(),
            value: value.into_owned(),
        })
    }
}

/// What follows `Name:`, in any case.
fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (found, rest) = text.split_once(':')?;
    found.trim().eq_ignore_ascii_case(name).then(|| rest.trim_start())
}

/// What a value that is no seal of this version may be: a hint for people, never a decision.
pub(super) fn looks_like(value: &str) -> Option<&'static str> {
    let dots = value.bytes().filter(|b| *b == b'.').count();
    Some(match value {
        v if v.starts_with("Fe26.2*") => return None,
        v if v.starts_with("Fe26.") => "a seal of an older iron version, which no WorkOS library writes",
        v if v.starts_with("eyJ") && dots == 2 => "a bare JWT: an access token alone, not a session cookie",
        v if v.starts_with("eyJ") && dots == 1 => {
            "a cookie of authkit-react-router or authkit-remix, which this version does not read yet"
        }
        v if v.starts_with("gAAAAA") => {
            "a cookie of the Python SDK (Fernet), which this version does not read yet"
        }
        v if v.starts_with("TVVJRUF") => {
            "a cookie of workos-php 4.30 to 4.32 (Halite), which this version does not read yet"
        }
        v if v.starts_with('{') => {
            "unsealed JSON, which no released WorkOS library writes and which proves nothing"
        }
        v if v.ends_with("~2") => "a cookie of the .NET SDK, which this version does not read yet",
        v if v.starts_with("sk_") => "a WorkOS API key: keep it secret",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<(Source, Option<String>, String), String> {
        Pasted::find(text, "wos-session").map(|pasted| (pasted.source, pasted.name, pasted.value))
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
        insta::assert_snapshot!(
            found("Cookie: a=1; b=2").unwrap_err(),
            @"there is no cookie `wos-session` in this header (found: a, b); name another with --name"
        );
        assert!(found("").is_err() && found("Cookie: ").is_err() && found("a%zz").is_err());
    }
}
