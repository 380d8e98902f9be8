//! The repositories that are served: made by `git fast-import`, the same on every machine.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Outcome, process};

/// Stock git in a repository, without the caller's configuration.
pub(crate) fn git(dir: &Path) -> Command {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(dir);
    git
}

/// A bare repository at `path` whose `master` is a history of snapshots: 500 files of which each commit changes
/// three. Consolidated into one pack, as a server's maintenance leaves it.
pub(crate) fn history(path: &Path, commits: usize) -> Outcome {
    let mut stream = String::new();
    for commit in 0..commits {
        writeln!(
            stream,
            "commit refs/heads/master\ncommitter b <b@example.com> {} +0000",
            1_500_000_000 + commit
        )?;
        writeln!(stream, "data 9\nsnapshot\n")?;
        let changed: Vec<usize> = if commit == 0 {
            (0..500).collect()
        } else {
            (0..3).map(|i| (commit * 7 + i * 131) % 500).collect()
        };
        for file in changed {
            let mut text = String::new();
            for line in 0..60 {
                // One line in ten depends on the commit: real deltas, real text.
                let version = if line % 10 == 0 { commit } else { 0 };
                writeln!(
                    text,
                    "line {line} of file {file}: {}",
                    (file * 7919 + line * 104_729 + version * 15_485_863) % 1_000_003
                )?;
            }
            writeln!(
                stream,
                "M 100644 inline src/part{}/file{file}.py\ndata {}\n{text}",
                file % 20,
                text.len()
            )?;
        }
    }
    import(path, &stream)?;
    process::capture(git(path).args(["repack", "-adfq"])).map(drop)
}

/// A bare repository at `path` with one commit and this many branches.
pub(crate) fn many_refs(path: &Path, refs: usize) -> Outcome {
    let mut stream = String::from(
        "commit refs/heads/master\nmark :1\ncommitter b <b@example.com> 1500000000 +0000\ndata 2\nm\n",
    );
    stream.push_str("M 100644 inline a\ndata 2\na\n\n");
    for number in 1..refs {
        writeln!(stream, "reset refs/heads/topic/{number:05}\nfrom :1\n")?;
    }
    import(path, &stream)?;
    process::capture(git(path).args(["pack-refs", "--all"])).map(drop)
}

fn import(path: &Path, stream: &str) -> Outcome {
    std::fs::create_dir_all(path)?;
    process::capture(git(path).args(["init", "--quiet", "--bare", "--initial-branch=master"]))?;
    let mut child = git(path).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn()?;
    child.stdin.take().expect("stdin was asked for as a pipe").write_all(stream.as_bytes())?;
    if child.wait()?.success() { Ok(()) } else { Err("git fast-import failed".into()) }
}
