//! Rules for users, organizations and memberships, and copies of a shared list that grow old.

use super::{Denial, DenyEntry, DenyList, DenyListSettings, DenyListStore, StalePolicy, WeakDenyList};
use crate::{clock::ManualClock, refresh::CoordinatorFuture};
use sealkit_core::UnixMillis;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

fn at(seconds: u64) -> UnixMillis {
    UnixMillis::from_secs(seconds)
}

fn list(settings: DenyListSettings) -> DenyList {
    DenyList::new(Arc::new(ManualClock::new(at(1000))), settings)
}

fn applied(list: &DenyList, denial: Denial, until: u64) -> bool {
    let changes = list.changes();
    let before = *changes.borrow();
    list.apply(DenyEntry::new(denial, at(until)));
    *changes.borrow() != before
}

#[test]
fn two_rules_for_the_same_become_one_that_says_both() {
    let list = list(DenyListSettings::default());
    let rules: [fn(UnixMillis) -> Denial; 3] = [
        |time| Denial::user("a", time),
        |time| Denial::organization("a", time),
        |time| Denial::membership("a", "b", time),
    ];
    for rule in rules {
        assert!(applied(&list, rule(at(900)), 2000));
        assert!(applied(&list, rule(at(800)), 3000), "the later end counts");
        assert!(applied(&list, rule(at(950)), 1500), "so does the later time");
        assert!(!applied(&list, rule(at(950)), 3000), "and nothing of this is new");
        assert!(list.entries().contains(&DenyEntry::new(rule(at(950)), at(3000))));
    }
    assert_eq!(list.len(), 3, "what is said of a user says nothing of an organization with that id");
}

#[test]
fn an_entry_that_is_over_is_not_taken_and_none_that_stays_is_shortened() {
    let list = list(DenyListSettings::default());
    assert!(!applied(&list, Denial::session("a"), 1000));
    assert!(!applied(&list, Denial::user("a", at(900)), 1000));
    assert!(list.is_empty());
    assert!(applied(&list, Denial::session("a"), 3000));
    assert!(!applied(&list, Denial::session("a"), 2000));
    assert_eq!(list.entries(), [DenyEntry::new(Denial::session("a"), at(3000))]);
}

#[test]
fn of_too_many_own_rules_those_that_end_first_go() {
    let list = list(DenyListSettings { max_entries: 16, ..DenyListSettings::default() });
    for i in 0..40 {
        list.deny_here(DenyEntry::new(Denial::user(format!("user_{i}"), at(900)), at(2000 + i)));
        assert!(list.len() <= 16);
    }
    let newest = DenyEntry::new(Denial::user("user_39", at(900)), at(2039));
    let oldest = DenyEntry::new(Denial::user("user_0", at(900)), at(2000));
    let entries = list.entries();
    assert!(entries.contains(&newest) && !entries.contains(&oldest));
    assert!(entries.len() > 8, "no more go than must");
}

#[test]
fn own_rules_that_end_together_make_room_and_the_new_one_stays() {
    let list = list(DenyListSettings { max_entries: 16, ..DenyListSettings::default() });
    for i in 0..40 {
        let rule = Denial::organization(format!("org_{i}"), at(900));
        list.deny_here(DenyEntry::new(rule.clone(), at(2000)));
        assert!(list.len() <= 16 && list.entries().contains(&DenyEntry::new(rule, at(2000))));
    }
    assert!(list.len() > 8, "no more go than must: {}", list.len());
}

#[test]
fn flood_from_elsewhere_takes_no_own_entry_of_any_kind() {
    let list = list(DenyListSettings { max_entries: 16, ..DenyListSettings::default() });
    let one_of_each = |name: &str| {
        [
            Denial::session(name),
            Denial::user(name, at(900)),
            Denial::organization(name, at(900)),
            Denial::membership(name, name, at(900)),
        ]
    };
    for denial in one_of_each("victim") {
        assert!(list.deny_here(DenyEntry::new(denial, at(1500))).is_some());
    }
    for i in 0..100 {
        for denial in one_of_each(&format!("x{i}")) {
            list.apply(DenyEntry::new(denial, UnixMillis::from_millis(u64::MAX)));
        }
    }
    assert!(one_of_each("victim").iter().all(|denial| list.knows(denial)));
    assert!(list.denies_session("victim") && list.denies_session("x0") && list.denies_session("x99"));
    assert_eq!(list.len(), 4 * (1 + 16));
}

#[test]
fn numbers_from_elsewhere_are_believed_no_further_than_our_own_reach() {
    let list = list(DenyListSettings { ttl: Duration::from_secs(600), ..DenyListSettings::default() });
    let end = UnixMillis::from_millis(u64::MAX);
    list.apply(DenyEntry::new(Denial::session("a"), end));
    list.apply(DenyEntry::new(Denial::user("b", end), end));
    let entries = list.entries();
    assert!(entries.contains(&DenyEntry::new(Denial::session("a"), at(1000 + 600 + 300))));
    assert!(entries.contains(&DenyEntry::new(Denial::user("b", at(1300)), at(1000 + 600 + 300))));
}

#[test]
fn only_news_is_to_be_shared() {
    let list = list(DenyListSettings { ttl: Duration::from_secs(600), ..DenyListSettings::default() });
    let session = |until| DenyEntry::new(Denial::session("a"), at(until));
    assert!(list.deny_here(session(1000)).is_none(), "it has ended");
    assert!(list.deny_here(session(1600)).is_some());
    assert!(list.deny_here(session(1600)).is_none() && list.deny_here(session(1900)).is_none());
    assert!(list.deny_here(session(1901)).is_some(), "half of the time is over");
    let heard = |until| DenyEntry::new(Denial::session("b"), at(until));
    list.apply(heard(1500));
    assert!(list.deny_here(heard(1600)).is_none(), "others know it");
    assert!(list.denies_session("b") && list.len() == 2, "and it has room of its own from now on");
    let rule = |time| DenyEntry::new(Denial::user("a", at(time)), at(1600));
    assert!(list.deny_here(rule(900)).is_some() && list.deny_here(rule(899)).is_none());
    assert!(list.deny_here(rule(901)).is_some(), "it overrules more tokens");
}

#[test]
fn held_session_is_denied_until_it_is_released_and_its_tokens_have_expired() {
    let clock = ManualClock::new(at(1000));
    let list = DenyList::new(Arc::new(clock.clone()), DenyListSettings::default());
    let day = Duration::from_secs(86_400);
    list.hold("a", at(1000).saturating_add(day * 400));
    clock.advance(day * 300);
    assert!(list.denies_session("a"));
    assert!(list.entries().is_empty(), "it is not shared for so long");
    list.release("a");
    assert!(list.denies_session("a"));
    clock.advance(day);
    assert!(!list.denies_session("a"));
}

/// A store whose copy is as old as the test says.
#[derive(Debug, Default)]
struct Aged(Mutex<Option<Duration>>);

impl DenyListStore for Aged {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, _: DenyEntry) -> CoordinatorFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn age(&self) -> Option<Duration> {
        *self.0.lock().unwrap()
    }
}

#[test]
fn a_copy_is_too_old_only_where_that_is_to_matter() {
    let (minute, over) = (Duration::from_secs(60), Duration::from_millis(60_001));
    for (on_stale, age, expected) in [
        (StalePolicy::Serve, None, false),
        (StalePolicy::Serve, Some(over), false),
        (StalePolicy::Deny, None, true),
        (StalePolicy::Deny, Some(minute), false),
        (StalePolicy::Deny, Some(over), true),
    ] {
        let list = list(DenyListSettings { on_stale, ..DenyListSettings::default() });
        assert!(!list.is_too_stale() && list.is_loaded(), "without a store nobody else revokes");
        let store = Arc::new(Aged(Mutex::new(age)));
        let shared: Arc<dyn DenyListStore> = store.clone();
        list.share_through(shared);
        assert_eq!((list.is_too_stale(), list.is_loaded(), list.age()), (expected, age.is_some(), age));
    }
}
