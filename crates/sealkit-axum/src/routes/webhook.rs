//! `/webhooks/workos`: what WorkOS has to say about sessions that are over.

use super::Reply;
use crate::{SessionLayer, headers::NO_STORE};
use axum::{
    Json, Router, body,
    extract::Request,
    response::IntoResponse as _,
    routing::{self, MethodRouter},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sealkit::{
    Sealkit,
    webhook::{MAX_BODY_BYTES, SIGNATURE_HEADER, WebhookError},
};
use serde_json::json;

/// The route for webhooks of WorkOS alone, for an application without the other [`routes`](crate::routes), which have it, too,
/// where webhook secrets are configured.
///
/// `POST /webhooks/workos`, or where [`Paths::webhooks`](crate::Paths::webhooks) says. Choose this address for an endpoint in the
/// WorkOS dashboard, with the events of [`EVENTS`](sealkit::revocation::EVENTS), and give its secret to
/// `WORKOS_WEBHOOK_SECRET`: sessions that are revoked there, or whose user, organization or membership is gone or has changed, are
/// then refused here at the next request. Under the layer it passes without a session; without a layer it works as well.
///
/// | answer | when |
/// |---|---|
/// | 200 `{}` | taken in; also when it is known, or concerns no session |
/// | 400 | `missing_signature`, `malformed_signature`, `not_an_event` |
/// | 401 | `wrong_signature`, `too_old`, `too_far_in_future` |
/// | 413 | `too_large`: over 64 KB |
/// | 500 | `misconfigured`: no secret is configured |
///
/// Errors have a body of `{"error": …}`. WorkOS delivers again what is not answered with success.
///
/// ```
/// # fn app(sealkit: sealkit::Sealkit) {
/// use axum::{Router, routing::get};
/// use sealkit_axum::SessionLayer;
///
/// let layer = SessionLayer::new(sealkit);
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .merge(sealkit_axum::webhooks(&layer))
///     .layer(layer);
/// # let _ = app; }
/// ```
pub fn webhooks<S>(layer: &SessionLayer) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    if layer.sealkit().config().webhook_secrets().is_empty() {
        tracing::error!(
            "no webhook secret is configured, so every webhook is refused; set WORKOS_WEBHOOK_SECRET"
        );
    }
    layer.sealkit().serve_path(&layer.shared.paths.webhooks);
    Router::new().route(&layer.shared.paths.webhooks, route(layer))
}

pub(super) fn route<S>(layer: &SessionLayer) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let sealkit = layer.sealkit().clone();
    routing::post(move |request: Request| {
        let sealkit = sealkit.clone();
        async move { receive(&sealkit, request).await }
    })
}

async fn receive(sealkit: &Sealkit, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    // Too large, or cut off; then nobody hears the answer.
    let Ok(body) = body::to_bytes(body, MAX_BODY_BYTES).await else { return refused(WebhookError::TooLarge) };
    let received = match signature(&parts.headers) {
        Ok(signature) => sealkit.receive_webhook(signature, &body).await,
        Err(error) => Err(error),
    };
    match received {
        Ok(received) => {
            tracing::debug!(outcome = received.as_str(), "a webhook was received");
            answer(StatusCode::OK, None)
        }
        Err(error) => refused(error),
    }
}

/// The header, which may be there once.
fn signature(headers: &HeaderMap) -> Result<Option<&str>, WebhookError> {
    let mut all = headers.get_all(SIGNATURE_HEADER).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| WebhookError::MalformedSignature),
        _ => Err(WebhookError::MalformedSignature),
    }
}

fn refused(error: WebhookError) -> Reply {
    let reason = error.code();
    let (status, code) = match error {
        WebhookError::NoSecret => (StatusCode::INTERNAL_SERVER_ERROR, "misconfigured"),
        WebhookError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, reason),
        WebhookError::WrongSignature | WebhookError::TooOld | WebhookError::TooFarInFuture => {
            (StatusCode::UNAUTHORIZED, reason)
        }
        _ => (StatusCode::BAD_REQUEST, reason),
    };
    tracing::warn!(reason, status = status.as_u16(), "a webhook was refused");
    answer(status, Some(code))
}

fn answer(status: StatusCode, error: Option<&'static str>) -> Reply {
    let body = error.map_or_else(|| json!({}), |code| json!({ "error": code }));
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    response
}
