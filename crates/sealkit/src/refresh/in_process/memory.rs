//! What the coordinator remembers: bounded in number and in bytes, by token, by session and in all.

use super::{InProcessSettings, Receiver, chains::Chains};
use crate::{
    refresh::{CoordinationKey, GrantRequest, Published},
    until::Until,
};
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
    /// In whose chain it is.
    owner: Option<Owner>,
}

/// The session of an entry. Its successes and its refusals are bounded apart: refusals, which anybody may bring about who has
/// the access token, must not push out what a late request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    session_id: Arc<str>,
    success: bool,
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

    /// When the last success of it is over that is in force.
    fn success_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.kept.iter().filter(|kept| kept.is_success() && kept.is_in_force(now)).map(Kept::until).max()
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

/// How many successes had to go before their time, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evicted {
    /// Their session had newer ones.
    pub(super) by_session: usize,
    /// The memory was full, or the result was too large for it.
    pub(super) by_memory: usize,
}

/// Everything that is known, and since when.
pub(super) struct Memory {
    grants: HashMap<CoordinationKey, Entry>,
    successes: Chains<CoordinationKey>,
    refusals: Chains<CoordinationKey>,
    size: Size,
    running: usize,
    swept: UnixMillis,
    since: UnixMillis,
    /// Until when successes would have been kept that the memory had no room for.
    forgotten: UnixMillis,
    /// The same for those that had to go for newer ones of their session.
    forgotten_of: Until<Arc<str>>,
    /// The last of these.
    forgotten_of_any: UnixMillis,
}

impl Memory {
    pub(super) fn new(since: UnixMillis, settings: &InProcessSettings) -> Self {
        Self {
            grants: HashMap::new(),
            successes: Chains::default(),
            refusals: Chains::default(),
            size: Size::default(),
            running: 0,
            swept: UnixMillis::default(),
            since,
            forgotten: UnixMillis::default(),
            forgotten_of: Until::at_most(settings.max_results),
            forgotten_of_any: UnixMillis::default(),
        }
    }

    /// True when a success that was granted here would still be known: the process is older than such results are kept, and none
    /// that could be this one had to go before its time.
    pub(super) fn would_know(&self, request: &GrantRequest, now: UnixMillis) -> bool {
        let complete = now >= self.since.saturating_add(request.remembered_for()) && now >= self.forgotten;
        let of_session = match request.session_id.as_deref() {
            Some(id) => self.forgotten_of.get(id),
            None => Some(self.forgotten_of_any),
        };
        complete && of_session.is_none_or(|until| now >= until)
    }

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

    /// The grant of this key is over, and this is left of it. Says what else had to go for that.
    pub(super) fn settle(
        &mut self,
        key: CoordinationKey,
        left: Option<Kept>,
        now: UnixMillis,
        settings: &InProcessSettings,
    ) -> Evicted {
        let most = Size { results: settings.max_results, bytes: settings.max_bytes };
        let mut evicted = Evicted::default();
        let left = left.filter(|kept| {
            let fits = !kept.keep.is_zero()
                && kept.bytes <= LARGEST
                && Size { results: 1, bytes: kept.bytes }.fits(most);
            if !fits && kept.is_success() {
                evicted.by_memory += 1;
                self.forget(kept.settled.session_id.clone(), kept.until(), now);
            }
            fits
        });
        let new =
            Size { results: usize::from(left.is_some()), bytes: left.as_ref().map_or(0, |kept| kept.bytes) };
        evicted.by_memory += self.make_room(new, most, now);
        let entry = self.grants.entry(key).or_default();
        let before = entry.size();
        if entry.running.take().is_some() {
            self.running = self.running.saturating_sub(1);
        }
        let owner = match left {
            Some(kept) => {
                let success = kept.is_success();
                let owner = kept.settled.session_id.clone().map(|session_id| Owner { session_id, success });
                entry.keep(kept, now);
                owner
            }
            None => entry.owner.clone().filter(|_| !entry.kept.is_empty()),
        };
        let old = std::mem::replace(&mut entry.owner, owner.clone());
        self.size = self.size.less(before).plus(entry.size());
        if entry.is_empty() {
            self.grants.remove(&key);
        }
        if old != owner {
            if let Some(old) = old {
                self.chains(old.success).remove(&old.session_id, &key);
            }
            if let Some(owner) = owner
                && let Some(oldest) =
                    self.chains(owner.success).push(&owner.session_id, key, settings.max_per_session)
            {
                evicted.by_session += self.displace(oldest, owner.session_id, now);
            }
        }
        evicted
    }

    fn chains(&mut self, success: bool) -> &mut Chains<CoordinationKey> {
        if success { &mut self.successes } else { &mut self.refusals }
    }

    /// Drops what is kept at this key for a newer result of the same session. Gives how many successes went before their time.
    fn displace(&mut self, key: CoordinationKey, session_id: Arc<str>, now: UnixMillis) -> usize {
        let Some(entry) = self.grants.get_mut(&key) else { return 0 };
        let until = entry.success_until(now);
        self.size = self.size.less(entry.size());
        entry.kept.clear();
        entry.owner = None;
        if entry.is_empty() {
            self.grants.remove(&key);
        }
        if let Some(until) = until {
            self.forget(Some(session_id), until, now);
        }
        usize::from(until.is_some())
    }

    /// A success of this session is not known any more that would have been until then.
    fn forget(&mut self, session_id: Option<Arc<str>>, until: UnixMillis, now: UnixMillis) {
        let lost = match session_id {
            Some(session_id) => {
                let until = self.forgotten_of.get(&session_id).map_or(until, |before| before.max(until));
                self.forgotten_of.put(session_id, until, now)
            }
            None => 1,
        };
        self.forgotten_of_any = self.forgotten_of_any.max(until);
        if lost > 0 {
            self.forgotten = self.forgotten.max(self.forgotten_of_any);
        }
    }

    /// Makes room for so much more: drops what is over, then what is over first, an eighth more than must go, so that a full
    /// memory costs no more per result than an empty one. Grants under way are never dropped. Gives how many successes went
    /// before their time.
    fn make_room(&mut self, new: Size, most: Size, now: UnixMillis) -> usize {
        let fits = self.size.plus(new).fits(most);
        let sweep = now >= self.swept.saturating_add(SWEEP_EVERY) || now < self.swept;
        if fits && !sweep {
            return 0;
        }
        self.swept = now;
        self.retain(|kept| kept.is_in_force(now));
        if fits {
            return 0;
        }
        let aim = Size { results: most.results - most.results / 8, bytes: most.bytes - most.bytes / 8 };
        if self.size.plus(new).fits(aim) {
            return 0;
        }
        let kept = self.grants.iter().filter(|(_, entry)| !entry.kept.is_empty());
        let mut oldest: Vec<_> = kept.map(|(key, entry)| (entry.until(), *key)).collect();
        oldest.sort_unstable();
        let mut evicted = 0;
        for (_, key) in oldest {
            if self.size == Size::default() || self.size.plus(new).fits(aim) {
                break;
            }
            if let Some(entry) = self.grants.get_mut(&key) {
                if let Some(until) = entry.success_until(now) {
                    evicted += 1;
                    self.forgotten = self.forgotten.max(until);
                }
                self.size = self.size.less(entry.size());
                entry.kept.clear();
                entry.owner = None;
                if entry.is_empty() {
                    self.grants.remove(&key);
                }
            }
        }
        self.tidy_chains();
        evicted
    }

    fn retain(&mut self, keep: impl Fn(&Kept) -> bool) {
        let mut size = Size::default();
        self.grants.retain(|_, entry| {
            entry.kept.retain(&keep);
            size = size.plus(entry.size());
            if entry.kept.is_empty() {
                entry.owner = None;
            }
            !entry.is_empty()
        });
        self.size = size;
        self.tidy_chains();
    }

    /// Takes out of the chains what is not kept any more.
    fn tidy_chains(&mut self) {
        let grants = &self.grants;
        let owned = |key: &CoordinationKey| grants.get(key).is_some_and(|entry| entry.owner.is_some());
        self.successes.retain(owned);
        self.refusals.retain(owned);
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

    /// How many keys are in chains.
    #[cfg(test)]
    pub(super) fn in_chains(&self) -> usize {
        self.successes.keys() + self.refusals.keys()
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
