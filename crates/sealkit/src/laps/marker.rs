//! The marker: what it holds, and its MAC.

use super::{KEPT, WITHIN};
use crate::refresh::CoordinatorSecrets;
use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use sealkit_core::{
    UnixMillis,
    cookie::{CookieSettings, SetCookie},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Label of the marker's key.
const LABEL: &[u8] = b"sealkit lap marker v1";

/// Longest marker that is looked at.
const MAX_BYTES: usize = 1024;

/// Makes and checks the MACs of markers. Of the coordinator secret and never of the cookie passwords: replicas whose passwords differ
/// are one of the loops.
pub(super) struct LapKey(hmac::Key);

impl LapKey {
    pub(super) fn new(secrets: &CoordinatorSecrets) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &secrets.derived(LABEL)))
    }
}

/// What the browser brings back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Sessions that were stored since the first.
    #[serde(rename = "n")]
    pub(super) laps: u8,
    #[serde(rename = "t")]
    first: u64,
    /// From the first to the last, in milliseconds.
    #[serde(rename = "l")]
    took: u64,
    #[serde(flatten)]
    pub(super) written: Written,
}

/// What the last callback set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// Bytes of names and values.
    #[serde(rename = "b")]
    pub(super) bytes: usize,
    /// Cookies.
    #[serde(rename = "p")]
    pub(super) pieces: usize,
    #[serde(rename = "s")]
    pub(super) secure: bool,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<String>,
    #[serde(rename = "w")]
    pub(super) path: String,
    #[serde(rename = "x")]
    pub(super) same_site: String,
    /// Name of the password that sealed it.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    /// Hash of the session's id.
    #[serde(rename = "i")]
    session: u32,
}

impl Written {
    pub(super) fn of(
        lines: &[SetCookie],
        settings: &CookieSettings,
        password: Option<&str>,
        session_id: &str,
    ) -> Self {
        let set = || lines.iter().filter(|line| !line.is_deletion());
        Self {
            bytes: set().map(SetCookie::name_and_value_bytes).sum(),
            pieces: set().count(),
            secure: settings.secure(),
            domain: settings.domain().map(str::to_owned),
            path: settings.path().to_owned(),
            same_site: settings.same_site().as_str().to_owned(),
            password: password.map(str::to_owned),
            session: hash(session_id),
        }
    }

    /// Whether it was that session.
    pub(super) fn is_of(&self, session_id: &str) -> bool {
        self.session == hash(session_id)
    }
}

impl Marker {
    /// The first lap, or one more than `before` if that is current.
    pub(super) fn after(before: Option<&Self>, written: Written, now: UnixMillis) -> Self {
        match before.filter(|before| before.is_current(now)) {
            Some(before) => Self {
                laps: before.laps.saturating_add(1),
                first: before.first,
                took: u64::try_from(before.age(now).as_millis()).unwrap_or(u64::MAX),
                written,
            },
            None => Self { laps: 1, first: now.as_millis(), took: 0, written },
        }
    }

    /// Its first lap is not too long ago.
    pub(super) fn is_current(&self, now: UnixMillis) -> bool {
        self.age(now) <= WITHIN
    }

    /// How long ago the first lap was. Browsers keep a marker for [`KEPT`]: where it looks older, or younger than nothing, the clock of the
    /// machine that wrote it differs from this one's. That is one of the loops, so only the time that the writer knew counts.
    fn age(&self, now: UnixMillis) -> Duration {
        let took = Duration::from_millis(self.took);
        let last = UnixMillis::from_millis(self.first).saturating_add(took);
        let since = now.saturating_since(last);
        took.saturating_add(if since <= KEPT { since } else { Duration::ZERO })
    }

    pub(super) fn write(&self, key: &LapKey) -> String {
        // Texts and numbers always serialize.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.encode_to_string(payload);
        let mac = hmac::sign(&key.0, payload.as_bytes());
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode_to_string(mac.as_ref()))
    }

    pub(super) fn read(value: &str, key: &LapKey) -> Option<Self> {
        let (payload, mac) = value.split_once('.').filter(|_| value.len() <= MAX_BYTES)?;
        let mac = URL_SAFE_NO_PAD.decode_to_vec(mac).ok()?;
        hmac::verify(&key.0, payload.as_bytes(), &mac).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?).ok()
    }
}

/// FNV-1a, 32 bits: tells sessions apart, and says nothing about the id.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::CoordinatorSecret;
    use proptest::prelude::*;
    use sealkit_core::format::Wire;

    const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

    fn key(secret: &[u8]) -> LapKey {
        LapKey::new(&CoordinatorSecret::new(secret).unwrap().into())
    }

    fn marker() -> Marker {
        let settings = CookieSettings::builder().domain("app.test").build().unwrap();
        let lines = [settings.set("value", Wire::Token).unwrap(), settings.delete()];
        Marker::after(None, Written::of(&lines, &settings, Some("2026"), "session_1"), NOW)
    }

    #[test]
    fn what_was_written_comes_back() {
        let key = key(&[7; 16]);
        let marker = marker();
        assert_eq!(Marker::read(&marker.write(&key), &key), Some(marker.clone()));
        assert_eq!((marker.written.pieces, marker.written.bytes), (1, "wos-sessionvalue".len()));
        assert!(marker.written.is_of("session_1") && !marker.written.is_of("session_2"));
        assert!(marker.write(&key).len() < 400);
    }

    #[test]
    fn nobody_writes_one_without_the_secret() {
        let value = marker().write(&key(&[7; 16]));
        assert_eq!(Marker::read(&value, &key(&[8; 16])), None);
        let (payload, mac) = value.split_once('.').unwrap();
        for other in
            [format!("{payload}."), format!("{payload}A.{mac}"), format!(".{mac}"), payload.to_owned()]
        {
            assert_eq!(Marker::read(&other, &key(&[7; 16])), None, "{other}");
        }
    }

    #[test]
    fn laps_count_together_for_thirty_seconds() {
        let at = |seconds| NOW.saturating_add(Duration::from_secs(seconds));
        let first = marker();
        assert!(first.is_current(at(0)) && first.is_current(at(30)) && !first.is_current(at(31)));
        let second = Marker::after(Some(&first), first.written.clone(), at(20));
        assert_eq!(second.laps, 2);
        assert!(second.is_current(at(30)) && !second.is_current(at(31)));
        let later = Marker::after(Some(&first), first.written.clone(), at(31));
        assert_eq!((later.laps, later.is_current(at(61))), (1, true));
    }

    #[test]
    fn laps_count_on_a_machine_whose_clock_differs() {
        let first = marker();
        for now in
            [NOW.saturating_add(Duration::from_secs(600)), NOW.saturating_sub(Duration::from_secs(600))]
        {
            assert!(first.is_current(now));
            assert_eq!(Marker::after(Some(&first), first.written.clone(), now).laps, 2);
        }
    }

    proptest! {
        #[test]
        fn hostile_text_is_no_marker(value in "\\PC{0,200}", tail in any::<Vec<u8>>()) {
            let key = key(&[7; 16]);
            prop_assert_eq!(Marker::read(&value, &key), None);
            let encoded = URL_SAFE_NO_PAD.encode_to_string(&tail);
            let text = format!("{encoded}.{}", URL_SAFE_NO_PAD.encode_to_string(hmac::sign(&key.0, encoded.as_bytes()).as_ref()));
            // Authentic and nonsense: no panic.
            let _ = Marker::read(&text, &key);
        }
    }
}
