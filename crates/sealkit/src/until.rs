//! A bounded memory of keys, each until a time.

use sealkit_core::UnixMillis;
use std::{borrow::Borrow, cmp::Ordering, collections::HashMap, hash::Hash};

/// Keys that are remembered until a time. Of more than `most` the ones whose time ends first go, an eighth at once, so that a
/// full memory costs no more per key than an empty one.
#[derive(Debug)]
pub(crate) struct Until<K> {
    keys: HashMap<K, UnixMillis>,
    most: usize,
}

impl<K: Eq + Hash> Until<K> {
    pub(crate) fn at_most(most: usize) -> Self {
        Self { keys: HashMap::new(), most }
    }

    /// Gives how many others had to be forgotten for it before their time.
    pub(crate) fn put(&mut self, key: K, until: UnixMillis, now: UnixMillis) -> usize {
        let full = self.keys.len() >= self.most && !self.keys.contains_key(&key);
        let forgotten = if full { make_room(&mut self.keys, self.most, now, |until| *until) } else { 0 };
        self.keys.insert(key, until);
        forgotten
    }

    /// How many are remembered, those included whose time is over.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, UnixMillis)> {
        self.keys.iter().map(|(key, until)| (key, *until))
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.keys.remove(key);
    }

    /// Forgets the keys whose time is over.
    pub(crate) fn forget_ended(&mut self, now: UnixMillis) {
        self.keys.retain(|_, until| *until > now);
    }

    /// Until when the key is remembered.
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<UnixMillis>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.keys.get(key).copied()
    }
}

/// Makes room in a memory that may hold `most`: what is over goes, and if that is not enough, an eighth, those that end first.
/// Gives how many of those had to go whose time is not over.
pub(crate) fn make_room<K, V>(
    memory: &mut HashMap<K, V>,
    most: usize,
    now: UnixMillis,
    until: impl Fn(&V) -> UnixMillis,
) -> usize
where
    K: Eq + Hash,
{
    memory.retain(|_, value| until(value) > now);
    if memory.len() < most {
        return 0;
    }
    // Others wait for this, so nothing is copied but times, and nothing sorted.
    let mut ends: Vec<_> = memory.values().map(&until).collect();
    let going = (most / 8 + 1).min(ends.len());
    let Some(index) = going.checked_sub(1) else { return 0 };
    let last = *ends.select_nth_unstable(index).1;
    // Of those that end together, which may be all, as many as must.
    let mut with_last = going - ends.iter().filter(|until| **until < last).count();
    memory.retain(|_, value| match until(value).cmp(&last) {
        Ordering::Less => false,
        Ordering::Equal if with_last > 0 => {
            with_last -= 1;
            false
        }
        Ordering::Equal | Ordering::Greater => true,
    });
    going
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis::from_secs(seconds)
    }

    #[test]
    fn a_full_memory_forgets_an_eighth_of_those_that_end_first() {
        let mut memory = Until::at_most(16);
        for i in 0..16 {
            memory.put(i, at(100 + i), at(0));
        }
        memory.put(3, at(500), at(0));
        assert_eq!(memory.keys.len(), 16, "a key that is known needs no room");
        memory.put(16, at(400), at(0));
        assert_eq!(memory.keys.len(), 14);
        assert_eq!([0, 1, 2, 4].map(|key| memory.get(&key).is_some()), [false, false, false, true]);
        assert_eq!((memory.get(&3), memory.get(&16)), (Some(at(500)), Some(at(400))));
    }

    #[test]
    fn what_is_over_goes_first() {
        let mut memory = Until::at_most(8);
        for i in 0..8 {
            memory.put(i, at(if i < 4 { 10 } else { 100 }), at(0));
        }
        memory.put(8, at(50), at(10));
        assert_eq!((0..9).filter(|key| memory.get(key).is_some()).collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
    }
}
