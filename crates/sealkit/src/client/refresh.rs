//! From an old session to its successor: ask the coordinator, seal here, verify, and follow the chain if others were faster.

use super::{
    Sealkit,
    judge::{Judged, invalid_cookie},
    told,
};
use crate::{
    budget::Source,
    outcome::Outcome,
    refresh::{CoordinationKey, GrantJob, GrantRequest, Means, Published, grant},
    telemetry,
};
use sealkit_core::{
    CookieAction, Detail, ExpiredSession, Failure, Reason, RefreshToken, SealedSession, Session,
    UnsealedSession, Untrusted,
    format::Format,
    session::{AuthResponse, Converted, Judgement, SealInfo, SessionReader, payload_following},
    shape,
    token::{self, KeySet},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use tracing::Instrument as _;
use zeroize::Zeroizing;

/// Most successors that are followed in one call: each has expired, or belongs to another organization than asked for.
pub(super) const MAX_HOPS: usize = 4;

/// What a caller who could not wait any longer should wait before asking again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What an operator hears when a token is over as soon as it is made.
const CLOCK_AHEAD: &str =
    "the API's new token has expired already: this machine's clock is ahead; set it right";

/// What an operator hears of what a visitor has sent.
pub(super) const NOT_AN_ORGANIZATION: &str =
    "the organization id has characters that no id has; nothing was sent";
const NOT_A_TOKEN: &str = "the stored refresh token has characters that no token has; nothing was sent";

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
    Unproven(Arc<UnsealedSession>, Format),
}

impl Held {
    pub(super) fn unsealed(&self) -> &UnsealedSession {
        match self {
            Self::Valid(session) => session.unsealed(),
            Self::Expired(expired) => expired.unsealed(),
            Self::Unproven(unsealed, _) => unsealed,
        }
    }

    fn claims(&self) -> Option<&token::Claims> {
        match self {
            Self::Valid(session) => Some(session.claims()),
            Self::Expired(expired) => Some(expired.claims()),
            Self::Unproven(..) => None,
        }
    }

    /// The format that the session came in.
    fn format(&self) -> Format {
        match self {
            Self::Valid(session) => session.seal().format,
            Self::Expired(expired) => expired.seal().format,
            Self::Unproven(_, format) => *format,
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
            None => self.unsealed().anchor().or_else(|| token::peek_subject(self.unsealed().access_token())),
        }
    }

    /// The organization that a refresh asks for when the caller names none.
    fn organization_id(&self) -> Option<String> {
        // An unsealed cookie is only what the visitor says.
        let sealed = self.unsealed().organization_id().filter(|_| self.unsealed().is_authentic());
        sealed.or_else(|| self.claims().and_then(token::Claims::organization_id)).map(str::to_owned)
    }
}

/// What a grant is to ask for.
#[derive(Debug)]
struct Asked {
    key: CoordinationKey,
    refresh_token: RefreshToken,
    organization_id: Option<String>,
    /// The caller has chosen the organization.
    chosen: bool,
    /// In whose name.
    source: Source,
}

/// What became of the tokens on the way from a session to its successor.
#[derive(Debug, Default)]
struct Way {
    /// The newest pair, sealed, at every moment.
    rotated: Option<SealedSession>,
    /// Nobody else can know better than the last answer.
    confirmed: bool,
}

impl Sealkit {
    /// Refreshes a session now, whether it has ended or not, and switches organization if asked to.
    ///
    /// The old access token need not be verifiable: its `sub` is the user that the API's answer must be about, whatever user the
    /// cookie stores. A sealed cookie without an access token can be refreshed, too; then the user is the one that the API
    /// answers. A token of another kind than a session's is rejected, and nothing is sent.
    ///
    /// Whenever the tokens rotated, the outcome's cookie is `Set`, also with a
    /// failure: [`Reason::JwksUnavailable`] when the new token cannot be judged yet, [`Reason::SubjectMismatch`] when it is
    /// somebody else's. A refusal leaves the session and its cookie as they were. Dropping the future cancels nothing: the
    /// grant finishes, and the next caller with the same cookie gets its result.
    pub async fn refresh(&self, sealed: &str, options: RefreshOptions) -> Outcome {
        if sealed.is_empty() {
            return Outcome::Anonymous;
        }
        let (unsealed, seal) = match self.open(sealed, SessionReader::unseal_to_refresh).await {
            Ok(opened) => opened,
            Err(failure) => return self.note(Outcome::failed(failure, CookieAction::Keep)),
        };
        if options.organization_id.as_deref().is_some_and(|id| !shape::is_id(id)) {
            let failure = Failure::new(Reason::InvalidOrganizationId).with_hint(NOT_AN_ORGANIZATION);
            return self.note(Outcome::failed(failure, CookieAction::Keep));
        }
        if unsealed.refresh_token().is_none() {
            return self.note(Outcome::failed(Failure::new(Reason::NoRefreshToken), CookieAction::Keep));
        }
        if let Some(kind) =
            token::peek_not_a_session(unsealed.access_token(), self.inner.config.token_policy())
        {
            let failure = Failure::new(Reason::NotASessionToken).with_detail(kind);
            return self.note(Outcome::failed(failure, CookieAction::Keep));
        }
        let opened = seal.clone();
        let held = if unsealed.is_authentic() {
            self.hold(sealed, unsealed, seal).ok_or_else(|| invalid_cookie(Detail::Expired))
        } else {
            self.hold_proven(unsealed, seal).await
        };
        let held = match held {
            Ok(held) => held,
            Err(failure) => return self.note(Outcome::failed(failure, CookieAction::Keep)),
        };
        self.note_opened(&opened, held.claims());
        let wait = self.inner.config.refresh().caller_wait;
        let outcome = self.refresh_held(&held, options.organization_id.as_deref(), wait, false).await;
        self.note(outcome)
    }

    /// Verifies the old token as far as that is possible without asking anybody.
    fn hold(&self, sealed: &str, unsealed: UnsealedSession, seal: SealInfo) -> Option<Held> {
        let keys = self.inner.keys.current().unwrap_or_else(|| Arc::new(KeySet::empty()));
        let reader = self.reader();
        Some(match reader.judge_unsealed(unsealed, seal, &keys, self.now()) {
            Judgement::Valid { session, .. } => Held::Valid(session),
            Judgement::Expired(expired) => Held::Expired(expired),
            Judgement::UnknownKey { unsealed, seal, .. } => Held::Unproven(Arc::new(*unsealed), seal.format),
            _ => {
                let (unsealed, seal) = reader.unseal_to_refresh(sealed, self.now()).ok()?;
                Held::Unproven(Arc::new(unsealed), seal.format)
            }
        })
    }

    /// What a visitor wrote asks nothing of the API in our name, unless its token verifies in everything but its time.
    async fn hold_proven(&self, unsealed: UnsealedSession, seal: SealInfo) -> Result<Held, Failure> {
        match self.judge_unsealed(unsealed, seal).await {
            Judged::Valid { session, .. } => Ok(Held::Valid(session)),
            Judged::Expired(expired) => Ok(Held::Expired(expired)),
            Judged::Failed(failure) => Err(failure),
        }
    }

    /// Follows `held` to its successor, in `wait` at most. `wanted` is the organization that the caller insists on; `may_clear`
    /// says that the cookie may go when the provider has refused and nobody knows better.
    ///
    /// The one way out: whatever became of the tokens on the way becomes the cookie, and a session that was ended meanwhile is
    /// over, whatever a refresh came to.
    pub(crate) async fn refresh_held(
        &self,
        held: &Held,
        wanted: Option<&str>,
        wait: Duration,
        may_clear: bool,
    ) -> Outcome {
        let begun = Instant::now();
        let session_id = held.session_id();
        let span = tracing::debug_span!(
            "sealkit.refresh",
            session_id = session_id.as_deref().map(|id| tracing::field::display(Untrusted::new(id)))
        );
        let succession = self.succeed(held, session_id.as_deref(), wanted, wait, may_clear);
        let outcome = succession.instrument(span).await;
        telemetry::refreshed(outcome.reason(), begun.elapsed());
        outcome
    }

    async fn succeed(
        &self,
        held: &Held,
        session_id: Option<&str>,
        wanted: Option<&str>,
        wait: Duration,
        may_clear: bool,
    ) -> Outcome {
        if Handle::try_current().is_err() {
            let failure = Failure::new(Reason::ServerError).with_hint("refreshing needs a tokio runtime");
            return Outcome::failed(with_expired(failure, held), CookieAction::Keep);
        }
        let mut way = Way::default();
        let followed = timeout(wait, self.follow(held, session_id, wanted, &mut way))
            .await
            .unwrap_or_else(|_| Err(Failure::new(Reason::Timeout).with_retry_after(Some(RETRY_AFTER))));
        let new_id = followed.as_ref().ok().map(Session::id);
        if [session_id, new_id].into_iter().flatten().any(|id| self.has_ended(id)) {
            return Outcome::failed(Failure::new(Reason::SessionRevoked), CookieAction::Clear);
        }
        let cookie = way.rotated.map_or(CookieAction::Keep, CookieAction::Set);
        match followed {
            Ok(session) => Outcome::authenticated(session, cookie),
            Err(failure) if failure.reason() == Reason::SessionRevoked => {
                Outcome::failed(failure, CookieAction::Clear)
            }
            Err(failure) => {
                let over = failure.reason() == Reason::InvalidGrant && way.confirmed;
                let cookie = if over && may_clear && cookie == CookieAction::Keep {
                    CookieAction::Clear
                } else {
                    cookie
                };
                Outcome::failed(with_expired(failure, held), cookie)
            }
        }
    }

    /// Goes from `held` to the first successor that is valid and in the `wanted` organization.
    async fn follow(
        &self,
        held: &Held,
        session_id: Option<&str>,
        wanted: Option<&str>,
        way: &mut Way,
    ) -> Result<Session, Failure> {
        let mut anchor = held.subject();
        let organization_id = wanted.map(str::to_owned).or_else(|| held.organization_id());
        let mut old = held.clone();
        let mut replayed = false;
        for hop in 1..=MAX_HOPS {
            let chosen = wanted.is_some();
            let published = self.successor_of(&old, session_id, organization_id.as_deref(), chosen).await?;
            way.confirmed = published.confirmed;
            // What has just been asked for in our name will not be any better when it is asked for again.
            let ours = !published.kept && published.organization_id.as_deref() == organization_id.as_deref();
            let response = published.result?;
            let reader = self.reader();
            let (payload, sealed) =
                self.seal_successor(&reader, &old, &response, anchor.as_deref(), session_id).await?;
            way.rotated = Some(sealed);
            let encoding = reader.encoding();
            let unsealed = UnsealedSession::parse_as(payload.as_bytes().to_vec(), encoding.write)
                .map_err(|_| Failure::new(Reason::InvalidResponse))?;
            let seal = encoding.seal_info(reader.ring(), self.now());
            let judged = self.judge_unsealed(unsealed, seal).await;
            let may_go_on = published.kept && wanted.is_none() && hop < MAX_HOPS;
            old = match judged {
                // Who comes late gets the newest, or the cookie that is set here would lag behind what others have.
                Judged::Valid { session, .. } if may_go_on && self.has_successor(&session).await => {
                    Held::Valid(session)
                }
                // Somebody else's result, from before the user's rights changed. What we have asked for ourselves is newer than
                // that, whatever the second says in which it was issued.
                Judged::Valid { session, .. }
                    if !ours && self.inner.deny_list.overrules(session.claims()) =>
                {
                    Held::Valid(session)
                }
                Judged::Valid { session, .. }
                    if wanted.is_none_or(|id| session.organization_id() == Some(id)) =>
                {
                    return Ok(fresh(session, &response));
                }
                Judged::Valid { .. } if ours && replayed => {
                    return Err(Failure::new(Reason::InvalidResponse)
                        .with_hint("the API's answer is for another organization than the one asked for"));
                }
                Judged::Expired(_) if ours => {
                    way.rotated = self.seal_unproven(&reader, &old, &response, anchor.as_deref());
                    return Err(Failure::new(Reason::ExpiredJwt).with_hint(CLOCK_AHEAD));
                }
                // Another organization's: somebody else's result, or the provider replayed one, which it does for one token
                // only. Over by now: somebody else's. Go on with its refresh token.
                Judged::Valid { session, .. } => {
                    replayed |= ours;
                    Held::Valid(session)
                }
                Judged::Expired(expired) => Held::Expired(expired),
                Judged::Failed(failure) => {
                    way.rotated = self.seal_unproven(&reader, &old, &response, anchor.as_deref());
                    return Err(failure);
                }
            };
            anchor = anchor.or_else(|| old.subject());
        }
        Err(Failure::new(Reason::InvalidResponse))
    }

    /// Asks the coordinator for the answer that follows `old`. `chosen`: the caller has chosen the organization.
    async fn successor_of(
        &self,
        old: &Held,
        session_id: Option<&str>,
        organization_id: Option<&str>,
        chosen: bool,
    ) -> Result<Published, Failure> {
        let refresh_token =
            old.unsealed().refresh_token().ok_or_else(|| Failure::new(Reason::NoRefreshToken))?;
        if !shape::is_token(refresh_token.expose_secret()) {
            return Err(Failure::new(Reason::NoRefreshToken).with_hint(NOT_A_TOKEN));
        }
        let lifetime = token::peek_lifetime(old.unsealed().access_token()).unwrap_or_default();
        let request = self.grant_request(&refresh_token, session_id, organization_id).with_lifetime(lifetime);
        let source = Source::new(session_id, old.unsealed().is_authentic(), request.key());
        let published = match self.grants_exceeded(&source) {
            // What is known is given all the same; nothing new is begun.
            Some(failure) if !self.inner.coordinator.knows(request.key()) => {
                self.inner.coordinator.look_up(&request).await.ok_or(failure)?
            }
            _ => {
                let asked = Asked {
                    key: *request.key(),
                    refresh_token,
                    organization_id: organization_id.map(str::to_owned),
                    chosen,
                    source,
                };
                self.inner.coordinator.run(request, self.grant_job(asked)).await
            }
        };
        if published.kept && published.result.is_ok() {
            telemetry::came_late();
        }
        Ok(published)
    }

    /// Whether others have gone on from this session, and what came of it is kept.
    async fn has_successor(&self, session: &Session) -> bool {
        let Some(token) = session.unsealed().refresh_token() else { return false };
        let request = self.grant_request(&token, Some(session.id()), None);
        self.inner.coordinator.look_up(&request).await.is_some()
    }

    /// What the coordinator is asked for this token.
    pub(crate) fn grant_request(
        &self,
        refresh_token: &RefreshToken,
        session_id: Option<&str>,
        organization_id: Option<&str>,
    ) -> GrantRequest {
        let client_id = self.inner.api.client_id().as_str();
        let (place, older) = self.inner.coordinator_secrets.places(client_id, refresh_token);
        GrantRequest::new(place, self.inner.deny_list.clone())
            .with_older(older)
            .with_session(session_id)
            .with_organization(organization_id)
            .with_result_kept(self.inner.config.refresh().result_kept)
    }

    pub(crate) fn coordination_key(&self, refresh_token: &RefreshToken) -> CoordinationKey {
        self.inner.coordinator_secrets.key(self.inner.api.client_id().as_str(), refresh_token)
    }

    /// Writes and seals the payload that follows `old`.
    async fn seal_successor(
        &self,
        reader: &Arc<SessionReader>,
        old: &Held,
        response: &AuthResponse,
        anchor: Option<&str>,
        session_id: Option<&str>,
    ) -> Result<(Zeroizing<String>, SealedSession), Failure> {
        let Converted { payload, losses, .. } =
            payload_following(old.unsealed(), response, anchor, reader.encoding().write);
        told(&losses);
        let sealed = self.seal_in_turn(reader, &payload, session_id).await?;
        self.inner.format_changes.note(old.format(), reader.encoding().write);
        Ok((payload, sealed))
    }

    /// Seals the pair that follows `old` and that nobody may act on, where no reader believes the seal alone.
    fn seal_unproven(
        &self,
        reader: &SessionReader,
        old: &Held,
        response: &AuthResponse,
        anchor: Option<&str>,
    ) -> Option<SealedSession> {
        let now = self.now();
        let Some(format) = reader.encoding().format_of_unproven(reader.ring(), now) else {
            tracing::warn!(
                format = %reader.encoding().write,
                "a refreshed session cannot be verified and is not sealed: every reader of the written format believes the \
                 seal; read iron, too (SEALKIT_FORMATS_READ)"
            );
            return None;
        };
        let Converted { payload, losses, .. } = payload_following(old.unsealed(), response, anchor, format);
        told(&losses);
        reader.seal_in(format, &payload, now, &*self.inner.random).ok()
    }

    fn grant_job(&self, asked: Asked) -> GrantJob {
        let Asked { key, refresh_token, organization_id, chosen, source } = asked;
        let inner = Arc::clone(&self.inner);
        let span = tracing::debug_span!(parent: None, "sealkit.grant");
        span.follows_from(tracing::Span::current());
        Box::new(move || {
            let granting = async move {
                inner.spend_grant(source.clone())?;
                let means = Means {
                    api: &inner.api,
                    breaker: &inner.breaker,
                    source: (!chosen).then_some(&source),
                    retry: inner.config.refresh().retry,
                    attempt_timeout: inner.config.http().attempt_timeout,
                    clock: &*inner.clock,
                    random: &*inner.random,
                };
                let result = grant(means, refresh_token, organization_id).await;
                if result.is_ok() {
                    inner.pauses.end(&key);
                }
                result
            };
            Box::pin(granting.instrument(span))
        })
    }
}

/// A session as a refresh brought it.
fn fresh(session: Session, response: &AuthResponse) -> Session {
    let stale = session.user().is_some_and(|user| response.user_id().as_deref() != user.id());
    let session = session.refreshed();
    if stale { session.with_stale_user() } else { session }
}

fn with_expired(failure: Failure, held: &Held) -> Failure {
    match held {
        Held::Expired(expired) => failure.with_expired(Arc::clone(expired)),
        Held::Valid(_) | Held::Unproven(..) => failure,
    }
}
