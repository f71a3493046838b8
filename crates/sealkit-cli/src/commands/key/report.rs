//! What `sealkit key status` prints.

use super::{
    status::{Status, passwords},
    verdict::{Evidence, Verdict},
};
use crate::{advice, output};
use clap::builder::styling::AnsiColor;
use sealkit::{
    KeyRing, UnixMillis, Untrusted,
    format::{Format, FormatSet},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What to do about cookies that no value was read of.
const LOOK: &str = "look at such a line: the value is cut, masked, or quoted in a way that is not read here";

pub(super) struct Report<'s> {
    pub(super) status: &'s Status,
    pub(super) ring: &'s KeyRing,
    /// The first name of each password, by its other names.
    pub(super) twins: &'s BTreeMap<String, String>,
    /// The format in which new cookies are written.
    pub(super) written: Format,
    pub(super) now: UnixMillis,
}

impl Report<'_> {
    /// Those that are read by default, those that were seen, and those that may be among what did not open.
    fn formats(&self) -> impl Iterator<Item = (Format, Evidence, Verdict)> {
        Format::ALL.iter().copied().filter_map(move |format| {
            let evidence = self.status.of_format(format);
            let verdict = match evidence.verdict() {
                Verdict::Gone if format == self.written => Verdict::Seals,
                verdict => verdict,
            };
            let listed = evidence.seen > 0
                || evidence.unopened > 0
                || (FormatSet::sealed().contains(format) && format.keys(self.ring).next().is_some());
            listed.then_some((format, evidence, verdict))
        })
    }

    fn caveat(&self) -> String {
        let unreadable = self.status.unreadable();
        let mut caveat = "a sample shows who came by while it was taken: cookies of users who stay away can be as old as the cookie's Max-Age (400 days by default), and a password that was added a moment ago has sealed nothing yet".to_owned();
        if unreadable > 0 {
            caveat.push_str(&format!(
                "; {unreadable} cannot be read: they count against every password, and against the formats that they may be of"
            ));
        }
        caveat
    }

    pub(super) fn to_json(&self) -> Value {
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
        let passwords: Vec<Value> = passwords(status, self.ring, self.twins, self.written)
            .map(|password| {
                let evidence = password.evidence;
                json!({"name": password.name, "same_as": password.same_as, "seen": evidence.seen,
                    "unreadable": evidence.unreadable(), "unseen_at_most": bound(evidence),
                    "verdict": password.verdict.code()})
            })
            .collect();
        let formats: Vec<Value> = self
            .formats()
            .map(|(format, evidence, verdict)| {
                json!({"format": format.id(), "seen": evidence.seen, "unreadable": evidence.unreadable(),
                    "unseen_at_most": bound(evidence), "verdict": verdict.code()})
            })
            .collect();
        json!({
            "sample": {"lines": status.lines, "cookies": status.cookies, "distinct": status.distinct(),
                "unreadable": status.unreadable(),
                "unseen_at_most": bound(status.of_anything())},
            "kinds": kinds, "unreadable": unreadable, "passwords": passwords, "formats": formats,
            "caveat": self.caveat(),
        })
    }

    pub(super) fn to_text(&self, name: &str) -> String {
        let status = self.status;
        let distinct = status.distinct();
        if distinct == 0 {
            return format!(
                "{}: no cookie {} in {} lines; name another with --name, or give --log for lines of a log\n",
                output::colored(AnsiColor::Red, "nothing found"),
                Untrusted::new(name).as_name(),
                status.lines
            );
        }
        let mut text =
            format!("{distinct} different cookies among {} in {} lines\n", status.cookies, status.lines);
        let heading =
            |heading: &str, text: &mut String| text.push_str(&format!("\n{}\n", output::bold(heading)));
        heading("Out there", &mut text);
        for ((format, key), kind) in &status.kinds {
            let key = key
                .as_ref()
                .map_or_else(|| "not sealed".to_owned(), |key| format!("sealed with {}", output::word(key)));
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
                let (why, fix) = detail.map_or(("no whole value can be read", LOOK), advice::of_detail);
                text.push_str(&format!("  {reason:<14} {count:>9} {:>8}  {why}\n", status.share(*count)));
                text.push_str(&format!("  {:<14} {:>9} {:>8}  fix: {fix}\n", "", "", ""));
            }
        }
        heading("Passwords", &mut text);
        for password in passwords(status, self.ring, self.twins, self.written) {
            let is_first = self.ring.keys().first().is_some_and(|key| key.name() == password.name);
            let said = match password.verdict {
                Verdict::Seals if !is_first && password.same_as.is_none() => {
                    format!("keep: the first one that fits {} seals", self.written)
                }
                verdict => password.evidence.text(verdict),
            };
            let said = password.same_as.map_or(said.clone(), |first| {
                format!("the same password as {}: {said}", output::word(first))
            });
            text.push_str(&format!(
                "  {:<24} {:>9}  {said}\n",
                output::word(password.name),
                password.evidence.seen
            ));
        }
        heading("Formats", &mut text);
        for (format, evidence, verdict) in self.formats() {
            let said = match verdict {
                Verdict::Seals => "keep: new cookies are written in it".to_owned(),
                verdict => evidence.text(verdict),
            };
            text.push_str(&format!("  {:<24} {:>9}  {said}\n", format.id(), evidence.seen));
        }
        text.push_str(&format!("\n{}\n", self.caveat()));
        text
    }
}

/// Of a sample with nothing in it, nothing is said.
fn bound(evidence: Evidence) -> Option<String> {
    (evidence.sample > 0).then(|| evidence.bound())
}
