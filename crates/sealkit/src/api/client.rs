//! The calls themselves: one method, one attempt.

use super::{
    base::ApiBase,
    context::RequestContext,
    device::DeviceAuthorization,
    error::{ApiError, Unusable},
    grant::{Grant, GrantError, json_object},
    ids::{ClientId, InvalidId, checked_id},
    reply::{ApiReply, ReplyMeta},
    retry_after::fresh_date,
    transport::{HttpTransport, TimeLimit},
};
use crate::{
    clock::Clock,
    skew::{ClockSkew, SkewMeter},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use sealkit_core::{ApiKey, session::AuthResponse, token::IssuerPolicy};
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

/// What this library calls itself.
pub(super) const USER_AGENT: &str = concat!("sealkit/", env!("CARGO_PKG_VERSION"));

/// The WorkOS API as one application sees it. Cheap to clone.
///
/// Every method is one attempt. Cancelling one (dropping its future) does not say whether the API acted; a grant that must not
/// be lost runs in a task of its own.
#[derive(Clone, Debug)]
pub struct ApiClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    base: ApiBase,
    client_id: ClientId,
    api_key: Option<ApiKey>,
    transport: Arc<dyn HttpTransport>,
    clock: Arc<dyn Clock>,
    skew: SkewMeter,
}

impl ApiClient {
    /// A client for this application; without an API key it is a public one, which can only redeem codes and refresh.
    #[must_use]
    pub fn new(
        base: ApiBase,
        client_id: ClientId,
        api_key: Option<ApiKey>,
        transport: Arc<dyn HttpTransport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let skew = SkewMeter::default();
        Self { inner: Arc::new(Inner { base, client_id, api_key, transport, clock, skew }) }
    }

    /// The API's address.
    #[must_use]
    pub fn base(&self) -> &ApiBase {
        &self.inner.base
    }

    /// The application.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.inner.client_id
    }

    /// How far our clock is from the API's, by its last answers. None before the first one that says what time it is there.
    #[must_use]
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        self.inner.skew.latest()
    }

    /// `POST /user_management/authenticate`.
    ///
    /// # Errors
    /// [`ApiError`]; the grant is not sent when it has an empty field or lacks the API key that it needs.
    pub async fn authenticate(
        &self,
        grant: &Grant,
        context: &RequestContext,
    ) -> Result<ApiReply<AuthResponse>, ApiError> {
        let inner = &*self.inner;
        let body = grant.body(&inner.client_id, inner.api_key.as_ref(), context).map_err(ApiError::grant)?;
        let reply = self.post(&["user_management", "authenticate"], body, context).await?;
        let (parts, body) = reply.into_parts();
        let meta = ReplyMeta::read(parts.status, &parts.headers);
        match AuthResponse::from_json(&body) {
            Ok(response) => Ok(ApiReply::new(response, meta)),
            Err(error) => Err(ApiError::unusable(error.into(), meta)),
        }
    }

    /// `POST /user_management/authorize/device` (RFC 8628 §3.1): begins the sign-in of a device without a browser.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn authorize_device(
        &self,
        context: &RequestContext,
    ) -> Result<ApiReply<DeviceAuthorization>, ApiError> {
        let body = json_object(&[("client_id", self.inner.client_id.as_str().into())]);
        let reply = self.post(&["user_management", "authorize", "device"], body, context).await?;
        let (parts, body) = reply.into_parts();
        let meta = ReplyMeta::read(parts.status, &parts.headers);
        match DeviceAuthorization::from_json(&body) {
            Some(device) => Ok(ApiReply::new(device, meta)),
            None => Err(ApiError::unusable(Unusable::Shape, meta)),
        }
    }

    /// `GET /sso/jwks/<client id>`: the document as it came, not yet parsed.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn key_set(&self) -> Result<ApiReply<Bytes>, ApiError> {
        let request = self.request(Method::GET, &["sso", "jwks", self.inner.client_id.as_str()]);
        let reply = self.send(request, Bytes::new()).await?;
        let (parts, body) = reply.into_parts();
        Ok(ApiReply::new(body, ReplyMeta::read(parts.status, &parts.headers)))
    }

    /// The authorize page, without any parameter.
    #[must_use]
    pub fn authorize_endpoint(&self) -> Url {
        self.inner.base.endpoint(&["user_management", "authorize"])
    }

    /// The page that ends a session at WorkOS and then leads to `return_to`, else to the sign-out redirect of the dashboard.
    /// For the browser; it needs no credentials, and no valid token.
    ///
    /// # Errors
    /// [`InvalidId`] when `session_id` is no id.
    pub fn logout_url(&self, session_id: &str, return_to: Option<&Url>) -> Result<Url, InvalidId> {
        let mut url = self.inner.base.endpoint(&["user_management", "sessions", "logout"]);
        url.query_pairs_mut().append_pair("session_id", checked_id(session_id)?);
        if let Some(return_to) = return_to {
            url.query_pairs_mut().append_pair("return_to", return_to.as_str());
        }
        Ok(url)
    }

    /// `POST /user_management/sessions/revoke`: ends a session. Needs the API key.
    ///
    /// # Errors
    /// [`ApiError`]; it is not sent without an API key. For a session that has ended the API answers a status of 400 to 499, and
    /// not always the same one.
    pub async fn revoke_session(
        &self,
        session_id: &str,
        context: &RequestContext,
    ) -> Result<ApiReply<()>, ApiError> {
        let bearer = self.bearer()?;
        let body = json_object(&[("session_id", session_id.into())]);
        let mut request = self.json_post(&["user_management", "sessions", "revoke"], context);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let (parts, body) = self.send(request, body).await?.into_parts();
        let meta = ReplyMeta::read(parts.status, &parts.headers);
        // A page of a proxy with status 200 ends nothing.
        if !body.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
            return Err(ApiError::unusable(Unusable::Shape, meta));
        }
        Ok(ApiReply::new((), meta))
    }

    /// The issuers that tokens of this application may name, derived from the API's address.
    #[must_use]
    pub fn issuers(&self) -> IssuerPolicy {
        IssuerPolicy::derived(self.inner.base.as_url(), self.inner.client_id.as_str())
    }

    /// `GET` with the API key.
    pub(super) async fn get_with_key(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ApiError> {
        let bearer = self.bearer()?;
        let mut url = self.inner.base.endpoint(path);
        url.query_pairs_mut().extend_pairs(query);
        let mut request = self.request(Method::GET, path);
        *request.uri_mut() = url.as_str().parse().unwrap_or_default();
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        self.send(request, Bytes::new()).await
    }

    /// The API key as a header that is never logged.
    fn bearer(&self) -> Result<HeaderValue, ApiError> {
        let no_key = || ApiError::grant(GrantError::SecretRequired);
        let key = self.inner.api_key.as_ref().ok_or_else(no_key)?;
        let bearer = Zeroizing::new(format!("Bearer {}", key.expose_secret()));
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| no_key())?;
        bearer.set_sensitive(true);
        Ok(bearer)
    }

    async fn post(
        &self,
        path: &[&str],
        body: Bytes,
        context: &RequestContext,
    ) -> Result<Response<Bytes>, ApiError> {
        self.send(self.json_post(path, context), body).await
    }

    fn json_post(&self, path: &[&str], context: &RequestContext) -> Request<()> {
        let mut request = self.request(Method::POST, path);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &context.idempotency_key {
            headers.insert("idempotency-key", key.header_value());
        }
        if let Some(limit) = context.time_limit {
            request.extensions_mut().insert(TimeLimit::new(limit));
        }
        request
    }

    fn request(&self, method: Method, path: &[&str]) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        // Every URL is a URI; were it not, the transport would refuse the empty one.
        *request.uri_mut() = self.inner.base.endpoint(path).as_str().parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        request
    }

    async fn send(&self, request: Request<()>, body: Bytes) -> Result<Response<Bytes>, ApiError> {
        let begun = Instant::now();
        let reply = self.inner.transport.send(request.map(|()| body)).await;
        let now = self.inner.clock.now();
        let reply = reply.map_err(|error| ApiError::transport(error, now))?;
        if let Some(date) = fresh_date(reply.headers()) {
            self.inner.skew.note(date, now, begun.elapsed());
        }
        if reply.status().is_success() {
            return Ok(reply);
        }
        Err(ApiError::status(reply.status(), reply.headers(), reply.body(), now))
    }
}
