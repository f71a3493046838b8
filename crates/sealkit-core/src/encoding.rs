//! What an application reads and writes: the policy, its downgrade guard, and how a fleet moves from one format to another.

use crate::{
    Key, KeyRing, UnixMillis,
    format::{Format, FormatSet, KeyShapeError},
    session::SealInfo,
};

/// Which formats session cookies are read in, and which one they are written in.
///
/// Reading is an allow-list. The default reads every format that is sealed and cheap to try, as far as the ring has a password
/// of the right shape, and writes `iron`. What is costly (`dotnet-gcm`), only signed (`php-signed`, `signed-json`) or not
/// protected at all (`plain-json`, `b64url-json`) is read only when it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodingPolicy {
    /// What is written.
    pub write: Format,
    /// What is read.
    pub read: FormatSet,
    /// From then on unsealed cookies are refused: the end of a migration from unsealed to sealed.
    pub unsealed_until: Option<UnixMillis>,
    /// When a cookie that is not what would be written now is written anew.
    pub rewrite: Rewrite,
}

/// When a cookie of another format or password than the one to be written is written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rewrite {
    /// With the next answer that sets the cookie anyway: a refresh, within the life of an access token.
    #[default]
    WithNextCookie,
    /// As soon as it is read, on a request whose answer can carry a cookie.
    ///
    /// An unsealed cookie is never sealed so: nobody but the API can say what its user is. It waits for the next refresh.
    OnRead,
}

impl Default for EncodingPolicy {
    fn default() -> Self {
        Self::writing(Format::Iron)
    }
}

impl EncodingPolicy {
    /// Writes `format`, and reads it and every format that is read by default.
    #[must_use]
    pub fn writing(format: Format) -> Self {
        Self {
            write: format,
            read: FormatSet::sealed().with(format),
            unsealed_until: None,
            rewrite: Rewrite::default(),
        }
    }

    /// Replaces what is read.
    #[must_use]
    pub const fn with_read(mut self, formats: FormatSet) -> Self {
        self.read = formats;
        self
    }

    /// Refuses unsealed cookies from then on.
    #[must_use]
    pub const fn with_unsealed_until(mut self, end: Option<UnixMillis>) -> Self {
        self.unsealed_until = end;
        self
    }

    /// Sets when cookies are written anew.
    #[must_use]
    pub const fn with_rewrite(mut self, rewrite: Rewrite) -> Self {
        self.rewrite = rewrite;
        self
    }

    /// True when values of this format are read now.
    #[must_use]
    pub fn reads(&self, format: Format, now: UnixMillis) -> bool {
        self.read.contains(format)
            && (format.is_authenticated() || self.unsealed_until.is_none_or(|end| now < end))
    }

    /// True when nothing that is read or written needs a password.
    #[must_use]
    pub fn is_unsealed(&self) -> bool {
        !self.write.is_authenticated() && !self.read.iter().any(Format::is_authenticated)
    }

    /// A ring must hold a key of the format that is written.
    ///
    /// # Errors
    /// [`KeyShapeError`] with the rule, and the command that makes a right password.
    pub fn check_ring(&self, ring: &KeyRing) -> Result<(), KeyShapeError> {
        if !self.write.is_authenticated() || self.write.sealing_key(ring).is_some() {
            return Ok(());
        }
        Err(KeyShapeError { format: self.write })
    }

    /// The format for a pair of tokens that nobody may act on yet: its access token cannot be verified, or is refused.
    ///
    /// It is the format that is written, unless every reader of that format believes the seal
    /// ([`Format::is_believed_when_sealed`]). Then it is the first sealed format that is read here, that its readers verify, and
    /// that the ring can seal: `iron`, by default. None if no such format is read; then the pair must not be sealed at all.
    #[must_use]
    pub fn format_of_unproven(&self, ring: &KeyRing, now: UnixMillis) -> Option<Format> {
        if !self.write.is_believed_when_sealed() {
            return Some(self.write);
        }
        let fits = |format: &Format| {
            format.is_read_by_default()
                && !format.is_believed_when_sealed()
                && self.reads(*format, now)
                && format.sealing_key(ring).is_some()
        };
        self.read.iter().find(fits)
    }

    /// How a cookie that is written now is sealed.
    #[must_use]
    pub fn seal_info(&self, ring: &KeyRing, now: UnixMillis) -> SealInfo {
        SealInfo::new(self.write, self.write.sealing_key(ring).map(Key::shared_name), Some(now))
    }

    /// True when a cookie that was sealed so is what would be written now: container, password, and how the members are named.
    #[must_use]
    pub fn is_current(&self, seal: &SealInfo, ring: &KeyRing) -> bool {
        // Under one password, what Go and the crate seal is the same; nobody can tell whose it is.
        seal.format.shares_container_with(self.write)
            && seal.names == self.write.style()
            && seal.key.as_deref() == self.write.sealing_key(ring).map(Key::name)
    }

    /// True when a cookie that was sealed so is to be written anew as soon as it is read.
    #[must_use]
    pub fn is_rewritten_on_read(&self, seal: &SealInfo, ring: &KeyRing) -> bool {
        self.rewrite == Rewrite::OnRead
            && !self.is_current(seal, ring)
            && (seal.format.is_authenticated() || !self.write.is_authenticated())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const PASSWORD: &str = "cookie-password-for-tests-only-0123456789";

    #[test]
    fn unsealed_formats_are_read_when_named_and_until_their_end() {
        let now = UnixMillis::from_secs(1000);
        let policy = EncodingPolicy::default();
        assert!(policy.reads(Format::Iron, now) && !policy.reads(Format::PlainJson, now));
        let named = policy.with_read(FormatSet::sealed().with(Format::PlainJson));
        assert!(named.reads(Format::PlainJson, now));
        let ending = named.with_unsealed_until(Some(UnixMillis::from_secs(1001)));
        assert!(ending.reads(Format::PlainJson, now));
        assert!(!ending.reads(Format::PlainJson, UnixMillis::from_secs(1001)));
        assert!(ending.reads(Format::Iron, UnixMillis::from_secs(1001)));
    }

    #[test]
    fn unproven_pairs_are_never_sealed_where_the_seal_is_believed() {
        let now = UnixMillis::from_secs(1000);
        let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let ring = KeyRing::from_password(hex).unwrap();
        for format in Format::ALL.iter().copied().filter(|format| format.sealing_key(&ring).is_some()) {
            let policy = EncodingPolicy::writing(format);
            let expected = if format.is_believed_when_sealed() { Format::Iron } else { format };
            assert_eq!(policy.format_of_unproven(&ring, now), Some(expected), "{format}");
        }
        // The crate's seals are Go's under the same password.
        let only = FormatSet::EMPTY.with(Format::GoGcm).with(Format::RustGcm).with(Format::PlainJson);
        let policy = EncodingPolicy::writing(Format::GoGcm).with_read(only);
        assert_eq!(policy.format_of_unproven(&ring, now), None);
        let also = policy.with_read(only.with(Format::RubyV7));
        assert_eq!(also.format_of_unproven(&ring, now), Some(Format::RubyV7));
    }

    #[test]
    fn a_cookie_is_written_anew_when_format_or_password_is_another_and_never_sealed_unproven() {
        let other = "another-password-for-tests-only-0123456789";
        let ring = KeyRing::builder().password("new", PASSWORD).password("old", other).build().unwrap();
        let seal = |format, key: Option<&str>| SealInfo::new(format, key.map(Arc::from), None);
        let policy = EncodingPolicy::default();
        assert!(policy.is_current(&seal(Format::Iron, Some("new")), &ring));
        assert!(!policy.is_current(&seal(Format::Iron, Some("old")), &ring));
        assert!(!policy.is_rewritten_on_read(&seal(Format::Iron, Some("old")), &ring));
        let policy = policy.with_rewrite(Rewrite::OnRead);
        assert!(policy.is_rewritten_on_read(&seal(Format::Iron, Some("old")), &ring));
        assert!(policy.is_rewritten_on_read(&seal(Format::GoGcm, Some("new")), &ring));
        assert!(!policy.is_rewritten_on_read(&seal(Format::PlainJson, None), &ring));
        let unsealing = EncodingPolicy { write: Format::PlainJson, ..policy };
        assert!(unsealing.is_rewritten_on_read(&seal(Format::Iron, Some("new")), &ring));
        assert!(unsealing.is_current(&seal(Format::PlainJson, None), &ring));
    }
}
