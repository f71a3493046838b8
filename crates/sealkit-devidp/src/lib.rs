//! A faithful local stand-in for the WorkOS User Management API: sign in, refresh and sign out with no account and no network.
//!
//! It has the browser's authorize page, all eleven grants of the authenticate endpoint, the key set with rotation, sign-out,
//! session list and revocation, signed webhooks, organizations, roles, impersonation and every step-up answer. A test owns its
//! clock, its replay window and its faults. It runs in process, without a port ([`DevIdp::handle`]), and as a server on
//! loopback ([`DevIdp::serve`]), which refuses every other address.
//!
//! It knows nothing of the `sealkit` crate, so that it can judge it from outside: it writes its own tokens and never seals a
//! session.
//!
//! ```
//! use bytes::Bytes;
//! use sealkit_devidp::{DevIdp, MintSession};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let idp = DevIdp::builder().build()?;
//! let session = idp.mint_session(MintSession::for_user("ada@example.com").expired())?;
//!
//! let request = http::Request::post("/user_management/authenticate")
//!     .header("content-type", "application/json")
//!     .body(Bytes::from(serde_json::to_vec(&serde_json::json!({
//!         "grant_type": "refresh_token",
//!         "client_id": idp.client_id(),
//!         "client_secret": idp.api_key().expose_secret(),
//!         "refresh_token": session.refresh_token,
//!     }))?))?;
//! let response = idp.handle(request).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Tokens that are not a session
//!
//! WorkOS signs more than sessions. The provider mints every kind of token that a verifier of sessions may meet, each with the
//! claims and the lifetime of its kind, and [`TokenOptions`] overrides any of them:
//!
//! | call | token |
//! |---|---|
//! | [`DevIdp::mint_session`] | a user's session, impersonated if asked for |
//! | [`DevIdp::mint_agent`] | an agent, delegated or autonomous |
//! | [`DevIdp::mint_widget`], [`DevIdp::mint_client_token`] | a widget, the Client API |
//! | [`DevIdp::mint_connect_user`], [`DevIdp::mint_mcp`] | a user in another OAuth application, in an MCP client |
//! | [`DevIdp::mint_machine`] | a machine-to-machine application |
//! | [`DevIdp::mint_id_token`] | an ID token of another application |
//!
//! Connect tokens, machine tokens and ID tokens come from the AuthKit domain ([`DevIdpBuilder::authkit_issuer`]), which has a
//! key set of its own at `/oauth2/jwks`. [`Fault::access_token`] and [`Fault::replace_access_token`] let the authenticate
//! endpoint answer with a wrong token.
//!
//! ```
//! use sealkit_devidp::{AgentKind, DevIdp, Endpoint, Fault, TokenOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let idp = DevIdp::builder().build()?;
//! let agent = idp.mint_agent(&AgentKind::delegated("ada@example.com"), &TokenOptions::new())?;
//! idp.fault(Endpoint::Authenticate, Fault::replace_access_token(&agent.token));
//! # Ok(())
//! # }
//! ```
//!
//! This is a tool for development and tests. It keeps passwords readable, shows them to whoever asks on loopback, and must
//! never hold anything that matters.

mod authkit;
mod authorize;
mod bounded;
mod builder;
mod certificate;
mod clock;
mod directory;
mod errors;
mod faults;
mod grants;
mod idp;
mod ids;
mod keys;
mod kinds;
mod mailbox;
mod mint;
mod options;
mod page;
mod record;
mod router;
mod server;
mod sessions;
mod settings;
mod state;
mod step_up;
mod token;
mod users;
mod webhooks;

pub use builder::{BuildError, DevIdpBuilder};
pub use clock::IdpClock;
pub use faults::{Cut, Endpoint, Fault};
pub use idp::{DevIdp, IdpError};
pub use keys::SigningUnavailable;
pub use kinds::{AgentKind, MintedAgent, MintedToken, TokenShape};
pub use mailbox::{Message, MessageKind};
pub use mint::{MintSession, MintedSession};
pub use options::TokenOptions;
pub use record::{RecordedRequest, RefreshCounts};
pub use server::{ServeError, Server, ServerLimits};
pub use settings::{EndedLogout, EndedRevoke, OrganizationChoice};
pub use step_up::{StepUp, StepUpRule};
pub use token::IssuerForm;
pub use users::{Membership, Organization, User};
pub use webhooks::{Webhook, sign as webhook_signature};
