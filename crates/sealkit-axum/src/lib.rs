//! AuthKit (WorkOS) sessions for axum: one tower layer that owns the session cookie, extractors, ready-made routes.
//!
//! A complete program. It signs people in, keeps them signed in, and signs them out:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use sealkit_axum::{Session, SessionLayer, sealkit::Sealkit};
//!
//! async fn home(session: Session) -> String {
//!     let email = session.user().and_then(|user| user.email());
//!     format!("hello {}", email.unwrap_or(session.user_id()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // WORKOS_CLIENT_ID, WORKOS_API_KEY, WORKOS_COOKIE_PASSWORD, WORKOS_REDIRECT_URI=http://localhost:3000/callback
//! let sealkit = Sealkit::from_env()?;
//! let layer = SessionLayer::new(sealkit.clone()).public(["GET /healthz"])?;
//! let app = Router::new()
//!     .route("/", get(home))
//!     .route("/healthz", get(|| async { "ok" }))
//!     .merge(sealkit_axum::routes(&layer))
//!     .layer(layer);
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app).await?;
//! sealkit.drain(std::time::Duration::from_secs(20)).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What the layer does
//!
//! ```text
//! request ─► path rules ─► public: nothing is read until somebody asks
//!                └───────► protected: resolve, refresh if due ─► proven ─► handler
//!                                                              └► denied: redirect, 401, 403, 503, 500
//! response ◄─ one Set-Cookie or none, cache headers, the failure in the response's extensions
//! ```
//!
//! - Everything is protected, except [public paths](SessionLayer::public) and the [routes]. With
//!   [`optional`](SessionLayer::optional) nothing is, and the extractors decide.
//! - A denied request gets the answer that fits it: a browser's navigation is sent to sign in and comes back; a script gets 401
//!   with `{"error", "login_url"}`; htmx gets `HX-Redirect`; when nobody can tell (WorkOS is down), 503 with `Retry-After`, and
//!   the cookie stays. 403, 500 and 503 are a small page for a navigation, JSON for everything else. The table is [`sealkit::RequestProfile`] and [`sealkit::Answer`].
//! - The cookie is the layer's: whatever handlers do, a response carries at most one, and a line that a handler wrote itself is
//!   dropped. To change the session, take a [`SessionHandle`].
//! - What goes on after its response (event streams, WebSockets, jobs) ends with its session: take a [`SessionGuard`].
//! - A response that depends on a session is never cached; see [`PubliclyCacheable`] for the exception.
//! - Why a request was denied is in the log, and as a [`sealkit::Failure`] in the response's extensions; in development mode in
//!   the JSON body too. A browser hears no more than `unauthenticated`.
//!
//! # Order of layers
//!
//! The last `.layer()` of a router is the outermost. From the outside in: trace, CORS, timeout, **session**,
//! catch-panic, the application. CORS belongs outside, so that a script on another origin can read its 401; a layer that turns
//! panics into responses inside, so that its response carries a refreshed cookie, too.
//! Where a service inside can fail (`Err`, not a response), its error passes through as it is, and with it goes the cookie that
//! would have been written: keep what turns errors into responses (`HandleErrorLayer` around a timeout) inside, too. axum's
//! own handlers never fail. A pair of tokens that was rotated meanwhile is not lost: the next request with the old cookie
//! gets it.
//! In a `ServiceBuilder` the first is the outermost. `SessionLayer` needs no other layer. A second one with a clone of
//! the same [`Sealkit`](sealkit::Sealkit), inside the first, protects more and leaves the cookie to the outer one. One of another
//! application decides for itself and needs a cookie name of its own: otherwise its requests are denied with 500, and the log
//! says why.
//!
//! # Deployment caveats
//!
//! - **Cookies need the right host.** The session cookie is `Secure` unless the redirect URI is `http`. Open the application under
//!   the host of its redirect URI: `127.0.0.1` and `localhost` are two hosts.
//! - **The client's address** is sent to WorkOS with a sign-in if the application is served with
//!   `into_make_service_with_connect_info::<SocketAddr>()`. Radar in Decision mode demands it. Behind proxies name their networks in
//!   `SEALKIT_TRUSTED_PROXIES`.
//! - **Several processes** share nothing but the cookie password and WorkOS, unless they are given `sealkit-redis`. Without it,
//!   refreshing the same session in two processes at once is safe within WorkOS's replay window, and a sign-out is known at once in
//!   its own process only.
//! - **Cookies are large**, up to 4 KB, and split beyond that. Proxies and servers at their defaults take less
//!   ([`PROXY_LIMITS`](sealkit::cookie::PROXY_LIMITS)); `docs/axum.md` has the directives for nginx. Keep the claims of your JWT template few.
//! - **A form that is posted without a session is lost.** The browser is sent to sign in, and comes back with a `GET`.
//! - **The access token outlives a revocation at WorkOS** until it expires, unless webhooks ([`webhooks`]) or the events API
//!   ([`sealkit::Sealkit::events_poller`]) say it. Whatever outlives its request ends with its session if it takes a [`SessionGuard`].
//! - **Rate limits, CSRF tokens, CORS** are not the business of this layer. It answers preflights
//!   with 204 and no header of CORS; an application that answers them itself puts its CORS layer outside of this one, or says
//!   [`SessionLayer::pass_preflights`].
//!   A sign-out or switch of organization from another site is refused.
//! - **Shutdown**: call [`sealkit::Sealkit::drain`] after the server has stopped, so that a refresh under way is not lost.

mod acting;
mod answer;
mod begin;
mod client;
mod extract;
mod facts;
mod guard;
mod headers;
mod json;
mod layer;
mod page;
mod paths;
mod rejection;
mod routes;
mod same_origin;
mod service;
mod slot;

pub use acting::{Acting, DenyActors, DenyActorsService, deny_actors};
pub use extract::{Claims, Session, SessionHandle, Tokens};
pub use guard::{EndWithSession, SessionGuard};
#[cfg(feature = "ws")]
pub use guard::{GuardedSocket, SessionEnded};
pub use headers::PubliclyCacheable;
pub use json::session_json;
pub use layer::SessionLayer;
pub use paths::Paths;
pub use rejection::{Forbidden, SessionRejection};
pub use routes::{routes, webhooks};
pub use sealkit;
pub use service::{SessionFuture, SessionService};

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The guide's snippets compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/axum.md")]
struct Guide;

/// So do those of the other guides.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/revocation.md")]
#[doc = include_str!("../../../docs/rotate-the-password.md")]
#[doc = include_str!("../../../docs/sealed-and-unsealed.md")]
struct Guides;
