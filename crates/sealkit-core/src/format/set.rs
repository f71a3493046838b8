//! A set of formats: what an application reads.

use super::{Format, UnknownFormat};
use std::{fmt, str::FromStr};

/// A set of formats, in the order of [`Format::ALL`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FormatSet(u32);

impl FormatSet {
    /// No format.
    pub const EMPTY: Self = Self(0);

    /// Every format that is sealed and cheap to try: what is read unless something else is named.
    #[must_use]
    pub fn sealed() -> Self {
        Format::ALL.iter().copied().filter(|format| format.is_read_by_default()).collect()
    }

    /// Every format that protects nothing.
    #[must_use]
    pub fn unsealed() -> Self {
        Format::ALL.iter().copied().filter(|format| !format.is_authenticated()).collect()
    }

    /// This set and every format of `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Every format there is.
    #[must_use]
    pub fn all() -> Self {
        Format::ALL.iter().copied().collect()
    }

    /// This set and `format`.
    #[must_use]
    pub const fn with(self, format: Format) -> Self {
        Self(self.0 | Self::bit(format))
    }

    /// This set without `format`.
    #[must_use]
    pub const fn without(self, format: Format) -> Self {
        Self(self.0 & !Self::bit(format))
    }

    /// True when `format` is in it.
    #[must_use]
    pub const fn contains(self, format: Format) -> bool {
        self.0 & Self::bit(format) != 0
    }

    /// True when nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The formats in it.
    pub fn iter(self) -> impl Iterator<Item = Format> {
        Format::ALL.iter().copied().filter(move |format| self.contains(*format))
    }

    const fn bit(format: Format) -> u32 {
        1 << format.number()
    }
}

impl FromIterator<Format> for FormatSet {
    fn from_iter<I: IntoIterator<Item = Format>>(formats: I) -> Self {
        formats.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Display for FormatSet {
    /// The ids, with commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, format) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(format.id())?;
        }
        Ok(())
    }
}

impl fmt::Debug for FormatSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Format::id)).finish()
    }
}

impl FromStr for FormatSet {
    type Err = UnknownFormat;

    /// Ids with commas between them; spaces around them do not count.
    fn from_str(list: &str) -> Result<Self, UnknownFormat> {
        list.split(',').map(|id| id.trim().parse()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_written_and_read_by_ids() {
        let set: FormatSet = "python-fernet, iron".parse().unwrap();
        assert_eq!(set.to_string(), "iron,python-fernet");
        assert!(set.contains(Format::Iron) && !set.contains(Format::GoGcm) && !set.is_empty());
        assert_eq!("iron,".parse::<FormatSet>(), Err(UnknownFormat));
        assert_eq!(FormatSet::all().without(Format::Iron).with(Format::Iron), FormatSet::all());
        assert_eq!(FormatSet::all().iter().count(), Format::ALL.len());
        assert_eq!(set.union("iron,go-gcm".parse().unwrap()).to_string(), "iron,python-fernet,go-gcm");
    }

    #[test]
    fn what_is_costly_or_not_sealed_is_read_only_when_it_is_named() {
        let named_only: Vec<_> = Format::ALL
            .iter()
            .filter(|format| !FormatSet::sealed().contains(**format))
            .map(|f| f.id())
            .collect();
        assert_eq!(named_only, ["php-signed", "dotnet-gcm", "signed-json", "plain-json", "b64url-json"]);
    }
}
