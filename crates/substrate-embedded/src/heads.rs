//! A bounded memory of what was used last: two generations, the older one is dropped whole.

use std::collections::HashMap;
use std::hash::Hash;

/// Keeps at least the `n_max / 2` entries used last, and never more than `n_max`.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    n_young_max: usize,
}

impl<K: Hash + Eq, V: Copy> Recent<K, V> {
    pub(crate) fn new(n_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), n_young_max: (n_max / 2).max(1) }
    }

    /// The value, which counts as used now.
    pub(crate) fn get(&mut self, key: &K) -> Option<V>
    where
        K: Clone,
    {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let value = self.old.remove(key)?;
        self.insert(key.clone(), value);
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.n_young_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_is_bounded_and_keeps_what_is_used() {
        let mut recent = Recent::new(8);
        recent.insert(0, 0);
        for key in 1..100 {
            recent.insert(key, key);
            assert_eq!(recent.get(&0), Some(0));
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!(recent.get(&50), None);
        recent.clear();
        assert_eq!(recent.get(&0), None);
    }
}
