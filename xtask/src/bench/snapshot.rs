//! Snapshots of one folder, by `azml project snapshot` and by plain git with a kept index of its own:
//! `git add -A`, `write-tree`, `commit-tree`, `update-ref`. Both work on the same files at the same time.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::table::Table;
use super::{Effort, take_turns, timed};
use crate::{Outcome, process};

/// What plain git has to do for the same result.
const GIT_SNAPSHOT: &str = "git add -A && tree=$(git write-tree) && \
    commit=$(git commit-tree $tree -m snapshot) && git update-ref refs/heads/history $commit";

/// The folder, and both programs' own repositories for it.
struct Bench<'a> {
    azml: &'a Path,
    scratch: PathBuf,
    project: PathBuf,
}

pub(crate) fn measure(azml: &Path, effort: Effort) -> Outcome<Table> {
    let scratch = tempfile::Builder::new().prefix("azml-bench-").tempdir()?;
    let project = scratch.path().join("big");
    let bench = Bench { azml, scratch: scratch.path().to_path_buf(), project };
    bench.azml(scratch.path(), &["project", "create", "-n", "big"])?;
    let bytes = bench.fill(effort.files)?;
    let title = format!(
        "Snapshot of a folder of {} files, {} MB (`cargo xtask bench snapshot`; medians of {} turns)",
        effort.files,
        bytes / 1_000_000,
        effort.many
    );
    let mut table = Table::new(title, "azml", "plain git");

    let pristine = scratch.path().join("pristine");
    let history = bench.project.join(".azuremlhistory_git");
    copy_folder(&history, &pristine)?;
    let mut ours = |_| {
        std::fs::remove_dir_all(&history)?;
        copy_folder(&pristine, &history)?;
        bench.azml_snapshot()
    };
    let mut theirs = |_| {
        bench.git_init()?;
        bench.git_snapshot()
    };
    table.push("first snapshot", take_turns(effort.few, &mut ours, &mut theirs)?);

    let ours = &mut |_| bench.azml_snapshot();
    let theirs = &mut |_| bench.git_snapshot();
    table.push("nothing changed", take_turns(effort.many, ours, theirs)?);

    let edit_then = |turn: usize, side: &str| bench.edit(&format!("{side} {turn}"));
    let ours = &mut |turn| edit_then(turn, "azml").and_then(|()| bench.azml_snapshot());
    let theirs = &mut |turn| edit_then(turn, "git").and_then(|()| bench.git_snapshot());
    table.push("one file changed", take_turns(effort.many, ours, theirs)?);
    Ok(table)
}

impl Bench<'_> {
    fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.scratch)
            .env("LC_ALL", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "bench")
            .env("GIT_AUTHOR_EMAIL", "bench@example.com")
            .env("GIT_COMMITTER_NAME", "bench")
            .env("GIT_COMMITTER_EMAIL", "bench@example.com")
            .current_dir(dir)
            .stdin(Stdio::null());
        command
    }

    fn azml(&self, dir: &Path, args: &[&str]) -> Outcome<Duration> {
        let mut command = self.command(self.azml, dir);
        command.args(args).args(["--only-show-errors", "-o", "none"]);
        Ok(timed(|| process::capture(&mut command))?.0)
    }

    fn azml_snapshot(&self) -> Outcome<Duration> {
        self.azml(&self.project, &["project", "snapshot"])
    }

    fn git_dir(&self) -> PathBuf {
        self.scratch.join("plain.git")
    }

    fn git_init(&self) -> Outcome {
        let git_dir = self.git_dir();
        if git_dir.exists() {
            std::fs::remove_dir_all(&git_dir)?;
        }
        let mut init = self.command(Path::new("git"), &self.scratch);
        process::capture(init.args(["init", "--quiet", "--bare"]).arg(&git_dir)).map(drop)
    }

    fn git_snapshot(&self) -> Outcome<Duration> {
        let mut command = self.command(Path::new("sh"), &self.project);
        command
            .args(["-ec", GIT_SNAPSHOT])
            .env("GIT_DIR", self.git_dir())
            .env("GIT_WORK_TREE", &self.project);
        Ok(timed(|| process::capture(&mut command))?.0)
    }

    /// Writes files like those of a real project: 100 a folder, 1 to 20 kB of text. Returns the bytes.
    fn fill(&self, files: usize) -> Outcome<usize> {
        let mut total = 0;
        let mut seed = 1_u64;
        for number in 0..files {
            let folder = self.project.join(format!("part{:03}/sub{}", number / 100, number / 10 % 10));
            std::fs::create_dir_all(&folder)?;
            let mut text = String::new();
            seed = step(seed);
            let length = 1_000 + usize::try_from(seed % 19_000)?;
            while text.len() < length {
                seed = step(seed);
                writeln!(text, "value_{:x} = {}", seed >> 40, seed % 1_000_000)?;
            }
            total += text.len();
            std::fs::write(folder.join(format!("file{number}.py")), text)?;
        }
        Ok(total)
    }

    fn edit(&self, what: &str) -> Outcome {
        Ok(std::fs::write(self.project.join("part000/sub0/file0.py"), format!("edited = '{what}'\n"))?)
    }
}

/// The next number of a small generator: the same files on every machine.
fn step(seed: u64) -> u64 {
    let mut next = seed;
    next ^= next << 13;
    next ^= next >> 7;
    next ^ next << 17
}

fn copy_folder(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
