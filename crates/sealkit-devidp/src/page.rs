//! What people see: small pages without scripts, readable on a phone and in the dark.

use crate::{
    DevIdp, User,
    authorize::AuthorizeRequest,
    errors::{ApiError, with_type},
    webhooks::hex,
};
use aws_lc_rs::digest;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use maud::{DOCTYPE, Markup, html};
use sealkit_core::untrusted::{Untrusted, one_line};
use std::sync::OnceLock;

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");

/// The page on which somebody signs in.
pub(crate) fn authorize(
    idp: &DevIdp,
    wanted: &AuthorizeRequest,
    query: &str,
    problem: Option<&str>,
) -> Response<Bytes> {
    let (users, sign_up_allowed) = idp.with(|state, _| (wanted.candidates(state), state.settings.sign_up));
    let action = form_action(query);
    let provider = wanted.method.strip_suffix("OAuth");
    let title = match (wanted.sign_up, provider, wanted.method.as_str()) {
        (true, None, "Password") => "Create an account".to_owned(),
        (_, Some(provider), _) => format!("Continue with {provider}"),
        (_, None, "SSO") => "Single sign-on".to_owned(),
        _ => "Sign in".to_owned(),
    };
    let organization = wanted
        .organization_id()
        .and_then(|id| idp.organizations().into_iter().find(|organization| organization.id() == id));
    let body = html! {
        h1 { (shown(&title)) }
        @if let Some(organization) = organization {
            p.lead { "to " strong { (shown(organization.name())) } }
        }
        @if let Some(problem) = problem {
            p.problem role="alert" { (shown(problem)) }
        }
        @if wanted.sign_up {
            (sign_up_form(&action, sign_up_allowed))
            p.or { span { "or use an account that exists" } }
        }
        (picker(&action, &users))
        p.or { span { "or with a password" } }
        (password_form(&action, wanted.login_hint()))
        @if !wanted.sign_up && sign_up_allowed {
            details {
                summary { "Create an account" }
                (sign_up_form(&action, true))
            }
        }
        details {
            summary { "Impersonate somebody" }
            (impersonation_form(&action, &users))
        }
        form.deny method="post" action=(action) {
            button.quiet name="deny" value="1" { "Cancel and go back" }
        }
    };
    respond(StatusCode::OK, &title, &body, Some(&wanted.redirect_origin()))
}

/// The page on which somebody with several organizations chooses one.
pub(crate) fn choose_organization(
    wanted: &AuthorizeRequest,
    query: &str,
    user: &User,
    impersonator: Option<&str>,
) -> Response<Bytes> {
    let action = form_action(query);
    let body = html! {
        h1 { "Choose an organization" }
        p.lead { "You are " strong { (shown(user.display_name())) } "." }
        form method="post" action=(action) {
            input type="hidden" name="user" value=(user.id());
            @if let Some(email) = impersonator {
                input type="hidden" name="impersonator" value=(email);
            }
            ul.people {
                @for membership in user.memberships() {
                    li {
                        button name="organization" value=(membership.organization().id()) {
                            span.avatar aria-hidden="true" { (shown(initials(membership.organization().name()))) }
                            span.who {
                                span.name { (shown(membership.organization().name())) }
                                span.detail { (shown(membership.roles().join(", "))) }
                            }
                        }
                    }
                }
            }
            button.quiet name="organization" value="none" { "Go on without one" }
        }
    };
    respond(StatusCode::OK, "Choose an organization", &body, Some(&wanted.redirect_origin()))
}

/// The page on which somebody confirms a device.
pub(crate) fn device(idp: &DevIdp, user_code: &str, problem: Option<&str>) -> Response<Bytes> {
    let users = idp.users();
    let body = html! {
        h1 { "Connect a device" }
        p.lead { "Compare the code with the one on your device." }
        @if let Some(problem) = problem {
            p.problem role="alert" { (shown(problem)) }
        }
        form method="post" action="/device" {
            label for="user_code" { "Code" }
            input.code #user_code name="user_code" value=(plain(user_code)) autocomplete="off" autocapitalize="characters"
                spellcheck="false" required;
            p.or { span { "and sign in as" } }
            (people(&users))
            button.quiet name="deny" value="1" { "This is not my device" }
        }
    };
    respond(StatusCode::OK, "Connect a device", &body, None)
}

/// The front page: what this is, and whom it knows.
pub(crate) fn home(idp: &DevIdp) -> Response<Bytes> {
    let (users, client_id) = (idp.users(), idp.client_id());
    let body = html! {
        h1 { "Ready" }
        p.lead { "Point an AuthKit application at this address and sign in with one of these accounts." }
        dl {
            dt { "Client ID" }
            dd { code { (client_id) } }
            dt { "Key set" }
            dd { a href=(format!("/sso/jwks/{client_id}")) { code { "/sso/jwks/" (client_id) } } }
        }
        ul.people {
            @for user in &users {
                li { div.card-row { (who(user)) } }
            }
        }
    };
    respond(StatusCode::OK, "Ready", &body, None)
}

/// After a sign-out that leads nowhere else.
pub(crate) fn signed_out() -> Response<Bytes> {
    note("Signed out", "The session has ended. You can close this page.")
}

/// A heading and a sentence.
pub(crate) fn note(title: &str, sentence: &str) -> Response<Bytes> {
    respond(StatusCode::OK, title, &html! { h1 { (shown(title)) } p.lead { (shown(sentence)) } }, None)
}

/// A request that cannot be sent back to the application.
pub(crate) fn problem(status: StatusCode, sentence: &str) -> Response<Bytes> {
    let body = html! { h1 { "This does not work" } p.problem role="alert" { (shown(sentence)) } };
    respond(status, "Problem", &body, None)
}

/// An empty answer that sends the browser on.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response<Bytes> {
    let Ok(location) = HeaderValue::from_str(location) else {
        return problem(StatusCode::BAD_REQUEST, "The place to go to cannot be written in a header.");
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Style sheet and icon.
pub(crate) fn asset(name: &str) -> Result<Response<Bytes>, ApiError> {
    let (content_type, text) = match name {
        "icon.svg" => ("image/svg+xml", ICON),
        name if name == style_name() => ("text/css; charset=utf-8", STYLE),
        _ => return Err(ApiError::not_found("Not Found")),
    };
    let mut response = with_type(StatusCode::OK, content_type, text);
    let caching = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, caching);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn picker(action: &str, users: &[User]) -> Markup {
    html! {
        @if users.is_empty() {
            p.lead { "Nobody here is a member of this organization." }
        } @else {
            form method="post" action=(action) { (people(users)) }
        }
    }
}

fn people(users: &[User]) -> Markup {
    html! {
        ul.people {
            @for user in users {
                li { button name="user" value=(user.id()) { (who(user)) } }
            }
        }
    }
}

fn who(user: &User) -> Markup {
    let organizations: Vec<&str> =
        user.memberships().iter().map(|membership| membership.organization().name()).collect();
    html! {
        span.avatar aria-hidden="true" { (shown(initials(&user.display_name()))) }
        span.who {
            span.name { (shown(user.display_name())) }
            span.detail { (shown(user.email())) }
            @if !organizations.is_empty() {
                span.detail { (shown(organizations.join(" · "))) }
            }
        }
    }
}

fn password_form(action: &str, login_hint: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            label for="email" { "E-mail address" }
            input #email type="email" name="email" value=(plain(login_hint)) autocomplete="username" required;
            label for="password" { "Password" }
            input #password type="password" name="password" autocomplete="current-password" required;
            button.primary { "Sign in" }
        }
    }
}

fn sign_up_form(action: &str, allowed: bool) -> Markup {
    html! {
        @if allowed {
            form method="post" action=(action) {
                input type="hidden" name="sign_up" value="1";
                div.pair {
                    div {
                        label for="first_name" { "First name" }
                        input #first_name name="first_name" autocomplete="given-name";
                    }
                    div {
                        label for="last_name" { "Last name" }
                        input #last_name name="last_name" autocomplete="family-name";
                    }
                }
                label for="new_email" { "E-mail address" }
                input #new_email type="email" name="email" autocomplete="username" required;
                label for="new_password" { "Password" }
                input #new_password type="password" name="password" autocomplete="new-password" required;
                button.primary { "Create account" }
            }
        } @else {
            p.lead { "New accounts are not allowed here." }
        }
    }
}

fn impersonation_form(action: &str, users: &[User]) -> Markup {
    html! {
        form method="post" action=(action) {
            label for="target" { "Whom" }
            select #target name="user" {
                @for user in users {
                    option value=(user.id()) { (shown(user.display_name())) " (" (shown(user.email())) ")" }
                }
            }
            label for="impersonator" { "Your e-mail address" }
            input #impersonator type="email" name="impersonator" value="support@example.com" required;
            label for="reason" { "Reason" }
            input #reason name="reason" value="Looking into a ticket";
            button.primary { "Impersonate" }
        }
    }
}

/// Where the forms of the authorize page go: to the same request.
fn form_action(query: &str) -> String {
    let mut action = "/user_management/authorize?".to_owned();
    for byte in query.bytes() {
        if byte.is_ascii_graphic() {
            action.push(byte.into());
        } else {
            action.push_str(&format!("%{byte:02X}"));
        }
    }
    action
}

/// Text from outside, escaped; the markup around it keeps its bounds.
fn shown(text: impl AsRef<str>) -> String {
    Untrusted::new(text).unquoted().to_string()
}

/// The text of an input field, unless it holds what nobody can see.
fn plain(text: &str) -> &str {
    if one_line(text) == text { text } else { "" }
}

fn initials(name: &str) -> String {
    name.split_whitespace()
        .filter_map(|word| word.chars().next())
        .take(2)
        .flat_map(char::to_uppercase)
        .collect()
}

fn respond(status: StatusCode, title: &str, body: &Markup, redirect_origin: Option<&str>) -> Response<Bytes> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (shown(title)) " · development identity provider" }
                link rel="icon" href="/devidp/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href={ "/devidp/" (style_name()) };
            }
            body {
                main {
                    p.badge { "Development identity provider" }
                    (body)
                }
                footer { "Runs on this machine only. Nothing here is a real account." }
            }
        }
    };
    let mut response = with_type(status, "text/html; charset=utf-8", page.into_string());
    let policy = content_security_policy(redirect_origin);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not no-referrer: then the browser would send `Origin: null` with the forms.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Browsers apply `form-action` to every redirect that follows a form: the application has to be named, and where it may
/// send the browser on this machine.
fn content_security_policy(redirect_origin: Option<&str>) -> String {
    let target = match redirect_origin {
        // A policy cannot name an IPv6 host.
        Some(origin) if origin.contains('[') => " http:".to_owned(),
        Some(origin) => format!(" {origin} http://localhost:* http://127.0.0.1:*"),
        None => String::new(),
    };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{target}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

fn style_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let hash = hex(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref());
        format!("style-{}.css", hash.get(..16).unwrap_or_default())
    })
}
