//! The last run's folder, kept to be the next one's: only what differs is written.
//!
//! When the folder is made, the state of every file is noted, before the script runs. A file is taken over only
//! if it is what the next snapshot wants and nothing touched it since; all else in the folder is removed. A change
//! that the file system's clock can't tell apart counts as one.

use std::collections::BTreeMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use azml_core::checkout::listing::{Entry, Listing};
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryKind;

/// The first field of an index: another version's is not used.
const HEADER: &str = "azml run folder 1";
const WORK: &str = "work";
const INDEX: &str = "index";

/// What a file was when its folder was made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    id: ObjectId,
    is_link: bool,
    is_executable: bool,
    /// Length, modification and change time, inode, mode.
    stat: [i128; 5],
}

fn stat(found: &Metadata) -> [i128; 5] {
    let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    [
        found.len().into(),
        time(found.mtime(), found.mtime_nsec()),
        time(found.ctime(), found.ctime_nsec()),
        found.ino().into(),
        found.mode().into(),
    ]
}

/// Notes the state of a fresh run folder's files in the file `index`.
pub(super) fn note(work: &Path, snapshot: &Listing, index: &Path) -> io::Result<()> {
    let mut text = Vec::from(HEADER);
    text.push(0);
    for (path, entry) in snapshot {
        let Some(kind) = letter(entry.kind) else { continue };
        let found = fs::symlink_metadata(work.join(as_path(path)))?;
        let numbers = stat(&found).map(|number| number.to_string()).join(" ");
        write!(text, "{kind} {} {numbers} ", entry.id)?;
        text.extend_from_slice(path);
        text.push(0);
    }
    fs::write(index, text)
}

fn letter(kind: EntryKind) -> Option<char> {
    match kind {
        EntryKind::Blob => Some('f'),
        EntryKind::BlobExecutable => Some('x'),
        EntryKind::Link => Some('l'),
        EntryKind::Tree | EntryKind::Commit => None,
    }
}

/// Puts a run's folder and its index aside for the next run, in the place of an older one.
///
/// Of runs that end at the same time one wins; the folders of the others are left where they are.
pub(super) fn park(work: &Path, index: &Path, spare: &Path) -> io::Result<()> {
    let staged = work.with_extension("parked");
    fs::create_dir(&staged)?;
    fs::rename(index, staged.join(INDEX))?;
    fs::rename(work, staged.join(WORK))?;
    let older = work.with_extension("older");
    if fs::rename(spare, &older).is_ok() {
        fs::remove_dir_all(older)?;
    }
    fs::rename(staged, spare)
}

/// Takes the folder that was put aside, if there is one, and makes it `snapshot` at `work`.
///
/// `false`: there is nothing at `work`, and the folder has to be made from scratch.
pub(super) fn take_over(repo: &gix::Repository, snapshot: &Listing, spare: &Path, work: &Path) -> bool {
    let taken = work.with_extension("spare");
    // Who renames it has it: runs that start at the same time make theirs from scratch.
    if fs::rename(spare, &taken).is_err() {
        return false;
    }
    let done = take_over_from(repo, snapshot, &taken, work);
    if let Err(error) = &done {
        tracing::debug!(%error, "the last run's folder can't be used");
        drop(fs::remove_dir_all(work));
    }
    drop(fs::remove_dir_all(&taken));
    done.is_ok()
}

fn take_over_from(repo: &gix::Repository, snapshot: &Listing, taken: &Path, work: &Path) -> io::Result<()> {
    let known = read_index(&taken.join(INDEX))?;
    fs::rename(taken.join(WORK), work)?;
    let mut wanted: BTreeMap<&BString, &Entry> = snapshot.iter().collect();
    clean(work, &BString::default(), &known, snapshot, &mut wanted)?;
    wanted.into_iter().try_for_each(|(path, entry)| write(repo, work, path, entry))
}

/// Reads an index; a file whose state the clock can't vouch for is left out.
fn read_index(index: &Path) -> io::Result<BTreeMap<BString, State>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the index is not one of this version");
    let [_, _, noted, ..] = stat(&fs::symlink_metadata(index)?);
    let text = fs::read(index)?;
    let mut records = text.split(|byte| *byte == 0);
    if records.next() != Some(HEADER.as_bytes()) {
        return Err(damaged());
    }
    let mut known = BTreeMap::new();
    for record in records.filter(|record| !record.is_empty()) {
        let fields: Vec<&[u8]> = record.splitn(8, |byte| *byte == b' ').collect();
        let [kind, id, numbers @ .., path] = fields.as_slice() else { return Err(damaged()) };
        let mut stat = [0; 5];
        if numbers.len() != stat.len() {
            return Err(damaged());
        }
        for (number, text) in stat.iter_mut().zip(numbers) {
            *number = text.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(damaged)?;
        }
        let id = ObjectId::from_hex(id).map_err(|_| damaged())?;
        let state = State { id, is_link: *kind == b"l", is_executable: *kind == b"x", stat };
        if stat[2] < noted {
            known.insert(BString::from(*path), state);
        }
    }
    Ok(known)
}

/// Removes what can't stay; what stays is no longer wanted.
fn clean(
    work: &Path,
    folder: &BString,
    known: &BTreeMap<BString, State>,
    snapshot: &Listing,
    wanted: &mut BTreeMap<&BString, &Entry>,
) -> io::Result<()> {
    for entry in fs::read_dir(work.join(as_path(folder)))? {
        let entry = entry?;
        let mut path = folder.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(entry.file_name().as_bytes());
        let found = fs::symlink_metadata(entry.path())?;
        if found.is_dir() {
            if has_below(snapshot, &path) {
                clean(work, &path, known, snapshot, wanted)?;
            } else {
                fs::remove_dir_all(entry.path())?;
            }
            continue;
        }
        let stays = known.get(&path).zip(snapshot.get(&path)).is_some_and(|(state, entry)| {
            state.stat == stat(&found)
                && state.id == entry.id
                && state.is_link == (entry.kind == EntryKind::Link)
                && state.is_executable == (entry.kind == EntryKind::BlobExecutable)
        });
        if stays {
            wanted.remove(&path);
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn has_below(snapshot: &Listing, folder: &BString) -> bool {
    let mut prefix = folder.clone();
    prefix.push(b'/');
    snapshot.range(prefix.clone()..).next().is_some_and(|(path, _)| path.starts_with(&prefix))
}

/// Writes one file where nothing is. The listing's paths are safe, and all links that were not the snapshot's are gone.
fn write(repo: &gix::Repository, work: &Path, path: &BString, entry: &Entry) -> io::Result<()> {
    let target = work.join(as_path(path));
    if entry.kind == EntryKind::Commit {
        return fs::create_dir_all(target);
    }
    let folder = target.parent().expect("a file of the folder is below it");
    fs::create_dir_all(folder)?;
    let content = repo.find_object(entry.id).map_err(io::Error::other)?;
    if entry.kind == EntryKind::Link {
        return std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(&content.data), target);
    }
    let mode = if entry.kind == EntryKind::BlobExecutable { 0o777 } else { 0o666 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(target)?.write_all(&content.data)
}

fn as_path(path: &BString) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        dir: tempfile::TempDir,
        repo: gix::Repository,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let repo = gix::init_bare(dir.path().join("repo")).unwrap();
            Self { dir, repo }
        }

        fn listing(&self, files: &[(&str, EntryKind, &str)]) -> Listing {
            files
                .iter()
                .map(|(path, kind, content)| {
                    let id = self.repo.write_blob(content).unwrap().detach();
                    (BString::from(*path), Entry { kind: *kind, id })
                })
                .collect()
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        /// All files with their content (`-> target` for a link), and `!` for executable ones.
        fn content(&self, name: &str) -> Vec<String> {
            let root = self.path(name);
            let files = super::super::folder::walk(&root).unwrap();
            let show = |path: &PathBuf| {
                let full = root.join(path);
                let mark = if fs::symlink_metadata(&full).unwrap().mode() & 0o100 != 0 { "!" } else { "" };
                match fs::read_link(&full) {
                    Ok(target) => format!("{} -> {}", path.display(), target.display()),
                    Err(_) => format!("{}{mark}={}", path.display(), fs::read_to_string(&full).unwrap()),
                }
            };
            files.iter().map(show).collect()
        }
    }

    #[test]
    fn the_next_run_gets_exactly_its_snapshot_and_untouched_files_stay() {
        use EntryKind::{Blob, BlobExecutable, Link};
        let world = World::new();
        let first = world.listing(&[
            ("a/same.txt", Blob, "same"),
            ("a/touched.txt", Blob, "as it was"),
            ("a/gone.txt", Blob, "gone"),
            ("dir", Blob, "a file that becomes a folder"),
            ("link", Link, "a/same.txt"),
            ("mode", Blob, "mode"),
        ]);
        let work = world.path("one");
        fs::create_dir(&work).unwrap();
        for (path, entry) in &first {
            write(&world.repo, &work, path, entry).unwrap();
        }
        // Until the clock moves on, a change could go unseen: the index must be younger than the files.
        let newest = fs::symlink_metadata(work.join("mode")).unwrap();
        loop {
            note(&work, &first, &world.path("index")).unwrap();
            if stat(&fs::symlink_metadata(world.path("index")).unwrap())[2] > stat(&newest)[2] {
                break;
            }
        }
        let inode = fs::metadata(work.join("a/same.txt")).unwrap().ino();
        fs::write(work.join("a/touched.txt"), "as it is!").unwrap();
        fs::write(work.join("stray"), "x").unwrap();
        fs::create_dir_all(work.join("__pycache__/deep")).unwrap();
        std::os::unix::fs::symlink("/etc", work.join("evil")).unwrap();
        park(&work, &world.path("index"), &world.path("spare")).unwrap();

        let second = world.listing(&[
            ("a/same.txt", Blob, "same"),
            ("a/touched.txt", Blob, "as it was"),
            ("dir/inside", Blob, "new"),
            ("evil/passwd", Blob, "not through the link"),
            ("link", Link, "a/same.txt"),
            ("mode", BlobExecutable, "mode"),
        ]);
        let next = world.path("two");
        assert!(take_over(&world.repo, &second, &world.path("spare"), &next));
        assert_eq!(
            world.content("two"),
            [
                "a/same.txt=same",
                "a/touched.txt=as it was",
                "dir/inside=new",
                "evil/passwd=not through the link",
                "link -> a/same.txt",
                "mode!=mode"
            ]
        );
        assert_eq!(fs::metadata(next.join("a/same.txt")).unwrap().ino(), inode, "it was not written again");
        assert!(!next.join("__pycache__").exists());
        assert!(!take_over(&world.repo, &second, &world.path("spare"), &world.path("three")), "it is taken");
    }

    #[test]
    fn an_index_of_another_version_is_not_used() {
        let world = World::new();
        fs::create_dir_all(world.path("spare/work")).unwrap();
        fs::write(world.path("spare/index"), "azml run folder 2\0").unwrap();
        assert!(!take_over(&world.repo, &Listing::new(), &world.path("spare"), &world.path("two")));
        assert!(!world.path("two").exists());
    }
}
