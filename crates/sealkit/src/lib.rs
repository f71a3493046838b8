//! AuthKit (WorkOS) sessions: open any session cookie, never lose a session, always know why.
//!
//! ```no_run
//! # async fn example(cookie: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let sealkit = sealkit::Sealkit::from_env()?;
//! match sealkit.resolve([cookie.into()], sealkit::Resolve::default()).await {
//!     sealkit::Outcome::Authenticated { session, cookie, .. } => {
//!         println!("hello {}", session.user_id());
//!         if let sealkit::CookieAction::Set(_sealed) = cookie { /* it was refreshed: store this one */ }
//!     }
//!     other => println!("not signed in: {:?}", other.reason()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The handle is [`Sealkit`]; what a cookie is worth is an [`Outcome`]; why it is worth nothing is a [`Failure`] with a
//! [`Reason`] of a closed list. Web frameworks are the business of other crates.

mod acting;
pub mod api;
mod arrival;
pub mod breaker;
mod budget;
mod client;
mod clock;
pub mod config;
pub mod jitter;
mod keys;
pub mod laps;
mod outcome;
pub mod refresh;
pub mod revocation;
mod skew;
pub mod telemetry;
mod until;

pub use arrival::{Arrival, BeforeSignIn};
pub use client::{
    BuildError, Callback, KeyUsage, LoadedSession, OrganizationChoices, Readiness, RefreshBehind,
    RefreshOptions, Resolve, Sealkit, SealkitBuilder, SessionEnd, SessionGuard, SignInRequest, SignInStart,
    SignOut, SignedIn,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{Config, ConfigBuilder, ConfigError};
pub use keys::{KeySetCache, KeySetSettings};
pub use outcome::Outcome;
pub use sealkit_core::*;
pub use skew::ClockSkew;
