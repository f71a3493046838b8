//! Which formats and passwords still open cookies: what an operator looks at before an old one is taken away.

use crate::telemetry;
use arc_swap::ArcSwap;
use sealkit_core::{UnixMillis, format::Format, session::SealInfo};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often one format and password opened a cookie in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// The format.
    pub format: Format,
    /// The name of the password; none for a format that has none.
    pub key: Option<Arc<str>>,
    /// How many cookies were opened so.
    pub opened: u64,
    /// When the last one was.
    pub last_opened_at: UnixMillis,
    /// The age of the last one: since it was sealed, or (most formats do not say that) since its access token was issued.
    pub last_age: Option<Duration>,
}

/// Counts without a lock; a new pair of format and password is rare.
#[derive(Debug, Default)]
pub(super) struct Usage {
    entries: ArcSwap<Vec<Arc<Entry>>>,
    adding: Mutex<()>,
}

struct Entry {
    format: Format,
    key: Option<Arc<str>>,
    opened: AtomicU64,
    last_opened_at: AtomicU64,
    /// Milliseconds and one; 0 is unknown.
    last_age: AtomicU64,
    counter: metrics::Counter,
    ages: metrics::Histogram,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("format", &self.format).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Usage {
    /// Remembers that a cookie was opened.
    pub(super) fn note(&self, seal: &SealInfo, issued_at: Option<UnixMillis>, now: UnixMillis) {
        let entry = self.entry(seal);
        entry.opened.fetch_add(1, Ordering::Relaxed);
        entry.last_opened_at.store(now.as_millis(), Ordering::Relaxed);
        let age = seal.sealed_at.or(issued_at).map(|since| now.saturating_since(since));
        let millis =
            age.and_then(|age| u64::try_from(age.as_millis()).ok()).map_or(0, |age| age.saturating_add(1));
        entry.last_age.store(millis, Ordering::Relaxed);
        entry.counter.increment(1);
        if let Some(age) = age {
            entry.ages.record(age.as_secs_f64());
        }
    }

    pub(super) fn snapshot(&self) -> Vec<KeyUsage> {
        let entries = self.entries.load();
        entries
            .iter()
            .map(|entry| KeyUsage {
                format: entry.format,
                key: entry.key.clone(),
                opened: entry.opened.load(Ordering::Relaxed),
                last_opened_at: UnixMillis::from_millis(entry.last_opened_at.load(Ordering::Relaxed)),
                last_age: entry.last_age.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis),
            })
            .collect()
    }

    fn entry(&self, seal: &SealInfo) -> Arc<Entry> {
        let find = |entries: &[Arc<Entry>]| {
            entries.iter().find(|entry| entry.format == seal.format && entry.key == seal.key).map(Arc::clone)
        };
        if let Some(entry) = find(&self.entries.load()) {
            return entry;
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = self.entries.load();
        if let Some(entry) = find(&entries) {
            return entry;
        }
        let entry = Arc::new(Entry::new(seal));
        self.entries.store(Arc::new(entries.iter().cloned().chain([Arc::clone(&entry)]).collect()));
        entry
    }
}

impl Entry {
    fn new(seal: &SealInfo) -> Self {
        let labels = || {
            [
                ("format", seal.format.id().to_owned()),
                ("key", seal.key.as_deref().unwrap_or("none").to_owned()),
            ]
        };
        Self {
            format: seal.format,
            key: seal.key.clone(),
            opened: AtomicU64::new(0),
            last_opened_at: AtomicU64::new(0),
            last_age: AtomicU64::new(0),
            counter: metrics::counter!(telemetry::COOKIES_OPENED, &labels()),
            ages: metrics::histogram!(telemetry::COOKIE_AGE, &labels()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_and_password_is_counted_apart() {
        let usage = Usage::default();
        let now = UnixMillis::from_secs(1000);
        let seal =
            |format, key: Option<&str>, sealed_at| SealInfo::new(format, key.map(Arc::from), sealed_at);
        let old = seal(Format::Iron, Some("old"), None);
        usage.note(&old, Some(UnixMillis::from_secs(400)), now);
        usage.note(&old, None, now);
        usage.note(&seal(Format::PythonFernet, Some("old"), Some(UnixMillis::from_secs(990))), None, now);
        usage.note(&seal(Format::PlainJson, None, None), Some(UnixMillis::from_secs(940)), now);
        let seen: Vec<_> = usage
            .snapshot()
            .into_iter()
            .map(|u| {
                (
                    u.format.id(),
                    u.key.as_deref().map(str::to_owned),
                    u.opened,
                    u.last_age.map(|age| age.as_secs()),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("iron", Some("old".to_owned()), 2, None),
                ("python-fernet", Some("old".to_owned()), 1, Some(10)),
                ("plain-json", None, 1, Some(60)),
            ]
        );
    }
}
