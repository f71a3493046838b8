//! A request as the store sees it: where to look, and in whose name.

use crate::RedisSettings;
use sealkit::{
    SecureRandom, SystemRandom,
    refresh::{GrantRequest, Place},
};

/// One attempt to have a refresh token's grant made once.
#[derive(Debug)]
pub(crate) struct Meeting {
    pub(crate) request: GrantRequest,
    /// The key of its place.
    pub(crate) key: String,
    /// The keys of the older places.
    pub(crate) older: Vec<String>,
    /// Whose lease that of this attempt is, like no other: whoever finds it again after a lost reply knows that it has the place.
    pub(crate) holder: [u8; 16],
}

impl Meeting {
    /// `None` when this machine gives no random bytes: then nothing could be sealed either.
    pub(crate) fn new(request: GrantRequest, settings: &RedisSettings) -> Option<Self> {
        let mut holder = [0; 16];
        SystemRandom.fill(&mut holder).ok()?;
        let key = settings.place(request.key());
        let older = request.older.iter().map(|place| settings.place(&place.key)).collect();
        Some(Self { request, key, older, holder })
    }

    /// The older places.
    pub(crate) fn older_places(&self) -> impl Iterator<Item = (&Place, &str)> {
        self.request.older.iter().zip(self.older.iter().map(String::as_str))
    }

    /// Every place, its own first.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Place, &str)> {
        std::iter::once((&self.request.place, self.key.as_str())).chain(self.older_places())
    }
}
