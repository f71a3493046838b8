//! From what becomes of the cookie to the lines that do it.

use super::Sealkit;
use sealkit_core::{
    CookieAction, Failure, Reason, Untrusted,
    cookie::{Presence, SetCookie},
    session::SessionReader,
};
use url::Url;

/// How many of the largest members are named when a session is too large.
const NAMED: usize = 4;

impl Sealkit {
    /// The `Set-Cookie` lines that carry out `action` for a browser that holds the cookies `present`: one cookie or several, and
    /// what has become stale deleted, also in other scopes ([`Presence::sent_to`]). Send all of them, in this order.
    ///
    /// # Errors
    /// [`Reason::CookieTooLarge`], with the largest members in its hint. Nothing is to be sent then: what the browser has stays.
    pub fn set_cookies(
        &self,
        action: &CookieAction,
        present: Presence<'_>,
    ) -> Result<Vec<SetCookie>, Failure> {
        let settings = self.inner.config.cookie();
        let present = present.or_host(self.inner.config.redirect_uri().and_then(Url::host_str));
        let sealed = match action {
            CookieAction::Set(sealed) => sealed.expose_secret(),
            CookieAction::Clear => return Ok(settings.clears(present)),
            _ => return Ok(Vec::new()),
        };
        let limit = self.inner.config.max_cookie_value();
        if sealed.len() > limit {
            let bytes = sealed.len();
            let why = format!(
                "the session has {bytes} bytes, and no more than {limit} are read here (`max_cookie_value`)"
            );
            return Err(self.too_large(&why, sealed));
        }
        let lines =
            settings.writes(sealed, present).map_err(|error| self.too_large(&error.to_string(), sealed))?;
        let set = || lines.iter().filter(|line| !line.is_deletion());
        if set().count() > 1 || lines.iter().any(SetCookie::nearly_too_large) {
            let bytes: usize = set().map(SetCookie::name_and_value_bytes).sum();
            tracing::warn!(
                bytes,
                cookies = set().count(),
                largest = self.largest(sealed),
                "the session does not fit, or only just, into one cookie that browsers keep"
            );
        }
        Ok(lines)
    }

    fn too_large(&self, why: &str, sealed: &str) -> Failure {
        let largest = self.largest(sealed);
        Failure::new(Reason::CookieTooLarge).with_hint(format!(
            "{why}; largest: {largest}. Store less in the user's metadata or in the token's claims"
        ))
    }

    /// The members that make it large, in bytes of the payload. Names only.
    fn largest(&self, sealed: &str) -> String {
        let reader = SessionReader::clone(&self.reader()).with_limit(usize::MAX);
        let Ok((unsealed, _)) = reader.unseal(sealed, self.now()) else { return "unknown".to_owned() };
        let members = unsealed.sizes();
        let named: Vec<String> = members
            .iter()
            .take(NAMED)
            .map(|(member, bytes)| format!("{} {bytes}", Untrusted::new(member)))
            .collect();
        named.join(", ")
    }
}
