//! Events, asked for again and again: for where no webhook can reach, and beside webhooks for those that got lost.

use super::{EVENTS, Received, WeakDenyList};
use crate::{
    Sealkit,
    api::{ApiClient, ApiError, ApiErrorKind, EventsFrom, MAX_EVENTS, TransportErrorKind},
    clock::Clock,
    jitter, telemetry,
};
use sealkit_core::{SecureRandom, SystemRandom, Untrusted};
use std::{sync::Arc, time::Duration};

/// Most pages of one poll, in case a server's pages never end. The next poll goes on behind them.
const MAX_PAGES: usize = 1_000;

/// WorkOS keeps events for 30 days; a little less, so that the beginning is there.
const LONGEST_LOOK_BACK: Duration = Duration::from_secs(29 * 24 * 3600);

/// How often events are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventsPollSettings {
    /// Between two polls that work. A revocation is known after that time at the latest. Default 5 s; at least a second.
    pub interval: Duration,
    /// Longest wait between two polls that do not work; it begins with `interval` and doubles. What the API asks for
    /// (`Retry-After`) stands above it. Default 60 s.
    pub longest_wait: Duration,
}

impl Default for EventsPollSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), longest_wait: Duration::from_secs(60) }
    }
}

/// What a poll has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventsPolled {
    /// Events that have been applied to the deny list.
    pub applied: usize,
    /// Events that it knew, or that concern nobody.
    pub passed_over: usize,
}

/// Feeds the deny list from `GET /events`: begins as long ago as denials last, then follows the events one by one.
///
/// Spawn [`run`](Self::run), once per process:
///
/// ```no_run
/// # fn example(sealkit: &sealkit::Sealkit) {
/// use sealkit::revocation::EventsPollSettings;
///
/// tokio::spawn(sealkit.events_poller(EventsPollSettings::default()).run());
/// # }
/// ```
///
/// It does not keep the [`Sealkit`] alive, and ends with it. Every replica polls for itself, so they need nothing in common.
#[derive(Debug)]
#[must_use = "it does nothing until `run` is spawned"]
pub struct EventsPoller {
    api: ApiClient,
    list: WeakDenyList,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom>,
    settings: EventsPollSettings,
    look_back: Duration,
    /// Where the next page begins; `None`: as long ago as denials last.
    next: Option<EventsFrom>,
    /// Events of a page. Fewer while pages are too large for the transport.
    limit: u8,
    failures: u32,
    state: State,
}

/// What the log has heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Working,
    Failing,
}

impl Sealkit {
    /// Asks WorkOS for events that end sessions, where no webhook can reach. Needs the API key.
    pub fn events_poller(&self, settings: EventsPollSettings) -> EventsPoller {
        EventsPoller {
            api: self.api().clone(),
            list: self.deny_list().downgrade(),
            clock: Arc::clone(self.clock()),
            random: Arc::new(SystemRandom),
            settings,
            look_back: self.config().deny_list().ttl.min(LONGEST_LOOK_BACK),
            next: None,
            limit: MAX_EVENTS,
            failures: 0,
            state: State::New,
        }
    }
}

impl EventsPoller {
    /// Polls until the [`Sealkit`] and all its clones are gone. Dropping the future stops it and loses nothing: the next one begins
    /// as long ago as denials last.
    pub async fn run(mut self) {
        loop {
            let wait = match self.poll_once().await {
                Ok(_) => self.jittered(self.settings.interval.max(Duration::from_secs(1))),
                Err(error) => self.wait_after(&error),
            };
            let Some(mut changes) = self.list.upgrade().map(|list| list.changes()) else { return };
            let gone = async { while changes.changed().await.is_ok() {} };
            if tokio::time::timeout(wait, gone).await.is_ok() {
                return;
            }
        }
    }

    /// Asks for every event since the last call, and applies them. Each page is asked for once.
    ///
    /// # Errors
    /// [`ApiError`]. What came before it has been applied, and the next call goes on behind it.
    pub async fn poll_once(&mut self) -> Result<EventsPolled, ApiError> {
        let polled = self.pages().await;
        let outcome = polled.as_ref().map_or_else(outcome, |_| "ok");
        metrics::counter!(telemetry::EVENT_POLLS, "outcome" => outcome).increment(1);
        match &polled {
            Ok(_) => self.works(),
            Err(error) => self.fails(error),
        }
        polled
    }

    async fn pages(&mut self) -> Result<EventsPolled, ApiError> {
        let mut polled = EventsPolled::default();
        for _ in 0..MAX_PAGES {
            // Nobody is left to be told.
            let Some(list) = self.list.upgrade() else { break };
            let from = self.next.clone().unwrap_or_else(|| self.beginning());
            let page = self.api.events(&EVENTS, &from, self.limit).await?.into_body();
            for event in &page.events {
                match list.take_in(event).await {
                    Received::Applied => polled.applied += 1,
                    _ => polled.passed_over += 1,
                }
            }
            // The end of the list names no next page: the next poll goes on behind the last event that there was.
            let last = page.events.last().map(|event| event.id.clone());
            let next = page.after.clone().or(last).map(EventsFrom::Event);
            let moved = next.is_some() && next.as_ref() != Some(&from);
            self.next = Some(next.unwrap_or(from));
            if page.after.is_none() || !moved {
                break;
            }
        }
        Ok(polled)
    }

    fn beginning(&self) -> EventsFrom {
        EventsFrom::Time(self.clock.now().saturating_sub(self.look_back))
    }

    fn works(&mut self) {
        match self.state {
            State::Working => {}
            State::New => tracing::info!("events of WorkOS are asked for"),
            State::Failing => tracing::info!("events of WorkOS arrive again"),
        }
        self.state = State::Working;
        self.failures = 0;
        self.limit = MAX_EVENTS;
    }

    fn fails(&mut self, error: &ApiError) {
        if self.state != State::Failing {
            tracing::warn!(%error, request_id = error.meta().request_id.as_deref().map(|id| display(Untrusted::new(id))), "events of WorkOS do not arrive; sessions that are revoked there are served until their tokens end");
        }
        self.state = State::Failing;
        self.failures = self.failures.saturating_add(1);
        if error.kind() == ApiErrorKind::Transport(TransportErrorKind::TooLarge) {
            self.limit = (self.limit / 2).max(1);
        }
        // It may be the event to begin behind that is refused: WorkOS does not keep events for ever.
        let refused = matches!(error.kind(), ApiErrorKind::Status(400 | 404 | 410 | 422));
        if refused && matches!(self.next, Some(EventsFrom::Event(_))) {
            self.next = None;
        }
    }

    fn wait_after(&self, error: &ApiError) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1).min(16));
        let interval = self.settings.interval.max(Duration::from_secs(1));
        let wait = interval.saturating_mul(doubled).min(self.settings.longest_wait.max(interval));
        self.jittered(wait).max(error.retry_after().unwrap_or_default())
    }

    /// A quarter up or down, so that replicas that began together do not ask together.
    fn jittered(&self, wait: Duration) -> Duration {
        jitter::around(wait, &*self.random)
    }
}

/// What went wrong, for the metric.
fn outcome(error: &ApiError) -> &'static str {
    match error.kind() {
        ApiErrorKind::Grant(_) => "no_api_key",
        ApiErrorKind::Transport(_) => "network_error",
        ApiErrorKind::Status(401 | 403) => "api_unauthorized",
        ApiErrorKind::Status(429) => "rate_limit_exceeded",
        ApiErrorKind::Status(500..) => "server_error",
        ApiErrorKind::Status(_) => "rejected",
        ApiErrorKind::Unusable => "invalid_response",
    }
}
