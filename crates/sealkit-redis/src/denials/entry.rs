//! A denial as it stands in the stream: `kind`, `id`, `organization`, `issued_before`, `until`, times in milliseconds since 1970.

use sealkit::{
    UnixMillis,
    revocation::{Denial, DenyEntry},
};
use std::{collections::HashMap, time::Duration};

/// The longest id that is shared or believed, in bytes; those of WorkOS have about 40.
const MAX_ID: usize = 256;

/// Names and values. `None` for what no replica would take.
pub(super) fn fields(entry: &DenyEntry) -> Option<Vec<(&'static str, String)>> {
    let (kind, id, organization, issued_before) = match &entry.denial {
        Denial::Session { id, .. } => ("s", id, None, None),
        Denial::User { id, issued_before, .. } => ("u", id, None, Some(issued_before)),
        Denial::Organization { id, issued_before, .. } => ("o", id, None, Some(issued_before)),
        Denial::Membership { user_id, organization_id, issued_before, .. } => {
            ("m", user_id, Some(organization_id), Some(issued_before))
        }
        _ => return None,
    };
    if !is_id(id) || organization.is_some_and(|id| !is_id(id)) {
        return None;
    }
    let mut fields = vec![("kind", kind.to_owned()), ("id", id.as_ref().to_owned())];
    fields.extend(organization.map(|id| ("organization", id.as_ref().to_owned())));
    fields.extend(issued_before.map(|at| ("issued_before", at.as_millis().to_string())));
    fields.push(("until", entry.until.as_millis().to_string()));
    Some(fields)
}

/// What names and values, one after the other, say. `None` when they say nothing that this version knows.
pub(super) fn read(fields: &[Vec<u8>]) -> Option<DenyEntry> {
    let field = |name: &str| {
        let found = fields.chunks_exact(2).find_map(|pair| match pair {
            [key, value] if key == name.as_bytes() => Some(value),
            _ => None,
        });
        std::str::from_utf8(found?).ok()
    };
    let id = |name| field(name).filter(|id| is_id(id));
    let time = |name| field(name)?.parse().ok().map(UnixMillis::from_millis);
    let denial = match field("kind")? {
        "s" => Denial::session(id("id")?),
        "u" => Denial::user(id("id")?, time("issued_before")?),
        "o" => Denial::organization(id("id")?, time("issued_before")?),
        "m" => Denial::membership(id("id")?, id("organization")?, time("issued_before")?),
        _ => return None,
    };
    Some(DenyEntry::new(denial, time("until")?))
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len())
}

/// What the stream says, several entries for the same made one.
#[derive(Debug, Default)]
pub(super) struct Known {
    said: HashMap<Denial, (UnixMillis, UnixMillis)>,
    /// An end that is so much later is no news.
    slack: Duration,
}

impl Known {
    pub(super) fn with_slack(slack: Duration) -> Self {
        Self { slack, ..Self::default() }
    }

    pub(super) fn note(&mut self, entry: &DenyEntry) {
        let (about, issued_before) = apart(&entry.denial);
        let known = self.said.entry(about).or_default();
        *known = (known.0.max(issued_before), known.1.max(entry.until));
    }

    /// True when whoever reads the stream learns as much as this entry says.
    pub(super) fn covers(&self, entry: &DenyEntry) -> bool {
        let (about, issued_before) = apart(&entry.denial);
        let covers = |known: &(UnixMillis, UnixMillis)| {
            known.0 >= issued_before && known.1.saturating_add(self.slack) >= entry.until
        };
        self.said.get(&about).is_some_and(covers)
    }
}

/// What a denial is about, and its time.
fn apart(denial: &Denial) -> (Denial, UnixMillis) {
    let never = UnixMillis::default();
    match denial {
        Denial::User { id, issued_before, .. } => (Denial::user(id.clone(), never), *issued_before),
        Denial::Organization { id, issued_before, .. } => {
            (Denial::organization(id.clone(), never), *issued_before)
        }
        Denial::Membership { user_id, organization_id, issued_before, .. } => {
            (Denial::membership(user_id.clone(), organization_id.clone(), never), *issued_before)
        }
        other => (other.clone(), never),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis::from_secs(seconds)
    }

    fn flat(entry: &DenyEntry) -> Vec<Vec<u8>> {
        let fields = fields(entry).unwrap();
        fields.into_iter().flat_map(|(name, value)| [name.as_bytes().to_vec(), value.into_bytes()]).collect()
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        for denial in [
            Denial::session("session_1"),
            Denial::user("user_1", at(5)),
            Denial::organization("org_1", at(6)),
            Denial::membership("user_1", "org_1", at(7)),
        ] {
            let entry = DenyEntry::new(denial, at(100));
            assert_eq!(read(&flat(&entry)), Some(entry));
        }
    }

    #[test]
    fn what_is_malformed_or_boundless_says_nothing() {
        let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        let long = "x".repeat(MAX_ID + 1);
        for fields in [
            &[][..],
            &["kind"],
            &["kind", "s", "id", "session_1"],
            &["kind", "s", "id", "", "until", "5"],
            &["kind", "s", "id", &long, "until", "5"],
            &["kind", "s", "id", "session_1", "until", "soon"],
            &["kind", "u", "id", "user_1", "until", "5"],
            &["kind", "m", "id", "user_1", "issued_before", "1", "until", "5"],
            &["kind", "z", "id", "session_1", "until", "5"],
        ] {
            assert_eq!(read(&words(fields)), None, "{fields:?}");
        }
        let not_text =
            [b"kind".to_vec(), b"s".to_vec(), b"id".to_vec(), vec![0xff], b"until".to_vec(), b"5".to_vec()];
        assert_eq!(read(&not_text), None);
        assert_eq!(fields(&DenyEntry::new(Denial::session(long), at(5))), None);
        let newer = words(&["kind", "s", "new", "thing", "id", "session_1", "until", "5000"]);
        assert_eq!(read(&newer), Some(DenyEntry::new(Denial::session("session_1"), at(5))));
    }

    #[test]
    fn two_entries_of_the_stream_may_say_together_what_one_of_the_list_does() {
        let mut known = Known::default();
        known.note(&DenyEntry::new(Denial::user("user_1", at(10)), at(50)));
        known.note(&DenyEntry::new(Denial::user("user_1", at(5)), at(90)));
        assert!(known.covers(&DenyEntry::new(Denial::user("user_1", at(10)), at(90))));
        assert!(!known.covers(&DenyEntry::new(Denial::user("user_1", at(11)), at(90))));
        assert!(!known.covers(&DenyEntry::new(Denial::user("user_1", at(10)), at(91))));
        assert!(!known.covers(&DenyEntry::new(Denial::user("user_2", at(10)), at(90))));
    }
}
