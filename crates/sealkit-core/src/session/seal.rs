//! Writing payloads: a new session from an answer of the API, and the successor of an old one.

use super::{AuthResponse, UnsealedSession, casing::Style, members::Members};
use zeroize::Zeroizing;

/// The payload of a new session, in the order in which `@workos-inc/node` 11 writes it.
///
/// `organizationId, user, accessToken, refreshToken, authenticationMethod, impersonator`; members that the answer does not
/// carry are left out, and `oauth_tokens` and members unknown to the table are never stored (as node does).
#[must_use]
pub fn payload_of(response: &AuthResponse, style: Style) -> Zeroizing<String> {
    let (names, from) = (style.session(), response.members());
    let mut payload = Members::default();
    for member in
        ["organization_id", "user", "access_token", "refresh_token", "authentication_method", "impersonator"]
    {
        let Some(value) = from.present(member) else { continue };
        let value = if member == "user" { user_of(value, style) } else { value.to_owned() };
        payload.set(names.of(member), value);
    }
    payload.to_json()
}

/// The payload of the session that follows `old` after a refresh, in the style of `old`.
///
/// Members unknown to the table stay where they are, at the top and in `user`. The user, the impersonator and the
/// organization are those of the answer; an answer without a user keeps the old one. An answer about *another* user keeps
/// the old one, too, so that every later opening says `subject_mismatch`: `anchor` is the id of the user whose session it is,
/// and stands in for a user that was never stored.
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
    for member in ["organization_id", "impersonator"] {
        match from.present(member) {
            Some(value) => payload.set(names.of(member), value),
            None => payload.remove(names.of(member)),
        }
    }
    if let Some(tokens) =
        from.present("oauth_tokens").filter(|_| payload.get(names.of("oauth_tokens")).is_some())
    {
        payload.set(
            names.of("oauth_tokens"),
            recased(tokens, Style::Snake.oauth_tokens(), style.oauth_tokens()),
        );
    }
    let user = names.of("user");
    let anchor = old.user().and_then(|user| user.id()).or(anchor);
    let about_somebody_else = anchor.is_some_and(|id| response.user_id().as_deref() != Some(id));
    match from.present("user") {
        Some(new) if !about_somebody_else => {
            let merged = merged_user(payload.present(user), new, style);
            payload.set(user, merged);
        }
        _ if old.user().is_none() => {
            if let Some(id) = anchor {
                let mut anchored = Members::default();
                anchored.set_text("id", id);
                payload.set(user, anchored.to_json().as_str());
            }
        }
        _ => {}
    }
    payload.to_json()
}

/// The API's user in `style`: known members in the table's order, then the others in theirs.
fn user_of(api: &str, style: Style) -> String {
    merged_user(None, api, style)
}

/// The API's user, with the members of the old one that the table does not know kept in their places.
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
        match new.get(member).or(absent) {
            Some(value) => user.set(names.of(member), value),
            None => user.remove(names.of(member)),
        }
    }
    for (member, value) in new.iter() {
        if Style::Snake.user().api_name(member).is_none() {
            user.set(member, value);
        }
    }
    user.to_json().to_string()
}

fn recased(json: &str, from: super::casing::Names, to: super::casing::Names) -> String {
    let Ok(members) = Members::parse(json) else { return json.to_owned() };
    let mut out = Members::default();
    for (name, value) in members.iter() {
        out.set(from.api_name(name).map_or(name, |api| to.of(api)), value);
    }
    out.to_json().to_string()
}
