//! Pointer files: what Git has in the place of a large file.
//!
//! A pointer has exactly one canonical form, [`Pointer`]'s `Display`:
//!
//! ```text
//! version https://git-lfs.github.com/spec/v1
//! oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
//! size 12345
//! ```
//!
//! [`Pointer::parse`] also reads what git-lfs reads beside that: an older address of the specification, lines of extensions,
//! and a missing line feed at the end. The empty file is its own pointer, and none to this module.

use std::fmt;

use crate::Oid;

/// Bytes that a pointer file has at most; a file of this size or larger is none.
pub const MAX_POINTER_BYTES: usize = 1023;

const VERSION: &str = "https://git-lfs.github.com/spec/v1";
/// Addresses that earlier versions of git-lfs wrote.
const OLD_VERSIONS: [&str; 2] = ["https://hawser.github.com/spec/v1", "http://git-media.io/v/2"];

/// The object that a pointer file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    /// Its id.
    pub oid: Oid,
    /// Its bytes.
    pub size: u64,
}

impl Pointer {
    /// Reads the whole content of a file; `None` if it is no pointer.
    pub fn parse(content: &[u8]) -> Option<Self> {
        if content.len() > MAX_POINTER_BYTES {
            return None;
        }
        let text = std::str::from_utf8(content).ok()?;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').map(|line| line.split_once(' '));
        let version = lines.next()?.filter(|(key, _)| *key == "version")?.1;
        if version != VERSION && !OLD_VERSIONS.contains(&version) {
            return None;
        }
        let (mut oid, mut size) = (None, None);
        for line in lines {
            match line? {
                ("oid", value) if oid.is_none() && size.is_none() => oid = Some(hash(value)?),
                ("size", value) if oid.is_some() && size.is_none() => size = Some(number(value)?),
                // They come first, since keys are sorted.
                (key, value) if oid.is_none() && is_extension(key) => _ = hash(value)?,
                _ => return None,
            }
        }
        Some(Self { oid: oid?, size: size? })
    }

    /// Reads the whole content of a file that is a pointer in its canonical form.
    pub fn parse_canonical(content: &[u8]) -> Option<Self> {
        Self::parse(content).filter(|pointer| pointer.to_string().as_bytes() == content)
    }
}

impl Pointer {
    /// The lengths that canonical texts have.
    pub const fn sizes_of_text() -> std::ops::RangeInclusive<u64> {
        // The lines without the digits of the size, of which there are 1 to 19.
        let rest = ("version \noid sha256:\nsize \n".len() + VERSION.len() + 64) as u64;
        rest + 1..=rest + 19
    }
}

fn hash(value: &str) -> Option<Oid> {
    value.strip_prefix("sha256:")?.parse().ok()
}

/// Reads a size, which git-lfs keeps in 63 bits.
fn number(value: &str) -> Option<u64> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|size| is_number && i64::try_from(*size).is_ok())
}

/// As `ext-0-case` is: a digit for the order, and a name.
fn is_extension(key: &str) -> bool {
    let mut parts = key.splitn(3, '-');
    let (word, order, name) =
        (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    word == Some("ext")
        && order.len() == 1
        && order.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {VERSION}\noid sha256:{}\nsize {}\n", self.oid, self.size)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    fn pointer() -> Pointer {
        Pointer { oid: OID.parse().expect("an id"), size: 12345 }
    }

    fn canonical() -> String {
        format!("version {VERSION}\noid sha256:{OID}\nsize 12345\n")
    }

    #[test]
    fn what_git_lfs_reads_is_read() {
        let rows = [
            (canonical(), true),
            (canonical().trim_end().to_owned(), false),
            (canonical().replace("git-lfs.github", "hawser.github"), false),
            (
                canonical().replace("oid", &format!("ext-0-case sha256:{OID}\next-1-x sha256:{OID}\noid")),
                false,
            ),
            (canonical().replace("12345", "012345"), false),
        ];
        for (text, is_canonical) in rows {
            assert_eq!(Pointer::parse(text.as_bytes()), Some(pointer()), "{text}");
            assert_eq!(Pointer::parse_canonical(text.as_bytes()).is_some(), is_canonical, "{text}");
        }
    }

    #[test]
    fn other_files_are_no_pointers() {
        let one = canonical();
        let rows = [
            String::new(),
            "version".to_owned(),
            one.replace("v1\n", "v2\n"),
            one.replace("oid sha256:", "oid md5:"),
            one.replace("oid sha256:4d", "oid sha256:4D"),
            one.replace("12345", "-1"),
            one.replace("12345", "+1"),
            one.replace("12345", "9223372036854775808"),
            one.replace("12345", ""),
            one.replace("size", "size "),
            format!("{one}x.azml 1\n"),
            format!("{one}\n"),
            format!("\n{one}"),
            one.replace('\n', "\r\n"),
            one.replace("oid", "ext-10-case sha256:1\noid"),
            one.replace("oid", &format!("ext-0- sha256:{OID}\noid")),
            format!("version {VERSION}\nsize 12345\noid sha256:{OID}\n"),
            format!("version {VERSION}\noid sha256:{OID}\n"),
            format!("{one}{one}"),
            format!("{one}{}", " ".repeat(1024)),
        ];
        for row in rows {
            assert_eq!(Pointer::parse(row.as_bytes()), None, "{row:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(bytes: [u8; 32], size in 0..=i64::MAX as u64) {
            let pointer = Pointer { oid: Oid::from_bytes(bytes), size };
            let text = pointer.to_string();
            prop_assert_eq!(Pointer::parse_canonical(text.as_bytes()), Some(pointer));
            prop_assert!(Pointer::sizes_of_text().contains(&(text.len() as u64)));
        }

        #[test]
        fn there_is_one_canonical_form(at in 0usize..130, byte: u8) {
            let mut text = canonical().into_bytes();
            let at = at % text.len();
            text[at] = byte;
            if let Some(read) = Pointer::parse_canonical(&text) {
                prop_assert_eq!(read.to_string().into_bytes(), text);
            }
        }

        #[test]
        fn no_bytes_do_harm(content in proptest::collection::vec(any::<u8>(), 0..1100)) {
            prop_assert_eq!(Pointer::parse(&content), None);
        }
    }
}
