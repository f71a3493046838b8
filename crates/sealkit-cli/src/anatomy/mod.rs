//! A cookie taken apart: what it is, what is inside, what was checked and how it went. Only for looking at.
//!
//! What decides whether a cookie is accepted is [`SessionReader`]; everything here explains its answer. Names, addresses and
//! claims of one's own are hidden unless they are asked for, the refresh token and the signature always.

mod checks;
mod damage;
mod diagnosis;
mod finding;
mod opening;
mod parts;
mod payload;
mod redact;
mod refused;
mod router;
mod shapeless;
mod sizes;
mod source;
mod spares;
mod verdict;
mod writer;

pub(crate) use checks::{Check, Outcome};
pub(crate) use diagnosis::page;
pub(crate) use finding::Finding;
pub(crate) use parts::{Member, Token};
pub(crate) use source::{Pasted, Source};
pub(crate) use spares::{Given, Spares};
pub(crate) use verdict::Verdict;

use checks::Checks;
use diagnosis::Diagnosis;
use opening::Opening;
use sealkit::{
    Detail, KeyRing, UnixMillis,
    cookie::{MAX_COOKIE_BYTES, WARN_COOKIE_BYTES},
    format::{Cost, Format, Protection, Wire},
    session::{Style, UnsealedSession},
    token::{KeySet, TokenPolicy},
};
use serde::Serialize;
use verdict::Judged;

/// What to judge by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) pasted: &'a Pasted,
    pub(crate) ring: &'a KeyRing,
    /// What to try when nothing of the ring opens it.
    pub(crate) spares: &'a Spares,
    /// The only format that the reader of this cookie knows, if there is such a one.
    pub(crate) expected: Option<Format>,
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
    /// SDK and versions, where members inside tell more than the format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) writer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looks_like: Option<String>,
    pub(crate) key: Option<String>,
    /// When it was sealed, where the format says so (seconds since 1970).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sealed_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seal_expires_at: Option<u64>,
    pub(crate) members: Vec<Member>,
    pub(crate) token: Option<Token>,
    pub(crate) checks: Vec<Check>,
    pub(crate) verdict: Verdict,
    /// The verdict's first.
    pub(crate) diagnoses: Vec<Finding>,
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

impl Anatomy {
    /// Takes a cookie apart.
    pub(crate) fn of(subject: Subject<'_>) -> Self {
        let Subject { pasted, ring, now, .. } = subject;
        let formats = opening::candidates(&pasted.value, subject.expected);
        let mut anatomy = Self::outside(pasted, &formats);
        let mut checks = Checks::default();
        checks.size(anatomy.size);
        let judged = match opening::open(&pasted.value, &formats, ring, now) {
            Ok(opening) => anatomy.inside(&opening, subject, &mut checks),
            Err(detail) => {
                let refusal = refused::explain(subject, &formats, detail);
                checks.seal_refused(refusal.finding);
                if let Some(also) = refusal.also {
                    checks.note(also);
                }
                if anatomy.size.is_too_large() && detail != Detail::TooLarge {
                    checks.note(Diagnosis::TooLarge.about(format!("{} bytes", anatomy.size.cookie)));
                }
                if let Some(opening) = &refusal.opening {
                    anatomy.show(opening, subject.reveal);
                }
                Judged::unopened(detail)
            }
        };
        for note in &pasted.notes {
            checks.note(note.clone());
        }
        let verdict = judged.verdict(&checks);
        let (checks, found) = checks.into_parts();
        anatomy.checks = checks;
        anatomy.diagnoses = verdict::first_of_all(&verdict, found);
        anatomy.verdict = verdict;
        anatomy
    }

    /// What can be seen without a key.
    fn outside(pasted: &Pasted, formats: &[Format]) -> Self {
        let format = match formats {
            [only] => Some(*only),
            _ => None,
        };
        let size = Size {
            value: pasted.value.len(),
            cookie: pasted.name.as_deref().map_or(0, str::len) + pasted.encoded_bytes,
            limit: MAX_COOKIE_BYTES * pasted.pieces,
        };
        Self {
            source: pasted.source,
            cookie_name: pasted.name.clone(),
            percent_encoded: pasted.percent_encoded,
            size,
            format: format.map(Format::id),
            written_by: format.map(Format::writer),
            writer: None,
            looks_like: looks_like(&pasted.value, formats),
            key: None,
            sealed_at: None,
            seal_expires_at: None,
            members: Vec::new(),
            token: None,
            checks: Vec::new(),
            verdict: Verdict::none(),
            diagnoses: Vec::new(),
        }
    }

    /// The cookie has opened: is there a session inside, and does it hold?
    fn inside(&mut self, opening: &Opening, subject: Subject<'_>, checks: &mut Checks) -> Judged {
        checks.seal_opened(opening.key.as_deref().unwrap_or("none"), opening.expires_at, subject.now);
        self.show(opening, subject.reveal);
        let format = opening.format;
        let unsealed = match UnsealedSession::read(opening.plaintext.clone(), format) {
            Ok(unsealed) => unsealed,
            Err(detail) => {
                checks.no_session(payload::explain(&opening.plaintext, opening.format));
                return Judged::unopened(detail);
            }
        };
        if let Some(finding) = other_format(read_as(format, &unsealed), subject.expected) {
            checks.other_format(finding);
            return Judged::format_not_read();
        }
        if let Some(finding) = not_decoded(subject) {
            checks.other_format(finding);
            return Judged::format_not_read();
        }
        checks.session(&unsealed);
        let judged = Judged::by(&unsealed, format, subject);
        checks.token(&unsealed, subject, judged.reason());
        for finding in container_notes(opening, unsealed.style(), subject) {
            checks.note(finding);
        }
        if self.size.is_nearly_too_large() {
            let about = sizes::largest(unsealed.expose_text()).unwrap_or_default();
            let diagnosis =
                if self.size.is_too_large() { Diagnosis::TooLarge } else { Diagnosis::NearlyTooLarge };
            checks.note(diagnosis.about(format!("{} bytes; {about}", self.size.cookie)));
        }
        judged
    }

    /// What is inside, as far as it may be seen, and who wrote it.
    fn show(&mut self, opening: &Opening, reveal: bool) {
        self.key.clone_from(&opening.key);
        if self.key.is_none() {
            self.key = Some("none".to_owned());
        }
        self.sealed_at = opening.sealed_at.map(UnixMillis::as_secs);
        self.seal_expires_at = opening.expires_at.map(UnixMillis::as_secs);
        let read = UnsealedSession::read(opening.plaintext.clone(), opening.format);
        let format = opening.format;
        let text =
            read.as_ref().map_or(opening.plaintext.as_slice(), |unsealed| unsealed.expose_text().as_bytes());
        self.format = Some(format.id());
        self.written_by = Some(format.writer());
        self.looks_like = None;
        self.members = parts::members(text, reveal);
        if let Ok(unsealed) = &read {
            self.token = Some(Token::of(unsealed.access_token(), reveal));
        }
        if let Ok(members) = serde_json::from_slice(text) {
            let names = self.members.iter().map(|member| member.name.as_str()).collect();
            let ends = opening.expires_at.is_some();
            self.writer = writer::of(format, &writer::Payload { names, members: &members, ends });
        }
    }

    /// Since when it is out there, and how that is known: from the seal, or (most formats do not say it) from the token inside.
    pub(crate) fn since(&self) -> Option<(UnixMillis, &'static str)> {
        let sealed = self.sealed_at.map(|at| (at, "sealed"));
        let issued = || self.token.as_ref()?.issued_at.map(|at| (at, "its token was issued"));
        sealed.or_else(issued).map(|(at, how)| (UnixMillis::from_secs(at), how))
    }

    /// Exit codes and colours: does anything speak against it?
    pub(crate) fn is_refused(&self) -> bool {
        self.verdict.works == Some(false)
    }
}

/// What a value that has not opened may be.
fn looks_like(value: &str, formats: &[Format]) -> Option<String> {
    match formats {
        [] => {
            let format = opening::family(value)?;
            Some(format!("a damaged {format}, written by {}", format.writer()))
        }
        [_] => None,
        several => {
            let ids: Vec<&str> = several.iter().map(|format| format.id()).collect();
            Some(format!("one of {}", ids.join(", ")))
        }
    }
}

/// The formats whose readers open it, the container's own first: without a suffix and with JavaScript's names, or none that tell,
/// node 8 and later opens what is Kotlin's container.
fn read_as(format: Format, unsealed: &UnsealedSession) -> Vec<Format> {
    let is_anybody_s = format == Format::KotlinIron && unsealed.names_of_user() != Some(Style::KotlinMixed);
    let also = is_anybody_s.then_some(Format::Iron);
    [format].into_iter().chain(also).collect()
}

/// The reader of this cookie knows another format only.
fn other_format(readers: Vec<Format>, expected: Option<Format>) -> Option<Finding> {
    let found = readers.first().copied()?;
    Some(match (found, expected?) {
        (_, expected) if readers.contains(&expected) => return None,
        (Format::Iron, Format::KotlinIron) => Diagnosis::NotForKotlin.into(),
        (Format::KotlinIron, Format::Iron) => Diagnosis::KotlinForJavaScript.into(),
        (found, expected) => Diagnosis::OtherFormat.about(format!("it is {found}, not {expected}")),
    })
}

/// The reader of this cookie takes the bytes as they stand in the header, and they are percent-encoded.
fn not_decoded(subject: Subject<'_>) -> Option<Finding> {
    let raw = subject.expected?.wire() == Wire::Raw;
    let encoded = subject.pasted.percent_encoded && subject.pasted.source != Source::Value;
    (raw && encoded).then(|| Diagnosis::EncodedForRaw.into())
}

/// What the container tells beside the session.
fn container_notes(opening: &Opening, names: Style, subject: Subject<'_>) -> Vec<Finding> {
    let format = opening.format;
    let mut notes = Vec::new();
    match (format.protection(), format.cost()) {
        (Protection::Open, _) => notes.push(Diagnosis::Unsealed.into()),
        (Protection::Signed, _) => notes.push(Diagnosis::SignedOnly.into()),
        (_, Cost::Costly) => notes.push(Diagnosis::Costly.into()),
        _ => {}
    }
    match format {
        Format::KotlinIron if names == Style::Camel => notes.push(Diagnosis::NoSuffix.into()),
        Format::KotlinIron => notes.push(Diagnosis::KotlinSeal.into()),
        Format::GoGcm if Format::RustGcm.keys(subject.ring).next().is_none() => {
            notes.push(Diagnosis::GoPassphrase.into());
        }
        _ => {}
    }
    if subject.pasted.percent_encoded && subject.pasted.source == Source::Value {
        notes.push(Diagnosis::PercentOnce.into());
    }
    if let (Some(end), Format::Iron | Format::RrCookie) = (opening.expires_at, format) {
        notes.push(Diagnosis::SealEnds.about(crate::output::rfc3339(end)));
    }
    let first = format.sealing_key(subject.ring).map(sealkit::Key::name);
    if opening.key.is_some() && opening.key.as_deref() != first {
        notes.push(Diagnosis::OldPassword.into());
    }
    notes
}

impl Size {
    pub(crate) const fn is_too_large(self) -> bool {
        self.cookie > self.limit
    }

    /// Browsers keep it; what stands between may not pass it on. Of a split cookie all pieces count.
    pub(crate) const fn is_nearly_too_large(self) -> bool {
        self.cookie >= WARN_COOKIE_BYTES
    }
}
