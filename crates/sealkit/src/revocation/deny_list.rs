//! The deny list: in memory, asked on every request, and it waits for nothing.

use super::{Denial, DenyEntry, event::SeenEvents};
use crate::{
    clock::Clock,
    refresh::CoordinatorFuture,
    until::{Until, make_room},
};
use sealkit_core::{UnixMillis, token::Claims};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
    time::Duration,
};
use tokio::sync::watch;

/// How long denials last, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DenyListSettings {
    /// How long an entry is kept: longer than any access token lives. Default 24 h.
    pub ttl: Duration,
    /// Most sessions that are denied one by one, and most rules for users, organizations and memberships; of more, those whose
    /// time ends first go. Default 250,000.
    pub max_entries: usize,
    /// With a shared store: how old this process's copy of it may become before `on_stale` applies. Default 60 s.
    pub max_stale: Duration,
    /// What becomes of sessions when the copy is older than that. Default: they are served.
    pub on_stale: StalePolicy,
}

impl Default for DenyListSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(24 * 3600),
            max_entries: 250_000,
            max_stale: Duration::from_secs(60),
            on_stale: StalePolicy::Serve,
        }
    }
}

/// What becomes of sessions when nobody knows what else has been revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StalePolicy {
    /// They are served; what is known to be revoked is refused all the same.
    #[default]
    Serve,
    /// They are answered "temporarily unavailable", cookies kept.
    Deny,
}

/// A deny list that several processes share: each has a copy of it, and no request waits for it.
pub trait DenyListStore: fmt::Debug + Send + Sync {
    /// Follows the store from now on: whatever is in it and comes into it is [applied](DenyList::apply) to the list, and what the
    /// list has that the store lost is put back. Called once, within a tokio runtime; ends with the list.
    fn follow(&self, list: WeakDenyList);

    /// Shares an entry. Returns when it is shared, or after a short time; then it goes on beside the caller.
    fn share(&self, entry: DenyEntry) -> CoordinatorFuture<'_, ()>;

    /// Waits until everything that was shared has reached the store, at most so long. True when nothing is left.
    fn drain(&self, at_most: Duration) -> CoordinatorFuture<'_, bool> {
        let _ = at_most;
        Box::pin(std::future::ready(true))
    }

    /// How long ago the copy was last known to be complete; `None`: never yet.
    fn age(&self) -> Option<Duration>;
}

/// Sessions, users, organizations and memberships whose tokens are not accepted any more, although they verify. Cheap to clone;
/// clones are the same list.
#[derive(Clone)]
pub struct DenyList {
    shared: Arc<Shared>,
}

/// Does not keep the list alive.
#[derive(Clone, Debug)]
pub struct WeakDenyList(Weak<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    settings: DenyListSettings,
    entries: RwLock<Entries>,
    changes: watch::Sender<u64>,
    store: OnceLock<Arc<dyn DenyListStore>>,
    seen_events: SeenEvents,
}

struct Entries {
    sessions: Until<Box<str>>,
    users: HashMap<Box<str>, Rule>,
    organizations: HashMap<Box<str>, Rule>,
    memberships: HashMap<(Box<str>, Box<str>), Rule>,
    /// How many had to go before their time since somebody asked.
    forgotten: usize,
}

/// Tokens from before a time are overruled, until a time.
#[derive(Clone, Copy)]
struct Rule {
    issued_before: UnixMillis,
    until: UnixMillis,
}

impl DenyList {
    /// An empty list.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, settings: DenyListSettings) -> Self {
        let entries = Entries {
            sessions: Until::at_most(settings.max_entries),
            users: HashMap::new(),
            organizations: HashMap::new(),
            memberships: HashMap::new(),
            forgotten: 0,
        };
        let (entries, changes) = (RwLock::new(entries), watch::Sender::new(0));
        Self {
            shared: Arc::new(Shared {
                clock,
                settings,
                entries,
                changes,
                store: OnceLock::new(),
                seen_events: SeenEvents::default(),
            }),
        }
    }

    /// Denies from now on, for [`DenyListSettings::ttl`], here at once and then wherever the list is shared. Dropping the future
    /// leaves it denied here.
    pub async fn deny(&self, denial: Denial) {
        let until = self.shared.clock.now().saturating_add(self.shared.settings.ttl);
        let entry = DenyEntry::new(denial, until);
        self.apply(entry.clone());
        if let Some(store) = self.shared.store.get() {
            store.share(entry).await;
        }
    }

    /// Puts in what came from elsewhere. Never takes anything away: an entry that is there with a later end stays.
    pub fn apply(&self, entry: DenyEntry) {
        let now = self.shared.clock.now();
        if entry.until <= now {
            return;
        }
        let (changed, forgotten) = {
            let mut entries = self.write();
            let changed = entries.put(entry, now, self.shared.settings.max_entries);
            (changed, std::mem::take(&mut entries.forgotten))
        };
        if forgotten > 0 {
            tracing::error!(
                forgotten,
                "the deny list is full: what would have ended first is forgotten before its time; raise `DenyListSettings::max_entries`"
            );
        }
        if changed {
            self.shared.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        }
    }

    /// True when this session is over.
    #[must_use]
    pub fn denies_session(&self, session_id: &str) -> bool {
        let now = self.shared.clock.now();
        self.read().sessions.get(session_id).is_some_and(|until| until > now)
    }

    /// True when the session may go on, but this token may not: its user, organization or membership has changed since it was
    /// issued. A refresh says what is left of it.
    #[must_use]
    pub fn overrules(&self, claims: &Claims) -> bool {
        let entries = self.read();
        if entries.has_no_rules() {
            return false;
        }
        let now = self.shared.clock.now();
        entries
            .rules_for(claims)
            .any(|rule| rule.until > now && claims.issued_at().is_none_or(|at| at < rule.issued_before))
    }

    /// Hears of every change. The value only says that there was one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// What is in force.
    #[must_use]
    pub fn entries(&self) -> Vec<DenyEntry> {
        let now = self.shared.clock.now();
        self.read().all(now)
    }

    /// How many entries are in force. Looks at each: for a gauge now and then.
    #[must_use]
    pub fn in_force(&self) -> usize {
        self.read().in_force(self.shared.clock.now())
    }

    /// How many entries there are, those included whose time is over and that nobody has missed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How old the copy of a shared list is. `None` without a store, or before it was first read.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.shared.store.get()?.age()
    }

    /// True once everything that is shared is known here; at once without a store.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.shared.store.get().is_none_or(|store| store.age().is_some())
    }

    /// True when the copy is older than [`DenyListSettings::max_stale`] and sessions are to be denied then.
    #[must_use]
    pub fn is_too_stale(&self) -> bool {
        self.shared.settings.on_stale == StalePolicy::Deny
            && self
                .shared
                .store
                .get()
                .is_some_and(|store| store.age().is_none_or(|age| age > self.shared.settings.max_stale))
    }

    /// Waits until what was denied here has reached the shared store, at most so long. True when nothing is left.
    pub(crate) async fn drain(&self, at_most: Duration) -> bool {
        match self.shared.store.get() {
            Some(store) => store.drain(at_most).await,
            None => true,
        }
    }

    /// A handle that does not keep it alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakDenyList {
        WeakDenyList(Arc::downgrade(&self.shared))
    }

    /// Shares the list through this store from now on; a second store is ignored.
    pub(crate) fn share_through(&self, store: Arc<dyn DenyListStore>) {
        if self.shared.store.set(Arc::clone(&store)).is_ok() {
            store.follow(self.downgrade());
        }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    pub(super) fn seen_events(&self) -> &SeenEvents {
        &self.shared.seen_events
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        // Nothing inside the lock can panic half-way through a change.
        self.shared.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.shared.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeakDenyList {
    /// The list, while somebody else holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<DenyList> {
        self.0.upgrade().map(|shared| DenyList { shared })
    }
}

impl Entries {
    /// True when that says something new.
    fn put(&mut self, entry: DenyEntry, now: UnixMillis, most: usize) -> bool {
        let until = entry.until;
        match entry.denial {
            Denial::Session { id } => {
                let news = self.sessions.get(&*id).is_none_or(|known| known < until);
                if news {
                    self.forgotten += self.sessions.put(id, until, now);
                }
                news
            }
            Denial::User { id, issued_before } => {
                let rule = Rule { issued_before, until };
                rule.put(&mut self.users, id, now, most, &mut self.forgotten)
            }
            Denial::Organization { id, issued_before } => {
                let rule = Rule { issued_before, until };
                rule.put(&mut self.organizations, id, now, most, &mut self.forgotten)
            }
            Denial::Membership { user_id, organization_id, issued_before } => {
                let pair = (user_id, organization_id);
                let rule = Rule { issued_before, until };
                rule.put(&mut self.memberships, pair, now, most, &mut self.forgotten)
            }
        }
    }

    fn has_no_rules(&self) -> bool {
        self.users.is_empty() && self.organizations.is_empty() && self.memberships.is_empty()
    }

    fn rules_for(&self, claims: &Claims) -> impl Iterator<Item = &Rule> {
        let organization = claims.organization_id();
        let membership = organization
            .filter(|_| !self.memberships.is_empty())
            .and_then(|id| self.memberships.get(&(claims.subject().into(), id.into())));
        let organization = organization.and_then(|id| self.organizations.get(id));
        [self.users.get(claims.subject()), organization, membership].into_iter().flatten()
    }

    fn in_force(&self, now: UnixMillis) -> usize {
        let sessions = self.sessions.iter().map(|(_, until)| until);
        let rules = self.users.values().chain(self.organizations.values()).chain(self.memberships.values());
        sessions.chain(rules.map(|rule| rule.until)).filter(|until| *until > now).count()
    }

    fn len(&self) -> usize {
        self.sessions.len() + self.users.len() + self.organizations.len() + self.memberships.len()
    }

    fn all(&self, now: UnixMillis) -> Vec<DenyEntry> {
        let sessions = self.sessions.iter().map(|(id, until)| (Denial::session(id.clone()), until));
        let users =
            self.users.iter().map(|(id, rule)| (Denial::user(id.clone(), rule.issued_before), rule.until));
        let organizations = self
            .organizations
            .iter()
            .map(|(id, rule)| (Denial::organization(id.clone(), rule.issued_before), rule.until));
        let memberships = self.memberships.iter().map(|((user, organization), rule)| {
            (Denial::membership(user.clone(), organization.clone(), rule.issued_before), rule.until)
        });
        let all = sessions.chain(users).chain(organizations).chain(memberships);
        all.filter(|(_, until)| *until > now).map(|(denial, until)| DenyEntry::new(denial, until)).collect()
    }
}

impl Rule {
    /// Two rules for the same become one that says both. True when that says something new.
    fn put<K: Hash + Eq>(
        self,
        rules: &mut HashMap<K, Self>,
        key: K,
        now: UnixMillis,
        most: usize,
        forgotten: &mut usize,
    ) -> bool {
        if let Some(known) = rules.get_mut(&key) {
            let both = Self {
                issued_before: known.issued_before.max(self.issued_before),
                until: known.until.max(self.until),
            };
            let news = both.issued_before != known.issued_before || both.until != known.until;
            *known = both;
            return news;
        }
        if rules.len() >= most {
            *forgotten += make_room(rules, most, now, |rule| rule.until);
        }
        rules.insert(key, self);
        true
    }
}

impl fmt::Debug for DenyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenyList").field("entries", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenyList").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const DAY: Duration = Duration::from_secs(86_400);

    fn list(settings: DenyListSettings) -> (DenyList, ManualClock) {
        let clock = ManualClock::new(UnixMillis::from_secs(1_000_000));
        (DenyList::new(Arc::new(clock.clone()), settings), clock)
    }

    #[tokio::test]
    async fn a_session_is_denied_for_a_day_and_no_other() {
        let (list, clock) = list(DenyListSettings::default());
        list.deny(Denial::session("session_1")).await;
        assert!(list.denies_session("session_1") && !list.denies_session("session_2"));
        clock.advance(DAY);
        assert!(!list.denies_session("session_1"));
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_brings_no_session_back() {
        let (list, clock) = list(DenyListSettings::default());
        let now = clock.now();
        clock.advance(DAY);
        list.deny(Denial::session("session_1")).await;
        clock.set(now);
        assert!(list.denies_session("session_1"));
    }

    #[tokio::test]
    async fn of_too_many_sessions_those_that_end_first_are_forgotten() {
        let (list, clock) = list(DenyListSettings { max_entries: 16, ..DenyListSettings::default() });
        for i in 0..17 {
            clock.advance(Duration::from_secs(1));
            list.deny(Denial::session(format!("session_{i}"))).await;
        }
        let known = (0..17).map(|i| list.denies_session(&format!("session_{i}")));
        assert_eq!(known.filter(|known| !known).count(), 3);
        assert!(list.denies_session("session_16") && !list.denies_session("session_0"));
    }
}
