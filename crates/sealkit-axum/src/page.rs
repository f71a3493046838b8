//! The page that a person sees when a sign-in did not succeed.

use crate::slot::SessionSlot;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use sealkit::{Denial, Failure, PublicCode, RequestKind};
use serde_json::json;

const CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");

/// Nothing is loaded, framed or submitted.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The answer to a sign-in that failed: a page for a person, JSON for a program. It says the reason's code and meaning, and
/// nothing that the request brought.
pub(crate) fn sign_in_failed(slot: &SessionSlot, failure: &Failure) -> Response<Bytes> {
    let denial = Denial::of_fresh_token(failure.reason()).with_retry_after(failure.retry_after());
    let status = status(denial.code(), failure);
    let development = slot.shared().sealkit.config().is_development();
    let hint = failure.hint().filter(|_| development);
    let for_program =
        matches!(slot.facts().kind(), RequestKind::Fetch | RequestKind::Htmx | RequestKind::EventStream);
    let (content_type, body) = if for_program {
        ("application/json", json_body(slot, failure, hint))
    } else {
        ("text/html; charset=utf-8", html_body(slot, failure, hint))
    };
    let mut response = Response::new(if slot.facts().is_head() { Bytes::new() } else { Bytes::from(body) });
    *response.status_mut() = status;
    headers(response.headers_mut(), content_type);
    if let Some(seconds) = slot.facts().profile.answer(denial).retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(failure.clone());
    response
}

/// What our settings or the service are to blame for, is a server error; what the person or the browser did not bring, a
/// client's.
fn status(code: PublicCode, failure: &Failure) -> StatusCode {
    use sealkit::Class;
    match (code, failure.reason().class()) {
        (PublicCode::Misconfigured, _) => StatusCode::INTERNAL_SERVER_ERROR,
        (PublicCode::TemporarilyUnavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
        // No token of the API that has just been given may be refused: if it is, something here is set wrongly.
        (_, Class::Verification | Class::Expired) => StatusCode::INTERNAL_SERVER_ERROR,
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

fn json_body(slot: &SessionSlot, failure: &Failure, hint: Option<&str>) -> String {
    let mut body = json!({
        "error": failure.reason().as_str(),
        "message": failure.reason().meaning(),
        "login_url": slot.shared().login_url(None, false),
    });
    if let (Some(hint), Some(members)) = (hint, body.as_object_mut()) {
        members.insert("hint".to_owned(), hint.into());
    }
    body.to_string()
}

/// Plain HTML: readable on every screen, in light and dark, without a style of its own.
fn html_body(slot: &SessionSlot, failure: &Failure, hint: Option<&str>) -> String {
    let reason = failure.reason();
    let hint = hint.map(|hint| format!("<p>For the developer: {}.</p>\n", escape(hint))).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Signing in did not succeed</title>\n</head>\n<body>\n<main>\n\
         <h1>Signing in did not succeed</h1>\n<p>{} (<code>{}</code>).</p>\n{hint}\
         <p><a href=\"{}\">Try again</a></p>\n</main>\n</body>\n</html>\n",
        escape(&capitalized(reason.meaning())),
        reason.as_str(),
        escape(&slot.shared().paths.login),
    )
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
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
        assert_eq!(capitalized("the state"), "The state");
        assert_eq!(capitalized(""), "");
    }
}
