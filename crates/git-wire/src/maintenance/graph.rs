//! Writing the commit-graph: trees, parents, times, generation numbers and changed-path filters of all commits in one file, as
//! stock git reads and writes it (Documentation/gitformat-commit-graph, version 1, chunks in Git's own order).

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::Kind;
use sha1::{Digest as _, Sha1};

use super::filters::{self, Job};
use super::{Error, Options, rewrite};
use crate::history::Graph;
use crate::history::bloom::Settings;
use crate::history::graph::{MARK, NO_PARENT};
use crate::limits::GRAPH_MAY_LACK_PERCENT;
use crate::pack::objects::peel;
use crate::pack::{self, CommitInfo, Commits, IdSet};
use crate::{Interrupt, Repository};

/// The highest topological level that can be said.
const MAX_LEVEL: u32 = 0x3fff_ffff;
/// The latest time that can be said: 34 bits.
const MAX_TIME: u64 = (1 << 34) - 1;
/// The largest offset of a corrected commit date that stands in the chunk itself.
const MAX_OFFSET: u64 = (1 << 31) - 1;

/// Commits that are read in a row. A small history is so read whole, and gets its commit-graph even if time is over.
const COMMITS_IN_A_ROW: usize = 4_096;

/// When a commit-graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// If there is any commit that it lacks.
    Changed,
    /// If there are so many that it is worth while.
    ManyChanged,
}

/// A commit on its way into the file.
type Found = (ObjectId, Rc<CommitInfo>);

/// Writes the commits that the refs reach. How many they are; 0 if no graph was written. When `interrupt` is set, commits whose
/// filters are not computed by then go without.
///
/// # Errors
/// If a commit is damaged or the disk fails, or if `interrupt` is set while many commits are still to be read.
pub(super) fn update(
    repository: &Repository,
    when: When,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<usize, Error> {
    let repo = repository.to_gix();
    let failed = |source| Error::Pack { repository: repository.git_dir().to_owned(), source };
    let tips = rewrite::tips(repository, &repo, |_| true)?;
    let folder = repository.packs().objects_folder().join("info");
    let path = folder.join("commit-graph");
    let mut commits = Commits::new(&repo, &repo.objects).without_graph();
    // Where history is cut, generations would be wrong.
    if !commits.shallow().is_empty() {
        return Ok(0);
    }
    let old = Graph::open(&path);
    if let Some(old) = &old {
        let is_whole = old.filter_settings() == Some(Settings::OURS) && old.has_dates();
        let (enough, needs_filters) = match when {
            When::Changed => (1, (0..old.len()).any(|place| old.filter(place).is_empty())),
            When::ManyChanged => {
                let hundredth = old.len() as usize / 100;
                (options.limits.commits.max(hundredth * GRAPH_MAY_LACK_PERCENT).max(1), false)
            }
        };
        if is_whole
            && !needs_filters
            && reachable(&mut commits, Known::PassedOver(old), &tips, interrupt).map_err(failed)?.len()
                < enough
        {
            return Ok(0);
        }
    }
    let known = old.as_ref().map_or(Known::Nothing, Known::Taken);
    let all = reachable(&mut commits, known, &tips, interrupt).map_err(failed)?;
    if all.len() < options.limits.commits.max(1) {
        return Ok(0);
    }
    let places: HashMap<ObjectId, u32> = all.iter().zip(0..).map(|((id, _), place)| (*id, place)).collect();
    let numbers = generations(&all, &places);
    let filters = all_filters(repository, &all, &places, &numbers, old.as_ref(), options.threads, interrupt);
    drop(old);
    let bytes = encode(&all, &places, &numbers, &filters);
    let disk = |source| Error::Disk { what: "write", path: path.clone(), source };
    fs::create_dir_all(&folder).map_err(disk)?;
    let write = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // Read-only, for whom the umask allows, as Git's own.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o444));
        let mut file = builder.tempfile_in(&folder)?;
        file.write_all(&bytes)?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(disk)?;
    Ok(all.len())
}

/// Treats commits that the last graph has, which are not read again.
#[derive(Clone, Copy)]
enum Known<'g> {
    Nothing,
    Taken(&'g Graph),
    /// Left out, and all that they reach.
    PassedOver(&'g Graph),
}

/// All commits that `tips` reach, by id.
fn reachable(
    commits: &mut Commits<'_>,
    known: Known<'_>,
    tips: &[ObjectId],
    interrupt: &Interrupt,
) -> Result<Vec<Found>, pack::Error> {
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
    let mut parents = Vec::new();
    while let Some(id) = pending.pop() {
        if (all.len() + 1).is_multiple_of(COMMITS_IN_A_ROW) && interrupt.is_set() {
            return Err(pack::Error::Interrupted);
        }
        let info = match known {
            Known::PassedOver(old) if old.find(&id).is_some() => continue,
            Known::Taken(old) => match old.find(&id) {
                Some(place) => {
                    parents.clear();
                    old.parents(place, &mut parents);
                    let parents = parents.iter().map(|parent| old.id(*parent)).collect();
                    let (tree, time) = (old.tree(place), old.time(place));
                    Rc::new(CommitInfo { tree, parents, time, generation: 0 })
                }
                None => commits.get(id)?,
            },
            _ => commits.get(id)?,
        };
        pending.extend(info.parents.iter().copied().filter(|parent| seen.insert(*parent)));
        all.push((id, info));
    }
    all.sort_unstable_by_key(|(id, _)| *id);
    Ok(all)
}

/// The generation numbers of a commit.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    /// One more than the highest of the parents'.
    level: u32,
    /// The commit date, but later than that of every parent.
    date: u64,
}

fn time_of(info: &CommitInfo) -> u64 {
    u64::try_from(info.time).unwrap_or_default().min(MAX_TIME)
}

/// The generation numbers of each of `all`.
fn generations(all: &[Found], places: &HashMap<ObjectId, u32>) -> Vec<Numbers> {
    let mut numbers = vec![Numbers::default(); all.len()];
    let mut pending: Vec<usize> = Vec::new();
    for start in 0..all.len() {
        pending.push(start);
        while let Some(at) = pending.last().copied() {
            if numbers[at].level != 0 {
                pending.pop();
                continue;
            }
            let before = pending.len();
            let mut highest = Numbers::default();
            for parent in &all[at].1.parents {
                let parent = places[parent] as usize;
                let known = numbers[parent];
                if known.level == 0 {
                    pending.push(parent);
                }
                highest.level = highest.level.max(known.level);
                highest.date = highest.date.max(known.date);
            }
            if pending.len() == before {
                let level = (highest.level + 1).min(MAX_LEVEL);
                numbers[at] = Numbers { level, date: time_of(&all[at].1).max(highest.date + 1) };
                pending.pop();
            }
        }
    }
    numbers
}

/// Returns the old graph's filter of the paths that a commit changed; `None` if there is none by the hash used here.
fn filter_of<'g>(old: &'g Graph, id: &ObjectId) -> Option<&'g [u8]> {
    let filter = old.filter(old.find(id)?);
    (old.filter_settings() == Some(Settings::OURS) && !filter.is_empty()).then_some(filter)
}

/// The filters of all commits: the last graph's, and the others computed, the newest first.
fn all_filters(
    repository: &Repository,
    all: &[Found],
    places: &HashMap<ObjectId, u32>,
    numbers: &[Numbers],
    old: Option<&Graph>,
    threads: u32,
    interrupt: &Interrupt,
) -> Vec<Vec<u8>> {
    let mut filters = vec![Vec::new(); all.len()];
    let mut jobs = Vec::new();
    for (place, (id, info)) in all.iter().enumerate() {
        if let Some(filter) = old.and_then(|old| filter_of(old, id)) {
            filters[place] = filter.to_vec();
        } else {
            let before = info.parents.first().map(|parent| all[places[parent] as usize].1.tree);
            jobs.push(Job { place, tree: info.tree, before });
        }
    }
    jobs.sort_unstable_by_key(|job| std::cmp::Reverse(numbers[job.place].date));
    filters::compute(repository, &jobs, threads, interrupt, |place, filter| filters[place] = filter);
    filters
}

/// The file.
fn encode(
    all: &[Found],
    places: &HashMap<ObjectId, u32>,
    numbers: &[Numbers],
    filters: &[Vec<u8>],
) -> Vec<u8> {
    let mut fan_out = Vec::with_capacity(256 * 4);
    for first in 0..=u8::MAX {
        let count = all.partition_point(|(id, _)| id.as_slice()[0] <= first);
        fan_out.extend_from_slice(&as_u32(count).to_be_bytes());
    }
    let ids: Vec<u8> = all.iter().flat_map(|(id, _)| id.as_slice().iter().copied()).collect();
    let (mut data, mut edges) = (Vec::with_capacity(all.len() * 36), Vec::new());
    let (mut dates, mut late_dates) = (Vec::with_capacity(all.len() * 4), Vec::new());
    for ((_, info), numbers) in all.iter().zip(numbers) {
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
        data.extend_from_slice(&(u64::from(numbers.level) << 34 | time_of(info)).to_be_bytes());
        let offset = numbers.date - time_of(info);
        if offset > MAX_OFFSET {
            dates.extend_from_slice(&(MARK | as_u32(late_dates.len() / 8)).to_be_bytes());
            late_dates.extend_from_slice(&offset.to_be_bytes());
        } else {
            dates.extend_from_slice(&as_u32(usize::try_from(offset).unwrap_or(usize::MAX)).to_be_bytes());
        }
    }
    let mut index = Vec::with_capacity(all.len() * 4);
    let mut changed_paths = Settings::OURS.write().to_vec();
    for filter in filters {
        changed_paths.extend_from_slice(filter);
        index.extend_from_slice(&as_u32(changed_paths.len() - Settings::LENGTH).to_be_bytes());
    }

    let mut chunks: Vec<(&[u8; 4], Vec<u8>)> =
        vec![(b"OIDF", fan_out), (b"OIDL", ids), (b"CDAT", data), (b"GDA2", dates)];
    chunks
        .extend([(b"GDO2", late_dates), (b"EDGE", edges)].into_iter().filter(|(_, chunk)| !chunk.is_empty()));
    // Offsets into the filters have 32 bits.
    if u32::try_from(changed_paths.len()).is_ok() {
        chunks.extend([(b"BIDX", index), (b"BDAT", changed_paths)]);
    }
    let mut file = b"CGPH\x01\x01".to_vec();
    file.push(u8::try_from(chunks.len()).expect("eight at most"));
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
