//! JSON written straight into an answer's bytes: a list may have a hundred thousand values.

use gix::hash::oid;

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

/// An object's id, without quotes.
pub(super) fn id(out: &mut Vec<u8>, id: &oid) {
    let mut hex = [0; 40];
    let length = id.hex_to_buf(&mut hex).len();
    out.extend_from_slice(&hex[..length]);
}

/// The beginning of a URL, after a quote. The caller writes the rest and the closing quote.
pub(super) fn beginning(url: &str) -> Vec<u8> {
    let mut begun = Vec::new();
    text(&mut begun, url);
    begun.pop();
    begun
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_others_write() {
        let texts =
            ["", "a/b.txt", "with \"quotes\" and \\", "tab\t and line\n", "Grüße, 世界", "a b&c=d?e#f%g+h~"];
        for one in texts {
            let mut out = Vec::new();
            text(&mut out, one);
            assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), one);
        }
    }
}
