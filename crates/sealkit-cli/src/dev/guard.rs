//! What every request must be and every response must say: this machine only, own pages only, nothing inline, nothing kept.

use super::app::Demo;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

/// Around everything, the session layer included.
pub(super) async fn guard(State(demo): State<Demo>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut response = if !names_this_machine(headers) {
        (StatusCode::MISDIRECTED_REQUEST, "the Host header does not name this machine\n").into_response()
    } else if changes_something(request.method()) && comes_from_elsewhere(headers, demo.url()) {
        (StatusCode::FORBIDDEN, "this came from a page of another site\n").into_response()
    } else {
        next.run(request).await
    };
    secure(response.headers_mut(), demo.idp_url());
    response
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Against DNS rebinding: a name that somebody has pointed here is still sent as that name.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Browsers write `Sec-Fetch-Site`, older ones `Origin`; what writes neither is no browser and carries nobody's cookie.
fn comes_from_elsewhere(headers: &HeaderMap, own: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    headers.get(header::ORIGIN).is_some_and(|origin| {
        origin.as_bytes() != own.as_bytes() && origin.to_str().ok() != Some(format!("http://{host}").as_str())
    })
}

/// A sign-out leads to the provider, so forms may end there; nothing else may leave.
fn secure(headers: &mut HeaderMap, idp_url: &str) {
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self' {idp_url}; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for (host, mine) in [
            ("127.0.0.1:4430", true),
            ("localhost:4430", true),
            ("localhost", true),
            ("[::1]:4430", true),
            ("localhost.example.com:4430", false),
            ("192.168.1.2:4430", false),
            ("", false),
        ] {
            assert_eq!(names_this_machine(&headers(&[("host", host)])), mine, "{host}");
        }
        assert!(!names_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn posts_from_other_sites_are_told_apart() {
        let own = "http://127.0.0.1:4430";
        let elsewhere = |lines: &[(&'static str, &'static str)]| comes_from_elsewhere(&headers(lines), own);
        assert!(elsewhere(&[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:4430")]));
        assert!(elsewhere(&[("sec-fetch-site", "same-site")]));
        assert!(elsewhere(&[("origin", "http://127.0.0.1:4431"), ("host", "127.0.0.1:4430")]));
        assert!(elsewhere(&[("origin", "null"), ("host", "127.0.0.1:4430")]));
        assert!(!elsewhere(&[("sec-fetch-site", "same-origin")]));
        assert!(!elsewhere(&[("origin", "http://localhost:4430"), ("host", "localhost:4430")]));
        assert!(!elsewhere(&[]));
    }
}
