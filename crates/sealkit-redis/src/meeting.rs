//! A request as the store sees it: where to look, and in whose name.

use crate::{RedisSettings, record::LEASE};
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
    /// The lease of this attempt, like no other: whoever finds it again after a lost reply knows that it has the place.
    pub(crate) lease: Vec<u8>,
}

impl Meeting {
    /// `None` when this machine gives no random bytes: then nothing could be sealed either.
    pub(crate) fn new(request: GrantRequest, settings: &RedisSettings) -> Option<Self> {
        let mut lease = vec![LEASE; 17];
        SystemRandom.fill(lease.get_mut(1..)?).ok()?;
        let key = settings.place(request.key());
        let older = request.older.iter().map(|place| settings.place(&place.key)).collect();
        Some(Self { request, key, older, lease })
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
