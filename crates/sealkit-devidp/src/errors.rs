//! The API's error bodies, in each of the shapes that clients meet.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::{Map, Value, json};

/// One refusal, with its status and the shape of its body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError(Box<Refusal>);

#[derive(Clone, Debug, PartialEq)]
struct Refusal {
    status: StatusCode,
    shape: Shape,
    code: String,
    message: String,
    extra: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// `{"code", "message", …}`
    Plain,
    /// `{"error", "error_description", …}`
    OAuth,
    /// `{"message"}`
    Message,
}

impl ApiError {
    /// `{"code", "message"}`.
    pub(crate) fn plain(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(status, Shape::Plain, code.into(), message.into())
    }

    /// `{"error", "error_description"}` with status 400, as every OAuth failure has.
    pub(crate) fn oauth(code: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Shape::OAuth, code.into(), description.into())
    }

    /// `{"message"}`.
    pub(crate) fn message(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, Shape::Message, String::new(), message.into())
    }

    fn new(status: StatusCode, shape: Shape, code: String, message: String) -> Self {
        Self(Box::new(Refusal { status, shape, code, message, extra: Map::new() }))
    }

    pub(crate) fn bad_request(code: &str, message: &str) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn invalid_grant(description: &str) -> Self {
        Self::oauth("invalid_grant", description)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::message(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::message(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    /// A member that the request lacks.
    pub(crate) fn missing(field: &str) -> Self {
        Self::invalid(field, "required", &format!("{field} is required"))
    }

    /// A member of the request that cannot be taken.
    pub(crate) fn invalid(field: &str, code: &str, message: &str) -> Self {
        Self::plain(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request_parameters", "Validation failed")
            .with("errors", json!([{ "field": field, "code": code, "message": message }]))
    }

    /// The provider itself is at fault.
    pub(crate) fn internal(message: &str) -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", message)
    }

    /// Adds a member to the body.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn to_response(&self) -> Response<Bytes> {
        let mut body = Map::new();
        let (code, message) = match self.0.shape {
            Shape::Plain => (Some("code"), "message"),
            Shape::OAuth => (Some("error"), "error_description"),
            Shape::Message => (None, "message"),
        };
        if let Some(code) = code {
            body.insert(code.to_owned(), json!(self.0.code));
        }
        body.insert(message.to_owned(), json!(self.0.message));
        body.extend(self.0.extra.clone());
        json_response(self.0.status, &Value::Object(body))
    }
}

impl From<crate::keys::SigningUnavailable> for ApiError {
    fn from(_: crate::keys::SigningUnavailable) -> Self {
        Self::internal("no signing key available")
    }
}

/// A JSON answer.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    with_type(status, "application/json; charset=utf-8", body.to_string())
}

/// An answer with a body of this content type.
pub(crate) fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: &ApiError) -> Value {
        serde_json::from_slice(error.to_response().body()).unwrap()
    }

    #[test]
    fn each_shape_has_its_own_members() {
        assert_eq!(
            body(&ApiError::invalid_grant("Gone.")),
            json!({ "error": "invalid_grant", "error_description": "Gone." })
        );
        assert_eq!(
            body(&ApiError::bad_request("invalid_credentials", "No.").with("x", 1)),
            json!({ "code": "invalid_credentials", "message": "No.", "x": 1 })
        );
        assert_eq!(body(&ApiError::not_found("Nothing here")), json!({ "message": "Nothing here" }));
    }

    #[test]
    fn every_oauth_failure_is_a_400_and_a_missing_field_a_422() {
        assert_eq!(ApiError::invalid_grant("x").to_response().status(), 400);
        let missing = ApiError::missing("email");
        assert_eq!(missing.to_response().status(), 422);
        assert_eq!(body(&missing)["errors"][0]["field"], "email");
    }
}
