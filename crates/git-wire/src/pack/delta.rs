//! Deltas: a base and what is copied from it and inserted make an object.

use std::io::{self, BufRead};

/// The source that a delta copies from.
pub(super) trait Base {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// Gives `count` bytes from `offset` on, which are there, to `out`, in pieces.
    fn copy(&self, offset: u64, count: u64, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>;
}

impl Base for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn copy(&self, offset: u64, count: u64, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let range = usize::try_from(offset).ok().zip(usize::try_from(count).ok());
        let bytes = range.and_then(|(offset, count)| self.get(offset..offset.checked_add(count)?));
        out(bytes.ok_or_else(malformed)?)
    }
}

/// The error of a delta that is malformed or is not one of its base: of kind [`io::ErrorKind::InvalidData`].
fn malformed() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// Reads the length of the base and that of the object, which a delta begins with.
pub(super) fn lengths(delta: &mut impl BufRead) -> io::Result<(u64, u64)> {
    Ok((length(delta)?, length(delta)?))
}

/// Gives the object of `length` bytes that the rest of `delta` makes of `base` to `out`, in pieces.
pub(super) fn apply(
    delta: &mut impl BufRead,
    base: &(impl Base + ?Sized),
    length: u64,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut left = length;
    let mut inserted = [0; 0x7f];
    while let Some(command) = next(delta)? {
        let count = if command & 0x80 == 0 {
            // Zero is reserved.
            if command == 0 || u64::from(command) > left {
                return Err(malformed());
            }
            let inserted = &mut inserted[..usize::from(command)];
            delta.read_exact(inserted).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => malformed(),
                _ => error,
            })?;
            out(inserted)?;
            u64::from(command)
        } else {
            let mut number = |bits: std::ops::Range<u32>| {
                let mut number = 0_u64;
                for (place, bit) in bits.enumerate() {
                    if command >> bit & 1 == 1 {
                        number |= u64::from(next(delta)?.ok_or_else(malformed)?) << (8 * place);
                    }
                }
                io::Result::Ok(number)
            };
            let offset = number(0..4)?;
            let count = match number(4..7)? {
                0 => 0x1_0000,
                count => count,
            };
            if count > left || offset + count > base.length() {
                return Err(malformed());
            }
            base.copy(offset, count, out)?;
            count
        };
        left -= count;
    }
    if left > 0 { Err(malformed()) } else { Ok(()) }
}

/// The object that `delta` makes of `base`; `None` if it is malformed, doesn't fit the base, or makes more than `limit`
/// bytes.
pub(super) fn object(base: &[u8], mut delta: &[u8], limit: u64) -> Option<Vec<u8>> {
    let (of_base, of_object) = lengths(&mut delta).ok()?;
    if of_base != base.length() || of_object > limit {
        return None;
    }
    let mut made = Vec::with_capacity(usize::try_from(of_object).ok()?);
    apply(&mut delta, base, of_object, &mut |bytes| {
        made.extend_from_slice(bytes);
        Ok(())
    })
    .ok()?;
    Some(made)
}

/// The next byte, if there is one.
fn next(delta: &mut impl BufRead) -> io::Result<Option<u8>> {
    let byte = delta.fill_buf()?.first().copied();
    if byte.is_some() {
        delta.consume(1);
    }
    Ok(byte)
}

/// A number in groups of seven bits, the lowest first.
fn length(delta: &mut impl BufRead) -> io::Result<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = next(delta)?.ok_or_else(malformed)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(malformed())
}

#[cfg(test)]
mod tests {
    use super::object;

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
            assert_eq!(object(base, delta, 100).as_deref(), made, "{delta:?}");
        }
        assert_eq!(object(base, b"\x0a\x0a\x90\x0a", 9), None, "over the limit");
    }
}
