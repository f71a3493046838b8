//! Writing payloads: a new session from an answer of the API, and the successor of an old one.

use super::{
    AuthResponse, UnsealedSession,
    convert::{Converted, NOBODY, payload_in, recased},
    members::Members,
};
use crate::{casing::Style, format::Format, token};
use zeroize::Zeroizing;

/// The payload of a new session, in the order in which `@workos-inc/node` 11 writes it.
///
/// `organizationId, user, accessToken, refreshToken, authenticationMethod, impersonator`; members that the answer does not
/// carry are left out, and `oauth_tokens` and members unknown to the table are never stored (as node does). The organization
/// is the token's `org_id`, else the answer's. A user or an impersonator that is no object counts as none.
#[must_use]
pub fn payload_of(response: &AuthResponse, style: Style) -> Zeroizing<String> {
    let (names, from) = (style.session(), response.members());
    let mut payload = Members::default();
    if let Some(id) = organization_of(response) {
        payload.set_text(names.of("organization_id"), &id);
    }
    if let Some(user) = object(from, "user") {
        payload.set(names.of("user"), merged_user(None, user, style));
    }
    for member in ["access_token", "refresh_token", "authentication_method"] {
        if let Some(value) = from.present(member) {
            payload.set(names.of(member), value);
        }
    }
    if let Some(impersonator) = object(from, "impersonator").or((style == Style::Ruby6).then_some(NOBODY)) {
        payload.set(names.of("impersonator"), impersonator);
    }
    payload.to_json()
}

/// The payload of the session that follows `old` after a refresh, as `format` names its members.
///
/// What stood in an unsealed cookie beside the token is only what the visitor said. It is carried on as long as the cookie stays
/// unsealed, and never into a sealed one: that session begins anew with what the API answered.
#[must_use]
pub fn payload_following(
    old: &UnsealedSession,
    response: &AuthResponse,
    anchor: Option<&str>,
    format: Format,
) -> Converted {
    let lossless = |payload| Converted { payload, losses: Vec::new() };
    if format.is_authenticated() && !old.is_authentic() {
        return lossless(anchored(payload_of(response, format.style()), response, anchor, format.style()));
    }
    let payload = payload_after(old, response, anchor);
    match UnsealedSession::parse(payload.as_bytes().to_vec(), old.style()) {
        // The names stay, and what its SDKs do not keep was told when it came to be written so.
        Ok(next) if format.style() == old.style() => lossless(payload_in(&next, format).payload),
        Ok(next) => payload_in(&next, format),
        Err(_) => lossless(payload),
    }
}

/// A payload whose user is `anchor` when the answer is about somebody else, so that every later opening says so.
fn anchored(
    payload: Zeroizing<String>,
    response: &AuthResponse,
    anchor: Option<&str>,
    style: Style,
) -> Zeroizing<String> {
    let Some(id) = anchor.filter(|id| is_about_somebody_else(response, id)) else { return payload };
    let mut members = Members::parse(&payload).unwrap_or_default();
    members.set(style.session().of("user"), user_of(id));
    members.set_text(ANCHOR, id);
    members.to_json()
}

/// The payload of the session that follows `old` after a refresh, in the style of `old`.
///
/// Members unknown to the table stay where they are, at the top and in `user`. The user, the impersonator and the
/// organization are those of the answer, as in [`payload_of`]; an answer without a user keeps the old one.
///
/// `anchor` is the subject of the old access token: the user whose session it is. An answer about *another* user is stored
/// with the anchor as its user, so that every later opening says `subject_mismatch`. Without an anchor the user is the one
/// that the answer names. A stored user of another id anchors nothing and is replaced.
#[must_use]
pub fn payload_after(
    old: &UnsealedSession,
    response: &AuthResponse,
    anchor: Option<&str>,
) -> Zeroizing<String> {
    let (style, from) = (old.style(), response.members());
    let names = style.session();
    let mut payload = Members::parse(old.expose_text()).unwrap_or_default();
    for member in ["access_token", "refresh_token", "authentication_method"] {
        if let Some(value) = from.present(member) {
            payload.set(names.of(member), value);
        }
    }
    match organization_of(response) {
        Some(id) => payload.set_text(names.of("organization_id"), &id),
        None => payload.remove(names.of("organization_id")),
    }
    match object(from, "impersonator").or((style == Style::Ruby6).then_some(NOBODY)) {
        Some(value) => payload.set(names.of("impersonator"), value),
        None => payload.remove(names.of("impersonator")),
    }
    if let Some(tokens) =
        from.present("oauth_tokens").filter(|_| payload.get(names.of("oauth_tokens")).is_some())
    {
        payload.set(
            names.of("oauth_tokens"),
            recased(tokens, Style::Snake.oauth_tokens(), style.oauth_tokens()),
        );
    }
    if let Some(user) = user_after(old, response, anchor, payload.present(names.of("user"))) {
        payload.set(names.of("user"), user);
    }
    match anchor.filter(|id| is_about_somebody_else(response, id)) {
        Some(id) => payload.set_text(ANCHOR, id),
        None => payload.remove(ANCHOR),
    }
    payload.to_json()
}

/// What to write as the user, or nothing when what `stored` holds stays.
fn user_after(
    old: &UnsealedSession,
    response: &AuthResponse,
    anchor: Option<&str>,
    stored: Option<&str>,
) -> Option<String> {
    let known = old.user().and_then(|user| user.id());
    let new_id = response.user_id();
    let new = object(response.members(), "user");
    // The members of another user are not carried on.
    let merged =
        |new| merged_user(stored.filter(|_| known.is_none() || known == new_id.as_deref()), new, old.style());
    match (new, anchor) {
        (Some(new), None) => Some(merged(new)),
        (None, None) => {
            let subject = token::peek_subject(response.access_token().expose_secret());
            subject.filter(|subject| known.is_some_and(|id| id != subject)).map(|id| user_of(&id))
        }
        (Some(new), Some(id)) if new_id.as_deref() == Some(id) => Some(merged(new)),
        (_, Some(id)) => {
            let stays = match known {
                Some(known) => known == id,
                None => !names_somebody_else(response, id),
            };
            (!stays).then(|| user_of(id))
        }
    }
}

/// A user of whom nothing but the id is known.
fn user_of(id: &str) -> String {
    let mut user = Members::default();
    user.set_text("id", id);
    user.to_json().to_string()
}

/// Beside the tokens of another user: whose session it was, which the token does not say any more. sealkit's own; the next refresh
/// must be about that user.
pub(super) const ANCHOR: &str = "sealkit_anchor";

/// The answer names another user, in its token or beside it.
fn is_about_somebody_else(response: &AuthResponse, id: &str) -> bool {
    names_somebody_else(response, id) || response.user_id().is_some_and(|user| user != id)
}

/// The new token names a subject, and it is not this one.
fn names_somebody_else(response: &AuthResponse, id: &str) -> bool {
    token::peek_subject(response.access_token().expose_secret()).is_some_and(|subject| subject != id)
}

/// The organization of the new tokens: the token's `org_id` (as node stores it), else what stands beside the token.
fn organization_of(response: &AuthResponse) -> Option<String> {
    token::peek_organization_id(response.access_token().expose_secret())
        .or_else(|| response.organization_id())
}

/// The JSON text of a member that is an object; anything else would make the payload one that no reader takes.
fn object<'m>(members: &'m Members, name: &str) -> Option<&'m str> {
    members.present(name).filter(|value| value.starts_with('{'))
}

/// The API's user in `style`: known members in the table's order, then the others in theirs, with the members of the old one
/// that the table does not know kept in their places. A member that the old one spells as the API does (Kotlin's users in a
/// camelCase payload) keeps its spelling, so that no value stands there twice.
fn merged_user(old: Option<&str>, api: &str, style: Style) -> String {
    let Ok(new) = Members::parse(api) else { return api.to_owned() };
    let names = style.user();
    let mut user = old.and_then(|old| Members::parse(old).ok()).unwrap_or_default();
    for member in names.api_names() {
        let absent = match member {
            "name" | "external_id" if style == Style::Camel => Some("null"),
            "metadata" if style == Style::Camel => Some("{}"),
            _ => None,
        };
        let name = if user.get(member).is_some() { member } else { names.of(member) };
        match new.get(member).or(absent) {
            Some(value) => user.set(name, value),
            None => user.remove(name),
        }
    }
    for (member, value) in new.iter() {
        if Style::Snake.user().api_name(member).is_none() {
            user.set(member, value);
        }
    }
    user.to_json().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    fn token(claims: &Value) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode_to_string(claims.to_string()))
    }

    fn answer(more: Value) -> AuthResponse {
        let mut body = json!({ "access_token": "a", "refresh_token": "r" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        AuthResponse::from_json(body.to_string().as_bytes()).unwrap()
    }

    fn old(payload: &Value) -> UnsealedSession {
        UnsealedSession::parse(payload.to_string().into_bytes(), Style::Camel).unwrap()
    }

    fn parsed(payload: &str) -> Value {
        UnsealedSession::parse(payload.as_bytes().to_vec(), Style::Camel).unwrap();
        serde_json::from_str(payload).unwrap()
    }

    #[test]
    fn a_user_or_impersonator_that_is_no_object_counts_as_none() {
        let before =
            json!({ "accessToken": "o", "user": { "id": "user_1" }, "impersonator": { "email": "e" } });
        for odd in [json!("text"), json!(7), json!([1]), json!(true), Value::Null] {
            let answer = answer(json!({ "user": odd, "impersonator": odd }));
            let new = parsed(&payload_of(&answer, Style::Camel));
            assert_eq!(new, json!({ "accessToken": "a", "refreshToken": "r" }), "{odd}");
            let later = parsed(&payload_after(&old(&before), &answer, None));
            let expected = json!({ "accessToken": "a", "refreshToken": "r", "user": { "id": "user_1" } });
            assert_eq!(later, expected, "{odd}");
        }
    }

    #[test]
    fn a_user_in_the_apis_spelling_keeps_it_and_no_value_stands_there_twice() {
        let old = old(&json!({ "accessToken": "a", "user": { "id": "u", "email_verified": false, "x": 1 } }));
        let answer = answer(json!({ "user": { "id": "u", "email_verified": true, "first_name": "Ada" } }));
        let user = &parsed(&payload_after(&old, &answer, None))["user"];
        assert_eq!(
            (&user["email_verified"], &user["x"], &user["firstName"]),
            (&json!(true), &json!(1), &json!("Ada"))
        );
        assert!(user.get("emailVerified").is_none(), "{user}");
    }

    #[test]
    fn the_organization_is_the_tokens_and_else_the_answers() {
        let of = |org_id: Option<&str>, beside: Option<&str>| {
            let answer = answer(
                json!({ "access_token": token(&json!({ "org_id": org_id })), "organization_id": beside }),
            );
            let new = parsed(&payload_of(&answer, Style::Camel));
            let before = json!({ "accessToken": "o", "organizationId": "org_old" });
            let later = parsed(&payload_after(&old(&before), &answer, None));
            assert_eq!(new["organizationId"], later["organizationId"]);
            later["organizationId"].as_str().map(str::to_owned)
        };
        assert_eq!(of(Some("org_1"), Some("org_2")).as_deref(), Some("org_1"));
        assert_eq!(of(Some("org_1"), None).as_deref(), Some("org_1"));
        assert_eq!(of(None, Some("org_2")).as_deref(), Some("org_2"));
        assert_eq!(of(None, None), None);
    }

    #[test]
    fn a_user_is_invented_only_to_refuse_another() {
        let before = old(&json!({ "accessToken": "o" }));
        let after = |subject: Value| {
            let answer = answer(json!({ "access_token": token(&json!({ "sub": subject })) }));
            parsed(&payload_after(&before, &answer, Some("user_1")))
        };
        assert_eq!(after(json!("user_2"))["user"], json!({ "id": "user_1" }));
        for subject in [json!("user_1"), Value::Null] {
            assert!(after(subject).get("user").is_none());
        }
    }
}
