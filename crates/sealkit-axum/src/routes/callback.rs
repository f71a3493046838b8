//! The callback: the browser comes back with a code.

use super::{Reply, may_begin, reply};
use crate::{
    answer, begin,
    client::Client,
    page,
    slot::{SessionSlot, append_set_cookie},
};
use axum::extract::{ConnectInfo, RawQuery, rejection::ExtensionRejection};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use sealkit::{
    Class, CookieAction, Failure, Reason, RequestKind, SignInRequest, SignedIn, Untrusted,
    cookie::{CookieSettings, SetCookie, candidates},
    format::Wire,
    sign_in::ReturnTo,
};
use std::{net::SocketAddr, time::Duration};
use tracing::field::display;

/// The sign-in of this browser was restarted a moment ago, and is not restarted again.
const RESTARTED: &str = "wos-auth-restarted";

/// How long that is remembered.
const RESTARTED_FOR: Duration = Duration::from_secs(60);

/// The peer's address, where the application has it.
type Peer = Result<ConnectInfo<SocketAddr>, ExtensionRejection>;

pub(super) async fn callback(
    slot: SessionSlot,
    peer: Peer,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Reply {
    // A code is spent by the first who brings it; that must not be a preview or a link scanner.
    if slot.facts().is_head() || slot.facts().kind() == RequestKind::Prefetch {
        return reply(nothing_done());
    }
    let query = query.unwrap_or_default();
    let (shared, cookies) = (slot.shared(), slot.facts().cookie_lines());
    let peer = peer.ok().map(|ConnectInfo(peer)| peer.ip());
    let client = Client::of(&headers, peer, shared.sealkit.config().trusted_proxies());
    let done = shared.sealkit.complete_sign_in(&query, cookies, shared.own_routes(), &client.context()).await;
    reply(ended(&slot, done, &headers, &client).await)
}

/// The answer to a sign-in that has come to its end, or to a choice.
pub(super) async fn ended(
    slot: &SessionSlot,
    done: sealkit::Callback,
    headers: &HeaderMap,
    client: &Client,
) -> Response<Bytes> {
    let mut response = match done.result.and_then(|signed_in| fits(slot, signed_in)) {
        Ok(signed_in) => finished(slot, &signed_in, &done.return_to),
        Err(failure) if failure.reason() == Reason::CookieTooLarge => failed(slot, &failure),
        Err(failure) if failure.reason() == Reason::AuthenticationTooOld => {
            let again = slot.shared().login_again(done.max_age, &done.return_to);
            logged(page::sign_in_too_old(slot, &failure, again), &failure)
        }
        Err(failure) => {
            match (
                &done.choice,
                go_on(slot, headers, done.code_without_state, &failure, &done.return_to).await,
            ) {
                (_, Some(response)) => response,
                (Some(choice), None) if !page::is_for_program(slot) => {
                    logged(page::choose_organization(slot, &failure, choice), &failure)
                }
                (_, None) => failed(slot, &client.explain(failure)),
            }
        }
    };
    for cookie in done.set_cookies {
        append_set_cookie(response.headers_mut(), cookie);
    }
    response
}

/// The session, if browsers keep its cookies.
fn fits(slot: &SessionSlot, signed_in: SignedIn) -> Result<SignedIn, Failure> {
    let cookie = CookieAction::Set(signed_in.sealed.clone());
    slot.shared().sealkit.cookie_lines(&cookie, slot.present()).map(|_| signed_in)
}

/// The end of a sign-in: stores the session, counts the lap, and leads on.
fn finished(slot: &SessionSlot, signed_in: &SignedIn, return_to: &ReturnTo) -> Response<Bytes> {
    let sealkit = &slot.shared().sealkit;
    let cookie = CookieAction::Set(signed_in.sealed.clone());
    let lines = sealkit.cookie_lines(&cookie, slot.present()).unwrap_or_default();
    let lap = sealkit.note_lap(slot.facts().cookie_lines(), &signed_in.session, &lines);
    slot.sign_in(signed_in);
    let mut response = if sealkit.goes_on_from_own_page() {
        page::lead_on(slot, return_to.as_str())
    } else {
        answer::redirect(303, return_to.as_str())
    };
    if let Some(lap) = lap {
        append_set_cookie(response.headers_mut(), lap);
    }
    response
}

/// The ways out of a failure that need no page: restart once, or go on with the session that is there already.
async fn go_on(
    slot: &SessionSlot,
    headers: &HeaderMap,
    code_without_state: bool,
    failure: &Failure,
    return_to: &ReturnTo,
) -> Option<Response<Bytes>> {
    if !may_begin(slot, headers) {
        return None;
    }
    // A code without a state is how an impersonation arrives that is started in the dashboard. The code is bound to nobody, but
    // the browser is signed in over there, so a sign-in of our own succeeds.
    if failure.reason() == Reason::PkceStateExpired || code_without_state {
        return restart_sign_in(slot, failure, return_to);
    }
    // Somebody reloads the callback, or finishes in a second tab what was finished in a first.
    let harmless = matches!(failure.reason(), Reason::MissingPkceCookie | Reason::OauthStateMismatch);
    if harmless && failure.reason().class() == Class::Callback && slot.standing().await.is_proven() {
        tracing::debug!(reason = %failure.reason(), "callback not accepted; the browser is signed in already");
        let mut response = answer::redirect(303, return_to.as_str());
        response.extensions_mut().insert(failure.clone());
        return Some(response);
    }
    None
}

/// Once: if the clocks of two machines differ, the next state would have expired as well.
fn restart_sign_in(slot: &SessionSlot, failure: &Failure, return_to: &ReturnTo) -> Option<Response<Bytes>> {
    if candidates(slot.facts().cookie_lines(), RESTARTED).next().is_some() {
        return None;
    }
    tracing::info!(reason = %failure.reason(), "the sign-in is restarted");
    let request = SignInRequest::default().return_to(return_to.clone());
    let mut response = begin::begin(slot, &request, 302);
    append_set_cookie(response.headers_mut(), restarted(slot)?);
    Some(response)
}

fn restarted(slot: &SessionSlot) -> Option<SetCookie> {
    let secure = slot.shared().sealkit.config().cookie().secure();
    let settings =
        CookieSettings::builder().name(RESTARTED).secure(secure).max_age(RESTARTED_FOR).build().ok()?;
    settings.set("1", Wire::Token).ok()
}

fn failed(slot: &SessionSlot, failure: &Failure) -> Response<Bytes> {
    logged(page::sign_in_failed(slot, failure), failure)
}

/// The response to a failed sign-in, once the log has the reason.
fn logged(response: Response<Bytes>, failure: &Failure) -> Response<Bytes> {
    let (reason, hint, status) = (failure.reason(), failure.hint(), response.status().as_u16());
    let upstream = failure.upstream();
    let shown = |text: &str| display(Untrusted::new(text.to_owned()));
    let code = upstream.and_then(|upstream| upstream.code.as_deref()).map(shown);
    let request_id = upstream.and_then(|upstream| upstream.request_id.as_deref()).map(shown);
    if failure.is_own_limit() {
        tracing::debug!(%reason, hint, status, "signing in did not succeed");
    } else if response.status().is_server_error() || failure.needs_client_address() {
        tracing::error!(%reason, hint, status, code, request_id, "signing in did not succeed");
    } else {
        tracing::info!(%reason, hint, status, code, request_id, "signing in did not succeed");
    }
    response
}

fn nothing_done() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(crate::headers::NO_STORE));
    response
}
