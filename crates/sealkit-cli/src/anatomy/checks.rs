//! Every check in its order, each with how it went.
//!
//! What the reader decides is told as it decided; what it did not reach is looked at here, as it is written and proven by
//! nothing, so that a person sees all that is wrong at once.

use super::{Size, Subject, diagnosis::Diagnosis, finding::Finding, parts};
use crate::output;
use sealkit::{
    Detail, Reason, UnixMillis,
    session::UnsealedSession,
    token::{self, ActorKind, IssuerPolicy, TokenPolicy},
    untrusted::{Untrusted, one_line},
};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Warning,
    NotChecked,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) check: &'static str,
    pub(crate) result: Outcome,
    pub(crate) note: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "code")]
    pub(crate) reason: Option<Reason>,
}

#[expect(clippy::ref_option, reason = "the shape that serde demands")]
fn code<S: Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(Reason::as_str).serialize(serializer)
}

/// Checks as they are made, and what they found.
#[derive(Debug, Default)]
pub(super) struct Checks {
    made: Vec<Check>,
    /// A finding, and the reason for which a session is refused because of it.
    found: Vec<(Finding, Option<Reason>)>,
}

impl Checks {
    /// The checks, and everything found.
    pub(super) fn into_parts(self) -> (Vec<Check>, Vec<Finding>) {
        (self.made, self.found.into_iter().map(|(finding, _)| finding).collect())
    }

    /// Something worth knowing that is no check's result.
    pub(super) fn note(&mut self, finding: impl Into<Finding>) {
        self.found.push((finding.into(), None));
    }

    /// What was found for which a session is refused with `reason`.
    pub(super) fn because_of(&self, reason: Reason) -> Option<Finding> {
        self.found.iter().find(|(_, because)| *because == Some(reason)).map(|(finding, _)| finding.clone())
    }

    /// The first check that failed, and what it found.
    pub(super) fn first_failed(&self) -> Option<(Reason, Finding)> {
        self.found.iter().find_map(|(finding, reason)| Some(((*reason)?, finding.clone())))
    }

    fn add(&mut self, check: &'static str, result: Outcome, note: impl Into<String>) {
        let note = one_line(&note.into()).into_owned();
        self.made.push(Check { check, result, note, reason: None });
    }

    fn ok(&mut self, check: &'static str, note: impl Into<String>) {
        self.add(check, Outcome::Ok, note);
    }

    fn failed(
        &mut self,
        check: &'static str,
        reason: Reason,
        finding: impl Into<Finding>,
        note: impl Into<String>,
    ) {
        self.found.push((finding.into(), Some(reason)));
        let note = one_line(&note.into()).into_owned();
        self.made.push(Check { check, result: Outcome::Failed, note, reason: Some(reason) });
    }

    pub(super) fn size(&mut self, size: Size) {
        let note = format!("{} of {} bytes", size.cookie, size.limit);
        if size.is_too_large() {
            self.add("size", Outcome::Warning, format!("{note}: browsers drop a cookie of this size"));
        } else if size.is_nearly_too_large() {
            self.add(
                "size",
                Outcome::Warning,
                format!("{note}: proxies and servers at their defaults may reject it"),
            );
        } else {
            self.ok("size", note);
        }
    }

    pub(super) fn seal_refused(&mut self, finding: Finding) {
        let note = finding.says();
        self.failed("seal", Reason::InvalidSessionCookie, finding, note);
    }

    pub(super) fn seal_opened(&mut self, key: &str, expires: Option<UnixMillis>, now: UnixMillis) {
        let end = expires.map_or_else(
            || "no expiration of its own".to_owned(),
            |at| format!("it ends {} ({})", output::rfc3339(at), output::relative(at, now)),
        );
        self.ok("seal", format!("opened with {}; {end}", Untrusted::new(key)));
    }

    pub(super) fn no_session(&mut self, diagnosis: Diagnosis) {
        self.failed("session", Reason::InvalidSessionCookie, diagnosis, diagnosis.says());
    }

    /// It is of another format than the one that is read.
    pub(super) fn other_format(&mut self, finding: Finding) {
        let note = finding.says();
        self.failed("format", Reason::InvalidSessionCookie, finding, note);
    }

    pub(super) fn session(&mut self, unsealed: &UnsealedSession) {
        self.ok("session", "an access token is inside");
        match unsealed.refresh_token() {
            Some(_) => self.ok("refresh_token", "there is one; only the API can say whether it still works"),
            None => {
                self.note(Diagnosis::NoRefreshToken);
                self.add(
                    "refresh_token",
                    Outcome::Warning,
                    "there is none: the session ends with its access token",
                );
            }
        }
        if unsealed.user().is_none() {
            self.note(Diagnosis::NoUser);
            self.add("user", Outcome::Warning, "no user is stored; who it is comes from the token alone");
        }
    }

    /// Everything about the token; `reason` is what the reader says, if it could verify.
    pub(super) fn token(&mut self, unsealed: &UnsealedSession, subject: Subject<'_>, reason: Option<Reason>) {
        let mut parts = unsealed.access_token().split('.');
        let header = parts.next().and_then(parts::decode);
        let claims = parts.next().and_then(parts::decode);
        let three = parts.next().is_some() && parts.next().is_none();
        let (Some(header), Some(claims), true) = (header, claims, three) else {
            self.failed(
                "token",
                Reason::InvalidJwt,
                Diagnosis::NotAJwt,
                "the access token is no JWT: three base64url parts, two of them JSON",
            );
            return;
        };
        self.ok("token", "a JWT with header, claims and signature");
        self.header(&header);
        self.signature(text(&header, "kid"), subject, reason);
        let is_session = self.kind(unsealed.access_token(), &claims, subject.policy);
        self.claims(&claims, subject, reason);
        self.subject(&claims, unsealed);
        // No setting and no refresh makes a session of another kind of token.
        if !is_session {
            return;
        }
        self.actor(&claims, unsealed, subject.policy);
        self.time(&claims, subject.now);
        self.auth_time(&claims, subject);
    }

    /// K1 to K6: which kind of token it is, and whose. False if it is of another kind than a session's.
    fn kind(&mut self, token: &str, claims: &Map<String, Value>, policy: &TokenPolicy) -> bool {
        let reason = Reason::NotASessionToken;
        let client_id = claims.get("client_id").map(|id| match id {
            Value::String(id) => Untrusted::new(id.as_str()).to_string(),
            other => Untrusted::new(other.to_string()).to_string(),
        });
        match token::peek_other_kind(token, policy) {
            None => self.ok("kind", "a user's session"),
            Some(Detail::OtherApplication) => {
                let finding = Diagnosis::TokenOtherApplication;
                let note = format!("it is {}", client_id.unwrap_or_default());
                self.failed("application", reason, finding.about(note.clone()), note);
                return true;
            }
            // `auth_time` has a check of its own.
            Some(Detail::NoAuthTime) => self.ok("kind", "a user's session"),
            Some(kind) => {
                let finding = match kind {
                    Detail::Widget => Diagnosis::TokenWidget,
                    Detail::Connect => Diagnosis::TokenConnect,
                    Detail::Machine => Diagnosis::TokenMachine,
                    Detail::WrongType => Diagnosis::TokenWrongType,
                    _ => Diagnosis::TokenAgent,
                };
                self.failed("kind", reason, finding, finding.says());
                return false;
            }
        }
        match client_id {
            _ if !policy.binds_client_id => {
                self.add("application", Outcome::NotChecked, "SEALKIT_BIND_CLIENT_ID is off");
            }
            _ if !policy.judges_client_id() => {
                let note = "set WORKOS_CLIENT_ID to check the token's `client_id`";
                self.add("application", Outcome::NotChecked, note);
            }
            Some(client_id) => self.ok("application", client_id),
            None => self.ok("application", "the token names none"),
        }
        true
    }

    /// K5 and K7: an expired token may lack it, since its refresh brings one that has it.
    fn auth_time(&mut self, claims: &Map<String, Value>, subject: Subject<'_>) {
        let reason = Reason::NotASessionToken;
        let at = claims.get("auth_time").map(date);
        let expired = claims.get("exp").and_then(date).is_some_and(|end| end <= subject.now);
        match at {
            Some(Some(at)) => {
                let note = format!(
                    "the user signed in {} ({})",
                    output::rfc3339(at),
                    output::relative(at, subject.now)
                );
                self.ok("auth_time", note);
            }
            Some(None) => {
                let finding = Diagnosis::TokenAuthTimeUnreadable;
                self.failed("auth_time", reason, finding, finding.says());
            }
            None if !subject.policy.requires_auth_time => {
                self.add("auth_time", Outcome::NotChecked, "SEALKIT_REQUIRE_AUTH_TIME is off");
            }
            None if expired => {
                self.add(
                    "auth_time",
                    Outcome::NotChecked,
                    "it is missing, and a refresh brings a token that has it",
                );
            }
            None => {
                let note = "the token has no `auth_time`";
                self.failed("auth_time", reason, Diagnosis::TokenNoAuthTime, note);
            }
        }
    }

    fn header(&mut self, header: &Map<String, Value>) {
        match text(header, "alg") {
            "RS256" => self.ok("algorithm", "RS256"),
            other => {
                let finding = match other {
                    none if none.eq_ignore_ascii_case("none") => Diagnosis::TokenUnsigned.into(),
                    other => Diagnosis::TokenAlgorithm.about(format!("it says {:?}", Untrusted::new(other))),
                };
                let note = format!("{:?}, and only RS256 is accepted", Untrusted::new(other));
                self.failed("algorithm", Reason::InvalidJwtAlgorithm, finding, note);
            }
        }
        match text(header, "kid") {
            "" => {
                let note = "the header names no key";
                self.failed("key_id", Reason::InvalidJwt, Diagnosis::TokenNoKeyId, note);
            }
            kid => self.ok("key_id", Untrusted::new(kid).to_string()),
        }
    }

    fn signature(&mut self, kid: &str, subject: Subject<'_>, reason: Option<Reason>) {
        match (subject.keys, reason) {
            (None, _) => self.add("signature", Outcome::NotChecked, "no key set given"),
            (Some(_), Some(Reason::InvalidJwtSignature)) => {
                self.failed(
                    "signature",
                    Reason::InvalidJwtSignature,
                    Diagnosis::TokenSignature,
                    "it does not verify with the key that the token names",
                );
            }
            (Some(keys), Some(Reason::UnknownSigningKey)) => {
                let (finding, note) = match keys.skipped_of_id(kid) {
                    Some(skipped) => {
                        (Diagnosis::TokenKeyUnusable.about(skipped.to_string()), skipped.to_string())
                    }
                    None => {
                        (Diagnosis::TokenKeyUnknown.into(), "the key set has no key of this id".to_owned())
                    }
                };
                self.failed("signature", Reason::UnknownSigningKey, finding, note);
            }
            (Some(_), Some(Reason::InvalidJwtAlgorithm)) => {
                self.add("signature", Outcome::NotChecked, "a token of another algorithm is not looked at");
            }
            (Some(_), reason) => {
                // `invalid_jwt` may come before the signature (no key id) or after it (a claim is missing).
                if reason == Some(Reason::InvalidJwt) && self.made.iter().any(|check| check.reason.is_some())
                {
                    self.add("signature", Outcome::NotChecked, "the header is refused before");
                } else {
                    self.ok("signature", "verified with a key of the set");
                }
            }
        }
    }

    fn claims(&mut self, claims: &Map<String, Value>, subject: Subject<'_>, reason: Option<Reason>) {
        let missing: Vec<&str> =
            ["sub", "sid"].into_iter().filter(|name| text(claims, name).is_empty()).collect();
        if missing.is_empty() {
            self.ok("claims", "sub and sid are there");
        } else {
            let diagnosis = match missing.first() {
                Some(&"sub") => Diagnosis::TokenNoSubject,
                _ => Diagnosis::TokenNoSession,
            };
            self.failed("claims", Reason::InvalidJwt, diagnosis, format!("missing: {}", missing.join(", ")));
        }
        let issuer = Untrusted::new(text(claims, "iss"));
        match &subject.policy.issuers {
            IssuerPolicy::Any => {
                self.add("issuer", Outcome::NotChecked, "set WORKOS_CLIENT_ID or WORKOS_ISSUER to check it");
            }
            policy if policy.accepts(Some(issuer.expose_raw()), Some(text(claims, "client_id"))) => {
                self.ok("issuer", issuer.to_string());
            }
            policy => {
                let accepted = match policy {
                    IssuerPolicy::OneOf(list) => accepted(list),
                    IssuerPolicy::Environment(issuers) => accepted(&issuers.listed().collect::<Vec<_>>()),
                    _ => String::new(),
                };
                let finding = Diagnosis::TokenIssuer.about(format!("it is {issuer:?}"));
                let note = format!("{issuer:?}, and accepted are: {accepted}");
                self.failed("issuer", Reason::InvalidIssuer, finding, note);
            }
        }
        if reason == Some(Reason::InvalidAudience) {
            let note = "it is not meant for the configured audience";
            self.failed("audience", Reason::InvalidAudience, Diagnosis::TokenAudience, note);
        }
        if let Some(from) = claims.get("nbf").and_then(date)
            && from > subject.now.saturating_add(subject.policy.leeway)
        {
            let finding = Diagnosis::TokenNotYet.about(format!("it is from {} on", output::rfc3339(from)));
            let note = format!("valid only from {} on", output::rfc3339(from));
            self.failed("not_before", Reason::InvalidJwt, finding, note);
        }
    }

    fn subject(&mut self, claims: &Map<String, Value>, unsealed: &UnsealedSession) {
        if let Some(stored) = unsealed.user().and_then(|user| user.id()) {
            let proven = text(claims, "sub");
            if proven.is_empty() {
                // That there is no `sub` is told already.
            } else if stored == proven {
                self.ok("subject", "the stored user is the token's");
            } else {
                self.failed(
                    "subject",
                    Reason::SubjectMismatch,
                    Diagnosis::TokenSubject,
                    format!(
                        "the cookie holds user {:?}, the token is about {:?}",
                        Untrusted::new(stored),
                        Untrusted::new(proven)
                    ),
                );
            }
        }
    }

    /// Who acts in the session beside its user.
    fn actor(&mut self, claims: &Map<String, Value>, unsealed: &UnsealedSession, policy: &TokenPolicy) {
        let act = claims.get("act").filter(|act| !act.is_null());
        let kind = act.map(|act| ActorKind::of(&act.to_string()));
        if kind == Some(None) {
            let finding = Diagnosis::TokenActorUnreadable;
            return self.failed("actor", Reason::InvalidJwt, finding, finding.says());
        }
        if let Some(kind) = kind.flatten().filter(|kind| !policy.actors.contains(kind)) {
            let note = format!("the acting party is of the kind `{kind}`");
            return self.failed(
                "actor",
                Reason::NotASessionToken,
                Diagnosis::TokenActor.about(note.clone()),
                note,
            );
        }
        let actor = act.and_then(|act| act.get("sub")).and_then(Value::as_str);
        match (actor, unsealed.impersonator_email()) {
            (Some(actor), Some(stored)) if actor != stored => {
                self.failed(
                    "impersonator",
                    Reason::SubjectMismatch,
                    Diagnosis::TokenImpersonator,
                    "the cookie and the token name different impersonators",
                );
            }
            (Some(_), _) if kind.flatten() != Some(ActorKind::Impersonator) => {
                self.note(Diagnosis::ActingParty);
                self.add("actor", Outcome::Warning, "another party acts in the session, as it is allowed to");
            }
            (Some(_), _) => {
                self.note(Diagnosis::Impersonated);
                self.add("impersonator", Outcome::Warning, "somebody else is signed in as this user");
            }
            (None, Some(_)) => {
                self.note(Diagnosis::ImpersonatorUnproven);
                self.add(
                    "impersonator",
                    Outcome::Warning,
                    "the cookie names an impersonator that the token does not prove",
                );
            }
            (None, None) => {}
        }
    }

    fn time(&mut self, claims: &Map<String, Value>, now: UnixMillis) {
        let Some(end) = claims.get("exp").and_then(date) else {
            self.failed("expiry", Reason::InvalidJwt, Diagnosis::TokenNoExpiry, "the token has no `exp`");
            return;
        };
        let note = format!("{} ({})", output::rfc3339(end), output::relative(end, now));
        if end > now {
            self.ok("expiry", note);
        } else {
            let finding = Diagnosis::TokenExpired.about(format!("it ended {note}"));
            self.failed("expiry", Reason::ExpiredJwt, finding, note);
        }
    }
}

/// The time that a claim says, if it is one.
fn date(claim: &Value) -> Option<UnixMillis> {
    UnixMillis::from_numeric_date(&claim.to_string())
}

/// The accepted issuers, as far as they are addresses: a setting may hold a secret by mistake.
fn accepted(issuers: &[String]) -> String {
    let shown = |issuer: &String| {
        let is_address =
            issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://")).is_some_and(|rest| {
                // A client id has 33 characters; another part that is so long may be a password.
                let harmless = |part: &str| part.len() < 32 || part.starts_with("client_");
                !rest.contains(['@', '?', '#']) && rest.split('/').all(harmless)
            });
        let issuer = Untrusted::new(issuer);
        if is_address { issuer.to_string() } else { issuer.as_name().to_string() }
    };
    issuers.iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> &'m str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}
