//! A request as the pages see it: a method, a path in decoded parts, a query and a form.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use gix::bstr::{BString, ByteSlice as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};

/// The characters to percent-encode in a part of a path or of a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Shows; changes nothing.
    Get,
    /// Changes something.
    Post,
}

/// One request whose sender is known to be the user.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// The parts of the path, decoded. A part may name a file, whose name need not be UTF-8.
    pub path: Vec<BString>,
    /// The query's pairs, in order.
    pub query: Pairs,
    /// The form's pairs, in order.
    pub form: Pairs,
}

/// Names and values, in order; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(pub Vec<(String, String)>);

impl Pairs {
    /// Reads `a=b&c=d`.
    pub fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether a name is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// The parts of a path.
pub fn split(path: &str) -> Vec<BString> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| percent_decode_str(part).collect::<Vec<u8>>().into()).collect()
}

/// The path of a file, of which these are the parts.
pub fn file(parts: &[&[u8]]) -> PathBuf {
    OsStr::from_bytes(&parts.join(&b'/')).into()
}

/// A part of a path or a value of a query, encoded.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A path with `/` in it, each part encoded, byte for byte.
pub fn encode_path(path: &Path) -> String {
    let parts = path.as_os_str().as_bytes().split_str("/");
    parts.map(|part| percent_encode(part, PLAIN).to_string()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_survive_encoding() {
        let id = "my iris/ü&?#%_1504832281116";
        let path = format!("/runs/{}/files/{}", encode(id), encode_path(Path::new("a b/c+d.py")));
        assert!(!path.contains([' ', '?', '#', '&', '+']), "{path}");
        assert_eq!(split(&path), ["runs", id, "files", "a b", "c+d.py"]);
        let pairs = Pairs::parse(format!("q={}&run=a&run=b&flag", encode("x>1 & y")).as_bytes());
        assert_eq!(pairs.get("q"), Some("x>1 & y"));
        assert_eq!(pairs.all("run").collect::<Vec<_>>(), ["a", "b"]);
        assert!(pairs.has("flag") && !pairs.has("other"));
        let name = Path::new(OsStr::from_bytes(b"caf\xe9/\xff"));
        assert_eq!(encode_path(name), "caf%E9/%FF");
        assert_eq!(split("/caf%E9/%FF"), [&b"caf\xe9"[..], b"\xff"]);
    }
}
