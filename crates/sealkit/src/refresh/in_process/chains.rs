//! Which results belong to which session, so that one session takes no room from the others.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    sync::Arc,
};

/// Keys by session, the oldest first, at most so many of each.
#[derive(Debug)]
pub(super) struct Chains<K> {
    of: HashMap<Arc<str>, VecDeque<K>>,
}

impl<K> Default for Chains<K> {
    fn default() -> Self {
        Self { of: HashMap::new() }
    }
}

impl<K: Copy + Eq> Chains<K> {
    /// Adds a key to the end of its session's chain. Gives the oldest one that has to go for it.
    pub(super) fn push(&mut self, session: &Arc<str>, key: K, most: usize) -> Option<K> {
        let chain = self.of.entry(Arc::clone(session)).or_default();
        chain.push_back(key);
        (chain.len() > most).then(|| chain.pop_front()).flatten()
    }

    pub(super) fn remove(&mut self, session: &Arc<str>, key: &K) {
        if let hash_map::Entry::Occupied(mut chain) = self.of.entry(Arc::clone(session)) {
            chain.get_mut().retain(|other| other != key);
            if chain.get().is_empty() {
                chain.remove();
            }
        }
    }

    /// Keeps the keys for which this holds.
    pub(super) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.of.retain(|_, chain| {
            chain.retain(&keep);
            !chain.is_empty()
        });
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.of.values().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_key_of_the_same_session_goes_first() {
        let mut chains = Chains::default();
        let [ada, grace]: [Arc<str>; 2] = ["ada".into(), "grace".into()];
        assert_eq!([1, 2].map(|key| chains.push(&ada, key, 2)), [None, None]);
        assert_eq!([7, 8].map(|key| chains.push(&grace, key, 2)), [None, None]);
        assert_eq!([3, 4].map(|key| chains.push(&ada, key, 2)), [Some(1), Some(2)]);
        chains.remove(&ada, &3);
        assert_eq!((chains.push(&ada, 5, 2), chains.keys()), (None, 4));
        chains.retain(|key| *key > 6);
        assert_eq!((chains.keys(), chains.of.len()), (2, 1));
        chains.remove(&grace, &7);
        chains.remove(&grace, &8);
        assert!(chains.of.is_empty());
    }
}
