//! Named passwords in order: seal with the first, open with any.

use crate::{
    CookiePassword,
    format::{Prepared, iron::IronKey},
    untrusted::Untrusted,
};
use std::{fmt, sync::Arc};

/// Most passwords that a ring may hold, so that the work for a foreign cookie stays bounded.
pub const MAX_PASSWORDS: usize = 8;

/// Fewest characters of a password, counted as JavaScript does (UTF-16 code units), unless short ones are allowed.
pub const MIN_PASSWORD_CHARACTERS: usize = 32;

/// The id that all WorkOS libraries write, and the one that a password without an id stands for.
pub(crate) const DEFAULT_ID: &str = "1";

/// One password of a [`KeyRing`]: a name for people, an optional id for iron, and what is precomputed from it.
pub struct Key {
    name: Arc<str>,
    id: Option<Arc<str>>,
    prepared: Prepared,
}

impl Key {
    /// The name that people gave it; logs and metrics show it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The iron password id that it was given; without one it stands for `1`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) const fn iron(&self) -> &IronKey {
        &self.prepared.iron
    }

    pub(crate) const fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// The id that iron writes for it, and that it opens.
    pub(crate) fn iron_id(&self) -> &str {
        self.id().unwrap_or(DEFAULT_ID)
    }

    /// Under [`MIN_PASSWORD_CHARACTERS`].
    pub(crate) const fn is_short(&self) -> bool {
        self.prepared.is_short()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Passwords in order: the first seals, every one opens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyRing {
    keys: Arc<[Key]>,
}

impl KeyRing {
    /// A ring to fill.
    pub fn builder() -> KeyRingBuilder {
        KeyRingBuilder::default()
    }

    /// A ring of one password, named `current`.
    ///
    /// # Errors
    /// [`KeyRingError`] when the password is too short.
    pub fn from_password(password: impl Into<CookiePassword>) -> Result<Self, KeyRingError> {
        Self::builder().password("current", password).build()
    }

    /// A ring without any password, for those who seal nothing: it opens nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { keys: Arc::default() }
    }

    /// The keys, in order.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys that a seal with this id may be opened with; a key without an id stands for [`DEFAULT_ID`].
    pub(crate) fn named(&self, id: &str) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.iron_id() == id)
    }
}

/// Collects the passwords of a [`KeyRing`] and checks them all at once.
#[derive(Debug, Default)]
#[must_use]
pub struct KeyRingBuilder {
    entries: Vec<(Arc<str>, Option<Arc<str>>, CookiePassword)>,
    short_passwords: bool,
    floors_by_format: bool,
}

impl KeyRingBuilder {
    /// Adds a password that stands for every seal with the id `1`, which is what all WorkOS libraries write.
    pub fn password(mut self, name: impl Into<Arc<str>>, password: impl Into<CookiePassword>) -> Self {
        self.entries.push((name.into(), None, password.into()));
        self
    }

    /// Adds a password for seals that name this iron id (`[A-Za-z0-9_]+`), and no others.
    pub fn password_with_id(
        mut self,
        name: impl Into<Arc<str>>,
        id: impl Into<Arc<str>>,
        password: impl Into<CookiePassword>,
    ) -> Self {
        self.entries.push((name.into(), Some(id.into()), password.into()));
        self
    }

    /// Lets passwords under 32 characters open. They never seal in a format whose passwords are a text of at least 32 characters
    /// ([`KeyShape::Text32`](crate::format::KeyShape::Text32)); another shape has a length of its own. For tools that look at
    /// old cookies.
    pub const fn with_insecure_short_passwords(mut self) -> Self {
        self.short_passwords = true;
        self
    }

    /// Lets passwords under 32 characters open what the SDKs of a format sealed with them, and nothing else: `go-gcm`,
    /// `php-halite`, `php-signed`, `dotnet-gcm` and `ruby-v7` (before 8.0.1) take any length, the iron formats do not. They
    /// seal no more than with [`with_insecure_short_passwords`](Self::with_insecure_short_passwords). For tools that lead out
    /// of such a password.
    pub const fn with_floors_by_format(mut self) -> Self {
        self.short_passwords = true;
        self.floors_by_format = true;
        self
    }

    /// Checks all entries.
    ///
    /// # Errors
    /// [`KeyRingError`] with every problem at once.
    pub fn build(self) -> Result<KeyRing, KeyRingError> {
        let mut problems = Vec::new();
        if self.entries.is_empty() {
            problems.push(KeyRingProblem::Empty);
        }
        if self.entries.len() > MAX_PASSWORDS {
            problems.push(KeyRingProblem::TooMany { count: self.entries.len() });
        }
        let mut keys: Vec<Key> = Vec::with_capacity(self.entries.len());
        for (name, id, password) in self.entries {
            let characters = password.expose_secret().encode_utf16().count();
            if password.is_empty() {
                problems.push(KeyRingProblem::NoPassword { name: name.to_string() });
            } else if characters < MIN_PASSWORD_CHARACTERS && !self.short_passwords {
                problems.push(KeyRingProblem::TooShort { name: name.to_string(), characters });
            }
            if let Some(id) = id.as_deref()
                && !is_word(id)
            {
                problems.push(KeyRingProblem::BadId { name: name.to_string() });
            }
            if keys.iter().any(|key| key.name == name) {
                problems.push(KeyRingProblem::DuplicateName { name: name.to_string() });
            }
            if id.is_some() && keys.iter().any(|key| key.id == id) {
                problems.push(KeyRingProblem::DuplicateId { name: name.to_string() });
            }
            let mut prepared = Prepared::new(password.expose_secret());
            if self.floors_by_format {
                prepared = prepared.by_format();
            }
            keys.push(Key { name, id, prepared });
        }
        if problems.is_empty() { Ok(KeyRing { keys: keys.into() }) } else { Err(KeyRingError { problems }) }
    }
}

/// Word characters, at least one: what iron allows in a password id.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// One thing that is wrong with a ring's entries. `Display` names the entry and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingProblem {
    /// There is no password at all.
    #[error("no cookie password given; make one with `sealkit key new`")]
    Empty,
    /// More than [`MAX_PASSWORDS`].
    #[error(
        "{count} passwords given, at most {MAX_PASSWORDS} are allowed; remove the ones that open nothing any more"
    )]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// The password is empty.
    #[error("password {:?} is empty; make one with `sealkit key new`", Untrusted::new(.name))]
    NoPassword {
        /// The entry.
        name: String,
    },
    /// Under 32 characters.
    #[error(
        "password {:?} has {characters} characters, at least {MIN_PASSWORD_CHARACTERS} are needed; make one with `sealkit key new`", Untrusted::new(.name)
    )]
    TooShort {
        /// The entry.
        name: String,
        /// Its length in UTF-16 code units.
        characters: usize,
    },
    /// The iron id has other characters than `[A-Za-z0-9_]`.
    #[error("the id of password {:?} may hold letters, digits and underscores only", Untrusted::new(.name))]
    BadId {
        /// The entry.
        name: String,
    },
    /// Two entries of one iron id.
    #[error("the id of password {:?} stands before another password already; a seal names one password", Untrusted::new(.name))]
    DuplicateId {
        /// The second entry.
        name: String,
    },
    /// Two entries of one name.
    #[error("two passwords are named {:?}; give each its own name", Untrusted::new(.name))]
    DuplicateName {
        /// The name.
        name: String,
    },
}

crate::problems::problems_error! {
    /// The passwords do not make a ring.
    KeyRingError of KeyRingProblem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let error = KeyRing::builder()
            .password("a", "short")
            .password("a", "also short")
            .password_with_id("b", "no-dash", "cookie-password-for-tests-only-0123456789")
            .build()
            .unwrap_err();
        insta::assert_snapshot!(error, @r#"password "a" has 5 characters, at least 32 are needed; make one with `sealkit key new`; password "a" has 10 characters, at least 32 are needed; make one with `sealkit key new`; two passwords are named "a"; give each its own name; the id of password "b" may hold letters, digits and underscores only"#);
    }

    #[test]
    fn a_seal_is_opened_with_the_passwords_of_its_id_and_no_id_stands_for_1() {
        let password = |n: u8| format!("cookie-password-for-tests-only-{n}-0123456789");
        let names = |ring: &KeyRing, id: &str| -> Vec<String> {
            ring.named(id).map(|key| key.name().to_owned()).collect()
        };
        let without =
            KeyRing::builder().password("a", password(1).as_str()).password("b", password(2).as_str());
        let ring = without.password_with_id("c", "2", password(3).as_str()).build().unwrap();
        assert_eq!(
            (names(&ring, "1"), names(&ring, "2")),
            (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
        );
        assert!(names(&ring, "3").is_empty() && names(&ring, "default").is_empty());
        let with = KeyRing::builder().password("a", password(1).as_str());
        let ring = with.password_with_id("d", "1", password(4).as_str()).build().unwrap();
        assert_eq!(names(&ring, "1"), ["a", "d"], "what the first one seals must open again");
        let twice = KeyRing::builder().password_with_id("a", "2", password(1).as_str());
        let error = twice.password_with_id("b", "2", password(2).as_str()).build().unwrap_err();
        assert_eq!(error.problems(), [KeyRingProblem::DuplicateId { name: "b".to_owned() }]);
    }

    #[test]
    fn length_counts_utf16_code_units_as_javascript_does() {
        assert!(KeyRing::from_password("é".repeat(32).as_str()).is_ok());
        assert!(KeyRing::from_password("é".repeat(31).as_str()).is_err());
        assert!(KeyRing::from_password("\u{1F511}".repeat(16).as_str()).is_ok());
    }

    #[test]
    fn debug_shows_names_and_no_password() {
        let ring = KeyRing::from_password("cookie-password-for-tests-only-0123456789").unwrap();
        let shown = format!("{ring:?}");
        assert!(shown.contains("current") && !shown.contains("cookie-password"), "{shown}");
    }
}
