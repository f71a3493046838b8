//! Sign-ins that do not come to an end: signed in, sent back, no session, sent to sign in again.
//!
//! ```text
//! callback ─► note_lap: a small cookie beside the session   laps, time of the first, what the answer set
//! start    ─► before_sign_in: the third within 30 s ─► Loop       the cause that was measured; nothing is started
//! request  ─► end_laps: the first that is authenticated deletes the cookie
//! ```
//!
//! The cookie is authentic, and it holds nothing about the user but a hash of the session's id. Without it a sign-in loop makes a
//! session at WorkOS in every lap, for as long as the browser follows.

mod cause;
mod marker;

pub use cause::{Cause, Loop};

use crate::{Arrival, Sealkit};
use marker::{LapKey, Marker, Written};
use sealkit_core::{
    Session, UnixMillis,
    cookie::{CookieLine, CookieSettings, Presence, SameSite, SetCookie, candidates},
    sign_in::VerifierCookies,
};
use std::time::Duration;
use url::Url;

/// The marker's name; `__Host-` stands before it where the session cookie is `Secure`.
pub const COOKIE: &str = "sealkit-lap";

/// The same for a `Secure` cookie.
const SECURE_COOKIE: &str = "__Host-sealkit-lap";

/// How long the browser keeps the marker.
const KEPT: Duration = Duration::from_secs(60);

/// Laps count together if they begin within this time.
pub const WITHIN: Duration = Duration::from_secs(30);

/// Starts without a callback, within the same time, that make a loop.
pub const STARTS_WITHOUT_CALLBACK: usize = 5;

impl Sealkit {
    /// At a callback: the marker's line, to be sent beside `lines`, which store `session`. `cookies` are the request's `Cookie` lines.
    ///
    /// None where laps are not counted ([`ConfigBuilder::loop_laps`](crate::ConfigBuilder::loop_laps) is 0).
    #[must_use = "a loop is found only if the browser keeps the marker"]
    pub fn note_lap<'h, I>(&self, cookies: I, session: &Session, lines: &[SetCookie]) -> Option<SetCookie>
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        if self.config().loop_laps() == 0 {
            return None;
        }
        let now = self.now();
        let reader = self.reader();
        let password = reader.encoding().seal_info(reader.ring(), now).key;
        let written = Written::of(lines, self.config().cookie(), password.as_deref(), session.id());
        let marker = Marker::after(self.marker(cookies).as_ref(), written, self.api_time());
        self.marker_settings()?.set(&marker.write(&self.lap_key())).ok()
    }

    /// The loop that the browser is in, if it is in one.
    pub(crate) fn find_loop<'h, I>(&self, cookies: I, arrival: &Arrival<'_>) -> Option<Loop>
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let allowed = self.config().loop_laps();
        if allowed == 0 {
            return None;
        }
        let now = self.now();
        let marker = self.marker(cookies.clone()).filter(|marker| marker.is_current(self.api_time()));
        if let Some(marker) = marker.filter(|marker| marker.laps.saturating_add(1) >= allowed) {
            let present = Presence::of(cookies, self.config().cookie().name());
            return Some(self.cause_of(&marker, present, arrival));
        }
        // Tabs that the user opens side by side begin as many sign-ins as they are; a loop comes from WorkOS each time.
        if arrival.is_own {
            return None;
        }
        let reader = self.reader();
        let begun = VerifierCookies::new(self.config().cookie()).begun_since(
            cookies,
            reader.ring(),
            now.saturating_sub(WITHIN),
            now,
        );
        (begun.saturating_add(1) >= STARTS_WITHOUT_CALLBACK)
            .then(|| Loop::without_callback(self.config().redirect_uri().map(Url::as_str)))
    }

    /// The deletion of the marker, if the browser has it: for the first answer to a request that is authenticated, for a sign-out,
    /// and for the answer that told of the loop.
    #[must_use = "a marker that stays counts against the next sign-in"]
    pub fn end_laps<'h, I>(&self, cookies: I) -> Option<SetCookie>
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let settings = self.marker_settings()?;
        candidates(cookies, settings.name()).next()?;
        Some(settings.delete())
    }

    fn marker<'h, I>(&self, cookies: I) -> Option<Marker>
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let name = if self.config().cookie().secure() { SECURE_COOKIE } else { COOKIE };
        let key = self.lap_key();
        candidates(cookies, name).find_map(|value| Marker::read(&value, &key))
    }

    /// The time by the API's clock, as far as it is known: the one that machines share whose own clocks differ, which is one of the loops.
    fn api_time(&self) -> UnixMillis {
        let now = self.now();
        self.clock_skew().map_or(now, |skew| {
            if skew.ours_behind_ms < 0 {
                now.saturating_sub(skew.apart())
            } else {
                now.saturating_add(skew.apart())
            }
        })
    }

    fn lap_key(&self) -> LapKey {
        LapKey::new(self.coordinator_secrets())
    }

    /// The attributes of the marker. Those that may keep the session cookie from coming back are not taken over.
    fn marker_settings(&self) -> Option<CookieSettings> {
        let secure = self.config().cookie().secure();
        CookieSettings::builder()
            .name(if secure { SECURE_COOKIE } else { COOKIE })
            .secure(secure)
            .same_site(SameSite::Lax)
            .max_age(KEPT)
            .build()
            .ok()
    }

    fn cause_of(&self, marker: &Marker, present: Presence<'_>, arrival: &Arrival<'_>) -> Loop {
        let reader = self.reader();
        let names: Vec<&str> = reader.ring().keys().iter().map(sealkit_core::Key::name).collect();
        cause::measure(&cause::Measured {
            laps: marker.laps,
            written: &marker.written,
            present,
            arrival,
            passwords: &names,
            skew: self.clock_skew(),
        })
    }
}

#[cfg(test)]
mod tests;
