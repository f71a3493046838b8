//! From an old session to its successor: ask the coordinator, seal here, verify, and follow the chain if others were faster.

use super::{
    Sealkit,
    judge::{Judged, invalid_cookie},
};
use crate::{
    outcome::Outcome,
    refresh::{GrantJob, GrantRequest, GrantResult, grant},
};
use sealkit_core::{
    CookieAction, Detail, ExpiredSession, Failure, Reason, RefreshToken, SealedSession, Session,
    UnsealedSession,
    format::Format,
    session::{AuthResponse, Judgement, SealInfo, payload_after},
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

    /// Whose session it is. What an unverified token says is good enough to refuse somebody else by.
    fn subject(&self) -> Option<String> {
        match self.claims() {
            Some(claims) => Some(claims.subject().to_owned()),
            None => token::peek_subject(self.unsealed().access_token()),
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
        let Some(held) = self.hold(sealed, unsealed, seal) else {
            return self.note(Outcome::failed(invalid_cookie(Detail::Expired), CookieAction::Keep));
        };
        let outcome = self.refresh_held(&held, options.organization_id.as_deref()).await;
        self.note(outcome)
    }

    /// Verifies the old token as far as that is possible without asking anybody.
    fn hold(&self, sealed: &str, unsealed: UnsealedSession, seal: SealInfo) -> Option<Held> {
        let keys = self.inner.keys.current().unwrap_or_else(|| Arc::new(KeySet::empty()));
        Some(match self.inner.reader.judge_unsealed(unsealed, seal, &keys, self.now()) {
            Judgement::Valid { session, .. } => Held::Valid(session),
            Judgement::Expired(expired) => Held::Expired(expired),
            Judgement::UnknownKey { unsealed, .. } => Held::Unproven(Arc::new(*unsealed)),
            _ => Held::Unproven(Arc::new(self.inner.reader.unseal(sealed, self.now()).ok()?.0)),
        })
    }

    /// Follows `held` to its successor. `wanted` is the organization that the caller insists on.
    pub(crate) async fn refresh_held(&self, held: &Held, wanted: Option<&str>) -> Outcome {
        let session_id = held.session_id();
        if session_id.as_deref().is_some_and(|id| self.has_ended(id)) {
            return Outcome::failed(Failure::new(Reason::SessionRevoked), CookieAction::Clear);
        }
        let anchor = held.subject();
        let organization_id = wanted.map(str::to_owned).or_else(|| held.organization_id());
        let mut rotated = None;
        let mut old = held.clone();
        for _ in 0..MAX_HOPS {
            let response = match self.successor_of(&old, session_id.clone(), organization_id.clone()).await {
                Ok(response) => response,
                Err(failure) => return refused(held, failure, rotated),
            };
            let (unsealed, sealed) = match self.seal_successor(&old, &response, anchor.as_deref()) {
                Ok(written) => written,
                Err(failure) => return refused(held, failure, rotated),
            };
            let seal = SealInfo::new(Format::Iron, self.sealing_key(), Some(self.now()));
            match self.judge_unsealed(unsealed, seal).await {
                Judged::Valid { session, .. } if self.has_ended(session.id()) => {
                    return Outcome::failed(Failure::new(Reason::SessionRevoked), CookieAction::Clear);
                }
                Judged::Valid { session, .. }
                    if wanted.is_none_or(|id| session.organization_id() == Some(id)) =>
                {
                    return Outcome::authenticated(session.refreshed(), CookieAction::Set(sealed));
                }
                // Somebody else's result, in another organization or over by now: go on with its refresh token.
                Judged::Valid { session, .. } => old = Held::Valid(session),
                Judged::Expired(expired) => old = Held::Expired(expired),
                Judged::Failed(failure) => return refused(held, failure, Some(sealed)),
            }
            rotated = Some(sealed);
        }
        refused(held, Failure::new(Reason::InvalidResponse), rotated)
    }

    /// Asks the coordinator for the answer that follows `old`, and waits for it as long as a caller may.
    async fn successor_of(
        &self,
        old: &Held,
        session_id: Option<String>,
        organization_id: Option<String>,
    ) -> GrantResult {
        let refresh_token =
            old.unsealed().refresh_token().ok_or_else(|| Failure::new(Reason::NoRefreshToken))?;
        let key = self.inner.coordinator_secret.key(self.inner.api.client_id().as_str(), &refresh_token);
        let job = self.grant_job(refresh_token, organization_id.clone());
        let request = GrantRequest::new(key, session_id, organization_id);
        let run = self.inner.coordinator.run(request, job);
        tokio::time::timeout(self.inner.config.refresh().caller_wait, run)
            .await
            .unwrap_or_else(|_| Err(Failure::new(Reason::Timeout).with_retry_after(Some(RETRY_AFTER))))
    }

    /// Writes and seals the payload that follows `old`.
    fn seal_successor(
        &self,
        old: &Held,
        response: &AuthResponse,
        anchor: Option<&str>,
    ) -> Result<(UnsealedSession, SealedSession), Failure> {
        let payload = payload_after(old.unsealed(), response, anchor);
        let sealed = self.seal_text(&payload)?;
        let unsealed = UnsealedSession::parse(payload.as_bytes().to_vec(), old.unsealed().style())
            .map_err(|_| Failure::new(Reason::InvalidResponse))?;
        Ok((unsealed, sealed))
    }

    fn grant_job(&self, refresh_token: RefreshToken, organization_id: Option<String>) -> GrantJob {
        let inner = Arc::clone(&self.inner);
        Box::new(move || {
            Box::pin(async move {
                grant(
                    &inner.api,
                    refresh_token,
                    organization_id,
                    inner.config.refresh().retry,
                    &*inner.random,
                )
                .await
            })
        })
    }
}

/// No successor: the cookie follows the tokens if they rotated on the way, goes if the session is proven to be over, and stays
/// in every other case.
fn refused(held: &Held, failure: Failure, rotated: Option<SealedSession>) -> Outcome {
    let cookie = match (rotated, failure.reason()) {
        (_, Reason::SessionRevoked) => CookieAction::Clear,
        (Some(sealed), _) => CookieAction::Set(sealed),
        (None, _) => CookieAction::Keep,
    };
    Outcome::failed(with_expired(failure, held), cookie)
}

fn with_expired(failure: Failure, held: &Held) -> Failure {
    match held {
        Held::Expired(expired) => failure.with_expired(Arc::clone(expired)),
        Held::Valid(_) | Held::Unproven(_) => failure,
    }
}
