//! Sign-out, sessions, users and events: the endpoints besides sign-in.

use crate::{
    DevIdp, authorize,
    errors::{ApiError, json_response},
    grants::Body,
    page,
    router::{Private, Query},
    settings::{EndedLogout, EndedRevoke},
    state::State,
    users::User,
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use jiff::Timestamp;
use sealkit_core::UnixMillis;
use serde_json::{Value, json};

/// How many entries a list holds if the caller says nothing, and at most.
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

/// What is said of a session that has ended.
const NOT_ACTIVE: &str = "Session is not active.";

/// `GET /user_management/sessions/logout`: ends the session and sends the browser on.
pub(crate) fn logout(
    idp: &DevIdp,
    request: &Request<Bytes>,
    query: &Query,
) -> Result<Response<Bytes>, ApiError> {
    let session_id = query.get("session_id").ok_or_else(|| ApiError::missing("session_id"))?;
    let return_to = query.get("return_to").map(str::to_owned);
    let target = idp.with(|state, now| {
        let target = match return_to {
            Some(uri) if state.settings.allows_redirect(&uri) => Some(uri),
            Some(_) => {
                let message = "return_to is neither loopback nor an allowed sign-out redirect";
                return Err(ApiError::invalid("return_to", "invalid", message));
            }
            None => state.settings.sign_out_redirect.clone(),
        };
        let ended = state.end_session(session_id, now);
        if !ended && state.settings.ended_logout == EndedLogout::Rejects {
            return Err(ApiError::message(StatusCode::BAD_REQUEST, NOT_ACTIVE));
        }
        Ok(target)
    })?;
    let mut response = match target {
        Some(uri) => page::redirect(StatusCode::FOUND, &uri),
        None => page::signed_out(),
    };
    authorize::forget_browser(idp, request, &mut response);
    Ok(response)
}

/// The endpoints behind the API key, which has been checked.
pub(crate) fn private(
    idp: &DevIdp,
    route: &Private<'_>,
    query: &Query,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Bytes>, ApiError> {
    let mut status = StatusCode::OK;
    let answer = idp.with(|state, now| match route {
        Private::RevokeSession => {
            let body = Body::read(headers, body)?;
            revoke(state, body.require("session_id")?, now)
        }
        Private::ListSessions(user_id) => list_sessions(state, user_id, query, now),
        Private::GetUser(id) => known_user(state, id).map(User::to_json),
        Private::MagicAuth => {
            status = StatusCode::CREATED;
            let body = Body::read(headers, body)?;
            state.require_ip_address(&body)?;
            state.send_magic_auth(body.require("email")?, now)
        }
        Private::EmailVerification(id) => {
            let user = known_user(state, id)?.to_json();
            state.send_email_verification(id, now);
            Ok(json!({ "user": user }))
        }
        Private::EnrollFactor(id) => {
            status = StatusCode::CREATED;
            state.enroll_factor(id, now)
        }
        Private::ChallengeFactor(id) => {
            status = StatusCode::CREATED;
            state.challenge_factor(id, now)
        }
        Private::Events => list_events(state, query),
        Private::Nothing => Err(ApiError::not_found("Not Found")),
    })?;
    Ok(json_response(status, &answer))
}

fn revoke(state: &mut State, session_id: &str, now: UnixMillis) -> Result<Value, ApiError> {
    if state.sessions.get(session_id).is_none() {
        return Err(ApiError::not_found(format!("Session not found: '{session_id}'.")));
    }
    if !state.end_session(session_id, now) {
        let status = match state.settings.ended_revoke {
            EndedRevoke::BadRequest => StatusCode::BAD_REQUEST,
            EndedRevoke::NotFound => StatusCode::NOT_FOUND,
        };
        return Err(ApiError::message(status, NOT_ACTIVE));
    }
    Ok(state
        .sessions
        .get(session_id)
        .map(|session| session.to_json(&state.settings, now))
        .unwrap_or_default())
}

fn list_sessions(state: &State, user_id: &str, query: &Query, now: UnixMillis) -> Result<Value, ApiError> {
    let id = &known_user(state, user_id)?.id;
    let active = state
        .sessions
        .values()
        .filter(|session| session.user_id == *id && session.is_active(&state.settings, now))
        .map(|session| session.to_json(&state.settings, now));
    paged(active.rev().collect(), query, "desc")
}

fn list_events(state: &State, query: &Query) -> Result<Value, ApiError> {
    let wanted: Vec<&str> = query.all("events").flat_map(|names| names.split(',')).collect();
    let member = |event: &Value, name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    let named = |event: &&Value| {
        wanted.is_empty() || member(event, "event").is_some_and(|name| wanted.contains(&name.as_str()))
    };
    let (start, end) = (time(query, "range_start")?, time(query, "range_end")?);
    if start.is_some() && query.get("after").is_some() {
        return Err(ApiError::invalid("range_start", "invalid", "range_start and after exclude each other"));
    }
    let within = |event: &&Value| {
        let at = member(event, "created_at").and_then(|at| at.parse::<Timestamp>().ok());
        at.is_none_or(|at| start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end))
    };
    paged(state.events.values().filter(named).filter(within).cloned().collect(), query, "asc")
}

/// A time of the query, in RFC 3339.
fn time(query: &Query, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let parsed = query.get(name).map(str::parse).transpose();
    parsed.map_err(|_| ApiError::invalid(name, "invalid", &format!("{name} must be an ISO 8601 date")))
}

/// One page of a list that stands in `natural` order, with its cursors.
fn paged(mut all: Vec<Value>, query: &Query, natural: &str) -> Result<Value, ApiError> {
    let limit = match query.get("limit").map(str::parse::<usize>) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
        Some(_) => return Err(ApiError::invalid("limit", "invalid", "limit must be between 1 and 100")),
    };
    match query.get("order") {
        Some(order) if order == natural => {}
        Some("asc" | "desc") => all.reverse(),
        Some(_) => return Err(ApiError::invalid("order", "invalid", "order must be asc or desc")),
        None => {}
    }
    let position =
        |name: &str| query.get(name).and_then(|id| all.iter().position(|entry| id_of(entry) == Some(id)));
    let (after, before) = (position("after"), position("before"));
    let start = match (after, before) {
        (Some(after), _) => after.saturating_add(1),
        (None, Some(before)) => before.saturating_sub(limit),
        (None, None) => 0,
    };
    let end = before.unwrap_or(all.len()).min(start.saturating_add(limit));
    let page: Vec<Value> = all.get(start..end).unwrap_or_default().to_vec();
    let previous = if start > 0 { page.first().and_then(id_of) } else { None };
    let next = if end < all.len() { page.last().and_then(id_of) } else { None };
    Ok(json!({
        "object": "list",
        "list_metadata": { "before": previous, "after": next },
        "data": page,
    }))
}

fn id_of(entry: &Value) -> Option<&str> {
    entry.get("id").and_then(Value::as_str)
}

fn known_user<'a>(state: &'a State, id: &str) -> Result<&'a User, ApiError> {
    state
        .users
        .iter()
        .find(|user| user.id == id)
        .ok_or_else(|| ApiError::not_found(format!("User not found: '{id}'.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(page: &Value) -> String {
        page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
    }

    #[test]
    fn pages_follow_their_cursors_in_both_directions() {
        let all: Vec<Value> = ["a", "b", "c", "d", "e"].map(|id| json!({ "id": id })).to_vec();
        let page = |query: &str| paged(all.clone(), &Query::parse(query.as_bytes()), "asc").unwrap();
        let first = page("limit=2");
        assert_eq!((ids(&first).as_str(), &first["list_metadata"]["after"]), ("ab", &json!("b")));
        assert_eq!(first["list_metadata"]["before"], Value::Null);
        let second = page("limit=2&after=b");
        assert_eq!((ids(&second).as_str(), &second["list_metadata"]["before"]), ("cd", &json!("c")));
        assert_eq!(ids(&page("limit=2&after=d")), "e");
        assert_eq!(ids(&page("limit=2&before=d")), "bc");
        assert_eq!(ids(&page("limit=2&order=desc")), "ed");
        assert!(paged(all.clone(), &Query::parse(b"limit=101"), "asc").is_err());
    }
}
