//! What happened to all of them.

use super::{job::Job, outputs::Paths, pipeline::Converted, resume::Done};
use crate::output;
use clap::builder::styling::AnsiColor;
use sealkit::{
    config::shown_path,
    format::{Format, Protection},
    session::{Effect, Loss},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most members that losses are counted by: names come from cookies.
const MOST_MEMBERS: usize = 1000;

/// Counts of some lines.
#[derive(Default)]
pub(super) struct Tally {
    converted: u64,
    failed: u64,
    opened: BTreeMap<(&'static str, Option<String>), u64>,
    reasons: BTreeMap<&'static str, u64>,
    losses: BTreeMap<Lost, u64>,
    ends_lost: u64,
    ends_given: u64,
    split: u64,
}

impl Tally {
    pub(super) fn convert(&mut self, format: Format, key: Option<&str>, losses: Vec<Loss>) {
        self.converted += 1;
        *self.opened.entry((format.id(), key.map(str::to_owned))).or_default() += 1;
        for loss in losses {
            add(&mut self.losses, loss.into(), 1);
        }
    }

    pub(super) fn fail(&mut self, reason: &'static str) {
        self.failed += 1;
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// The old seal said when it ends, and the new one cannot.
    pub(super) fn end_is_lost(&mut self, is: bool) {
        self.ends_lost += u64::from(is);
    }

    /// The old seal had no end, and the new one must.
    pub(super) fn end_is_given(&mut self, is: bool) {
        self.ends_given += u64::from(is);
    }

    /// It takes more than one cookie.
    pub(super) fn is_split(&mut self, is: bool) {
        self.split += u64::from(is);
    }

    fn join(&mut self, other: &Self) {
        self.converted += other.converted;
        self.failed += other.failed;
        self.ends_lost += other.ends_lost;
        self.ends_given += other.ends_given;
        self.split += other.split;
        for (opened, lines) in &other.opened {
            *self.opened.entry(opened.clone()).or_default() += lines;
        }
        for (reason, lines) in &other.reasons {
            *self.reasons.entry(reason).or_default() += lines;
        }
        for (loss, lines) in &other.losses {
            add(&mut self.losses, loss.clone(), *lines);
        }
    }
}

/// A loss, as it is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lost {
    member: String,
    effect: Effect,
    sdk: Option<&'static str>,
    taken_for: Option<&'static str>,
}

impl From<Loss> for Lost {
    fn from(loss: Loss) -> Self {
        Self { effect: loss.effect, sdk: loss.sdk, taken_for: loss.taken_for, member: loss.member }
    }
}

impl Lost {
    fn to_json(&self, lines: u64) -> Value {
        let mut json = json!({"member": self.member, "loss": self.effect.as_str(), "lines": lines});
        if let Some(members) = json.as_object_mut() {
            for (name, value) in [("sdk", self.sdk), ("taken_for", self.taken_for)] {
                members.extend(value.map(|value| (name.to_owned(), value.into())));
            }
        }
        json
    }

    /// In a few words; the member stands beside it.
    fn meaning(&self) -> String {
        let mut meaning = match self.effect {
            Effect::NotKept => "in the cookie until the SDK re-seals it",
            Effect::NullLeftOut => "null, left out when the SDK re-seals it",
            Effect::Needed => "missing or of another type: the SDK does not open the session",
            Effect::Changed => "read as another value",
            Effect::NotRefreshed => "the SDK opens the session and does not refresh it",
            Effect::Collides => "two members would have this name",
            _ => "",
        }
        .to_owned();
        if let Some(other) = self.taken_for {
            meaning.push_str(&format!("; taken for {other}"));
        }
        if let Some(sdk) = self.sdk {
            meaning.push_str(&format!(" ({sdk})"));
        }
        meaning
    }
}

fn add(losses: &mut BTreeMap<Lost, u64>, loss: Lost, lines: u64) {
    let is_counted = losses.len() < MOST_MEMBERS || losses.contains_key(&loss);
    let loss = if is_counted { loss } else { Lost { member: "…".to_owned(), ..loss } };
    *losses.entry(loss).or_default() += lines;
}

/// The sum.
pub(super) struct Report {
    to: Format,
    before: u64,
    failed_before: u64,
    tally: Tally,
}

impl Report {
    pub(super) fn new(job: &Job, done: &Done) -> Self {
        Self { to: job.to, before: done.lines, failed_before: done.failed, tally: Tally::default() }
    }

    pub(super) fn add(&mut self, batch: &Converted) {
        self.tally.join(&batch.tally);
    }

    /// Lines that failed, those of an earlier run too.
    pub(super) fn failed(&self) -> u64 {
        self.failed_before + self.tally.failed
    }

    fn converted(&self) -> u64 {
        self.before - self.failed_before + self.tally.converted
    }

    /// For the progress bar.
    pub(super) fn short(&self) -> String {
        format!("{} lines, {} failed", self.converted() + self.failed(), self.failed())
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Tally { ends_lost, ends_given, split, .. } = self.tally;
        let to = self.to;
        if self.before > 0 {
            notes.push(format!("{} lines were done before; what follows counts this run alone", self.before));
        }
        if to == Format::DotnetGcm {
            notes.push(
                "every member is sealed; the .NET SDK's own helper writes access_token and refresh_token only, so the others \
                 last until it writes a session anew"
                    .to_owned(),
            );
        }
        if !to.is_authenticated() {
            notes.push(format!(
                "`{to}` is not sealed: whoever holds a cookie reads both tokens and can change the rest"
            ));
        } else if to.protection() == Protection::Signed {
            notes.push(format!("`{to}` is signed, not encrypted: whoever holds a cookie reads both tokens"));
        }
        if ends_lost > 0 {
            notes.push(format!("{ends_lost} seals had an end of their own, which `{to}` cannot hold: they live as long as the cookie does"));
        }
        if ends_given > 0 {
            notes.push(format!("{ends_given} seals had no end; in `{to}` they end 30 days from now"));
        }
        if split > 0 {
            notes.push(format!(
                "{split} values are larger than one cookie (4096 bytes with its name) and must be split"
            ));
        }
        notes
    }

    pub(super) fn to_json(&self, paths: &Paths) -> Value {
        let Tally { opened, reasons, losses, .. } = &self.tally;
        let list = |items: &mut dyn Iterator<Item = Value>| items.collect::<Vec<_>>();
        let path = |path: &Option<std::path::PathBuf>| path.as_deref().map(|path| path.display().to_string());
        json!({
            "to": self.to.id(),
            "lines": self.converted() + self.failed(),
            "converted": self.converted(),
            "failed": self.failed(),
            "resumed_after": self.before,
            "opened": list(&mut opened.iter().map(|((format, key), lines)| json!({"format": format, "key": key, "lines": lines}))),
            "reasons": list(&mut reasons.iter().map(|(reason, lines)| json!({"reason": reason, "lines": lines}))),
            "losses": list(&mut losses.iter().map(|(lost, lines)| lost.to_json(*lines))),
            "notes": self.notes(),
            "out": path(&paths.out),
            "failed_file": path(&paths.failed).filter(|_| self.failed() > 0),
        })
    }

    pub(super) fn to_text(&self, paths: &Paths) -> String {
        let Tally { opened, reasons, losses, .. } = &self.tally;
        let (converted, failed) = (self.converted(), self.failed());
        let color = if failed == 0 { AnsiColor::Green } else { AnsiColor::Yellow };
        let head = format!("converted {converted} of {} lines to {}", converted + failed, self.to);
        let mut text = format!("{}\n", output::colored(color, &head));
        let mut section = |heading: &str, rows: Vec<(String, u64, String)>| {
            if rows.is_empty() {
                return;
            }
            text.push_str(&format!("\n{}\n", output::bold(heading)));
            let width = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default().max(14);
            for (name, lines, more) in rows {
                text.push_str(format!("  {name:<width$} {lines:>9}  {more}").trim_end());
                text.push('\n');
            }
        };
        let by = |key: &Option<String>| {
            key.as_ref()
                .map_or_else(|| "not sealed".to_owned(), |key| format!("sealed with {}", output::word(key)))
        };
        section(
            "Opened as",
            opened.iter().map(|((format, key), lines)| ((*format).to_owned(), *lines, by(key))).collect(),
        );
        section(
            "Failed",
            reasons.iter().map(|(reason, lines)| ((*reason).to_owned(), *lines, String::new())).collect(),
        );
        let heading = format!("What the SDK does not keep ({})", self.to.writer());
        section(
            &heading,
            losses.iter().map(|(lost, lines)| (output::word(&lost.member), *lines, lost.meaning())).collect(),
        );
        for note in self.notes() {
            text.push_str(&format!("\nnote: {note}"));
        }
        if failed > 0 {
            let place = paths
                .failed
                .as_deref()
                .map_or_else(|| "on standard error".to_owned(), |path| format!("in {}", shown_path(path)));
            text.push_str(&format!("\nthe failing lines are {place}, each with its reason"));
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}
