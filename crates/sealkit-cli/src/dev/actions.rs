//! The buttons: each asks the provider for trouble or the library for a change, and leads home with a message.

use super::{app::Demo, flash::Flash};
use axum::{Form, extract::State, response::Response};
use sealkit::{Class, Reason, session::AuthResponse};
use sealkit_axum::{Session, SessionHandle};
use sealkit_devidp::{Endpoint, Fault, MintSession, MintedSession};
use serde::Deserialize;
use serde_json::json;

/// Who impersonates.
const SUPPORT: &str = "support@example.com";

/// Longer than the library would wait for anybody: it passes the refusal on at once.
const RETRY_AFTER: &str = "30";

pub(super) async fn refresh(handle: SessionHandle) -> Response {
    match handle.refresh().await {
        Ok(_) => Flash::Refreshed.home(),
        Err(failure) => Flash::NotRefreshed(failure.reason()).home(),
    }
}

/// The next request finds the access token expired.
pub(super) async fn expire(State(demo): State<Demo>, _: Session) -> Response {
    demo.idp().expire_access_tokens();
    Flash::Expired.home()
}

/// The old key stays published, as it does in production while its tokens live.
pub(super) async fn rotate_keys(State(demo): State<Demo>, _: Session) -> Response {
    match demo.idp().rotate_keys(true) {
        Ok(_) => Flash::KeysRotated.home(),
        Err(_) => Flash::Failed.home(),
    }
}

pub(super) async fn fail_refresh(State(demo): State<Demo>, _: Session) -> Response {
    let body = json!({"error": "too_many_requests", "error_description": "asked for by the demo"});
    demo.idp().clear_faults(Endpoint::Authenticate);
    demo.idp().fault(Endpoint::Authenticate, Fault::json(429, &body).header("retry-after", RETRY_AFTER));
    Flash::WillFail.home()
}

/// Where to.
#[derive(Debug, Deserialize)]
pub(super) struct Switch {
    organization_id: String,
}

/// A refusal that the user can do something about leads there; any other is told.
pub(super) async fn switch(handle: SessionHandle, Form(wanted): Form<Switch>) -> Response {
    match handle.switch_organization(wanted.organization_id).await {
        Ok(_) => Flash::Switched.home(),
        Err(failure) => match failure.reason() {
            reason @ (Reason::OrganizationNotFound
            | Reason::OrganizationMembershipNotFound
            | Reason::InvalidOrganizationId) => Flash::NotSwitched(reason).home(),
            reason if reason.class() == Class::StepUp => handle.answer(&failure),
            reason => Flash::NotSwitched(reason).home(),
        },
    }
}

pub(super) async fn impersonate(
    State(demo): State<Demo>,
    session: Session,
    handle: SessionHandle,
) -> Response {
    let minted = demo.idp().impersonate(session.user_id(), SUPPORT, Some("looking at it together"));
    follow(&demo, &handle, minted.ok(), Flash::Impersonated).await
}

pub(super) async fn stop_impersonating(
    State(demo): State<Demo>,
    session: Session,
    handle: SessionHandle,
) -> Response {
    demo.idp().revoke_session(session.id());
    let own = demo.idp().mint_session(MintSession::for_user(session.user_id()));
    follow(&demo, &handle, own.ok(), Flash::NoLongerImpersonated).await
}

/// Puts a session of the provider into the cookie, sealed as a sign-in would be.
async fn follow(demo: &Demo, handle: &SessionHandle, minted: Option<MintedSession>, done: Flash) -> Response {
    let sealed = minted
        .and_then(|minted| AuthResponse::from_json(minted.response_json.to_string().as_bytes()).ok())
        .and_then(|response| demo.sealkit().seal_session(&response).ok());
    let Some(sealed) = sealed else { return Flash::Failed.home() };
    match handle.replace(sealed).await {
        Ok(_) => done.home(),
        Err(_) => Flash::Failed.home(),
    }
}
