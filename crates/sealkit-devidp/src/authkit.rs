//! The environment's AuthKit domain: the issuer of Connect tokens, with a key set of its own.

use crate::{
    DevIdp,
    keys::{self, SigningKey, SigningUnavailable},
    state::State,
};
use serde_json::{Value, json};

impl State {
    /// The key that signs the tokens of the AuthKit domain.
    pub(crate) fn authkit_key(&self) -> Result<SigningKey, SigningUnavailable> {
        if self.settings.authkit_shares_keys {
            return Ok(self.keys.current().clone());
        }
        Ok(SigningKey { kid: self.authkit_kid.clone(), material: keys::authkit()? })
    }

    fn authkit_jwks(&self) -> Result<Value, SigningUnavailable> {
        if self.settings.authkit_shares_keys {
            return Ok(self.keys.to_json());
        }
        Ok(json!({ "keys": [keys::jwk(&self.authkit_key()?)] }))
    }
}

impl DevIdp {
    /// The `iss` of Connect tokens: the origin of the AuthKit domain.
    #[must_use]
    pub fn authkit_issuer(&self) -> String {
        self.with(|state, _| state.settings.authkit_issuer.clone())
    }

    /// The AuthKit domain's key set, as `GET /oauth2/jwks` answers it.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn authkit_jwks_json(&self) -> Result<Value, SigningUnavailable> {
        self.with(|state, _| state.authkit_jwks())
    }
}
