//! What just happened, told once on the next page. The cookie holds a code of a closed list, never text.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
};
use sealkit::{Reason, cookie};

const COOKIE: &str = "sealkit-demo-flash";

/// What just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flash {
    Refreshed,
    NotRefreshed(Reason),
    Expired,
    KeysRotated,
    WillFail,
    Switched,
    NotSwitched(Reason),
    Impersonated,
    NoLongerImpersonated,
    Failed,
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
}

impl Flash {
    const PLAIN: [(Self, &str); 8] = [
        (Self::Refreshed, "refreshed"),
        (Self::Expired, "expired"),
        (Self::KeysRotated, "keys-rotated"),
        (Self::WillFail, "will-fail"),
        (Self::Switched, "switched"),
        (Self::Impersonated, "impersonated"),
        (Self::NoLongerImpersonated, "no-longer-impersonated"),
        (Self::Failed, "failed"),
    ];

    fn code(self) -> String {
        match self {
            Self::NotRefreshed(reason) => format!("not-refreshed.{reason}"),
            Self::NotSwitched(reason) => format!("not-switched.{reason}"),
            plain => {
                let known = Self::PLAIN.iter().find(|(flash, _)| *flash == plain);
                known.map_or("failed", |(_, code)| code).to_owned()
            }
        }
    }

    fn parse(code: &str) -> Option<Self> {
        if let Some((flash, _)) = Self::PLAIN.iter().find(|(_, known)| *known == code) {
            return Some(*flash);
        }
        let (code, reason) = code.split_once('.')?;
        let reason = reason.parse().ok()?;
        match code {
            "not-refreshed" => Some(Self::NotRefreshed(reason)),
            "not-switched" => Some(Self::NotSwitched(reason)),
            _ => None,
        }
    }

    /// The message that the browser was given with the redirect, if any.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        cookie::candidates(lines, COOKIE).find_map(|code| Self::parse(&code))
    }

    /// Back to the home page, with this message.
    pub(super) fn home(self) -> Response {
        let mut response = Redirect::to("/").into_response();
        let line = format!("{COOKIE}={}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", self.code());
        if let Ok(line) = HeaderValue::try_from(line) {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
        response
    }

    /// Takes the message back once it has been shown.
    pub(super) fn forget(response: &mut Response) {
        let line = HeaderValue::from_static("sealkit-demo-flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        response.headers_mut().append(header::SET_COOKIE, line);
    }

    pub(super) const fn tone(self) -> Tone {
        match self {
            Self::NotRefreshed(_) | Self::NotSwitched(_) | Self::Failed => Tone::Bad,
            _ => Tone::Good,
        }
    }

    pub(super) fn text(self) -> String {
        let text = match self {
            Self::Refreshed => "Refreshed: the refresh token was spent, and the cookie holds the new pair.",
            Self::NotRefreshed(reason) => {
                return format!(
                    "Not refreshed: {reason}, {}. The access token is still valid, so the session is served as it is.",
                    reason.meaning()
                );
            }
            Self::Expired => {
                "The clock went past the end of the access token, for provider and application alike."
            }
            Self::KeysRotated => {
                "The provider signs with a new key; the old one is still published. Refresh to get a token by the new key: \
                 sealkit meets an unknown key id and fetches the key set once."
            }
            Self::WillFail => {
                "The provider will refuse the next refresh once (429, Retry-After 30 s). While the access token is valid you \
                 will not notice; with an expired one the page answers 503 and keeps the cookie."
            }
            Self::Switched => "Switched: same session, another organization, other roles and permissions.",
            Self::NotSwitched(reason) => {
                return format!("Not switched: {reason}, {}. The session is unchanged.", reason.meaning());
            }
            Self::Impersonated => {
                "Somebody of the support team is signed in as you now. The token's claim act says who."
            }
            Self::NoLongerImpersonated => "The impersonation is over; this is a session of your own.",
            Self::Failed => "That did not work; the provider refused it.",
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_survives_its_cookie_and_nothing_else_is_one() {
        let mut all: Vec<Flash> = Flash::PLAIN.iter().map(|(flash, _)| *flash).collect();
        all.extend([Flash::NotRefreshed(Reason::InvalidGrant), Flash::NotSwitched(Reason::SsoRequired)]);
        for flash in all {
            assert_eq!(Flash::parse(&flash.code()), Some(flash));
            assert!(!flash.text().is_empty());
        }
        for other in ["", "x", "not-refreshed", "not-refreshed.<script>", "refreshed.invalid_grant"] {
            assert_eq!(Flash::parse(other), None, "{other}");
        }
    }
}
