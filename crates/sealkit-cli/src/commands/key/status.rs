//! `sealkit key status`: which formats and passwords the cookies of a sample have.

use super::{
    report::Report,
    sample::{Found, in_line},
    source::{Next, next_line, open},
    verdict::{Evidence, Verdict},
};
use crate::{
    args::KeyStatus,
    input::{Named, build_to_open},
    opening, output,
    settings::Settings,
};
use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sealkit::{
    Detail, Key, KeyRing, UnixMillis,
    format::{Format, detect},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    process::ExitCode,
};

/// Most cookies that are told apart. What a larger sample holds besides them counts as unreadable.
const MOST_COOKIES: usize = 4_000_000;

/// The reason of what has no value that can be read.
const DAMAGED: &str = "damaged";

/// The reason of what is more than [`MOST_COOKIES`].
const NOT_TAKEN: &str = "not_taken";

pub(crate) fn run(args: &KeyStatus) -> anyhow::Result<ExitCode> {
    let settings = Settings::read()?;
    let passwords = args.passwords.opening()?;
    let twins = twins(&passwords);
    let ring = build_to_open(passwords)?;
    let name = args.name.as_deref().unwrap_or_else(|| settings.cookie_name());
    let now = args.moment.time();
    let mut status = Status::default();
    let mut input = open(&args.input)?;
    let mut line = Vec::new();
    loop {
        let next = next_line(&mut input, &mut line, name)
            .with_context(|| format!("line {} cannot be read", status.lines + 1))?;
        let found = match next {
            Next::Line => in_line(&String::from_utf8_lossy(&line), name, args.log),
            // A bare value of that length is one, whatever it is.
            Next::TooLong { mentions } => Found::unreadable(mentions.max(u64::from(!args.log))),
            Next::End => break,
        };
        status.lines += 1;
        status.add(found, &ring, now);
    }
    let written = settings.encoding().write;
    let report = Report { status: &status, ring: &ring, twins: &twins, written, now };
    if args.output.json {
        output::json_line(&report.to_json())?;
    } else {
        output::text(&report.to_text(name))?;
    }
    Ok(if status.distinct() > 0 && status.unreadable.is_empty() { output::YES } else { output::no() })
}

/// Every name of a password that has an earlier name, with that one: the ring opens with the earlier, so that the later is never
/// seen.
fn twins(passwords: &[Named]) -> BTreeMap<String, String> {
    let mut twins = BTreeMap::new();
    for (at, later) in passwords.iter().enumerate() {
        let is_same = |earlier: &&Named| earlier.password.expose_secret() == later.password.expose_secret();
        if let Some(first) = passwords.iter().take(at).find(is_same) {
            twins.insert(later.name.clone(), first.name.clone());
        }
    }
    twins
}

/// Cookies of one format under one password.
#[derive(Default)]
pub(super) struct Kind {
    pub(super) count: u64,
    pub(super) youngest: Option<UnixMillis>,
    pub(super) oldest: Option<UnixMillis>,
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

/// What was counted.
#[derive(Default)]
pub(super) struct Status {
    pub(super) lines: u64,
    pub(super) cookies: u64,
    hasher: RandomState,
    seen: HashSet<u64>,
    pub(super) kinds: BTreeMap<(&'static str, Option<String>), Kind>,
    pub(super) unreadable: BTreeMap<&'static str, (u64, Option<Detail>)>,
    /// Values that did not open, by each format of their shape.
    unopened: BTreeMap<&'static str, u64>,
    /// Those of them that have the shape of a sealed format, once each.
    unopened_sealed: u64,
    /// Cookies that have the shape of no format, or that no value was read of.
    unread: u64,
}

impl Status {
    fn add(&mut self, found: Found, ring: &KeyRing, now: UnixMillis) {
        if found.unreadable > 0 {
            self.cookies += found.unreadable;
            self.unread += found.unreadable;
            self.unreadable.entry(DAMAGED).or_default().0 += found.unreadable;
        }
        for value in found.values {
            self.cookies += 1;
            self.add_value(&value, ring, now);
        }
    }

    fn add_value(&mut self, value: &str, ring: &KeyRing, now: UnixMillis) {
        let hash = self.hasher.hash_one(value);
        if self.seen.contains(&hash) {
            return;
        }
        if self.seen.len() >= MOST_COOKIES {
            self.unread += 1;
            self.unreadable.entry(NOT_TAKEN).or_default().0 += 1;
            return;
        }
        match opening::open(value, None, ring, now) {
            Ok(opened) => {
                self.seen.insert(hash);
                let born = opened.sealed_at.or_else(|| issued_at(opened.session.access_token()));
                let kind = (opened.format.id(), opened.key.map(str::to_owned));
                self.kinds.entry(kind).or_default().add(born);
            }
            Err(detail) => {
                if is_whole(detail) {
                    self.seen.insert(hash);
                }
                self.add_unopened(value, detail);
            }
        }
    }

    /// A value that did not open may be of any password, and of every format of its shape; of any format, if it is not whole.
    fn add_unopened(&mut self, value: &str, detail: Detail) {
        let (count, why) = self.unreadable.entry(detail.as_str()).or_default();
        *count += 1;
        *why = Some(detail);
        let shapes = if is_whole(detail) { shapes(value) } else { Vec::new() };
        if shapes.is_empty() {
            self.unread += 1;
        }
        if shapes.iter().any(|format| format.is_authenticated()) {
            self.unopened_sealed += 1;
        }
        for format in shapes {
            *self.unopened.entry(format.id()).or_default() += 1;
        }
    }

    fn opened(&self) -> u64 {
        self.kinds.values().map(|kind| kind.count).sum()
    }

    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable.values().map(|(count, _)| count).sum()
    }

    pub(super) fn distinct(&self) -> u64 {
        self.opened() + self.unreadable()
    }

    fn evidence(&self, seen: u64, unopened: u64) -> Evidence {
        Evidence { seen, unopened, unread: self.unread, sample: self.distinct() }
    }

    /// What the whole sample may hide of any format and password.
    pub(super) fn of_anything(&self) -> Evidence {
        Evidence { seen: 0, unopened: self.unreadable(), unread: 0, sample: self.distinct() }
    }

    /// Of a password, under each of its names.
    pub(super) fn of_password<'n>(&self, names: impl Iterator<Item = &'n str> + Clone) -> Evidence {
        let is_of = |key: &Option<String>| names.clone().any(|name| key.as_deref() == Some(name));
        let seen = self.kinds.iter().filter(|((_, key), _)| is_of(key)).map(|(_, kind)| kind.count).sum();
        self.evidence(seen, self.unopened_sealed)
    }

    pub(super) fn of_format(&self, format: Format) -> Evidence {
        let of_it = self.kinds.iter().filter(|((id, _), _)| *id == format.id());
        let seen = of_it.map(|(_, kind)| kind.count).sum();
        self.evidence(seen, self.unopened.get(format.id()).copied().unwrap_or_default())
    }

    /// In percent, with one place.
    pub(super) fn share(&self, count: u64) -> String {
        let tenths = count.saturating_mul(1000).checked_div(self.distinct()).unwrap_or_default();
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

/// Whether equal values are one cookie. What a log has cut or masked is equal though the cookies were not, so each counts.
const fn is_whole(detail: Detail) -> bool {
    !matches!(detail, Detail::Malformed | Detail::Truncated | Detail::TooLarge)
}

/// The formats that a value may be, also if its end was lost on the way to the log and it looks like another since.
fn shapes(value: &str) -> Vec<Format> {
    let mut shapes: Vec<Format> = detect(value).iter().collect();
    let by_start: &[Format] = match value {
        _ if shapes.is_empty() => &[],
        _ if value.starts_with("Fe26.") => &[Format::Iron, Format::KotlinIron],
        _ if value.starts_with("gAAAAA") => &[Format::PythonFernet, Format::DotnetGcm],
        _ if value.starts_with("eyJ") => {
            &[Format::RrCookie, Format::PhpSigned, Format::B64urlJson, Format::DotnetGcm]
        }
        _ if shapes.contains(&Format::GoGcm) => &[Format::DotnetGcm],
        _ => &[],
    };
    shapes.extend(by_start.iter().filter(|format| !detect(value).iter().any(|known| known == **format)));
    shapes
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

/// A password, and what may be said of it.
pub(super) struct OfPassword<'r> {
    pub(super) name: &'r str,
    /// Its first name, if this is another.
    pub(super) same_as: Option<&'r str>,
    pub(super) evidence: Evidence,
    pub(super) verdict: Verdict,
}

/// The passwords of the ring, in order. The first that has the shape of the format that is written seals, by whatever name.
pub(super) fn passwords<'r>(
    status: &Status,
    ring: &'r KeyRing,
    twins: &'r BTreeMap<String, String>,
    written: Format,
) -> impl Iterator<Item = OfPassword<'r>> {
    let first_name = |name: &'r str| twins.get(name).map_or(name, String::as_str);
    let names = || ring.keys().iter().map(Key::name);
    let sealing = written.sealing_key(ring).map(Key::name).or_else(|| names().next());
    let sealing = sealing.map(first_name);
    names().map(move |name| {
        let first = first_name(name);
        let evidence = status.of_password(names().filter(|other| first_name(other) == first));
        let verdict = if Some(first) == sealing { Verdict::Seals } else { evidence.verdict() };
        OfPassword { name, same_as: (first != name).then_some(first), evidence, verdict }
    })
}
