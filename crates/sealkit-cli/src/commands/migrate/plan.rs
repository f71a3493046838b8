//! The plan: who must read what before anybody writes it, and what can go at the end.

use super::sample;
use crate::{
    args::{Migrate, Service},
    commands::key::share,
    output,
    sdk::Reading,
};
use sealkit::{
    config::env::{
        COOKIE_PASSWORD, COOKIE_PASSWORDS_FILE, FORMAT_WRITE, FORMATS_READ, REWRITE, SESSION_ENCODING_READ,
        SESSION_ENCODING_WRITE, UNSEALED_UNTIL,
    },
    format::{Format, FormatSet},
};
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
pub(super) struct Plan {
    pub(super) from: Vec<&'static str>,
    pub(super) to: &'static str,
    pub(super) services: Vec<Today>,
    /// What does not fit together already.
    pub(super) today: Vec<String>,
    pub(super) steps: Vec<Step>,
    pub(super) losses: Vec<Lost>,
    pub(super) notes: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Today {
    pub(super) name: String,
    pub(super) sdk: &'static str,
    /// Absent for one that only reads.
    pub(super) writes: Option<&'static str>,
    pub(super) reads: Vec<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Step {
    /// Stable: `passwords`, `readers`, `writers`, `wait`, `drop`.
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) why: String,
    pub(super) actions: Vec<Action>,
}

#[derive(Serialize)]
pub(super) struct Action {
    pub(super) service: String,
    pub(super) what: String,
    pub(super) settings: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Lost {
    pub(super) member: String,
    pub(super) loss: &'static str,
    /// The SDK, where those of one format differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sdk: Option<&'static str>,
    pub(super) what: String,
}

/// A service with what it does.
struct Part<'a> {
    service: &'a Service,
    writes: bool,
}

struct Fleet<'a> {
    parts: Vec<Part<'a>>,
    from: FormatSet,
    to: Format,
    max_age: Duration,
    end: String,
}

impl Plan {
    pub(super) fn new(args: &Migrate) -> anyhow::Result<Self> {
        let parts: Vec<Part<'_>> = (args.services.iter().map(|service| Part { service, writes: true }))
            .chain(args.readers.iter().map(|service| Part { service, writes: false }))
            .collect();
        let written = args.services.iter().map(|service| service.writes);
        let from: FormatSet = written.chain(args.from.into_iter().flat_map(FormatSet::iter)).collect();
        let from = if from.is_empty() { FormatSet::EMPTY.with(args.to) } else { from };
        let end = output::rfc3339(args.moment.time().saturating_add(args.max_age));
        let fleet = Fleet { parts, from, to: args.to, max_age: args.max_age, end };
        let steps =
            vec![fleet.passwords()?, fleet.readers(), fleet.writers(), fleet.wait(), fleet.drop_old()];
        Ok(Self {
            from: fleet.from.iter().map(Format::id).collect(),
            to: fleet.to.id(),
            services: fleet.parts.iter().map(Part::today).collect(),
            today: fleet.conflicts_today(),
            steps: steps.into_iter().flatten().collect(),
            losses: fleet.losses(),
            notes: fleet.notes(),
        })
    }
}

impl Part<'_> {
    fn name(&self) -> String {
        self.service.name.clone()
    }

    fn today(&self) -> Today {
        let sdk = self.service.sdk;
        let reads = if sdk.is_sealkit() {
            vec!["every format"]
        } else {
            sdk.reads.iter().map(|format| format.id()).collect()
        };
        Today {
            name: self.name(),
            sdk: sdk.title,
            writes: self.writes.then(|| self.service.writes.id()),
            reads,
        }
    }

    fn act(&self, what: impl Into<String>) -> Action {
        Action { service: self.name(), what: what.into(), settings: Vec::new() }
    }

    fn set(&self, what: impl Into<String>, settings: Vec<String>) -> Action {
        Action { settings, ..self.act(what) }
    }
}

impl Fleet<'_> {
    /// Everything that is out there while the fleet moves.
    fn all(&self) -> FormatSet {
        self.from.with(self.to)
    }

    fn old(&self) -> FormatSet {
        self.from.without(self.to)
    }

    fn conflicts_today(&self) -> Vec<String> {
        let mut conflicts = Vec::new();
        for part in self.parts.iter().filter(|part| !part.service.sdk.is_sealkit()) {
            for format in self.from.iter() {
                let (name, title) = (&part.service.name, part.service.sdk.title);
                match part.service.sdk.reading(format) {
                    Reading::Yes => {}
                    Reading::Partly(but) => {
                        conflicts.push(format!("{name} ({title}) reads {format} with a reservation: {but}"))
                    }
                    Reading::No(effect) => conflicts.push(format!(
                        "{name} ({title}) cannot read {format}, which is out there: such readers {effect}"
                    )),
                }
            }
        }
        conflicts
    }

    /// Only when the target needs a password of another shape than what is written today may have.
    fn passwords(&self) -> anyhow::Result<Option<Step>> {
        let sealed: Vec<Format> = self.all().iter().filter(|format| format.is_authenticated()).collect();
        if sealed.is_empty() || self.old().is_empty() {
            return Ok(None);
        }
        let shared = share(&sealed)?;
        let fits =
            |formats: &[Format]| formats.iter().map(|format| format.id()).collect::<Vec<_>>().join(", ");
        let why = match shared.as_slice() {
            [one] => format!(
                "one password fits all of {}: {}; if today's is of that shape, keep it and go on with step 2",
                fits(&one.formats),
                one.shape.rule()
            ),
            several => {
                let each: Vec<String> = several
                    .iter()
                    .map(|one| format!("{} for {}", one.shape.rule(), fits(&one.formats)))
                    .collect();
                format!(
                    "no one password fits all: {}. sealkit holds them in one ring, and each SDK gets its own",
                    each.join("; ")
                )
            }
        };
        let mut actions = vec![Action {
            service: "(once)".to_owned(),
            what: "make what is missing".to_owned(),
            settings: if self.to.is_authenticated() {
                vec![format!("sealkit key new --format {}", self.to)]
            } else {
                Vec::new()
            },
        }];
        for part in self.parts.iter().filter(|part| part.service.sdk.is_sealkit()) {
            actions.push(part.set(
                "the new password beside today's; the first that fits the format that is written seals, every one opens",
                vec![
                    format!("{COOKIE_PASSWORDS_FILE}=/etc/sealkit/passwords"),
                    "  today=<today's password>".to_owned(),
                    "  next=<the new one, if the format needs another>".to_owned(),
                ],
            ));
        }
        for part in self.parts.iter().filter(|part| !part.service.sdk.is_sealkit()) {
            let place = part.service.sdk.password.setting("…");
            actions.push(part.act(format!(
                "takes one password ({place}): leave today's; it opens nothing sealed with another"
            )));
        }
        Ok(Some(Step { id: "passwords", title: "Passwords".to_owned(), why, actions }))
    }

    fn readers(&self) -> Option<Step> {
        if self.old().is_empty() {
            return None;
        }
        let actions = self.parts.iter().map(|part| self.reader(part)).collect();
        Some(Step {
            id: "readers",
            title: format!("Readers: everybody reads {} before anybody writes it", self.to),
            why: "roll this out everywhere, and only then go on: a service that cannot read the new cookie loses its users, or answers 500 to them".to_owned(),
            actions,
        })
    }

    fn reader(&self, part: &Part<'_>) -> Action {
        let (sdk, to) = (part.service.sdk, self.to);
        if sdk.is_sealkit() {
            let write = if part.writes { part.service.writes } else { Format::Iron };
            let mut settings = vec![format!("{FORMATS_READ}={}", self.all())];
            settings.push(format!("{FORMAT_WRITE}={}", if self.all().contains(write) { write } else { to }));
            settings.extend(self.upstream(self.all(), write));
            return part.set("reads both, writes what it writes today", settings);
        }
        match sdk.reading(to) {
            Reading::Yes => part.act(format!("reads {to} by itself: nothing to change but its password, if that is a new one")),
            Reading::Partly(but) if !to.is_authenticated() => {
                part.set(format!("reads {to} only in this way: {but}"), vec![format!("{SESSION_ENCODING_READ}=both")])
            }
            Reading::Partly(but) => part.act(format!("reads {to} with a reservation: {but}")),
            Reading::No(effect) => part.act(format!(
                "cannot read {to}: once {to} is written, such readers {effect}. sealkit must stand between. Let a sealkit service open the session and hand this one what it needs, or move its session code to sealkit"
            )),
        }
    }

    fn writers(&self) -> Option<Step> {
        if self.old().is_empty() {
            return None;
        }
        let actions = self.parts.iter().filter(|part| part.writes).map(|part| self.writer(part)).collect();
        Some(Step {
            id: "writers",
            title: format!("Writers: {} from now on", self.to),
            why: "one service after the other; old cookies still open everywhere".to_owned(),
            actions,
        })
    }

    fn writer(&self, part: &Part<'_>) -> Action {
        let (sdk, to) = (part.service.sdk, self.to);
        if sdk.is_sealkit() {
            let mut settings = vec![format!("{FORMATS_READ}={}", self.all()), format!("{FORMAT_WRITE}={to}")];
            if to.is_authenticated() && self.has_open() {
                settings.push(format!("{UNSEALED_UNTIL}={}", self.end));
            } else if !self.has_open() || !to.is_authenticated() {
                settings.push(format!("{REWRITE}=on-read"));
            }
            settings.extend(self.upstream(self.all(), to));
            return part.set(format!("writes {to}"), settings);
        }
        match (part.service.writes == to, sdk.writes.contains(&to), to.is_authenticated()) {
            (true, ..) => part.act(format!("writes {to} already")),
            (_, true, true) => part.set(
                format!("writes {to}"),
                vec![format!("{SESSION_ENCODING_READ}=both"), format!("{SESSION_ENCODING_WRITE}=sealed")],
            ),
            (_, true, false) => part.set(
                format!("writes {to}, in an open branch only"),
                vec![format!("{SESSION_ENCODING_READ}=both"), format!("{SESSION_ENCODING_WRITE}=unsealed")],
            ),
            _ => part.act(format!(
                "cannot write {to}: it must not set the cookie any more. Leave sign-in, refresh and sign-out to a service with sealkit"
            )),
        }
    }

    fn wait(&self) -> Option<Step> {
        if self.old().is_empty() {
            return None;
        }
        let any = |what: &str, settings: Vec<String>| Action {
            service: "(any time)".to_owned(),
            what: what.to_owned(),
            settings,
        };
        let mut actions = vec![any(
            "see what is still out there",
            vec![
                "sealkit key status --log --in access.log --password-file next --password-file today"
                    .to_owned(),
            ],
        )];
        if self.old().iter().any(Format::is_authenticated) || !self.to.is_authenticated() {
            actions.push(any(
                "sessions that are stored on a server need not wait",
                vec![format!("sealkit convert --to {} --in sessions --out sessions.new --password-file next --password-file today", self.to)],
            ));
        }
        if self.to.is_authenticated() && self.has_open() {
            actions.push(any(
                "unsealed cookies are never sealed as they are, nor does `convert` do it unasked: anybody can have written them. Each is sealed at its next refresh, with what the API answers",
                Vec::new(),
            ));
        }
        let age = self.max_age.as_secs();
        let age =
            if age.is_multiple_of(86_400) { format!("{} days", age / 86_400) } else { format!("{age} s") };
        Some(Step {
            id: "wait",
            title: "Wait, or convert".to_owned(),
            why: format!(
                "a cookie in use is written anew at its next refresh; one of a user who stays away lives up to its Max-Age, {age} (until {} if the writers change today)",
                self.end
            ),
            actions,
        })
    }

    fn drop_old(&self) -> Option<Step> {
        if self.old().is_empty() {
            return None;
        }
        let to = self.to;
        let actions = self.parts.iter().map(|part| {
            if !part.service.sdk.is_sealkit() {
                return part.act(match part.service.sdk.reading(to) {
                    Reading::No(_) => "still needs sealkit between",
                    _ => "nothing to change",
                });
            }
            let mut settings = vec![format!("{FORMATS_READ}={to}"), format!("{FORMAT_WRITE}={to}")];
            settings.extend(self.upstream(FormatSet::EMPTY.with(to), to));
            let what = if to.is_authenticated() {
                format!("reads {to} alone; take the passwords that `key status` does not see any more out of {COOKIE_PASSWORDS_FILE}")
            } else {
                format!("reads {to} alone; {COOKIE_PASSWORD} still seals the state of a sign-in, or is derived from the API key without it")
            };
            part.set(what, settings)
        });
        Some(Step {
            id: "drop",
            title: format!("Drop {}", self.old()),
            why: "fewer formats and passwords that are read are fewer that can be abused".to_owned(),
            actions: actions.collect(),
        })
    }

    /// True when cookies that nobody protects are out there.
    fn has_open(&self) -> bool {
        self.old().iter().any(|format| !format.is_authenticated())
    }

    /// The same in the upstream's two words, where they can say it.
    fn upstream(&self, read: FormatSet, write: Format) -> Option<String> {
        let sayable = |format: Format| matches!(format, Format::Iron | Format::B64urlJson);
        if !read.iter().all(sayable) || !sayable(write) {
            return None;
        }
        let reads = match (read.contains(Format::Iron), read.contains(Format::B64urlJson)) {
            (true, true) => "both",
            (false, true) => "unsealed",
            _ => "sealed",
        };
        let writes = if write == Format::Iron { "sealed" } else { "unsealed" };
        Some(format!(
            "(or, as the WorkOS libraries name it: {SESSION_ENCODING_READ}={reads} {SESSION_ENCODING_WRITE}={writes})"
        ))
    }

    fn losses(&self) -> Vec<Lost> {
        if self.old().is_empty() {
            return Vec::new();
        }
        sample::losses(self.to)
            .iter()
            .map(|loss| Lost {
                member: loss.member().to_owned(),
                loss: loss.as_str(),
                sdk: loss.sdk,
                what: match loss.to_string().split_once(": ") {
                    Some((_, what)) => what.to_owned(),
                    None => loss.to_string(),
                },
            })
            .collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.old().is_empty() {
            notes.push(format!("nothing to migrate: {} is all that is written", self.to));
            return notes;
        }
        let to = self.to;
        notes.push(format!(
            "what would be lost is told of a session that holds everything, and of the SDK that {to} belongs to ({}): sealkit itself keeps every member",
            to.writer()
        ));
        if !to.is_authenticated() {
            notes.push(format!(
                "{to} is not sealed: whoever holds the cookie reads both tokens, and user and impersonator are only what the visitor says"
            ));
        }
        if to == Format::DotnetGcm {
            notes.push("opening a .NET seal costs 100 000 rounds of key derivation for every value that anybody sends".to_owned());
        }
        if matches!(to, Format::PhpHalite | Format::PhpSigned) {
            notes.push(format!(
                "{to} has an end of its own: 30 days after it was written, whatever the cookie's Max-Age"
            ));
        }
        notes
    }
}
