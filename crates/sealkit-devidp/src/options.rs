//! How one token differs from an ordinary token of its kind.

use sealkit_core::UnixMillis;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// For how long a token made with [`TokenOptions::expired`] has been expired.
const EXPIRED_FOR: Duration = Duration::from_secs(60);

/// Overrides for one token of any kind: lifetime, claims and the header's `typ`. The default changes nothing.
///
/// Every `mint_…` call of [`DevIdp`](crate::DevIdp) takes them, and so does
/// [`Fault::access_token`](crate::Fault::access_token). Claims are overridden last, reserved claims included.
///
/// ```
/// use sealkit_devidp::TokenOptions;
/// use std::time::Duration;
///
/// let old_environment = TokenOptions::new().without_claim("auth_time").without_claim("client_id");
/// let access_token_of_rfc_9068 = TokenOptions::new().typ("at+jwt").lifetime(Duration::from_secs(3_600));
/// # let _ = (old_environment, access_token_of_rfc_9068);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "give it to a `mint_…` call or to `Fault::access_token`"]
pub struct TokenOptions {
    lifetime: Option<Duration>,
    expired: bool,
    typ: Option<Option<String>>,
    claims: Vec<(String, Option<Value>)>,
}

impl TokenOptions {
    /// No override.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time from `iat` to `exp`. Production caps it by kind; here any length is allowed.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Makes the token one that expired a minute ago, at the end of its whole lifetime.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Sets the header's `typ`.
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.typ = Some(Some(typ.into()));
        self
    }

    /// Removes `typ` from the header.
    pub fn without_typ(mut self) -> Self {
        self.typ = Some(None);
        self
    }

    /// Sets any claim, reserved claims included.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.push((name.into(), Some(value.into())));
        self
    }

    /// Removes a claim.
    pub fn without_claim(mut self, name: impl Into<String>) -> Self {
        self.claims.push((name.into(), None));
        self
    }

    /// The header of a token whose kind has this `typ`.
    pub(crate) fn header(&self, kid: &str, typ: Option<&str>) -> Value {
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!("RS256"));
        header.insert("kid".to_owned(), json!(kid));
        if let Some(typ) = typ {
            header.insert("typ".to_owned(), json!(typ));
        }
        self.override_typ(&mut header);
        Value::Object(header)
    }

    /// Inserts `exp` and `iat` for a token of a kind that lives this long.
    pub(crate) fn insert_times(&self, claims: &mut Map<String, Value>, lifetime: Duration, now: UnixMillis) {
        let lifetime = self.lifetime.unwrap_or(lifetime);
        let issued = if self.expired { now.saturating_sub(lifetime + EXPIRED_FOR) } else { now };
        claims.insert("exp".to_owned(), json!(issued.saturating_add(lifetime).as_secs()));
        claims.insert("iat".to_owned(), json!(issued.as_secs()));
    }

    /// Overrides the claims, after everything else has been inserted.
    pub(crate) fn override_claims(&self, claims: &mut Map<String, Value>) {
        for (name, value) in &self.claims {
            match value {
                Some(value) => drop(claims.insert(name.clone(), value.clone())),
                None => drop(claims.shift_remove(name)),
            }
        }
    }

    /// Overrides the parts of a token that was already issued.
    pub(crate) fn override_issued(
        &self,
        header: &mut Map<String, Value>,
        claims: &mut Map<String, Value>,
        now: UnixMillis,
    ) {
        let time = |name: &str| claims.get(name).and_then(Value::as_u64).unwrap_or_default();
        let lifetime = Duration::from_secs(time("exp").saturating_sub(time("iat")));
        if self.expired || self.lifetime.is_some() {
            self.insert_times(claims, lifetime, now);
        }
        self.override_typ(header);
        self.override_claims(claims);
    }

    fn override_typ(&self, header: &mut Map<String, Value>) {
        match &self.typ {
            Some(Some(typ)) => drop(header.insert("typ".to_owned(), json!(typ))),
            Some(None) => drop(header.shift_remove("typ")),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::from_secs(10_000);

    fn issued(options: &TokenOptions) -> (Value, Value) {
        let mut header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
        let mut claims = Map::new();
        TokenOptions::new().insert_times(&mut claims, Duration::from_secs(300), NOW);
        options.override_issued(&mut header, &mut claims, NOW);
        (Value::Object(header), Value::Object(claims))
    }

    #[test]
    fn default_options_change_nothing() {
        let (header, claims) = issued(&TokenOptions::new());
        assert_eq!((header, claims), (json!({ "typ": "JWT" }), json!({ "exp": 10_300, "iat": 10_000 })));
    }

    #[test]
    fn expired_token_keeps_its_lifetime() {
        let (_, claims) = issued(&TokenOptions::new().expired());
        assert_eq!(claims, json!({ "exp": 9_940, "iat": 9_640 }));
        let (_, claims) = issued(&TokenOptions::new().expired().lifetime(Duration::from_secs(40)));
        assert_eq!(claims, json!({ "exp": 9_940, "iat": 9_900 }));
    }

    #[test]
    fn last_override_of_a_claim_wins() {
        let options =
            TokenOptions::new().claim("iat", 1).without_claim("exp").claim("exp", "x").without_typ();
        assert_eq!(issued(&options), (json!({}), json!({ "iat": 1, "exp": "x" })));
        let (header, _) = issued(&options.typ("at+jwt"));
        assert_eq!(header, json!({ "typ": "at+jwt" }));
    }
}
