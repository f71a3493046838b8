//! A cookie taken apart: what it is, what is inside, what was checked and how it went. Only for looking at.
//!
//! What decides whether a cookie is accepted is [`SessionReader`]; everything here explains its answer. Names, addresses and
//! claims of one's own are hidden unless they are asked for, the refresh token and the signature always.

mod checks;
mod parts;
mod redact;
mod source;

pub(crate) use checks::{Check, Outcome};
pub(crate) use parts::{Member, Token};
pub(crate) use source::{Pasted, Source};

use crate::advice;
use checks::Checks;
use sealkit::{
    Detail, Failure, Key, KeyRing, Reason, UnixMillis,
    cookie::{MAX_COOKIE_BYTES, WARN_COOKIE_BYTES},
    format::{Format, iron},
    session::{DEFAULT_LIMIT, Judgement, SessionReader, UnsealedSession},
    token::{KeySet, TokenPolicy},
};
use serde::Serialize;

/// What to judge by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) pasted: &'a Pasted,
    pub(crate) ring: &'a KeyRing,
    /// `None`: the token cannot be verified.
    pub(crate) keys: Option<&'a KeySet>,
    pub(crate) policy: &'a TokenPolicy,
    pub(crate) now: UnixMillis,
    pub(crate) reveal: bool,
}

/// Everything that can be said about a cookie.
#[derive(Debug, Serialize)]
pub(crate) struct Anatomy {
    pub(crate) source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cookie_name: Option<String>,
    pub(crate) percent_encoded: bool,
    pub(crate) size: Size,
    pub(crate) format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) written_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looks_like: Option<&'static str>,
    pub(crate) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seal_expires_at: Option<u64>,
    pub(crate) members: Vec<Member>,
    pub(crate) token: Option<Token>,
    pub(crate) checks: Vec<Check>,
    pub(crate) verdict: Verdict,
}

/// Bytes, as browsers count them.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Size {
    /// The value, percent-decoded.
    pub(crate) value: usize,
    /// Name and encoded value.
    pub(crate) cookie: usize,
    /// What a browser keeps.
    pub(crate) limit: usize,
}

/// Does it work?
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    /// `None`: it depends on what could not be checked.
    pub(crate) works: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<&'static str>,
    pub(crate) summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

impl Anatomy {
    /// Takes a cookie apart.
    pub(crate) fn of(subject: Subject<'_>) -> Self {
        let Subject { pasted, ring, now, .. } = subject;
        let mut anatomy = Self::outside(pasted);
        let mut checks = Checks::default();
        checks.size(anatomy.size);
        let mut plaintext = Vec::new();
        let opened = if pasted.value.len() > DEFAULT_LIMIT {
            Err(Detail::TooLarge)
        } else {
            iron::open(&pasted.value, ring, now, &mut plaintext)
        };
        let judged = match opened {
            Err(detail) => {
                checks.seal_refused(detail);
                Judged::Refused(Failure::new(Reason::InvalidSessionCookie).with_detail(detail))
            }
            Ok(opened) => {
                let key = opened.key.map_or("none", Key::name);
                anatomy.key = Some(key.to_owned());
                anatomy.seal_expires_at = opened.expires_at.map(UnixMillis::as_secs);
                checks.seal_opened(key, opened.expires_at, now);
                anatomy.inside(plaintext, subject, &mut checks)
            }
        };
        anatomy.checks = checks.into_vec();
        anatomy.verdict = judged.verdict(&anatomy.checks);
        anatomy
    }

    /// What can be seen without a key.
    fn outside(pasted: &Pasted) -> Self {
        let format = pasted.value.starts_with(iron::PREFIX).then_some(Format::Iron);
        let size = Size {
            value: pasted.value.len(),
            cookie: pasted.name.as_deref().map_or(0, str::len) + pasted.encoded_bytes,
            limit: MAX_COOKIE_BYTES,
        };
        Self {
            source: pasted.source,
            cookie_name: pasted.name.clone(),
            percent_encoded: pasted.percent_encoded,
            size,
            format: format.map(Format::id),
            written_by: format.map(Format::writer),
            looks_like: source::looks_like(&pasted.value),
            key: None,
            seal_expires_at: None,
            members: Vec::new(),
            token: None,
            checks: Vec::new(),
            verdict: Verdict { works: None, reason: None, detail: None, summary: String::new(), fix: None },
        }
    }

    fn inside(&mut self, plaintext: Vec<u8>, subject: Subject<'_>, checks: &mut Checks) -> Judged {
        self.members = parts::members(&plaintext, subject.reveal);
        let unsealed = match UnsealedSession::parse(plaintext, Format::Iron.style()) {
            Ok(unsealed) => unsealed,
            Err(detail) => {
                checks.no_session(detail, &self.members);
                return Judged::Refused(Failure::new(Reason::InvalidSessionCookie).with_detail(detail));
            }
        };
        checks.session(&unsealed);
        self.token = Some(Token::of(unsealed.access_token(), subject.reveal));
        let judged = Judged::by(subject);
        checks.token(&unsealed, subject, judged.reason());
        judged
    }

    /// Exit codes and colours: does anything speak against it?
    pub(crate) fn is_refused(&self) -> bool {
        self.verdict.works == Some(false)
    }
}

/// What the reader says.
#[derive(Debug)]
enum Judged {
    Valid,
    Refused(Failure),
    /// There are no keys to verify with.
    Open,
}

impl Judged {
    fn by(subject: Subject<'_>) -> Self {
        let Some(keys) = subject.keys else { return Self::Open };
        let reader = SessionReader::new(subject.ring.clone(), subject.policy.clone());
        match reader.judge(&subject.pasted.value, keys, subject.now) {
            Judgement::Valid { .. } => Self::Valid,
            Judgement::Expired(expired) => {
                Self::Refused(Failure::new(Reason::ExpiredJwt).with_expired(expired))
            }
            Judgement::UnknownKey { .. } => Self::Refused(Failure::new(Reason::UnknownSigningKey)),
            Judgement::Rejected(failure) => Self::Refused(failure),
            _ => Self::Open,
        }
    }

    fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(failure) => Some(failure.reason()),
            Self::Valid | Self::Open => None,
        }
    }

    fn verdict(&self, checks: &[Check]) -> Verdict {
        let verdict = |works, summary: &str| Verdict {
            works,
            reason: None,
            detail: None,
            summary: summary.to_owned(),
            fix: None,
        };
        match self {
            Self::Valid => verdict(Some(true), "this cookie authenticates its user"),
            Self::Refused(failure) => Verdict {
                works: Some(false),
                reason: Some(failure.reason().as_str()),
                detail: failure.detail().map(Detail::as_str),
                summary: failure
                    .detail()
                    .map_or(failure.reason().meaning(), |detail| advice::of_detail(detail).0)
                    .to_owned(),
                fix: advice::of_failure(failure),
            },
            Self::Open => match checks.iter().find(|check| check.result == Outcome::Failed) {
                Some(failed) => Verdict {
                    reason: failed.reason.map(Reason::as_str),
                    fix: failed.reason.and_then(advice::of_reason).map(str::to_owned),
                    ..verdict(Some(false), &failed.note)
                },
                None => Verdict {
                    fix: Some(
                        "give the key set with --jwks FILE, or let it be fetched with --online".to_owned(),
                    ),
                    ..verdict(None, "nothing speaks against it, but the token's signature was not checked")
                },
            },
        }
    }
}

impl Size {
    pub(crate) const fn is_too_large(self) -> bool {
        self.cookie > self.limit
    }

    pub(crate) const fn is_nearly_too_large(self) -> bool {
        self.cookie > WARN_COOKIE_BYTES
    }
}
