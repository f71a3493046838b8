//! What happens to sessions, users, memberships and organizations, signed as the API signs its webhooks.

use crate::DevIdp;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use sealkit_core::UnixMillis;
use std::{fmt, io, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

/// How many webhooks are kept for a test that never reads them.
pub(crate) const KEPT: usize = 10_000;

/// The header that carries the signature.
const SIGNATURE: &str = "workos-signature";

/// How long one delivery may take.
const DELIVERY: Duration = Duration::from_secs(5);

/// One webhook as it would be delivered: a `POST` with these headers and this body.
#[derive(Clone)]
#[non_exhaustive]
pub struct Webhook {
    /// `content-type` and `workos-signature`.
    pub headers: HeaderMap,
    /// The event as JSON: `{"object":"event","id","event","data","created_at"}`.
    pub body: Bytes,
}

impl Webhook {
    pub(crate) fn signed(body: String, secret: &str, now: UnixMillis) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(value) = HeaderValue::from_str(&sign(secret, now, body.as_bytes())) {
            headers.insert(SIGNATURE, value);
        }
        Self { headers, body: Bytes::from(body) }
    }

    /// The event.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("body", &self.body).finish_non_exhaustive()
    }
}

/// The value of `WorkOS-Signature` for a body: `t=<milliseconds>, v1=<HMAC-SHA256 of "t.body" in hex>`.
///
/// ```
/// use sealkit_core::UnixMillis;
///
/// let header = sealkit_devidp::webhook_signature("secret", UnixMillis::from_millis(5), b"{}");
/// assert!(header.starts_with("t=5, v1="));
/// ```
#[must_use]
pub fn sign(secret: &str, at: UnixMillis, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    context.update(at.as_millis().to_string().as_bytes());
    context.update(b".");
    context.update(body);
    format!("t={}, v1={}", at.as_millis(), hex(context.sign().as_ref()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where webhooks are posted to: plain HTTP on this machine.
#[derive(Clone, Debug)]
pub(crate) struct WebhookTarget {
    authority: String,
    path_and_query: String,
}

impl WebhookTarget {
    /// `None` unless it is `http` on loopback.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        if url.scheme() != "http" || !crate::settings::is_loopback_url(text) {
            return None;
        }
        let authority = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self { authority, path_and_query: format!("{}{query}", url.path()) })
    }

    /// Posts once. Whoever wants the retries of production restarts it by ending another session.
    pub(crate) async fn deliver(&self, webhook: &Webhook) {
        match tokio::time::timeout(DELIVERY, self.post(webhook)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, target = self.authority, "webhook not delivered"),
            Err(_) => tracing::warn!(target = self.authority, "webhook not delivered in time"),
        }
    }

    async fn post(&self, webhook: &Webhook) -> io::Result<()> {
        let mut stream = TcpStream::connect(&self.authority).await?;
        if !stream.peer_addr()?.ip().is_loopback() {
            return Err(io::Error::other("the webhook's host is not this machine"));
        }
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.path_and_query,
            self.authority,
            webhook.body.len()
        )
        .into_bytes();
        for (name, value) in &webhook.headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head).await?;
        stream.write_all(&webhook.body).await?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer).await?;
        Ok(())
    }
}

impl DevIdp {
    /// Takes the webhooks that have been emitted since the last call, oldest first.
    #[must_use]
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.with(|state, _| state.webhooks.drain(..).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_covers_time_and_body() {
        // HMAC-SHA256("secret", "1700000000000.{}"), computed with another tool.
        let expected = "t=1700000000000, v1=8399216d111287e3bb28e25c0f4f31dffdf831c68c9ee2b96c2f67c9b81d341b";
        let signature = sign("secret", UnixMillis::from_millis(1_700_000_000_000), b"{}");
        assert_eq!(signature, expected);
        assert_ne!(signature, sign("secret", UnixMillis::from_millis(1_700_000_000_001), b"{}"));
        assert_ne!(signature, sign("secret", UnixMillis::from_millis(1_700_000_000_000), b"{ }"));
    }

    #[test]
    fn a_target_is_plain_http_on_this_machine() {
        assert!(WebhookTarget::parse("http://127.0.0.1:8080/hooks?x=1").is_some());
        assert!(WebhookTarget::parse("https://127.0.0.1:8080/hooks").is_none());
        assert!(WebhookTarget::parse("http://example.com/hooks").is_none());
    }
}
