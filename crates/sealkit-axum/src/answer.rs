//! Denials on the wire. What the answer is, `sealkit_core` decides ([`Answer`]); here it gets its headers and its body.

use crate::{
    begin, page,
    slot::{SessionSlot, Standing},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use sealkit::{
    Answer, Denial, DenialBody, Failure, PublicCode, Reason, RequestKind, SignInRequest, Untrusted,
};

const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");
const CHALLENGE: HeaderValue = HeaderValue::from_static("Session realm=\"sealkit\"");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer to a request whose session does not do.
pub(crate) fn denied(slot: &SessionSlot, standing: &Standing) -> Response<Bytes> {
    let (denial, failure) = match standing {
        Standing::Failed { failure, fresh_token } => {
            let of = if *fresh_token { Denial::of_fresh_token } else { Denial::of };
            (of(failure.reason()).with_retry_after(failure.retry_after()), Some(failure))
        }
        Standing::Proven(_) | Standing::Anonymous => (Denial::of(Reason::NoSessionCookieProvided), None),
    };
    answer(slot, denial, failure, Wish::default())
}

/// The answer to a request of a session that could not be changed as asked for.
pub(crate) fn refused(slot: &SessionSlot, failure: &Failure) -> Response<Bytes> {
    answer(
        slot,
        Denial::of(failure.reason()).with_retry_after(failure.retry_after()),
        Some(failure),
        Wish::default(),
    )
}

/// The answer to a switch of organization that did not succeed.
pub(crate) fn switch_refused(
    slot: &SessionSlot,
    failure: &Failure,
    organization_id: &str,
    return_to: Option<&str>,
) -> Response<Bytes> {
    let denial = Denial::of(failure.reason()).with_retry_after(failure.retry_after());
    let wish = Wish { organization_id: Some(organization_id), return_to: return_to.or(Some("/")) };
    answer(slot, denial, Some(failure), wish)
}

/// What the request asked for beyond itself.
#[derive(Clone, Copy, Debug, Default)]
struct Wish<'w> {
    /// The organization to be in.
    organization_id: Option<&'w str>,
    /// Where to go afterwards, if not to where the request itself leads.
    return_to: Option<&'w str>,
}

/// The answer to a preflight: nothing that lets the browser go on. Nothing is known of the session, and nothing is set.
pub(crate) fn preflight() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The answer to a session that may not do this: for every kind of request the same.
pub(crate) fn forbidden() -> Response<Bytes> {
    json(PublicCode::Forbidden, &DenialBody::new(PublicCode::Forbidden), false)
}

fn answer(slot: &SessionSlot, denial: Denial, failure: Option<&Failure>, wish: Wish<'_>) -> Response<Bytes> {
    slot.touch();
    let facts = slot.facts();
    let return_to = wish.return_to.or_else(|| facts.return_path());
    let answer = facts.profile.answer(denial);
    note(slot, denial.code(), failure);
    let mut response = match answer {
        Answer::RedirectToSignIn { status, .. } => {
            begin::sign_in(slot, SignInRequest::default(), return_to, status, failure)
        }
        Answer::RedirectToStepUp { status } => {
            let request = begin::step_up_request(failure, wish.organization_id);
            begin::sign_in(slot, request, return_to, status, failure)
        }
        Answer::HxRedirect { code } => {
            let url = slot.shared().login_url(return_to, facts.sign_up);
            let mut response = explained(slot, code, failure);
            match HeaderValue::try_from(url) {
                Ok(url) => drop(response.headers_mut().insert(HX_REDIRECT, url)),
                Err(_) => tracing::error!("the login URL is no header value"),
            }
            response
        }
        Answer::TemporarilyUnavailable { .. } => {
            let mut response = explained(slot, PublicCode::TemporarilyUnavailable, failure);
            if let Some(seconds) = answer.retry_after_seconds() {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        other => explained(slot, other.code().unwrap_or(denial.code()), failure),
    };
    if let Some(failure) = failure {
        response.extensions_mut().insert(failure.clone());
    }
    response
}

/// Says in the log why, with everything fine and nothing secret.
pub(crate) fn note(slot: &SessionSlot, code: PublicCode, failure: Option<&Failure>) {
    let (facts, reason) = (slot.facts(), failure.map_or(Reason::NoSessionCookieProvided, Failure::reason));
    let (method, path, kind) = (&facts.method, Untrusted::new(facts.uri.path()), facts.kind());
    let hint = failure.and_then(Failure::hint);
    match code {
        PublicCode::Misconfigured => {
            tracing::error!(%method, %path, ?kind, %code, %reason, hint, "request denied; signing in would not help");
        }
        PublicCode::TemporarilyUnavailable if failure.is_some_and(Failure::is_own_limit) => {
            tracing::debug!(%method, %path, ?kind, %code, %reason, hint, "request denied for now");
        }
        PublicCode::TemporarilyUnavailable => {
            tracing::warn!(%method, %path, ?kind, %code, %reason, hint, "request cannot be decided");
        }
        _ => tracing::debug!(%method, %path, ?kind, %code, %reason, hint, "request denied"),
    }
}

/// A redirect without a body. What is no URL leads nowhere and is a 500.
pub(crate) fn redirect(status: u16, url: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    match (StatusCode::from_u16(status), HeaderValue::try_from(url)) {
        (Ok(status), Ok(url)) => {
            *response.status_mut() = status;
            response.headers_mut().insert(header::LOCATION, url);
        }
        _ => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

/// Status and body of a code, with what a browser may know: JSON, or a page for a person who goes somewhere.
pub(crate) fn explained(slot: &SessionSlot, code: PublicCode, failure: Option<&Failure>) -> Response<Bytes> {
    if slot.facts().kind() == RequestKind::Navigation {
        return page::denied(slot, code, failure);
    }
    let mut body = DenialBody::new(code);
    if matches!(code, PublicCode::Unauthenticated | PublicCode::SessionRevoked) {
        body = body.with_login_url(slot.shared().login_url(None, slot.facts().sign_up));
    }
    if let (PublicCode::StepUpRequired, Some(step_up)) = (code, failure.and_then(Failure::step_up)) {
        body = body.with_step_up(step_up);
    }
    if let (true, Some(failure)) = (slot.shared().sealkit.config().is_development(), failure) {
        body = body.with_reason(failure.reason());
    }
    json(code, &body, slot.facts().is_head())
}

fn json(code: PublicCode, body: &DenialBody, head: bool) -> Response<Bytes> {
    let body = if head { Vec::new() } else { serde_json::to_vec(body).unwrap_or_default() };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if code.status() == 401 {
        headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}
