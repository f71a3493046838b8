//! Signed out: what this is. Signed in: who you are, how long the token lives, and everything that can happen to it.

use super::{Place, layout, respond, shown, unavailable};
use crate::{
    dev::{app::Demo, flash::Flash},
    output,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};
use sealkit::{Clock as _, UnixMillis, Untrusted, session::Freshness};
use sealkit_axum::{Session, SessionRejection, session_json};
use serde_json::{Value, json};

/// What a browser should wait when nobody says.
const RETRY_AFTER: u64 = 1;

type Found = Result<Option<Session>, SessionRejection>;

pub(in crate::dev) async fn page(State(demo): State<Demo>, headers: HeaderMap, session: Found) -> Response {
    let flash = Flash::of(&headers);
    let mut response = match session {
        Ok(Some(session)) => {
            let body = signed_in(&demo, &session);
            respond(StatusCode::OK, layout(&demo, Place::Home, "Session", flash, &body))
        }
        Ok(None) => respond(StatusCode::OK, layout(&demo, Place::Home, "Welcome", flash, &signed_out(&demo))),
        Err(rejection) => match rejection.failure() {
            Some(failure) if failure.is_retryable() => {
                let wait = failure.retry_after().map_or(RETRY_AFTER, |wait| wait.as_secs().max(1));
                return unavailable(&demo, failure.reason().as_str(), wait);
            }
            _ => return rejection.into_response(),
        },
    };
    if flash.is_some() {
        Flash::forget(&mut response);
    }
    response
}

/// The session for a script: never a redirect.
pub(in crate::dev) async fn me(State(demo): State<Demo>, session: Found, uri: Uri) -> Response {
    match session {
        Ok(Some(session)) => Json(session_json(&session)).into_response(),
        Ok(None) => {
            let denied = json!({"error": "unauthenticated", "login_url": format!("{}/login", demo.url())});
            (StatusCode::UNAUTHORIZED, Json(denied)).into_response()
        }
        Err(rejection) => {
            tracing::warn!(path = %Untrusted::new(uri.path()), "nobody can tell who this is");
            rejection.into_response()
        }
    }
}

fn signed_out(demo: &Demo) -> Markup {
    html! {
        section.hero {
            h1 { "A session that never gets lost" }
            p.lead {
                "This application keeps its AuthKit session with sealkit: one sealed cookie, verified on every request, "
                "refreshed before anybody notices. Sign in, then try to break it."
            }
            p { a #sign-in.button.large href="/login" { "Sign in" } }
            p.soft { "or " a href="/sign-up" { "create an account" } ". Nothing leaves this machine." }
        }
        section.card {
            h2 { "Who can sign in" }
            ul.people {
                @for user in demo.idp().users() {
                    li {
                        strong { (output::shown(user.email())) }
                        @if let Some(password) = user.password() { " " code { (password.expose_secret()) } }
                        p.soft {
                            @for (i, membership) in user.memberships().iter().enumerate() {
                                @if i > 0 { ", " }
                                (output::shown(membership.organization().name()))
                            }
                            @if user.memberships().is_empty() { "no organization" }
                        }
                    }
                }
            }
        }
    }
}

fn signed_in(demo: &Demo, session: &Session) -> Markup {
    let now = demo.sealkit().clock().now();
    html! {
        @if let Some(by) = session.impersonator() {
            section #impersonation.banner {
                p { strong { (output::shown(by.email)) } " is signed in as this user"
                    @if let Some(reason) = by.reason { ": " (output::shown(reason)) } "." }
                form method="post" action="/demo/stop-impersonating" { button #stop-impersonating { "Stop" } }
            }
        }
        div.columns {
            (who(demo, session))
            (life(session, now))
        }
        (buttons(demo, session))
        (claims(session))
    }
}

fn who(demo: &Demo, session: &Session) -> Markup {
    let user = session.user();
    let name = user.and_then(|user| user.display_name()).unwrap_or_else(|| session.user_id().into());
    let organization = session.organization_id().map(|id| demo.organization_name(id));
    html! {
        section #who.card.who {
            div.avatar aria-hidden="true" { (output::shown(&initials(&name))) }
            div {
                h1 #user-name { (output::shown(&name)) }
                @if let Some(email) = user.and_then(|user| user.email()) { p #user-email.soft { (output::shown(email)) } }
            }
            dl {
                dt { "Organization" }
                dd #organization { (output::shown(organization.as_deref().unwrap_or("none"))) }
                dt { "Role" }
                dd #role { (output::shown(session.claims().role().unwrap_or("none"))) }
                dt { "Signed in by" }
                dd { (output::shown(session.authentication_method().unwrap_or("unknown"))) }
            }
            form method="post" action="/logout" { button #sign-out.quiet { "Sign out" } }
        }
    }
}

/// The script counts down from the server's clock; without it the numbers stand as they were.
fn life(session: &Session, now: UnixMillis) -> Markup {
    let end = session.expires_at();
    let begin = session.claims().issued_at().unwrap_or(now);
    let (whole, left) = (end.saturating_since(begin).as_secs().max(1), end.saturating_since(now).as_secs());
    let refreshed = session.freshness() == Freshness::Refreshed;
    html! {
        section #life.card data-now=(now.as_millis()) data-end=(end.as_millis()) {
            h2 { "Access token" }
            p.left { span #life-left { (output::relative(end, now)) } }
            progress #life-bar max=(whole) value=(left) aria-label="Life left of the access token" { (left) " s" }
            p.soft { "Expires " time { (output::rfc3339(end)) } "." }
            @if refreshed {
                p #freshness.good { "This request found it due or expired, and refreshed it on the way." }
            } @else {
                p #freshness.soft { "Verified from the cookie as it came; nobody was asked." }
            }
        }
    }
}

fn buttons(demo: &Demo, session: &Session) -> Markup {
    let action = |id: &str, path: &str, label: &str, what: &str| {
        html! {
            li {
                form method="post" action=(path) { button id=(id) { (label) } }
                p.soft { (what) }
            }
        }
    };
    html! {
        section #actions.card {
            h2 { "Try to break it" }
            ul.actions {
                (action("refresh", "/demo/refresh", "Refresh now", "Spends the refresh token and seals the new pair."))
                (action("expire", "/demo/expire", "Let the token expire", "Moves the clock past its end. Watch the next page."))
                (action("rotate-keys", "/demo/rotate-keys", "Rotate the signing keys", "The provider signs with a new key from now on."))
                (action("fail-refresh", "/demo/fail-refresh", "Fail the next refresh", "The provider answers 429 once."))
                @if session.impersonator().is_none() {
                    (action("impersonate", "/demo/impersonate", "Be impersonated", "The support team signs in as you."))
                }
                (switch(demo, session))
            }
        }
    }
}

fn switch(demo: &Demo, session: &Session) -> Markup {
    let user = demo.user(session.user_id());
    let memberships = user.as_ref().map(|user| user.memberships()).unwrap_or_default();
    let others = || {
        memberships
            .iter()
            .map(|one| one.organization())
            .filter(|one| Some(one.id()) != session.organization_id())
    };
    html! {
        @if others().next().is_some() {
            li {
                form method="post" action="/demo/switch" {
                    label.hidden for="organization-id" { "Organization" }
                    select #organization-id name="organization_id" {
                        @for organization in others() { option value=(organization.id()) { (output::shown(organization.name())) } }
                    }
                    button #switch { "Switch organization" }
                }
                p.soft { "Same session, other roles and permissions." }
            }
        }
    }
}

fn claims(session: &Session) -> Markup {
    let claims: serde_json::Map<String, Value> =
        serde_json::from_str(session.claims().as_json()).unwrap_or_default();
    html! {
        section.card {
            h2 { "Claims" }
            p.soft { "From the access token, proven by its signature." }
            div.scroll {
                table #claims {
                    tbody {
                        @for (name, value) in &claims {
                            tr { th scope="row" { code { (output::shown(name)) } } td { (shown(name, value)) } }
                        }
                    }
                }
            }
        }
    }
}

/// First letters of first and last name.
fn initials(name: &str) -> String {
    let mut letters = name.split_whitespace().filter_map(|word| word.chars().next());
    let first = letters.next();
    first.into_iter().chain(letters.next_back()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_first_and_last() {
        for (name, letters) in
            [("Ada Lovelace", "AL"), ("a b c", "AC"), ("élan", "É"), ("", ""), ("  x  ", "X")]
        {
            assert_eq!(initials(name), letters, "{name:?}");
        }
    }
}
