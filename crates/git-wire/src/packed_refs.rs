//! `packed-refs` as it lies: lines cut out of the file, those with a prefix found by binary search.
//!
//! The lines are sorted by name, as gix sees to when it opens the file. Of thousands of refs nothing is allocated and
//! nothing is parsed but the id.

use bstr::{BStr, ByteSlice};
use gix::ObjectId;

/// The digits of an id.
const HEX: usize = 40;

/// A ref in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedRef<'a> {
    pub(crate) name: &'a BStr,
    pub(crate) id: ObjectId,
    /// The object that the tag finally points to, if the file records it.
    pub(crate) peeled: Option<ObjectId>,
}

/// The refs whose names begin with `prefix`, by name. A line that isn't one of a ref is passed over.
pub(crate) fn prefixed<'a>(file: &'a [u8], prefix: &'a [u8]) -> impl Iterator<Item = PackedRef<'a>> {
    let mut rest = &file[first_from(file, prefix)..];
    std::iter::from_fn(move || {
        loop {
            let line = next_line(&mut rest)?;
            let Some((id, name)) = split(line) else { continue };
            if !name.starts_with(prefix) {
                return None;
            }
            let mut peeled = None;
            if rest.first() == Some(&b'^') {
                peeled = next_line(&mut rest).and_then(|line| ObjectId::from_hex(&line[1..]).ok());
            }
            // What no ref may be called could be taken for the end of the name.
            if let Ok(id) = ObjectId::from_hex(id)
                && name.iter().all(|byte| *byte > b' ' && *byte != 0x7f)
            {
                return Some(PackedRef { name: name.as_bstr(), id, peeled });
            }
        }
    })
}

/// Returns the offset of the first line whose name is `prefix` or comes after it.
fn first_from(file: &[u8], prefix: &[u8]) -> usize {
    let (mut low, mut high) = (0, file.len());
    while low < high {
        let mut begin = line_begin(file, low, low + (high - low) / 2);
        while begin > low && file[begin] == b'^' {
            begin = line_begin(file, low, begin - 1);
        }
        let mut rest = &file[begin..high];
        let line = next_line(&mut rest).unwrap_or_default();
        if split(line).is_some_and(|(_, name)| name >= prefix) {
            high = begin;
        } else {
            low = high - rest.len();
        }
    }
    low
}

fn line_begin(file: &[u8], low: usize, at: usize) -> usize {
    file[low..at].rfind_byte(b'\n').map_or(low, |end| low + end + 1)
}

fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.find_byte(b'\n').unwrap_or(rest.len());
    let line = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or_default();
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (id, rest) = line.split_at_checked(HEX)?;
    Some((id, rest.strip_prefix(b" ")?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(digit: char) -> String {
        digit.to_string().repeat(HEX)
    }

    fn found(file: &str, prefix: &str) -> Vec<(String, Option<ObjectId>)> {
        prefixed(file.as_bytes(), prefix.as_bytes())
            .map(|found| (found.name.to_string(), found.peeled))
            .collect()
    }

    #[test]
    fn what_tags_point_to_is_given_and_odd_lines_are_passed_over() {
        let (a, b) = (id('a'), id('b'));
        let file = format!(
            "{a} refs/heads/a\n{a} refs/heads/b c\n{a} refs/heads/d\r\nshort\n{a} refs/tags/v1\n^{b}\n{a} refs/tags/v2\n"
        );
        let peeled = ObjectId::from_hex(b.as_bytes()).ok();
        let name = |name: &str| name.to_owned();
        assert_eq!(found(&file, "refs/heads/"), [(name("refs/heads/a"), None), (name("refs/heads/d"), None)]);
        assert_eq!(
            found(&file, "refs/tags/"),
            [(name("refs/tags/v1"), peeled), (name("refs/tags/v2"), None)]
        );
        assert_eq!(found(&file, "refs/x"), []);
        assert_eq!(found("", "refs/"), []);
        assert_eq!(found("\n\n^", "refs/"), []);
    }

    proptest! {
        #[test]
        fn the_search_finds_what_a_look_at_all_finds(
            names in prop::collection::btree_map("refs/[a-c]{1,3}/[a-c]{0,3}x", any::<bool>(), 0..40),
            prefix in "refs/[a-c]{0,3}/?[a-c]{0,2}",
        ) {
            let (a, b) = (id('1'), id('2'));
            let file: Vec<String> = names
                .iter()
                .map(|(name, is_tag)| format!("{a} {name}\n{}", if *is_tag { format!("^{b}\n") } else { String::new() }))
                .collect();
            let expected: Vec<&String> = names.keys().filter(|name| name.starts_with(&prefix)).collect();
            let file = file.concat();
            let found = found(&file, &prefix);
            prop_assert_eq!(found.iter().map(|(name, _)| name).collect::<Vec<_>>(), expected);
            prop_assert!(found.iter().all(|(name, peeled)| peeled.is_some() == names[name]));
        }

        #[test]
        fn no_bytes_make_it_panic(file: Vec<u8>, prefix: Vec<u8>) {
            prefixed(&file, &prefix).for_each(drop);
        }
    }
}
