//! A history with the shape of git's own: hundreds of thousands of commits of a few files each, a quarter of them merges of
//! short topics, some thousand paths of which most change seldom, releases, and branches that were left behind.

use std::io::Write;
use std::path::Path;

use super::stock::{file, git, import};
use crate::{Outcome, process};

/// Paths in all, and in the root.
const PATHS: usize = 3_000;
const IN_THE_ROOT: usize = 400;
/// Releases in all.
const RELEASES: usize = 40;
/// The path that changes seldom, and how often it does after it has come.
pub(crate) const RARE: &str = "contrib/rare/file.c";
const RARELY: usize = 4;

/// Makes it, with so many commits.
pub(crate) fn make(path: &Path, commits: usize) -> Outcome {
    let (between_releases, between_rare) = (commits / RELEASES, commits / RARELY);
    import(path, |out| {
        let mut random = 88_172_645_463_325_252_u64;
        let mut below = move |limit: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 11).unwrap_or_default() % limit
        };
        let (mut mark, mut tip) = (0_usize, 0_usize);
        while mark < commits {
            let is_merge = tip > 20 && below(4) == 0;
            let mut side = 0;
            if is_merge {
                // The topic begins a little before the branch's tip.
                side = tip.saturating_sub(below(15)).max(1);
                for _ in 0..=below(4) {
                    mark += 1;
                    commit(out, mark, "refs/heads/topic", &[side])?;
                    changes(out, mark, &mut below)?;
                    side = mark;
                }
            }
            mark += 1;
            let parents: Vec<usize> = [tip, side].into_iter().filter(|parent| *parent > 0).collect();
            commit(out, mark, "refs/heads/master", &parents)?;
            if mark == 1 {
                for number in 0..PATHS {
                    change(out, number, 0)?;
                }
            } else if is_merge {
                // What the topic changed last, as the merge of it takes it over.
                writeln!(out, "M 100644 inline topic\ndata 9\n{:08}\n", side % 100_000_000)?;
            } else {
                changes(out, mark, &mut below)?;
            }
            if mark / between_rare != tip / between_rare || mark == 1 {
                file(out, RARE, format!("as of {mark}\n").as_bytes())?;
            }
            let release = mark / between_releases;
            let is_release = release != tip / between_releases;
            tip = mark;
            if is_release {
                write!(out, "\nreset refs/tags/v{release:03}\nfrom :{mark}\n\n")?;
                mark += 1;
                commit(out, mark, &format!("refs/heads/maint-{release:03}"), &[tip])?;
                changes(out, mark, &mut below)?;
            }
        }
        Ok(())
    })?;
    process::capture(git(path).args(["update-ref", "-d", "refs/heads/topic"]))?;
    process::capture(git(path).args(["repack", "-adq"]))?;
    process::capture(git(path).args(["pack-refs", "--all"]))?;
    write_graph(path)
}

/// Lets git write the commit-graph that makes it fastest.
pub(crate) fn write_graph(path: &Path) -> Outcome {
    let version = "commitGraph.changedPathsVersion=2";
    let args = ["-c", version, "commit-graph", "write", "--reachable", "--changed-paths"];
    process::capture(git(path).args(args)).map(drop)
}

fn commit(out: &mut dyn Write, mark: usize, branch: &str, parents: &[usize]) -> Outcome {
    let time = 1_100_000_000 + mark * 2_000;
    write!(out, "commit {branch}\nmark :{mark}\ncommitter b <b@example.com> {time} +0000\n")?;
    let message = format!("change {mark}\n");
    write!(out, "data {}\n{message}", message.len())?;
    for (number, parent) in parents.iter().enumerate() {
        writeln!(out, "{} :{parent}", if number == 0 { "from" } else { "merge" })?;
    }
    Ok(())
}

/// Changes one to three files, most often some of the same few.
fn changes(out: &mut dyn Write, mark: usize, below: &mut impl FnMut(usize) -> usize) -> Outcome {
    for _ in 0..=below(3) {
        let limit = [PATHS / 20, PATHS / 5, PATHS][below(3)];
        change(out, below(limit) * 7 % PATHS, mark)?;
    }
    Ok(())
}

fn change(out: &mut dyn Write, number: usize, version: usize) -> Outcome {
    let name = if number < IN_THE_ROOT {
        format!("file{number}.c")
    } else {
        format!("part{}/sub{}/file{number}.c", number % 12, number % 5)
    };
    let mut text = Vec::new();
    for line in 0..6 {
        writeln!(text, "line {line} of file {number}: {}", if line == 3 { version } else { 0 })?;
    }
    file(out, &name, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::stock::ask;

    #[test]
    fn its_shape_is_that_of_a_long_history() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        make(path, 1_200).expect("made");
        let count = |args: &[&str]| -> usize { ask(path, args).expect("asked").lines().count() };
        let commits = count(&["rev-list", "--all"]);
        assert!((1_200..1_210).contains(&commits), "{commits} commits");
        let merges = count(&["rev-list", "--all", "--merges"]);
        assert!((commits / 10..commits / 2).contains(&merges), "{merges} merges");
        assert!(count(&["ls-tree", "-r", "--name-only", "HEAD"]) >= PATHS);
        assert_eq!(count(&["log", "--format=%H", "HEAD", "--", RARE]), 1 + RARELY);
        assert_eq!(count(&["for-each-ref", "refs/tags"]), RELEASES);
        assert_eq!(count(&["for-each-ref", "refs/heads"]), RELEASES + 1);
        ask(path, &["commit-graph", "verify"]).expect("sound");
    }
}
