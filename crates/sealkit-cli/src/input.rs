//! What comes in: standard input, password files, the environment.

use crate::args::{Encoding, Moment, PasswordFile, Passwords};
use anyhow::Context as _;
use sealkit::{
    Clock, CookiePassword, Detail, KeyRing, KeyRingBuilder, MIN_PASSWORD_CHARACTERS, ManualClock,
    SystemClock, UnixMillis, Untrusted,
    config::{env::COOKIE_PASSWORD, process_environment, shown_path},
    cookie,
    format::{Format, detect},
};
use std::{
    collections::HashSet,
    fs,
    io::{self, IsTerminal as _, Read},
    path::Path,
    sync::Arc,
};

/// Most bytes that are read from standard input or a file.
const MAX_INPUT: u64 = 1024 * 1024;

impl Moment {
    /// The time to judge by.
    pub(crate) fn time(self) -> UnixMillis {
        self.now.unwrap_or_else(|| SystemClock.now())
    }

    /// A clock for the library: the system's, or one that stands still.
    pub(crate) fn clock(self) -> Arc<dyn Clock> {
        match self.now {
            Some(now) => Arc::new(ManualClock::new(now)),
            None => Arc::new(SystemClock),
        }
    }
}

/// Standard input as text, less one line end.
pub(crate) fn text(what: &str) -> anyhow::Result<Result<String, Detail>> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        anstream::eprintln!("reading {what} from the terminal; end it with Ctrl-D");
    }
    let bytes = read(stdin.lock()).context("standard input cannot be read")?;
    Ok(match bytes {
        None => Err(Detail::TooLarge),
        Some(bytes) => String::from_utf8(bytes).map(without_line_end).map_err(|_| Detail::Malformed),
    })
}

/// The cookie value on standard input, percent-decoded if it is said to be encoded. A value that was broken into lines on the way
/// here is put together again, and that is said.
pub(crate) fn cookie_value(encoding: Encoding) -> anyhow::Result<Result<String, Detail>> {
    let value = text("the cookie value")?.map(|text| match on_one_line(&text) {
        Some(value) => {
            anstream::eprintln!("note: the value was broken into lines; the line feeds were taken out");
            value
        }
        None => text,
    });
    if !encoding.percent_encoded {
        return Ok(value);
    }
    Ok(value.and_then(|raw| cookie::decode_value(&raw).map(Into::into).ok_or(Detail::Malformed)))
}

/// The value without line feeds, if it has some and is a sealed cookie's only without them. Those of Ruby's legacy format are its
/// own and stay.
fn on_one_line(text: &str) -> Option<String> {
    if !text.contains(['\n', '\r']) || is_ruby_s(text) {
        return None;
    }
    let value = text.replace(['\n', '\r'], "");
    let is_sealed = |format: Format| format.is_authenticated();
    cookie::decode_value(&value).is_some_and(|value| detect(&value).iter().any(is_sealed)).then_some(value)
}

/// Lines of 60 characters, as Ruby 5 and 6 write them.
fn is_ruby_s(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .split_last()
        .is_some_and(|(last, lines)| last.len() <= 60 && lines.iter().all(|line| line.len() == 60))
}

/// A file's bytes.
pub(crate) fn file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let open = || -> io::Result<Option<Vec<u8>>> { read(fs::File::open(path)?) };
    open()
        .with_context(|| format!("{} cannot be read", shown_path(path)))?
        .with_context(|| format!("{} is larger than {MAX_INPUT} bytes", shown_path(path)))
}

/// All of it, or `None` if it is longer than [`MAX_INPUT`].
fn read(from: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(MAX_INPUT + 1).read_to_end(&mut bytes)?;
    Ok(u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_INPUT).then_some(bytes))
}

/// Exactly one LF or CRLF is taken off: an editor puts it there, a password may hold another on purpose.
fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// A cookie password with the name that outputs give it.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) password: CookiePassword,
}

/// Passwords that make no ring.
pub(crate) enum RingFailure {
    /// A password can open nothing.
    BadPassword(anyhow::Error),
    /// The flags or files are wrong.
    Usage(anyhow::Error),
}

impl From<RingFailure> for anyhow::Error {
    fn from(failure: RingFailure) -> Self {
        match failure {
            RingFailure::BadPassword(error) | RingFailure::Usage(error) => error,
        }
    }
}

impl Passwords {
    /// A ring that seals: every password must be long enough.
    pub(crate) fn sealing_ring(&self) -> anyhow::Result<KeyRing> {
        build(self.collect()?).map_err(Into::into)
    }

    /// A ring that opens. A password under 32 characters opens what the SDKs without a floor sealed with it, and seals nothing;
    /// there is a warning. An empty one is left out: one such password among several must not keep the others from opening.
    pub(crate) fn opening_ring(&self) -> Result<KeyRing, RingFailure> {
        build_to_open(self.opening()?)
    }

    /// The passwords of [`opening_ring`](Self::opening_ring).
    pub(crate) fn opening(&self) -> Result<Vec<Named>, RingFailure> {
        let mut passwords = self.collect().map_err(RingFailure::Usage)?;
        let all = passwords.len();
        passwords.retain(|Named { name, password, .. }| {
            let characters = password.expose_secret().encode_utf16().count();
            if characters < MIN_PASSWORD_CHARACTERS {
                let name = Untrusted::new(name);
                let what = if characters == 0 { "opens nothing" } else { "opens only what Go, .NET, PHP 4 and Ruby 7.0 to 8.0 sealed" };
                anstream::eprintln!(
                    "warning: password {name:?} has {characters} characters and {what}; a new one has {MIN_PASSWORD_CHARACTERS} at least: \
                     move on with `sealkit convert --to-password-file`"
                );
            }
            characters > 0
        });
        if passwords.is_empty() && all > 0 {
            return Err(RingFailure::BadPassword(anyhow::anyhow!(
                "every password is empty; make one with `sealkit key new`"
            )));
        }
        Ok(passwords)
    }

    /// Every given password as it is, however short; none if none is given.
    pub(crate) fn given(&self) -> anyhow::Result<Vec<Named>> {
        if self.files.is_empty() && process_environment(COOKIE_PASSWORD).is_none() {
            return Ok(Vec::new());
        }
        self.collect()
    }

    fn collect(&self) -> anyhow::Result<Vec<Named>> {
        if self.files.is_empty() {
            let password = process_environment(COOKIE_PASSWORD).with_context(|| {
                format!(
                    "no cookie password: set {COOKIE_PASSWORD} or give --password-file [ID=]PATH; \
                     make one with `sealkit key new`"
                )
            })?;
            return Ok(vec![Named { name: COOKIE_PASSWORD.to_owned(), id: None, password: password.into() }]);
        }
        let mut names = HashSet::new();
        self.files
            .iter()
            .map(|file| {
                let name = file.name(&mut names);
                Ok(Named { name, id: file.id.clone(), password: file.read()? })
            })
            .collect()
    }
}

impl PasswordFile {
    /// A ring of this password alone.
    pub(crate) fn ring(&self) -> anyhow::Result<KeyRing> {
        let name = self.name(&mut HashSet::new());
        build(vec![Named { name, id: self.id.clone(), password: self.read()? }]).map_err(Into::into)
    }

    /// The id, else the file's name, else (when another file has that name) the whole path.
    fn name(&self, taken: &mut HashSet<String>) -> String {
        let path = self.path.display().to_string();
        let short = self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = self.id.clone().or(short).filter(|name| !taken.contains(name)).unwrap_or(path);
        taken.insert(name.clone());
        name
    }

    fn read(&self) -> anyhow::Result<CookiePassword> {
        let text = String::from_utf8(file(&self.path)?)
            // The error would carry the bytes.
            .map_err(|_| anyhow::anyhow!("{} is not UTF-8 text", shown_path(&self.path)))?;
        Ok(CookiePassword::from(without_line_end(text)))
    }
}

/// A ring of these passwords.
pub(crate) fn build(passwords: impl IntoIterator<Item = Named>) -> Result<KeyRing, RingFailure> {
    filled(KeyRing::builder(), passwords)
}

/// A ring of these passwords that holds each format to the floor of its SDKs, and not to ours.
pub(crate) fn build_to_open(passwords: impl IntoIterator<Item = Named>) -> Result<KeyRing, RingFailure> {
    filled(KeyRing::builder().with_floors_by_format(), passwords)
}

fn filled(
    mut builder: KeyRingBuilder,
    passwords: impl IntoIterator<Item = Named>,
) -> Result<KeyRing, RingFailure> {
    for Named { name, id, password } in passwords {
        builder = match id {
            Some(id) => builder.password_with_id(name, id, password),
            None => builder.password(name, password),
        };
    }
    builder.build().map_err(|error| RingFailure::Usage(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_line_end_is_removed() {
        for (text, left) in
            [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a\r", "a\r"), ("\n", ""), ("", "")]
        {
            assert_eq!(without_line_end(text.to_owned()), left, "{text:?}");
        }
    }

    #[test]
    fn values_in_lines_are_put_together_and_ruby_s_stay() {
        let value = "A".repeat(152);
        let wrapped = format!("{}\r\n{}", &value[..76], &value[76..]);
        assert_eq!(on_one_line(&wrapped).as_deref(), Some(value.as_str()));
        let ruby = format!("{}\n{}\n{}\n", &value[..60], &value[60..120], &value[120..]);
        for other in [value.as_str(), ruby.as_str(), "{\n\"a\":1}", "Cookie: a=b\nHost: x", ""] {
            assert_eq!(on_one_line(other), None, "{other:?}");
        }
    }

    #[test]
    fn files_of_one_name_are_told_apart_by_their_path() {
        let mut taken = HashSet::new();
        let mut name = |text: &str| text.parse::<PasswordFile>().unwrap().name(&mut taken);
        assert_eq!([name("a/pw"), name("b/pw"), name("2=c/pw")], ["pw", "b/pw", "2"]);
    }

    #[test]
    fn more_than_a_mebibyte_is_not_read() {
        assert_eq!(
            read(io::repeat(b'a').take(MAX_INPUT)).unwrap().map(|bytes| bytes.len()),
            Some(1024 * 1024)
        );
        assert_eq!(read(io::repeat(b'a')).unwrap(), None);
    }
}
