//! Replicas that share a server and nothing else.

use crate::support::eventually;
use bytes::Bytes;
use http::Request;
use sealkit::{
    Clock as _, Config, ConfigBuilder, CookiePassword, KeyRing, Sealkit, SystemClock, UnixMillis,
    api::{HttpTransport, TransportError, TransportErrorKind, TransportFuture},
    revocation::{Denial, DenyEntry, DenyList},
    session::AuthResponse,
};
use sealkit_devidp::{DevIdp, MintSession};
use sealkit_redis::{RedisSettings, RedisStore};
use std::{sync::Arc, time::Duration};

#[derive(Debug)]
struct Wire(DevIdp);

impl HttpTransport for Wire {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async {
            self.0.handle(request).await.map_err(|_| TransportError::new(TransportErrorKind::Interrupted))
        })
    }
}

/// The provider of all replicas.
pub(crate) fn provider() -> DevIdp {
    DevIdp::builder().auto_approve(true).build().unwrap()
}

/// A process: a connection, a copy of the list, and sessions that are judged by it.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) sealkit: Sealkit,
}

impl Replica {
    pub(crate) async fn of(idp: &DevIdp, settings: RedisSettings) -> Self {
        Self::with(idp, settings, |config| config).await
    }

    pub(crate) async fn with(
        idp: &DevIdp,
        settings: RedisSettings,
        config: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
    ) -> Self {
        let store = RedisStore::connect(settings, Arc::new(SystemClock)).await.unwrap();
        let password = CookiePassword::from("a-cookie-password-of-the-tests-0123456789");
        let base = Config::builder()
            .client_id(idp.client_id())
            .api_key(idp.api_key())
            .api_base(idp.base_url())
            .redirect_uri("http://localhost:3000/callback")
            .key_ring(KeyRing::builder().password("current", password).build().unwrap());
        let sealkit = Sealkit::builder(config(base).build().unwrap())
            .transport(Arc::new(Wire(idp.clone())))
            .coordinator(store.coordinator())
            .deny_list_store(store.deny_list())
            .build()
            .unwrap();
        Self { sealkit }
    }

    pub(crate) async fn at(url: String) -> Self {
        Self::of(&provider(), RedisSettings::new(url)).await
    }

    pub(crate) fn list(&self) -> &DenyList {
        self.sealkit.deny_list()
    }

    pub(crate) async fn deny(&self, session_id: &str) {
        self.list().deny(Denial::session(session_id)).await;
    }

    /// Waits until it has read everything.
    pub(crate) async fn is_loaded(&self) {
        eventually("the list is read", async || self.list().is_loaded()).await;
    }

    /// Waits until it denies all of these sessions.
    pub(crate) async fn denies<'a>(&self, session_ids: impl IntoIterator<Item = &'a str>) {
        for id in session_ids {
            eventually(&format!("{id} is denied"), async || self.list().denies_session(id)).await;
        }
    }

    /// Ada's session.
    pub(crate) fn ada(&self, idp: &DevIdp) -> String {
        let minted = idp.mint_session(MintSession::for_user("ada@example.com")).unwrap();
        let answer = AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap();
        self.sealkit.seal_session(&answer).unwrap().expose_secret().to_owned()
    }
}

/// So many replicas, which have read what there was.
pub(crate) async fn replicas<const N: usize>(url: &str) -> [Replica; N] {
    let mut replicas = Vec::new();
    for _ in 0..N {
        let replica = Replica::at(url.to_owned()).await;
        replica.is_loaded().await;
        replicas.push(replica);
    }
    replicas.try_into().unwrap()
}

/// One entry of each kind, for an hour.
pub(crate) fn one_of_each() -> [DenyEntry; 4] {
    let now = SystemClock.now();
    let until = now.saturating_add(Duration::from_secs(3600));
    [
        Denial::session("session_1"),
        Denial::user("user_1", now),
        Denial::organization("org_1", now),
        Denial::membership("user_2", "org_2", now),
    ]
    .map(|denial| DenyEntry::new(denial, until))
}

/// What a list says, without when that ends.
pub(crate) fn said(list: &DenyList) -> Vec<Denial> {
    list.entries().into_iter().map(|entry| entry.denial).collect()
}

/// Later than anything in a test.
pub(crate) fn later() -> UnixMillis {
    SystemClock.now().saturating_add(Duration::from_secs(3600))
}
