//! A future that resolves when a session ends, for whatever outlives a request.

use super::{
    Sealkit,
    judge::Judged,
    refresh::{Held, MAX_HOPS},
};
use sealkit_core::{
    Session, UnsealedSession,
    session::{Converted, payload_following},
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// Longest sleep: clocks are set and machines suspended, so a far end is looked at again and again.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// When to look again for the result of a refresh that is under way as the token ends.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Shortest time between two looks into the deny list: it may change a thousand times in a second, and guards are many.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// How a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// Its token is over, and nobody has refreshed it.
    Expired,
    /// It was signed out, or revoked.
    Revoked,
    /// Its user, its organization or the user's membership has changed since its token was issued: what is left of its rights,
    /// only a refresh can say.
    Overruled,
}

impl SessionEnd {
    /// In one word, `snake_case`, for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Overruled => "overruled",
        }
    }

    /// In one word, as much as a browser may know: `expired` or `revoked`.
    #[must_use]
    pub const fn public_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked | Self::Overruled => "revoked",
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Resolves when a session ends: for WebSockets, event streams, long jobs, and all that goes on after the response has begun.
///
/// - **Sign-out and revocation** end it at once, or a tenth of a second after the change before, whichever process they reach
///   first: it hears of the changes of the [deny list](Sealkit::deny_list). So does a change of the user, the organization or the membership, unless the session has
///   been refreshed since.
/// - **The token's end** ends it unless the session has been refreshed: then it goes on to the end of the successor, and so
///   on. It finds the successor where every late request finds it, in what the coordinator keeps (ten minutes by default, in this
///   process or in the store that processes share). While the refresh is under way in this process, or the store cannot be asked,
///   it waits for it, as long as a request would.
/// - With [`stale_while_error`](crate::config::RefreshSettings::stale_while_error) it goes on for that long past the end, as
///   requests do in an outage.
///
/// It **never refreshes** by itself. The new tokens would have to reach the browser, and a response whose head has gone carries
/// no cookie: the browser would keep a refresh token that is spent. So a page that keeps a connection open must make an ordinary
/// request now and then, more often than its tokens end (five minutes, by default); the refresh of that request is what keeps the
/// connection open. A page that is silent loses it at the token's end, connects again, and is refreshed by that.
///
/// What it watches is the session. Whoever switches to another organization has the same session, and the guard goes on: work
/// that belongs to one organization must look at that by itself.
///
/// Needs a tokio runtime with time. A guard costs less than a kilobyte beside the session, one timer (it wakes once a minute at
/// the most), and no task; changes of the deny list wake every guard for a look into a map, ten times a second at the most. Dropping it leaves nothing
/// behind. Polled again after the end it says the same again.
///
/// ```no_run
/// # async fn long_job() {}
/// # async fn example(sealkit: sealkit::Sealkit, cookie: &str) {
/// # use sealkit::{Resolve, SessionEnd};
/// let outcome = sealkit.resolve([cookie.into()], Resolve::default()).await;
/// let Some(session) = outcome.session() else { return };
/// let guard = sealkit.guard(session);
/// let job = tokio::spawn(long_job());
/// match guard.await {
///     SessionEnd::Expired => println!("nobody has looked at the page for a while"),
///     end => println!("the session was {end}"),
/// }
/// job.abort();
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct SessionGuard {
    session: Session,
    watch: Watching,
}

enum Watching {
    Going(Pin<Box<dyn Future<Output = SessionEnd> + Send>>),
    Over(SessionEnd),
}

impl SessionGuard {
    /// The session, as it was when the guard was made.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }
}

impl Future for SessionGuard {
    type Output = SessionEnd;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<SessionEnd> {
        let end = match &mut self.watch {
            Watching::Going(watch) => match watch.as_mut().poll(context) {
                Poll::Ready(end) => end,
                Poll::Pending => return Poll::Pending,
            },
            Watching::Over(end) => *end,
        };
        self.watch = Watching::Over(end);
        Poll::Ready(end)
    }
}

impl fmt::Debug for SessionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.watch {
            Watching::Going(_) => None,
            Watching::Over(end) => Some(end),
        };
        f.debug_struct("SessionGuard").field("session", &self.session).field("end", &end).finish()
    }
}

impl Sealkit {
    /// Watches a session until it ends.
    pub fn guard(&self, session: &Session) -> SessionGuard {
        let watch = Watch {
            changes: self.inner.deny_list.changes(),
            sealkit: self.clone(),
            first: session.clone(),
            newest: session.clone(),
            looking_since: None,
            heard: None,
        };
        SessionGuard { session: session.clone(), watch: Watching::Going(Box::pin(watch.until_the_end())) }
    }

    /// The valid successor of a session, if somebody has refreshed it. Asks for nothing that is not there.
    async fn refreshed_by_others(&self, session: &Session) -> Successor {
        let session_id = session.id();
        let mut old = Held::Valid(session.clone());
        for _ in 0..MAX_HOPS {
            let Some(token) = old.unsealed().refresh_token() else { return Successor::None };
            let request = self.grant_request(&token, Some(session_id), None);
            let Some(published) = self.inner.coordinator.look_up(&request).await else {
                let coordinator = &self.inner.coordinator;
                let may_come = coordinator.knows(request.key()) || coordinator.status().degraded;
                return if may_come { Successor::NotYet } else { Successor::None };
            };
            let Ok(response) = published.result else { return Successor::None };
            let reader = self.reader();
            let encoding = reader.encoding();
            let Converted { payload, .. } =
                payload_following(old.unsealed(), &response, Some(session.user_id()), encoding.write);
            let Ok(unsealed) = UnsealedSession::parse_as(payload.as_bytes().to_vec(), encoding.write) else {
                return Successor::None;
            };
            let seal = encoding.seal_info(reader.ring(), self.now());
            old = match self.judge_unsealed(unsealed, seal).await {
                Judged::Valid { session, .. } if self.inner.deny_list.overrules(session.claims()) => {
                    Held::Valid(session)
                }
                Judged::Valid { session, .. } => return Successor::Found(session),
                Judged::Expired(expired) => Held::Expired(expired),
                Judged::Failed(failure) if failure.is_retryable() => return Successor::NotYet,
                Judged::Failed(_) => return Successor::None,
            };
        }
        Successor::None
    }
}

/// What has become of a session whose token is over.
enum Successor {
    Found(Session),
    /// A refresh is under way, or its result cannot be had or judged now.
    NotYet,
    None,
}

/// What a guard knows.
struct Watch {
    sealkit: Sealkit,
    first: Session,
    newest: Session,
    changes: watch::Receiver<u64>,
    /// Since when the newest is over and its successor awaited.
    looking_since: Option<Instant>,
    /// When the deny list was last heard to change.
    heard: Option<Instant>,
}

impl Watch {
    async fn until_the_end(mut self) -> SessionEnd {
        loop {
            // Before looking: what changes while we look wakes us again.
            self.changes.mark_unchanged();
            if self.is_revoked() {
                return SessionEnd::Revoked;
            }
            let overruled = self.sealkit.inner.deny_list.overrules(self.newest.claims());
            let left = self.left();
            if !overruled && !left.is_zero() {
                self.sleep(left.min(LONGEST_SLEEP)).await;
                continue;
            }
            // On the heap for a moment: it is many times as large as what is kept for as long as the guard lives.
            let successor = Box::pin(self.sealkit.refreshed_by_others(&self.newest)).await;
            match successor {
                Successor::Found(session) => {
                    self.newest = session;
                    self.looking_since = None;
                }
                Successor::NotYet if !overruled && self.has_patience() => self.sleep(LOOK_AGAIN).await,
                Successor::NotYet | Successor::None => return self.end(overruled),
            }
        }
    }

    /// A sign-out or a revocation may have come while we looked.
    fn end(&self, overruled: bool) -> SessionEnd {
        match overruled {
            _ if self.is_revoked() => SessionEnd::Revoked,
            true => SessionEnd::Overruled,
            false => SessionEnd::Expired,
        }
    }

    fn is_revoked(&self) -> bool {
        [&self.first, &self.newest].into_iter().any(|session| self.sealkit.has_ended(session.id()))
    }

    /// How long the newest token, and what an outage adds to it, may still be served.
    fn left(&self) -> Duration {
        let grace = self.sealkit.inner.config.refresh().stale_while_error;
        self.newest.expires_at().saturating_add(grace).saturating_since(self.sealkit.now())
    }

    /// A request would still wait for this refresh.
    fn has_patience(&mut self) -> bool {
        let since = *self.looking_since.get_or_insert_with(Instant::now);
        since.elapsed() < self.sealkit.inner.config.refresh().caller_wait
    }

    /// Sleeps so long, or until the deny list changes.
    async fn sleep(&mut self, at_most: Duration) {
        if let Some(heard) = self.heard.take() {
            // Deaf for a moment; then it looks, whatever there was to hear.
            return sleep(LOOK_AT_MOST_EVERY.saturating_sub(heard.elapsed()).min(at_most)).await;
        }
        match timeout(at_most, self.changes.changed()).await {
            Ok(Ok(())) => self.heard = Some(Instant::now()),
            // The list is gone, which cannot be while this holds it. Then there is only time.
            Ok(Err(_)) => sleep(at_most).await,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_what_it_gives<R>(_: impl FnOnce(Watch) -> R) -> usize {
        size_of::<R>()
    }

    #[test]
    fn a_guard_is_less_than_a_kilobyte() {
        let size = size_of::<SessionGuard>() + size_of_what_it_gives(Watch::until_the_end);
        assert!(size < 1024, "{size} bytes");
    }
}
