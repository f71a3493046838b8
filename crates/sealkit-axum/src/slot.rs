//! The session of one request: resolved at most once, written at most once, whoever asks and however often.
//!
//! ```text
//! request ─► SessionLayer puts a slot into the extensions
//!                 │  extractors, handlers, routes: read, refresh, replace, sign out
//!                 ▼
//! response ◄─ finish(): the cookies of one session or none, cache headers, the failure as an extension
//! ```

use crate::{
    facts::RequestFacts,
    headers::{PubliclyCacheable, cookie_name, protect_from_caches},
    layer::Shared,
    rejection::SessionRejection,
};
use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use sealkit::{
    CookieAction, Failure, Outcome, Reason, RefreshBehind, RefreshOptions, RequestKind, Resolve,
    SealedSession, Session, SignedIn, Untrusted,
    cookie::{self, Presence},
};
use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use url::Url;

/// What the session of a request is worth.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// Somebody, proven.
    Proven(Session),
    /// There is no session.
    Anonymous,
    /// There is one, and it is not acceptable, or nobody can tell now ([`Failure::is_retryable`]).
    Failed {
        failure: Failure,
        /// It is about a token that the API has only now given.
        fresh_token: bool,
    },
}

impl Standing {
    fn of(outcome: &Outcome) -> Self {
        match (outcome.session(), outcome.failure()) {
            (Some(session), _) => Self::Proven(session.clone()),
            (None, None) => Self::Anonymous,
            (None, Some(failure)) => Self::Failed {
                failure: failure.clone(),
                fresh_token: matches!(outcome.cookie(), CookieAction::Set(_)),
            },
        }
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }

    pub(crate) const fn is_proven(&self) -> bool {
        matches!(self, Self::Proven(_))
    }

    /// The session, or why there is none.
    pub(crate) fn into_session(self) -> Result<Session, Failure> {
        match self {
            Self::Proven(session) => Ok(session),
            Self::Anonymous => Err(Failure::new(Reason::NoSessionCookieProvided)),
            Self::Failed { failure, .. } => Err(failure),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionSlot {
    type Rejection = SessionRejection;

    /// For the ready-made routes, whose answers depend on cookies (verifiers, at least) whatever they do.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        let slot = Self::of(parts)?;
        slot.touch();
        if slot.facts().uri.path() != parts.uri.path() {
            tracing::error!(path = %Untrusted::new(slot.facts().uri.path()), "{}", crate::routes::NOT_NESTED);
        }
        Ok(slot)
    }
}

/// Handle on the session of one request. All clones are the same slot.
#[derive(Clone)]
pub(crate) struct SessionSlot(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    facts: RequestFacts,
    /// Held while somebody resolves or refreshes, so that within a request nobody does it twice.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the session is worth now. `None`: nobody has asked yet.
    current: Option<Standing>,
    /// What is written on the response.
    write: CookieAction,
    /// The refresh that runs beside the handler. Whatever writes the session ends its part in this request.
    behind: Option<RefreshBehind>,
    /// What is written comes from there.
    supersedes: bool,
    /// Counts what handlers decided. A refresh that began before such a decision changes nothing any more.
    decisions: u64,
    /// Somebody has looked at the session or written it, or the answer depends on other cookies of the request.
    touched: bool,
    /// The response is on its way; nothing can be written any more.
    sent: bool,
}

impl State {
    /// The successor that a refresh beside the handler has brought, if it is there by now. It goes before the session that came,
    /// written in another way.
    fn take_what_ran_behind(&mut self) {
        let Some(behind) = self.behind.take() else { return };
        if let ready @ CookieAction::Set(_) = behind.cookie() {
            self.write = ready;
            self.supersedes = true;
        }
    }

    /// The session that is to be written, if no handler has decided so: the one that came, written in another way, or what a
    /// refresh made of it.
    fn written(&self) -> Option<Session> {
        match (&self.write, &self.current) {
            (CookieAction::Set(_), Some(Standing::Proven(session)))
                if self.decisions == 0 && !self.supersedes =>
            {
                Some(session.clone())
            }
            _ => None,
        }
    }
}

impl SessionSlot {
    pub(crate) fn new(shared: Arc<Shared>, facts: RequestFacts) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Inner { shared, facts, turn: tokio::sync::Mutex::new(()), state }))
    }

    /// The slot that the layer has put into the request.
    pub(crate) fn of(parts: &Parts) -> Result<Self, SessionRejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(SessionRejection::missing_layer)
    }

    /// Whether what this slot decides counts for that layer: it works with the same [`sealkit::Sealkit`], so with the same client,
    /// API, passwords and demands on tokens. Two that were made of equal settings know nothing of each other's sign-outs.
    pub(crate) fn is_of(&self, shared: &Shared) -> bool {
        std::ptr::eq(self.0.shared.sealkit.config(), shared.sealkit.config())
    }

    /// Whether that layer writes a cookie of the same name, which only one of the two can do.
    pub(crate) fn collides_with(&self, shared: &Shared) -> bool {
        self.0.shared.sealkit.config().cookie().name() == shared.sealkit.config().cookie().name()
    }

    /// The answer depends on the request's cookies, whether the session was looked at or not.
    pub(crate) fn touch(&self) {
        self.state().touched = true;
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn facts(&self) -> &RequestFacts {
        &self.0.facts
    }

    /// What the session is worth, after a refresh if one is due. Resolved by the first caller; the others get the same.
    ///
    /// Dropping the future is harmless: a grant under way finishes, and the next caller gets its result.
    pub(crate) async fn standing(&self) -> Standing {
        if self.0.facts.kind() == RequestKind::Preflight {
            return Standing::Anonymous;
        }
        if let Some(known) = self.known() {
            return known;
        }
        let _turn = self.0.turn.lock().await;
        if let Some(known) = self.known() {
            return known;
        }
        let decisions = {
            let mut state = self.state();
            state.touched = true;
            state.decisions
        };
        let outcome = self.resolve(self.0.facts.profile.may_start_refresh()).await;
        self.take_over(&outcome, decisions)
    }

    /// What is known without starting a refresh.
    pub(crate) async fn standing_without_refresh(&self) -> Standing {
        match self.known() {
            Some(known) => known,
            None => Standing::of(&self.resolve(false).await),
        }
    }

    async fn resolve(&self, may_refresh: bool) -> Outcome {
        let present = self.present();
        let profile = self.0.facts.profile;
        let allowed = Resolve::new(may_refresh, profile.may_clear_session_cookie())
            .refreshing_ahead(may_refresh && profile.may_refresh_ahead())
            .refreshing_behind(profile.is_get_or_head())
            .settling(present.unsplit() && present.pieces().next().is_some());
        self.0.shared.sealkit.resolve(self.candidates(), allowed).await
    }

    /// Refreshes now, or switches the organization. A refusal leaves session and cookie as they are.
    pub(crate) async fn refresh(&self, options: RefreshOptions) -> Standing {
        let _turn = self.0.turn.lock().await;
        let decisions = {
            let mut state = self.state();
            state.touched = true;
            state.decisions
        };
        let sealkit = &self.0.shared.sealkit;
        let outcome = match self.sealed_now().await {
            CookieAction::Set(sealed) => sealkit.refresh_best([sealed.expose_secret().into()], options).await,
            CookieAction::Clear => return Standing::Anonymous,
            _ => sealkit.refresh_best(self.candidates(), options).await,
        };
        if matches!(outcome, Outcome::Anonymous) {
            return Standing::Anonymous;
        }
        if outcome.failure().is_some() && *outcome.cookie() == CookieAction::Keep {
            return Standing::of(&outcome);
        }
        self.take_over(&outcome, decisions)
    }

    /// Puts a session that has just been signed in into the place of whatever was there. Never merged.
    pub(crate) fn sign_in(&self, signed_in: &SignedIn) {
        let cookie = CookieAction::Set(signed_in.sealed.clone());
        self.decide(Standing::Proven(signed_in.session.clone()), cookie);
    }

    /// Puts another sealed session there, and says what it is worth. One that can never be worth anything is not stored.
    pub(crate) async fn replace(&self, sealed: SealedSession) -> Standing {
        let standing = Standing::of(&self.0.shared.sealkit.authenticate(sealed.expose_secret()).await);
        let worth_storing =
            standing.failure().is_none_or(|failure| failure.is_retryable() || failure.expired().is_some());
        if worth_storing && !sealed.is_empty() {
            self.decide(standing.clone(), CookieAction::Set(sealed));
        }
        standing
    }

    /// Ends every session that came: here first, so that no refresh brings one back, then the cookies. Gives the page at WorkOS
    /// that ends the one that stood, if it is known which session that was.
    pub(crate) async fn sign_out(&self, return_to: Option<&Url>) -> Option<Url> {
        let (session_ids, _) = self.session_ids().await;
        self.sign_out_of(&session_ids, return_to).await
    }

    /// The same, unless a limit of this process keeps it from looking which sessions they are: then nothing happens, and the cookies
    /// are needed for the next attempt.
    pub(crate) async fn try_sign_out(&self, return_to: Option<&Url>) -> Result<Option<Url>, Failure> {
        match self.session_ids().await {
            (_, Some(limit)) => Err(limit),
            (session_ids, None) => Ok(self.sign_out_of(&session_ids, return_to).await),
        }
    }

    /// The sessions that came, the one that stands first, and the limit that kept some from being looked at.
    async fn session_ids(&self) -> (Vec<String>, Option<Failure>) {
        let mut session_ids = match self.known() {
            Some(Standing::Proven(session)) => vec![session.id().to_owned()],
            _ => Vec::new(),
        };
        match self.0.shared.sealkit.sessions_to_end(self.candidates()).await {
            Ok(came) => {
                for session_id in came {
                    if !session_ids.contains(&session_id) {
                        session_ids.push(session_id);
                    }
                }
                (session_ids, None)
            }
            Err(limit) => (session_ids, Some(limit)),
        }
    }

    async fn sign_out_of(&self, session_ids: &[String], return_to: Option<&Url>) -> Option<Url> {
        self.decide(Standing::Anonymous, CookieAction::Clear);
        match self.0.shared.sealkit.sign_out_all(session_ids, return_to).await {
            Ok(sign_out) => sign_out.map(|sign_out| sign_out.url),
            Err(failure) => {
                tracing::warn!(%failure, "the session cannot be ended at WorkOS; it is over here");
                None
            }
        }
    }

    /// The seal that stands for the session now: what is going to be written, else the cookie that the session came from. With
    /// `Keep` it is the best of the cookies that came; after a sign-out there is none.
    async fn sealed_now(&self) -> CookieAction {
        let proven = {
            let state = self.state();
            match (&state.write, &state.current) {
                (CookieAction::Keep, Some(Standing::Proven(session))) => session.clone(),
                (write, _) => return write.clone(),
            }
        };
        for value in self.candidates() {
            let Ok((unsealed, _)) = self.0.shared.sealkit.unseal_in_turn(&value).await else { continue };
            if unsealed.access_token() == proven.tokens().access_token() {
                return CookieAction::Set(SealedSession::from(value.into_owned()));
            }
        }
        CookieAction::Keep
    }

    fn candidates(&self) -> Vec<Cow<'_, str>> {
        self.0.shared.sealkit.session_values(self.0.facts.cookie_lines())
    }

    /// Which cookies of the session the browser holds.
    pub(crate) fn present(&self) -> Presence<'_> {
        let facts = &self.0.facts;
        let present = Presence::of(facts.cookie_lines(), self.0.shared.sealkit.config().cookie().name());
        present.sent_to(facts.host(), facts.uri.path())
    }

    fn known(&self) -> Option<Standing> {
        self.state().current.clone()
    }

    /// A resolution or a refresh has come to an end: it counts, unless a handler has decided in the meantime.
    fn take_over(&self, outcome: &Outcome, decisions: u64) -> Standing {
        let standing = Standing::of(outcome);
        let mut state = self.state();
        if state.decisions != decisions {
            return state.current.clone().unwrap_or(standing);
        }
        match outcome.cookie() {
            CookieAction::Set(_) | CookieAction::Clear if state.sent => {
                // The coordinator keeps the result; the next request with the old cookie gets it.
                tracing::debug!("a refresh ended after the response had been sent");
            }
            action @ (CookieAction::Set(_) | CookieAction::Clear) => state.write = action.clone(),
            _ => {}
        }
        state.behind = outcome.refresh_behind().cloned();
        state.current = Some(standing.clone());
        standing
    }

    /// A handler has decided: that counts, whatever else is under way.
    fn decide(&self, standing: Standing, write: CookieAction) {
        let mut state = self.state();
        if state.sent {
            tracing::error!(
                "the session was changed after the response had been sent, so the browser keeps its cookie; change it before the handler returns"
            );
        }
        state.decisions += 1;
        state.touched = true;
        state.current = Some(standing);
        state.write = write;
        state.behind = None;
    }

    /// Writes on a response what is to be written. The slot owns the cookie: a line of that name that somebody else wrote goes.
    pub(crate) fn finish<B>(&self, response: &mut Response<B>) {
        let ends_laps;
        let (mut write, touched, mut failure, written) = {
            let mut state = self.state();
            state.sent = true;
            state.take_what_ran_behind();
            let failure = state.current.as_ref().and_then(Standing::failure).cloned();
            let written = state.written();
            // A session came and is good, or a handler ended it: whatever sign-in begins next is the first lap.
            ends_laps = match state.current {
                Some(Standing::Proven(_)) => state.decisions == 0,
                _ => state.decisions > 0 && state.write == CookieAction::Clear,
            };
            (std::mem::take(&mut state.write), state.touched, failure, written)
        };
        // Another request has gone on from it meanwhile: its successor must not be written over. The old cookie leads there, too.
        if written.is_some_and(|session| self.0.shared.sealkit.is_superseded(&session)) {
            write = CookieAction::Keep;
        }
        let publicly_cacheable = response.extensions().get::<PubliclyCacheable>().is_some();
        let headers = response.headers_mut();
        self.drop_foreign_lines(headers);
        let lines = self.0.shared.sealkit.set_cookies(&write, self.present()).unwrap_or_else(|too_large| {
            tracing::error!(failure = %too_large, hint = too_large.hint(), "the session is not stored");
            failure.get_or_insert(too_large);
            Vec::new()
        });
        let wrote = !lines.is_empty();
        if ends_laps && let Some(line) = self.0.shared.sealkit.end_laps(self.0.facts.cookie_lines()) {
            append_set_cookie(headers, line);
        }
        for line in lines {
            append_set_cookie(headers, line);
        }
        if wrote || (touched && !publicly_cacheable) {
            protect_from_caches(headers, self.0.facts.had_authorization);
        }
        if let Some(failure) = failure {
            response.extensions_mut().insert(failure);
        }
    }

    fn drop_foreign_lines(&self, headers: &mut HeaderMap) {
        let name = self.0.shared.sealkit.config().cookie().name();
        let is_ours = |line: &HeaderValue| {
            let pair = [cookie_name(line), b"="].concat();
            !Presence::of([pair.as_slice()], name).is_empty()
        };
        if !headers.get_all(header::SET_COOKIE).iter().any(is_ours) {
            return;
        }
        tracing::warn!(
            "a handler set the session cookie itself, which is dropped; use `SessionHandle::replace` or `SessionHandle::sign_out`"
        );
        let others: Vec<_> =
            headers.get_all(header::SET_COOKIE).iter().filter(|line| !is_ours(line)).cloned().collect();
        headers.remove(header::SET_COOKIE);
        for line in others {
            headers.append(header::SET_COOKIE, line);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends a `Set-Cookie` line.
pub(crate) fn append_set_cookie(headers: &mut HeaderMap, line: cookie::SetCookie) {
    match HeaderValue::try_from(line.into_header_value()) {
        Ok(mut value) => {
            // Kept out of HPACK tables and of `Debug`.
            value.set_sensitive(true);
            headers.append(header::SET_COOKIE, value);
        }
        Err(_) => tracing::error!("a cookie line is no header value"),
    }
}

impl fmt::Debug for SessionSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSlot").field("current", &self.state().current).finish_non_exhaustive()
    }
}
