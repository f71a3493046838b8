//! Does it work? What the reader decides, and the finding that explains it.

use super::{Subject, checks::Checks, diagnosis::Diagnosis, finding::Finding};
use crate::advice;
use sealkit::{
    Detail, EncodingPolicy, Failure, Reason, UnsealedSession,
    format::{Format, FormatSet},
    session::{Judgement, SealInfo, SessionReader},
};
use serde::Serialize;

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
    #[serde(skip)]
    finding: Option<Finding>,
}

impl Verdict {
    /// Before anything is known.
    pub(super) const fn none() -> Self {
        Self { works: None, reason: None, detail: None, summary: String::new(), fix: None, finding: None }
    }

    fn of(works: Option<bool>, finding: Finding) -> Self {
        let fix = (works != Some(true)).then(|| finding.fix().to_owned());
        Self { works, summary: finding.says(), fix, finding: Some(finding), ..Self::none() }
    }
}

/// Everything found, the verdict's finding first, each once.
pub(super) fn first_of_all(verdict: &Verdict, found: Vec<Finding>) -> Vec<Finding> {
    let mut all: Vec<Finding> = verdict.finding.clone().into_iter().collect();
    for finding in found {
        if !all.iter().any(|known| known.diagnosis == finding.diagnosis) {
            all.push(finding);
        }
    }
    all
}

/// What the reader says.
#[derive(Debug)]
pub(super) enum Judged {
    Valid,
    Refused(Failure),
    /// There are no keys to verify with.
    Open,
}

impl Judged {
    /// Of a session that was read from a seal of `format`.
    pub(super) fn by(unsealed: &UnsealedSession, format: Format, subject: Subject<'_>) -> Self {
        let text = unsealed.expose_text().as_bytes().to_vec();
        let (Some(keys), Ok(copy)) = (subject.keys, UnsealedSession::parse_as(text, format)) else {
            return Self::Open;
        };
        let everything = EncodingPolicy::default().with_read(FormatSet::all());
        let reader =
            SessionReader::new(subject.ring.clone(), subject.policy.clone()).with_encoding(everything);
        match reader.judge_unsealed(copy, SealInfo::new(format, None, None), keys, subject.now) {
            Judgement::Valid { .. } => Self::Valid,
            Judgement::Expired(expired) => {
                Self::Refused(Failure::new(Reason::ExpiredJwt).with_expired(expired))
            }
            Judgement::UnknownKey { .. } => Self::Refused(Failure::new(Reason::UnknownSigningKey)),
            Judgement::Rejected(failure) => Self::Refused(failure),
            _ => Self::Open,
        }
    }

    /// It does not open, or holds no session.
    pub(super) fn unopened(detail: Detail) -> Self {
        Self::Refused(Failure::new(Reason::InvalidSessionCookie).with_detail(detail))
    }

    /// It is not in the format that is read.
    pub(super) fn format_not_read() -> Self {
        Self::unopened(Detail::FormatNotRead)
    }

    pub(super) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(failure) => Some(failure.reason()),
            Self::Valid | Self::Open => None,
        }
    }

    /// In the words of what the checks found.
    pub(super) fn verdict(&self, checks: &Checks) -> Verdict {
        match self {
            Self::Valid => Verdict::of(Some(true), Diagnosis::Works.into()),
            Self::Refused(failure) => {
                let verdict = match checks.because_of(failure.reason()) {
                    Some(finding) => Verdict::of(Some(false), finding),
                    None => Verdict {
                        works: Some(false),
                        summary: failure.reason().meaning().to_owned(),
                        fix: advice::of_failure(failure),
                        ..Verdict::none()
                    },
                };
                Verdict {
                    reason: Some(failure.reason().as_str()),
                    detail: failure.detail().map(Detail::as_str),
                    ..verdict
                }
            }
            Self::Open => match checks.first_failed() {
                Some((reason, finding)) => {
                    Verdict { reason: Some(reason.as_str()), ..Verdict::of(Some(false), finding) }
                }
                None => Verdict::of(None, Diagnosis::NotVerified.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Anatomy, Pasted, Spares, Subject};
    use sealkit::{
        KeyRing, UnixMillis,
        token::{IssuerPolicy, KeySet, TokenPolicy},
    };
    use std::fs;

    fn vectors(file: &str) -> Vec<u8> {
        fs::read(format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// The codes for a token that is valid, where these audiences are accepted.
    fn codes(audiences: &[&str]) -> Vec<&'static str> {
        let file: serde_json::Value = serde_json::from_slice(&vectors("jwt.json")).unwrap();
        let good = &file["vectors"][0];
        let pasted = Pasted::find(good["cookie_value"].as_str().unwrap(), "wos-session").unwrap();
        let policy = TokenPolicy::new(IssuerPolicy::Any)
            .with_audiences(audiences.iter().map(|&audience| audience.to_owned()).collect());
        let anatomy = Anatomy::of(Subject {
            pasted: &pasted,
            ring: &KeyRing::from_password(good["password"].as_str().unwrap()).unwrap(),
            spares: &Spares::default(),
            expected: None,
            keys: Some(&KeySet::parse(&vectors("jwks.json")).unwrap()),
            policy: &policy,
            now: UnixMillis::from_secs(1_767_225_600),
            reveal: false,
        });
        anatomy.diagnoses.iter().map(|finding| finding.diagnosis.code()).collect()
    }

    #[test]
    fn a_token_for_another_audience_is_told_and_not_taken_for_another_issuers() {
        assert_eq!(codes(&["another"]), ["token_audience"]);
        assert_eq!(codes(&[]), ["works"]);
    }
}
