//! The closure: one stored pack that is known to hold everything that some tips reach, and nothing else. Git says that such
//! a pack has full closure.
//!
//! A client that wants at least those tips and has nothing gets that pack as it is stored; only newer objects are counted.
//! The record names the pack by its checksum: when that pack is gone, the record is ignored, so that an old record does no
//! harm.
//!
//! The record is `git-wire/closure` in the repository: a line with the version, one with the pack's checksum, one with the
//! number of its objects, one with the checksum of the pack for everything else that there was (or `-`), then the tips,
//! sorted, one each line.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use gix::ObjectId;

use super::Error;

/// The first line of the record.
const VERSION: &str = "git-wire closure 1";

/// The record of a pack that holds all that some tips reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closure {
    /// The pack's checksum, as it stands in its name.
    pub(crate) pack: ObjectId,
    /// The number of objects in the pack.
    pub(crate) objects: u32,
    /// The pack with all that was there beside it when the record was made: what other refs or none reach.
    pub(crate) rest: Option<ObjectId>,
    /// The objects that branches and tags pointed to, sorted: the pack holds their history.
    pub(crate) tips: Vec<ObjectId>,
}

impl Closure {
    /// The record of a pack with `objects` objects that is all that `tips` reach.
    pub(crate) fn new(pack: ObjectId, objects: u32, mut tips: Vec<ObjectId>) -> Self {
        tips.sort_unstable();
        tips.dedup();
        Self { pack, objects, rest: None, tips }
    }

    /// Returns whether `id` is one of the tips.
    pub(crate) fn has_tip(&self, id: &ObjectId) -> bool {
        self.tips.binary_search(id).is_ok()
    }

    fn to_text(&self) -> String {
        let rest = self.rest.map_or_else(|| "-".to_owned(), |rest| rest.to_string());
        let mut text = format!("{VERSION}\n{}\n{}\n{rest}\n", self.pack, self.objects);
        for tip in &self.tips {
            writeln!(text, "{tip}").expect("a String takes all that is written");
        }
        text
    }

    /// `None` for what this version doesn't understand: then there is no closure, which costs time and nothing else.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != VERSION {
            return None;
        }
        let id = |line: &str| ObjectId::from_hex(line.as_bytes()).ok();
        let pack = id(lines.next()?)?;
        let objects = lines.next()?.parse().ok()?;
        let rest = match lines.next()? {
            "-" => None,
            rest => Some(id(rest)?),
        };
        let tips = lines.map(id).collect::<Option<Vec<_>>>()?;
        Some(Self { rest, ..Self::new(pack, objects, tips) })
    }
}

/// The file with a repository's record, which is read again when it has changed.
#[derive(Debug)]
pub(crate) struct ClosureRecord {
    path: PathBuf,
    read: Mutex<Option<(SystemTime, Option<Arc<Closure>>)>>,
}

impl ClosureRecord {
    /// The record of the repository `git_dir`; nothing is read yet.
    pub(crate) fn new(git_dir: &Path) -> Self {
        Self { path: git_dir.join(super::OWN_FOLDER).join("closure"), read: Mutex::default() }
    }

    /// Returns the record; `None` if it can't be read.
    pub(crate) fn get(&self) -> Option<Arc<Closure>> {
        let changed = fs::metadata(&self.path).and_then(|meta| meta.modified()).ok()?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((known, closure)) if *known == changed => closure.clone(),
            _ => {
                let closure =
                    fs::read_to_string(&self.path).ok().and_then(|text| Closure::parse(&text)).map(Arc::new);
                *read = Some((changed, closure.clone()));
                closure
            }
        }
    }

    /// Records `closure`, whose pack is in the repository.
    pub(crate) fn set(&self, closure: &Closure) -> Result<(), Error> {
        let failed = |source: io::Error| Error::Disk { what: "write", path: self.path.clone(), source };
        let folder = self.path.parent().expect("the record is in a folder");
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        io::Write::write_all(&mut file, closure.to_text().as_bytes()).map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes_or_panic(&[byte; 20])
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
        let closure = Closure::new(id(1), 42, vec![id(9), id(3), id(9)]);
        assert_eq!(closure.tips, [id(3), id(9)]);
        let with_rest = Closure { rest: Some(id(4)), ..closure.clone() };
        assert_eq!(Closure::parse(&with_rest.to_text()), Some(with_rest));
        let text = closure.to_text();
        assert_eq!(Closure::parse(&text), Some(closure.clone()));
        for cut in 0..text.len() {
            // A line less is a tip less, which a torn file could not be: it is renamed into place whole.
            assert!(Closure::parse(&text[..cut]).is_none_or(|found| found.tips.len() < 2), "{cut}");
        }
        for other in ["", "git-wire closure 2\n", &text.replace("42", "-1"), &format!("{text}x\n")] {
            assert_eq!(Closure::parse(other), None, "{other}");
        }
        let folder = tempfile::tempdir().unwrap();
        let record = ClosureRecord::new(folder.path());
        assert_eq!(record.get(), None);
        record.set(&closure).unwrap();
        assert_eq!(record.get().as_deref(), Some(&closure));
        assert_eq!(ClosureRecord::new(folder.path()).get().as_deref(), Some(&closure));
    }
}
