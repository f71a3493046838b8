//! A list of named cookie passwords, as a text or in a file.

use super::problem::{Problem, shown_path};
use aws_lc_rs::digest;
use sealkit_core::{CookiePassword, KeyRing, KeyRingProblem};
use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Largest list that is read, in bytes.
const MAX_LIST: u64 = 64 * 1024;

/// Longest name of a password, in bytes.
const MAX_NAME: usize = 64;

/// A list of passwords, one a line: `NAME=PASSWORD`, or `NAME:ID=PASSWORD` with an iron id; the first that fits the format that is
/// written seals, every one opens. Empty lines and lines that begin with `#` are passed over.
///
/// # Errors
/// What is wrong, each with its fix; no password is shown, nor a line that might be one.
pub(super) fn from_list(setting: &'static str, list: &str) -> Result<KeyRing, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut ring = KeyRing::builder();
    for (number, line) in (1..).zip(list.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        ring = match named_password(line) {
            Some((name, None, password)) => ring.password(name, CookiePassword::from(password)),
            Some((name, Some(id), password)) => {
                ring.password_with_id(name, id, CookiePassword::from(password))
            }
            None => {
                problems.push(Problem::new(
                    setting,
                    format!("line {number} is no named password"),
                    "write NAME=PASSWORD; a name has letters, digits, `.`, `_` and `-`",
                ));
                ring
            }
        };
    }
    match ring.build() {
        Ok(ring) if problems.is_empty() => Ok(ring),
        Ok(_) => Err(problems),
        Err(error) => {
            // A list of bad lines only is no empty list.
            let empty = |problem: &&KeyRingProblem| matches!(problem, KeyRingProblem::Empty);
            let told = error.problems().iter().filter(|problem| problems.is_empty() || !empty(problem));
            let told: Vec<_> = told.map(|problem| Problem::from_message(setting, problem)).collect();
            problems.extend(told);
            Err(problems)
        }
    }
}

/// Name, iron id and password of a line.
///
/// A line that is a bare password in base64 reads as a name with nothing, or with the padding's second `=`, behind it. It is no
/// named password, and what looks like its name is not to be shown anywhere.
fn named_password(line: &str) -> Option<(&str, Option<&str>, &str)> {
    let (label, password) = line.split_once('=')?;
    let (name, id) = label.split_once(':').map_or((label, None), |(name, id)| (name, Some(id)));
    let is_name = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    (is_name && password.bytes().any(|b| b != b'=')).then_some((name, id, password))
}

/// A file with such a list, and what stood in it when it was last used. `Debug` shows the path alone.
#[derive(Clone)]
pub(crate) struct PasswordsFile {
    setting: &'static str,
    path: PathBuf,
    pub(crate) fingerprint: Fingerprint,
}

/// What was found in the file.
pub(crate) type Content = io::Result<Zeroizing<Vec<u8>>>;

/// Tells one content from another; `None` is a file that could not be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(Option<[u8; 32]>);

impl Fingerprint {
    pub(crate) fn of(content: &Content) -> Self {
        let digest = |bytes: &Zeroizing<Vec<u8>>| {
            digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap_or_default()
        };
        Self(content.as_ref().ok().map(digest))
    }
}

impl PasswordsFile {
    /// The file and the passwords in it.
    ///
    /// # Errors
    /// As [`ring`](Self::ring).
    pub(super) fn open(setting: &'static str, path: PathBuf) -> Result<(Self, KeyRing), Vec<Problem>> {
        let content = read(&path);
        let file = Self { setting, path, fingerprint: Fingerprint::of(&content) };
        let ring = file.ring(content)?;
        Ok((file, ring))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The setting that names it.
    pub(crate) const fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is in it now. Blocks.
    pub(crate) fn read(&self) -> Content {
        read(&self.path)
    }

    /// The passwords of this content.
    ///
    /// # Errors
    /// As [`from_list`], or that it could not be read.
    pub(crate) fn ring(&self, content: Content) -> Result<KeyRing, Vec<Problem>> {
        let path = shown_path(&self.path);
        let cannot = |what: String| {
            let fix = "name a file with lines NAME=PASSWORD that this process may read";
            vec![Problem::new(self.setting, what, fix)]
        };
        let list = content.map_err(|error| cannot(format!("{path} cannot be read ({})", error.kind())))?;
        let list = std::str::from_utf8(&list).map_err(|_| cannot(format!("{path} is not UTF-8 text")))?;
        from_list(self.setting, list)
    }
}

impl fmt::Debug for PasswordsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

fn read(path: &Path) -> Content {
    let mut bytes = Zeroizing::new(Vec::new());
    fs::File::open(path)?.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_LIST) {
        return Ok(bytes);
    }
    Err(io::ErrorKind::FileTooLarge.into())
}
