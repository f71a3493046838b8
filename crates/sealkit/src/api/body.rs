//! Error bodies of the API, in both of their shapes, and the fields that a further step needs.

use super::{base::is_loopback, retry_after::wait_in_body};
use sealkit_core::{EnrolledFactor, OrganizationChoice, StepUp, UpstreamBody};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;
use url::Url;

/// Longest code that is kept, in bytes.
const MAX_CODE: usize = 128;

/// Largest body that is kept whole, in bytes.
const MAX_KEPT_BODY: usize = 8 * 1024;

/// The one message that stands for a code (a bare `{"message"}` with status 400).
const SSO_MESSAGE: &str = "Must use SSO for selected organization";

/// What an error body says. Anything that is not there, or not what it should be, is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorBody {
    /// `code`, else `error`; only `[A-Za-z0-9_.:-]{1,128}`.
    pub(super) code: Option<String>,
    /// The message was exactly the one that stands for `sso_required`.
    pub(super) says_sso: bool,
    /// `retry_after`, at most a day.
    pub(super) retry_after: Option<Duration>,
    pub(super) step_up: StepUp,
    /// The body itself, if it is an object, came with status 403 and has at most [`MAX_KEPT_BODY`] bytes.
    pub(super) whole: Option<UpstreamBody>,
}

impl ErrorBody {
    pub(super) fn parse(status: u16, bytes: &[u8]) -> Self {
        let Ok(Value::Object(body)) = serde_json::from_slice(bytes) else { return Self::default() };
        let code =
            ["code", "error"].into_iter().filter_map(|name| text(&body, name)).find(|code| is_code(code));
        let says_sso = ["message", "error_description"]
            .into_iter()
            .any(|name| body.get(name).is_some_and(|m| m == SSO_MESSAGE));
        let whole = Some(bytes).filter(|bytes| status == 403 && bytes.len() <= MAX_KEPT_BODY);
        Self {
            code,
            says_sso,
            retry_after: body.get("retry_after").and_then(wait_in_body),
            step_up: step_up(&body),
            whole: whole.and_then(|bytes| std::str::from_utf8(bytes).ok()).map(UpstreamBody::from),
        }
    }
}

fn is_code(code: &str) -> bool {
    (1..=MAX_CODE).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'))
}

/// The fields that a further step needs. Every one is optional, whatever the code.
fn step_up(body: &Map<String, Value>) -> StepUp {
    let mut step_up = StepUp::default();
    step_up.pending_authentication_token = text(body, "pending_authentication_token").map(Into::into);
    step_up.email_completion_token = text(body, "email_completion_token").map(Into::into);
    step_up.email = text(body, "email");
    step_up.email_verification_id = text(body, "email_verification_id");
    step_up.organizations = items(body, "organizations", "name", OrganizationChoice::new);
    step_up.connection_ids = texts(body, "connection_ids");
    for id in texts(body, "sso_connection_ids") {
        if !step_up.connection_ids.contains(&id) {
            step_up.connection_ids.push(id);
        }
    }
    step_up.authentication_factors = items(body, "authentication_factors", "type", EnrolledFactor::new);
    step_up.authentication_challenge_id =
        inner_id(body, "authentication_challenge").or_else(|| text(body, "authentication_challenge_id"));
    step_up.allowed_methods = allowed_methods(body);
    step_up.radar_challenge_id = text(body, "radar_challenge_id");
    step_up.authkit_redirect_url = text(body, "authkit_redirect_url").filter(|url| leads_to_the_web(url));
    step_up.user_id = inner_id(body, "user").or_else(|| text(body, "user_id"));
    step_up
}

/// A string that is there and not empty.
fn text(body: &Map<String, Value>, name: &str) -> Option<String> {
    body.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn texts(body: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = body.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `id` of an object.
fn inner_id(body: &Map<String, Value>, name: &str) -> Option<String> {
    text(body.get(name)?.as_object()?, "id")
}

/// An item of `id` and `second` for every object in a list that has an id; a missing second member is empty.
fn items<T>(
    body: &Map<String, Value>,
    name: &str,
    second: &str,
    new: impl Fn(String, String) -> T,
) -> Vec<T> {
    let list = body.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(Value::as_object)
        .filter_map(|item| Some(new(text(item, "id")?, text(item, second).unwrap_or_default())))
        .collect()
}

/// `auth_methods` is an object of booleans; the names of the true ones.
fn allowed_methods(body: &Map<String, Value>) -> Vec<String> {
    let Some(Value::Object(methods)) = body.get("auth_methods") else { return Vec::new() };
    methods
        .iter()
        .filter(|(_, allowed)| **allowed == Value::Bool(true))
        .map(|(method, _)| method.clone())
        .collect()
}

/// A browser may be sent there: `https`, or `http` on this machine.
fn leads_to_the_web(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)))
}

/// What `POST /user_management/authorize/device` answers, as it stands there.
#[derive(Deserialize)]
pub(super) struct DeviceBody {
    pub(super) device_code: String,
    pub(super) user_code: String,
    pub(super) verification_uri: String,
    #[serde(default)]
    pub(super) verification_uri_complete: Option<String>,
    pub(super) expires_in: u64,
    #[serde(default)]
    pub(super) interval: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: &Value) -> ErrorBody {
        ErrorBody::parse(403, body.to_string().as_bytes())
    }

    #[test]
    fn both_shapes_give_their_code() {
        assert_eq!(parse(&json!({"code": "a_b", "message": "m"})).code.as_deref(), Some("a_b"));
        assert_eq!(parse(&json!({"error": "a_b", "error_description": "m"})).code.as_deref(), Some("a_b"));
        assert_eq!(parse(&json!({"code": "first", "error": "second"})).code.as_deref(), Some("first"));
        assert_eq!(parse(&json!({"code": "no code!", "error": "second"})).code.as_deref(), Some("second"));
        assert_eq!(parse(&json!({"code": 7, "error": null})).code, None);
    }

    #[test]
    fn codes_that_are_no_codes_are_left_out() {
        for code in ["", "Bad Request", "a\nb", "sk_live/", "é", &"x".repeat(129)] {
            assert_eq!(parse(&json!({"error": code})).code, None, "{code:?}");
        }
        assert!(parse(&json!({"error": "urn:a.b-C_1"})).code.is_some());
        assert!(parse(&json!({"error": "x".repeat(128)})).code.is_some());
    }

    #[test]
    fn bodies_that_are_no_objects_say_nothing() {
        for body in ["", "<html>", "[]", "\"x\"", "null", "{\"code\":\"cut", "\u{feff}{}"] {
            let parsed = ErrorBody::parse(403, body.as_bytes());
            assert!(
                parsed.code.is_none() && !parsed.says_sso && parsed.step_up == StepUp::default(),
                "{body}"
            );
        }
    }

    #[test]
    fn only_the_exact_message_stands_for_single_sign_on() {
        assert!(parse(&json!({"message": SSO_MESSAGE})).says_sso);
        assert!(!parse(&json!({"message": format!("{SSO_MESSAGE}.")})).says_sso);
    }

    #[test]
    fn every_field_of_a_further_step_is_read() {
        let parsed = parse(&json!({
            "code": "x", "pending_authentication_token": "pat", "email_completion_token": "ect", "email": "a@b.c", "email_verification_id": "ev_1",
            "organizations": [{"id": "org_1", "name": "One"}, {"id": "org_2"}, {"name": "no id"}, 7],
            "connection_ids": ["conn_1", 7], "sso_connection_ids": ["conn_1", "conn_2"],
            "authentication_factors": [{"id": "auth_factor_1", "type": "totp"}],
            "authentication_challenge": {"id": "auth_challenge_1"},
            "auth_methods": {"password": false, "google_oauth": true, "magic_auth": true, "odd": "true"},
            "radar_challenge_id": "radar_1", "authkit_redirect_url": "https://auth.example/x?token=secret", "user": {"id": "user_1"},
        }));
        let step_up = &parsed.step_up;
        assert_eq!(step_up.email.as_deref(), Some("a@b.c"));
        assert_eq!(step_up.authkit_redirect_url.as_deref(), Some("https://auth.example/x?token=secret"));
        insta::assert_debug_snapshot!(step_up, @r#"
        StepUp {
            pending_authentication_token: Some(
                PendingAuthenticationToken([redacted]),
            ),
            email_completion_token: Some(
                EmailCompletionToken([redacted]),
            ),
            email: Some(
                [redacted],
            ),
            email_verification_id: Some(
                "ev_1",
            ),
            organizations: [
                OrganizationChoice {
                    id: "org_1",
                    name: "One",
                },
                OrganizationChoice {
                    id: "org_2",
                    name: "",
                },
            ],
            connection_ids: [
                "conn_1",
                "conn_2",
            ],
            authentication_factors: [
                EnrolledFactor {
                    id: "auth_factor_1",
                    kind: "totp",
                },
            ],
            authentication_challenge_id: Some(
                "auth_challenge_1",
            ),
            allowed_methods: [
                "google_oauth",
                "magic_auth",
            ],
            radar_challenge_id: Some(
                "radar_1",
            ),
            authkit_redirect_url: Some(
                "https://auth.example",
            ),
            user_id: Some(
                "user_1",
            ),
        }
        "#);
    }

    #[test]
    fn fields_of_the_wrong_type_are_no_fields() {
        let parsed = parse(&json!({
            "code": "sso_required", "pending_authentication_token": null, "email": 7, "organizations": {}, "connection_ids": "conn_1",
            "authentication_challenge": "x", "auth_methods": ["password"], "user": [],
        }));
        assert_eq!(parsed.step_up, StepUp::default());
    }

    #[test]
    fn only_small_objects_of_status_403_are_kept_whole() {
        let whole = |status, body: &str| {
            ErrorBody::parse(status, body.as_bytes()).whole.map(|whole| whole.expose_secret().to_owned())
        };
        let body = r#" {"code": "new_step", "new_token": "t", "n": 1.50}"#;
        assert_eq!(whole(403, body).as_deref(), Some(body), "byte for byte");
        for status in [400, 401, 422, 429, 500] {
            assert_eq!(whole(status, body), None, "{status}");
        }
        let of_size = |bytes: usize| format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes - r#"{"x":""}"#.len()));
        assert_eq!(whole(403, &of_size(MAX_KEPT_BODY)).map(|whole| whole.len()), Some(MAX_KEPT_BODY));
        assert_eq!(whole(403, &of_size(MAX_KEPT_BODY + 1)), None);
        for text in ["", "[]", "\"x\"", "<html>", "{"] {
            assert_eq!(whole(403, text), None, "{text}");
        }
    }

    #[test]
    fn a_redirect_that_no_browser_should_follow_is_left_out() {
        for url in ["javascript:alert(1)", "http://evil.example", "/path", "data:text/html,x", ""] {
            assert_eq!(
                parse(&json!({"authkit_redirect_url": url})).step_up.authkit_redirect_url,
                None,
                "{url}"
            );
        }
        assert!(
            parse(&json!({"authkit_redirect_url": "http://127.0.0.1:1/x"}))
                .step_up
                .authkit_redirect_url
                .is_some()
        );
    }
}
