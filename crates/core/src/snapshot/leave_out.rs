//! The fewest lines of `.amlignore` that bring a snapshot below its limits.
//!
//! A line names a file, or a folder that only has new files: no line takes a file out that the last snapshot has, or that
//! the user's Git tracks, which no line could take out. Of the folders that would do, the lowest are named.

use std::collections::{BTreeMap, HashMap, HashSet};

use gix::{
    ObjectId,
    bstr::{BStr, BString, ByteSlice},
};

use super::Limits;
use crate::ignore;

/// A new file that is to be stored.
#[derive(Debug, Clone)]
pub(super) struct NewFile {
    pub(super) path: BString,
    pub(super) size: u64,
    /// Its content, unless it was not read.
    pub(super) id: Option<ObjectId>,
}

/// A line of `.amlignore`, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveOut {
    /// The line.
    pub line: String,
    /// New files that it leaves out.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// The state of the folder that decides which lines are any good.
pub(super) trait Known {
    /// Returns whether the user's Git tracks the file.
    fn is_tracked(&self, file: &BStr) -> bool;
    /// Returns whether a line for the folder would take out more than new files.
    fn is_kept(&self, folder: &BStr) -> bool;
}

/// The sum of all sizes, each content once.
pub(super) fn total<'f>(files: impl IntoIterator<Item = &'f NewFile>) -> u64 {
    let mut seen = HashSet::new();
    let counts = files.into_iter().filter(|file| file.id.is_none_or(|id| seen.insert(id)));
    counts.fold(0, |sum, file| sum.saturating_add(file.size))
}

/// Finds the lines. Where files that the user's Git tracks are too large by themselves, no lines suffice.
pub(super) fn lines(new: &[NewFile], limits: &Limits, known: &dyn Known) -> Vec<LeaveOut> {
    let mut kept = HashMap::new();
    let tops: Vec<Option<BString>> = new
        .iter()
        .map(|file| {
            (!known.is_tracked(file.path.as_bstr())).then(|| highest(file.path.as_bstr(), known, &mut kept))
        })
        .collect();
    let mut chosen = Chosen { new, limits, paths: Vec::new(), covers: vec![0; new.len()] };
    loop {
        let left = || chosen.left().filter_map(|at| Some((&new[at], tops[at].as_ref()?)));
        let is_over = left().any(|(file, _)| file.size > limits.file);
        let mut groups: BTreeMap<&BString, Vec<&NewFile>> = BTreeMap::new();
        for (file, top) in left().filter(|(file, _)| !is_over || file.size > limits.file) {
            groups.entry(top).or_default().push(file);
        }
        let need = total(chosen.left().map(|at| &new[at])).saturating_sub(limits.total);
        let heaviest = groups.into_iter().max_by_key(|(_, files)| total(files.iter().copied()));
        let Some((top, files)) = heaviest.filter(|_| is_over || need > 0) else { break };
        let path = if is_over { common(&files) } else { lowest(top, &files, need) };
        chosen.add(path);
    }
    chosen.drop_needless();
    chosen.paths.sort();
    chosen.paths.iter().map(|path| leave_out(new, path)).collect()
}

/// The paths of the lines so far.
struct Chosen<'a> {
    new: &'a [NewFile],
    limits: &'a Limits,
    paths: Vec<BString>,
    /// Of each file, how many of them leave it out.
    covers: Vec<usize>,
}

impl Chosen<'_> {
    /// The files that none of the lines leaves out.
    fn left(&self) -> impl Iterator<Item = usize> + '_ {
        self.covers.iter().enumerate().filter(|(_, covers)| **covers == 0).map(|(at, _)| at)
    }

    fn add(&mut self, path: BString) {
        self.count(&path, |covers| covers + 1);
        self.paths.push(path);
    }

    fn count(&mut self, path: &BString, by: fn(usize) -> usize) {
        for (file, covers) in self.new.iter().zip(&mut self.covers) {
            if is_at_or_below(&file.path, path) {
                *covers = by(*covers);
            }
        }
    }

    fn is_within(&self) -> bool {
        total(self.left().map(|at| &self.new[at])) <= self.limits.total
            && self.left().all(|at| self.new[at].size <= self.limits.file)
    }

    /// Drops lines without which the rest is below the limits, too, the oldest last.
    fn drop_needless(&mut self) {
        let suffices = self.is_within();
        for at in 0..self.paths.len() {
            let path = self.paths[at].clone();
            self.count(&path, |covers| covers - 1);
            let is_needless = self.is_within()
                || (!suffices && !self.left().any(|at| is_at_or_below(&self.new[at].path, &path)));
            if is_needless {
                self.paths[at].clear();
            } else {
                self.count(&path, |covers| covers + 1);
            }
        }
        self.paths.retain(|path| !path.is_empty());
    }
}

/// The highest folder of a file that a line may name; the file itself if there is none.
fn highest(file: &BStr, known: &dyn Known, kept: &mut HashMap<BString, bool>) -> BString {
    for end in file.find_iter("/") {
        let folder = file[..end].as_bstr();
        let is_kept = match kept.get(folder) {
            Some(is_kept) => *is_kept,
            None => *kept.entry(folder.to_owned()).or_insert_with(|| known.is_kept(folder)),
        };
        if !is_kept {
            return folder.to_owned();
        }
    }
    file.to_owned()
}

/// The file, or the lowest folder that has all of the files.
fn common(files: &[&NewFile]) -> BString {
    let first = &files[0].path;
    if files.len() == 1 {
        return first.clone();
    }
    let ends: Vec<usize> = first.find_iter("/").collect();
    let has_all = |end: &&usize| files.iter().all(|file| is_at_or_below(&file.path, &first[..**end]));
    let end = ends.iter().rev().find(has_all).copied();
    end.map_or_else(|| first.clone(), |end| first[..end].into())
}

/// Goes down from a folder as long as something in it still weighs so much, to the least that does.
fn lowest(top: &BString, files: &[&NewFile], need: u64) -> BString {
    let mut at = top.to_owned();
    loop {
        let mut below: BTreeMap<&BStr, Vec<&NewFile>> = BTreeMap::new();
        for file in files.iter().filter(|file| is_at_or_below(&file.path, &at) && file.path != at) {
            let rest = &file.path[at.len() + 1..];
            let end = rest.find_byte(b'/').map_or(file.path.len(), |end| at.len() + 1 + end);
            below.entry(file.path[..end].as_bstr()).or_default().push(file);
        }
        let weighed = below.into_iter().map(|(path, files)| (total(files.iter().copied()), path));
        match weighed.filter(|(weight, _)| *weight >= need).min() {
            Some((_, path)) => at = path.to_owned(),
            None => return at,
        }
    }
}

fn leave_out(new: &[NewFile], path: &BString) -> LeaveOut {
    let files: Vec<&NewFile> = new.iter().filter(|file| is_at_or_below(&file.path, path)).collect();
    let mut line = ignore::line_for(path.as_bstr());
    if files.iter().any(|file| file.path != *path) {
        line.push('/');
    }
    LeaveOut { line, files: files.len(), bytes: total(files.iter().copied()) }
}

fn is_at_or_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Files that Git tracks, and folders with files of the last snapshot.
    #[derive(Debug, Default)]
    struct Given {
        tracked: Vec<&'static str>,
        kept: Vec<&'static str>,
    }

    impl Known for Given {
        fn is_tracked(&self, file: &BStr) -> bool {
            self.tracked.iter().any(|known| file == known.as_bytes())
        }

        fn is_kept(&self, folder: &BStr) -> bool {
            self.tracked.iter().any(|known| is_at_or_below(known.as_bytes(), folder))
                || self.kept.iter().any(|known| folder == known.as_bytes())
        }
    }

    fn files(list: &[(&str, u64)]) -> Vec<NewFile> {
        list.iter().map(|(path, size)| NewFile { path: (*path).into(), size: *size, id: None }).collect()
    }

    fn found(list: &[(&str, u64)], known: &Given) -> Vec<String> {
        let limits = Limits { file: 50, total: 200, ..Limits::NONE };
        lines(&files(list), &limits, known).into_iter().map(|line| line.line).collect()
    }

    #[test]
    fn the_lowest_folder_that_suffices_is_named_and_a_large_file_by_itself() {
        let many: Vec<(String, u64)> = (0..100).map(|n| (format!("data/raw/{n}.csv"), 10)).collect();
        let mut list: Vec<(&str, u64)> = many.iter().map(|(path, size)| (path.as_str(), *size)).collect();
        list.extend([("data/notes.txt", 1), ("train.py", 1), ("src/a.py", 1)]);
        assert_eq!(found(&list, &Given::default()), ["/data/raw/"]);
        assert_eq!(found(&[("src/a.py", 1), ("src/big.bin", 60)], &Given::default()), ["/src/big.bin"]);
        let large = [("runs/a/1.pt", 60), ("runs/b/2.pt", 60), ("runs/b/x.txt", 1), ("train.py", 1)];
        assert_eq!(found(&large, &Given::default()), ["/runs/"]);
        // The last snapshot has files in it: it is not left out as a whole.
        assert_eq!(
            found(&large, &Given { kept: vec!["runs"], ..Given::default() }),
            ["/runs/a/1.pt", "/runs/b/2.pt"]
        );
        assert_eq!(
            found(&large, &Given { tracked: vec!["runs/a/1.pt"], ..Given::default() }),
            ["/runs/b/2.pt"]
        );
    }

    /// Without the files that the lines leave out, by the rules themselves.
    fn rest<'f>(new: &'f [NewFile], lines: &[LeaveOut]) -> Vec<&'f NewFile> {
        let text = lines.iter().map(|line| line.line.as_str()).collect::<Vec<_>>().join("\n");
        let rules = ignore::Rules::none().with(0, None, Some(text.as_bytes()));
        let is_out = |path: &BStr, is_dir| rules.verdict(path, is_dir) == ignore::Verdict::Excluded;
        new.iter()
            .filter(|file| {
                let mut folders = file.path.find_iter("/").map(|end| file.path[..end].as_bstr());
                !folders.any(|folder| is_out(folder, true)) && !is_out(file.path.as_bstr(), false)
            })
            .collect()
    }

    proptest! {
        #[test]
        fn applied_they_bring_it_below_the_limits_and_none_is_needless(
            list in prop::collection::vec(("[ab]/[ab c*]/[a-c]\\.x|[ab]/[a-e]|[a-e] ", 1u64..80, 0u8..200), 1..40),
        ) {
            let mut new: Vec<NewFile> = Vec::new();
            for (path, size, content) in list {
                let id = ObjectId::from_bytes_or_panic(&[content; 20]);
                let is_apart = |other: &NewFile| !is_at_or_below(&other.path, path.as_bytes()) && !is_at_or_below(path.as_bytes(), &other.path);
                if new.iter().all(is_apart) {
                    let size = new.iter().find(|other| other.id == Some(id)).map_or(size, |other| other.size);
                    new.push(NewFile { path: path.into(), size, id: Some(id) });
                }
            }
            let limits = Limits { file: 50, total: 100, ..Limits::NONE };
            let within = |files: &[&NewFile]| {
                total(files.iter().copied()) <= limits.total && files.iter().all(|file| file.size <= limits.file)
            };
            let found = lines(&new, &limits, &Given::default());
            prop_assert!(within(&rest(&new, &found)), "{found:?} of {new:?}");
            for at in 0..found.len() {
                let mut fewer = found.clone();
                fewer.remove(at);
                prop_assert!(!within(&rest(&new, &fewer)), "{at} of {found:?} is needless in {new:?}");
            }
        }
    }
}
