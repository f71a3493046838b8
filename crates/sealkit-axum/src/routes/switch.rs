//! `/switch-organization`: the same user, another organization.

use super::{Reply, forbidden, reply};
use crate::{answer, json::session_json, same_origin::Initiator, slot::SessionSlot};
use axum::{Json, body, extract::Request, response::IntoResponse};
use http::{HeaderMap, StatusCode, header};
use sealkit::{RefreshOptions, RequestKind};
use serde_json::{Value, json};

/// Most bytes of a body that are read.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    organization_id: Option<String>,
    return_to: Option<String>,
}

pub(super) async fn switch_organization(slot: SessionSlot, request: Request) -> Reply {
    if slot.facts().initiator == Initiator::Elsewhere {
        return forbidden(&slot);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = body::to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let wanted = Wanted::read(&parts.headers, &body);
    let Some(organization_id) = wanted.organization_id else {
        let problem = json!({ "error": "bad_request", "message": "organization_id is missing" });
        return (StatusCode::BAD_REQUEST, Json(problem)).into_response();
    };
    switch(&slot, organization_id, wanted.return_to.as_deref()).await
}

/// A person goes on to the page asked for; a script gets the session as it is now.
async fn switch(slot: &SessionSlot, organization_id: String, return_to: Option<&str>) -> Reply {
    let options = RefreshOptions::default().with_organization(organization_id.as_str());
    let session = match slot.refresh(options).await.into_session() {
        Ok(session) => session,
        Err(failure) => return reply(answer::switch_refused(slot, &failure, &organization_id, return_to)),
    };
    match slot.facts().kind() {
        RequestKind::Fetch | RequestKind::Htmx => Json(session_json(&session)).into_response(),
        _ => reply(answer::redirect(303, slot.shared().return_to(return_to.unwrap_or("/")).as_str())),
    }
}

impl Wanted {
    /// JSON if it says so, else a form.
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let content_type =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let mut wanted = Self::default();
        let mut take = |name: &str, value: &str| {
            let place = match name {
                "organization_id" => &mut wanted.organization_id,
                "return_to" => &mut wanted.return_to,
                _ => return,
            };
            if !value.is_empty() {
                place.get_or_insert_with(|| value.to_owned());
            }
        };
        if media_type.eq_ignore_ascii_case("application/json") {
            let members = serde_json::from_slice::<serde_json::Map<String, Value>>(body).unwrap_or_default();
            for (name, value) in &members {
                take(name, value.as_str().unwrap_or_default());
            }
        } else {
            for (name, value) in url::form_urlencoded::parse(body) {
                take(&name, &value);
            }
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(content_type: &'static str, body: &str) -> (Option<String>, Option<String>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let Wanted { organization_id, return_to } = Wanted::read(&headers, body.as_bytes());
        (organization_id, return_to)
    }

    #[test]
    fn a_form_and_json_are_read_alike() {
        let both = (Some("org_1".to_owned()), Some("/a?b".to_owned()));
        assert_eq!(
            read("application/x-www-form-urlencoded", "organization_id=org_1&return_to=%2Fa%3Fb&x=1"),
            both
        );
        assert_eq!(
            read("application/json; charset=utf-8", r#"{"organization_id":"org_1","return_to":"/a?b"}"#),
            both
        );
        for (content_type, body) in [
            ("application/json", "organization_id=org_1"),
            ("application/json", r#"{"organization_id":7}"#),
            ("application/json", "[]"),
            ("text/plain", "organization_id="),
            ("application/json", "\u{1}"),
        ] {
            assert_eq!(read(content_type, body), (None, None), "{body}");
        }
    }
}
