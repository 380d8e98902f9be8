//! New objects, as the pack that a client would push.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix::ObjectId;
use gix::objs::Kind;

use super::refused::Refused;

/// Objects that a repository is to have.
pub(crate) struct NewObjects<'r> {
    repository: &'r gix::Repository,
    known: HashSet<ObjectId>,
    /// The new trees, which later ones may build on.
    trees: HashMap<ObjectId, Vec<u8>>,
    count: u32,
    body: Vec<u8>,
}

impl<'r> NewObjects<'r> {
    pub(crate) fn new(repository: &'r gix::Repository) -> Self {
        Self { repository, known: HashSet::new(), trees: HashMap::new(), count: 0, body: Vec::new() }
    }

    /// Adds an object, unless it is there already; its id.
    pub(crate) fn add(&mut self, kind: Kind, data: &[u8]) -> Result<ObjectId, Refused> {
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, data).map_err(Refused::internal)?;
        if !self.known.insert(id) || self.repository.try_find_header(id)?.is_some() {
            return Ok(id);
        }
        if kind == Kind::Tree {
            self.trees.insert(id, data.to_vec());
        }
        let code: u8 = match kind {
            Kind::Commit => 1,
            Kind::Tree => 2,
            Kind::Blob => 3,
            Kind::Tag => 4,
        };
        let mut left = data.len();
        let low = |left: usize, mask: usize| u8::try_from(left & mask).expect("a few bits fit");
        let mut byte = (code << 4) | low(left, 0x0f);
        left >>= 4;
        while left > 0 {
            self.body.push(byte | 0x80);
            byte = low(left, 0x7f);
            left >>= 7;
        }
        self.body.push(byte);
        let mut encoder = ZlibEncoder::new(&mut self.body, Compression::fast());
        encoder.write_all(data).and_then(|()| encoder.finish().map(|_| ())).map_err(Refused::internal)?;
        self.count += 1;
        Ok(id)
    }

    /// The data of a tree, a new one or one that is there.
    pub(crate) fn tree(&self, id: ObjectId) -> Result<Vec<u8>, Refused> {
        match self.trees.get(&id) {
            Some(data) => Ok(data.clone()),
            None => Ok(std::mem::take(&mut self.repository.find_object(id)?.data)),
        }
    }

    /// The pack.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Refused> {
        let mut pack = b"PACK\0\0\0\x02".to_vec();
        pack.extend_from_slice(&self.count.to_be_bytes());
        pack.extend_from_slice(&self.body);
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&pack);
        let sum = hasher.try_finalize().map_err(Refused::internal)?;
        pack.extend_from_slice(sum.as_slice());
        Ok(pack)
    }
}
