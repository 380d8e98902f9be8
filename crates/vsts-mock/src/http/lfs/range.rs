//! The header `Range`: one range of bytes. Several at once, and what is not understood, mean the whole, as the standard
//! allows.

/// The part of a content that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// From the first byte to the last one, both included.
    Some {
        start: u64,
        last: u64,
    },
    /// None of its bytes.
    None,
}

/// Reads the header's value for a content of so many bytes.
pub(super) fn part(value: &str, size: u64) -> Part {
    let Some((unit, range)) = value.split_once('=') else { return Part::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    let (start, last) = match (number(first), number(last)) {
        (Some(start), Some(last)) if last < start => return Part::Whole,
        (Some(start), Some(last)) => (start, last),
        (Some(start), None) if last.is_empty() => (start, u64::MAX),
        (None, Some(length)) if first.is_empty() && length == 0 => return Part::None,
        (None, Some(length)) if first.is_empty() => (size.saturating_sub(length), u64::MAX),
        _ => return Part::Whole,
    };
    if start >= size { Part::None } else { Part::Some { start, last: last.min(size - 1) } }
}

/// A number that is too large is larger than any content.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let some = |start, last| Part::Some { start, last };
        let rows = [
            ("bytes=0-4", 10, some(0, 4)),
            ("bytes=3-", 10, some(3, 9)),
            ("bytes=9-9", 10, some(9, 9)),
            ("bytes=0-99999999999999999999999", 10, some(0, 9)),
            ("bytes=-3", 10, some(7, 9)),
            ("bytes=-30", 10, some(0, 9)),
            ("BYTES = 1-2", 10, some(1, 2)),
            ("bytes=10-", 10, Part::None),
            ("bytes=0-", 0, Part::None),
            ("bytes=-0", 10, Part::None),
            ("bytes=99999999999999999999999-", 10, Part::None),
            ("bytes=5-4", 10, Part::Whole),
            ("bytes=0-1,3-4", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("bytes=", 10, Part::Whole),
            ("bytes", 10, Part::Whole),
            ("lines=0-1", 10, Part::Whole),
            ("bytes=+1-2", 10, Part::Whole),
            ("bytes=a-b", 10, Part::Whole),
        ];
        for (text, size, expected) in rows {
            assert_eq!(part(text, size), expected, "{text} of {size}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_within_the_content(text in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21}[,a-z ]{0,2}", size: u64) {
            if let Part::Some { start, last } = part(&text, size) {
                prop_assert!(start <= last && last < size);
            }
        }

        #[test]
        fn what_clients_ask_for_is_what_they_get(start in 0u64..1000, length in 1u64..1000) {
            let (last, size) = (start + length - 1, start + length);
            prop_assert_eq!(part(&format!("bytes={start}-{last}"), size), Part::Some { start, last });
            prop_assert_eq!(part(&format!("bytes={start}-"), size), Part::Some { start, last });
            prop_assert_eq!(part(&format!("bytes=-{length}"), size), Part::Some { start, last });
        }
    }
}
