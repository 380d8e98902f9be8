//! Text of commits: names and messages in the encoding that the commit declares, and file names, which declare none.

use std::borrow::Cow;

use encoding_rs::Encoding;
use gix::bstr::{BStr, ByteSlice as _};

/// Names of encodings that Git's users write and the web's list of labels lacks.
const MORE_NAMES: [(&str, &str); 4] =
    [("cp932", "shift_jis"), ("cp936", "gbk"), ("cp949", "euc-kr"), ("cp950", "big5")];

/// The encoding of a commit's names and message; `None` for UTF-8, and for one that nobody knows.
pub(crate) fn encoding_of(commit: &gix::Commit<'_>) -> Option<&'static Encoding> {
    let declared = commit.decode().ok()?.encoding?.to_str_lossy().trim().to_lowercase();
    let other = MORE_NAMES.iter().find(|(name, _)| *name == declared).map(|(_, other)| *other);
    Encoding::for_label(other.unwrap_or(&declared).as_bytes()).filter(|known| *known != encoding_rs::UTF_8)
}

/// The bytes as text. What the encoding has no character for becomes U+FFFD.
pub(crate) fn decode<'b>(bytes: &'b BStr, encoding: Option<&'static Encoding>) -> Cow<'b, str> {
    match encoding {
        None => bytes.to_str_lossy(),
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
    }
}

/// One name of a path as a client asks for it. A file name that is no UTF-8 was shown with U+FFFD in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedName<'a>(pub(crate) &'a str);

impl PartialEq<BStr> for AskedName<'_> {
    fn eq(&self, name: &BStr) -> bool {
        name == self.0 || (self.0.contains(char::REPLACEMENT_CHARACTER) && name.to_str_lossy() == self.0)
    }
}
