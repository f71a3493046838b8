//! The provider, and an axum application for each format, on loopback and by the machine's clock, which is the peers' clock.

use axum::{
    Json, Router,
    response::{IntoResponse as _, Response},
    routing,
};
use sealkit::{Config, EncodingPolicy, Sealkit, format::Format};
use sealkit_axum::{Session, SessionHandle, SessionLayer};
use sealkit_devidp::{DevIdp, DevIdpBuilder, MintSession, MintedSession, Server, User};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;

/// Base64 of 32 bytes: every SDK accepts it, except Ruby's up to 6 and the crate.
pub(crate) const PASSWORD: &str = "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80=";
/// The Ruby SDK up to 6 accepts exactly 32 bytes.
const PASSWORD_32: &str = "exactly thirty-two bytes of text";
/// The crate accepts exactly 64 hexadecimal digits.
const PASSWORD_HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

pub(crate) const EMAIL: &str = "zoe@example.com";
/// Characters that end a cookie, quote it, or are not ASCII.
pub(crate) const FIRST_NAME: &str = "Zoë \"Z\"; Path=/ +%🧑‍🚀";

/// The provider.
pub(crate) struct World {
    pub(crate) idp: DevIdp,
    server: Server,
}

/// An axum application.
pub(crate) struct App {
    pub(crate) url: String,
    pub(crate) format: Format,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(DevIdp::builder()).await
    }

    pub(crate) async fn of(builder: DevIdpBuilder) -> Self {
        let zoe = User::new(EMAIL).with_name(FIRST_NAME, "O'Brien").with_metadata("favorite_color", "green");
        let idp = builder.users([zoe]).auto_approve(true).build().unwrap();
        let server = idp.serve(loopback()).await.unwrap();
        Self { idp, server }
    }

    /// An application that writes this format.
    pub(crate) async fn app(&self, format: Format) -> App {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = Config::builder()
            .client_id(self.idp.client_id())
            .api_key(self.idp.api_key())
            .api_base(self.server.url())
            .cookie_password(password(format))
            .encoding(EncodingPolicy::writing(format))
            .redirect_uri(format!("{url}/callback"))
            .build()
            .unwrap();
        let layer = SessionLayer::new(Sealkit::builder(config).build().unwrap());
        let router = Router::new()
            .route("/who", routing::get(who))
            .route("/refresh", routing::get(refresh))
            .merge(sealkit_axum::routes(&layer))
            .layer(layer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        App { url, format }
    }

    /// The settings of a peer.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "apiKey": self.idp.api_key().expose_secret(), "clientId": self.idp.client_id(), "baseUrl": self.server.url(),
            "issuer": self.idp.issuer(), "password": PASSWORD, "password32": PASSWORD_32, "passwordHex": PASSWORD_HEX,
        })
    }

    /// A session whose access token has expired, as a peer's SDK names its members.
    pub(crate) fn expired_session(&self, members: Members) -> (MintedSession, Value) {
        let minted = self.idp.mint_session(MintSession::for_user(EMAIL).expired()).unwrap();
        let user = self.idp.users().first().unwrap().clone();
        let time = "2026-01-01T00:00:00.000Z";
        let snake = json!({
            "object": "user", "id": user.id(), "email": EMAIL, "email_verified": true, "first_name": FIRST_NAME,
            "last_name": "O'Brien", "created_at": time, "updated_at": time,
        });
        let camel = json!({
            "object": "user", "id": user.id(), "email": EMAIL, "emailVerified": true, "firstName": FIRST_NAME,
            "lastName": "O'Brien", "createdAt": time, "updatedAt": time,
        });
        let (access, refresh) = (&minted.access_token, &minted.refresh_token);
        let payload = match members {
            Members::Snake => json!({ "access_token": access, "refresh_token": refresh, "user": snake }),
            Members::Camel => json!({ "accessToken": access, "refreshToken": refresh, "user": camel }),
            Members::Kotlin => json!({ "accessToken": access, "refreshToken": refresh, "user": snake }),
        };
        (minted, payload)
    }

    /// Gives the user a text of this length.
    pub(crate) fn grow(&self, bytes: usize) {
        let user = self.idp.users().first().unwrap().clone();
        self.idp.put_user(user.with_metadata("notes", "x".repeat(bytes))).unwrap();
    }
}

/// How an SDK names the members of its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Members {
    Snake,
    Camel,
    /// Camel outside, the API's names in `user`.
    Kotlin,
}

fn password(format: Format) -> &'static str {
    match format {
        Format::RubyV6 => PASSWORD_32,
        Format::RustGcm => PASSWORD_HEX,
        _ => PASSWORD,
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn who(session: Session) -> Json<Value> {
    Json(description(&session))
}

async fn refresh(handle: SessionHandle) -> Response {
    match handle.refresh().await {
        Ok(session) => Json(description(&session)).into_response(),
        Err(failure) => handle.answer(&failure),
    }
}

/// The members that the peers also return.
fn description(session: &sealkit::Session) -> Value {
    let user = session.user();
    json!({
        "authenticated": true, "session_id": session.id(), "access_token": session.tokens().access_token(),
        "email": user.map(|user| user.email()), "first_name": user.and_then(|user| user.first_name()),
    })
}
