//! The WorkOS API, as far as a session needs it: grants, the key set, device authorization, and the addresses of pages.
//!
//! One call here is one attempt. Who tries again, and whether it is safe to, is decided by the refresh engine with
//! [`ApiError::is_replayable`].

mod base;
mod body;
mod classify;
mod client;
mod context;
mod device;
mod error;
mod events;
mod grant;
mod ids;
mod reply;
mod reqwest_transport;
mod retry_after;
mod sign_in_grant;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod transport;

pub use base::{ApiBase, ApiBaseError};
pub use classify::Purpose;
pub use client::ApiClient;
pub use context::{IdempotencyKey, RequestContext};
pub use device::DeviceAuthorization;
pub use error::{ApiError, ApiErrorKind};
pub use events::{Event, EventsFrom, EventsPage, MAX_EVENTS};
pub use grant::{
    AuthorizationCodeGrant, DeviceCodeGrant, EmailCompletionGrant, EmailVerificationGrant, Grant, GrantError,
    MagicAuthGrant, MfaTotpGrant, OrganizationSelectionGrant, PasswordGrant, RadarEmailChallengeGrant,
    RadarSmsChallengeGrant, RefreshTokenGrant,
};
pub(crate) use ids::checked_id;
pub use ids::{ClientId, InvalidId};
pub use reply::{ApiReply, ReplyMeta};
pub use reqwest_transport::{ReqwestTransport, ReqwestTransportBuilder, TransportBuildError};
pub use sign_in_grant::SignInGrant;
pub use transport::{HttpTransport, TimeLimit, TransportError, TransportErrorKind, TransportFuture};

/// Whether the same refresh token may be sent again after this error: see [`ApiError::is_replayable`].
#[must_use]
pub fn is_replayable(error: &ApiError) -> bool {
    error.is_replayable()
}
