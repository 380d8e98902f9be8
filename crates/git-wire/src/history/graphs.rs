//! The commit-graphs that were read last, each checked once.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Graph;

/// Keeps commit-graphs in memory, up to a number of bytes together, and one at least. A file that was replaced is read anew.
#[derive(Debug)]
pub struct Graphs {
    most_bytes: usize,
    /// The one that was used last comes last.
    kept: Mutex<Vec<Kept>>,
    /// One file is read at a time.
    reading: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Kept {
    path: PathBuf,
    file: Identity,
    /// `None`: it is not sound.
    graph: Option<Arc<Graph>>,
}

impl Kept {
    fn size(&self) -> usize {
        self.graph.as_ref().map_or(0, |graph| graph.size()) + size_of::<Self>()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    inode: (u64, u64),
    changed: (i64, i64),
    size: u64,
}

impl Identity {
    fn of(file: &Metadata) -> Self {
        Self {
            inode: (file.dev(), file.ino()),
            changed: (file.mtime(), file.mtime_nsec()),
            size: file.size(),
        }
    }
}

impl Graphs {
    /// An empty cache for so many bytes.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, kept: Mutex::default(), reading: Mutex::default() }
    }

    /// The commit-graph of a repository, if there is one that is sound.
    pub fn get(&self, repo: &gix::Repository) -> Option<Arc<Graph>> {
        let path = repo.objects.store_ref().path().join("info/commit-graph");
        let file = Identity::of(&path.metadata().ok()?);
        if let Some(found) = self.find(&path, file) {
            return found.graph;
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.find(&path, file) {
            return found.graph;
        }
        let graph = Graph::open(&path).map(Arc::new);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.path != path);
        kept.push(Kept { path, file, graph: graph.clone() });
        let mut size: usize = kept.iter().map(Kept::size).sum();
        while size > self.most_bytes && kept.len() > 1 {
            size -= kept.remove(0).size();
        }
        graph
    }

    fn find(&self, path: &Path, file: Identity) -> Option<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|kept| kept.path == path && kept.file == file)?;
        let found = kept.remove(at);
        kept.push(found.clone());
        Some(found)
    }
}
