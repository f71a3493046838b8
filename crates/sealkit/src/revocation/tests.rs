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
fn of_too_many_rules_those_that_end_first_go() {
    let list = list(DenyListSettings { max_entries: 16, ..DenyListSettings::default() });
    for i in 0..40 {
        list.apply(DenyEntry::new(Denial::user(format!("user_{i}"), at(900)), at(2000 + i)));
        assert!(list.len() <= 16);
    }
    let newest = DenyEntry::new(Denial::user("user_39", at(900)), at(2039));
    let oldest = DenyEntry::new(Denial::user("user_0", at(900)), at(2000));
    let entries = list.entries();
    assert!(entries.contains(&newest) && !entries.contains(&oldest));
    assert!(entries.len() > 8, "no more go than must");
}

#[test]
fn rules_that_end_together_make_room_and_the_new_one_stays() {
    let list = list(DenyListSettings { max_entries: 16, ..DenyListSettings::default() });
    for i in 0..40 {
        let rule = Denial::organization(format!("org_{i}"), at(900));
        list.apply(DenyEntry::new(rule.clone(), at(2000)));
        assert!(list.len() <= 16 && list.entries().contains(&DenyEntry::new(rule, at(2000))));
    }
    assert!(list.len() > 8, "no more go than must: {}", list.len());
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
