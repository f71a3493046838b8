//! What the coordinator remembers: bounded in number and in bytes, by token and in all.

use super::{InProcessSettings, Receiver};
use crate::refresh::{CoordinationKey, GrantRequest, Published};
use sealkit_core::{Failure, UnixMillis};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Most refusals, each for an organization of its own, that are remembered of one refresh token.
pub(super) const MAX_REFUSALS: usize = 8;

/// Largest result that is kept, in bytes. What is larger fits into no cookie, so there is no late caller to give it to.
pub(super) const LARGEST: usize = 64 * 1024;

/// How often what is over is let go although nobody needs its room: results hold tokens.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// A result, and the session that it is of.
#[derive(Clone)]
pub(super) struct Settled {
    pub(super) published: Published,
    pub(super) session_id: Option<Arc<str>>,
}

impl Settled {
    /// What this request is given. The end of the session wins over whatever was granted before.
    pub(super) fn given_to(&self, request: &GrantRequest) -> Published {
        if request.has_ended() || self.has_ended(request) {
            request.revoked()
        } else {
            self.published.clone()
        }
    }

    fn has_ended(&self, request: &GrantRequest) -> bool {
        self.session_id.as_deref().is_some_and(|id| request.deny_list.denies_session(id))
    }
}

/// A result that later callers are given.
pub(super) struct Kept {
    settled: Settled,
    since: UnixMillis,
    keep: Duration,
    bytes: usize,
}

impl Kept {
    pub(super) fn new(settled: Settled, since: UnixMillis, keep: Duration) -> Self {
        let bytes = bytes_of(&settled.published);
        Self { settled, since, keep, bytes }
    }

    /// The result, as it is given to somebody who was not there when it was granted.
    pub(super) fn given_to(&self, request: &GrantRequest) -> Published {
        Published { kept: true, ..self.settled.given_to(request) }
    }

    /// True while it is kept. A clock that is set back a little takes nothing away: its caller would spend the token twice. Set
    /// back by more than it is kept, nobody knows how old it is: then it is over.
    fn is_in_force(&self, now: UnixMillis) -> bool {
        now < self.until() && self.since < now.saturating_add(self.keep)
    }

    fn until(&self) -> UnixMillis {
        self.since.saturating_add(self.keep)
    }

    fn is_success(&self) -> bool {
        self.settled.published.result.is_ok()
    }
}

/// What is known of one refresh token.
#[derive(Default)]
struct Entry {
    running: Option<Receiver>,
    /// One success, or refusals for different organizations, the oldest first.
    kept: Vec<Kept>,
}

impl Entry {
    fn keep(&mut self, new: Kept, now: UnixMillis) {
        let organization = &new.settled.published.organization_id;
        self.kept.retain(|old| {
            !new.is_success()
                && old.is_in_force(now)
                && old.settled.published.organization_id != *organization
        });
        if self.kept.len() >= MAX_REFUSALS {
            self.kept.remove(0);
        }
        self.kept.push(new);
    }

    /// When the last of it is over.
    fn until(&self) -> UnixMillis {
        self.kept.iter().map(Kept::until).max().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.running.is_none() && self.kept.is_empty()
    }

    fn size(&self) -> Size {
        Size { results: self.kept.len(), bytes: self.kept.iter().map(|kept| kept.bytes).sum() }
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) results: usize,
    pub(super) bytes: usize,
}

impl Size {
    const fn plus(self, other: Self) -> Self {
        Self { results: self.results + other.results, bytes: self.bytes + other.bytes }
    }

    const fn less(self, other: Self) -> Self {
        Self {
            results: self.results.saturating_sub(other.results),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    const fn fits(self, most: Self) -> bool {
        self.results <= most.results && self.bytes <= most.bytes
    }
}

/// Everything that is known.
#[derive(Default)]
pub(super) struct Memory {
    grants: HashMap<CoordinationKey, Entry>,
    size: Size,
    running: usize,
    swept: UnixMillis,
}

impl Memory {
    /// What is kept for this request.
    pub(super) fn kept_for(&self, request: &GrantRequest, now: UnixMillis) -> Option<&Kept> {
        let kept = &self.grants.get(request.key())?.kept;
        kept.iter().find(|kept| kept.is_in_force(now) && kept.settled.published.answers(request))
    }

    /// The success that is kept for this request, unless its session has ended.
    pub(super) fn success_for(&self, request: &GrantRequest, now: UnixMillis) -> Option<Published> {
        let kept = self.kept_for(request, now)?;
        Some(kept.given_to(request)).filter(|given| given.result.is_ok())
    }

    /// The grant of this key that is under way.
    pub(super) fn running(&self, key: &CoordinationKey) -> Option<Receiver> {
        self.grants.get(key)?.running.clone()
    }

    /// Every grant that is under way.
    pub(super) fn all_running(&self) -> Vec<Receiver> {
        if self.running == 0 {
            return Vec::new();
        }
        self.grants.values().filter_map(|entry| entry.running.clone()).collect()
    }

    pub(super) const fn count_running(&self) -> usize {
        self.running
    }

    /// A grant of this key is under way, or its success is kept.
    pub(super) fn knows(&self, key: &CoordinationKey, now: UnixMillis) -> bool {
        self.grants.get(key).is_some_and(|entry| {
            entry.running.is_some()
                || entry.kept.iter().any(|kept| kept.is_success() && kept.is_in_force(now))
        })
    }

    pub(super) fn begin(&mut self, key: CoordinationKey, receiver: Receiver) {
        if self.grants.entry(key).or_default().running.replace(receiver).is_none() {
            self.running += 1;
        }
    }

    /// The grant of this key is over, and this is left of it.
    pub(super) fn settle(
        &mut self,
        key: CoordinationKey,
        left: Option<Kept>,
        now: UnixMillis,
        settings: &InProcessSettings,
    ) {
        let most = Size { results: settings.max_results, bytes: settings.max_bytes };
        let left = left.filter(|kept| {
            !kept.keep.is_zero() && kept.bytes <= LARGEST && Size { results: 1, bytes: kept.bytes }.fits(most)
        });
        let new =
            Size { results: usize::from(left.is_some()), bytes: left.as_ref().map_or(0, |kept| kept.bytes) };
        self.make_room(new, most, now);
        let entry = self.grants.entry(key).or_default();
        let before = entry.size();
        if entry.running.take().is_some() {
            self.running = self.running.saturating_sub(1);
        }
        if let Some(kept) = left {
            entry.keep(kept, now);
        }
        self.size = self.size.less(before).plus(entry.size());
        if entry.is_empty() {
            self.grants.remove(&key);
        }
    }

    /// Makes room for so much more: drops what is over, then what is over first, an eighth more than must go, so that a full
    /// memory costs no more per result than an empty one. Grants under way are never dropped.
    fn make_room(&mut self, new: Size, most: Size, now: UnixMillis) {
        let fits = self.size.plus(new).fits(most);
        let sweep = now >= self.swept.saturating_add(SWEEP_EVERY) || now < self.swept;
        if fits && !sweep {
            return;
        }
        self.swept = now;
        self.retain(|kept| kept.is_in_force(now));
        if fits {
            return;
        }
        let aim = Size { results: most.results - most.results / 8, bytes: most.bytes - most.bytes / 8 };
        if self.size.plus(new).fits(aim) {
            return;
        }
        let kept = self.grants.iter().filter(|(_, entry)| !entry.kept.is_empty());
        let mut oldest: Vec<_> = kept.map(|(key, entry)| (entry.until(), *key)).collect();
        oldest.sort_unstable();
        for (_, key) in oldest {
            if self.size == Size::default() || self.size.plus(new).fits(aim) {
                return;
            }
            if let Some(entry) = self.grants.get_mut(&key) {
                self.size = self.size.less(entry.size());
                entry.kept.clear();
                if entry.is_empty() {
                    self.grants.remove(&key);
                }
            }
        }
    }

    fn retain(&mut self, keep: impl Fn(&Kept) -> bool) {
        let mut size = Size::default();
        self.grants.retain(|_, entry| {
            entry.kept.retain(&keep);
            size = size.plus(entry.size());
            !entry.is_empty()
        });
        self.size = size;
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// The same, counted anew.
    #[cfg(test)]
    pub(super) fn counted(&self) -> Size {
        self.grants.values().map(Entry::size).fold(Size::default(), Size::plus)
    }

    #[cfg(test)]
    pub(super) fn tokens(&self) -> usize {
        self.grants.len()
    }
}

/// What a result weighs: the texts in it. A success holds each token twice.
fn bytes_of(published: &Published) -> usize {
    match &published.result {
        Ok(response) => {
            let tokens = response.access_token().expose_secret().len()
                + response.refresh_token().expose_secret().len();
            response.to_json().len() + tokens
        }
        Err(failure) => bytes_of_failure(failure),
    }
}

fn bytes_of_failure(failure: &Failure) -> usize {
    let one = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let many = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
    let upstream = failure.upstream().map_or(0, |said| one(&said.code) + one(&said.request_id));
    let step_up = failure.step_up().map_or(0, |step| {
        let pending = &step.pending_authentication_token;
        pending.as_ref().map_or(0, |token| token.expose_secret().len())
            + one(&step.email)
            + one(&step.email_verification_id)
            + step.organizations.iter().map(|one| one.id.len() + one.name.len()).sum::<usize>()
            + many(&step.connection_ids)
            + step.authentication_factors.iter().map(|one| one.id.len() + one.kind.len()).sum::<usize>()
            + one(&step.authentication_challenge_id)
            + many(&step.allowed_methods)
            + one(&step.radar_challenge_id)
            + one(&step.authkit_redirect_url)
            + one(&step.user_id)
    });
    upstream + step_up + failure.hint().map_or(0, str::len)
}
