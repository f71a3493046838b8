//! The pages that a person sees: a sign-in did not succeed, a request is denied, a sign-out is to be confirmed.

use crate::slot::SessionSlot;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use sealkit::{
    Denial, DenialBody, Failure, OrganizationChoices, PublicCode, RequestKind, laps::Loop,
    untrusted::one_line,
};
use serde_json::json;

const CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// Nothing is loaded, framed or submitted.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The same for a page whose one form signs out. Where that leads is not limited: browsers hold `form-action` against redirects,
/// too, and nobody here knows where WorkOS sends the browser in the end. The page holds no text that could bring a form of its own.
const ONE_FORM: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");

/// The answer to a sign-in that failed: a page for a person, JSON for a program. It contains the public code, in development mode
/// the detailed reason, and nothing that the request brought.
pub(crate) fn sign_in_failed(slot: &SessionSlot, failure: &Failure) -> Response<Bytes> {
    let denial = Denial::of_sign_in(failure.reason()).with_retry_after(failure.retry_after());
    let status = status(denial.code(), failure);
    let mut response = if is_for_program(slot) {
        respond(slot, status, JSON, json_body(slot, denial.code(), failure))
    } else {
        respond(slot, status, HTML, html_body(slot, denial.code(), failure))
    };
    if let Some(seconds) = slot.facts().profile.answer(denial).retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(failure.clone());
    response
}

/// The answer to a sign-in that is older than it was begun to demand: a page with one link that begins another, never a
/// redirect, which would loop with a provider that ignores `max_age`. The session that the browser may have is untouched.
pub(crate) fn sign_in_too_old(slot: &SessionSlot, failure: &Failure, again: String) -> Response<Bytes> {
    let code = PublicCode::StepUpRequired;
    let development = slot.shared().sealkit.config().is_development();
    let mut response = if is_for_program(slot) {
        let mut body = DenialBody::new(code).with_login_url(slot.shared().absolute(again));
        if development {
            body = body.with_reason(failure.reason());
        }
        respond(slot, StatusCode::FORBIDDEN, JSON, serde_json::to_string(&body).unwrap_or_default())
    } else {
        let reason = failure.reason();
        let detail = failure.hint().map_or(reason.to_string(), |hint| format!("{reason}; {hint}"));
        let body = format!(
            "<p>This needs a more recent sign-in than yours (<code>{code}</code>).</p>\n{}<p><a href=\"{}\">Sign in again</a></p>\n",
            for_the_developer(Some(detail.as_str()).filter(|_| development)),
            escape(&again),
        );
        respond(slot, StatusCode::FORBIDDEN, HTML, document("Please sign in again", &body))
    };
    response.extensions_mut().insert(failure.clone());
    response
}

/// Asks for the organization that the user wants to be in. Ids and names come from the API, and go back in a form whose pending
/// token stays in its cookie.
pub(crate) fn choose_organization(
    slot: &SessionSlot,
    failure: &Failure,
    choice: &OrganizationChoices,
) -> Response<Bytes> {
    let buttons: String = choice
        .organizations
        .iter()
        .map(|organization| {
            format!(
                "<p><button name=\"organization_id\" value=\"{}\">{} <small>{}</small></button></p>\n",
                escape(&organization.id),
                escape(&one_line(&organization.name)),
                escape(&one_line(&organization.id)),
            )
        })
        .collect();
    let body = format!(
        "<p>You belong to several organizations (<code>{}</code>).</p>\n<form method=\"post\" action=\"{}\">\n\
         <input type=\"hidden\" name=\"sign_in\" value=\"{}\">\n{buttons}</form>\n<p><a href=\"{}\">Sign in as somebody else</a></p>\n",
        PublicCode::StepUpRequired,
        escape(slot.shared().paths.callback_path()),
        escape(&choice.sign_in),
        escape(&slot.shared().paths.login),
    );
    let status = PublicCode::StepUpRequired.status();
    let mut response = page(slot, status, ONE_FORM, document("Choose an organization", &body));
    response.extensions_mut().insert(failure.clone());
    response
}

/// Whether a script reads the answer, and not a person.
pub(crate) fn is_for_program(slot: &SessionSlot) -> bool {
    matches!(slot.facts().kind(), RequestKind::Fetch | RequestKind::Htmx | RequestKind::EventStream)
}

fn respond(
    slot: &SessionSlot,
    status: StatusCode,
    content_type: &'static str,
    body: String,
) -> Response<Bytes> {
    let mut response = Response::new(if slot.facts().is_head() { Bytes::new() } else { Bytes::from(body) });
    *response.status_mut() = status;
    headers(response.headers_mut(), content_type);
    response
}

/// What our settings or the service are to blame for, is a server error; what the person or the browser did not bring, a
/// client's.
fn status(code: PublicCode, failure: &Failure) -> StatusCode {
    use sealkit::Class;
    match (code, failure.reason().class()) {
        (PublicCode::Misconfigured, _) => StatusCode::INTERNAL_SERVER_ERROR,
        (PublicCode::TemporarilyUnavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
        (_, Class::StepUp | Class::SignInRefused) => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn headers(headers: &mut HeaderMap, content_type: &'static str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, NOTHING);
    // The address of this page may hold a code.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn json_body(slot: &SessionSlot, code: PublicCode, failure: &Failure) -> String {
    let mut body = json!({
        "error": code,
        "message": sign_in_outcome(code),
        "login_url": slot.shared().login_url(None, false),
    });
    if let (true, Some(members)) = (is_development(slot), body.as_object_mut()) {
        members.insert("reason".to_owned(), failure.reason().as_str().into());
        if let Some(hint) = failure.hint() {
            members.insert("hint".to_owned(), hint.into());
        }
    }
    body.to_string()
}

fn html_body(slot: &SessionSlot, code: PublicCode, failure: &Failure) -> String {
    let reason = is_development(slot).then(|| {
        let reason = failure.reason();
        let hint = failure.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{reason}: {}{hint}", reason.meaning())
    });
    let body = format!(
        "<p>{} (<code>{code}</code>).</p>\n{}<p><a href=\"{}\">Try again</a></p>\n",
        sign_in_outcome(code),
        for_the_developer(reason.as_deref()),
        escape(&slot.shared().paths.login),
    );
    document("Signing in did not succeed", &body)
}

/// The state of a sign-in that failed, for a person.
const fn sign_in_outcome(code: PublicCode) -> &'static str {
    match code {
        PublicCode::TemporarilyUnavailable => "The sign-in service does not answer at the moment",
        PublicCode::Misconfigured => "This application is not set up correctly",
        PublicCode::StepUpRequired => "One more step is needed before you are signed in",
        _ => "The sign-in was not completed",
    }
}

fn is_development(slot: &SessionSlot) -> bool {
    slot.shared().sealkit.config().is_development()
}

/// A denial for a person: what it means, its code, and in development mode the detailed reason. Nothing of the request stands there.
pub(crate) fn denied(slot: &SessionSlot, code: PublicCode, failure: Option<&Failure>) -> Response<Bytes> {
    let (title, meaning) = match code {
        PublicCode::TemporarilyUnavailable => {
            ("Please try again", "This cannot be answered at the moment. You are still signed in")
        }
        PublicCode::Misconfigured => ("Something is wrong here", "This application is not set up correctly"),
        PublicCode::StepUpRequired => ("One more step is needed", "You are signed in, but not for this"),
        _ => ("Not allowed", "This request was refused, and nothing was changed"),
    };
    let reason = failure.filter(|_| is_development(slot)).map(|failure| match failure.hint() {
        Some(hint) => format!("{}; {hint}", failure.reason()),
        None => failure.reason().to_string(),
    });
    let body = format!(
        "<p>{meaning} (<code>{code}</code>).</p>\n{}<p><a href=\"/\">Go on</a></p>\n",
        for_the_developer(reason.as_deref())
    );
    page(slot, code.status(), NOTHING, document(title, &body))
}

/// A page that leads on to another one by itself, or by its link: the browser then comes from a page of the application, and sends
/// cookies that are `SameSite=Strict`.
pub(crate) fn lead_on(slot: &SessionSlot, to: &str) -> Response<Bytes> {
    let to = escape(to);
    let body = format!("<p><a href=\"{to}\">Go on</a></p>\n");
    let html = document("One moment", &body).replacen(
        "<title>",
        &format!("<meta http-equiv=\"refresh\" content=\"0; url={to}\">\n<title>"),
        1,
    );
    page(slot, 200, NOTHING, html)
}

/// Signing in goes round in a circle: the kind of cause, and in development mode what was measured.
pub(crate) fn circle(slot: &SessionSlot, found: &Loop) -> Response<Bytes> {
    let (code, cause) = (PublicCode::Misconfigured, found.cause);
    if is_for_program(slot) {
        let mut body = json!({ "error": code, "cause": cause.as_str(), "message": cause.meaning() });
        if let (true, Some(members)) = (is_development(slot), body.as_object_mut()) {
            members.insert("hint".to_owned(), found.detail.as_str().into());
        }
        return respond(slot, StatusCode::INTERNAL_SERVER_ERROR, JSON, body.to_string());
    }
    let detail = is_development(slot).then_some(found.detail.as_str());
    let body = format!(
        "<p>You were signed in, and each time the session was not there afterwards (<code>{code}</code>, <code>{cause}</code>).</p>\n\
         <p>{}.</p>\n{}<p><a href=\"/\">Try again</a></p>\n",
        cause.meaning(),
        for_the_developer(detail),
    );
    page(slot, code.status(), NOTHING, document("Signing in does not come to an end", &body))
}

/// Asks whether to sign out: for whoever typed the address, because a `GET` from nowhere must not do it.
pub(crate) fn confirm_sign_out(slot: &SessionSlot) -> Response<Bytes> {
    let form = format!(
        "<form method=\"post\" action=\"{}\"><button>Sign out</button></form>\n",
        escape(&slot.shared().paths.logout)
    );
    page(slot, 200, ONE_FORM, document("Sign out?", &form))
}

fn page(slot: &SessionSlot, status: u16, policy: HeaderValue, html: String) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = respond(slot, status, HTML, html);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn for_the_developer(hint: Option<&str>) -> String {
    hint.map(|hint| format!("<p>For the developer: {}.</p>\n", escape(hint))).unwrap_or_default()
}

/// Plain HTML: readable on every screen, in light and dark, without a style of its own.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
    }
}
