//! What may have sealed when no given password did: each of them slightly changed, and the derived one. Bounded.

use super::diagnosis::Diagnosis;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sealkit::{CookiePassword, KeyRing, MIN_PASSWORD_CHARACTERS};
use sha2::Sha256;

/// Most rings that are tried for one value.
const MOST: usize = 48;

/// A given password with its name; it is never shown.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) password: CookiePassword,
}

/// A ring of one password that was not given as it is.
#[derive(Clone, Debug)]
pub(super) struct Spare {
    pub(super) diagnosis: Diagnosis,
    pub(super) name: String,
    pub(super) ring: KeyRing,
}

/// Everything to try after the ring.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spares {
    given: Vec<Given>,
    derived: Option<CookiePassword>,
    /// The ring holds a stand-in, for no password was given.
    ring_is_empty: bool,
}

impl Spares {
    /// Of these passwords, and the one derived from API key and client id, if both are known.
    pub(crate) const fn new(given: Vec<Given>, derived: Option<CookiePassword>, ring_is_empty: bool) -> Self {
        Self { given, derived, ring_is_empty }
    }

    pub(super) const fn ring_is_empty(&self) -> bool {
        self.ring_is_empty
    }

    /// The derived password, then the changed ones.
    pub(super) fn iter(&self) -> impl Iterator<Item = Spare> {
        let changed = self.given.iter().flat_map(|given| {
            variants(given.password.expose_secret())
                .into_iter()
                .filter_map(|(diagnosis, password)| spare(diagnosis, &given.name, password))
        });
        let derived = self.derived.iter().filter_map(|password| {
            spare(Diagnosis::DerivedPassword, "derived", password.expose_secret().to_owned())
        });
        derived.chain(changed).take(MOST)
    }

    /// Every given password under the iron id `id`.
    pub(super) fn under_id(&self, id: &str) -> impl Iterator<Item = Spare> {
        self.given.iter().filter_map(move |given| {
            let builder =
                KeyRing::builder().password_with_id(given.name.as_str(), id, given.password.clone());
            let ring = builder.with_insecure_short_passwords().build().ok()?;
            Some(Spare { diagnosis: Diagnosis::PasswordId, name: given.name.clone(), ring })
        })
    }

    /// True when a given password makes this HMAC-SHA-256 of `body`, as the cookies of React Router have it.
    pub(super) fn sign(&self, body: &str, signature: &[u8]) -> bool {
        self.given.iter().any(|given| {
            let key = given.password.expose_secret().as_bytes();
            Hmac::<Sha256>::new_from_slice(key)
                .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
        })
    }
}

fn spare(diagnosis: Diagnosis, name: &str, password: String) -> Option<Spare> {
    let builder = KeyRing::builder().password(name, password).with_insecure_short_passwords();
    Some(Spare { diagnosis, name: name.to_owned(), ring: builder.build().ok()? })
}

/// What a password may have been at the writer's, where it is not what it is here.
fn variants(password: &str) -> Vec<(Diagnosis, String)> {
    let mut variants = Vec::new();
    if password.is_empty() {
        return variants;
    }
    if password.encode_utf16().count() < MIN_PASSWORD_CHARACTERS {
        variants.push((Diagnosis::PasswordShort, password.to_owned()));
    }
    let trimmed = password.trim();
    if trimmed != password {
        variants.push((Diagnosis::PasswordSpace, trimmed.to_owned()));
    }
    if let Some(bare) = unquoted(trimmed) {
        variants.push((Diagnosis::PasswordQuotes, bare.to_owned()));
    }
    if trimmed == password {
        variants.push((Diagnosis::PasswordLineEnd, format!("{password}\n")));
        variants.push((Diagnosis::PasswordLineEnd, format!("{password}\r\n")));
    }
    if trimmed.len() == 43 {
        variants.push((Diagnosis::PasswordPadding, format!("{trimmed}=")));
    }
    variants.retain(|(_, variant)| !variant.is_empty());
    variants
}

fn unquoted(password: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| password.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_changed_in_few_ways() {
        let of = |password: &str| -> Vec<(&'static str, String)> {
            variants(password).into_iter().map(|(diagnosis, text)| (diagnosis.code(), text)).collect()
        };
        let long = "cookie-password-for-tests-only-0123456789";
        assert_eq!(of(&format!(" {long} \n")), [("password_white_space", long.to_owned())]);
        assert_eq!(of(&format!("'{long}'"))[0], ("password_quotes", long.to_owned()));
        assert_eq!(of(long).len(), 2, "a line end of either kind");
        assert!(of("x").len() == 3 && of("").is_empty() && of(" ").len() == 1);
    }

    #[test]
    fn no_more_than_a_bounded_number_is_tried() {
        let given = Given { name: "a".to_owned(), password: "x".into() };
        let spares = Spares::new(vec![given; 100], Some("secret-text".into()), false);
        assert_eq!(spares.iter().count(), MOST);
        assert!(!format!("{spares:?}").contains("secret-text"), "no password is shown");
    }
}
