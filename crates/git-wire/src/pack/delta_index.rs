//! Making deltas: the instructions that make one object of another, found as Git's diff-delta does.

use crate::Interrupt;

/// Bytes of a block of the base that is looked up; a copy is at least as long.
const BLOCK: usize = 16;
/// Blocks of the base that are compared with one place of an object.
const MAX_CANDIDATES: usize = 64;
/// Bytes of a match that is not improved any more.
const LONG_MATCH: usize = 4096;
/// Bytes that one instruction copies at most, and inserts at most.
const MAX_COPY: usize = 0x1_0000;
const MAX_INSERT: usize = 0x7f;
/// The base of the rolling hash, and its power for the byte that leaves a block.
const FACTOR: u32 = 0x9e37_79b1;
const LAST_FACTOR: u32 = FACTOR.wrapping_pow(15);

/// The blocks of a base by their hash. Numbers of blocks are counted from one; zero is none.
pub(crate) struct DeltaIndex {
    heads: Vec<u32>,
    /// For each block the next one in its chain.
    next: Vec<u32>,
    bits: u32,
}

impl DeltaIndex {
    /// Indexes an object of less than 64 GiB.
    pub(crate) fn new(base: &[u8]) -> Self {
        let blocks = base.len() / BLOCK;
        let bits = blocks.next_power_of_two().trailing_zeros().clamp(4, 26);
        let mut index = Self { heads: vec![0; 1 << bits], next: vec![0; blocks + 1], bits };
        let mut last_hash = None;
        // From the end, so that the first blocks are the first of their chains.
        for number in (1..=blocks).rev() {
            let hash = hash(&base[(number - 1) * BLOCK..][..BLOCK]);
            let head = index.bucket(hash);
            // Of a run of equal blocks the first is enough.
            let behind = if last_hash == Some(hash) { index.next[number + 1] } else { index.heads[head] };
            index.next[number] = behind;
            index.heads[head] = u32::try_from(number).unwrap_or(0);
            last_hash = Some(hash);
        }
        index
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        (self.heads.len() + self.next.len()) * size_of::<u32>()
    }

    fn bucket(&self, hash: u32) -> usize {
        (hash.wrapping_mul(FACTOR) >> (32 - self.bits)) as usize
    }

    /// Returns the delta that makes `object` of the indexed `base`; `None` if it would have more than `limit` bytes, or when
    /// `interrupt` is set.
    pub(crate) fn delta(
        &self,
        base: &[u8],
        object: &[u8],
        limit: usize,
        interrupt: &Interrupt,
    ) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        push_length(&mut out, base.len());
        push_length(&mut out, object.len());
        let (mut at, mut inserted) = (0, 0);
        let mut rolling = object.get(..BLOCK).map_or(0, hash);
        while at + BLOCK <= object.len() {
            let (mut from, mut length) = self.longest_match(base, &object[at..], rolling);
            if length < BLOCK {
                if out.len() + at - inserted > limit || interrupt.is_set() {
                    return None;
                }
                if let Some(entering) = object.get(at + BLOCK) {
                    rolling = rolling
                        .wrapping_sub(u32::from(object[at]).wrapping_mul(LAST_FACTOR))
                        .wrapping_mul(FACTOR)
                        .wrapping_add(u32::from(*entering));
                }
                at += 1;
                continue;
            }
            // The match may begin before the block, in bytes that were going to be inserted.
            while at > inserted && from > 0 && base[from - 1] == object[at - 1] {
                (at, from, length) = (at - 1, from - 1, length + 1);
            }
            push_inserts(&mut out, &object[inserted..at]);
            push_copies(&mut out, from, length);
            if out.len() > limit {
                return None;
            }
            at += length;
            inserted = at;
            rolling = object.get(at..at + BLOCK).map_or(0, hash);
        }
        push_inserts(&mut out, &object[inserted..]);
        (out.len() <= limit).then_some(out)
    }

    /// Returns where in `base` most of the beginning of `object` stands, and how many bytes of it.
    fn longest_match(&self, base: &[u8], object: &[u8], hash: u32) -> (usize, usize) {
        let mut best = (0, 0);
        let mut number = self.heads[self.bucket(hash)] as usize;
        for _ in 0..MAX_CANDIDATES {
            if number == 0 || best.1 >= LONG_MATCH {
                break;
            }
            let from = (number - 1) * BLOCK;
            let length = common_prefix(&base[from..], object);
            if length > best.1 {
                best = (from, length);
            }
            number = self.next[number] as usize;
        }
        best
    }
}

fn hash(block: &[u8]) -> u32 {
    block.iter().fold(0, |hash: u32, byte| hash.wrapping_mul(FACTOR).wrapping_add(u32::from(*byte)))
}

fn common_prefix(one: &[u8], two: &[u8]) -> usize {
    const STEP: usize = 32;
    let steps =
        one.chunks_exact(STEP).zip(two.chunks_exact(STEP)).take_while(|(one, two)| one == two).count();
    let same = steps * STEP;
    same + one[same..].iter().zip(&two[same..]).take_while(|(one, two)| one == two).count()
}

/// Appends a number in groups of seven bits, the lowest first.
fn push_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push(byte(length & 0x7f) | 0x80);
        length >>= 7;
    }
    out.push(byte(length));
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).expect("the caller keeps it below 256")
}

fn push_inserts(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(MAX_INSERT) {
        out.push(byte(part.len()));
        out.extend_from_slice(part);
    }
}

fn push_copies(out: &mut Vec<u8>, mut from: usize, mut length: usize) {
    while length > 0 {
        let part = length.min(MAX_COPY);
        let command = out.len();
        out.push(0x80);
        // A length of zero means the most.
        let numbers = (from as u64 & 0xffff_ffff) | ((part % MAX_COPY) as u64) << 32;
        for (bit, byte) in numbers.to_le_bytes().into_iter().take(7).enumerate() {
            if byte != 0 {
                out[command] |= 1 << bit;
                out.push(byte);
            }
        }
        from += part;
        length -= part;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::DeltaIndex;
    use crate::Interrupt;
    use crate::pack::delta;

    fn check(base: &[u8], object: &[u8]) -> usize {
        let index = DeltaIndex::new(base);
        let made = index.delta(base, object, usize::MAX / 2, &Interrupt::default()).unwrap();
        assert_eq!(delta::object(base, &made, u64::MAX).as_deref(), Some(object));
        assert_eq!(index.delta(base, object, made.len() - 1, &Interrupt::default()), None);
        made.len()
    }

    #[test]
    fn an_object_that_is_much_like_its_base_has_a_short_delta() {
        let base: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(FAR).to_be_bytes()).collect();
        let mut object = base.clone();
        object.splice(300_000..300_010, *b"something else");
        object.extend_from_slice(b"and an end");
        assert!(check(&base, &object) < 200);
        assert!(check(&object, &base) < 200);
        assert!(check(&vec![7; 100_000], &vec![7; 90_000]) < 30);
    }

    const FAR: u32 = 2_654_435_761;

    proptest! {
        #[test]
        fn a_delta_makes_the_object(
            base in prop::collection::vec(0..3_u8, 0..400),
            cuts in prop::collection::vec((0..400_usize, 0..100_usize, prop::collection::vec(any::<u8>(), 0..40)), 0..6),
        ) {
            let mut object = Vec::new();
            for (start, length, new) in cuts {
                let start = start.min(base.len());
                object.extend_from_slice(&base[start..base.len().min(start + length)]);
                object.extend_from_slice(&new);
            }
            check(&base, &object);
        }
    }
}
