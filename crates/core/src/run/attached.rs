//! Commits that carry what stays of a run beside its record: outputs and logs.
//!
//! `refs/azureml/attachments/<GUID>` leads to a chain of commits, one a run, whose first parent is the run before it
//! on this computer. The tree of each has the files of its own run and nothing else, so that one run's
//! attachments can be fetched alone, by the commit that its record names, and never travel with anything else.
//! Files are streamed into objects: memory does not grow with them. Those over a run's limit are large files: the tree has
//! pointers in their places, and the commit the trailer that says so.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use gix::{
    ObjectId, actor,
    bstr::{BString, ByteSlice, ByteVec as _},
    objs::{self, Kind, Write as _, tree::EntryKind},
};
use serde::{Deserialize, Serialize};

use super::RunRecord;
use crate::{
    checkout::path,
    dir::Dir,
    history::{self, HistoryRepo},
    id::RunId,
    join,
    large::{Pointer, TRAILER, Tree},
    quote::{quoted_path, unquoted_path},
};

/// The property that names the commit of a run's attachments.
pub const ATTACHMENTS_ID: &str = "AttachmentsId";
/// The property that lists the attachments that are not in that commit, and so on the run's own computer alone.
pub const ATTACHMENTS_LEFT: &str = "AttachmentsLeft";
/// The property that lists the attachments that are large files in that commit.
pub const ATTACHMENTS_LARGE: &str = "AttachmentsLarge";

/// The number of tries for the ref when races are lost.
const TRIES: usize = 100;

/// An attachment that is a large file, in a record.
#[derive(Serialize, Deserialize)]
struct LargeAttachment {
    /// The text of its path.
    path: String,
    oid: String,
    bytes: u64,
}

/// Why attachments could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// A file can't be read, or changed while it was read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A name that no tree may have.
    #[error("the attachment `{name}` can't be kept in Git: {why}")]
    Name {
        /// The name.
        name: BString,
        /// The reason.
        why: path::Unsafe,
    },
    /// Objects could not be written.
    #[error("can't write the attachments of run {run}")]
    Write {
        /// The run.
        run: RunId,
        /// The cause.
        #[source]
        source: Box<gix::Error>,
    },
    /// The ref could not be read or moved.
    #[error("can't use the ref of the attachments")]
    Ref(#[source] history::Error),
    /// The ref never stood still.
    #[error("the attachments changed {TRIES} times while they were being written")]
    Busy,
}

/// Commits the files `names` of `folder` as the attachments of `run`; gives the commit, which the ref has by then.
pub fn attach(
    history: &HistoryRepo,
    run: &RunId,
    folder: &Path,
    names: &[PathBuf],
    by: &actor::Signature,
) -> Result<ObjectId, AttachError> {
    let open = Dir::open(folder).map_err(|source| AttachError::Read { path: folder.to_owned(), source })?;
    let none = BTreeMap::new();
    let tree = attachments_tree(history, run, (names, &none), &mut |name| open.open_file_below(name))?;
    let commits = attach_trees(history, &[(run.clone(), tree)], by)?;
    Ok(commits.into_iter().next().expect("a commit for each tree"))
}

/// Writes the tree of a run's attachments: the files `names`, each of which `open` opens, and the pointers of `large` ones.
pub fn attachments_tree(
    history: &HistoryRepo,
    run: &RunId,
    (names, large): (&[PathBuf], &BTreeMap<PathBuf, Pointer>),
    open: &mut dyn FnMut(&Path) -> io::Result<File>,
) -> Result<Tree, AttachError> {
    let git = history.git();
    let failed = |source: gix::Error| AttachError::Write { run: run.clone(), source: Box::new(source) };
    let loose = gix::odb::loose::Store::at(git.objects.store_ref().path(), git.object_hash());
    let mut editor = objs::tree::Editor::new(objs::Tree::empty(), &git.objects, git.object_hash());
    for (name, pointer) in
        names.iter().map(|name| (name, None)).chain(large.iter().map(|(name, pointer)| (name, Some(pointer))))
    {
        let git_name = Vec::from_path_lossy(name).into_owned();
        for part in git_name.split_str("/") {
            path::check_name(part.as_bstr(), false)
                .map_err(|why| AttachError::Name { name: git_name.clone().into(), why })?;
        }
        let blob = match pointer {
            Some(pointer) => git.write_blob(pointer.to_string()).map_err(failed)?.detach(),
            None => stream(&loose, open, name)?,
        };
        let parts: Vec<_> = git_name.split_str("/").map(ByteSlice::as_bstr).collect();
        editor.upsert(parts, EntryKind::Blob, blob).map_err(failed)?;
    }
    let id = editor.write(|tree| git.write_object(tree).map(gix::Id::detach)).map_err(failed)?;
    Ok(Tree { id, has_large: !large.is_empty() })
}

/// Commits trees of attachments, a commit a run, and moves the ref once; gives the commits in the order of the trees.
pub fn attach_trees(
    history: &HistoryRepo,
    trees: &[(RunId, Tree)],
    by: &actor::Signature,
) -> Result<Vec<ObjectId>, AttachError> {
    let git = history.git();
    let name = history.attachments_ref();
    for _ in 0..TRIES {
        let expected = history.ref_tip(name.as_ref()).map_err(AttachError::Ref)?;
        let (mut tip, mut commits) = (expected, Vec::with_capacity(trees.len()));
        for (run, tree) in trees {
            let trailer = if tree.has_large { format!("\n{TRAILER}\n") } else { String::new() };
            let message = format!("{run}: attachments\n{trailer}");
            let commit = join::write_commit(git, tree.id, tip.as_slice(), by, message.as_str().into())
                .map_err(|source| AttachError::Write { run: run.clone(), source: Box::new(source) })?;
            tip = Some(commit);
            commits.push(commit);
        }
        let Some(new) = tip.filter(|_| !commits.is_empty()) else { return Ok(commits) };
        match history.update_ref(&name, expected, new) {
            Ok(()) => return Ok(commits),
            Err(history::Error::Moved { .. }) => {}
            Err(error) => return Err(AttachError::Ref(error)),
        }
    }
    Err(AttachError::Busy)
}

/// Makes a blob of a file; what is appended meanwhile is not in it.
fn stream(
    loose: &gix::odb::loose::Store,
    open: &mut dyn FnMut(&Path) -> io::Result<File>,
    name: &Path,
) -> Result<ObjectId, AttachError> {
    let read = |source| AttachError::Read { path: name.to_owned(), source };
    let file = open(name).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let mut content = Exactly { inner: file.take(size), left: size };
    loose.write_stream(Kind::Blob, size, &mut content).map_err(|error| read(io::Error::other(error)))
}

/// A reader that fails where a file turns out shorter than it was.
struct Exactly<R> {
    inner: io::Take<R>,
    left: u64,
}

impl<R: io::Read> io::Read for Exactly<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        if count == 0 && self.left > 0 && !out.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

impl RunRecord {
    /// The commit that has its attachments.
    pub fn attachments_id(&self) -> Option<ObjectId> {
        self.properties.get(ATTACHMENTS_ID)?.as_str().and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok())
    }

    /// Says which commit has its attachments, and which of them are not in it.
    pub fn set_attachments(&mut self, commit: ObjectId, left: Vec<String>) {
        self.properties.insert(ATTACHMENTS_ID.to_owned(), commit.to_string().into());
        if left.is_empty() {
            self.properties.remove(ATTACHMENTS_LEFT);
        } else {
            self.properties.insert(ATTACHMENTS_LEFT.to_owned(), left.into());
        }
    }

    /// Says which attachments are large files in that commit.
    pub fn set_large_attachments(&mut self, large: &BTreeMap<PathBuf, Pointer>) {
        let listed = large.iter().map(|(path, pointer)| LargeAttachment {
            path: quoted_path(path).into_owned(),
            oid: pointer.oid.to_string(),
            bytes: pointer.size,
        });
        let listed = listed.filter_map(|attachment| serde_json::to_value(attachment).ok()).collect();
        self.properties.remove(ATTACHMENTS_LARGE);
        if !large.is_empty() {
            self.properties.insert(ATTACHMENTS_LARGE.to_owned(), serde_json::Value::Array(listed));
        }
    }

    /// The attachments that are large files in that commit, by path.
    pub fn large_attachments(&self) -> BTreeMap<PathBuf, Pointer> {
        let listed = self.properties.get(ATTACHMENTS_LARGE).and_then(serde_json::Value::as_array);
        let read = |value: &serde_json::Value| {
            let LargeAttachment { path, oid, bytes } = LargeAttachment::deserialize(value).ok()?;
            Some((unquoted_path(&path), Pointer { oid: oid.parse().ok()?, size: bytes }))
        };
        listed.into_iter().flatten().filter_map(read).collect()
    }

    /// The attachments that are not in that commit.
    pub fn attachments_left(&self) -> Vec<&str> {
        let list = self.properties.get(ATTACHMENTS_LEFT).and_then(serde_json::Value::as_array);
        list.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
    }
}
