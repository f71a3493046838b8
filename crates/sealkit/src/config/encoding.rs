//! Which formats are read and written, as people say it: in the upstream's two words, or by format ids.

use super::{
    env,
    env::Given,
    problem::{Problem, shown},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use sealkit_core::{
    EncodingPolicy, Rewrite, UnixMillis,
    format::{Format, FormatSet},
};

/// What `WORKOS_SESSION_ENCODING_*` mean by `unsealed`: both forms of the upstream's proposals are read, and base64url is written,
/// as the proposal does that the settings come from.
const UNSEALED: [Format; 2] = [Format::PlainJson, Format::B64urlJson];

/// The settings as they were given.
#[derive(Clone, Debug, Default)]
pub(super) struct EncodingInput {
    /// In code: the whole policy.
    pub(super) policy: Option<EncodingPolicy>,
    pub(super) upstream_read: Option<Given<String>>,
    pub(super) upstream_write: Option<Given<String>>,
    pub(super) formats_read: Option<Given<String>>,
    pub(super) format_write: Option<Given<String>>,
    pub(super) unsealed_until: Option<Given<String>>,
    pub(super) rewrite: Option<Given<String>>,
}

impl EncodingInput {
    /// The policy; what is wrong goes to `problems`.
    pub(super) fn check(self, problems: &mut Vec<Problem>) -> EncodingPolicy {
        if let Some(policy) = self.policy {
            told(&policy, "encoding", "encoding", problems);
            return policy;
        }
        let before = problems.len();
        let write_setting = setting(self.format_write.as_ref(), env::SESSION_ENCODING_WRITE);
        let read_setting = setting(self.formats_read.as_ref(), env::SESSION_ENCODING_READ);
        let upstream_write = self.upstream_write.and_then(|given| given.check(problems, upstream_write));
        let upstream_read = self.upstream_read.and_then(|given| given.check(problems, upstream_read));
        let format = self.format_write.and_then(|given| given.check(problems, format));
        let formats = self.formats_read.and_then(|given| given.check(problems, formats));
        if let (Some(format), Some(sealed)) = (format, upstream_write)
            && format.is_authenticated() != (sealed == Format::Iron)
        {
            let problem = format!("does not agree with {}, which names `{format}`", env::FORMAT_WRITE);
            problems.push(Problem::new(env::SESSION_ENCODING_WRITE, problem, "set one of the two only"));
        }
        let write = format.or(upstream_write).unwrap_or(Format::Iron);
        let default = FormatSet::sealed();
        let mut policy = EncodingPolicy::sealed(write).with_read(
            formats
                .or(upstream_read)
                .unwrap_or_else(|| if write.is_authenticated() { default.with(write) } else { default }),
        );
        policy.unsealed_until = self.unsealed_until.and_then(|given| given.check(problems, time));
        policy.rewrite = self.rewrite.and_then(|given| given.check(problems, rewrite)).unwrap_or_default();
        if problems.len() == before {
            told(&policy, write_setting, read_setting, problems);
        }
        policy
    }
}

fn setting(own: Option<&Given<String>>, upstream: &'static str) -> &'static str {
    own.map_or(upstream, |given| given.setting)
}

/// What is written must be read, and an end of unsealed cookies wants something to end.
fn told(policy: &EncodingPolicy, write: &'static str, read: &'static str, problems: &mut Vec<Problem>) {
    if !policy.read.contains(policy.write) {
        let problem =
            format!("would write `{}`, which is not read here: every sign-in would be lost", policy.write);
        let fix = if policy.write.is_authenticated() {
            format!("add `{}` to {read}", policy.write)
        } else {
            format!("set {read} to both, or add `{}` to what is read", policy.write)
        };
        problems.push(Problem::new(write, problem, fix));
    }
    if policy.unsealed_until.is_some() && !policy.write.is_authenticated() {
        problems.push(Problem::new(
            env::UNSEALED_UNTIL,
            "is set, but unsealed cookies are what is written",
            "unset it, or write a sealed format",
        ));
    }
}

fn upstream_write(text: String) -> Result<Format, (String, &'static str)> {
    match text.as_str() {
        "sealed" => Ok(Format::Iron),
        "unsealed" => Ok(Format::B64urlJson),
        other => {
            Err((format!("{} is neither sealed nor unsealed", shown(other)), "write sealed or unsealed"))
        }
    }
}

fn upstream_read(text: String) -> Result<FormatSet, (String, &'static str)> {
    let unsealed = UNSEALED.into_iter().collect();
    match text.as_str() {
        "sealed" => Ok(FormatSet::sealed()),
        "unsealed" => Ok(unsealed),
        "both" => Ok(UNSEALED.into_iter().fold(FormatSet::sealed(), FormatSet::with)),
        other => Err((
            format!("{} is none of sealed, unsealed, both", shown(other)),
            "write sealed, unsealed or both",
        )),
    }
}

fn format(text: String) -> Result<Format, (String, &'static str)> {
    text.parse().map_err(|_| {
        (format!("{} is no format", shown(&text)), "write one of the ids that `sealkit seal --help` lists")
    })
}

/// Format ids; `sealed` and `unsealed` stand for their groups.
fn formats(text: String) -> Result<FormatSet, (String, &'static str)> {
    let mut all = FormatSet::EMPTY;
    for id in text.split(',').map(str::trim) {
        let group: FormatSet = match id {
            "sealed" => FormatSet::sealed(),
            "unsealed" => UNSEALED.into_iter().collect(),
            id => format(id.to_owned())
                .map(|format| FormatSet::EMPTY.with(format))
                .map_err(|(problem, _)| (problem, "write format ids with commas between them; `sealed` stands for all that are read by default"))?,
        };
        all = group.iter().fold(all, FormatSet::with);
    }
    Ok(all)
}

/// RFC 3339, or a day, which begins at midnight UTC.
fn time(text: String) -> Result<UnixMillis, (String, &'static str)> {
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let day: Date = text.parse().ok()?;
        day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp())
    });
    moment
        .and_then(|moment| u64::try_from(moment.as_millisecond()).ok())
        .map(UnixMillis::from_millis)
        .ok_or_else(|| {
            (format!("{} is no time", shown(&text)), "write it as 2027-01-31 or 2027-01-31T12:00:00Z")
        })
}

fn rewrite(text: String) -> Result<Rewrite, (String, &'static str)> {
    match text.as_str() {
        "next-cookie" => Ok(Rewrite::WithNextCookie),
        "on-read" => Ok(Rewrite::OnRead),
        other => Err((
            format!("{} is neither next-cookie nor on-read", shown(other)),
            "write next-cookie or on-read",
        )),
    }
}
