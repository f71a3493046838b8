//! Opening a value of any format, or of a named one, for the commands that look at many.

use sealkit::{
    Detail, Key, KeyRing, UnixMillis, UnsealedSession,
    format::{Format, detect},
    session::DEFAULT_LIMIT,
};

/// What opened.
pub(crate) struct Opened<'r> {
    pub(crate) session: UnsealedSession,
    pub(crate) format: Format,
    /// The name of the password; none for a format that has none.
    pub(crate) key: Option<&'r str>,
    pub(crate) sealed_at: Option<UnixMillis>,
    pub(crate) expires_at: Option<UnixMillis>,
}

/// Opens `value` as `format`, else as the first of the formats of its shape whose tag verifies.
///
/// # Errors
/// A [`Detail`], which does not tell which of several formats came nearest.
pub(crate) fn open<'r>(
    value: &str,
    format: Option<Format>,
    ring: &'r KeyRing,
    now: UnixMillis,
) -> Result<Opened<'r>, Detail> {
    if value.len() > DEFAULT_LIMIT {
        return Err(Detail::TooLarge);
    }
    if let Some(format) = format {
        return open_as(format, value, ring, now);
    }
    let mut outcome = None;
    for format in detect(value).iter() {
        match open_as(format, value, ring, now) {
            Ok(opened) => return Ok(opened),
            Err(detail @ (Detail::Expired | Detail::NotASession)) => return Err(detail),
            Err(detail) if outcome != Some(Detail::Tampered) => outcome = Some(detail),
            Err(_) => {}
        }
    }
    Err(outcome.unwrap_or(Detail::Malformed))
}

/// The format of the container that opens, whatever its payload holds.
pub(crate) fn format_of(value: &str, ring: &KeyRing, now: UnixMillis) -> Option<Format> {
    let opens = |format: &Format| format.open(value, ring, now, &mut Vec::new()).is_ok();
    (value.len() <= DEFAULT_LIMIT).then(|| detect(value).iter().find(opens))?
}

fn open_as<'r>(
    format: Format,
    value: &str,
    ring: &'r KeyRing,
    now: UnixMillis,
) -> Result<Opened<'r>, Detail> {
    let mut plaintext = Vec::with_capacity(value.len());
    let opened = format.open(value, ring, now, &mut plaintext)?;
    let session = UnsealedSession::read(plaintext, format)?;
    Ok(Opened {
        session,
        format,
        key: opened.key.map(Key::name),
        sealed_at: opened.sealed_at,
        expires_at: opened.expires_at,
    })
}
