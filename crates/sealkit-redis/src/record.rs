//! What is stored of a refresh token: a lease, a result or refusals; the latter two sealed.

use sealkit::{
    EmailCompletionToken, EnrolledFactor, Failure, OrganizationChoice, PendingAuthenticationToken, Reason,
    StepUp, SystemRandom, UnixMillis, Upstream,
    refresh::{GrantRequest, Place, Published},
    session::AuthResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Leases: this, and of each a letter and 16 bytes: `g` and who has a grant under way, `r` and who was refused and looks for what
/// others come to. As a rule there is one; there are more after the store has lost a lease, or could not be asked for one.
const LEASE: u8 = b'L';
/// What a lease is made of, in bytes.
const HOLDER: usize = 17;
/// A sealed result.
const RESULT: u8 = b'R';
/// Sealed refusals.
pub(crate) const REFUSALS: u8 = b'F';
/// Nothing, for a moment after a holder let go: so that who waited for it knows that it did not die.
pub(crate) const FREE: &[u8] = b"N";

/// The only version that there is. Whatever has another one counts as not there.
const VERSION: u8 = 1;

/// Largest result or list of refusals, in bytes.
const LARGEST: usize = 64 * 1024 - 1024;

/// Most refusals, each for an organization of its own, that are stored of one refresh token.
const MAX_REFUSALS: usize = 8;

/// What is at a place.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Nothing.
    Nothing,
    /// Somebody is at it. Not `under_way`: who was refused, and looks for what others come to.
    Leased { under_way: bool },
    /// The success of a grant, and the session that it belongs to.
    Success { published: Published, session_id: Option<Arc<str>> },
    /// Why grants were refused.
    Refusals(Vec<Refusal>),
    /// A result that this process cannot read: of a newer version perhaps.
    UnreadableResult,
    /// Anything else that it cannot read.
    Unreadable,
}

/// A refusal, the organization that it is about, and until when it is remembered.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) failure: Failure,
    pub(crate) organization_id: Option<Arc<str>>,
    pub(crate) until: UnixMillis,
}

impl Refusal {
    /// True while it is remembered. A clock that is set back makes that no longer.
    pub(crate) fn is_in_force(&self, now: UnixMillis, kept: Duration) -> bool {
        now < self.until && self.until <= now.saturating_add(kept * 2)
    }

    pub(crate) fn answers(&self, request: &GrantRequest) -> bool {
        request.refusal_answers(&self.failure, self.organization_id.as_deref())
    }
}

/// These refusals and one more, which stands for an older one for the same organization.
pub(crate) fn with_refusal(mut older: Vec<Refusal>, new: Refusal) -> Vec<Refusal> {
    older.retain(|old| old.organization_id != new.organization_id);
    if older.len() >= MAX_REFUSALS {
        older.remove(0);
    }
    older.push(new);
    older
}

/// What this value says at this place.
pub(crate) fn read(place: &Place, value: Option<&[u8]>) -> Stored {
    let Some((kind, sealed)) = value.and_then(<[u8]>::split_first) else { return Stored::Nothing };
    let read = match *kind {
        LEASE => {
            return Stored::Leased {
                under_way: sealed.chunks(HOLDER).any(|holder| holder.first() != Some(&b'r')),
            };
        }
        RESULT => open(place, sealed, RESULT).and_then(|text| success(&text)),
        REFUSALS => open(place, sealed, REFUSALS).and_then(|text| refusals(&text)),
        _ if value == Some(FREE) => return Stored::Nothing,
        _ => None,
    };
    read.unwrap_or(if *kind == RESULT { Stored::UnreadableResult } else { Stored::Unreadable })
}

/// The value for a success. `None` when it is too large, or this machine gives no random bytes.
pub(crate) fn write_success(
    place: &Place,
    response: &AuthResponse,
    organization_id: Option<&str>,
    session_id: Option<&str>,
) -> Option<Vec<u8>> {
    let response = response.to_json();
    let response: &RawValue = serde_json::from_str(&response).ok()?;
    let record =
        Success { org: organization_id.map(Cow::Borrowed), sid: session_id.map(Cow::Borrowed), response };
    seal(place, RESULT, &record)
}

/// The value for refusals; `None` likewise.
pub(crate) fn write_refusals(place: &Place, refusals: &[Refusal]) -> Option<Vec<u8>> {
    let refusals: Vec<_> = refusals.iter().map(StoredRefusal::of).collect();
    seal(place, REFUSALS, &refusals)
}

fn seal(place: &Place, kind: u8, record: &impl Serialize) -> Option<Vec<u8>> {
    // The kind once more, inside, where nobody changes it.
    let mut text = Zeroizing::new(vec![VERSION, kind]);
    serde_json::to_writer(&mut *text, record).ok()?;
    if text.len() > LARGEST {
        return None;
    }
    let mut value = vec![kind];
    value.append(&mut place.cipher.seal(&place.key, &text, &SystemRandom)?);
    Some(value)
}

fn open(place: &Place, sealed: &[u8], kind: u8) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = place.cipher.open(&place.key, sealed)?;
    let ours = text.starts_with(&[VERSION, kind]);
    let head = text.len().min(2);
    text.drain(..head);
    ours.then_some(text)
}

fn success(text: &[u8]) -> Option<Stored> {
    let record: Success<'_> = serde_json::from_slice(text).ok()?;
    let response = AuthResponse::from_json(record.response.get().as_bytes()).ok()?;
    let published = Published::kept(Ok(Arc::new(response)), record.org.map(Arc::from));
    Some(Stored::Success { published, session_id: record.sid.map(Arc::from) })
}

fn refusals(text: &[u8]) -> Option<Stored> {
    let records: Vec<StoredRefusal> = serde_json::from_slice(text).ok()?;
    // One of a reason that this process does not know says nothing to it; the others do.
    Some(Stored::Refusals(records.into_iter().filter_map(StoredRefusal::into_refusal).collect()))
}

#[derive(Serialize, Deserialize)]
struct Success<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    org: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    response: &'a RawValue,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredRefusal {
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<String>,
    until: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<StoredStepUp>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredStepUp {
    pending_authentication_token: Option<String>,
    email_completion_token: Option<String>,
    email: Option<String>,
    email_verification_id: Option<String>,
    organizations: Vec<(String, String)>,
    connection_ids: Vec<String>,
    authentication_factors: Vec<(String, String)>,
    authentication_challenge_id: Option<String>,
    allowed_methods: Vec<String>,
    radar_challenge_id: Option<String>,
    authkit_redirect_url: Option<String>,
    user_id: Option<String>,
}

impl StoredRefusal {
    fn of(refusal: &Refusal) -> Self {
        let failure = &refusal.failure;
        let upstream = failure.upstream();
        Self {
            reason: failure.reason().as_str().to_owned(),
            org: refusal.organization_id.as_deref().map(str::to_owned),
            until: refusal.until.as_millis(),
            code: upstream.and_then(|upstream| upstream.code.clone()),
            status: upstream.and_then(|upstream| upstream.status),
            request_id: upstream.and_then(|upstream| upstream.request_id.clone()),
            retry_after_ms: failure.retry_after().and_then(|wait| u64::try_from(wait.as_millis()).ok()),
            hint: failure.hint().map(str::to_owned),
            step_up: failure.step_up().map(StoredStepUp::of),
        }
    }

    fn into_refusal(self) -> Option<Refusal> {
        let mut failure =
            Failure::new(Reason::from_code(&self.reason).filter(|reason| !reason.is_retryable())?)
                .with_retry_after(self.retry_after_ms.map(Duration::from_millis));
        if self.code.is_some() || self.status.is_some() || self.request_id.is_some() {
            let mut upstream = Upstream::default();
            (upstream.code, upstream.status, upstream.request_id) = (self.code, self.status, self.request_id);
            failure = failure.with_upstream(upstream);
        }
        if let Some(hint) = self.hint {
            failure = failure.with_hint(hint);
        }
        if let Some(step_up) = self.step_up {
            failure = failure.with_step_up(step_up.into_step_up());
        }
        let until = UnixMillis::from_millis(self.until);
        Some(Refusal { failure, organization_id: self.org.map(Arc::from), until })
    }
}

impl StoredStepUp {
    fn of(step_up: &StepUp) -> Self {
        Self {
            pending_authentication_token: step_up
                .pending_authentication_token
                .as_ref()
                .map(|token| token.expose_secret().to_owned()),
            email_completion_token: step_up
                .email_completion_token
                .as_ref()
                .map(|token| token.expose_secret().to_owned()),
            email: step_up.email.clone(),
            email_verification_id: step_up.email_verification_id.clone(),
            organizations: step_up.organizations.iter().map(|o| (o.id.clone(), o.name.clone())).collect(),
            connection_ids: step_up.connection_ids.clone(),
            authentication_factors: step_up
                .authentication_factors
                .iter()
                .map(|factor| (factor.id.clone(), factor.kind.clone()))
                .collect(),
            authentication_challenge_id: step_up.authentication_challenge_id.clone(),
            allowed_methods: step_up.allowed_methods.clone(),
            radar_challenge_id: step_up.radar_challenge_id.clone(),
            authkit_redirect_url: step_up.authkit_redirect_url.clone(),
            user_id: step_up.user_id.clone(),
        }
    }

    fn into_step_up(self) -> StepUp {
        let mut step_up = StepUp::default();
        step_up.pending_authentication_token =
            self.pending_authentication_token.map(PendingAuthenticationToken::from);
        step_up.email_completion_token = self.email_completion_token.map(EmailCompletionToken::from);
        step_up.email = self.email;
        step_up.email_verification_id = self.email_verification_id;
        step_up.organizations =
            self.organizations.into_iter().map(|(id, name)| OrganizationChoice::new(id, name)).collect();
        step_up.connection_ids = self.connection_ids;
        step_up.authentication_factors =
            self.authentication_factors.into_iter().map(|(id, kind)| EnrolledFactor::new(id, kind)).collect();
        step_up.authentication_challenge_id = self.authentication_challenge_id;
        step_up.allowed_methods = self.allowed_methods;
        step_up.radar_challenge_id = self.radar_challenge_id;
        step_up.authkit_redirect_url = self.authkit_redirect_url;
        step_up.user_id = self.user_id;
        step_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealkit::{RefreshToken, refresh::CoordinatorSecret};

    fn place(secret: &[u8]) -> Place {
        CoordinatorSecret::new(secret).unwrap().place("client", &RefreshToken::from("rt"))
    }

    fn ours() -> Place {
        place(b"a secret of sixteen bytes")
    }

    const BODY: &str = r#"{"access_token":"at","refresh_token":"rt2","user":{"id":"user_1","odd":[1,"é"]},"new_member":1e3}"#;

    #[test]
    fn a_success_comes_back_with_every_member_and_opens_for_nobody_else() {
        let response = AuthResponse::from_json(BODY.as_bytes()).unwrap();
        let value = write_success(&ours(), &response, Some("org_1"), Some("session_1")).unwrap();
        assert!(!value.windows(3).any(|part| part == b"rt2"));
        let Stored::Success { published, session_id } = read(&ours(), Some(&value)) else {
            panic!("no success")
        };
        assert_eq!(published.result.unwrap().to_json().as_str(), BODY);
        assert_eq!(
            (published.organization_id.as_deref(), session_id.as_deref()),
            (Some("org_1"), Some("session_1"))
        );
        assert!(published.kept && published.confirmed);
        assert!(matches!(read(&place(b"another secret of them"), Some(&value)), Stored::UnreadableResult));
        let mut swapped = value;
        swapped[0] = REFUSALS;
        assert!(matches!(read(&ours(), Some(&swapped)), Stored::Unreadable));
    }

    #[test]
    fn a_refusal_comes_back_with_everything_that_its_caller_acts_on() {
        let mut step_up = StepUp::default();
        step_up.pending_authentication_token = Some(PendingAuthenticationToken::from("pending"));
        step_up.email_completion_token = Some(EmailCompletionToken::from("completion"));
        step_up.organizations = vec![OrganizationChoice::new("org_1", "One")];
        step_up.connection_ids = vec!["conn_1".to_owned()];
        step_up.authentication_factors = vec![EnrolledFactor::new("factor_1", "totp")];
        step_up.allowed_methods = vec!["sso".to_owned()];
        step_up.email = Some("ada@example.com".to_owned());
        let mut upstream = Upstream::default();
        (upstream.code, upstream.status) = (Some("sso_required".to_owned()), Some(403));
        let failure = Failure::new(Reason::SsoRequired)
            .with_step_up(step_up.clone())
            .with_upstream(upstream.clone())
            .with_hint("a hint")
            .with_retry_after(Some(Duration::from_secs(3)));
        let until = UnixMillis::from_secs(100);
        let refusal = Refusal { failure, organization_id: Some("org_2".into()), until };
        let value = write_refusals(&ours(), &[refusal]).unwrap();
        let Stored::Refusals(read) = read(&ours(), Some(&value)) else { panic!("no refusals") };
        let [refusal] = &read[..] else { panic!("{read:?}") };
        assert_eq!(refusal.failure.reason(), Reason::SsoRequired);
        assert_eq!(refusal.failure.step_up(), Some(&step_up));
        assert_eq!(refusal.failure.upstream(), Some(&upstream));
        assert_eq!(refusal.failure.hint(), Some("a hint"));
        assert_eq!(refusal.failure.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!((refusal.organization_id.as_deref(), refusal.until), (Some("org_2"), until));
        let kept = Duration::from_secs(30);
        let in_force = |now| refusal.is_in_force(UnixMillis::from_secs(now), kept);
        assert_eq!([10, 50, 99, 100].map(in_force), [false, true, true, false]);
    }

    #[test]
    fn what_is_of_another_version_or_reason_or_too_large_counts_as_not_there() {
        let seal = |text: &[u8], kind: u8| {
            let place = ours();
            let mut value = vec![kind];
            value.append(&mut place.cipher.seal(&place.key, text, &SystemRandom).unwrap());
            read(&place, Some(&value))
        };
        let text =
            |version: u8| [&[version, RESULT][..], format!(r#"{{"response":{BODY}}}"#).as_bytes()].concat();
        assert!(matches!(seal(&text(VERSION), RESULT), Stored::Success { .. }));
        assert!(matches!(seal(&text(2), RESULT), Stored::UnreadableResult));
        assert!(matches!(seal(&[VERSION, RESULT, b'{'], RESULT), Stored::UnreadableResult));
        let list = br#"[{"reason":"new_reason"},{"reason":"timeout"},{"reason":"invalid_grant","until":9}]"#;
        let Stored::Refusals(refusals) = seal(&[&[VERSION, REFUSALS], &list[..]].concat(), REFUSALS) else {
            panic!("no refusals")
        };
        assert_eq!(refusals.len(), 1);
        let large = format!(r#"{{"access_token":"a","refresh_token":"r","more":"{}"}}"#, "x".repeat(LARGEST));
        let large = AuthResponse::from_json(large.as_bytes()).unwrap();
        assert!(write_success(&ours(), &large, None, None).is_none());
        assert!(matches!(read(&ours(), None), Stored::Nothing));
        assert!(matches!(read(&ours(), Some(FREE)), Stored::Nothing));
        let (under_way, refused) = (b"gaaaaaaaaaaaaaaaa", b"rbbbbbbbbbbbbbbbb");
        let leased = |holders: &[&[u8]]| match read(&ours(), Some(&[b"L", &holders.concat()[..]].concat())) {
            Stored::Leased { under_way } => under_way,
            other => panic!("{other:?}"),
        };
        assert!(leased(&[under_way]) && leased(&[refused, under_way]) && !leased(&[refused, refused]));
        assert!(matches!(read(&ours(), Some(b"?")), Stored::Unreadable));
    }

    #[test]
    fn so_many_refusals_are_stored_and_one_for_an_organization() {
        let refusal = |organization: usize| Refusal {
            failure: Failure::new(Reason::OrganizationNotFound),
            organization_id: Some(organization.to_string().into()),
            until: UnixMillis::from_secs(1),
        };
        let mut all = Vec::new();
        for organization in [0, 1, 2, 1, 3, 4, 5, 6, 7, 8] {
            all = with_refusal(all, refusal(organization));
        }
        let organizations: Vec<_> =
            all.iter().filter_map(|refusal| refusal.organization_id.as_deref()).collect();
        assert_eq!(organizations, ["2", "1", "3", "4", "5", "6", "7", "8"]);
    }
}
