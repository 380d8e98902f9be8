//! JSON and URLs, written straight into an answer's bytes: what a list of a hundred thousand values is made of.

use gix::hash::oid;

/// Characters that stand in a URL as they are.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A text between quotes.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        serde_json::to_writer(out, text).expect("texts are JSON, and memory takes them");
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// A text as a part of a URL. Nothing in it needs to be escaped in JSON.
pub(super) fn encoded(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(byte);
        } else {
            out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// An object's id, without quotes.
pub(super) fn id(out: &mut Vec<u8>, id: &oid) {
    let mut hex = [0; 40];
    let length = id.hex_to_buf(&mut hex).len();
    out.extend_from_slice(&hex[..length]);
}

/// What a URL begins with, behind a quote: more of it follows, and another quote.
pub(super) fn beginning(url: &str) -> Vec<u8> {
    let mut begun = Vec::new();
    text(&mut begun, url);
    begun.pop();
    begun
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::rest::shape::encode;

    #[test]
    fn what_is_written_is_what_others_write() {
        let texts =
            ["", "a/b.txt", "with \"quotes\" and \\", "tab\t and line\n", "Grüße, 世界", "a b&c=d?e#f%g+h~"];
        for one in texts {
            let mut out = Vec::new();
            text(&mut out, one);
            assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), one);
            out.clear();
            encoded(&mut out, one);
            assert_eq!(String::from_utf8(out).expect("ASCII"), encode(one));
        }
    }
}
