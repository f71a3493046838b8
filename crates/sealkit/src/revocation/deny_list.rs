//! The deny list: in memory, asked on every request, and it waits for nothing.

use super::{
    Denial, DenyEntry,
    event::SeenEvents,
    room::{Heard, Room, Rule},
};
use crate::{clock::Clock, refresh::CoordinatorFuture, telemetry, until::Until};
use sealkit_core::{UnixMillis, token::Claims};
use std::{
    fmt,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
    time::Duration,
};
use tokio::sync::watch;

/// How far the clocks of this process, other processes and WorkOS may differ.
pub(super) const CLOCKS_DIFFER: Duration = Duration::from_secs(5 * 60);

/// How long denials last, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DenyListSettings {
    /// How long an entry is kept: longer than any access token lives. No entry of a shared store is believed for longer. Default
    /// 24 h.
    pub ttl: Duration,
    /// Most sessions that this process itself denied, and as many that it heard of from a shared store; most rules for users, for
    /// organizations and for memberships, likewise. What is heard takes no room of what was denied here. Of too many own entries,
    /// those that end first are forgotten; of too many others, those that came in the middle. Default 250,000.
    pub max_entries: usize,
    /// With a shared store: how old this process's copy of it may become before `on_stale` applies. Default 60 s.
    pub max_stale: Duration,
    /// The effect on sessions when the copy is older than that. Default: they are served.
    pub on_stale: StalePolicy,
}

impl DenyListSettings {
    /// An entry that ends at most so much later than the one that is known is not shared again.
    #[must_use]
    pub fn renewal_slack(&self) -> Duration {
        self.ttl / 2
    }
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

    /// Shares an entry, which is news. Returns when it is shared, or after a short time; then it goes on beside the caller.
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
///
/// What this process itself [denied](Self::deny) has room of its own. What a store [brings](Self::apply) takes none of it, lasts
/// no longer than [`DenyListSettings::ttl`], and overrules no token of the future.
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
    /// What this process denied: sign-outs, events and webhooks of WorkOS, the application's own.
    own: Room,
    /// What the shared store brought.
    heard: Heard,
    /// Sessions that were signed out here and may still be alive at WorkOS; each for as long as its cookie can live.
    held: Until<Box<str>>,
}

impl DenyList {
    /// An empty list.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, settings: DenyListSettings) -> Self {
        let most = settings.max_entries;
        let entries =
            Entries { own: Room::at_most(most), heard: Heard::at_most(most), held: Until::at_most(most) };
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

    /// How long entries last, and how many there are.
    #[must_use]
    pub fn settings(&self) -> &DenyListSettings {
        &self.shared.settings
    }

    /// Denies from now on, for [`DenyListSettings::ttl`], here at once and then wherever the list is shared. Dropping the future
    /// leaves it denied here.
    ///
    /// Only news is shared: not what is denied already for half of that time or longer.
    pub async fn deny(&self, denial: Denial) {
        let until = self.shared.clock.now().saturating_add(self.shared.settings.ttl);
        self.share(self.deny_here(DenyEntry::new(denial, until))).await;
    }

    /// Denies in this process. Returns the entry if other processes do not know as much.
    pub(crate) fn deny_here(&self, entry: DenyEntry) -> Option<DenyEntry> {
        let now = self.shared.clock.now();
        if entry.until <= now {
            return None;
        }
        let (rule, slack) = (Rule::of(&entry), self.shared.settings.renewal_slack());
        let known =
            |known: Option<Rule>| known.is_some_and(|known| known.until > now && known.covers(rule, slack));
        let (is_shared, forgotten) = {
            let mut entries = self.write();
            if known(entries.own.find(&entry.denial)) {
                return None;
            }
            let heard = entries.heard.find(&entry.denial);
            if heard.is_some_and(|heard| rule.covers(heard, Duration::ZERO)) {
                entries.heard.remove(&entry.denial);
            }
            (known(heard), entries.own.put(entry.clone(), now).forgotten)
        };
        if forgotten > 0 {
            forgot("own", forgotten);
        }
        self.changed();
        (!is_shared).then_some(entry)
    }

    /// Shares an entry wherever the list is shared.
    pub(crate) async fn share(&self, entry: Option<DenyEntry>) {
        if let (Some(entry), Some(store)) = (entry, self.shared.store.get()) {
            store.share(entry).await;
        }
    }

    /// Puts in what came from elsewhere. Never takes anything away: an entry that is there with a later end stays.
    ///
    /// The numbers of the entry are not believed as they are: it ends after [`DenyListSettings::ttl`] at the latest, and overrules
    /// no token that is issued later than now. Five minutes are added to both, because clocks differ.
    pub fn apply(&self, entry: DenyEntry) {
        let now = self.shared.clock.now();
        let entry = self.believed(entry, now);
        if entry.until <= now {
            return;
        }
        let put = {
            let mut entries = self.write();
            let own = entries.own.find(&entry.denial);
            if own.is_some_and(|own| own.covers(Rule::of(&entry), Duration::ZERO)) {
                return;
            }
            entries.heard.put(entry, now)
        };
        if put.forgotten > 0 {
            forgot("shared", put.forgotten);
        }
        if put.news {
            self.changed();
        }
    }

    /// The entry with numbers that this process could have written.
    fn believed(&self, mut entry: DenyEntry, now: UnixMillis) -> DenyEntry {
        let latest = now.saturating_add(CLOCKS_DIFFER);
        entry.until = entry.until.min(latest.saturating_add(self.shared.settings.ttl));
        match &mut entry.denial {
            Denial::Session { .. } => {}
            Denial::User { issued_before, .. }
            | Denial::Organization { issued_before, .. }
            | Denial::Membership { issued_before, .. } => *issued_before = latest.min(*issued_before),
        }
        entry
    }

    /// Denies a session in this process for as long as its cookie can live, beside the entry that it has: its refresh token may
    /// still be good.
    pub(crate) fn hold(&self, session_id: &str, until: UnixMillis) {
        let now = self.shared.clock.now();
        let forgotten = self.write().held.put(session_id.into(), until, now);
        if forgotten > 0 {
            forgot("held", forgotten);
        }
    }

    /// The session has ended at WorkOS: from now on the life of its last access token counts.
    pub(crate) fn release(&self, session_id: &str) {
        let now = self.shared.clock.now();
        let until = now.saturating_add(self.shared.settings.ttl);
        let mut entries = self.write();
        entries.held.remove(session_id);
        entries.own.put(DenyEntry::new(Denial::session(session_id), until), now);
    }

    /// True when this session is over.
    #[must_use]
    pub fn denies_session(&self, session_id: &str) -> bool {
        let now = self.shared.clock.now();
        let entries = self.read();
        let ends = entries.rooms().into_iter().map(|room| room.session(session_id));
        ends.chain([entries.held.get(session_id)]).flatten().any(|until| until > now)
    }

    /// True when an entry about the same is in force, whatever it says about time.
    #[must_use]
    pub fn knows(&self, denial: &Denial) -> bool {
        let now = self.shared.clock.now();
        self.read().rooms().into_iter().filter_map(|room| room.find(denial)).any(|rule| rule.until > now)
    }

    /// True when the session may go on, but this token may not: its user, organization or membership has changed since it was
    /// issued. A refresh says what is left of it.
    #[must_use]
    pub fn overrules(&self, claims: &Claims) -> bool {
        let entries = self.read();
        let rooms = entries.rooms();
        if rooms.iter().all(|room| room.has_no_rules()) {
            return false;
        }
        let now = self.shared.clock.now();
        rooms
            .into_iter()
            .flat_map(|room| room.rules_for(claims))
            .any(|rule| rule.until > now && claims.issued_at().is_none_or(|at| at < rule.issued_before))
    }

    /// Hears of every change. The value only says that there was one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// The entries in force. There are two about the same where the store says more than this process, or says it twice.
    #[must_use]
    pub fn entries(&self) -> Vec<DenyEntry> {
        let now = self.shared.clock.now();
        let entries = self.read();
        let [own, heard @ ..] = entries.rooms();
        let own_covers = |entry: &DenyEntry| {
            own.find(&entry.denial).is_some_and(|known| known.covers(Rule::of(entry), Duration::ZERO))
        };
        let heard = heard.into_iter().flat_map(Room::entries).filter(|entry| !own_covers(entry));
        own.entries().chain(heard).filter(|entry| entry.until > now).collect()
    }

    /// How many entries are in force. Looks at each: for a gauge now and then.
    #[must_use]
    pub fn in_force(&self) -> usize {
        let now = self.shared.clock.now();
        let entries = self.read();
        entries.rooms().into_iter().flat_map(Room::ends).filter(|until| *until > now).count()
    }

    /// How many entries there are, those included that have ended and were not removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().rooms().into_iter().map(Room::len).sum()
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

    fn changed(&self) {
        self.shared.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
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
    /// The own one first.
    fn rooms(&self) -> [&Room; 4] {
        let [first, newest, newer] = self.heard.rooms();
        [&self.own, first, newest, newer]
    }
}

/// A room was full.
fn forgot(room: &'static str, forgotten: usize) {
    metrics::counter!(telemetry::DENY_LIST_FORGOTTEN, "room" => room)
        .increment(u64::try_from(forgotten).unwrap_or(u64::MAX));
    tracing::error!(
        room,
        forgotten,
        "the deny list is full: entries are forgotten before their time; raise `DenyListSettings::max_entries`"
    );
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
