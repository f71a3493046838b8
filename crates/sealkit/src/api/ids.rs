//! Ids that become part of an address.

use std::{fmt, str::FromStr, sync::Arc};

/// Longest id that is accepted, in bytes.
const MAX_ID: usize = 256;

/// A WorkOS client id (`client_…`). Not a secret.
///
/// It stands in the path of the key set's address and in the issuer, so it must be a plain name: see [`InvalidId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Checks and takes a client id.
    ///
    /// # Errors
    /// [`InvalidId`] when it cannot be one part of a path.
    pub fn new(id: &str) -> Result<Self, InvalidId> {
        checked_id(id).map(|id| Self(id.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = InvalidId;

    fn from_str(id: &str) -> Result<Self, InvalidId> {
        Self::new(id)
    }
}

/// The text is no id: empty, over 256 bytes, or with white space, control characters, `/`, `\`, `?`, `#`, `%` or `..` in it.
///
/// An id with `../` in it would lead a request with our credentials to another endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id is empty, too long, or has characters that are not allowed in an id")]
#[non_exhaustive]
pub struct InvalidId;

/// The id, if it can be one part of an address.
pub(crate) fn checked_id(id: &str) -> Result<&str, InvalidId> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '%');
    if id.is_empty() || id.len() > MAX_ID || id == "." || id.contains("..") || id.contains(bad) {
        return Err(InvalidId);
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_change_the_path_are_refused() {
        for id in [
            "",
            ".",
            "..",
            "a/b",
            "../user_management",
            "a\\b",
            "a..b",
            "a b",
            "a\nb",
            "a?b",
            "a#b",
            "%2e%2e",
        ] {
            assert_eq!(ClientId::new(id), Err(InvalidId), "{id:?}");
        }
        assert!(ClientId::new(&"a".repeat(MAX_ID + 1)).is_err());
    }

    #[test]
    fn ordinary_ids_are_taken_as_they_are() {
        for id in ["client_01HXYZ", "client_test", "session-1.2", "é"] {
            assert_eq!(id.parse::<ClientId>().unwrap().as_str(), id);
        }
    }
}
