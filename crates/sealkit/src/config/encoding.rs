//! Which formats are read and written, as people say it: in the upstream's two words, or by format ids.

use super::{
    env,
    env::Given,
    problem::{Problem, withheld},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use sealkit_core::{
    EncodingPolicy, Rewrite, UnixMillis,
    format::{Format, FormatSet},
};
use std::borrow::Cow;

/// The variables that decide about formats.
pub(super) const VARIABLES: &[&str] = &[
    env::SESSION_ENCODING_READ,
    env::SESSION_ENCODING_WRITE,
    env::FORMATS_READ,
    env::FORMAT_WRITE,
    env::UNSEALED_UNTIL,
    env::REWRITE,
];

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
            let names = Names { write: Some("encoding"), read: "encoding", until: "encoding" };
            names.check(&policy, problems);
            return policy;
        }
        let before = problems.len();
        let names = Names {
            write: self.format_write.as_ref().or(self.upstream_write.as_ref()).map(|given| given.setting),
            read: self.formats_read.as_ref().map_or(env::SESSION_ENCODING_READ, |given| given.setting),
            until: env::UNSEALED_UNTIL,
        };
        let upstream_write = self.upstream_write.and_then(|given| given.check(problems, upstream_write));
        let upstream_read = self.upstream_read.and_then(|given| given.check(problems, upstream_read));
        let format = self.format_write.and_then(|given| given.check(problems, format));
        let formats = self.formats_read.and_then(|given| given.check(problems, formats));
        if let (Some(format), Some(upstream)) = (format, upstream_write)
            && format.is_authenticated() != upstream.is_authenticated()
        {
            let problem = format!("does not agree with {}, which names `{format}`", env::FORMAT_WRITE);
            problems.push(Problem::new(env::SESSION_ENCODING_WRITE, problem, "set one of the two only"));
        }
        let write = format.or(upstream_write).unwrap_or(Format::Iron);
        let mut policy =
            EncodingPolicy::writing(write).with_read(formats.or(upstream_read).unwrap_or_else(|| {
                // An unsealed format is never read without being named.
                let default = FormatSet::sealed();
                if write.is_authenticated() { default.with(write) } else { default }
            }));
        policy.unsealed_until = self.unsealed_until.and_then(|given| given.check(problems, time));
        policy.rewrite = self.rewrite.and_then(|given| given.check(problems, rewrite)).unwrap_or_default();
        if problems.len() == before {
            names.check(&policy, problems);
        }
        policy
    }
}

/// What the settings are called under which a policy was given.
struct Names {
    /// None when nobody has said what is written.
    write: Option<&'static str>,
    read: &'static str,
    until: &'static str,
}

impl Names {
    /// What is written must be read, and unsealed cookies cannot come to an end while they are written.
    fn check(&self, policy: &EncodingPolicy, problems: &mut Vec<Problem>) {
        if !policy.read.contains(policy.write) {
            let problem =
                format!("`{}` would be written and not read: every sign-in would be lost", policy.write);
            problems.push(Problem::new(self.write.unwrap_or(self.read), problem, self.to_read(policy.write)));
        }
        if policy.unsealed_until.is_some() && !policy.write.is_authenticated() {
            problems.push(Problem::new(
                self.until,
                "unsealed cookies cannot come to an end, they are what is written",
                "unset the end, or write a sealed format",
            ));
        }
    }

    /// How a format comes to be read.
    fn to_read(&self, format: Format) -> String {
        let in_both = FormatSet::sealed().union(FormatSet::unsealed()).contains(format);
        match self.read {
            env::SESSION_ENCODING_READ if in_both => format!("set {} to both", env::SESSION_ENCODING_READ),
            env::SESSION_ENCODING_READ => {
                format!("set {} to the formats that are read, `{format}` among them", env::FORMATS_READ)
            }
            env::FORMATS_READ => format!("add `{format}` to {}", env::FORMATS_READ),
            _ => format!("add `{format}` to what is read"),
        }
    }
}

/// By `unsealed` base64url is written, as the proposal does that the settings come from.
fn upstream_write(text: String) -> Result<Format, (String, &'static str)> {
    match text.as_str() {
        "sealed" => Ok(Format::Iron),
        "unsealed" => Ok(Format::B64urlJson),
        other => {
            Err((format!("{} is neither sealed nor unsealed", withheld(other)), "write sealed or unsealed"))
        }
    }
}

/// By `unsealed` both forms of the upstream's proposals are read.
fn upstream_read(text: String) -> Result<FormatSet, (String, &'static str)> {
    match text.as_str() {
        "sealed" => Ok(FormatSet::sealed()),
        "unsealed" => Ok(FormatSet::unsealed()),
        "both" => Ok(FormatSet::sealed().union(FormatSet::unsealed())),
        other => Err((
            format!("{} is none of sealed, unsealed, both", withheld(other)),
            "write sealed, unsealed or both",
        )),
    }
}

fn format(text: String) -> Result<Format, (String, String)> {
    text.parse().map_err(|_| {
        (format!("{} is not a format", withheld(&text)), format!("write one of {}", FormatSet::all()))
    })
}

/// Format ids; `sealed` and `unsealed` stand for their groups.
fn formats(text: String) -> Result<FormatSet, (String, Cow<'static, str>)> {
    let mut all = FormatSet::EMPTY;
    for (entry, id) in (1..).zip(text.split(',').map(str::trim)) {
        all = match id {
            "sealed" => all.union(FormatSet::sealed()),
            "unsealed" => all.union(FormatSet::unsealed()),
            id => {
                let format = id.parse().map_err(|_| {
                    let fix = format!(
                        "write sealed, unsealed or formats, with commas between them: {}",
                        FormatSet::all()
                    );
                    (format!("entry {entry}, {}, is not a format", withheld(id)), Cow::from(fix))
                })?;
                all.with(format)
            }
        };
    }
    Ok(all)
}

/// RFC 3339, or a day, which begins at midnight UTC.
fn time(text: String) -> Result<UnixMillis, (String, &'static str)> {
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        // A date's reader takes a time of no zone, too, and leaves it out.
        let day: Date = text.parse().ok().filter(|_| text.len() == "2027-01-31".len())?;
        day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp())
    });
    moment
        .and_then(|moment| u64::try_from(moment.as_millisecond()).ok())
        .map(UnixMillis::from_millis)
        .ok_or_else(|| {
            (format!("{} is not a time", withheld(&text)), "write it as 2027-01-31 or 2027-01-31T12:00:00Z")
        })
}

fn rewrite(text: String) -> Result<Rewrite, (String, &'static str)> {
    match text.as_str() {
        "next-cookie" => Ok(Rewrite::WithNextCookie),
        "on-read" => Ok(Rewrite::OnRead),
        other => Err((
            format!("{} is neither next-cookie nor on-read", withheld(other)),
            "write next-cookie or on-read",
        )),
    }
}
