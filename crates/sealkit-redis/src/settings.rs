//! What can be set, in code or by the environment.

use crate::target::Target;
use sealkit::{
    ConfigError, Untrusted,
    config::{LimitSettings, Problem, shown_path},
    refresh::InProcessSettings,
};
use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

/// Where the store is: `redis://`, `redis+unix://`, `redis+sentinel://HOST:PORT,…/PRIMARY[/DATABASE]` or
/// `redis+cluster://HOST:PORT,…`, with `rediss` for TLS; `valkey` stands for the same. Not set: no store.
pub const URL: &str = "SEALKIT_COORDINATOR_URL";
/// What every key in the store begins with. Default `sealkit:`.
pub const PREFIX: &str = "SEALKIT_COORDINATOR_PREFIX";
/// `local`, `wait` or `deny`: see [`OnError`]. Default `local`.
pub const ON_ERROR: &str = "SEALKIT_COORDINATOR_ON_ERROR";
/// A PEM file with the authorities that may sign the server's certificate. Default: those of the system.
pub const CA: &str = "SEALKIT_COORDINATOR_CA";

/// Longest prefix, in bytes.
const LONGEST_PREFIX: usize = 64;

/// What becomes of a refresh while the store cannot be asked. A session whose token is still valid is served whatever is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// It is made here, as if there were no other process, and its result is shared as soon as that works. Two processes may
    /// then send the same refresh token, which WorkOS answers with the same new tokens within its window.
    #[default]
    Local,
    /// It waits for the store, and is answered "temporarily unavailable" when that takes too long.
    Wait,
    /// It is answered "temporarily unavailable" at once.
    Deny,
}

impl FromStr for OnError {
    type Err = UnknownOnError;

    fn from_str(text: &str) -> Result<Self, UnknownOnError> {
        match text {
            "local" => Ok(Self::Local),
            "wait" => Ok(Self::Wait),
            "deny" => Ok(Self::Deny),
            _ => Err(UnknownOnError),
        }
    }
}

/// The text is none of `local`, `wait`, `deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("none of local, wait, deny")]
#[non_exhaustive]
pub struct UnknownOnError;

/// Where the store is, and how long everything takes. `Debug` shows no credentials.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedisSettings {
    url: String,
    /// What every key in the store begins with. Default `sealkit:`.
    pub prefix: String,
    /// What becomes of a refresh while the store cannot be asked. Default [`OnError::Local`].
    pub on_error: OnError,
    /// A PEM file with the authorities that may sign the server's certificate. Default: those of the system.
    pub ca: Option<PathBuf>,
    /// Longest time of one operation, after which the store counts as out of reach. Default 100 ms.
    pub operation_timeout: Duration,
    /// Longest time to connect, TLS and asking the Sentinels included. Default 1 s.
    pub connect_timeout: Duration,
    /// Failures in a row after which the store is left alone for [`pause`](Self::pause). Default 5; 0: never.
    pub failures: u32,
    /// How long it is left alone before it is tried again. Default 1 s.
    pub pause: Duration,
    /// How long a lease holds that nobody renews: how soon the refresh of a process that died is taken over. Default 5 s.
    pub lease: Duration,
    /// When the holder renews it. Default 1.7 s.
    pub renew_every: Duration,
    /// How long a refusal is remembered. Default 30 s.
    pub refusal_kept: Duration,
    /// How long somebody else's result is looked for, at least, after the provider refused the token. Default 1 s.
    ///
    /// It takes longer where that is not enough to know that there is none: a process that lost its lease, because the store
    /// forgot it or could not be asked, says within [`renew_every`](Self::renew_every), or within a quarter of it after a
    /// [`pause`](Self::pause), that its grant is under way. So a refusal is final after 1.9 s with the defaults, and not while
    /// another process is at it.
    pub second_look: Duration,
    /// First wait between two looks at somebody else's grant; later ones are longer. Default 5 ms.
    pub poll_first: Duration,
    /// Longest such wait. Default 100 ms.
    pub poll_longest: Duration,
    /// How long a refresh waits for a store that cannot be asked, with [`OnError::Wait`]. Default 15 s.
    pub give_up: Duration,
    /// Wait until so many replicas of the server have a result, 50 ms at most. Default 0: for none.
    pub wait_replicas: u32,
    /// What this process keeps of results itself. Its `keep_refusals` is not looked at: see [`refusal_kept`](Self::refusal_kept).
    pub local: InProcessSettings,
}

impl RedisSettings {
    /// The store at this address, and the defaults.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "sealkit:".to_owned(),
            on_error: OnError::Local,
            ca: None,
            operation_timeout: Duration::from_millis(100),
            connect_timeout: Duration::from_secs(1),
            failures: 5,
            pause: Duration::from_secs(1),
            lease: Duration::from_secs(5),
            renew_every: Duration::from_millis(1700),
            refusal_kept: Duration::from_secs(30),
            second_look: Duration::from_secs(1),
            poll_first: Duration::from_millis(5),
            poll_longest: Duration::from_millis(100),
            give_up: Duration::from_secs(15),
            wait_replicas: 0,
            local: InProcessSettings::default(),
        }
    }

    /// What the environment says, through a lookup like [`process_environment`](sealkit::config::process_environment). `None`
    /// when [`URL`] is not set. An empty value counts as not set. The bounds of [`LimitSettings`] are read, too.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        let mut problems = Vec::new();
        let mut read = |name: &'static str| {
            let value = lookup(name).filter(|value| !value.is_empty())?;
            if value.contains('\u{fffd}') {
                problems.push(Problem::new(name, "is not valid UTF-8", "write it in UTF-8"));
                return None;
            }
            Some(value)
        };
        let (url, prefix, on_error, ca) = (read(URL), read(PREFIX), read(ON_ERROR), read(CA));
        let mut settings = Self::new(url.clone().unwrap_or_default());
        match LimitSettings::from_env(&lookup) {
            Ok(limits) => settings.local = InProcessSettings::from(&limits),
            Err(error) => problems.extend(error.problems().iter().cloned()),
        }
        if let Some(prefix) = prefix {
            settings.prefix = prefix;
        }
        settings.ca = ca.map(PathBuf::from);
        match on_error.as_deref().map(str::parse) {
            Some(Ok(on_error)) => settings.on_error = on_error,
            Some(Err(_)) => {
                problems.push(Problem::new(
                    ON_ERROR,
                    "is none of its values",
                    "set it to local, wait or deny",
                ));
            }
            None => {}
        }
        if url.is_some() {
            settings.check(&mut problems);
        }
        if problems.is_empty() { Ok(url.map(|_| settings)) } else { Err(ConfigError::new(problems)) }
    }

    /// Where the store is, when everything fits together.
    pub(crate) fn target(&self) -> Result<Target, ConfigError> {
        let mut problems = Vec::new();
        match self.check(&mut problems) {
            Some(target) if problems.is_empty() => Ok(target),
            _ => Err(ConfigError::new(problems)),
        }
    }

    fn check(&self, problems: &mut Vec<Problem>) -> Option<Target> {
        let target = Target::parse(&self.url);
        let target = target.map_err(|(problem, fix)| problems.push(Problem::new(URL, problem, fix))).ok();
        if self.prefix.len() > LONGEST_PREFIX
            || self.prefix.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'{' | b'}'))
        {
            problems.push(Problem::new(
                PREFIX,
                "is too long, or holds something else than visible ASCII without braces",
                "write at most 64 characters like sealkit:",
            ));
        }
        if self.ca.is_some() && target.as_ref().is_some_and(|target| !target.has_tls()) {
            problems.push(Problem::new(
                CA,
                "is set, and the store is reached without TLS",
                "write rediss in place of redis in SEALKIT_COORDINATOR_URL, or unset it",
            ));
        }
        if self.renew_every.is_zero() || self.renew_every * 2 > self.lease {
            problems.push(Problem::new(
                "RedisSettings::renew_every",
                "is longer than half a lease, or nothing",
                "let a holder renew its lease at least twice before it ends",
            ));
        }
        let never = [self.operation_timeout, self.connect_timeout, self.refusal_kept];
        if never.iter().any(|time| time.as_millis() == 0) {
            problems.push(Problem::new(
                "RedisSettings",
                "holds a time under a millisecond",
                "give operations, connecting and refusals a time",
            ));
        }
        target
    }

    /// When a lease is taken or renewed again that could not be.
    pub(crate) fn renew_again(&self) -> Duration {
        self.renew_every / 4
    }

    /// After so long without a sign of anybody else, nobody else is at it: everybody who is has had the time to say so.
    pub(crate) fn quiet(&self) -> Duration {
        let says_so = self.renew_every.max(self.pause + self.renew_again()) + self.operation_timeout * 2;
        self.second_look.max(says_so)
    }

    /// Where everybody with this refresh token meets. The braces keep a cluster from splitting what belongs together.
    pub(crate) fn place(&self, place: &sealkit::refresh::CoordinationKey) -> String {
        let mut key = String::with_capacity(self.prefix.len() + 66);
        key.push_str(&self.prefix);
        key.push('{');
        for byte in place.as_bytes() {
            key.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
        }
        key.push('}');
        key
    }

    /// Where it says since when the store remembers.
    pub(crate) fn since(&self) -> String {
        format!("{}since", self.prefix)
    }

    /// Where it says that this session is over, for as long as the key lives.
    pub(crate) fn tombstone(&self, session_id: &str) -> String {
        format!("{}ended:{session_id}", self.prefix)
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("store", &Target::parse(&self.url).ok())
            .field("prefix", &format_args!("{}", Untrusted::new(&self.prefix).as_name()))
            .field("on_error", &self.on_error)
            .field("ca", &self.ca.as_deref().map(shown_path))
            .field("operation_timeout", &self.operation_timeout)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Option<RedisSettings>, ConfigError> {
        RedisSettings::from_env(|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_an_address_there_is_no_store() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[(URL, ""), (PREFIX, "x:")]).unwrap().is_none());
    }

    #[test]
    fn everything_is_read_and_credentials_are_not_shown() {
        let settings = read(&[
            (URL, "rediss://ada:secret@cache.example:6380/1"),
            (PREFIX, "app:"),
            (ON_ERROR, "deny"),
            (CA, "/etc/ca.pem"),
        ]);
        let settings = settings.unwrap().unwrap();
        assert_eq!((settings.prefix.as_str(), settings.on_error), ("app:", OnError::Deny));
        assert_eq!(settings.ca, Some(PathBuf::from("/etc/ca.pem")));
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("cache.example") && !shown.contains("secret") && !shown.contains("ada"),
            "{shown}"
        );
        assert_eq!(settings.tombstone("session_1"), "app:ended:session_1");
    }

    #[test]
    fn every_problem_is_told_at_once_and_none_shows_the_address() {
        let error =
            read(&[(URL, "http://ada:secret@x"), (PREFIX, "{x}"), (ON_ERROR, "panic"), (CA, "\u{fffd}")]);
        let error = error.unwrap_err();
        let settings: Vec<_> = error.problems().iter().map(Problem::setting).collect();
        assert_eq!(settings, [CA, ON_ERROR, URL, PREFIX]);
        assert!(!error.to_string().contains("secret"));
        let error = read(&[(URL, "redis://x"), (CA, "/etc/ca.pem")]).unwrap_err();
        assert!(error.to_string().contains("rediss"), "{error}");
    }

    #[test]
    fn secret_in_any_variable_is_in_no_error_and_not_in_debug() {
        for variable in [URL, PREFIX, ON_ERROR, CA] {
            for secret in [
                "sk_live_a2V5XzAxSkdGU0VBTEsxVDpwcm9k",
                "hunter2-hunter2-hunter2-hunter2-hunter2",
                "correct horse battery staple hunter2",
                "http://root:hunter2@db.example.test/",
                "redis://root:hunter2@db.example.test/#hunter2",
                "redis+sentinel://root:hunter2@db.example.test/",
            ] {
                let shown = match read(&[(URL, "rediss://localhost"), (variable, secret)]) {
                    Ok(settings) => format!("{settings:?}"),
                    Err(error) => format!("{error} {error:?}"),
                };
                for part in [secret, "hunter2", "a2V5XzAx", "staple"] {
                    assert!(!shown.contains(part), "{variable}: {shown}");
                }
            }
        }
    }

    #[test]
    fn a_lease_that_ends_before_it_is_renewed_is_a_problem() {
        let mut settings = RedisSettings::new("redis://localhost");
        assert!(settings.target().is_ok());
        settings.lease = Duration::from_secs(3);
        assert!(settings.target().unwrap_err().to_string().contains("renew"));
        settings.lease = Duration::from_secs(4);
        settings.operation_timeout = Duration::ZERO;
        assert!(settings.target().unwrap_err().to_string().contains("millisecond"));
    }
}
