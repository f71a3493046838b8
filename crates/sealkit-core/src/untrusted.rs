//! Text from outside, and the only forms in which sealkit prints it.
//!
//! A cookie, a token, a key set, an API answer, a URL, a header and a log line hold text that anybody can write. Printed as it
//! is, such text moves the cursor, sets the clipboard, reorders a line or adds a line that looks like one of ours. [`Untrusted`]
//! holds it and prints it escaped; [`escape_json`] does the same for a JSON document, which stays equal for a parser.
//!
//! A value that an operator gave may be a secret in the wrong place. [`Untrusted::as_name`] shows only what cannot be one.
//!
//! The escapes are part of semver. They do not depend on the version of Unicode that the compiler knows.

mod json;

pub use json::escape_json;

use crate::MIN_PASSWORD_CHARACTERS;
use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

/// What secrets begin with that people paste: API keys, webhook secrets, iron seals, tokens.
const SECRET_PREFIXES: [&str; 4] = ["sk_", "whsec_", "Fe26.", "eyJ"];

/// Text that came from outside the program.
///
/// There are three printed forms, all escaped. None of them contains a line end, a control character, an invisible
/// character or one that changes the direction of text, and none is longer than [`Untrusted::LIMIT`] characters of the text:
///
/// - `Display`: one word as it is, everything else in quotes, so that a reader sees where it begins and ends. For log
///   fields, errors and terminals.
/// - `Debug`: always in quotes.
/// - [`Untrusted::unquoted`]: never in quotes. For places with bounds of their own, such as an HTML element.
///
/// The escapes are `\n`, `\r`, `\t`, `\\`, `\"` (within quotes) and `\u{…}` with the code point in hexadecimal. `\…(N more)`
/// ends text that was cut. The text's own backslashes are escaped, so an escape cannot be forged. Letters of every script,
/// combining marks and emoji are printed as they are, but of several spaces in a row only the first one is.
///
/// ```
/// # use sealkit_core::untrusted::Untrusted;
/// assert_eq!(Untrusted::new("sso_oidc_key_01").to_string(), "sso_oidc_key_01");
/// assert_eq!(Untrusted::new("Jürgen 田中").to_string(), r#""Jürgen 田中""#);
/// assert_eq!(Untrusted::new("k\n  ok \u{1b}[2J").to_string(), r#""k\n \u{20}ok \u{1b}[2J""#);
/// assert_eq!(Untrusted::new("Jürgen 田中").unquoted().to_string(), "Jürgen 田中");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Untrusted<T>(T);

impl<T: AsRef<str>> Untrusted<T> {
    /// Most characters of the text that a printed form shows.
    pub const LIMIT: usize = 256;

    /// Text from outside.
    #[must_use]
    pub const fn new(text: T) -> Self {
        Self(text)
    }

    /// The text as it came, to compare or to compute with. Never print it.
    #[must_use]
    pub fn expose_raw(&self) -> &str {
        self.0.as_ref()
    }

    /// The printed form without quotes, for a place that has bounds of its own.
    #[must_use]
    pub fn unquoted(&self) -> impl fmt::Display + use<'_, T> {
        Unquoted(self.expose_raw())
    }

    /// The printed form of a name that an operator gave: shown only if it cannot be a secret.
    ///
    /// A text of 32 characters or more may be a cookie password, and some texts begin as secrets do. Of these only the length is
    /// printed.
    ///
    /// ```
    /// # use sealkit_core::Untrusted;
    /// assert_eq!(Untrusted::new("wos-session").as_name().to_string(), "wos-session");
    /// assert_eq!(Untrusted::new("sk_test_1234").as_name().to_string(), "[not shown, 12 characters]");
    /// ```
    #[must_use]
    pub fn as_name(&self) -> impl fmt::Display + use<'_, T> {
        Name(self.expose_raw())
    }

    /// The length of the text, for an error that must not repeat it.
    #[must_use]
    pub fn withheld(&self) -> impl fmt::Display + use<'_, T> {
        Withheld(self.expose_raw())
    }

    /// The text is one word that is printed as it is.
    fn is_word(&self) -> bool {
        let text = self.expose_raw();
        let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '=' | '\\') && !is_hidden(c);
        !text.is_empty() && text.chars().all(plain) && text.chars().nth(Self::LIMIT).is_none()
    }
}

impl<T> From<T> for Untrusted<T> {
    fn from(text: T) -> Self {
        Self(text)
    }
}

impl<T: AsRef<str>> fmt::Display for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_word() { f.write_str(self.expose_raw()) } else { fmt::Debug::fmt(self, f) }
    }
}

impl<T: AsRef<str>> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        escape(self.expose_raw(), true, Self::LIMIT, f)?;
        f.write_char('"')
    }
}

/// [`Untrusted::unquoted`].
struct Unquoted<'a>(&'a str);

impl fmt::Display for Unquoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, false, Untrusted::<&str>::LIMIT, f)
    }
}

/// [`Untrusted::as_name`].
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = *self;
        if text.chars().nth(MIN_PASSWORD_CHARACTERS - 1).is_some() || looks_secret(text) {
            Withheld(text).fmt(f)
        } else {
            Untrusted(text).fmt(f)
        }
    }
}

/// [`Untrusted::withheld`].
struct Withheld<'a>(&'a str);

impl fmt::Display for Withheld<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[not shown, {} characters]", self.0.chars().count())
    }
}

/// Whether a text begins as an API key, a webhook secret, a sealed session or a token does.
#[must_use]
pub fn looks_secret(text: &str) -> bool {
    let text = text.trim_start();
    SECRET_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// A composed sentence as one line: each hidden character is escaped as [`Untrusted`] escapes it.
///
/// The guard of a place that prints lines. It does not know which part of the sentence came from outside, so it neither quotes
/// nor cuts, and leaves backslashes as they are.
///
/// ```
/// # use sealkit_core::untrusted::one_line;
/// assert_eq!(one_line("issuer a\n  ok signature"), r"issuer a\n  ok signature");
/// ```
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Writing to a `String` does not fail.
        let _ = if is_hidden(c) { escape_char(c, &mut line) } else { line.write_char(c) };
    }
    Cow::Owned(line)
}

fn escape_char(c: char, out: &mut impl fmt::Write) -> fmt::Result {
    match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    }
}

fn escape(text: &str, in_quotes: bool, limit: usize, out: &mut impl fmt::Write) -> fmt::Result {
    let mut after_space = false;
    let mut chars = text.chars();
    for c in chars.by_ref().take(limit) {
        let space = is_space(c);
        match c {
            '\\' => out.write_str("\\\\")?,
            '"' if in_quotes => out.write_str("\\\"")?,
            // A row of spaces pushes what follows to where a terminal begins its next line.
            c if is_hidden(c) || (space && after_space) => escape_char(c, out)?,
            c => out.write_char(c)?,
        }
        after_space = space;
    }
    match chars.count() {
        0 => Ok(()),
        more => write!(out, "\\…({more} more)"),
    }
}

/// Spaces that are part of names and sentences.
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{3000}')
}

/// Characters that are never printed as they are: they control a terminal, end a line, change the direction of text, or
/// cannot be seen.
///
/// These are the general categories Cc, Cf, Zl, Zp and the property Default_Ignorable_Code_Point of Unicode 16, all spaces
/// but those of [`is_space`], the two letters that look blank, and noncharacters.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{34f}'
        | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{1680}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{2800}'
        | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests;
