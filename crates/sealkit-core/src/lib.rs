//! The AuthKit session as data: formats, keys, payload, token verification, sign-in state, cookies, return paths, reasons.
//!
//! Nothing here touches the network, the clock, the environment, an async runtime or a web framework: every decision is a
//! pure function of (bytes, configuration, now).

mod base64;
mod casing;
mod client_address;
pub mod cookie;
mod encoding;
mod failure;
pub mod format;
mod keyring;
mod loopback;
mod negotiate;
mod path_rules;
mod problems;
mod random;
mod reason;
mod secret;
pub mod session;
pub mod shape;
pub mod sign_in;
mod split;
mod time;
pub mod token;
pub mod untrusted;
pub mod webhook;

pub use client_address::{NetworkFault, NetworkProblem, TrustedProxies, TrustedProxiesError};
pub use encoding::{EncodingPolicy, Rewrite};
pub use failure::{CookieAction, Detail, EnrolledFactor, Failure, OrganizationChoice, StepUp, Upstream};
pub use keyring::{
    Key, KeyRing, KeyRingBuilder, KeyRingError, KeyRingProblem, MAX_PASSWORDS, MIN_PASSWORD_CHARACTERS,
};
pub use loopback::is_loopback;
pub use negotiate::{Answer, Denial, DenialBody, PublicCode, RequestKind, RequestProfile};
pub use path_rules::{PathRuleFault, PathRuleProblem, PathRules, PathRulesError};
pub use random::{RandomUnavailable, SecureRandom, SystemRandom};
pub use reason::{Class, Reason, UnknownReason};
pub use secret::*;
pub use session::{ExpiredSession, Session, UnsealedSession, User};
pub use time::UnixMillis;
pub use token::Claims;
pub use untrusted::Untrusted;
pub use webhook::WebhookError;
