use std::{collections::HashMap, ops::Deref};

/// Entries below which nothing is swept.
const FEW: usize = 1024;

/// A map that forgets what is over. Sweeping happens when it has doubled since the last time, so that its cost per
/// insertion is constant and memory stays within twice of what is alive.
#[derive(Debug)]
pub(crate) struct Swept<V> {
    entries: HashMap<String, V>,
    sweep_at: usize,
}

impl<V> Default for Swept<V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            sweep_at: FEW,
        }
    }
}

impl<V> Deref for Swept<V> {
    type Target = HashMap<String, V>;

    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

impl<V> Swept<V> {
    /// Puts an entry in, after making room when it is time.
    pub(crate) fn insert(&mut self, key: &str, value: V, alive: impl Fn(&V) -> bool) {
        if let Some(entry) = self.entries.get_mut(key) {
            *entry = value;
            return;
        }
        if self.entries.len() >= self.sweep_at {
            self.entries.retain(|_, entry| alive(entry));
            self.sweep_at = (self.entries.len() * 2).max(FEW);
        }
        self.entries.insert(key.to_owned(), value);
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_stays_near_what_is_alive() {
        let mut map = Swept::default();
        for n in 0..100_000_u32 {
            map.insert(&n.to_string(), n, |&entry| entry + 100 > n);
            assert!(map.len() <= FEW);
        }
        assert!(map.contains_key("99999"));
    }
}
