//! From an old session to its successor: ask the coordinator, seal here, verify, and follow the chain if others were faster.

use super::{Sealkit, judge::{Judged, invalid_cookie}, resolve::expired_failure};
use crate::{
    outcome::Outcome,
    refresh::{GrantJob, grant},
};
use sealkit_core::{
    CookieAction, ExpiredSession, Failure, Reason, SealedSession, Session, UnsealedSession,
    format::{Format, iron},
    session::{SealInfo, payload_after},
    token::{self, KeySet},
};
use std::{sync::Arc, time::Duration};

/// Most successors that are followed in one call: each has expired, or belongs to another organization than asked for.
const MAX_HOPS: usize = 4;

/// What a caller who could not wait any longer should wait before asking again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How to refresh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshOptions {
    /// Switch to this organization.
    pub organization_id: Option<String>,
}

impl RefreshOptions {
    /// Switches to this organization.
    #[must_use]
    pub fn with_organization(mut self, organization_id: impl Into<String>) -> Self {
        self.organization_id = Some(organization_id.into());
        self
    }
}

/// The session that is to be followed, and how much of it is proven.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Valid(Session),
    Expired(Arc<ExpiredSession>),
    /// Opened, but its token could not be verified; an explicit refresh does not need that.
    Unproven(Arc<UnsealedSession>),
}

impl Held {
    fn unsealed(&self) -> &UnsealedSession {
        match self {
            Self::Valid(session) => session.unsealed(),
            Self::Expired(expired) => expired.unsealed(),
            Self::Unproven(unsealed) => unsealed,
        }
    }

    fn claims(&self) -> Option<&token::Claims> {
        match self {
            Self::Valid(session) => Some(session.claims()),
            Self::Expired(expired) => Some(expired.claims()),
            Self::Unproven(_) => None,
        }
    }

    fn session_id(&self) -> Option<String> {
        match self.claims() {
            Some(claims) => Some(claims.session_id().to_owned()),
            None => token::peek_session_id(self.unsealed().access_token()),
        }
    }

    /// The organization that a refresh asks for when the caller names none.
    fn organization_id(&self) -> Option<String> {
        let sealed = self.unsealed().organization_id();
        sealed.or_else(|| self.claims().and_then(token::Claims::organization_id)).map(str::to_owned)
    }
}

impl Sealkit {
    /// Refreshes a session now, whether it has ended or not, and switches organization if asked to.
    ///
    /// The old access token need not be verifiable. Whenever the tokens rotated, the outcome's cookie is `Set`, also with a
    /// failure: [`Reason::JwksUnavailable`] when the new token cannot be judged yet, [`Reason::SubjectMismatch`] when it is
    /// somebody else's. A refusal leaves the session and its cookie as they were. Dropping the future cancels nothing: the
    /// grant finishes, and the next caller with the same cookie gets its result.
    pub async fn refresh(&self, sealed: &str, options: RefreshOptions) -> Outcome {
        if sealed.is_empty() {
            return Outcome::Anonymous;
        }
        let (unsealed, seal) = match self.inner.reader.unseal(sealed, self.now()) {
            Ok(opened) => opened,
            Err(detail) => return self.note(Outcome::failed(invalid_cookie(detail), CookieAction::Keep)),
        };
        if unsealed.refresh_token().is_none() {
            return self.note(Outcome::failed(Failure::new(Reason::NoRefreshToken), CookieAction::Keep));
        }
        let held = self.hold(unsealed, seal);
        let outcome = self.refresh_held(&held, options.organization_id.as_deref()).await;
        self.note(outcome)
    }

    /// Verifies the old token as far as that is possible without asking anybody.
    fn hold(&self, unsealed: UnsealedSession, seal: SealInfo) -> Held {
        use sealkit_core::session::Judgement;
        let payload = unsealed.expose_text().as_bytes().to_vec();
        let style = unsealed.style();
        let keys = self.inner.keys.current().unwrap_or_else(|| Arc::new(KeySet::empty()));
        match self.inner.reader.judge_unsealed(unsealed, seal, &keys, self.now()) {
            Judgement::Valid { session, .. } => Held::Valid(session),
            Judgement::Expired(expired) => Held::Expired(expired),
            Judgement::UnknownKey { unsealed, .. } => Held::Unproven(Arc::new(*unsealed)),
            _ => match UnsealedSession::parse(payload, style) {
                Ok(unsealed) => Held::Unproven(Arc::new(unsealed)),
                Err(_) => Held::Unproven(Arc::new(UnsealedSession::empty(style))),
            },
        }
    }

    /// Follows `held` to its successor. `wanted` is the organization that the caller insists on.
    pub(crate) async fn refresh_held(&self, held: &Held, wanted: Option<&str>) -> Outcome {
        let session_id = held.session_id();
        if session_id.as_deref().is_some_and(|id| self.has_ended(id)) {
            return Outcome::failed(Failure::new(Reason::SessionRevoked), CookieAction::Clear);
        }
        let anchor = held.claims().map(|claims| claims.subject().to_owned());
        let organization_id = wanted.map(str::to_owned).or_else(|| held.organization_id());
        let mut rotated: Option<SealedSession> = None;
        let mut last: Option<UnsealedSession> = None;
        for _ in 0..MAX_HOPS {
            let old = last.as_ref().unwrap_or_else(|| held.unsealed());
            let Some(refresh_token) = old.refresh_token() else {
                return self.refused(held, Failure::new(Reason::NoRefreshToken), rotated);
            };
            let key = self.inner.coordinator_secret.key(self.inner.api.client_id().as_str(), &refresh_token);
            let job = self.grant_job(refresh_token, organization_id.clone());
            let run = self.inner.coordinator.run(key, session_id.clone(), job);
            let response = match tokio::time::timeout(self.inner.config.refresh().caller_wait, run).await {
                Ok(Ok(response)) => response,
                Ok(Err(failure)) => return self.refused(held, failure, rotated),
                Err(_) => {
                    let failure = Failure::new(Reason::Timeout).with_retry_after(Some(RETRY_AFTER));
                    return self.refused(held, failure, rotated);
                }
            };

            let payload = payload_after(old, &response, anchor.as_deref());
            let sealed = match iron::seal(payload.as_bytes(), self.inner.reader.ring(), None, &*self.inner.random) {
                Ok(sealed) => SealedSession::from(sealed),
                Err(error) => {
                    tracing::error!(%error, "a refreshed session cannot be sealed");
                    return self.refused(held, Failure::new(Reason::ServerError), rotated);
                }
            };
            let Ok(unsealed) = UnsealedSession::parse(payload.as_bytes().to_vec(), old.style()) else {
                return self.refused(held, Failure::new(Reason::InvalidResponse), Some(sealed));
            };
            let (judged, next) = self.judge_successor(unsealed).await;
            rotated = Some(sealed.clone());
            match judged {
                Judged::Valid { session, .. } if wanted.is_none_or(|id| session.organization_id() == Some(id)) => {
                    return match self.has_ended(session.id()) {
                        true => Outcome::failed(Failure::new(Reason::SessionRevoked), CookieAction::Clear),
                        false => Outcome::authenticated(session.refreshed(), CookieAction::Set(sealed)),
                    };
                }
                // Somebody else's result, in another organization or over by now: go on with its refresh token.
                Judged::Valid { .. } | Judged::Expired(_) => last = next,
                Judged::Failed(failure) => {
                    return Outcome::failed(with_expired(failure, held), CookieAction::Set(sealed));
                }
            }
        }
        self.refused(held, Failure::new(Reason::InvalidResponse), rotated)
    }

    /// Judges a payload that was just written, and gives it back for the next hop.
    async fn judge_successor(&self, unsealed: UnsealedSession) -> (Judged, Option<UnsealedSession>) {
        let again = UnsealedSession::parse(unsealed.expose_text().as_bytes().to_vec(), unsealed.style()).ok();
        let key = self.inner.reader.ring().keys().first().map(|key| key.name().into()).unwrap_or_default();
        (self.judge_unsealed(unsealed, SealInfo::new(Format::Iron, key, Some(self.now()))).await, again)
    }

    fn grant_job(&self, refresh_token: sealkit_core::RefreshToken, organization_id: Option<String>) -> GrantJob {
        let inner = Arc::clone(&self.inner);
        Box::new(move || {
            Box::pin(async move {
                grant(&inner.api, refresh_token, organization_id, inner.config.refresh().retry, &*inner.random).await
            })
        })
    }

    /// No successor: the cookie follows the tokens if they rotated on the way, goes if the session is proven to be over, and
    /// stays in every other case.
    fn refused(&self, held: &Held, failure: Failure, rotated: Option<SealedSession>) -> Outcome {
        let cookie = match (rotated, failure.reason()) {
            (_, Reason::SessionRevoked) => CookieAction::Clear,
            (Some(sealed), _) => CookieAction::Set(sealed),
            (None, _) => CookieAction::Keep,
        };
        Outcome::failed(with_expired(failure, held), cookie)
    }
}

fn with_expired(failure: Failure, held: &Held) -> Failure {
    match held {
        Held::Expired(expired) => {
            let expired = Arc::clone(expired);
            if failure.reason() == Reason::ExpiredJwt { expired_failure(expired) } else { failure.with_expired(expired) }
        }
        Held::Valid(_) | Held::Unproven(_) => failure,
    }
}
