//! The key set in memory: fetched once for everybody, renewed ahead of time, and kept through an outage of its endpoint.
//!
//! ```text
//!  0 ──────────── 80 % ──────── max-age ─────────────────────── keep (24 h)
//!  fresh           renewed beside  waited for; if the fetch fails,  gone: `jwks_unavailable`
//!                  the requests    the old set serves on
//! ```
//!
//! A fetch runs in a task of its own and there is never more than one: a caller that goes away cancels nothing, and a thousand
//! callers cost one request. Unknown key ids force one more fetch per cool-down *in all*, so that a stranger with made-up
//! tokens cannot make us ask at will.

use crate::{
    api::{ApiClient, Purpose},
    clock::Clock,
    telemetry,
};
use arc_swap::ArcSwapOption;
use sealkit_core::{Failure, Reason, UnixMillis, token::KeySet};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch};

/// Most skipped entries of a set that one line names; the rest is counted.
const MAX_NAMED: usize = 8;

/// When a key set is renewed and how long it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySetSettings {
    /// How long a set is fresh; it is renewed beside the requests from 80 % of it on. Default 10 min.
    pub max_age: Duration,
    /// How long the last good set serves when it cannot be renewed. Default 24 h.
    pub keep: Duration,
    /// Shortest time between two fetches because of an unknown key id, whatever the id. Default 30 s.
    pub cool_down: Duration,
    /// Shortest time between two fetches when they fail, in the background or because there is no set. Default 10 s.
    pub retry_delay: Duration,
    /// Longest time of a fetch, whatever the transport does. Default 10 s.
    pub fetch_timeout: Duration,
}

impl Default for KeySetSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(600),
            keep: Duration::from_secs(24 * 60 * 60),
            cool_down: Duration::from_secs(30),
            retry_delay: Duration::from_secs(10),
            fetch_timeout: Duration::from_secs(10),
        }
    }
}

/// The key set of one application, shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct KeySetCache {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Fixed(Arc<KeySet>),
    Remote(Arc<Remote>),
}

impl KeySetCache {
    /// A cache over `GET /sso/jwks/<client id>`. Nothing is fetched before somebody asks.
    #[must_use]
    pub fn new(api: ApiClient, clock: Arc<dyn Clock>, settings: KeySetSettings) -> Self {
        let remote = Remote { api, clock, settings, held: ArcSwapOption::empty(), state: Mutex::default() };
        Self { source: Source::Remote(Arc::new(remote)) }
    }

    /// A pinned set that is never fetched nor renewed, for offline use.
    #[must_use]
    pub fn fixed(keys: impl Into<Arc<KeySet>>) -> Self {
        let keys = keys.into();
        warn_of_skipped(&keys);
        Self { source: Source::Fixed(keys) }
    }

    /// The set, if one can be used without waiting. This is the hot path: no lock, no await; when the set is due, a renewal
    /// begins in the background.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        match &self.source {
            Source::Fixed(keys) => Some(Arc::clone(keys)),
            Source::Remote(remote) => remote.current(),
        }
    }

    /// The set, fetched if need be.
    ///
    /// # Errors
    /// [`Reason::JwksUnavailable`] when there is none and none can be had, with what the API said.
    pub async fn get(&self) -> Result<Arc<KeySet>, Failure> {
        match &self.source {
            Source::Fixed(keys) => Ok(Arc::clone(keys)),
            Source::Remote(remote) => remote.get().await,
        }
    }

    /// The newest set, for a token whose key id is not in the current one. When the result lacks the key too, the token's key is
    /// unknown for certain.
    ///
    /// # Errors
    /// [`Reason::JwksUnavailable`] when the set could not be fetched again, or may not be before the cool-down is over
    /// (`retry_after`): nobody can tell then whether the key exists.
    pub async fn get_for_unknown(&self, kid: &str) -> Result<Arc<KeySet>, Failure> {
        match &self.source {
            Source::Fixed(keys) => Ok(Arc::clone(keys)),
            Source::Remote(remote) => remote.get_for_unknown(kid).await,
        }
    }

    /// How old the set is; `None` when there is none, or when it is pinned. For metrics.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        match &self.source {
            Source::Fixed(_) => None,
            Source::Remote(remote) => {
                let held = remote.held.load();
                held.as_ref().map(|held| remote.clock.now().saturating_since(held.fetched_at))
            }
        }
    }
}

impl KeySetCache {
    /// How many entries of the set were skipped ([`KeySet::skipped`]); `None` before the first set. For metrics.
    #[must_use]
    pub fn skipped_count(&self) -> Option<usize> {
        match &self.source {
            Source::Fixed(keys) => Some(keys.skipped_count()),
            Source::Remote(remote) => remote.held.load().as_ref().map(|held| held.keys.skipped_count()),
        }
    }
}

impl fmt::Debug for KeySetCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Fixed(keys) => f.debug_tuple("KeySetCache::fixed").field(keys).finish(),
            Source::Remote(remote) => f
                .debug_struct("KeySetCache")
                .field("settings", &remote.settings)
                .field("keys", &remote.held.load().as_ref().map(|held| &held.keys))
                .field("age", &self.age())
                .finish_non_exhaustive(),
        }
    }
}

type Outcome = Result<Arc<KeySet>, Failure>;

struct Remote {
    api: ApiClient,
    clock: Arc<dyn Clock>,
    settings: KeySetSettings,
    held: ArcSwapOption<Held>,
    state: Mutex<State>,
}

/// The last good set.
struct Held {
    keys: Arc<KeySet>,
    fetched_at: UnixMillis,
    /// When the next fetch in the background is due, in milliseconds since 1970.
    due: AtomicU64,
    /// A fetch after this one failed, so the set serves beyond its max-age.
    outage: AtomicBool,
}

#[derive(Default)]
struct State {
    in_flight: Option<watch::Receiver<Option<Outcome>>>,
    cool_down: Option<Pause>,
    /// After a fetch that failed: what the API asked for with `Retry-After`, or a while where no set serves meanwhile; and why.
    backing_off: Option<(Pause, Failure)>,
}

/// A time in which something is not done. It is over when the clock is set back, too.
#[derive(Clone, Copy)]
struct Pause {
    since: UnixMillis,
    length: Duration,
}

impl Pause {
    fn rest(self, now: UnixMillis) -> Option<Duration> {
        let rest = self.length.checked_sub(now.saturating_since(self.since))?;
        (now >= self.since && !rest.is_zero()).then_some(rest)
    }
}

/// Why somebody fetches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// There is no set, or it is too old.
    Need,
    /// A token names a key that the set does not have.
    UnknownKey,
}

impl Remote {
    fn current(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        let now = self.clock.now();
        if now.as_millis() >= held.due.load(Ordering::Relaxed) || now < held.fetched_at {
            // The set is at hand or about to be waited for; a fetch that may not begin now is no news to anybody.
            let _ = self.join(Cause::Need, now);
        }
        self.serves(held, now).then(|| Arc::clone(&held.keys))
    }

    fn serves(&self, held: &Held, now: UnixMillis) -> bool {
        let limit =
            if held.outage.load(Ordering::Relaxed) { self.settings.keep } else { self.settings.max_age };
        now.saturating_since(held.fetched_at) < limit
    }

    /// The last good set, within the time that it is kept.
    fn last_good(&self, now: UnixMillis) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        (now.saturating_since(held.fetched_at) < self.settings.keep).then(|| Arc::clone(&held.keys))
    }

    async fn get(self: &Arc<Self>) -> Outcome {
        if let Some(keys) = self.current() {
            return Ok(keys);
        }
        let fetched = self.fetched(Cause::Need).await;
        fetched.or_else(|failure| self.last_good(self.clock.now()).ok_or(failure))
    }

    async fn get_for_unknown(self: &Arc<Self>, kid: &str) -> Outcome {
        match self.current() {
            Some(keys) if keys.contains(kid) => Ok(keys),
            Some(_) => self.fetched(Cause::UnknownKey).await,
            None => self.fetched(Cause::Need).await.or_else(|failure| {
                self.last_good(self.clock.now()).filter(|keys| keys.contains(kid)).ok_or(failure)
            }),
        }
    }

    /// Waits for the fetch under way, else for a new one.
    async fn fetched(self: &Arc<Self>, cause: Cause) -> Outcome {
        let mut receiver = self.join(cause, self.clock.now())?;
        match receiver.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(unavailable())),
            // The task died without a word: the runtime shuts down, or the transport panicked.
            Err(_) => Err(unavailable()),
        }
    }

    /// Joins the fetch under way, else begins one if it may begin now.
    fn join(
        self: &Arc<Self>,
        cause: Cause,
        now: UnixMillis,
    ) -> Result<watch::Receiver<Option<Outcome>>, Failure> {
        let mut state = self.state();
        if let Some(receiver) = &state.in_flight {
            return Ok(receiver.clone());
        }
        let cooling =
            state.cool_down.and_then(|pause| pause.rest(now)).filter(|_| cause == Cause::UnknownKey);
        if let Some((pause, failure)) = &state.backing_off
            && let Some(rest) = pause.rest(now)
        {
            return Err(failure.clone().with_retry_after(Some(rest.max(cooling.unwrap_or_default()))));
        }
        if let Some(rest) = cooling {
            return Err(unavailable().with_retry_after(Some(rest)));
        }
        let Ok(runtime) = Handle::try_current() else {
            return Err(unavailable().with_hint("fetching the key set needs a tokio runtime"));
        };
        if cause == Cause::UnknownKey {
            state.cool_down = Some(Pause { since: now, length: self.settings.cool_down });
        }
        let (sender, receiver) = watch::channel(None);
        let in_flight = InFlight(Arc::clone(self));
        runtime.spawn(async move {
            let outcome = in_flight.0.fetch().await;
            // Before the news, so that whoever hears them and wants more can begin a fetch.
            drop(in_flight);
            sender.send_replace(Some(outcome));
        });
        state.in_flight = Some(receiver.clone());
        Ok(receiver)
    }

    async fn fetch(&self) -> Outcome {
        let fetched = tokio::time::timeout(self.settings.fetch_timeout, self.api.key_set()).await;
        let parsed = match fetched {
            Ok(Ok(reply)) => parse(reply.body()),
            Ok(Err(error)) => Err(error.to_failure(Purpose::KeySet)),
            Err(_) => Err(unavailable()),
        };
        telemetry::key_set_fetched(parsed.as_ref().err().map(Failure::reason));
        let now = self.clock.now();
        match &parsed {
            Ok(keys) => self.keep(keys, now),
            Err(failure) => self.note(failure, now),
        }
        parsed
    }

    fn keep(&self, keys: &Arc<KeySet>, now: UnixMillis) {
        let due = now.saturating_add(self.settings.max_age.mul_f64(0.8)).as_millis();
        tracing::debug!(keys = keys.len(), "key set fetched");
        // Once for a set, not once for a fetch.
        let unchanged = self.held.load().as_ref().is_some_and(|held| {
            held.keys.skipped_count() == keys.skipped_count() && held.keys.skipped() == keys.skipped()
        });
        if !unchanged {
            warn_of_skipped(keys);
        }
        self.held.store(Some(Arc::new(Held {
            keys: Arc::clone(keys),
            fetched_at: now,
            due: AtomicU64::new(due),
            outage: AtomicBool::new(false),
        })));
        self.state().backing_off = None;
    }

    fn note(&self, failure: &Failure, now: UnixMillis) {
        let status = failure.upstream().and_then(|upstream| upstream.status);
        tracing::warn!(status, hint = failure.hint(), "key set not fetched");
        // However long the API asks us to wait, it is asked again after a cool-down at the latest.
        let wait = failure.retry_after().map(|wait| wait.min(self.settings.cool_down));
        let wait = match self.last_good(now) {
            Some(_) => wait,
            None => Some(wait.unwrap_or_default().max(self.settings.retry_delay)),
        };
        self.state().backing_off = wait.map(|length| (Pause { since: now, length }, failure.clone()));
        if let Some(held) = &*self.held.load() {
            let due = now.saturating_add(self.settings.retry_delay.max(wait.unwrap_or_default()));
            held.due.store(due.as_millis(), Ordering::Relaxed);
            held.outage.store(true, Ordering::Relaxed);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch under way. However it ends, the next one can begin.
struct InFlight(Arc<Remote>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().in_flight = None;
    }
}

fn parse(document: &[u8]) -> Outcome {
    let keys = KeySet::parse(document)
        .map_err(|_| unavailable().with_hint("the API's answer is not a key set: check the API's address"))?;
    if keys.is_empty() {
        // Taking it would lock everybody out; no client of WorkOS is without keys.
        let entries = named(&keys).unwrap_or_else(|| "it is empty".to_owned());
        return Err(
            unavailable().with_hint(format!("the key set has no key that can verify RS256: {entries}"))
        );
    }
    Ok(Arc::new(keys))
}

/// The skipped entries with their reasons, in one line; `None` if nothing was skipped. What the document says is escaped.
fn named(keys: &KeySet) -> Option<String> {
    let mut entries: Vec<String> = keys.skipped().iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let rest = keys.skipped_count().saturating_sub(entries.len());
    if rest > 0 {
        entries.push(format!("{rest} more"));
    }
    (!entries.is_empty()).then(|| entries.join("; "))
}

fn warn_of_skipped(keys: &KeySet) {
    if let Some(entries) = named(keys) {
        let (usable, skipped) = (keys.len(), keys.skipped_count());
        tracing::warn!(usable, skipped, %entries, "entries of the key set cannot be used and were skipped");
    }
}

const fn unavailable() -> Failure {
    Failure::new(Reason::JwksUnavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Scripted, ScriptedTransport, reply, reply_with},
        api::{ApiBase, ClientId, TransportError, TransportErrorKind},
        clock::ManualClock,
    };
    use serde_json::Value;

    const BOTH: &str = include_str!("../../../vectors/jwks.json");
    const FIRST: &str = "sso_oidc_key_pair_FAKE_public_1";
    const SECOND: &str = "sso_oidc_key_pair_FAKE_public_2";
    const MINUTE: Duration = Duration::from_secs(60);
    const START: UnixMillis = UnixMillis::from_secs(1_700_000_000);

    /// A set with the first key only.
    fn first() -> Scripted {
        let mut set: Value = serde_json::from_str(BOTH).unwrap();
        set["keys"].as_array_mut().unwrap().truncate(1);
        reply(200, set.to_string())
    }

    fn both() -> Scripted {
        reply(200, BOTH)
    }

    fn down() -> Scripted {
        Err(TransportError::new(TransportErrorKind::Connect))
    }

    fn cache_over(transport: &ScriptedTransport) -> (KeySetCache, ManualClock) {
        let clock = ManualClock::new(START);
        let api = ApiClient::new(
            ApiBase::default(),
            ClientId::new("client_1").unwrap(),
            None,
            Arc::new(transport.clone()),
            Arc::new(clock.clone()),
        );
        (KeySetCache::new(api, Arc::new(clock.clone()), KeySetSettings::default()), clock)
    }

    fn cache(script: impl IntoIterator<Item = Scripted>) -> (KeySetCache, ScriptedTransport, ManualClock) {
        let transport = ScriptedTransport::new(script);
        let (cache, clock) = cache_over(&transport);
        (cache, transport, clock)
    }

    /// Lets spawned tasks run until nothing is left to do.
    async fn settle() {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
    }

    fn reason(outcome: Outcome) -> Reason {
        outcome.unwrap_err().reason()
    }

    #[tokio::test]
    async fn a_thousand_cold_requests_fetch_once() {
        let (transport, gate) = ScriptedTransport::new([both()]).gated();
        let (cache, _) = cache_over(&transport);
        let requests: Vec<_> = (0..1000)
            .map(|i| {
                let cache = cache.clone();
                tokio::spawn(async move {
                    if i % 2 == 0 { cache.get().await } else { cache.get_for_unknown(SECOND).await }
                })
            })
            .collect();
        settle().await;
        gate.add_permits(1000);
        for request in requests {
            assert_eq!(request.await.unwrap().unwrap().len(), 2);
        }
        let sent = transport.requests();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].method(), http::Method::GET);
        assert_eq!(sent[0].uri(), "https://api.workos.com/sso/jwks/client_1");
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_cancels_nothing() {
        let (transport, gate) = ScriptedTransport::new([both()]).gated();
        let (cache, _) = cache_over(&transport);
        let caller = tokio::spawn({
            let cache = cache.clone();
            async move { cache.get().await }
        });
        settle().await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        gate.add_permits(1);
        settle().await;
        assert!(cache.current().is_some());
        assert_eq!(transport.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_set_is_renewed_in_the_background_from_four_fifths_of_its_age_on() {
        let (cache, transport, clock) = cache([first(), both()]);
        assert!(cache.current().is_none());
        assert_eq!(cache.get().await.unwrap().len(), 1);
        clock.advance(8 * MINUTE - Duration::from_millis(1));
        assert!(cache.current().is_some());
        settle().await;
        assert_eq!(transport.requests().len(), 1);

        clock.advance(Duration::from_millis(1));
        assert_eq!(cache.current().unwrap().len(), 1, "the request that notices is not made to wait");
        settle().await;
        assert_eq!(cache.current().unwrap().len(), 2);
        assert_eq!(cache.age(), Some(Duration::ZERO));
        assert_eq!(transport.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_set_beyond_its_age_is_waited_for() {
        let (cache, transport, clock) = cache([first(), both()]);
        cache.get().await.unwrap();
        clock.advance(10 * MINUTE);
        assert!(cache.current().is_none());
        assert_eq!(cache.get().await.unwrap().len(), 2);
        assert_eq!(transport.requests().len(), 2);
    }

    #[tokio::test]
    async fn the_last_good_set_serves_through_an_outage_of_a_day() {
        let (cache, transport, clock) = cache([both(), down(), reply(500, ""), down()]);
        cache.get().await.unwrap();
        clock.advance(60 * MINUTE);
        assert_eq!(cache.get().await.unwrap().len(), 2);
        assert_eq!(transport.requests().len(), 2);

        // While it lasts nobody waits, and the endpoint is asked at most every ten seconds.
        for _ in 0..50 {
            assert!(cache.current().is_some());
            settle().await;
        }
        assert_eq!(transport.requests().len(), 2);
        clock.advance(Duration::from_secs(10));
        assert!(cache.current().is_some());
        settle().await;
        assert_eq!(transport.requests().len(), 3);

        clock.set(START.saturating_add(24 * 60 * MINUTE));
        assert_eq!(reason(cache.get().await), Reason::JwksUnavailable);
        transport.push(both());
        clock.advance(Duration::from_secs(10));
        assert_eq!(cache.get().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn without_a_set_a_fetch_that_fails_is_not_followed_by_another_at_once() {
        let not_found = reply(404, r#"{"message":"Not found"}"#);
        let (cache, transport, clock) = cache([not_found, down(), both()]);
        let first = cache.get().await.unwrap_err();
        for _ in 0..50 {
            clock.advance(Duration::from_millis(100));
            let failure = cache.get().await.unwrap_err();
            assert_eq!((failure.reason(), failure.hint()), (Reason::JwksUnavailable, first.hint()));
            assert!(failure.retry_after().is_some());
            assert_eq!(reason(cache.get_for_unknown(FIRST).await), Reason::JwksUnavailable);
        }
        assert_eq!(transport.requests().len(), 1);
        for fetches in [2, 3] {
            clock.advance(Duration::from_secs(10));
            let _ = cache.get().await;
            assert_eq!(transport.requests().len(), fetches);
        }
        assert_eq!(cache.get().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_unknown_key_forces_one_fetch_per_cool_down_in_all() {
        let (cache, transport, clock) = cache([first(), first(), both()]);
        cache.get().await.unwrap();
        assert!(!cache.get_for_unknown("forged").await.unwrap().contains("forged"));
        assert_eq!(transport.requests().len(), 2);

        clock.advance(Duration::from_secs(12));
        for kid in [SECOND, "forged", "another"] {
            let failure = cache.get_for_unknown(kid).await.unwrap_err();
            assert_eq!(failure.reason(), Reason::JwksUnavailable);
            assert_eq!(failure.retry_after(), Some(Duration::from_secs(18)));
        }
        assert!(cache.get_for_unknown(FIRST).await.is_ok(), "a key that is known costs nothing");
        assert_eq!(transport.requests().len(), 2);

        clock.advance(Duration::from_secs(18));
        assert!(cache.get_for_unknown(SECOND).await.unwrap().contains(SECOND));
        assert_eq!(transport.requests().len(), 3);
    }

    #[tokio::test]
    async fn unknown_keys_at_the_same_time_share_the_forced_fetch() {
        let (transport, gate) = ScriptedTransport::new([first(), both()]).gated();
        let (cache, _) = cache_over(&transport);
        gate.add_permits(1);
        cache.get().await.unwrap();
        let requests: Vec<_> = (0..100)
            .map(|i| {
                let cache = cache.clone();
                tokio::spawn(async move { cache.get_for_unknown(&format!("forged_{i}")).await })
            })
            .collect();
        settle().await;
        gate.add_permits(1);
        for request in requests {
            assert_eq!(request.await.unwrap().unwrap().len(), 2);
        }
        assert_eq!(transport.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_forced_fetch_that_fails_leaves_the_question_open_and_the_set_in_place() {
        let (cache, transport, _) = cache([first(), down()]);
        cache.get().await.unwrap();
        assert_eq!(reason(cache.get_for_unknown(SECOND).await), Reason::JwksUnavailable);
        assert_eq!(reason(cache.get_for_unknown(SECOND).await), Reason::JwksUnavailable);
        assert_eq!(transport.requests().len(), 2);
        assert!(cache.current().unwrap().contains(FIRST));
    }

    #[tokio::test]
    async fn a_cold_cache_that_has_just_fetched_knows_that_a_key_is_unknown() {
        let (cache, transport, _) = cache([first()]);
        assert!(!cache.get_for_unknown("forged").await.unwrap().contains("forged"));
        assert_eq!(transport.requests().len(), 1);
    }

    #[tokio::test]
    async fn answers_that_are_no_key_set_never_replace_one() {
        for bad in ["<html>", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"EC","kid":"a"}]}"#] {
            let (cache, _, clock) = cache([reply(200, bad), both(), reply(200, bad)]);
            let failure = cache.get().await.unwrap_err();
            assert_eq!(failure.reason(), Reason::JwksUnavailable);
            assert!(failure.hint().is_some());
            clock.advance(Duration::from_secs(10));
            assert_eq!(cache.get().await.unwrap().len(), 2, "a failure is not remembered for long");
            clock.advance(10 * MINUTE);
            assert_eq!(cache.get().await.unwrap().len(), 2, "{bad}");
        }
    }

    #[tokio::test]
    async fn an_unknown_client_is_told_with_status_and_hint() {
        let not_found = reply_with(404, &[("x-request-id", "req_1")], r#"{"message":"Not found"}"#);
        let (cache, ..) = cache([not_found]);
        let failure = cache.get().await.unwrap_err();
        assert_eq!(failure.reason(), Reason::JwksUnavailable);
        assert_eq!(failure.upstream().unwrap().status, Some(404));
        assert_eq!(failure.upstream().unwrap().request_id.as_deref(), Some("req_1"));
        insta::assert_snapshot!(failure.hint().unwrap(), @"the API knows no such client: check WORKOS_CLIENT_ID and the API's address");
    }

    #[tokio::test]
    async fn retry_after_is_kept_to_but_not_for_longer_than_a_cool_down() {
        let (cache, transport, clock) = cache([reply_with(429, &[("retry-after", "3600")], ""), both()]);
        assert_eq!(cache.get().await.unwrap_err().retry_after(), Some(Duration::from_secs(3600)));
        clock.advance(Duration::from_secs(10));
        assert_eq!(cache.get().await.unwrap_err().retry_after(), Some(Duration::from_secs(20)));
        assert_eq!(transport.requests().len(), 1);
        clock.advance(Duration::from_secs(20));
        assert!(cache.get().await.is_ok());
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_does_not_freeze_the_set() {
        let (cache, transport, clock) = cache([first(), first(), both(), both()]);
        cache.get().await.unwrap();
        cache.get_for_unknown(SECOND).await.unwrap();
        clock.set(START.saturating_sub(60 * MINUTE));
        assert!(cache.current().is_some());
        settle().await;
        assert_eq!(transport.requests().len(), 3);
        assert_eq!(cache.age(), Some(Duration::ZERO));
        cache.get_for_unknown("forged").await.unwrap();
        assert_eq!(transport.requests().len(), 4, "the cool-down is over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_transport_that_never_answers_is_given_up() {
        let (transport, gate) = ScriptedTransport::new([both()]).gated();
        let (cache, clock) = cache_over(&transport);
        assert_eq!(reason(cache.get().await), Reason::JwksUnavailable);
        gate.add_permits(1);
        clock.advance(Duration::from_secs(10));
        assert!(cache.get().await.is_ok(), "the next request asks anew");
    }

    #[tokio::test]
    async fn a_transport_that_panics_blocks_nobody() {
        let (cache, transport, _) = cache([]);
        assert_eq!(reason(cache.get().await), Reason::JwksUnavailable);
        transport.push(both());
        assert!(cache.get().await.is_ok());
    }

    #[test]
    fn without_a_runtime_nothing_panics() {
        let (cache, ..) = cache([]);
        assert!(cache.current().is_none());
        // A future polled by something that is no tokio runtime.
        let mut future = std::pin::pin!(cache.get());
        let polled = future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(polled, std::task::Poll::Ready(Err(_))));
    }

    #[tokio::test]
    async fn a_pinned_set_is_never_fetched() {
        let cache = KeySetCache::fixed(KeySet::parse(BOTH.as_bytes()).unwrap());
        assert_eq!(cache.current().unwrap().len(), 2);
        assert_eq!(cache.get().await.unwrap().len(), 2);
        assert!(!cache.get_for_unknown("forged").await.unwrap().contains("forged"));
        assert_eq!(cache.age(), None);
    }
}
