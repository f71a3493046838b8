//! JSON Web Tokens, written by hand so that every header and every claim can be forged.

use crate::{
    DevIdp, TokenOptions,
    keys::{self, Material, SigningUnavailable},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// The form of the `iss` claim. WorkOS environments differ by age and by feature flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerForm {
    /// `{base}/user_management/{client_id}`: environments made since mid-2025.
    #[default]
    UserManagement,
    /// `{base}`: older environments.
    Origin,
    /// `{base}/`: as one page of the documentation writes it.
    OriginSlash,
    /// `{base}/sso/{client_id}`.
    Sso,
    /// `{base}/convex/{client_id}`.
    Convex,
    /// `{base}/user_management/{id}`, with the id of the environment's default application: an environment may hold several
    /// applications, and `iss` names the default one while `client_id` names ours. Keys stay under `/sso/jwks/{client_id}`.
    DefaultApplication(String),
    /// Exactly this text.
    Fixed(String),
}

impl IssuerForm {
    pub(crate) fn issuer(&self, base: &str, client_id: &str) -> String {
        match self {
            Self::UserManagement => format!("{base}/user_management/{client_id}"),
            Self::Origin => base.to_owned(),
            Self::OriginSlash => format!("{base}/"),
            Self::Sso => format!("{base}/sso/{client_id}"),
            Self::Convex => format!("{base}/convex/{client_id}"),
            Self::DefaultApplication(id) => format!("{base}/user_management/{id}"),
            Self::Fixed(issuer) => issuer.clone(),
        }
    }
}

/// Claims that a template may not set (WorkOS documentation, "JWT Templates").
pub(crate) const RESERVED_CLAIMS: [&str; 6] = ["iss", "sub", "exp", "iat", "nbf", "jti"];

/// How large the rendered custom claims may be, in bytes of JSON.
pub(crate) const CUSTOM_CLAIMS_LIMIT: usize = 3_072;

/// The first claim in `claims` that a template may not set.
pub(crate) fn reserved_claim(claims: &Map<String, Value>) -> Option<&'static str> {
    RESERVED_CLAIMS.into_iter().find(|name| claims.contains_key(*name))
}

/// The header of an access token.
pub(crate) fn header(kid: &str) -> Value {
    json!({ "alg": "RS256", "kid": kid, "typ": "JWT" })
}

/// Signs with RS256 whatever the header says (RFC 7515 §3.1, RFC 7518 §3.3).
pub(crate) fn encode(
    header: &Value,
    claims: &Value,
    material: &Material,
) -> Result<String, SigningUnavailable> {
    let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
    let signature = material.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// The same token with other parts, signed by the current key. `None` if it is not a JWT of ours.
pub(crate) fn reissued(idp: &DevIdp, token: &str, options: &TokenOptions) -> Option<String> {
    let mut parts = token
        .split('.')
        .map(|part| serde_json::from_slice::<Map<String, Value>>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok());
    let (mut header, mut claims) = (parts.next()??, parts.next()??);
    options.override_issued(&mut header, &mut claims, idp.clock().now());
    idp.sign_with(&Value::Object(header), &Value::Object(claims)).ok()
}

impl DevIdp {
    /// The key set as its endpoint answers it.
    #[must_use]
    pub fn jwks_json(&self) -> Value {
        self.with(|state, _| state.keys.to_json())
    }

    /// Signs with the next key from now on; `keep_old` leaves the old ones in the key set. Answers the new `kid`.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn rotate_keys(&self, keep_old: bool) -> Result<String, SigningUnavailable> {
        self.with(|state, now| {
            let kid = state.ids.id("sso_oidc_key_pair", now);
            state.keys.rotate(kid.clone(), keep_old)?;
            Ok(kid)
        })
    }

    /// The `kid` that signs now.
    #[must_use]
    pub fn kid(&self) -> String {
        self.with(|state, _| state.keys.current().kid.clone())
    }

    /// A token with these claims, whatever they are, and an ordinary header.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn sign(&self, claims: &Value) -> Result<String, SigningUnavailable> {
        let key = self.with(|state, _| state.keys.current().clone());
        encode(&header(&key.kid), claims, &key.material)
    }

    /// A token with this header, whatever it says, and these claims; the signature is RS256 by the current key.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn sign_with(&self, header: &Value, claims: &Value) -> Result<String, SigningUnavailable> {
        let key = self.with(|state, _| state.keys.current().clone());
        encode(header, claims, &key.material)
    }

    /// A token whose header names the current key and whose signature is by a key that nobody publishes.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn sign_as_stranger(&self, claims: &Value) -> Result<String, SigningUnavailable> {
        encode(&header(&self.kid()), claims, &*keys::stranger()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    #[test]
    fn a_token_verifies_with_its_key() {
        let keys = KeySet::new("kid".to_owned()).unwrap();
        let key = keys.current();
        let token = encode(&header(&key.kid), &json!({ "sub": "user_1" }), &key.material).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let public = key.material.public_der();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();
    }

    #[test]
    fn every_issuer_form_is_spelt_as_in_the_field() {
        let forms = [
            (IssuerForm::UserManagement, "http://h/user_management/c"),
            (IssuerForm::Origin, "http://h"),
            (IssuerForm::OriginSlash, "http://h/"),
            (IssuerForm::Sso, "http://h/sso/c"),
            (IssuerForm::Convex, "http://h/convex/c"),
            (IssuerForm::DefaultApplication("d".to_owned()), "http://h/user_management/d"),
            (IssuerForm::Fixed("x".to_owned()), "x"),
        ];
        for (form, expected) in forms {
            assert_eq!(form.issuer("http://h", "c"), expected);
        }
    }
}
