//! Where the cookie passwords come from: one, a named list, a file with such a list, or the upstream's derivation.

use super::{
    env::{self, Environment, Given},
    password_list::{PasswordsFile, from_list},
    problem::Problem,
};
use crate::api::ClientId;
use sealkit_core::{
    ApiKey, CookiePassword, EncodingPolicy, KeyRing, KeyRingError, KeyRingProblem, MIN_PASSWORD_CHARACTERS,
};
use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// What the upstream's proposals begin a derived password with.
const DERIVED: &str = "wos-ck:";

/// What to do about a password that is missing.
const MAKE_ONE: &str = "make a password with `sealkit key new` and set it";

/// The variables that passwords come from.
pub(super) const VARIABLES: &[&str] =
    &[env::COOKIE_PASSWORD, env::COOKIE_PASSWORDS, env::COOKIE_PASSWORDS_FILE];

/// Where the passwords of a configuration came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordSource {
    /// They were given.
    Configured,
    /// None was given: it is `wos-ck:`, the API key, `:` and the client id, as open branches of the JavaScript libraries do it.
    Derived,
    /// There is none, and nothing needs one: cookies are unsealed only, and without a redirect URI nobody signs in here.
    Unneeded,
}

/// Passwords as they were given. `Debug` shows none of them.
#[derive(Clone, Debug)]
pub(super) enum Passwords {
    One(Given<CookiePassword>),
    List(Given<SecretList>),
    File(Given<PathBuf>),
    Ring(KeyRing),
}

/// A list that is all secret.
#[derive(Clone)]
pub(super) struct SecretList(Zeroizing<String>);

impl SecretList {
    pub(super) fn new(list: String) -> Self {
        Self(Zeroizing::new(list))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretList([redacted])")
    }
}

/// The ring, and what is to be said of it.
pub(super) struct CheckedPasswords {
    pub(super) ring: KeyRing,
    pub(super) setting: &'static str,
    pub(super) source: PasswordSource,
    pub(super) file: Option<PasswordsFile>,
}

/// What decides whether there can be a password although none is given.
pub(super) struct Surroundings<'a> {
    /// An API key is given, right or wrong.
    pub(super) has_api_key: bool,
    pub(super) api_key: Option<&'a ApiKey>,
    pub(super) client_id: Option<&'a ClientId>,
    pub(super) encoding: &'a EncodingPolicy,
    pub(super) signs_in: bool,
}

impl Passwords {
    /// What the environment gives: in one way only.
    pub(super) fn from_env<L: Fn(&str) -> Option<String>>(
        environment: &mut Environment<'_, L>,
    ) -> Option<Self> {
        let one = environment.filled(env::COOKIE_PASSWORD);
        let list = environment.filled(env::COOKIE_PASSWORDS);
        let file = environment.filled(env::COOKIE_PASSWORDS_FILE);
        let given: Vec<_> = [&one, &list, &file].into_iter().flatten().map(|given| given.setting).collect();
        if let [first, others @ ..] = given.as_slice()
            && !others.is_empty()
        {
            let problem = format!("is set beside {}", others.join(" and "));
            let fix = "set one of them only; a list takes every password, the one that seals first";
            environment.problems.push(Problem::new(*first, problem, fix));
        }
        let file = file.map(|given| Self::File(Given::new(given.setting, given.value.into())));
        let list = list.map(|given| Self::List(Given::new(given.setting, SecretList::new(given.value))));
        let one = one.map(|given| Self::One(Given::new(given.setting, given.value.into())));
        file.or(list).or(one)
    }

    /// The ring; what is wrong goes to `problems`.
    pub(super) fn check(self, problems: &mut Vec<Problem>) -> Option<CheckedPasswords> {
        let configured = |ring, setting, file| CheckedPasswords {
            ring,
            setting,
            source: PasswordSource::Configured,
            file,
        };
        let checked = match self {
            Self::Ring(ring) => Ok(configured(ring, "key_ring", None)),
            Self::One(Given { setting, value }) => KeyRing::from_password(value)
                .map(|ring| configured(ring, setting, None))
                .map_err(|error| error.problems().iter().map(|found| problem(setting, found)).collect()),
            Self::List(Given { setting, value }) => {
                from_list(setting, value.expose()).map(|ring| configured(ring, setting, None))
            }
            Self::File(Given { setting, value }) => {
                PasswordsFile::open(setting, value).map(|(file, ring)| configured(ring, setting, Some(file)))
            }
        };
        checked.map_err(|mut found: Vec<Problem>| problems.append(&mut found)).ok()
    }
}

impl Surroundings<'_> {
    /// No password was given: the upstream's derivation, where there is something to derive from, or none where none is needed.
    pub(super) fn without_password(self, problems: &mut Vec<Problem>) -> Option<CheckedPasswords> {
        if problems.iter().any(|problem| VARIABLES.contains(&problem.setting())) {
            return None;
        }
        let mut missing = |problem| problems.push(Problem::new(env::COOKIE_PASSWORD, problem, MAKE_ONE));
        let (ring, source) = if self.has_api_key {
            // What is wrong with the API key or the client id has been told; there will be a password when it is mended.
            let Ok(ring) = derived(self.api_key?, self.client_id?) else {
                missing("is not set, and API key and client id are too short to derive one from");
                return None;
            };
            (ring, PasswordSource::Derived)
        } else if self.encoding.is_unsealed() && !self.signs_in {
            (KeyRing::empty(), PasswordSource::Unneeded)
        } else if self.encoding.is_unsealed() {
            missing(
                "is not set, and without an API key none can be derived; sign-ins are sealed in every mode",
            );
            return None;
        } else {
            missing("is not set, and without an API key none can be derived");
            return None;
        };
        Some(CheckedPasswords { ring, setting: env::COOKIE_PASSWORD, source, file: None })
    }
}

/// The password that stands in when none is configured at all. Whoever has the API key can act as every user anyway.
fn derived(api_key: &ApiKey, client_id: &ClientId) -> Result<KeyRing, KeyRingError> {
    let password = Zeroizing::new(format!("{DERIVED}{}:{}", api_key.expose_secret(), client_id.as_str()));
    KeyRing::builder().password("derived", password.as_str()).build()
}

/// What is wrong with the one password of a setting.
fn problem(setting: &'static str, problem: &KeyRingProblem) -> Problem {
    let KeyRingProblem::TooShort { characters, .. } = problem else {
        return Problem::from_message(setting, problem);
    };
    let problem = format!("has {characters} characters, at least {MIN_PASSWORD_CHARACTERS} are needed");
    Problem::new(setting, problem, "make one with `sealkit key new`")
}
