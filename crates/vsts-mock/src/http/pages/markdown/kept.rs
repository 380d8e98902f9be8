//! Rendered texts that are kept: what many look at is rendered once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gix::ObjectId;

/// The blob of a text, and where its relative links lead from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Key {
    pub(in super::super) blob: ObjectId,
    pub(in super::super) base: String,
}

/// The newest renderings, up to a number of bytes.
pub(super) struct Kept {
    most_bytes: usize,
    entries: Mutex<VecDeque<(Key, Arc<str>)>>,
}

impl Kept {
    pub(super) const fn new(most_bytes: usize) -> Self {
        Self { most_bytes, entries: Mutex::new(VecDeque::new()) }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<str>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|(known, _)| known == key).map(|(_, html)| html.clone())
    }

    pub(super) fn put(&self, key: Key, html: Arc<str>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |key: &Key, html: &str| key.base.len() + html.len() + size_of::<(Key, Arc<str>)>();
        if size(&key, &html) > self.most_bytes / 4 || entries.iter().any(|(known, _)| *known == key) {
            return;
        }
        entries.push_front((key, html));
        let mut bytes: usize = entries.iter().map(|(key, html)| size(key, html)).sum();
        while bytes > self.most_bytes {
            let Some((key, html)) = entries.pop_back() else { break };
            bytes -= size(&key, &html);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_large_ones_are_not() {
        let kept = Kept::new(4_000);
        let key = |n: u8| Key { blob: ObjectId::Sha1([n; 20]), base: "/a".to_owned() };
        for n in 0..10 {
            kept.put(key(n), "x".repeat(800).into());
        }
        assert!(kept.get(&key(9)).is_some() && kept.get(&key(8)).is_some());
        assert!(kept.get(&key(0)).is_none());
        assert!(kept.get(&Key { base: "/b".to_owned(), ..key(9) }).is_none());
        kept.put(key(11), "x".repeat(2_000).into());
        assert!(kept.get(&key(11)).is_none());
    }
}
