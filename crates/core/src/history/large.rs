//! The file `azml/large-unpushed`: large files of snapshots whose bytes the remote is not known to have.

use std::{collections::BTreeMap, io::ErrorKind, path::PathBuf};

use super::{Error, HistoryRepo, lock};
use crate::{
    io_error::IoError,
    large::{Oid, Pointer},
    limits::LARGE_UNPUSHED,
    small_file,
};

/// The first line, with the version.
const HEADER: &str = "azml large-unpushed 1";

impl HistoryRepo {
    fn large_unpushed_path(&self) -> PathBuf {
        self.own_folder().join("large-unpushed")
    }

    /// Large files of snapshots whose bytes the remote is not known to have, by id.
    pub fn large_unpushed(&self) -> Result<Vec<Pointer>, Error> {
        let unpushed = self.read_large_unpushed()?;
        Ok(unpushed.into_iter().map(|(oid, size)| Pointer { oid, size }).collect())
    }

    /// Notes that the remote lacks these. Called before the snapshot counts: what is unpushed needlessly is only sent once more.
    pub fn add_large_unpushed(&self, pointers: &[Pointer]) -> Result<(), Error> {
        self.change_large_unpushed(|unpushed| {
            unpushed.extend(pointers.iter().map(|pointer| (pointer.oid, pointer.size)));
        })
    }

    /// Notes that the remote has these.
    pub fn large_delivered(&self, pointers: &[Pointer]) -> Result<(), Error> {
        self.change_large_unpushed(|unpushed| {
            unpushed.retain(|oid, _| pointers.iter().all(|pointer| pointer.oid != *oid));
        })
    }

    fn change_large_unpushed(&self, change: impl FnOnce(&mut BTreeMap<Oid, u64>)) -> Result<(), Error> {
        let _lock = lock::acquire(&self.own_folder().join("large-unpushed.lock"))?;
        let before = self.read_large_unpushed()?;
        let mut unpushed = before.clone();
        change(&mut unpushed);
        if unpushed == before {
            return Ok(());
        }
        let mut text = format!("{HEADER}\n");
        text.extend(unpushed.iter().map(|(oid, size)| format!("{oid} {size}\n")));
        let path = self.large_unpushed_path();
        Ok(small_file::replace(&path, text.as_bytes(), true).map_err(IoError::of("write", &path))?)
    }

    fn read_large_unpushed(&self) -> Result<BTreeMap<Oid, u64>, Error> {
        let path = self.large_unpushed_path();
        let bytes = match small_file::read_at_most(&path, LARGE_UNPUSHED) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            bytes => bytes.map_err(IoError::of("read", &path))?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(Error::LargeUnpushed { path });
        }
        let parsed = lines.map(|line| {
            let (oid, size) = line.split_once(' ')?;
            Some((oid.parse().ok()?, size.parse().ok()?))
        });
        parsed.collect::<Option<_>>().ok_or(Error::LargeUnpushed { path })
    }
}
