//! `sealkit key status`: which formats and passwords the cookies of a sample have.

use super::sample::{Found, in_line};
use crate::{advice, args::KeyStatus, lines::read_line, opening, output, settings::Settings};
use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::builder::styling::AnsiColor;
use sealkit::{
    Detail, Key, KeyRing, UnixMillis,
    format::{Format, FormatSet},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::{self, BufRead, BufReader, IsTerminal as _},
    path::Path,
    process::ExitCode,
};

/// Fewest different cookies without one of a kind, from which on that kind counts as gone: then, with 95 % confidence, under one
/// in a hundred is of it (the rule of three).
const ENOUGH: u64 = 300;

pub(crate) fn run(args: &KeyStatus) -> anyhow::Result<ExitCode> {
    let settings = Settings::read()?;
    let ring = args.passwords.opening_ring()?;
    let name = args.name.as_deref().unwrap_or_else(|| settings.cookie_name());
    let now = args.moment.time();
    let mut status = Status::default();
    let mut input = open(&args.input)?;
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)
        .with_context(|| format!("line {} cannot be read", status.lines + 1))?
    {
        status.lines += 1;
        status.add(in_line(&String::from_utf8_lossy(&line), name, args.log), &ring, now);
        line.clear();
    }
    let judged = Judged { status: &status, ring: &ring, now };
    if args.output.json {
        output::json_line(&judged.to_json())?;
    } else {
        output::text(&judged.to_text(name))?;
    }
    Ok(if status.distinct() > 0 && status.unreadable.is_empty() { output::YES } else { output::no() })
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        if io::stdin().is_terminal() {
            anstream::eprintln!("reading a sample from the terminal; end it with Ctrl-D");
        }
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Cookies of one format under one password.
#[derive(Default)]
struct Kind {
    count: u64,
    youngest: Option<UnixMillis>,
    oldest: Option<UnixMillis>,
}

impl Kind {
    fn add(&mut self, born: Option<UnixMillis>) {
        self.count += 1;
        self.youngest = self.youngest.max(born);
        self.oldest = match (self.oldest, born) {
            (Some(oldest), Some(born)) => Some(oldest.min(born)),
            (oldest, born) => oldest.or(born),
        };
    }
}

#[derive(Default)]
struct Status {
    lines: u64,
    cookies: u64,
    hasher: RandomState,
    seen: HashSet<u64>,
    kinds: BTreeMap<(&'static str, Option<String>), Kind>,
    unreadable: BTreeMap<&'static str, (u64, Option<Detail>)>,
}

impl Status {
    fn add(&mut self, found: Found, ring: &KeyRing, now: UnixMillis) {
        if found.damaged {
            self.cookies += 1;
            self.unreadable.entry("damaged").or_default().0 += 1;
        }
        for value in found.values {
            self.cookies += 1;
            if !self.seen.insert(self.hasher.hash_one(&value)) {
                continue;
            }
            match opening::open(&value, None, ring, now) {
                Ok(opened) => {
                    let born = opened.sealed_at.or_else(|| issued_at(opened.session.access_token()));
                    let kind = (opened.format.id(), opened.key.map(str::to_owned));
                    self.kinds.entry(kind).or_default().add(born);
                }
                Err(detail) => {
                    let (count, why) = self.unreadable.entry(detail.as_str()).or_default();
                    *count += 1;
                    *why = Some(detail);
                }
            }
        }
    }

    fn opened(&self) -> u64 {
        self.kinds.values().map(|kind| kind.count).sum()
    }

    fn unread(&self) -> u64 {
        self.unreadable.values().map(|(count, _)| count).sum()
    }

    fn distinct(&self) -> u64 {
        self.opened() + self.unread()
    }

    fn with_key(&self, name: &str) -> u64 {
        self.kinds
            .iter()
            .filter(|((_, key), _)| key.as_deref() == Some(name))
            .map(|(_, kind)| kind.count)
            .sum()
    }

    fn with_format(&self, format: Format) -> u64 {
        self.kinds.iter().filter(|((id, _), _)| *id == format.id()).map(|(_, kind)| kind.count).sum()
    }

    /// In percent, with one place.
    fn share(&self, count: u64) -> String {
        let tenths = count.saturating_mul(1000).checked_div(self.distinct()).unwrap_or_default();
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

/// When the access token was issued: the last refresh, or the sign-in. Not verified.
fn issued_at(token: &str) -> Option<UnixMillis> {
    #[derive(Deserialize)]
    struct Claims {
        iat: u64,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok().map(|claims: Claims| UnixMillis::from_secs(claims.iat))
}

/// What may be said of something that was seen so often in so many.
#[derive(Clone, Copy)]
enum Verdict {
    /// New cookies are sealed with it, as far as order tells.
    Seals,
    InUse,
    Gone,
    TooFew,
}

impl Verdict {
    fn of(seen: u64, sample: u64) -> Self {
        match seen {
            0 if sample >= ENOUGH => Self::Gone,
            0 => Self::TooFew,
            _ => Self::InUse,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Seals => "seals",
            Self::InUse => "in_use",
            Self::Gone => "could_be_dropped",
            Self::TooFew => "sample_too_small",
        }
    }

    fn text(self, sample: u64) -> String {
        match self {
            Self::Seals => "keep: the first one seals".to_owned(),
            Self::InUse => "keep: still out there".to_owned(),
            Self::Gone => format!(
                "could be dropped: not seen; with 95 % confidence under {} of cookies have it",
                bound(sample)
            ),
            Self::TooFew if sample == 0 => "unknown: nothing was seen".to_owned(),
            Self::TooFew => format!(
                "unknown: not seen, but among so few cookies up to {} could have it unseen (give {ENOUGH} or more)",
                bound(sample)
            ),
        }
    }
}

/// Three in so many, in percent with two places, rounded up.
fn bound(sample: u64) -> String {
    let hundredths = 30_000u64.div_ceil(sample.max(1)).min(10_000);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

struct Judged<'s> {
    status: &'s Status,
    ring: &'s KeyRing,
    now: UnixMillis,
}

impl Judged<'_> {
    fn passwords(&self) -> impl Iterator<Item = (&str, u64, Verdict)> {
        let sample = self.status.distinct();
        self.ring.keys().iter().map(Key::name).enumerate().map(move |(at, name)| {
            let seen = self.status.with_key(name);
            (name, seen, if at == 0 { Verdict::Seals } else { Verdict::of(seen, sample) })
        })
    }

    /// Those that are read by default, and those that were seen.
    fn formats(&self) -> impl Iterator<Item = (Format, u64, Verdict)> {
        let sample = self.status.distinct();
        Format::ALL.iter().copied().filter_map(move |format| {
            let seen = self.status.with_format(format);
            let listed =
                seen > 0 || (FormatSet::sealed().contains(format) && format.keys(self.ring).next().is_some());
            listed.then(|| (format, seen, Verdict::of(seen, sample)))
        })
    }

    fn caveat(&self) -> String {
        let unread = self.status.unread();
        let mut caveat = "a sample shows who came by while it was taken: cookies of users who stay away can be as old as the cookie's Max-Age (400 days by default)".to_owned();
        if unread > 0 {
            caveat.push_str(&format!("; {unread} did not open, and their format and password are unknown"));
        }
        caveat
    }

    fn to_json(&self) -> Value {
        let status = self.status;
        let age = |born: Option<UnixMillis>| born.map(|born| self.now.saturating_since(born).as_secs());
        let kinds: Vec<Value> = status
            .kinds
            .iter()
            .map(|((format, key), kind)| {
                json!({"format": format, "key": key, "count": kind.count, "share": status.share(kind.count),
                    "youngest_seconds": age(kind.youngest), "oldest_seconds": age(kind.oldest)})
            })
            .collect();
        let unreadable: Vec<Value> = status
            .unreadable
            .iter()
            .map(|(reason, (count, _))| json!({"reason": reason, "count": count, "share": status.share(*count)}))
            .collect();
        let passwords: Vec<Value> = self
            .passwords()
            .map(|(name, seen, verdict)| json!({"name": name, "seen": seen, "verdict": verdict.code()}))
            .collect();
        let formats: Vec<Value> = self
            .formats()
            .map(|(format, seen, verdict)| json!({"format": format.id(), "seen": seen, "verdict": verdict.code()}))
            .collect();
        json!({
            "sample": {"lines": status.lines, "cookies": status.cookies, "distinct": status.distinct(),
                "unseen_at_most": (status.distinct() > 0).then(|| bound(status.distinct()))},
            "kinds": kinds, "unreadable": unreadable, "passwords": passwords, "formats": formats,
            "caveat": self.caveat(),
        })
    }

    fn to_text(&self, name: &str) -> String {
        let status = self.status;
        let distinct = status.distinct();
        if distinct == 0 {
            return format!(
                "{}: no cookie `{name}` in {} lines; name another with --name, or say --log for lines that are no values\n",
                output::colored(AnsiColor::Red, "nothing found"),
                status.lines
            );
        }
        let mut text =
            format!("{distinct} different cookies among {} in {} lines\n", status.cookies, status.lines);
        let heading =
            |heading: &str, text: &mut String| text.push_str(&format!("\n{}\n", output::bold(heading)));
        heading("Out there", &mut text);
        for ((format, key), kind) in &status.kinds {
            let key =
                key.as_ref().map_or_else(|| "not sealed".to_owned(), |key| format!("sealed with {key}"));
            let age = |born: Option<UnixMillis>| {
                born.map_or_else(|| "?".to_owned(), |born| output::relative(born, self.now))
            };
            let share = status.share(kind.count);
            text.push_str(&format!(
                "  {format:<14} {:>9} {share:>8}  {key}, youngest {}, oldest {}\n",
                kind.count,
                age(kind.youngest),
                age(kind.oldest)
            ));
        }
        if !status.unreadable.is_empty() {
            heading("Unreadable", &mut text);
            for (reason, (count, detail)) in &status.unreadable {
                let why = detail.map_or("no whole value can be read", |detail| advice::of_detail(detail).0);
                text.push_str(&format!("  {reason:<14} {count:>9} {:>8}  {why}\n", status.share(*count)));
            }
        }
        heading("Passwords", &mut text);
        for (name, seen, verdict) in self.passwords() {
            text.push_str(&format!("  {name:<24} {seen:>9}  {}\n", verdict.text(distinct)));
        }
        heading("Formats", &mut text);
        for (format, seen, verdict) in self.formats() {
            text.push_str(&format!("  {:<24} {seen:>9}  {}\n", format.id(), verdict.text(distinct)));
        }
        text.push_str(&format!("\n{}\n", self.caveat()));
        text
    }
}
