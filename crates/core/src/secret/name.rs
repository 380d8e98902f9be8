//! Recognizes files that hold credentials by their names.
//!
//! A snapshot asks this of every file, so only the names in the table that end as the path does are compared with it.

use std::sync::LazyLock;

use super::rules::{NAME_RULES, Names};

/// The bytes at the end of a path that choose the names to compare. No name in the table is shorter.
const END: usize = 4;
/// The longest name that needs no memory of its own to be read in lower case.
const SHORT: usize = 64;

/// A name of the table, to be found by the end of a path.
struct Known {
    end: [u8; END],
    text: &'static [u8],
    /// Something comes before it in the file's name.
    is_end: bool,
    /// Its rule's place in the table.
    rule: usize,
}

/// All names of the table, ordered by their ends.
static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let mut known = Vec::new();
    for (rule, names) in NAME_RULES.iter().enumerate() {
        let (list, is_end) = match &names.files {
            Names::Are(list) => (*list, false),
            Names::End(list) => (*list, true),
            Names::With(_) => continue,
        };
        known.extend(list.iter().map(|text| {
            let end = end_of(text.as_bytes()).expect("a test checks that no name in the table is shorter");
            Known { end, text: text.as_bytes(), is_end, rule }
        }));
    }
    known.sort_by_key(|known| (known.end, known.rule));
    known
});

/// Returns the kind of secret that a file of this path (with `/`) holds by its name.
pub fn of_name(path: &[u8]) -> Option<&'static str> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let by_code = by_code(name);
    let by_end = end_of(path).and_then(|end| {
        let first = KNOWN.partition_point(|known| known.end < end);
        let alike = KNOWN[first..].iter().take_while(|known| known.end == end);
        alike.filter(|known| known.is_of(path, name)).map(|known| known.rule).min()
    });
    // Of several rules the first in the table counts.
    let rule = by_code.into_iter().chain(by_end).min()?;
    Some(NAME_RULES[rule].name)
}

impl Known {
    fn is_of(&self, path: &[u8], name: &[u8]) -> bool {
        if self.is_end {
            return name.len() > self.text.len() && ends_with(name, self.text).is_some();
        }
        ends_with(path, self.text).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
    }
}

/// The rule that recognizes a name by code.
fn by_code(name: &[u8]) -> Option<usize> {
    let (mut short, long);
    let lower = if name.len() <= SHORT {
        short = [0; SHORT];
        let short = &mut short[..name.len()];
        short.copy_from_slice(name);
        short.make_ascii_lowercase();
        &*short
    } else {
        long = name.to_ascii_lowercase();
        &long
    };
    NAME_RULES.iter().position(|rule| matches!(rule.files, Names::With(is) if is(lower)))
}

/// The rest of `text` before `end`, which is in lower case, if it ends so in whatever case.
fn ends_with<'t>(text: &'t [u8], end: &[u8]) -> Option<&'t [u8]> {
    let (rest, last) = text.split_at(text.len().checked_sub(end.len())?);
    last.eq_ignore_ascii_case(end).then_some(rest)
}

fn end_of(text: &[u8]) -> Option<[u8; END]> {
    let mut end = *text.last_chunk()?;
    end.make_ascii_lowercase();
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Compares with every name of the table.
    fn of_name_slowly(path: &[u8]) -> Option<&'static str> {
        let lower = path.to_ascii_lowercase();
        let name = lower.rsplit(|byte| *byte == b'/').next().unwrap_or(&lower);
        let ends_with = |end: &str| {
            let rest = lower.strip_suffix(end.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
        };
        let is = |files: &Names| match files {
            Names::Are(names) => names.iter().any(|one| ends_with(one)),
            Names::End(ends) => {
                ends.iter().any(|end| name.len() > end.len() && name.ends_with(end.as_bytes()))
            }
            Names::With(is) => is(name),
        };
        NAME_RULES.iter().find(|rule| is(&rule.files)).map(|rule| rule.name)
    }

    fn names() -> Vec<&'static str> {
        let list = |files: &Names| match files {
            Names::Are(list) | Names::End(list) => list.to_vec(),
            Names::With(_) => vec![".env", "x.env", ".env.example", "id_rsa", "id_rsa.pub"],
        };
        NAME_RULES.iter().flat_map(|rule| list(&rule.files)).collect()
    }

    #[test]
    fn every_name_in_the_table_is_found_in_any_case_and_below_any_folder() {
        for name in names() {
            assert!(name.len() >= END && *name == name.to_ascii_lowercase(), "{name}");
            for lead in ["", "a/", "a/b/", "a", "/"] {
                for path in [format!("{lead}{name}"), format!("{lead}{}", name.to_ascii_uppercase())] {
                    assert_eq!(of_name(path.as_bytes()), of_name_slowly(path.as_bytes()), "{path}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_index_by_ends_finds_what_the_table_has(
            lead in "[a-z./]{0,6}", at in any::<proptest::sample::Index>(), cut in 0usize..8, tail in "[a-zA-Z./]{0,3}"
        ) {
            let names = names();
            let name = names[at.index(names.len())];
            let path = format!("{lead}{}{tail}", &name[cut.min(name.len())..]);
            prop_assert_eq!(of_name(path.as_bytes()), of_name_slowly(path.as_bytes()));
        }
    }
}
