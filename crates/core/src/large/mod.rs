//! Large files: a snapshot's tree has Git LFS pointers in their places, and their bytes lie beside Git's objects.
//!
//! A commit whose message has the trailer [`TRAILER`] says that every canonical pointer in its tree stands for a large file,
//! also one that was the text of a file: that text is then an object of its own behind another pointer. In a tree
//! without the trailer a pointer is a text like any other.

mod passing;
mod store;
mod tree;
mod uncached;

pub use lfs_wire::{Oid, Pointer, pointer::MAX_POINTER_BYTES};
pub use passing::{Hashing, hash};
pub use store::{Store, Taken};
pub use tree::Tree;

use gix::{ObjectId, Repository, bstr::ByteSlice};

/// The line of a commit's message, without its end.
pub const TRAILER: &str = "Large-Files: lfs/1";

/// Returns whether pointers stand for large files in a tree whose commit has this message.
pub fn is_in_message(message: &[u8]) -> bool {
    let message = message.trim_end();
    let last = message.rfind(b"\n\n").map_or(&b""[..], |at| &message[at + 2..]);
    last.lines().any(|line| line == TRAILER.as_bytes())
}

/// Reads a blob as a pointer; `None` if it is none in its canonical form.
pub fn pointer(repo: &Repository, blob: ObjectId) -> Result<Option<Pointer>, gix::Error> {
    if repo.find_header(blob)?.size() > MAX_POINTER_BYTES as u64 {
        return Ok(None);
    }
    Ok(Pointer::parse_canonical(&repo.find_blob(blob)?.data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_counts_in_the_last_paragraph_alone() {
        let rows = [
            ("Snapshot\n\nRun-Id: x\nLarge-Files: lfs/1\n", true),
            ("Snapshot\n\nLarge-Files: lfs/1", true),
            ("Snapshot\n\nLarge-Files: lfs/1\n\nRun-Id: x\n", false),
            ("Snapshot\n\nLarge-Files: lfs/2\n", false),
            ("Large-Files: lfs/1\n", false),
            ("", false),
        ];
        for (message, is_in) in rows {
            assert_eq!(is_in_message(message.as_bytes()), is_in, "{message:?}");
        }
    }
}
