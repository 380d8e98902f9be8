//! Writing the commit-graph: trees, parents, times and generation numbers of all commits in one file, as stock git
//! reads and writes it (Documentation/gitformat-commit-graph, version 1 with the chunks OIDF, OIDL, CDAT and EDGE).

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::Kind;
use sha1::{Digest as _, Sha1};

use super::{Error, rewrite};
use crate::Repository;
use crate::pack::objects::peel;
use crate::pack::{self, CommitInfo, Commits, IdSet};

/// With fewer commits, walks are as fast without.
const WORTHWHILE: usize = 100;
/// "No parent" in a commit's data.
const NO_PARENT: u32 = 0x7000_0000;
/// Marks the place of further parents, and the last of them.
const MARK: u32 = 0x8000_0000;
/// The highest generation number that can be said.
const MAX_GENERATION: u32 = 0x3fff_ffff;
/// The latest time that can be said: 34 bits.
const MAX_TIME: u64 = (1 << 34) - 1;

/// Writes the commits that the refs reach, if `is_due`. How many they are; 0 if no graph was written.
pub(super) fn update(repository: &Repository, is_due: bool) -> Result<usize, Error> {
    if !is_due {
        return Ok(0);
    }
    let repo = repository.to_gix();
    let failed = |source| Error::Pack { repository: repository.git_dir().to_owned(), source };
    let tips = rewrite::tips(repository, &repo, |_| true)?;
    let mut commits = Commits::new(&repo, &repo.objects);
    // Where history is cut, generations would be wrong.
    if !commits.shallow().is_empty() {
        return Ok(0);
    }
    let all = reachable(&mut commits, &tips).map_err(failed)?;
    if all.len() < WORTHWHILE {
        return Ok(0);
    }
    let bytes = encode(&all);
    let folder = repository.packs().objects_folder().join("info");
    let path = folder.join("commit-graph");
    let disk = |source| Error::Disk { what: "write", path: path.clone(), source };
    fs::create_dir_all(&folder).map_err(disk)?;
    let write = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // Read-only, for whom the umask allows, as Git's own.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o444));
        let mut file = builder.tempfile_in(&folder)?;
        file.write_all(&bytes)?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(disk)?;
    Ok(all.len())
}

/// All commits that `tips` reach, by id.
fn reachable(
    commits: &mut Commits<'_>,
    tips: &[ObjectId],
) -> Result<Vec<(ObjectId, Rc<CommitInfo>)>, pack::Error> {
    let mut buffer = Vec::new();
    let mut seen = IdSet::default();
    let mut pending = Vec::new();
    for tip in tips {
        if let Some((id, Kind::Commit)) = peel(commits.objects(), *tip, &mut buffer, &mut |_| {})?
            && seen.insert(id)
        {
            pending.push(id);
        }
    }
    let mut all = Vec::new();
    while let Some(id) = pending.pop() {
        let info = commits.get(id)?;
        pending.extend(info.parents.iter().copied().filter(|parent| seen.insert(*parent)));
        all.push((id, info));
    }
    all.sort_unstable_by_key(|(id, _)| *id);
    Ok(all)
}

/// The generation of each of `all`: one more than the highest of its parents'.
fn generations(all: &[(ObjectId, Rc<CommitInfo>)], places: &HashMap<ObjectId, u32>) -> Vec<u32> {
    let mut generations = vec![0_u32; all.len()];
    let mut pending: Vec<usize> = Vec::new();
    for start in 0..all.len() {
        pending.push(start);
        while let Some(at) = pending.last().copied() {
            if generations[at] != 0 {
                pending.pop();
                continue;
            }
            let before = pending.len();
            let mut highest = 0;
            for parent in &all[at].1.parents {
                let parent = places[parent] as usize;
                match generations[parent] {
                    0 => pending.push(parent),
                    generation => highest = highest.max(generation),
                }
            }
            if pending.len() == before {
                generations[at] = (highest + 1).min(MAX_GENERATION);
                pending.pop();
            }
        }
    }
    generations
}

/// The file.
fn encode(all: &[(ObjectId, Rc<CommitInfo>)]) -> Vec<u8> {
    let places: HashMap<ObjectId, u32> = all.iter().zip(0..).map(|((id, _), place)| (*id, place)).collect();
    let generations = generations(all, &places);

    let mut fan_out = Vec::with_capacity(256 * 4);
    for first in 0..=u8::MAX {
        let count = all.partition_point(|(id, _)| id.as_slice()[0] <= first);
        fan_out.extend_from_slice(&as_u32(count).to_be_bytes());
    }
    let ids: Vec<u8> = all.iter().flat_map(|(id, _)| id.as_slice().iter().copied()).collect();
    let (mut data, mut edges) = (Vec::with_capacity(all.len() * 36), Vec::new());
    for ((_, info), generation) in all.iter().zip(&generations) {
        data.extend_from_slice(info.tree.as_slice());
        let parents: Vec<u32> = info.parents.iter().map(|parent| places[parent]).collect();
        let (first, second) = match *parents.as_slice() {
            [] => (NO_PARENT, NO_PARENT),
            [first] => (first, NO_PARENT),
            [first, second] => (first, second),
            [first, ref others @ ..] => {
                let place = MARK | as_u32(edges.len() / 4);
                for (at, parent) in others.iter().enumerate() {
                    let mark = if at + 1 == others.len() { MARK } else { 0 };
                    edges.extend_from_slice(&(parent | mark).to_be_bytes());
                }
                (first, place)
            }
        };
        data.extend_from_slice(&first.to_be_bytes());
        data.extend_from_slice(&second.to_be_bytes());
        let time = u64::try_from(info.time).unwrap_or_default().min(MAX_TIME);
        data.extend_from_slice(&(u64::from(*generation) << 34 | time).to_be_bytes());
    }

    let mut chunks: Vec<(&[u8; 4], Vec<u8>)> = vec![(b"OIDF", fan_out), (b"OIDL", ids), (b"CDAT", data)];
    if !edges.is_empty() {
        chunks.push((b"EDGE", edges));
    }
    let mut file = b"CGPH\x01\x01".to_vec();
    file.push(u8::try_from(chunks.len()).expect("four at most"));
    file.push(0);
    let mut offset = (8 + (chunks.len() + 1) * 12) as u64;
    for (name, bytes) in &chunks {
        file.extend_from_slice(*name);
        file.extend_from_slice(&offset.to_be_bytes());
        offset += bytes.len() as u64;
    }
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&offset.to_be_bytes());
    for (_, bytes) in &chunks {
        file.extend_from_slice(bytes);
    }
    let checksum = Sha1::digest(&file);
    file.extend_from_slice(&checksum);
    file
}

/// A number of commits, of which a pack holds no more than 32 bits say.
fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
