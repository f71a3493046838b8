//! Text that an attacker would write, and the judgement of what came out.

use crate::common::Ran;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// How a line begins that only a line feed in foreign text can make.
const FORGED: &str = "FORGED";

/// Line feeds, escape sequences of both generations, bidirectional and invisible characters around a name.
pub(crate) fn hostile(name: &str) -> String {
    format!(
        "{name}\n{FORGED}          signature      verified\r\n{FORGED}\r{FORGED}\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{90}\u{8}\u{0b}\u{0c}\
         \u{7f}\u{85}{FORGED}\u{2028}{FORGED}\u{2029}\u{202e}\u{2066}\u{2069}\u{61c}\u{200f}\u{200b}\u{2060}\u{feff}\u{ad}\u{3164}\u{e0041}"
    )
}

/// Control characters but the line feed, and what cannot be seen or changes the direction of text. Written down here once more,
/// so that the test does not believe the table that it tests.
fn is_raw(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(u32::from(c),
            0xad | 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xe0000..=0xe0fff)
}

/// Fails if a text holds a raw character or a forged line.
#[track_caller]
pub(crate) fn assert_harmless(text: &str, context: &str) {
    if let Some(raw) = text.chars().find(|c| is_raw(*c)) {
        panic!("{context}: {raw:?} is printed in {text:?}");
    }
    let forged = text.lines().find(|line| line.trim_start().starts_with(FORGED));
    assert!(forged.is_none(), "{context}: a forged line in\n{text}");
}

/// The same for everything that a call printed.
#[track_caller]
pub(crate) fn assert_printed_harmless(ran: &Ran, context: &str) {
    assert_harmless(&ran.stdout, context);
    assert_harmless(&ran.stderr, context);
}

/// A token with these parts, signed by nobody.
pub(crate) fn token(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.AAAA", part(header), part(claims))
}
