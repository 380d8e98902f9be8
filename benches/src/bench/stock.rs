//! The repositories that are served: made by `git fast-import`, the same for the same sources. Making the large
//! ones takes minutes: they are kept in `target/bench`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Outcome, process, workspace};

/// Larger files of crates are left out, as most projects' histories have none.
const LARGEST_FILE: u64 = 512 << 10;
/// Files that one commit of the large history touches.
const FILES_A_COMMIT: usize = 12;
/// Files in the tree of the branch of snapshots.
const SNAPSHOT_FILES: usize = 3_000;

/// Stock git in a repository, without the caller's configuration.
pub(crate) fn git(dir: &Path) -> Command {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(dir);
    git
}

/// A line of the shell in a repository, whose `git` is the same as [`git()`]'s.
pub(crate) fn git_shell(dir: &Path, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(dir);
    shell.args(["-ec", script]);
    shell
}

/// Returns git's output, as text without the end of the line.
pub(crate) fn ask(dir: &Path, args: &[&str]) -> Outcome<String> {
    Ok(String::from_utf8(process::capture(git(dir).args(args))?)?.trim_end().to_owned())
}

/// The repository called `name` in the cache, made by `make` if it is not there.
pub(crate) fn cached(name: &str, make: impl FnOnce(&Path) -> Outcome) -> Outcome<PathBuf> {
    let cache = workspace::root().join("target/bench/repos");
    let path = cache.join(name);
    if !path.exists() {
        eprintln!("making {name}, once");
        std::fs::create_dir_all(&cache)?;
        let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(&cache)?;
        make(unfinished.path())?;
        std::fs::rename(unfinished.keep(), &path)?;
    }
    Ok(path)
}

/// One commit with ten files on `master`, and these further branches at it.
pub(crate) fn tiny(path: &Path, branches: &[String]) -> Outcome {
    import(path, |out| {
        begin(out, 1, 0)?;
        for number in 0..10 {
            file(out, &format!("file{number}.py"), format!("print({number})\n").repeat(20).as_bytes())?;
        }
        for branch in branches {
            write!(out, "reset {branch}\nfrom :1\n\n")?;
        }
        Ok(())
    })?;
    consolidate(path)
}

/// One commit and this many branches.
pub(crate) fn many_refs(path: &Path, refs: usize) -> Outcome {
    import(path, |out| {
        begin(out, 1, 0)?;
        file(out, "a", b"a\n")?;
        for number in 1..refs {
            write!(out, "reset refs/heads/topic/{number:05}\nfrom :1\n\n")?;
        }
        Ok(())
    })?;
    consolidate(path)
}

/// A branch of snapshots, as azml makes them: thousands of files in a hundred folders, of which each commit changes
/// three.
pub(crate) fn snapshots(path: &Path, commits: usize) -> Outcome {
    import(path, |out| {
        for commit in 0..commits {
            begin(out, commit + 1, commit)?;
            let changed: Vec<usize> = if commit == 0 {
                (0..SNAPSHOT_FILES).collect()
            } else {
                (0..3).map(|place| (commit * 7 + place * 1031) % SNAPSHOT_FILES).collect()
            };
            for number in changed {
                let mut text = Vec::new();
                for line in 0..40 {
                    // One line in ten depends on the commit: real deltas, real text.
                    let version = if line % 10 == 0 { commit } else { 0 };
                    let value = (number * 7919 + line * 104_729 + version * 15_485_863) % 1_000_003;
                    writeln!(text, "line {line} of file {number}: {value}")?;
                }
                file(out, &format!("src/part{:02}/file{number}.py", number % 100), &text)?;
            }
        }
        Ok(())
    })?;
    consolidate(path)
}

/// Returns the path of the file of that number in [`wide()`]: a hundred files in each of as many folders as it takes, in a hundred
/// folders.
pub(crate) fn wide_file(number: usize) -> String {
    format!("part{:02}/sub{:02}/file{number}.txt", number / 100 % 100, number / 10_000)
}

/// So many small files, and so many commits of which each changes one.
pub(crate) fn wide(path: &Path, files: usize, commits: usize) -> Outcome {
    import(path, |out| {
        for commit in 0..commits {
            begin(out, commit + 1, commit)?;
            let changed =
                if commit == 0 { 0..files } else { commit * 7919 % files..commit * 7919 % files + 1 };
            for number in changed {
                file(out, &wide_file(number), format!("file {number}, as of commit {commit}\n").as_bytes())?;
            }
        }
        Ok(())
    })?;
    consolidate(path)
}

/// A long history of real text: the sources of the crates in cargo's registry, every file in three steps, so that
/// it has deltas. Up to `limit` bytes of sources.
pub(crate) fn crates(path: &Path, limit: u64) -> Outcome {
    let mut files = Vec::new();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registry = home.ok_or("there is no home folder")?.join("registry/src");
    for source in sorted(&registry)? {
        for package in sorted(&source)? {
            collect(&package, &mut files)?;
        }
    }
    let mut total = 0;
    files.retain(|(_, size)| {
        total += size;
        total <= limit
    });
    if files.is_empty() {
        return Err(format!("there are no sources in {}", registry.display()).into());
    }
    // Every crate is changed again when others have come: a history, and not a row of imports.
    let groups: Vec<&[(PathBuf, u64)]> = files.chunks(FILES_A_COMMIT).collect();
    import(path, |out| {
        let mut commit = 0;
        for step in 0..groups.len() + 80 {
            for (behind, thirds) in [(0, 1), (40, 2), (80, 3)] {
                let Some(group) = usize::checked_sub(step, behind).and_then(|at| groups.get(at)) else {
                    continue;
                };
                begin(out, commit + 1, commit)?;
                commit += 1;
                for (path, _) in *group {
                    let content = std::fs::read(path)?;
                    let name = path.strip_prefix(&registry)?.components().skip(1).collect::<PathBuf>();
                    let name = name.to_str().ok_or("a crate's files have plain names")?;
                    file(out, name, &content[..content.len() * thirds / 3])?;
                }
            }
        }
        Ok(())
    })?;
    consolidate(path)
}

fn sorted(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, u64)>) -> Outcome {
    for path in sorted(folder)? {
        let meta = std::fs::symlink_metadata(&path)?;
        let is_plain = path.to_str().is_some_and(|name| !name.contains(['"', '\n']));
        if meta.is_dir() {
            collect(&path, files)?;
        } else if meta.is_file() && is_plain && meta.len() <= LARGEST_FILE {
            files.push((path, meta.len()));
        }
    }
    Ok(())
}

/// Begins the commit `mark` on `master`.
fn begin(out: &mut dyn Write, mark: usize, number: usize) -> Outcome {
    let time = 1_400_000_000 + number * 3_600;
    write!(out, "commit refs/heads/master\nmark :{mark}\ncommitter b <b@example.com> {time} +0000\n")?;
    let message = format!("change {number}\n");
    Ok(write!(out, "data {}\n{message}", message.len())?)
}

pub(super) fn file(out: &mut dyn Write, name: &str, content: &[u8]) -> Outcome {
    write!(out, "M 100644 inline {name}\ndata {}\n", content.len())?;
    out.write_all(content)?;
    Ok(out.write_all(b"\n")?)
}

pub(super) fn import(path: &Path, write: impl FnOnce(&mut dyn Write) -> Outcome) -> Outcome {
    std::fs::create_dir_all(path)?;
    process::capture(git(path).args(["init", "--quiet", "--bare", "--initial-branch=master"]))?;
    process::capture(git(path).args(["config", "http.receivepack", "true"]))?;
    let mut child = git(path).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn()?;
    let mut out = BufWriter::new(child.stdin.take().expect("stdin was asked for as a pipe"));
    write(&mut out)?;
    out.flush()?;
    drop(out);
    if child.wait()?.success() { Ok(()) } else { Err("git fast-import failed".into()) }
}

/// One pack, packed refs, a commit-graph: as a server's maintenance leaves it.
fn consolidate(path: &Path) -> Outcome {
    process::capture(git(path).args(["repack", "-adfq"]))?;
    process::capture(git(path).args(["pack-refs", "--all"]))?;
    process::capture(git(path).args(["commit-graph", "write", "--reachable"])).map(drop)
}
