//! The cookies of one name that a request carried: which of them are tried, and which is the best.

use super::{RefreshOptions, Sealkit, judge::Judged};
use crate::outcome::Outcome;
use sealkit_core::{
    Class, CookieAction, Reason,
    cookie::{self, CookieLine, MAX_CANDIDATES},
    session::OpeningCost,
};
use std::{borrow::Cow, cmp::Reverse};

/// How good a candidate is; the best is served. Ordered: the best comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It was signed out or revoked.
    Ended,
    /// It does not open or verify here; another process may know better.
    Unacceptable,
    /// It cannot be judged now.
    Undecided,
    /// A refresh decides: its token has expired, or is older than a change of its user's rights. With the token's end.
    Refreshable(u64),
    /// It is served. With the token's end.
    Valid(u64),
}

/// A cookie value, judged.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) value: Cow<'a, str>,
    pub(super) judged: Judged,
    pub(super) rank: Rank,
}

impl Sealkit {
    /// The values of the session cookie in these `Cookie` lines, percent-decoded, in the order in which they are tried: for
    /// [`resolve`](Self::resolve) and [`sessions_to_end`](Self::sessions_to_end). At most three
    /// ([`MAX_CANDIDATES`]); of more, those that look like a session and are cheap to open.
    pub fn session_values<'h, I>(&self, cookies: I) -> Vec<Cow<'h, str>>
    where
        I: IntoIterator,
        I::Item: CookieLine<'h>,
    {
        let config = &self.inner.config;
        let (reader, now) = (self.reader(), self.now());
        let known = &self.inner.limits.costly;
        let cost = |value: &str| match reader.opening_cost(value, now) {
            OpeningCost::Costly if known.knows(value) => OpeningCost::Cheap,
            cost => cost,
        };
        cookie::values_to_try(cookies, config.cookie().name(), config.max_cookie_value(), cost)
    }

    /// Judges at most three values, the best first; of equal ones the first of the request.
    pub(super) async fn judge_candidates<'a>(
        &self,
        cookies: impl IntoIterator<Item = Cow<'a, str>>,
    ) -> Vec<Candidate<'a>> {
        let mut candidates = Vec::new();
        let mut costly = false;
        for value in cookies.into_iter().filter(|value| !value.is_empty()).take(MAX_CANDIDATES) {
            // One that has not opened before is enough for a request.
            if self.reader().is_costly(&value, self.now())
                && !self.inner.limits.costly.knows(&value)
                && std::mem::replace(&mut costly, true)
            {
                continue;
            }
            let judged = self.judge(&value).await;
            let rank = self.rank(&judged);
            candidates.push(Candidate { value, judged, rank });
        }
        candidates.sort_by_key(|candidate| Reverse(candidate.rank));
        candidates
    }

    /// Refreshes the session of a request now: that of the best cookie, and if it is over, that of the next. In everything else as
    /// [`refresh`](Self::refresh), but a sealed refresh token without an access token is not the session of a request.
    pub async fn refresh_best<'a>(
        &self,
        cookies: impl IntoIterator<Item = Cow<'a, str>>,
        options: RefreshOptions,
    ) -> Outcome {
        let mut best = None;
        let mut all_over = true;
        for candidate in self.judge_candidates(cookies).await {
            let outcome = match candidate.judged {
                // A pair that another user's refresh brought stays what it is: refreshing it would make a session of that user.
                Judged::Failed(failure)
                    if matches!(failure.reason(), Reason::InvalidSessionCookie | Reason::SubjectMismatch) =>
                {
                    self.note(Outcome::failed(failure, CookieAction::Keep))
                }
                _ => self.refresh(&candidate.value, options.clone()).await,
            };
            if !is_over(&outcome) {
                return outcome;
            }
            all_over &= *outcome.cookie() == CookieAction::Clear;
            best.get_or_insert(outcome);
        }
        best.map_or(Outcome::Anonymous, |best| cleared_if(all_over, best))
    }

    /// What verifies is better, then the later end. One that was signed out hides no other.
    fn rank(&self, judged: &Judged) -> Rank {
        match judged {
            judged if judged.session_id().is_some_and(|id| self.has_ended(id)) => Rank::Ended,
            Judged::Valid { session, .. } => {
                let end = session.expires_at().as_millis();
                if self.inner.deny_list.overrules(session.claims()) {
                    Rank::Refreshable(end)
                } else {
                    Rank::Valid(end)
                }
            }
            Judged::Expired(expired) => Rank::Refreshable(expired.claims().expires_at().as_millis()),
            Judged::Failed(failure) if failure.is_retryable() => Rank::Undecided,
            Judged::Failed(_) => Rank::Unacceptable,
        }
    }
}

/// The session is over, or its cookie can never be served: asking again does not help, and neither does a step of the user's.
pub(super) fn is_over(outcome: &Outcome) -> bool {
    let Outcome::Rejected { failure, cookie } = outcome else { return false };
    // A rotated pair is stored, whatever it is worth.
    !matches!(cookie, CookieAction::Set(_))
        && matches!(failure.reason().class(), Class::Terminal | Class::Verification)
}

/// The outcome of the best of several cookies that are over. A response clears them all or none, so they stay while one of them
/// may be worth something.
pub(super) fn cleared_if(all_over: bool, best: Outcome) -> Outcome {
    match best {
        Outcome::Rejected { failure, cookie: CookieAction::Clear } if !all_over => {
            Outcome::failed(failure, CookieAction::Keep)
        }
        best => best,
    }
}
