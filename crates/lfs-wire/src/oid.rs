//! The ids of objects.

use std::fmt;
use std::str::FromStr;

/// The id of an object: the SHA-256 of its content. As text it has 64 lower-case hexadecimal digits and nothing else, so
/// that it may become part of a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid([u8; 32]);

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an object id has 64 lower-case hexadecimal digits")]
pub struct OidError;

impl Oid {
    /// The id with these bytes, as SHA-256 gives them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The path of the object in a store of the stock layout, below its folder `objects`: `aa/bb/` and the whole id.
    pub fn store_path(&self) -> String {
        let text = self.to_string();
        format!("{}/{}/{text}", &text[..2], &text[2..4])
    }
}

impl FromStr for Oid {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, OidError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(OidError),
        };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| OidError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn other_spellings_are_no_ids() {
        let rows = [
            String::new(),
            EMPTY.to_uppercase(),
            EMPTY[1..].to_owned(),
            format!("{EMPTY}0"),
            format!("sha256:{EMPTY}"),
            format!("../{}", &EMPTY[3..]),
            format!("{}/{}", &EMPTY[..31], &EMPTY[32..]),
            format!("{} ", &EMPTY[1..]),
            format!("{}ä", &EMPTY[2..]),
            format!("+{}", &EMPTY[1..]),
        ];
        for row in rows {
            assert_eq!(row.parse::<Oid>(), Err(OidError), "{row}");
        }
        assert_eq!(EMPTY.parse::<Oid>().expect("an id").store_path(), format!("e3/b0/{EMPTY}"));
    }

    proptest! {
        #[test]
        fn text_and_bytes_say_the_same(bytes: [u8; 32]) {
            let oid = Oid::from_bytes(bytes);
            prop_assert_eq!(oid.to_string().parse(), Ok(oid));
        }
    }
}
