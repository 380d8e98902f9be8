//! Changed-path Bloom filters of a commit-graph: which paths a commit may have changed against its first parent
//! (Documentation/gitformat-commit-graph, chunks BIDX and BDAT).

use std::collections::HashSet;

use bstr::{BStr, ByteSlice as _};

use crate::limits::MAX_FILTER_HASHES;

/// The two seeds of double hashing that the format names.
const SEEDS: [u32; 2] = [0x293a_e76f, 0x7e64_6e2c];

/// The settings by which the filters of one file are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The version of the hash: 2 hashes bytes as they are, 1 is undefined for bytes from 0x80 on.
    pub(crate) version: u32,
    /// Bits that each path sets.
    pub(crate) hashes: u32,
    /// Bits of a filter for each path in it.
    pub(crate) bits_per_entry: u32,
}

impl Settings {
    /// The settings of new filters: Git's own, with the second version of the hash.
    pub(crate) const OURS: Self = Self { version: 2, hashes: 7, bits_per_entry: 10 };
    /// More changed paths make a filter that is "too large", which says of every path that it may have changed.
    const MOST_PATHS: usize = 512;
    /// Bytes of these settings in a file.
    pub(crate) const LENGTH: usize = 12;

    /// Reads the header of a file's filters; `None` if their hash is not known here.
    pub(crate) fn read(header: &[u8]) -> Option<Self> {
        let mut numbers =
            header.chunks_exact(4).map(|four| <[u8; 4]>::try_from(four).map(u32::from_be_bytes));
        let mut next = || numbers.next()?.ok();
        let settings = Self { version: next()?, hashes: next()?, bits_per_entry: next()? };
        let is_known =
            matches!(settings.version, 1 | 2) && (1..=MAX_FILTER_HASHES).contains(&settings.hashes);
        is_known.then_some(settings)
    }

    pub(crate) fn write(self) -> [u8; Self::LENGTH] {
        let mut header = [0; Self::LENGTH];
        for (place, number) in
            header.chunks_exact_mut(4).zip([self.version, self.hashes, self.bits_per_entry])
        {
            place.copy_from_slice(&number.to_be_bytes());
        }
        header
    }

    /// Makes the filter of a commit that changed `paths`, folders included.
    pub(crate) fn filter(self, paths: &ChangedPaths) -> Vec<u8> {
        if paths.are_too_many() {
            return vec![0xff];
        }
        let bits = paths.paths.len() * self.bits_per_entry as usize;
        let mut filter = vec![0; bits.div_ceil(8).max(1)];
        let length = filter.len();
        for path in &paths.paths {
            for (byte, bit) in self.bits(hashes_of(path), length) {
                filter[byte] |= bit;
            }
        }
        filter
    }

    /// Returns whether a commit with this filter may have changed the path of `hashes`.
    pub(crate) fn may_contain(self, filter: &[u8], hashes: (u32, u32)) -> bool {
        filter.is_empty() || self.bits(hashes, filter.len()).all(|(byte, bit)| filter[byte] & bit != 0)
    }

    fn bits(self, (first, second): (u32, u32), length: usize) -> impl Iterator<Item = (usize, u8)> {
        let modulus = length as u64 * 8;
        (0..self.hashes).map(move |number| {
            let at = u64::from(first.wrapping_add(number.wrapping_mul(second))) % modulus;
            (usize::try_from(at / 8).expect("it is less than the length"), 1 << (at % 8))
        })
    }
}

/// The paths that a commit changed against its first parent, with the folders above them.
#[derive(Debug, Default)]
pub(crate) struct ChangedPaths {
    paths: HashSet<Vec<u8>>,
    is_given_up: bool,
}

impl ChangedPaths {
    /// Adds a file that changed and the folders above it.
    pub(crate) fn add(&mut self, path: &BStr) {
        let mut rest: &[u8] = path;
        while self.paths.insert(rest.to_vec()) {
            match rest.rfind_byte(b'/') {
                Some(slash) => rest = &rest[..slash],
                None => break,
            }
        }
    }

    /// True once no further path makes a difference.
    pub(crate) fn are_too_many(&self) -> bool {
        self.is_given_up || self.paths.len() > Settings::MOST_PATHS
    }

    /// Says that there are too many, whatever their number.
    pub(crate) fn give_up(&mut self) {
        self.is_given_up = true;
    }
}

/// The hashes of a path, from which its bits in a filter of any length follow.
pub(crate) fn hashes_of(path: &[u8]) -> (u32, u32) {
    (murmur3(SEEDS[0], path), murmur3(SEEDS[1], path))
}

/// The 32-bit version of MurmurHash3.
fn murmur3(seed: u32, data: &[u8]) -> u32 {
    let mix = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = seed;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        hash ^= mix(u32::from_le_bytes(word.try_into().expect("chunks are of four bytes")));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        hash ^= mix(tail.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)));
    }
    // The format counts a path's bytes in 32 bits.
    hash ^= u32::try_from(data.len()).unwrap_or(u32::MAX);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of Git's own test t0095-bloom.
    #[test]
    fn hashes_are_those_of_the_format() {
        for (text, expected) in [
            ("".as_bytes(), 0x0000_0000),
            (b"Hello world!", 0x627b_0c2c),
            (b"The quick brown fox jumps over the lazy dog", 0x2e4f_f723),
            (&[0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff], 0xa183_ccfd),
        ] {
            assert_eq!(murmur3(0, text), expected, "{text:?}");
        }
        let (first, second) = hashes_of(b"");
        assert_eq!((first, first.wrapping_add(second)), (0x5615_800c, 0x5b96_6560));
    }

    #[test]
    fn a_filter_has_what_was_put_in_and_little_else() {
        let mut paths = ChangedPaths::default();
        assert_eq!(Settings::OURS.filter(&paths), [0]);
        for number in 0..100 {
            paths.add(format!("folder/file{number}").as_str().into());
        }
        let filter = Settings::OURS.filter(&paths);
        assert_eq!(filter.len(), (101_usize * 10).div_ceil(8));
        let has = |path: &str| Settings::OURS.may_contain(&filter, hashes_of(path.as_bytes()));
        assert!(has("folder") && (0..100).all(|number| has(&format!("folder/file{number}"))));
        assert!((0..1_000).filter(|number| has(&format!("other/file{number}"))).count() < 30);
        for number in 0..500 {
            paths.add(format!("more/file{number}").as_str().into());
        }
        assert_eq!(Settings::OURS.filter(&paths), [0xff]);
    }
}
