//! Deltas in memory: a base and what is copied from it and inserted make an object.

/// The object that `delta` makes of `base`; `None` if it is malformed, doesn't fit the base, or makes more than `limit`
/// bytes.
pub(super) fn apply(base: &[u8], delta: &[u8], limit: u64) -> Option<Vec<u8>> {
    let mut rest = delta;
    if size(&mut rest)? != base.len() as u64 {
        return None;
    }
    let wanted = size(&mut rest).filter(|wanted| *wanted <= limit)?;
    let wanted = usize::try_from(wanted).ok()?;
    let mut made = Vec::with_capacity(wanted);
    while let Some((command, after)) = rest.split_first() {
        rest = after;
        let bytes = if command & 0x80 == 0 {
            // Zero is reserved.
            let count = Some(usize::from(*command)).filter(|count| *count > 0)?;
            let (bytes, after) = rest.split_at_checked(count)?;
            rest = after;
            bytes
        } else {
            let mut number = |bits: std::ops::Range<u32>| {
                let mut number = 0_usize;
                for (place, bit) in bits.enumerate() {
                    if command >> bit & 1 == 1 {
                        let (byte, after) = rest.split_first()?;
                        rest = after;
                        number |= usize::from(*byte) << (8 * place);
                    }
                }
                Some(number)
            };
            let offset = number(0..4)?;
            let count = match number(4..7)? {
                0 => 0x1_0000,
                count => count,
            };
            base.get(offset..offset.checked_add(count)?)?
        };
        if made.len() + bytes.len() > wanted {
            return None;
        }
        made.extend_from_slice(bytes);
    }
    (made.len() == wanted).then_some(made)
}

/// A number in groups of seven bits, the lowest first.
fn size(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn copies_and_inserts_make_the_object_and_nothing_else_is_taken() {
        let base = b"0123456789";
        let rows: [(&[u8], Option<&[u8]>); 10] = [
            (b"\x0a\x05\x91\x03\x02\x03abc", Some(b"34abc")),
            (b"\x0a\x0a\x90\x0a", Some(base)),
            (b"\x0a\x00", Some(b"")),
            (b"\x09\x02\x02ab", None),
            (b"\x0a\x03\x02ab", None),
            (b"\x0a\x01\x02ab", None),
            (b"\x0a\x02\x00", None),
            (b"\x0a\x02\x02a", None),
            (b"\x0a\x05\x91\x09\x05", None),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
        ];
        for (delta, made) in rows {
            assert_eq!(apply(base, delta, 100).as_deref(), made, "{delta:?}");
        }
        assert_eq!(apply(base, b"\x0a\x0a\x90\x0a", 9), None, "over the limit");
    }
}
