//! The grants that begin a session.

use super::grant::{
    AuthorizationCodeGrant, DeviceCodeGrant, EmailCompletionGrant, EmailVerificationGrant, Grant,
    MagicAuthGrant, MfaTotpGrant, OrganizationSelectionGrant, PasswordGrant, RadarEmailChallengeGrant,
    RadarSmsChallengeGrant,
};

/// A grant that begins a session: every [`Grant`] but one. A refresh token goes through
/// [`Sealkit::refresh`](crate::Sealkit::refresh), which spends it once for all who hold it.
///
/// ```compile_fail
/// let grant = sealkit::api::SignInGrant::from(sealkit::api::RefreshTokenGrant::new("rt"));
/// ```
#[derive(Clone, Debug)]
pub struct SignInGrant(Grant);

impl SignInGrant {
    /// The same grant, for [`ApiClient::authenticate`](super::ApiClient::authenticate).
    #[must_use]
    pub const fn as_grant(&self) -> &Grant {
        &self.0
    }
}

macro_rules! sign_in_grants {
    ($($name:ident)*) => {$(
        impl From<$name> for SignInGrant {
            fn from(grant: $name) -> Self {
                Self(grant.into())
            }
        }
    )*};
}

sign_in_grants! {
    AuthorizationCodeGrant DeviceCodeGrant EmailCompletionGrant EmailVerificationGrant MagicAuthGrant MfaTotpGrant OrganizationSelectionGrant
    PasswordGrant RadarEmailChallengeGrant RadarSmsChallengeGrant
}
