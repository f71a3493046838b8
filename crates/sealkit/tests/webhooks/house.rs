//! A provider, and the processes of an application that asks it in memory.

use crate::ears;
use bytes::Bytes;
use http::Request;
use sealkit::{
    Clock, Config, ConfigBuilder, Outcome, Reason, Resolve, Sealkit, SealkitBuilder, UnixMillis,
    api::{HttpTransport, TransportError, TransportErrorKind, TransportFuture},
    session::AuthResponse,
};
use sealkit_devidp::{DevIdp, Endpoint, IdpClock, MintSession, MintedSession};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const SECRET: &str = "whsec_of_the_provider_0123456789";
pub(crate) const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

/// The way to the provider, for answers of so many bytes.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    idp: DevIdp,
    pub(crate) largest: Arc<AtomicUsize>,
}

impl HttpTransport for Wire {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            let other = |_| TransportError::new(TransportErrorKind::Other);
            let response = self.idp.handle(request).await.map_err(other)?;
            if response.body().len() > self.largest.load(Ordering::SeqCst) {
                return Err(TransportError::new(TransportErrorKind::TooLarge));
            }
            Ok(response)
        })
    }
}

#[derive(Debug)]
struct IdpTime(IdpClock);

impl Clock for IdpTime {
    fn now(&self) -> UnixMillis {
        self.0.now()
    }
}

/// The provider and one process.
pub(crate) struct House {
    pub(crate) idp: DevIdp,
    pub(crate) wire: Wire,
    pub(crate) sealkit: Sealkit,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|config| config)
    }

    pub(crate) fn with(config: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        ears::listen();
        let idp = DevIdp::builder().clock(IdpClock::frozen_at(NOW)).webhook_secret(SECRET).build().unwrap();
        let wire = Wire { idp: idp.clone(), largest: Arc::new(AtomicUsize::new(usize::MAX)) };
        let sealkit = builder(&idp, &wire, config).build().unwrap();
        Self { idp, wire, sealkit }
    }

    /// Another process.
    pub(crate) fn builder(&self) -> SealkitBuilder {
        builder(&self.idp, &self.wire, |config| config)
    }

    /// A session of Ada's and its cookie.
    pub(crate) fn session(&self) -> (MintedSession, String) {
        let minted = self.idp.mint_session(MintSession::for_user(ADA)).unwrap();
        let response = AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap();
        let sealed = self.sealkit.seal_session(&response).unwrap();
        (minted, sealed.expose_secret().to_owned())
    }

    /// Has begun and ended so many sessions.
    pub(crate) fn end_sessions(&self, count: usize) {
        for _ in 0..count {
            let (minted, _) = self.session();
            assert!(self.idp.revoke_session(&minted.session_id));
        }
    }

    /// The provider's signature of this body, now.
    pub(crate) fn sign(&self, body: &[u8]) -> String {
        sealkit_devidp::webhook_signature(SECRET, self.idp.clock().now(), body)
    }

    /// The queries with which events have been asked for.
    pub(crate) fn polls(&self) -> Vec<String> {
        let requests = self.idp.requests_to(Endpoint::Events);
        requests.iter().map(|request| request.query().unwrap_or_default().to_owned()).collect()
    }
}

fn builder(idp: &DevIdp, wire: &Wire, config: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> SealkitBuilder {
    let base = Config::builder()
        .client_id(idp.client_id())
        .api_key(idp.api_key())
        .api_base(idp.base_url())
        .cookie_password("a cookie password of enough characters")
        .redirect_uri("http://localhost:3000/callback")
        .webhook_secrets([SECRET]);
    Sealkit::builder(config(base).build().unwrap())
        .transport(Arc::new(wire.clone()))
        .clock(Arc::new(IdpTime(idp.clock())))
}

/// Why the cookie is refused; `None` if it is not.
pub(crate) async fn refusal(sealkit: &Sealkit, cookie: &str) -> Option<Reason> {
    match sealkit.resolve([cookie.into()], Resolve::default()).await {
        Outcome::Authenticated { .. } => None,
        other => Some(other.reason().unwrap()),
    }
}

/// An event that happened so long ago.
pub(crate) fn event(name: &str, ago: Duration, data: &Value) -> Vec<u8> {
    let at = i64::try_from(NOW.saturating_sub(ago).as_millis()).unwrap();
    let at = jiff::Timestamp::from_millisecond(at).unwrap();
    let id = format!("event_{name}_{}", ago.as_millis());
    json!({ "object": "event", "id": id, "event": name, "data": data, "created_at": at.to_string() })
        .to_string()
        .into_bytes()
}

/// Lets spawned tasks run until none of them can go on without time passing.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
