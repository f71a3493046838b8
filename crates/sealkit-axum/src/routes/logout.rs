//! `/logout`: ends the session here, then at WorkOS.

use super::{Reply, forbidden, reply};
use crate::{answer, page, same_origin::Initiator, slot::SessionSlot};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use sealkit::RequestKind;

/// `POST`: from the application's own pages, or from no page at all.
pub(super) async fn by_form(slot: SessionSlot) -> Reply {
    match slot.facts().initiator {
        Initiator::Elsewhere => forbidden(&slot),
        Initiator::SameOrigin | Initiator::User | Initiator::Unknown => sign_out(&slot).await,
    }
}

/// `GET`: a link on one of the application's own pages, followed by a person or a script. An image, a frame or a prefetch is
/// neither; and where the browser does not say who asks, nobody can tell. Whoever typed the address is asked.
pub(super) async fn by_link(slot: SessionSlot, headers: HeaderMap) -> Reply {
    let meant =
        matches!(slot.facts().kind(), RequestKind::Navigation | RequestKind::Fetch | RequestKind::Htmx);
    if slot.facts().is_head() || !headers.contains_key("sec-fetch-site") {
        return reply(post_only());
    }
    match slot.facts().initiator {
        Initiator::SameOrigin if meant => sign_out(&slot).await,
        Initiator::User if slot.facts().kind() == RequestKind::Navigation => {
            reply(page::confirm_sign_out(&slot))
        }
        _ => forbidden(&slot),
    }
}

/// The end at WorkOS is a page for the browser. Without a session to end, the way leads to where that page would lead.
async fn sign_out(slot: &SessionSlot) -> Reply {
    let after = slot.shared().after_sign_out.clone();
    let at_workos = match slot.try_sign_out(after.as_ref()).await {
        Ok(at_workos) => at_workos,
        Err(failure) => return reply(answer::refused(slot, &failure)),
    };
    let next = at_workos.or(after).map_or_else(|| "/".to_owned(), String::from);
    let response = match slot.facts().kind() {
        // A script that follows a redirect to another origin fails; htmx is told to navigate.
        RequestKind::Htmx => {
            let mut response = Response::new(Bytes::new());
            if let Ok(next) = HeaderValue::try_from(next) {
                response.headers_mut().insert("hx-redirect", next);
            }
            response
        }
        RequestKind::Fetch => {
            let body = serde_json::json!({ "logout_url": next }).to_string();
            let mut response = Response::new(Bytes::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        _ => answer::redirect(303, &next),
    };
    reply(response)
}

fn post_only() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}
