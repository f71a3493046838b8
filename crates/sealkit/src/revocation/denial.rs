//! What is denied, and until when.

use sealkit_core::UnixMillis;

/// What is denied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// One session, whatever its tokens say: it was signed out or revoked.
    #[non_exhaustive]
    Session {
        /// The token's `sid`.
        id: Box<str>,
    },
    /// Every token of a user that was issued before this time, and every one that does not say when it was.
    #[non_exhaustive]
    User {
        /// The token's `sub`.
        id: Box<str>,
        /// Tokens from before it are overruled.
        issued_before: UnixMillis,
    },
    /// The same, for an organization.
    #[non_exhaustive]
    Organization {
        /// The token's `org_id`.
        id: Box<str>,
        /// Tokens from before it are overruled.
        issued_before: UnixMillis,
    },
    /// The same, for a user in an organization.
    #[non_exhaustive]
    Membership {
        /// The token's `sub`.
        user_id: Box<str>,
        /// The token's `org_id`.
        organization_id: Box<str>,
        /// Tokens from before it are overruled.
        issued_before: UnixMillis,
    },
}

impl Denial {
    /// One session.
    #[must_use]
    pub fn session(id: impl Into<Box<str>>) -> Self {
        Self::Session { id: id.into() }
    }

    /// A user's tokens from before this time.
    #[must_use]
    pub fn user(id: impl Into<Box<str>>, issued_before: UnixMillis) -> Self {
        Self::User { id: id.into(), issued_before }
    }

    /// An organization's tokens from before this time.
    #[must_use]
    pub fn organization(id: impl Into<Box<str>>, issued_before: UnixMillis) -> Self {
        Self::Organization { id: id.into(), issued_before }
    }

    /// A member's tokens from before this time.
    #[must_use]
    pub fn membership(
        user_id: impl Into<Box<str>>,
        organization_id: impl Into<Box<str>>,
        issued_before: UnixMillis,
    ) -> Self {
        Self::Membership { user_id: user_id.into(), organization_id: organization_id.into(), issued_before }
    }
}

/// A denial and its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DenyEntry {
    /// What is denied.
    pub denial: Denial,
    /// Until when; by then every token that it concerns has ended.
    pub until: UnixMillis,
}

impl DenyEntry {
    /// Denied until then.
    #[must_use]
    pub const fn new(denial: Denial, until: UnixMillis) -> Self {
        Self { denial, until }
    }
}
