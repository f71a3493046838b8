//! Bounded rooms: what this process denied, and what it heard of.

use super::{Denial, DenyEntry};
use crate::until::{Until, make_room};
use sealkit_core::{UnixMillis, token::Claims};
use std::{collections::HashMap, hash::Hash, time::Duration};

/// How often a full room is searched for entries that have ended: a flood of entries must not pay for a search each.
const SEARCH_EVERY: Duration = Duration::from_secs(60);

/// What is known about a denial: tokens from before `issued_before` are overruled, until `until`. Of a session only the end counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) issued_before: UnixMillis,
    pub(super) until: UnixMillis,
}

impl Rule {
    pub(super) fn of(entry: &DenyEntry) -> Self {
        let issued_before = match &entry.denial {
            Denial::Session { .. } => UnixMillis::default(),
            Denial::User { issued_before, .. }
            | Denial::Organization { issued_before, .. }
            | Denial::Membership { issued_before, .. } => *issued_before,
        };
        Self { issued_before, until: entry.until }
    }

    /// One rule that says what both say.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            issued_before: self.issued_before.max(other.issued_before),
            until: self.until.max(other.until),
        }
    }

    /// True if the other one adds nothing to this one but `slack` at its end.
    pub(super) fn covers(self, other: Self, slack: Duration) -> bool {
        self.issued_before >= other.issued_before && self.until.saturating_add(slack) >= other.until
    }
}

/// The result of putting an entry into a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Put {
    /// It says something that the room did not know.
    pub(super) news: bool,
    /// So many entries were forgotten for it before their time.
    pub(super) forgotten: usize,
}

/// Entries of one origin, at most so many of each kind; of more, those that end first are forgotten.
#[derive(Debug)]
pub(super) struct Room {
    sessions: Until<Box<str>>,
    users: HashMap<Box<str>, Rule>,
    organizations: HashMap<Box<str>, Rule>,
    memberships: HashMap<(Box<str>, Box<str>), Rule>,
    most: usize,
    searched: Option<UnixMillis>,
}

impl Room {
    pub(super) fn at_most(most: usize) -> Self {
        Self {
            sessions: Until::at_most(most),
            users: HashMap::new(),
            organizations: HashMap::new(),
            memberships: HashMap::new(),
            most,
            searched: None,
        }
    }

    /// Two entries about the same become one that says what both say.
    pub(super) fn put(&mut self, entry: DenyEntry, now: UnixMillis) -> Put {
        let (rule, most) = (Rule::of(&entry), self.most);
        match entry.denial {
            Denial::Session { id } => {
                let news = self.sessions.get(&*id).is_none_or(|known| known < rule.until);
                let forgotten = if news { self.sessions.put(id, rule.until, now) } else { 0 };
                Put { news, forgotten }
            }
            Denial::User { id, .. } => put(&mut self.users, id, rule, most, now),
            Denial::Organization { id, .. } => put(&mut self.organizations, id, rule, most, now),
            Denial::Membership { user_id, organization_id, .. } => {
                put(&mut self.memberships, (user_id, organization_id), rule, most, now)
            }
        }
    }

    /// What is known about the same.
    pub(super) fn find(&self, denial: &Denial) -> Option<Rule> {
        match denial {
            Denial::Session { id } => self.session(id).map(|until| Rule { until, ..Rule::default() }),
            Denial::User { id, .. } => self.users.get(id).copied(),
            Denial::Organization { id, .. } => self.organizations.get(id).copied(),
            Denial::Membership { user_id, organization_id, .. } => {
                self.memberships.get(&(user_id.clone(), organization_id.clone())).copied()
            }
        }
    }

    /// Forgets what is known about the same.
    pub(super) fn remove(&mut self, denial: &Denial) {
        match denial {
            Denial::Session { id } => self.sessions.remove(id),
            Denial::User { id, .. } => {
                self.users.remove(id);
            }
            Denial::Organization { id, .. } => {
                self.organizations.remove(id);
            }
            Denial::Membership { user_id, organization_id, .. } => {
                self.memberships.remove(&(user_id.clone(), organization_id.clone()));
            }
        }
    }

    /// True if one more entry of this kind displaces none that is in force.
    fn has_room(&mut self, denial: &Denial, now: UnixMillis) -> bool {
        let count = |room: &Self| match denial {
            Denial::Session { .. } => room.sessions.len(),
            Denial::User { .. } => room.users.len(),
            Denial::Organization { .. } => room.organizations.len(),
            Denial::Membership { .. } => room.memberships.len(),
        };
        if count(self) < self.most {
            return true;
        }
        let may_search = self.searched.is_none_or(|at| now < at || now.saturating_since(at) >= SEARCH_EVERY);
        if may_search {
            self.searched = Some(now);
            self.sessions.forget_ended(now);
            self.users.retain(|_, rule| rule.until > now);
            self.organizations.retain(|_, rule| rule.until > now);
            self.memberships.retain(|_, rule| rule.until > now);
        }
        count(self) < self.most
    }

    /// Until when the session is denied.
    pub(super) fn session(&self, id: &str) -> Option<UnixMillis> {
        self.sessions.get(id)
    }

    pub(super) fn has_no_rules(&self) -> bool {
        self.users.is_empty() && self.organizations.is_empty() && self.memberships.is_empty()
    }

    pub(super) fn rules_for(&self, claims: &Claims) -> impl Iterator<Item = &Rule> {
        let organization = claims.organization_id();
        let membership = organization
            .filter(|_| !self.memberships.is_empty())
            .and_then(|id| self.memberships.get(&(claims.subject().into(), id.into())));
        let organization = organization.and_then(|id| self.organizations.get(id));
        [self.users.get(claims.subject()), organization, membership].into_iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len() + self.users.len() + self.organizations.len() + self.memberships.len()
    }

    /// When each entry ends.
    pub(super) fn ends(&self) -> impl Iterator<Item = UnixMillis> {
        let sessions = self.sessions.iter().map(|(_, until)| until);
        let rules = self.users.values().chain(self.organizations.values()).chain(self.memberships.values());
        sessions.chain(rules.map(|rule| rule.until))
    }

    /// Every entry, those included that have ended.
    pub(super) fn entries(&self) -> impl Iterator<Item = DenyEntry> {
        let sessions = self.sessions.iter().map(|(id, until)| (Denial::session(id.clone()), until));
        let users =
            self.users.iter().map(|(id, rule)| (Denial::user(id.clone(), rule.issued_before), rule.until));
        let organizations = self
            .organizations
            .iter()
            .map(|(id, rule)| (Denial::organization(id.clone(), rule.issued_before), rule.until));
        let memberships = self.memberships.iter().map(|((user, organization), rule)| {
            (Denial::membership(user.clone(), organization.clone(), rule.issued_before), rule.until)
        });
        let all = sessions.chain(users).chain(organizations).chain(memberships);
        all.map(|(denial, until)| DenyEntry::new(denial, until))
    }
}

fn put<K: Hash + Eq>(rules: &mut HashMap<K, Rule>, key: K, rule: Rule, most: usize, now: UnixMillis) -> Put {
    if let Some(known) = rules.get_mut(&key) {
        let both = known.with(rule);
        let news = both != *known;
        *known = both;
        return Put { news, forgotten: 0 };
    }
    let full = rules.len() >= most;
    let forgotten = if full { make_room(rules, most, now, |rule| rule.until) } else { 0 };
    rules.insert(key, rule);
    Put { news: true, forgotten }
}

/// What others denied, as a store brings it: somebody who can write to the store chooses how much, and until when.
///
/// What came first keeps its place to its end, whatever comes after it; so no flood takes it away. The last eighth is for what
/// comes when the rest is full: it is kept in two halves, and a full half displaces the one before it. So what came last stays, too,
/// by the order in which it came and not by an end that somebody chose. Lost is what came in the middle of a flood.
#[derive(Debug)]
pub(super) struct Heard {
    first: Room,
    newer: Room,
    newest: Room,
}

impl Heard {
    pub(super) fn at_most(most: usize) -> Self {
        let half = (most / 16).max(1);
        let first = most.saturating_sub(2 * half).max(1);
        Self { first: Room::at_most(first), newer: Room::at_most(half), newest: Room::at_most(half) }
    }

    pub(super) fn put(&mut self, entry: DenyEntry, now: UnixMillis) -> Put {
        let denial = &entry.denial;
        let is_late = self.newest.find(denial).or_else(|| self.newer.find(denial)).is_some();
        if self.first.find(denial).is_some() || !is_late && self.first.has_room(denial, now) {
            return self.first.put(entry, now);
        }
        let forgotten = if self.newest.has_room(denial, now) { 0 } else { self.displace(now) };
        Put { forgotten, ..self.newest.put(entry, now) }
    }

    /// Gives how many entries are forgotten before their time.
    fn displace(&mut self, now: UnixMillis) -> usize {
        let empty = Room::at_most(self.newest.most);
        let displaced = std::mem::replace(&mut self.newer, std::mem::replace(&mut self.newest, empty));
        displaced.ends().filter(|until| *until > now).count()
    }

    pub(super) fn rooms(&self) -> [&Room; 3] {
        [&self.first, &self.newest, &self.newer]
    }

    pub(super) fn find(&self, denial: &Denial) -> Option<Rule> {
        self.rooms().into_iter().find_map(|room| room.find(denial))
    }

    pub(super) fn remove(&mut self, denial: &Denial) {
        for room in [&mut self.first, &mut self.newest, &mut self.newer] {
            room.remove(denial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis::from_secs(seconds)
    }

    fn session(number: usize, until: u64) -> DenyEntry {
        DenyEntry::new(Denial::session(format!("session_{number}")), at(until))
    }

    fn knows(heard: &Heard, number: usize) -> bool {
        heard.find(&Denial::session(format!("session_{number}"))).is_some()
    }

    #[test]
    fn flood_takes_neither_what_came_first_nor_what_comes_last() {
        let mut heard = Heard::at_most(80);
        for number in 0..1_000 {
            heard.put(session(number, 5_000), at(0));
        }
        // Whose end is nearer than that of the flood.
        heard.put(session(1_000, 200), at(0));
        heard.put(session(1_001, 6_000), at(0));
        assert!((0..70).all(|number| knows(&heard, number)), "the first stay");
        assert!([997, 998, 999, 1_000, 1_001].iter().all(|number| knows(&heard, *number)), "so do the last");
        assert!(heard.rooms().map(Room::len).iter().sum::<usize>() <= 80);
    }

    #[test]
    fn ended_entries_give_their_room_back_once_a_minute() {
        let mut heard = Heard::at_most(80);
        for number in 0..70 {
            heard.put(session(number, 100), at(0));
        }
        heard.put(session(70, 900), at(99));
        heard.put(session(71, 900), at(130));
        assert_eq!(heard.rooms()[0].len(), 70, "the search is not repeated so soon");
        heard.put(session(72, 900), at(160));
        assert_eq!(heard.rooms().map(Room::len), [1, 2, 0]);
    }

    #[test]
    fn rule_covers_another_that_adds_only_slack() {
        let rule = |issued, until| Rule { issued_before: at(issued), until: at(until) };
        let slack = Duration::from_secs(10);
        assert!(rule(5, 100).covers(rule(5, 110), slack));
        assert!(!rule(5, 100).covers(rule(5, 111), slack));
        assert!(!rule(5, 100).covers(rule(6, 90), slack));
        assert_eq!(rule(5, 100).with(rule(6, 90)), rule(6, 100));
    }
}
