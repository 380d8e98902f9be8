//! The answer of a page, and the headers that every answer has.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use maud::Markup;

/// The policy for pages: they load their own style sheet, script and pictures, and nothing from anywhere else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The policy for a file that a run left, if a browser shows it after all.
const FILE_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The length below which a text is not compressed.
const SMALL: usize = 1024;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names and values of its own headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub content: Content,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// So many bytes of a file, from where it stands.
    File(File, u64),
}

impl Reply {
    fn new(status: u16, kind: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let headers = vec![
            ("content-type", kind.to_owned()),
            ("content-security-policy", PAGE_POLICY.to_owned()),
            ("referrer-policy", "same-origin".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        Self { status, headers, content: Content::Bytes(bytes.into()) }.guarded()
    }

    /// Adds the headers that every answer has.
    fn guarded(mut self) -> Self {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            self.headers.push((name, value.to_owned()));
        }
        self
    }

    /// A page.
    pub fn page(status: u16, page: Markup) -> Self {
        Self::new(status, "text/html; charset=utf-8", page.into_string())
    }

    /// A plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text.into())
    }

    /// Something that is part of this azml, and may be kept for as long as its address stays.
    pub fn asset(kind: &str, text: &'static str) -> Self {
        Self::new(200, kind, text).with("cache-control", "public, max-age=31536000, immutable")
    }

    /// On to another page of this server.
    pub fn see(path: &str) -> Self {
        Self::text(303, "").with("location", path)
    }

    /// A file that a run left or ran from, to be kept and not to be shown.
    pub fn download(name: &OsStr, content: Content) -> Self {
        // A header has no way to say a name that is no UTF-8.
        let name = name.to_string_lossy();
        let ascii: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        let disposition =
            format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", super::request::encode(&name));
        Self::file("application/octet-stream", content).with("content-disposition", &disposition)
    }

    /// A picture that a run left.
    pub fn picture(kind: &str, content: Content) -> Self {
        Self::file(kind, content)
    }

    fn file(kind: &str, content: Content) -> Self {
        let headers = vec![
            ("content-type", kind.to_owned()),
            ("content-security-policy", FILE_POLICY.to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        Self { status: 200, headers, content }.guarded()
    }

    /// The same, smaller, if it is a text of some length. No page reflects what another site sends beside its own secrets:
    /// without the cookie there is no page.
    #[must_use]
    pub fn zipped(self) -> Self {
        let is_text =
            self.headers.iter().any(|(name, value)| *name == "content-type" && value.starts_with("text/"));
        let Content::Bytes(bytes) = &self.content else { return self };
        if !is_text || bytes.len() < SMALL {
            return self;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(4));
        let zipped = encoder.write_all(bytes).and_then(|()| encoder.finish());
        match zipped {
            Ok(zipped) => {
                let reply = Self { content: Content::Bytes(zipped), ..self };
                reply.with("content-encoding", "gzip").with("vary", "accept-encoding")
            }
            Err(_) => self,
        }
    }

    /// The same with a header, in the place of one of that name.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(found, _)| *found != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Returns whether a character may stand in a quoted file name as it is.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ')
}

/// The kind of picture that the bytes are, if browsers show it and nothing in it can run.
pub fn picture_kind(head: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 4] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"BM", "image/bmp"),
    ];
    let is_webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    let found = known.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    found.or_else(|| is_webp.then_some("image/webp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
        reply.headers.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn a_file_name_can_not_leave_its_header() {
        let reply = Reply::download("a\"\r\nX: y; ü.html".as_ref(), Content::Bytes(Vec::new()));
        let value = header(&reply, "content-disposition");
        assert!(value.starts_with("attachment; filename=\"a___X_ y_ _.html\";"), "{value}");
        assert!(!value.contains(['\r', '\n']), "{value}");
        assert!(header(&reply, "content-security-policy").contains("sandbox"));
        assert_eq!(header(&reply, "content-type"), "application/octet-stream");
    }

    #[test]
    fn pictures_are_known_by_their_bytes_and_nothing_else_is_one() {
        assert_eq!(picture_kind(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(picture_kind(b"RIFF1234WEBPVP8"), Some("image/webp"));
        for other in [&b"<svg xmlns"[..], b"<html>", b"", b"RIFF1234WAVE"] {
            assert_eq!(picture_kind(other), None);
        }
    }
}
