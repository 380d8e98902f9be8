//! `list.json` in the folder of a run's kept files: what a walk through them does not tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use azml_core::small_file;
use gix::bstr::{BStr, BString, ByteSlice as _};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::limits;

/// The file's name.
pub(super) const NAME: &str = "list.json";
/// The version that this code writes and reads.
const VERSION: u64 = 1;

/// The description of a run's kept files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// The run's snapshot.
    pub(super) commit: Option<String>,
    /// When they were kept: from then on they age.
    pub(super) kept_utc: Timestamp,
    /// The number of files, with those that were deleted or could not be kept.
    pub(super) files: usize,
    /// The number of bytes that they take.
    pub(super) bytes: u64,
    /// Those that are something else in the snapshot or in the project; all others are new.
    pub(super) changed: BTreeSet<BString>,
    /// Files of the snapshot that the run deleted.
    pub(super) deleted: BTreeSet<BString>,
    /// Files that could not be kept, each with the reason.
    pub(super) not_kept: BTreeMap<BString, String>,
    /// Paths that could not be moved, and are where the run folder is now.
    pub(super) rest: BTreeSet<BString>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    commit: Option<String>,
    kept_utc: Timestamp,
    files: usize,
    bytes: u64,
    changed: Vec<String>,
    deleted: Vec<String>,
    not_kept: BTreeMap<String, String>,
    rest: Vec<String>,
}

impl List {
    /// Reads it from its folder; `None` if it is not there, or not one that this version can read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let bytes = small_file::read_at_most(&folder.join(NAME), limits::KEPT_LIST).ok()?;
        let stored: Stored = serde_json::from_slice(&bytes).ok()?;
        let paths = |list: Vec<String>| list.iter().map(|text| unescape(text)).collect();
        (stored.version == VERSION).then(|| Self {
            commit: stored.commit,
            kept_utc: stored.kept_utc,
            files: stored.files,
            bytes: stored.bytes,
            changed: paths(stored.changed),
            deleted: paths(stored.deleted),
            not_kept: stored.not_kept.into_iter().map(|(path, why)| (unescape(&path), why)).collect(),
            rest: paths(stored.rest),
        })
    }

    /// Writes it into its folder, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let paths = |list: &BTreeSet<BString>| list.iter().map(|path| escape(path.as_bstr())).collect();
        let stored = Stored {
            version: VERSION,
            commit: self.commit.clone(),
            kept_utc: self.kept_utc,
            files: self.files,
            bytes: self.bytes,
            changed: paths(&self.changed),
            deleted: paths(&self.deleted),
            not_kept: self.not_kept.iter().map(|(path, why)| (escape(path.as_bstr()), why.clone())).collect(),
            rest: paths(&self.rest),
        };
        let bytes = serde_json::to_vec_pretty(&stored).map_err(io::Error::other)?;
        small_file::replace(&folder.join(NAME), &bytes, false)
    }
}

/// A path as text from which its bytes can be had again.
fn escape(path: &BStr) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes).bytes().for_each(|byte| push_hex(&mut text, byte));
            } else {
                text.push(c);
            }
        }
        chunk.invalid().iter().for_each(|byte| push_hex(&mut text, *byte));
    }
    text
}

fn push_hex(text: &mut String, byte: u8) {
    write!(text, "%{byte:02X}").expect("a string takes all text");
}

fn unescape(text: &str) -> BString {
    percent_decode_str(text).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(List::read(dir.path()), None);
        let list = List {
            commit: Some("57aa3e1".to_owned()),
            kept_utc: Timestamp::from_second(1_511_000_000).unwrap(),
            files: 5,
            bytes: 1_234,
            changed: BTreeSet::from([b"a b/\xff\xfe%41".into(), "Größe".into()]),
            deleted: BTreeSet::from([b"line\nfeed".into()]),
            not_kept: BTreeMap::from([("pipe".into(), "a named pipe".to_owned())]),
            rest: BTreeSet::from(["closed".into()]),
        };
        list.write(dir.path()).unwrap();
        assert_eq!(List::read(dir.path()), Some(list.clone()));
        assert_eq!(
            std::fs::read_to_string(dir.path().join(NAME)).unwrap(),
            include_str!("golden/list-v1.json").trim_end()
        );
        std::fs::write(dir.path().join(NAME), include_str!("golden/list-v1.json").replace(": 1,", ": 2,"))
            .unwrap();
        assert_eq!(List::read(dir.path()), None, "a newer version is not guessed");
    }
}
