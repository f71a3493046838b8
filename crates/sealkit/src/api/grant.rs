//! The eleven grants of `POST /user_management/authenticate`, each with exactly its documented fields.
//!
//! Nothing else is ever sent: no `session`, no `seal_session`, no cookie password. Sealing happens here, never there.

use super::{context::RequestContext, ids::ClientId};
use bytes::Bytes;
use sealkit_core::{
    ApiKey, AuthorizationCode, CodeVerifier, Credential, EmailCompletionToken, PendingAuthenticationToken,
    RefreshToken,
};
use serde::{Serializer as _, ser::SerializeMap as _};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// Whether `client_secret` belongs into the body.
#[derive(Clone, Copy)]
enum Secret {
    /// If there is an API key; public clients have none.
    IfAny,
    Required,
    Never,
}

/// A value of the body, secret or not.
trait Text {
    fn text(&self) -> &str;
}

impl Text for String {
    fn text(&self) -> &str {
        self
    }
}

macro_rules! secret_texts {
    ($($name:ident)*) => {$(
        impl Text for $name {
            fn text(&self) -> &str {
                self.expose_secret()
            }
        }
    )*};
}

secret_texts! {
    AuthorizationCode CodeVerifier Credential EmailCompletionToken PendingAuthenticationToken RefreshToken
}

macro_rules! grants {
    ($($(#[$doc:meta])* $name:ident $variant:ident $grant_type:literal $secret:ident {
        $($(#[$required_doc:meta])* $required:ident: $required_type:ident,)*
        $(? $(#[$optional_doc:meta])* $optional:ident $setter:ident: $optional_type:ident,)*
    })*) => {
        /// What is handed in to get tokens. One variant per `grant_type`; `Debug` shows no secret.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Grant {
            $(#[doc = concat!("`", $grant_type, "`.")] $variant($name),)*
        }

        impl Grant {
            /// The value of `grant_type`.
            #[must_use]
            pub const fn grant_type(&self) -> &'static str {
                match self { $(Self::$variant(_) => $grant_type,)* }
            }

            const fn secret(&self) -> Secret {
                match self { $(Self::$variant(_) => Secret::$secret,)* }
            }

            fn fields(&self) -> Vec<(&'static str, &str)> {
                match self { $(Self::$variant(grant) => grant.fields(),)* }
            }
        }

        $(
            $(#[$doc])*
            ///
            #[doc = concat!("`grant_type` is `", $grant_type, "`.")]
            #[derive(Clone, Debug)]
            #[non_exhaustive]
            pub struct $name {
                $($(#[$required_doc])* pub $required: $required_type,)*
                $($(#[$optional_doc])* pub $optional: Option<$optional_type>,)*
            }

            impl $name {
                /// The grant with what it must have.
                #[must_use]
                pub fn new($($required: impl Into<$required_type>),*) -> Self {
                    Self { $($required: $required.into(),)* $($optional: None,)* }
                }

                $(
                    #[doc = concat!("Adds `", stringify!($optional), "`.")]
                    #[must_use]
                    pub fn $setter(mut self, value: impl Into<$optional_type>) -> Self {
                        self.$optional = Some(value.into());
                        self
                    }
                )*

                fn fields(&self) -> Vec<(&'static str, &str)> {
                    let required: &[(&'static str, &str)] = &[$((stringify!($required), self.$required.text())),*];
                    let optional: &[Option<(&'static str, &str)>] =
                        &[$(self.$optional.as_ref().map(|value| (stringify!($optional), value.text()))),*];
                    required.iter().copied().chain(optional.iter().copied().flatten()).collect()
                }
            }

            impl From<$name> for Grant {
                fn from(grant: $name) -> Self {
                    Self::$variant(grant)
                }
            }
        )*
    };
}

grants! {
    /// Redeems the code that a callback brought.
    AuthorizationCodeGrant AuthorizationCode "authorization_code" IfAny {
        /// `code` of the callback.
        code: AuthorizationCode,
        ? /// The verifier whose challenge the authorization request carried (RFC 7636). Public clients must have it.
          code_verifier with_code_verifier: CodeVerifier,
        ? /// The invitation that the user accepts by signing in.
          invitation_token with_invitation_token: Credential,
        ? /// Id of the signals that the browser collected for the fraud protection.
          signals_id with_signals_id: String,
    }
    /// Exchanges a refresh token for the next pair.
    RefreshTokenGrant RefreshToken "refresh_token" IfAny {
        /// The token of the session.
        refresh_token: RefreshToken,
        ? /// The organization to switch to; without it the session keeps its own.
          organization_id with_organization_id: String,
    }
    /// Signs in with e-mail and password.
    PasswordGrant Password "password" Required {
        /// The user's address.
        email: String,
        /// The user's password.
        password: Credential,
        ? /// The invitation that the user accepts by signing in.
          invitation_token with_invitation_token: Credential,
        ? /// Id of the signals that the browser collected for the fraud protection.
          signals_id with_signals_id: String,
        ? /// The attempt that the fraud protection judged.
          radar_auth_attempt_id with_radar_auth_attempt_id: String,
    }
    /// Signs in with the one-time code of a Magic Auth e-mail.
    MagicAuthGrant MagicAuth "urn:workos:oauth:grant-type:magic-auth:code" Required {
        /// The code of the e-mail.
        code: Credential,
        /// The address that it was sent to.
        email: String,
        ? /// The invitation that the user accepts by signing in.
          invitation_token with_invitation_token: Credential,
        ? /// The attempt that the fraud protection judged.
          radar_auth_attempt_id with_radar_auth_attempt_id: String,
    }
    /// Answers `email_verification_required`.
    EmailVerificationGrant EmailVerification "urn:workos:oauth:grant-type:email-verification:code" Required {
        /// The code of the e-mail.
        code: Credential,
        /// From the answer that asked for this step.
        pending_authentication_token: PendingAuthenticationToken,
    }
    /// Answers `mfa_challenge` with a time-based one-time password.
    MfaTotpGrant MfaTotp "urn:workos:oauth:grant-type:mfa-totp" Required {
        /// The one-time password.
        code: Credential,
        /// From the answer that asked for this step.
        pending_authentication_token: PendingAuthenticationToken,
        /// The challenge that was created for the factor.
        authentication_challenge_id: String,
    }
    /// Answers `organization_selection_required`.
    OrganizationSelectionGrant OrganizationSelection "urn:workos:oauth:grant-type:organization-selection" Required {
        /// From the answer that asked for this step.
        pending_authentication_token: PendingAuthenticationToken,
        /// The organization that the user chose.
        organization_id: String,
    }
    /// Answers an e-mail challenge of the fraud protection.
    RadarEmailChallengeGrant RadarEmailChallenge "urn:workos:oauth:grant-type:radar-email-challenge:code" Required {
        /// The code of the e-mail.
        code: Credential,
        /// The challenge.
        radar_challenge_id: String,
        /// From the answer that asked for this step.
        pending_authentication_token: PendingAuthenticationToken,
    }
    /// Answers a text-message challenge of the fraud protection.
    RadarSmsChallengeGrant RadarSmsChallenge "urn:workos:oauth:grant-type:radar-sms-challenge:code" Required {
        /// The code of the message.
        code: Credential,
        /// From the answer that asked for this step.
        pending_authentication_token: PendingAuthenticationToken,
        ? /// The verification; sign-up challenges need it.
          verification_id with_verification_id: String,
        ? /// The number that the message went to; sign-up challenges need it.
          phone_number with_phone_number: String,
    }
    /// Answers `email_completion_required`: the identity provider gave no e-mail address, and the user has now given one.
    EmailCompletionGrant EmailCompletion "urn:workos:oauth:grant-type:email-completion" Required {
        /// From the answer that asked for this step.
        email_completion_token: EmailCompletionToken,
        /// The address that the user gave.
        email: String,
        ? /// Id of the signals that the browser collected for the fraud protection.
          signals_id with_signals_id: String,
    }
    /// Polls for the tokens of a device (RFC 8628 §3.4). Never carries the client secret.
    DeviceCodeGrant DeviceCode "urn:ietf:params:oauth:grant-type:device_code" Never {
        /// From the device authorization.
        device_code: Credential,
    }
}

/// A grant that is not sent because it cannot succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// A field is there and empty. An empty refresh token or verifier means a bug on this side, and must not reach the API.
    #[error("the field {field:?} of the grant is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// The grant needs an API key, and this is a public client.
    #[error("this grant needs an API key")]
    SecretRequired,
}

impl Grant {
    /// The JSON body, in memory that is wiped when it is dropped.
    pub(super) fn body(
        &self,
        client_id: &ClientId,
        api_key: Option<&ApiKey>,
        context: &RequestContext,
    ) -> Result<Bytes, GrantError> {
        let mut fields: Vec<(&str, Cow<'_, str>)> =
            vec![("grant_type", self.grant_type().into()), ("client_id", client_id.as_str().into())];
        let secret = match (self.secret(), api_key) {
            (Secret::Required, None) => return Err(GrantError::SecretRequired),
            (Secret::Never, _) | (Secret::IfAny, None) => None,
            (Secret::Required | Secret::IfAny, Some(key)) => Some(key.expose_secret()),
        };
        fields.extend(secret.map(|secret| ("client_secret", secret.into())));
        for (field, value) in self.fields() {
            if value.is_empty() {
                return Err(GrantError::Empty { field });
            }
            fields.push((field, value.into()));
        }
        fields.extend(context.ip_address.map(|address| ("ip_address", address.to_string().into())));
        let given = |value: &'_ Option<String>| value.clone().filter(|value| !value.is_empty());
        fields.extend(given(&context.user_agent).map(|agent| ("user_agent", agent.into())));
        fields.extend(given(&context.device_id).map(|id| ("device_id", id.into())));
        Ok(json_object(&fields))
    }
}

/// A JSON object of strings.
pub(super) fn json_object(fields: &[(&str, Cow<'_, str>)]) -> Bytes {
    // Room for everything at once (an escape is at most 6 bytes long), so that growing leaves no copy of a secret behind.
    let room = fields.iter().map(|(name, value)| name.len() + 6 * value.len() + 8).sum::<usize>() + 2;
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    let mut serializer = serde_json::Serializer::new(&mut *body);
    // Strings into memory: neither the writer nor the values can fail.
    let written = serializer.serialize_map(Some(fields.len())).and_then(|mut map| {
        for (name, value) in fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    });
    debug_assert!(written.is_ok(), "strings always serialize");
    Bytes::from_owner(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "client_1";

    fn body(grant: impl Into<Grant>, key: Option<&str>) -> Result<String, GrantError> {
        let bytes = grant.into().body(
            &ClientId::new(ID).unwrap(),
            key.map(ApiKey::from).as_ref(),
            &RequestContext::default(),
        )?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn every_grant() -> Vec<Grant> {
        vec![
            AuthorizationCodeGrant::new("s_code")
                .with_code_verifier("s_verifier")
                .with_invitation_token("s_inv")
                .with_signals_id("sig")
                .into(),
            RefreshTokenGrant::new("s_rt").with_organization_id("org_1").into(),
            PasswordGrant::new("a@b.c", "s_pw")
                .with_invitation_token("s_inv")
                .with_signals_id("sig")
                .with_radar_auth_attempt_id("raa")
                .into(),
            MagicAuthGrant::new("s_123", "a@b.c")
                .with_invitation_token("s_inv")
                .with_radar_auth_attempt_id("raa")
                .into(),
            EmailVerificationGrant::new("s_123", "s_pat").into(),
            MfaTotpGrant::new("s_123", "s_pat", "auth_challenge_1").into(),
            OrganizationSelectionGrant::new("s_pat", "org_1").into(),
            RadarEmailChallengeGrant::new("s_123", "radar_1", "s_pat").into(),
            RadarSmsChallengeGrant::new("s_123", "s_pat")
                .with_verification_id("ver_1")
                .with_phone_number("+1")
                .into(),
            EmailCompletionGrant::new("s_ect", "a@b.c").with_signals_id("sig").into(),
            DeviceCodeGrant::new("s_dev").into(),
        ]
    }

    #[test]
    fn every_body_has_exactly_the_documented_fields() {
        let bodies: Vec<String> =
            every_grant().into_iter().map(|grant| body(grant, Some("sk_1")).unwrap()).collect();
        insta::assert_snapshot!(bodies.join("\n"), @r#"
        {"grant_type":"authorization_code","client_id":"client_1","client_secret":"sk_1","code":"s_code","code_verifier":"s_verifier","invitation_token":"s_inv","signals_id":"sig"}
        {"grant_type":"refresh_token","client_id":"client_1","client_secret":"sk_1","refresh_token":"s_rt","organization_id":"org_1"}
        {"grant_type":"password","client_id":"client_1","client_secret":"sk_1","email":"a@b.c","password":"s_pw","invitation_token":"s_inv","signals_id":"sig","radar_auth_attempt_id":"raa"}
        {"grant_type":"urn:workos:oauth:grant-type:magic-auth:code","client_id":"client_1","client_secret":"sk_1","code":"s_123","email":"a@b.c","invitation_token":"s_inv","radar_auth_attempt_id":"raa"}
        {"grant_type":"urn:workos:oauth:grant-type:email-verification:code","client_id":"client_1","client_secret":"sk_1","code":"s_123","pending_authentication_token":"s_pat"}
        {"grant_type":"urn:workos:oauth:grant-type:mfa-totp","client_id":"client_1","client_secret":"sk_1","code":"s_123","pending_authentication_token":"s_pat","authentication_challenge_id":"auth_challenge_1"}
        {"grant_type":"urn:workos:oauth:grant-type:organization-selection","client_id":"client_1","client_secret":"sk_1","pending_authentication_token":"s_pat","organization_id":"org_1"}
        {"grant_type":"urn:workos:oauth:grant-type:radar-email-challenge:code","client_id":"client_1","client_secret":"sk_1","code":"s_123","radar_challenge_id":"radar_1","pending_authentication_token":"s_pat"}
        {"grant_type":"urn:workos:oauth:grant-type:radar-sms-challenge:code","client_id":"client_1","client_secret":"sk_1","code":"s_123","pending_authentication_token":"s_pat","verification_id":"ver_1","phone_number":"+1"}
        {"grant_type":"urn:workos:oauth:grant-type:email-completion","client_id":"client_1","client_secret":"sk_1","email_completion_token":"s_ect","email":"a@b.c","signals_id":"sig"}
        {"grant_type":"urn:ietf:params:oauth:grant-type:device_code","client_id":"client_1","device_code":"s_dev"}
        "#);
    }

    #[test]
    fn optional_fields_that_are_not_given_are_not_sent() {
        let bodies = [
            body(AuthorizationCodeGrant::new("c"), None).unwrap(),
            body(RefreshTokenGrant::new("rt"), None).unwrap(),
            body(PasswordGrant::new("a@b.c", "pw"), Some("sk_1")).unwrap(),
            body(DeviceCodeGrant::new("d"), Some("sk_1")).unwrap(),
        ];
        insta::assert_snapshot!(bodies.join("\n"), @r#"
        {"grant_type":"authorization_code","client_id":"client_1","code":"c"}
        {"grant_type":"refresh_token","client_id":"client_1","refresh_token":"rt"}
        {"grant_type":"password","client_id":"client_1","client_secret":"sk_1","email":"a@b.c","password":"pw"}
        {"grant_type":"urn:ietf:params:oauth:grant-type:device_code","client_id":"client_1","device_code":"d"}
        "#);
    }

    #[test]
    fn only_three_grants_go_without_a_secret() {
        let without: Vec<&str> = every_grant()
            .into_iter()
            .filter(|grant| body(grant.clone(), None).is_ok())
            .map(|grant| grant.grant_type())
            .collect();
        assert_eq!(
            without,
            ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
        );
        assert_eq!(body(PasswordGrant::new("a@b.c", "pw"), None), Err(GrantError::SecretRequired));
    }

    #[test]
    fn empty_values_are_refused_before_sending() {
        for (grant, field) in [
            (RefreshTokenGrant::new("").into(), "refresh_token"),
            (RefreshTokenGrant::new("rt").with_organization_id("").into(), "organization_id"),
            (AuthorizationCodeGrant::new("").into(), "code"),
            (AuthorizationCodeGrant::new("c").with_code_verifier("").into(), "code_verifier"),
            (DeviceCodeGrant::new("").into(), "device_code"),
            (Grant::from(MfaTotpGrant::new("1", "", "c")), "pending_authentication_token"),
            (EmailCompletionGrant::new("", "a@b.c").into(), "email_completion_token"),
            (EmailCompletionGrant::new("t", "").into(), "email"),
        ] {
            assert_eq!(body(grant, Some("sk_1")), Err(GrantError::Empty { field }));
        }
    }

    #[test]
    fn the_users_address_agent_and_device_go_along_when_they_are_known() {
        let context = RequestContext {
            ip_address: Some("::1".parse().unwrap()),
            user_agent: Some("Mozilla \"5\"".to_owned()),
            device_id: Some(String::new()),
            ..RequestContext::default()
        };
        let bytes = Grant::from(RefreshTokenGrant::new("rt"))
            .body(&ClientId::new(ID).unwrap(), None, &context)
            .unwrap();
        insta::assert_snapshot!(String::from_utf8_lossy(&bytes), @r#"{"grant_type":"refresh_token","client_id":"client_1","refresh_token":"rt","ip_address":"::1","user_agent":"Mozilla \"5\""}"#);
    }

    #[test]
    fn debug_of_no_grant_shows_a_secret() {
        for grant in every_grant() {
            let shown = format!("{grant:?}");
            for secret in
                ["s_code", "s_verifier", "s_inv", "s_rt", "s_pw", "s_123", "s_pat", "s_ect", "s_dev"]
            {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }

    #[test]
    fn bodies_are_valid_json_whatever_the_values() {
        let odd = "\u{0}\"\\\u{7f}\u{1F511}\n";
        let json: serde_json::Value =
            serde_json::from_str(&body(PasswordGrant::new("a@b.c", odd), Some("sk")).unwrap()).unwrap();
        assert_eq!(json["password"], odd);
    }
}
