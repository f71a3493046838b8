//! What goes out: one JSON object a line for scripts, text for people.
//!
//! Text from outside is printed through [`shown`], [`word`] and [`json_text`] only, and a row is one line whatever is in it.

use clap::builder::styling::{AnsiColor, Style};
use jiff::Timestamp;
use sealkit::{
    Failure, Session, StepUp, UnixMillis, cookie,
    untrusted::{Untrusted, escape_json, one_line},
};
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};
use std::{
    borrow::Cow,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

/// Most characters of a JSON value in text for people; `--json` prints all of it.
const MAX_JSON: usize = 2048;

/// The answer is yes.
pub(crate) const YES: ExitCode = ExitCode::SUCCESS;

/// The answer is no.
pub(crate) fn no() -> ExitCode {
    ExitCode::from(1)
}

/// Prints one JSON object in one line. Characters that could drive a terminal are written as `\uXXXX`, which a parser reads as
/// what they are.
pub(crate) fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    bytes(format!("{}\n", escape_json(&serde_json::to_string(value)?)).as_bytes())
}

/// Prints text for people; colours are taken out where they do not belong (`NO_COLOR`, pipes).
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints a cookie value. Characters of an unsealed one that could drive a terminal are escaped: in JSON, which stays equal, or,
/// where a signature covers the text, by percent-encoding all of it.
pub(crate) fn cookie_value(value: &str) -> anyhow::Result<()> {
    let escaped = escape_json(value);
    let shown = match &escaped {
        Cow::Owned(_) if !value.starts_with('{') => {
            message("note: the value is percent-encoded, for it has characters that drive terminals");
            Cow::Owned(cookie::encode_value(value))
        }
        _ => escaped,
    };
    bytes(format!("{shown}\n").as_bytes())
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Prints a message on standard error. Every line of it is one line, whatever was put into it.
pub(crate) fn message(text: &str) {
    let lines: Vec<_> = text.split('\n').map(one_line).collect();
    anstream::eprintln!("{}", lines.join("\n"));
}

/// Text from outside as an entry of a row, which ends with it.
pub(crate) fn shown(text: &str) -> String {
    Untrusted::new(text).unquoted().to_string()
}

/// Text from outside among other words: quoted unless it is one word.
pub(crate) fn word(text: &str) -> String {
    Untrusted::new(text).to_string()
}

/// Several words from outside.
pub(crate) fn words<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    texts.into_iter().map(word).collect::<Vec<_>>().join(", ")
}

/// A value from outside: texts without quotes, the rest as JSON.
pub(crate) fn json_text(value: &Value) -> String {
    let Value::String(text) = value else {
        let json = value.to_string();
        // Compact JSON has spaces within texts only. A row of them would push what follows to a terminal's next line.
        let json = escape_json(&json).replace("  ", " \\u0020");
        let cut: String = json.chars().take(MAX_JSON).collect();
        let more = json.chars().count().saturating_sub(MAX_JSON);
        return if more == 0 { cut } else { format!("{cut}\\…({more} more)") };
    };
    shown(text)
}

/// A row of a table: a name, and a value that ends with the line. A name from outside is a [`word`].
pub(crate) fn row(name: &str, value: &str) -> String {
    format!("  {} {}\n", dim(&format!("{:<14}", one_line(name))), one_line(value))
}

/// `text` in bold.
pub(crate) fn bold(text: &str) -> String {
    styled(Style::new().bold(), text)
}

/// `text`, less prominent.
pub(crate) fn dim(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

/// `text` in a colour.
pub(crate) fn colored(color: AnsiColor, text: &str) -> String {
    styled(Style::new().fg_color(Some(color.into())).bold(), text)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// RFC 3339, whole seconds.
pub(crate) fn rfc3339(time: UnixMillis) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|secs| Timestamp::from_second(secs).ok())
        .map_or_else(|| format!("{} s after 1970", time.as_secs()), |time| time.to_string())
}

/// How far `time` is from `now`, in words.
pub(crate) fn relative(time: UnixMillis, now: UnixMillis) -> String {
    if time > now {
        format!("in {}", span(time.saturating_since(now)))
    } else {
        format!("{} ago", span(now.saturating_since(time)))
    }
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// The session's members as scripts read them.
pub(crate) fn session_members(session: &Session) -> anyhow::Result<Map<String, Value>> {
    let claims = session.claims();
    let list = |items: &mut dyn Iterator<Item = &str>| -> Value { items.map(Value::from).collect() };
    let impersonator = session.impersonator().map(|by| json!({"email": by.email, "reason": by.reason}));
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("session_id", session.id().into());
    set("user_id", session.user_id().into());
    set("organization_id", session.organization_id().into());
    set("role", claims.role().into());
    set("roles", list(&mut claims.roles()));
    set("permissions", list(&mut claims.permissions()));
    set("entitlements", list(&mut claims.entitlements()));
    set("feature_flags", list(&mut claims.feature_flags()));
    set("impersonator", impersonator.into());
    set("authentication_method", session.authentication_method().into());
    set("expires_at", session.expires_at().as_secs().into());
    set("claims", claims_json(claims.as_json())?);
    set("user", serde_json::to_value(session.user())?);
    set("warnings", session.warnings().iter().map(|warning| warning.as_str()).collect());
    Ok(members)
}

/// Claims as they were signed, numbers as far as JSON in memory keeps them.
fn claims_json(text: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str::<Value>(text)
        .or_else(|_| serde_json::from_str::<&RawValue>(text).map(|raw| Value::from(raw.get())))?)
}

/// A failure's members as scripts read them.
pub(crate) fn failure_members(failure: &Failure) -> anyhow::Result<Map<String, Value>> {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("reason", failure.reason().as_str().into());
    if let Some(detail) = failure.detail() {
        set("detail", detail.as_str().into());
    }
    set("message", failure.reason().meaning().into());
    set("retryable", failure.is_retryable().into());
    if let Some(wait) = failure.retry_after() {
        set("retry_after", (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).into());
    }
    if let Some(upstream) = failure.upstream() {
        let said = [
            ("upstream_code", upstream.code.as_deref().map(Value::from)),
            ("status", upstream.status.map(Value::from)),
            ("request_id", upstream.request_id.as_deref().map(Value::from)),
        ];
        for (name, value) in said {
            value.map(|value| set(name, value));
        }
    }
    if let Some(step_up) = failure.step_up().map(step_up_members).filter(|members| !members.is_empty()) {
        set("step_up", step_up.into());
    }
    if let Some(hint) = crate::advice::of_failure(failure) {
        set("hint", hint.into());
    }
    if let Some(expired) = failure.expired() {
        set("session_id", expired.id().into());
        set("organization_id", expired.claims().organization_id().into());
        set("claims", claims_json(expired.claims().as_json())?);
    }
    Ok(members)
}

/// What the next step needs, as far as it is known and no secret.
fn step_up_members(step_up: &StepUp) -> Map<String, Value> {
    let organizations: Vec<Value> =
        step_up.organizations.iter().map(|one| json!({"id": one.id, "name": one.name})).collect();
    [
        ("organizations", json!(organizations)),
        ("connection_ids", json!(step_up.connection_ids)),
        ("authkit_redirect_url", json!(step_up.authkit_redirect_url.as_ref().map(ToString::to_string))),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// A failure in a sentence or three for people.
pub(crate) fn failure_text(failure: &Failure) -> String {
    let mut text =
        format!("{}: {}", colored(AnsiColor::Red, failure.reason().as_str()), failure.reason().meaning());
    if let Some(detail) = failure.detail() {
        text.push_str(&format!(" ({})", crate::advice::of_detail(detail).0));
    }
    if let Some(upstream) = failure.upstream() {
        let mut said = Vec::new();
        said.extend(upstream.status.map(|status| format!("status {status}")));
        said.extend(upstream.code.as_ref().map(|code| format!("code {:?}", Untrusted::new(code))));
        said.extend(upstream.request_id.as_ref().map(|id| format!("request {:?}", Untrusted::new(id))));
        text.push_str(&format!("\nthe API said: {}", said.join(", ")));
    }
    if let Some(fix) = crate::advice::of_failure(failure) {
        text.push_str(&format!("\nfix: {fix}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_say_them() {
        let now = UnixMillis::from_secs(1_767_225_600);
        assert_eq!(rfc3339(now), "2026-01-01T00:00:00Z");
        for (seconds, text) in
            [(5, "in 5 s"), (65, "in 1 min 5 s"), (3_700, "in 1 h 1 min"), (90_000, "in 1 d 1 h")]
        {
            assert_eq!(relative(now.saturating_add(Duration::from_secs(seconds)), now), text);
        }
        assert_eq!(relative(now.saturating_sub(Duration::from_secs(61)), now), "1 min 1 s ago");
        assert_eq!(rfc3339(UnixMillis::from_millis(u64::MAX)), "18446744073709551 s after 1970");
    }
}
