//! Which endpoint a request means, and the answer of each.

use crate::{
    DevIdp, authorize,
    errors::{ApiError, json_response},
    faults::Endpoint,
    grants::Body,
    page, sessions,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};

/// A place in the API, with what its path holds.
enum Route<'a> {
    Home,
    Asset(&'a str),
    AuthorizePage,
    AuthorizeSubmit,
    Authenticate,
    Jwks(&'a str),
    AuthKitJwks,
    Logout,
    RevokeSession,
    ListSessions(&'a str),
    GetUser(&'a str),
    DeviceAuthorization,
    DevicePage,
    DeviceSubmit,
    MagicAuth,
    EmailVerification(&'a str),
    EnrollFactor(&'a str),
    ChallengeFactor(&'a str),
    Events,
}

impl<'a> Route<'a> {
    fn find(method: &Method, path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let get = method == Method::GET || method == Method::HEAD;
        let post = method == Method::POST;
        Some(match parts.as_slice() {
            [""] if get => Self::Home,
            ["devidp", name] if get => Self::Asset(name),
            ["user_management", "authorize"] if get => Self::AuthorizePage,
            ["user_management", "authorize"] if post => Self::AuthorizeSubmit,
            ["user_management", "authorize", "device"] if post => Self::DeviceAuthorization,
            ["user_management", "authenticate"] if post => Self::Authenticate,
            ["user_management", "magic_auth"] if post => Self::MagicAuth,
            ["user_management", "sessions", "logout"] if get => Self::Logout,
            ["user_management", "sessions", "revoke"] if post => Self::RevokeSession,
            ["user_management", "users", id] if get => Self::GetUser(id),
            ["user_management", "users", id, "sessions"] if get => Self::ListSessions(id),
            ["user_management", "users", id, "auth_factors"] if post => Self::EnrollFactor(id),
            ["user_management", "users", id, "email_verification", "send"] if post => {
                Self::EmailVerification(id)
            }
            ["auth", "factors", id, "challenge"] if post => Self::ChallengeFactor(id),
            ["sso", "jwks", client_id] if get => Self::Jwks(client_id),
            ["oauth2", "jwks"] if get => Self::AuthKitJwks,
            ["events"] if get => Self::Events,
            ["device"] if get => Self::DevicePage,
            ["device"] if post => Self::DeviceSubmit,
            _ => return None,
        })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        Some(match self {
            Self::Home | Self::Asset(_) => return None,
            Self::AuthorizePage | Self::AuthorizeSubmit => Endpoint::Authorize,
            Self::Authenticate => Endpoint::Authenticate,
            Self::Jwks(_) => Endpoint::Jwks,
            Self::AuthKitJwks => Endpoint::AuthKitJwks,
            Self::Logout => Endpoint::Logout,
            Self::RevokeSession => Endpoint::RevokeSession,
            Self::ListSessions(_) => Endpoint::ListSessions,
            Self::GetUser(_) => Endpoint::GetUser,
            Self::DeviceAuthorization => Endpoint::DeviceAuthorization,
            Self::DevicePage | Self::DeviceSubmit => Endpoint::DevicePage,
            Self::MagicAuth => Endpoint::MagicAuth,
            Self::EmailVerification(_) => Endpoint::EmailVerification,
            Self::EnrollFactor(_) => Endpoint::EnrollFactor,
            Self::ChallengeFactor(_) => Endpoint::ChallengeFactor,
            Self::Events => Endpoint::Events,
        })
    }
}

/// The endpoint that a method and path mean, if any.
pub(crate) fn endpoint(method: &Method, path: &str) -> Option<Endpoint> {
    Route::find(method, path)?.endpoint()
}

/// The true answer, with a request id.
pub(crate) fn respond(idp: &DevIdp, request: &Request<Bytes>) -> Response<Bytes> {
    let mut response = answer(idp, request).unwrap_or_else(|error| error.to_response());
    let id = idp.with(|state, now| state.ids.id("req", now));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

fn answer(idp: &DevIdp, request: &Request<Bytes>) -> Result<Response<Bytes>, ApiError> {
    let (headers, body) = (request.headers(), request.body());
    let query = Query::of(request);
    let Some(route) = Route::find(request.method(), request.uri().path()) else {
        return Err(ApiError::not_found("Not Found"));
    };
    let ok = |json| Ok(json_response(StatusCode::OK, &json));
    match route {
        Route::Home => Ok(page::home(idp)),
        Route::Asset(name) => page::asset(name),
        Route::AuthorizePage => Ok(authorize::show(idp, request, &query)),
        Route::AuthorizeSubmit => Ok(authorize::submit(idp, request, &query)),
        Route::DevicePage => Ok(authorize::show_device(idp, &query)),
        Route::DeviceSubmit => Ok(authorize::submit_device(idp, request)),
        Route::Logout => sessions::logout(idp, request, &query),
        Route::Authenticate => ok(idp.with(|state, now| state.authenticate(headers, body, now))?),
        Route::DeviceAuthorization => {
            let body = Body::read(headers, body)?;
            ok(idp.with(|state, now| state.authorize_device(&body, now))?)
        }
        Route::Jwks(client_id) if client_id == idp.client_id() => ok(idp.jwks_json()),
        Route::AuthKitJwks => ok(idp.authkit_jwks_json()?),
        Route::Jwks(client_id) => Err(ApiError::not_found(format!("Client not found: '{client_id}'."))),
        private => {
            idp.with(|state, _| state.require_api_key(headers))?;
            sessions::private(idp, &private.into(), &query, headers, body)
        }
    }
}

/// The endpoints behind the API key.
pub(crate) enum Private<'a> {
    RevokeSession,
    ListSessions(&'a str),
    GetUser(&'a str),
    MagicAuth,
    EmailVerification(&'a str),
    EnrollFactor(&'a str),
    ChallengeFactor(&'a str),
    Events,
    Nothing,
}

impl<'a> From<Route<'a>> for Private<'a> {
    fn from(route: Route<'a>) -> Self {
        match route {
            Route::RevokeSession => Self::RevokeSession,
            Route::ListSessions(id) => Self::ListSessions(id),
            Route::GetUser(id) => Self::GetUser(id),
            Route::MagicAuth => Self::MagicAuth,
            Route::EmailVerification(id) => Self::EmailVerification(id),
            Route::EnrollFactor(id) => Self::EnrollFactor(id),
            Route::ChallengeFactor(id) => Self::ChallengeFactor(id),
            Route::Events => Self::Events,
            _ => Self::Nothing,
        }
    }
}

/// The decoded parameters of a query or form, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(serde_urlencoded::from_bytes(encoded).unwrap_or_default())
    }

    /// The first value of this name that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every value of this name; `name[]` and `name[0]` are the same name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is = move |key: &str| key.split('[').next() == Some(name);
        self.0.iter().filter(move |(key, _)| is(key)).map(|(_, value)| value.as_str())
    }
}
