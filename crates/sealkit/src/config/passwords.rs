//! Where the cookie passwords come from: one, a named list, a file with such a list, or the upstream's derivation.

use super::problem::Problem;
use crate::api::ClientId;
use sealkit_core::{ApiKey, CookiePassword, KeyRing, KeyRingError, KeyRingProblem, MIN_PASSWORD_CHARACTERS};
use std::{fs, io::Read as _, path::Path};
use zeroize::Zeroizing;

/// Largest list that is read, in bytes.
const MAX_LIST: u64 = 64 * 1024;

/// What the upstream's proposals begin a derived password with.
const DERIVED: &str = "wos-ck:";

/// Where the passwords of a configuration came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordSource {
    /// They were given.
    Configured,
    /// None was given: it is `wos-ck:`, the API key, `:` and the client id, as open branches of the JavaScript libraries do it.
    Derived,
}

/// The password that stands in when none is configured at all. Whoever has the API key can act as every user anyway.
pub(super) fn derived(api_key: &ApiKey, client_id: &ClientId) -> Result<KeyRing, KeyRingError> {
    let password = Zeroizing::new(format!("{DERIVED}{}:{}", api_key.expose_secret(), client_id.as_str()));
    KeyRing::builder().password("derived", password.as_str()).build()
}

/// A list of passwords, one a line: `NAME=PASSWORD`, or `NAME:ID=PASSWORD` with an iron id; the first seals, every one opens.
/// Empty lines and lines that begin with `#` are passed over.
///
/// # Errors
/// What is wrong, each with its fix; no password is shown.
pub(crate) fn from_list(setting: &'static str, list: &str) -> Result<KeyRing, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut ring = KeyRing::builder();
    for (number, line) in (1..).zip(list.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=').map(|(label, password)| (label.split_once(':'), label, password)) {
            Some((None, name, password)) if is_name(name) => {
                ring = ring.password(name, CookiePassword::from(password))
            }
            Some((Some((name, id)), _, password)) if is_name(name) => {
                ring = ring.password_with_id(name, id, CookiePassword::from(password));
            }
            _ => problems.push(Problem::new(
                setting,
                format!("line {number} is no named password"),
                "write NAME=PASSWORD; a name has letters, digits, `.`, `_` and `-`",
            )),
        }
    }
    match ring.build() {
        Ok(ring) if problems.is_empty() => Ok(ring),
        Ok(_) => Err(problems),
        Err(error) => {
            problems.extend(error.problems().iter().map(|problem| Problem::from_message(setting, problem)));
            Err(problems)
        }
    }
}

/// The list in a file.
///
/// # Errors
/// As [`from_list`], or that it cannot be read.
pub(crate) fn from_file(setting: &'static str, path: &Path) -> Result<KeyRing, Vec<Problem>> {
    let cannot = |what: String| {
        vec![Problem::new(setting, what, "name a file with lines NAME=PASSWORD that this process may read")]
    };
    let list = read(path)
        .map_err(|error| cannot(format!("{} cannot be read ({})", path.display(), error.kind())))?;
    let list =
        std::str::from_utf8(&list).map_err(|_| cannot(format!("{} is not UTF-8 text", path.display())))?;
    from_list(setting, list)
}

/// The bytes of a list of passwords.
pub(crate) fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    fs::File::open(path)?.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_LIST) {
        return Ok(bytes);
    }
    Err(std::io::ErrorKind::FileTooLarge.into())
}

/// What is wrong with the one password of a setting.
pub(super) fn problem(setting: &'static str, problem: &KeyRingProblem) -> Problem {
    let KeyRingProblem::TooShort { characters, .. } = problem else {
        return Problem::from_message(setting, problem);
    };
    let problem = format!("has {characters} characters, at least {MIN_PASSWORD_CHARACTERS} are needed");
    Problem::new(setting, problem, "make one with `sealkit key new`")
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
