//! Beginning a sign-in. Whether one is begun, `sealkit` decides ([`BeforeSignIn`]).

use crate::{
    answer::{explained, note, redirect},
    page,
    slot::{SessionSlot, Standing, append_set_cookie},
};
use bytes::Bytes;
use http::Response;
use sealkit::{BeforeSignIn, Failure, PublicCode, SignInRequest, StepUp, Untrusted, laps::Loop};

/// The answer to a denied navigation: a redirect to the authorize page, with the verifier cookie. Only for what
/// [`Answer`](sealkit::Answer) calls a redirect.
pub(crate) fn sign_in(
    slot: &SessionSlot,
    mut request: SignInRequest,
    return_to: Option<&str>,
    status: u16,
    failure: Option<&Failure>,
) -> Response<Bytes> {
    request.return_to = return_to.map(|path| slot.shared().return_to(path));
    // A connection is a way to sign in of its own; AuthKit's page, and so its sign-up, is not on it.
    request.sign_up = slot.facts().sign_up && request.connection_id.is_none();
    let arrival = slot.facts().arrival().denied().failure(failure);
    match slot.shared().sealkit.before_sign_in(slot.facts().cookie_lines(), &arrival) {
        BeforeSignIn::Move(url) => redirect(307, url.as_str()),
        BeforeSignIn::AskFromOwnPage => page::lead_on(slot, arrival.page.unwrap_or("/")),
        BeforeSignIn::Stop(found) => stop(slot, &found),
        _ => begin(slot, &request, status),
    }
}

/// Begins a sign-in that was asked for, whatever the session is worth.
pub(crate) async fn asked_for(slot: &SessionSlot, request: &SignInRequest) -> Response<Bytes> {
    let sealkit = &slot.shared().sealkit;
    let before = |failure| {
        sealkit.before_sign_in(slot.facts().cookie_lines(), &slot.facts().arrival().failure(failure))
    };
    match before(None) {
        BeforeSignIn::Move(url) => return redirect(307, url.as_str()),
        // Only now it matters what the session is worth. Whoever has one goes round in no circle.
        BeforeSignIn::Stop(_) => match slot.standing_without_refresh().await {
            Standing::Proven(_) => {}
            standing => {
                if let BeforeSignIn::Stop(found) = before(standing.failure()) {
                    return stop(slot, &found);
                }
            }
        },
        _ => {}
    }
    begin(slot, request, 302)
}

/// Says in the log why, and to the person the kind of cause.
fn stop(slot: &SessionSlot, found: &Loop) -> Response<Bytes> {
    let path = Untrusted::new(slot.facts().uri.path());
    tracing::error!(%path, cause = found.cause.as_str(), "signing in goes round in a circle: {}", found.detail);
    let mut response = page::circle(slot, found);
    // Whoever tries again after something was mended begins with the first lap.
    if let Some(line) = slot.shared().sealkit.end_laps(slot.facts().cookie_lines()) {
        append_set_cookie(response.headers_mut(), line);
    }
    response
}

/// Begins a sign-in as asked for. `HEAD` gets the answer without its cookie: nobody signs in by it.
pub(crate) fn begin(slot: &SessionSlot, request: &SignInRequest, status: u16) -> Response<Bytes> {
    match slot.shared().sealkit.begin_sign_in(request, slot.facts().cookie_lines()) {
        Ok(start) => {
            let mut response = redirect(status, start.url.as_str());
            for cookie in start.set_cookies.into_iter().filter(|_| !slot.facts().is_head()) {
                append_set_cookie(response.headers_mut(), cookie);
            }
            response
        }
        Err(failure) => {
            note(slot, PublicCode::Misconfigured, Some(&failure));
            let mut response = explained(slot, PublicCode::Misconfigured, Some(&failure));
            response.extensions_mut().insert(failure);
            response
        }
    }
}

/// Signs in again where the failure says: through the connection, else in the organization that is wished for or in question.
pub(crate) fn step_up_request(failure: Option<&Failure>, wished: Option<&str>) -> SignInRequest {
    let request = SignInRequest::default();
    let Some(failure) = failure else { return request };
    let step_up = failure.step_up();
    if let Some(connection) = step_up.and_then(|step_up| step_up.connection_ids.first()) {
        return request.connection_id(connection.as_str());
    }
    if let Some(wished) = wished {
        return request.organization_id(wished).without_malformed();
    }
    match step_up.map(|step_up: &StepUp| step_up.organizations.as_slice()) {
        Some([only]) => return request.organization_id(only.id.as_str()),
        // Several to choose from: the page asks.
        Some([_, _, ..]) => return request,
        _ => {}
    }
    match failure.expired().and_then(|expired| expired.claims().organization_id()) {
        Some(current) => request.organization_id(current),
        None => request,
    }
}
