//! One line: what was it, and what becomes of it.

use super::report::Tally;
use crate::{
    advice,
    lines::Line,
    opening::{self, Opened},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sealkit::{
    Detail, KeyRing, SystemRandom, UnixMillis,
    cookie::{DEFAULT_NAME, MAX_COOKIE_BYTES, written_len},
    format::{Format, SealError},
    session::{DEFAULT_LIMIT, Loss, payload_in},
    untrusted::escape_json,
};
use serde::Serialize;
use std::{borrow::Cow, time::Duration};

/// Why an unsealed cookie is not sealed.
pub(super) const UNTRUSTED: &str = "an unsealed cookie is not sealed: anybody can write one, and the seal would vouch for what nobody has \
     checked; let the application seal it at the next refresh, with what the API answers, or say --trust-unsealed if every line comes from a \
     place that no visitor writes to";

/// What is to be done with every line.
pub(super) struct Job {
    pub(super) from: Option<Format>,
    pub(super) to: Format,
    pub(super) opening: KeyRing,
    pub(super) sealing: KeyRing,
    pub(super) trust_unsealed: bool,
    pub(super) now: UnixMillis,
}

/// A line that stays what it was.
#[derive(Serialize)]
struct Failed<'l> {
    line: u64,
    reason: &'static str,
    detail: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'l str>,
    /// When it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_base64: Option<String>,
}

/// Why a line is not converted: the stable code, and what to do.
struct Refusal {
    reason: &'static str,
    detail: Cow<'static, str>,
}

impl From<Detail> for Refusal {
    fn from(detail: Detail) -> Self {
        let (meaning, fix) = advice::of_detail(detail);
        Self { reason: detail.as_str(), detail: format!("{meaning}; {fix}").into() }
    }
}

impl From<SealError> for Refusal {
    fn from(error: SealError) -> Self {
        Self { reason: "not_sealed", detail: error.to_string().into() }
    }
}

/// A session as the target holds it.
struct Payload<'r> {
    opened: Opened<'r>,
    text: Cow<'static, str>,
    losses: Vec<Loss>,
}

impl Job {
    /// Converts line `number`: to `out` when it succeeds, else with the reason to `failed`.
    pub(super) fn line(
        &self,
        number: u64,
        line: &[u8],
        out: &mut Vec<u8>,
        failed: &mut Vec<u8>,
        tally: &mut Tally,
    ) {
        let text = std::str::from_utf8(line);
        let outcome = match text {
            Ok(text) => self.convert(text, out, tally),
            Err(_) => Err(Refusal {
                reason: Detail::Malformed.as_str(),
                detail: "the line is not UTF-8 text".into(),
            }),
        };
        let Err(Refusal { reason, detail }) = outcome else { return };
        tally.fail(reason);
        let line = Failed {
            line: number,
            reason,
            detail: &detail,
            input: text.ok(),
            input_base64: text.is_err().then(|| STANDARD.encode(line)),
        };
        // Numbers and texts always have a JSON text.
        if let Ok(line) = serde_json::to_string(&line) {
            failed.extend(escape_json(&line).as_bytes());
            failed.push(b'\n');
        }
    }

    fn convert(&self, text: &str, out: &mut Vec<u8>, tally: &mut Tally) -> Result<(), Refusal> {
        let line = Line::parse(text).ok_or(Refusal {
            reason: Detail::Malformed.as_str(),
            detail: "there is no value in it, or a percent-escape is damaged".into(),
        })?;
        let payload = self.payload(&line.value)?;
        let value = self.seal(&payload)?;
        if value.len() > DEFAULT_LIMIT {
            return Err(Refusal {
                reason: Detail::TooLarge.as_str(),
                detail: format!("it would have {} bytes, and {DEFAULT_LIMIT} are read", value.len()).into(),
            });
        }
        line.write(&value, out);
        let Opened { format, key, expires_at, .. } = payload.opened;
        tally.convert(format, key, payload.losses);
        tally.end_is_lost(expires_at.is_some() && !self.to.holds_an_end());
        tally.end_is_given(expires_at.is_none() && self.to.always_ends());
        tally.is_split(DEFAULT_NAME.len() + written_len(&value, self.to.wire()) > MAX_COOKIE_BYTES);
        Ok(())
    }

    fn payload(&self, value: &str) -> Result<Payload<'_>, Refusal> {
        let opened = opening::open(value, self.from, &self.opening, self.now)?;
        if self.to.is_authenticated() && !opened.session.is_authentic() && !self.trust_unsealed {
            return Err(Refusal { reason: "unsealed", detail: UNTRUSTED.into() });
        }
        if opened.format == self.to && opened.session.style() == self.to.style() {
            // Another password, or the same: not a byte of the payload changes.
            let text = opened.session.expose_text().to_owned().into();
            return Ok(Payload { opened, text, losses: Vec::new() });
        }
        let converted = payload_in(&opened.session, self.to);
        let mut text = converted.payload.to_string();
        // In these the text is the value, and a value is printed.
        if let (Format::PlainJson | Format::SignedJson, Cow::Owned(escaped)) = (self.to, escape_json(&text)) {
            text = escaped;
        }
        Ok(Payload { opened, text: text.into(), losses: converted.losses })
    }

    /// Seals, with the time that the old seal names as far as the new one can.
    fn seal(&self, payload: &Payload<'_>) -> Result<String, SealError> {
        let Opened { sealed_at, expires_at, .. } = payload.opened;
        let now = sealed_at.unwrap_or(self.now);
        let text = match expires_at {
            Some(end) => self.to.wrap(&payload.text, end.saturating_sub(SECOND), SECOND),
            None => self.to.wrap(&payload.text, self.now, Duration::ZERO),
        };
        let end = expires_at.filter(|_| self.to.holds_an_end());
        self.to.seal_until(text.as_bytes(), &self.sealing, now, end, &SystemRandom)
    }

    /// True when `converted` is what this job makes of `input`.
    pub(super) fn made(&self, input: &str, converted: &str) -> bool {
        let (Some(input), Some(converted)) = (Line::parse(input), Line::parse(converted)) else {
            return false;
        };
        let Ok(payload) = self.payload(&input.value) else { return false };
        match opening::open(&converted.value, Some(self.to), &self.sealing, self.now) {
            Ok(opened) => opened.session.expose_text() == payload.text,
            Err(_) => false,
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
