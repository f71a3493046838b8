//! The transport that is used unless another is given: `reqwest` with rustls.

use super::{
    base::{ApiBase, is_loopback},
    client::USER_AGENT,
    transport::{HttpTransport, TimeLimit, TransportError, TransportErrorKind, TransportFuture},
};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::{Client, redirect::Policy};
use std::{error::Error as StdError, time::Duration};

/// `reqwest` with every limit set: no redirects, time-outs, a largest answer, no proxy unless asked for. Cheap to clone.
///
/// Plain `http` is sent to loopback hosts only. TLS trusts what the operating system trusts.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: Client,
    max_body: usize,
}

impl ReqwestTransport {
    /// The limits, to change.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder::default()
    }

    /// A transport with the default limits.
    ///
    /// # Errors
    /// [`TransportBuildError`] when TLS cannot be set up, for example because the machine has no root certificates.
    pub fn new() -> Result<Self, TransportBuildError> {
        Self::builder().build()
    }

    async fn attempt(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let limit = TimeLimit::of(&request);
        let mut request =
            reqwest::Request::try_from(request).map_err(|error| not_sent(error.without_url()))?;
        if limit.is_some() {
            *request.timeout_mut() = limit;
        }
        let url = request.url();
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(url)) {
            return Err(not_sent("only https, or http to a loopback host"));
        }
        let mut reply = self.client.execute(request).await.map_err(before_the_reply)?;
        let (status, headers) = (reply.status(), std::mem::take(reply.headers_mut()));
        match self.read_body(&mut reply).await {
            Ok(body) => {
                let mut response = Response::new(body);
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                Ok(response)
            }
            Err(error) => Err(error.with_head(status, headers)),
        }
    }

    /// Reads the body in pieces, so that a length that is a lie costs no memory.
    async fn read_body(&self, reply: &mut reqwest::Response) -> Result<Bytes, TransportError> {
        let mut body = BytesMut::new();
        while let Some(piece) = reply.chunk().await.map_err(within_the_reply)? {
            if body.len() + piece.len() > self.max_body {
                return Err(TransportError::new(TransportErrorKind::TooLarge));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

impl HttpTransport for ReqwestTransport {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(self.attempt(request))
    }
}

fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> TransportError {
    TransportError::new(TransportErrorKind::Other).not_sent().with_source(source)
}

fn before_the_reply(error: reqwest::Error) -> TransportError {
    let kind = match (error.is_connect(), error.is_timeout()) {
        // Nothing was sent, whether the connection was refused or took too long.
        (true, _) => TransportErrorKind::Connect,
        (false, true) => TransportErrorKind::Timeout,
        (false, false) => TransportErrorKind::Other,
    };
    TransportError::new(kind).with_source(error.without_url())
}

fn within_the_reply(error: reqwest::Error) -> TransportError {
    let kind = if error.is_timeout() { TransportErrorKind::Timeout } else { TransportErrorKind::Interrupted };
    TransportError::new(kind).with_source(error.without_url())
}

/// The limits of a [`ReqwestTransport`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ReqwestTransportBuilder {
    connect_timeout: Duration,
    attempt_timeout: Duration,
    max_body: usize,
    proxy_from_environment: bool,
    loopback_only: bool,
}

impl Default for ReqwestTransportBuilder {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(5),
            max_body: 1024 * 1024,
            proxy_from_environment: false,
            loopback_only: false,
        }
    }
}

impl ReqwestTransportBuilder {
    /// Longest time to connect, name resolution and TLS included. Default 2 s.
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Longest time of a whole attempt, from connecting to the last byte of the answer. Default 5 s. A request with a
    /// [`TimeLimit`] has that one instead.
    pub const fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// Largest answer, in bytes. Default 1 MiB.
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Lets `HTTPS_PROXY`, `NO_PROXY` and so on decide about a proxy. Default: no proxy.
    pub const fn proxy_from_environment(mut self, yes: bool) -> Self {
        self.proxy_from_environment = yes;
        self
    }

    /// Fits the transport to an API address. For plain `http` on this machine no root certificates are needed, so that a
    /// development provider works where there are none; `https` then fails.
    pub fn for_base(mut self, base: &ApiBase) -> Self {
        self.loopback_only = base.is_plain_http();
        self
    }

    /// Makes the transport.
    ///
    /// # Errors
    /// [`TransportBuildError`] when TLS cannot be set up, for example because the machine has no root certificates.
    pub fn build(self) -> Result<ReqwestTransport, TransportBuildError> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .timeout(self.attempt_timeout);
        if !self.proxy_from_environment {
            client = client.no_proxy();
        }
        if self.loopback_only {
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|source| TransportBuildError { source })?;
        Ok(ReqwestTransport { client, max_body: self.max_body })
    }
}

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[error(
    "the HTTP client cannot be set up; does this machine have root certificates (package ca-certificates, or SSL_CERT_FILE)?"
)]
pub struct TransportBuildError {
    source: reqwest::Error,
}
