//! Judging a cookie value: as much as can be said without I/O, then the key set, fetched if it must be.

use super::{Sealkit, too_many_costly};
use crate::telemetry;
use sealkit_core::{
    Detail, ExpiredSession, Failure, Reason, SealedSession, Session, UnixMillis, UnsealedSession, Untrusted,
    format::Cost,
    session::{Judgement, SealInfo, SessionReader},
    token::{self, Claims, KeySet},
};
use std::sync::Arc;

/// How a reader opens a value: to authenticate or to refresh.
pub(super) type Unseal = fn(&SessionReader, &str, UnixMillis) -> Result<(UnsealedSession, SealInfo), Detail>;

/// A cookie value, judged to the end.
#[derive(Debug)]
pub(crate) enum Judged {
    Valid {
        session: Session,
        refresh_due: bool,
    },
    Expired(Arc<ExpiredSession>),
    /// Not acceptable, or (a retryable failure) nobody can tell now.
    Failed(Failure),
}

impl Judged {
    /// The session that the token proves, over or not.
    pub(crate) fn session_id(&self) -> Option<&str> {
        match self {
            Self::Valid { session, .. } => Some(session.id()),
            Self::Expired(expired) => Some(expired.id()),
            Self::Failed(_) => None,
        }
    }

    /// What the token says, if it is proven.
    fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Valid { session, .. } => Some(session.claims()),
            Self::Expired(expired) => Some(expired.claims()),
            Self::Failed(_) => None,
        }
    }
}

impl Sealkit {
    /// Opens and judges a cookie value. The key set is asked for only when the token is worth it.
    pub(crate) async fn judge(&self, sealed: &str) -> Judged {
        let (unsealed, seal) = match self.open(sealed, SessionReader::unseal).await {
            Ok(opened) => opened,
            Err(failure) => {
                if let Some(detail) = failure.detail() {
                    telemetry::not_unsealed(detail);
                }
                return Judged::Failed(failure);
            }
        };
        let opened = seal.clone();
        let judged = self.judge_unsealed(unsealed, seal).await;
        self.note_opened(&opened, judged.claims());
        judged
    }

    /// Counts a cookie that was opened. One that nobody sealed counts when its token is proven: anybody can send the others, and
    /// they would keep an operator from ever seeing the last one go.
    pub(super) fn note_opened(&self, seal: &SealInfo, proven: Option<&Claims>) {
        if seal.format.is_authenticated() || proven.is_some() {
            self.inner.usage.note(seal, proven.and_then(Claims::issued_at), self.now());
        }
    }

    /// Opens a cookie value with this method of the reader. One of a costly format is opened on a thread of its own, when it
    /// is its turn; the failure may pass when too many wait.
    pub(super) async fn open(
        &self,
        sealed: &str,
        unseal: Unseal,
    ) -> Result<(UnsealedSession, SealInfo), Failure> {
        let (reader, now) = (self.reader(), self.now());
        if !reader.is_costly(sealed, now) || tokio::runtime::Handle::try_current().is_err() {
            return unseal(&reader, sealed, now).map_err(invalid_cookie);
        }
        let costly = &self.inner.limits.costly;
        let turn = costly.to_open(sealed).await.map_err(|_| too_many_costly())?;
        let value = SealedSession::from(sealed);
        let opening = tokio::task::spawn_blocking(move || {
            // Until the work is done: a caller that goes away does not end it.
            let _turn = turn;
            unseal(&reader, value.expose_secret(), now)
        });
        let (unsealed, seal) = opening.await.unwrap_or(Err(Detail::Malformed)).map_err(invalid_cookie)?;
        if seal.format.cost() == Cost::Costly
            && unsealed.is_authentic()
            && let Some(session_id) = token::peek_session_id(unsealed.access_token())
        {
            costly.remember(sealed, &session_id);
        }
        Ok((unsealed, seal))
    }

    /// Judges what has been opened (or has just been written).
    pub(crate) async fn judge_unsealed(&self, unsealed: UnsealedSession, seal: SealInfo) -> Judged {
        let known = self.inner.keys.current();
        let nothing = KeySet::empty();
        let reader = self.reader();
        let first = reader.judge_unsealed(unsealed, seal, known.as_deref().unwrap_or(&nothing), self.now());
        let (kid, unsealed, seal) = match settled(first) {
            Ok(judged) => return judged,
            Err(unknown) => unknown,
        };
        let keys = match &known {
            None => self.inner.keys.get().await,
            Some(_) => self.inner.keys.get_for_unknown(&kid).await,
        };
        let (kid, unsealed, seal) = match keys {
            Err(failure) => return Judged::Failed(failure),
            Ok(keys) => match settled(reader.judge_unsealed(*unsealed, seal, &keys, self.now())) {
                Ok(judged) => return judged,
                Err(unknown) if known.is_some() => return Judged::Failed(unknown_key(&unknown.0, &keys)),
                Err(unknown) => unknown,
            },
        };
        // The set has only now been fetched for the first time; an unknown key may still be newer than it.
        match self.inner.keys.get_for_unknown(&kid).await {
            Err(failure) => Judged::Failed(failure),
            Ok(keys) => settled(reader.judge_unsealed(*unsealed, seal, &keys, self.now()))
                .unwrap_or_else(|(kid, ..)| Judged::Failed(unknown_key(&kid, &keys))),
        }
    }
}

type Unknown = (Box<str>, Box<UnsealedSession>, SealInfo);

fn settled(judgement: Judgement) -> Result<Judged, Unknown> {
    Ok(match judgement {
        Judgement::Valid { session, refresh_due } => Judged::Valid { session, refresh_due },
        Judgement::Expired(expired) => Judged::Expired(expired),
        Judgement::UnknownKey { kid, unsealed, seal } => return Err((kid, unsealed, seal)),
        Judgement::Rejected(failure) => Judged::Failed(failure),
        other => {
            tracing::error!(?other, "a judgement that this version does not know");
            Judged::Failed(Failure::new(Reason::InvalidSessionCookie))
        }
    })
}

fn unknown_key(kid: &str, keys: &KeySet) -> Failure {
    let failure = Failure::new(Reason::UnknownSigningKey);
    if let Some(skipped) = keys.skipped_of_id(kid) {
        tracing::info!(%skipped, "a token names a key that cannot be used");
        return failure
            .with_hint(format!("the key set has the token's key, but it cannot be used: {skipped}"));
    }
    tracing::info!(kid = %Untrusted::new(kid), "the key set of this client has no such key");
    failure.with_hint("the token was signed by a key of another client or environment; check WORKOS_CLIENT_ID and the API host")
}

pub(crate) fn invalid_cookie(detail: Detail) -> Failure {
    Failure::new(Reason::InvalidSessionCookie).with_detail(detail)
}
