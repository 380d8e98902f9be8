//! Finds what a script has made of its run folder: outputs, new files, changed files, deleted files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, FileType, Permissions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use azml_core::checkout::listing::Entry;
use azml_core::large;
use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::objs::tree::EntryKind;

use crate::run::collect::{Outside, Source, Target};
use crate::run::disk::{NO_LINK, native, open_folder};
use crate::run::outputs::Outputs;
use crate::run::recycled::{Difference, Manifest, Scan, join, scan};

/// Python writes its own cache beside every module that it imports.
const BYTECODE_FOLDER: &[u8] = b"__pycache__";
const BYTECODE_MARK: &[u8] = b".pyc";
/// The most times that a folder closed by a script is opened: such folders may stand in each other.
const MOST_TRIES: usize = 64;

/// A run folder after its script.
pub(super) struct Place<'a> {
    /// The folder.
    pub(super) work: &'a Path,
    /// The same, open.
    pub(super) source: Source,
    /// The files and folders that were made in it.
    pub(super) made: &'a Manifest,
    /// The project folder, to which azml's own links lead.
    pub(super) root: &'a Path,
    /// The files that are collected.
    pub(super) outputs: &'a Outputs,
    /// True if permissions may be changed so that everything can be seen.
    pub(super) may_mend: bool,
}

/// The result of looking through a run folder. Paths are relative to it.
#[derive(Debug, Default)]
pub(in crate::run) struct Gathered {
    /// Files and links to files that are outputs, new and changed.
    pub(super) outputs: Vec<BString>,
    /// Other files and links that are new or changed, and new folders with all that is in them.
    pub(super) tops: Vec<BString>,
    /// Those of `tops` that are something else in the snapshot or in the project.
    pub(super) changed: BTreeSet<BString>,
    /// Files of the snapshot that are not there any more.
    pub(super) deleted: BTreeSet<BString>,
    /// Files that can't be kept, each with the reason.
    pub(super) not_kept: BTreeMap<BString, String>,
    /// Links in the place of outputs that lead out of the folder; they are in `tops`.
    pub(super) outside: Vec<Outside>,
}

impl Place<'_> {
    /// Looks at everything whose state is not as it was when it was made.
    pub(super) fn gather(&self) -> io::Result<Gathered> {
        let mut found = Gathered::default();
        let mut differences = self.scan()?.differences;
        differences.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (path, difference) in differences {
            match difference {
                Difference::New => {
                    self.new_item(path.as_bstr(), &mut found);
                }
                Difference::Touched { entry, is_resized } => {
                    self.touched(path.as_bstr(), entry, is_resized, &mut found);
                }
                Difference::Gone => drop(found.deleted.insert(path)),
                Difference::Closed => {
                    found.not_kept.insert(path, "a folder that can't be read".to_owned());
                }
                Difference::Mode | Difference::Unwanted => {}
            }
        }
        Ok(found)
    }

    /// Compares; permissions of the snapshot's folders are made what they were, if that may be done.
    fn scan(&self) -> io::Result<Scan> {
        let mut found = scan(self.work, self.made, None)?;
        for _ in 0..MOST_TRIES {
            let mut has_opened = false;
            for (path, difference) in &found.differences {
                if self.may_mend && matches!(difference, Difference::Closed | Difference::Mode) {
                    let before = Permissions::from_mode(self.made.mode & 0o7777);
                    let is_mended =
                        fs::set_permissions(self.work.join(native(path.as_bstr())), before).is_ok();
                    has_opened |= is_mended && *difference == Difference::Closed;
                }
            }
            if !has_opened {
                break;
            }
            found = scan(self.work, self.made, None)?;
        }
        Ok(found)
    }

    /// A file of the snapshot of which only its content tells whether it is another.
    fn touched(&self, path: &BStr, entry: Entry, is_resized: bool, found: &mut Gathered) {
        let there = self.work.join(native(path));
        let Ok(now) = fs::symlink_metadata(&there) else {
            found.deleted.insert(path.into());
            return;
        };
        let kind = match now.file_type() {
            kind if kind.is_symlink() => EntryKind::Link,
            kind if kind.is_file() && now.permissions().mode() & 0o100 != 0 => EntryKind::BlobExecutable,
            kind if kind.is_file() => EntryKind::Blob,
            _ => {
                // Not a file any more.
                found.deleted.insert(path.into());
                self.new_item(path, found);
                return;
            }
        };
        if kind != entry.kind || is_resized || !has_content(&there, entry) {
            self.add_file(path, now.file_type(), found);
            found.changed.insert(path.into());
        }
    }

    /// Something that the snapshot does not have. Gives whether all of it is in `tops`.
    fn new_item(&self, path: &BStr, found: &mut Gathered) -> bool {
        let there = self.work.join(native(path));
        let Ok(now) = fs::symlink_metadata(&there) else { return true };
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_bytecode = name.find(BYTECODE_MARK).is_some()
            && native(path).parent().and_then(Path::file_name) == Some(OsStr::from_bytes(BYTECODE_FOLDER));
        if is_bytecode || (now.is_symlink() && self.is_own_link(path, &there)) {
            return false;
        }
        let is_whole = if now.is_dir() {
            self.new_folder(path, &there, found)
        } else {
            self.add_file(path, now.file_type(), found)
        };
        // An ignored file of the project's was linked there.
        if is_whole && fs::symlink_metadata(self.root.join(native(path))).is_ok() {
            found.changed.insert(path.into());
        }
        is_whole
    }

    fn new_folder(&self, path: &BStr, there: &Path, found: &mut Gathered) -> bool {
        if self.may_mend {
            // What can't be opened is moved unseen.
            drop(open_folder(there));
        }
        let Ok(entries) = fs::read_dir(there) else {
            found.tops.push(path.into());
            return true;
        };
        let before = found.tops.len();
        let (mut is_whole, mut is_empty) = (true, true);
        for entry in entries {
            let Ok(entry) = entry else { continue };
            is_empty = false;
            is_whole &= self.new_item(join(path, entry.file_name().as_bytes().as_bstr()).as_bstr(), found);
        }
        // An empty folder is made where the project has one that is ignored, and is no output.
        if !is_whole || (is_empty && (self.outputs.has(path) || self.root.join(native(path)).is_dir())) {
            return false;
        }
        found.tops.truncate(before);
        found.tops.push(path.into());
        true
    }

    /// Gives whether the file is in `tops`.
    fn add_file(&self, path: &BStr, kind: FileType, found: &mut Gathered) -> bool {
        if let Some(what) = special(kind) {
            found.not_kept.insert(path.into(), what.to_owned());
            return false;
        }
        let is_output = self.outputs.has(path)
            && match kind.is_symlink().then(|| self.source.target(path)) {
                None | Some(Target::File(_)) => true,
                // A link to a folder, or to nothing, is no content that could be collected.
                Some(Target::NoFile) => false,
                Some(Target::Outside(target)) => {
                    found.outside.push(Outside { path: native(path).to_owned(), target });
                    false
                }
            };
        let list = if is_output { &mut found.outputs } else { &mut found.tops };
        list.push(path.into());
        !is_output
    }

    /// Returns whether the link leads to what the project has at the same path: azml makes such links to ignored inputs.
    fn is_own_link(&self, path: &BStr, there: &Path) -> bool {
        let Ok(target) = fs::read_link(there) else { return false };
        let depth = native(path).components().count();
        target.is_absolute()
            && target.ends_with(native(path))
            && target.ancestors().nth(depth).is_some_and(|root| {
                root == self.root
                    || root
                        .canonicalize()
                        .is_ok_and(|root| self.root.canonicalize().is_ok_and(|own| own == root))
            })
    }
}

/// The kind of a thing that has no content to keep.
fn special(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_fifo() => Some("a named pipe"),
        kind if kind.is_socket() => Some("a socket"),
        kind if kind.is_block_device() || kind.is_char_device() => Some("a device"),
        _ => None,
    }
}

/// Returns whether the content of a file or link is the blob `id`; what can't be read is not.
fn has_content(path: &Path, entry: Entry) -> bool {
    let open = || File::options().read(true).custom_flags(NO_LINK).open(path);
    let hash = || -> io::Result<gix::ObjectId> {
        if entry.is_large {
            let pointer = large::hash(&mut open()?, &mut |_| {})?.to_string();
            let id =
                gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, pointer.as_bytes());
            return id.map_err(io::Error::other);
        }
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        let mut start = |length: u64| {
            hasher.update(&gix::objs::encode::loose_header(gix::objs::Kind::Blob, length));
        };
        if entry.kind == EntryKind::Link {
            let target = fs::read_link(path)?;
            let target = target.as_os_str().as_bytes();
            start(target.len() as u64);
            hasher.update(target);
        } else {
            let mut file = open()?;
            start(file.metadata()?.len());
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => hasher.update(&buffer[..count]),
                }
            }
        }
        hasher.try_finalize().map_err(io::Error::other)
    };
    hash().is_ok_and(|found| found == entry.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_known_by_the_pointer_of_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.bin");
        fs::write(&path, "content").unwrap();
        let blob = |text: &str| {
            gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, text.as_bytes()).unwrap()
        };
        let pointer = large::hash(&mut "content".as_bytes(), &mut |_| {}).unwrap().to_string();
        for (id, is_large, expected) in [
            (blob(&pointer), true, true),
            (blob("content"), true, false),
            (blob(&pointer), false, false),
            (blob("content"), false, true),
        ] {
            let entry = Entry { kind: EntryKind::Blob, id, is_large };
            assert_eq!(has_content(&path, entry), expected, "{entry:?}");
        }
    }
}
