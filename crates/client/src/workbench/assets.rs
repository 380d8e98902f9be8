//! The style sheet and the script, whose addresses change with their content.

use std::sync::LazyLock;

use super::reply::Reply;
use super::request::{Method, Request};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The address of the style sheet.
pub static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path("style.css", STYLE));
/// The address of the script.
pub static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| path("script.js", SCRIPT));

fn path(name: &str, text: &str) -> String {
    let hash = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, text.as_bytes())
        .expect("a short text has a SHA-1");
    format!("/assets/{}-{name}", hash.to_hex_with_len(12))
}

/// One of them, if it is asked for. They are the same for everybody and have no secret.
pub fn find(request: &Request) -> Option<Reply> {
    let [folder, name] = request.path.as_slice() else { return None };
    let asked = format!("/{folder}/{name}");
    if request.method != Method::Get {
        None
    } else if asked == *STYLE_PATH {
        Some(Reply::asset("text/css; charset=utf-8", STYLE))
    } else if asked == *SCRIPT_PATH {
        Some(Reply::asset("text/javascript; charset=utf-8", SCRIPT))
    } else {
        None
    }
}
