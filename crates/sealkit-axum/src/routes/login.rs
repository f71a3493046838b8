//! `/login` and `/sign-up`: off to the authorize page.

use super::{Reply, may_begin, reply};
use crate::{
    answer, begin as sign_in,
    slot::{SessionSlot, Standing},
};
use axum::extract::RawQuery;
use http::HeaderMap;
use sealkit::{SignInRequest, sign_in::Prompt};
use std::time::Duration;

/// Longest query that is looked at, in bytes.
const MAX_QUERY_BYTES: usize = 8 * 1024;

pub(super) async fn login(slot: SessionSlot, headers: HeaderMap, query: RawQuery) -> Reply {
    begin(&slot, &headers, query, false).await
}

pub(super) async fn sign_up(slot: SessionSlot, headers: HeaderMap, query: RawQuery) -> Reply {
    begin(&slot, &headers, query, true).await
}

/// On a navigation only: a script that follows the redirect could not sign in, and would leave a verifier cookie each time. It
/// gets what any denied request gets, which leads htmx here again by a navigation.
async fn begin(slot: &SessionSlot, headers: &HeaderMap, RawQuery(query): RawQuery, sign_up: bool) -> Reply {
    if !may_begin(slot, headers) {
        return reply(answer::denied(slot, &Standing::Anonymous));
    }
    reply(sign_in::asked_for(slot, &request(slot, query.as_deref().unwrap_or_default(), sign_up)).await)
}

/// The sign-in that the query asks for. What it does not know, and what is malformed, it passes over; the first of a kind counts.
fn request(slot: &SessionSlot, query: &str, sign_up: bool) -> SignInRequest {
    let mut request = SignInRequest::default();
    request.sign_up = sign_up;
    if query.len() > MAX_QUERY_BYTES {
        return request;
    }
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if value.is_empty() {
            continue;
        }
        let slot_of = match &*name {
            "return_to" => {
                request.return_to.get_or_insert_with(|| slot.shared().return_to(&value));
                continue;
            }
            "screen_hint" => {
                request.sign_up |= value == "sign-up";
                continue;
            }
            "prompt" => {
                request.prompt.get_or_insert_with(|| Prompt::from(&*value));
                continue;
            }
            "max_age" => {
                request.max_age.get_or_insert_with(|| max_age(&value));
                continue;
            }
            "organization_id" => &mut request.organization_id,
            "login_hint" => &mut request.login_hint,
            "invitation_token" => &mut request.invitation_token,
            _ => continue,
        };
        slot_of.get_or_insert_with(|| value.into_owned());
    }
    request.without_malformed()
}

/// Whole seconds. What is not a number demands a new sign-in: a link that asks for a recent one must not ask for less by mistake.
fn max_age(seconds: &str) -> Duration {
    let digits = seconds.bytes().all(|byte| byte.is_ascii_digit());
    Duration::from_secs(if digits { seconds.parse().unwrap_or(u32::MAX) } else { 0 }.into())
}
