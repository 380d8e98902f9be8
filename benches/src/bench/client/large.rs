//! Folders with very large files: azml beside git-lfs, DVC, and what the machine needs to read, hash and copy them.
//!
//! One folder has the files; each side comes to it in turn and goes with all that it made, so that the disk has two copies of
//! the files at most, and the new version of changed ones.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::super::{median, scratch};
use super::report::{Goal, Report};
use super::side::{clock, command};
use super::write_large;
use super::{Effort, dvc};
use crate::{Outcome, machine, process};

/// The number of files that have the bytes together, where a part of each changes.
const FILES: u64 = 10;
/// The part of each file that changes: one byte in so many.
const PART: u64 = 100;
/// Repetitions of what takes milliseconds.
const QUICK: usize = 9;
/// The limit for the difference that an unchanged large file makes.
const MORE: Duration = Duration::from_millis(1);

/// A program, as lines of the shell in a folder.
struct Side {
    name: &'static str,
    /// Makes the folder one of the program's.
    begin: String,
    keep: String,
    restore: String,
    /// All that it makes in the folder.
    own: &'static [&'static str],
}

/// The times of one side.
#[derive(Debug, Default)]
struct Times {
    first: Vec<Duration>,
    unchanged: Vec<Duration>,
    changed: Vec<Duration>,
    restore: Vec<Duration>,
}

struct Folder {
    home: PathBuf,
    path: PathBuf,
}

impl Folder {
    fn shell(&self, script: &str) -> Command {
        let mut shell = command(Path::new("sh"), &self.path, &self.home);
        shell.env("DVC_NO_ANALYTICS", "1").args(["-ec", script]);
        shell
    }

    fn run(&self, script: &str) -> Outcome {
        process::capture(&mut self.shell(script)).map(drop)
    }

    /// The time of a line, when what others wrote has reached the disk.
    fn time(&self, script: &str) -> Outcome<Duration> {
        process::capture(&mut Command::new("sync"))?;
        clock(&mut self.shell(script))
    }

    fn files(&self) -> Outcome<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.path)?.collect::<Result<Vec<_>, _>>()?;
        Ok(entries
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "bin"))
            .collect())
    }

    fn end(&self, side: &Side) -> Outcome {
        for own in side.own {
            let path = self.path.join(own);
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else if path.exists() {
                fs::remove_file(path)?;
            }
        }
        for file in self.files()? {
            let told = PathBuf::from(format!("{}.dvc", file.display()));
            if told.exists() {
                fs::remove_file(told)?;
            }
        }
        Ok(())
    }
}

fn sides(azml: &Path, peers: bool, report: &mut Report) -> Vec<Side> {
    let azml = azml.display();
    let mut sides = vec![
        Side {
            name: "azml",
            // Made beside the folder: what it makes has no large files to look at.
            begin: format!(
                "{azml} project create -n bench --path .. -o none && find ../bench -mindepth 1 -maxdepth 1 -exec mv -t . {{}} + \
                 && rmdir ../bench"
            ),
            keep: format!("{azml} project snapshot -o none --only-show-errors --allow-large"),
            restore: format!("{azml} snapshot restore HEAD -o none --only-show-errors"),
            own: &[".git", ".azuremlhistory_git", ".azureml", ".amlignore", ".gitignore", "aml_config"],
        },
        Side {
            name: "git-lfs",
            begin: "git init -q && git lfs install --local && git lfs track '*.bin'".to_owned(),
            keep: "git add -A && git commit -q --allow-empty -m kept".to_owned(),
            restore: "git checkout -q -- .".to_owned(),
            own: &[".git", ".gitattributes"],
        },
    ];
    match dvc::program() {
        Ok(dvc) if peers => sides.push(Side {
            name: "DVC",
            begin: format!("git init -q && {} init -q", dvc.display()),
            keep: format!("{} add -q *.bin", dvc.display()),
            restore: format!("{} checkout -q", dvc.display()),
            own: &[".git", ".dvc", ".dvcignore", ".gitignore"],
        }),
        Ok(_) => {}
        Err(why) => report.note(format!("DVC is not here: {why}")),
    }
    sides
}

pub(super) fn measure(azml: &Path, effort: Effort, report: &mut Report) -> Outcome {
    machine::require_git_lfs()?;
    let scratch = scratch()?;
    let folder = Folder { home: scratch.path().to_owned(), path: scratch.path().join("folder") };
    fs::create_dir(&folder.path)?;
    fs::write(folder.path.join("train.py"), "print('trained')\n")?;
    let sides = sides(azml, effort.peers, report);
    let without = unchanged_without(&folder, &sides[0])?;
    let megabytes = effort.very_large / 1_000_000;

    let file = folder.path.join("large.bin");
    write_large(&file, effort.very_large)?;
    let written = file.metadata()?.len();
    let times = in_turns(&folder, &sides, effort.few, |folder, side, times| {
        times.first.push(folder.time(&side.keep)?);
        for _ in 0..QUICK {
            times.unchanged.push(clock(&mut folder.shell(&side.keep))?);
        }
        fs::remove_file(&file)?;
        times.restore.push(folder.time(&side.restore)?);
        let length = file.metadata()?.len();
        if length == written {
            Ok(())
        } else {
            Err(format!("{} gives back {length} bytes", side.name).into())
        }
    })?;
    let floor = median((0..effort.few).map(|_| floor(&file)).collect::<Outcome<_>>()?);
    fs::remove_file(&file)?;
    let one = format!("one file of {megabytes} MB");
    let goals = [Goal::Times(1.3, "floor"), Goal::Times(1.0 / 3.0, "git-lfs"), Goal::Times(0.2, "DVC")];
    report.times(format!("{one}: first"), row(&times, |times| &times.first, Some(floor)), &goals);
    let goals = [Goal::Plus(1.0, "floor", MORE)];
    report.times(format!("{one}: unchanged"), row(&times, |times| &times.unchanged, Some(without)), &goals);
    report.times(format!("{one}: restore"), row(&times, |times| &times.restore, None), &[]);
    report.note(
        "Large files: the floor of the first row reads and hashes the file, then copies and flushes it; that of the second is azml \
         in the same folder without the file. azml flushes what it keeps, git-lfs and DVC do not.",
    );

    let names: Vec<PathBuf> =
        (0..FILES).map(|number| folder.path.join(format!("part{number}.bin"))).collect();
    for name in &names {
        write_large(name, effort.very_large / FILES)?;
    }
    let times = in_turns(&folder, &sides, 1, |folder, side, times| {
        folder.run(&side.keep)?;
        names.iter().try_for_each(|name| change(name))?;
        times.changed.push(folder.time(&side.keep)?);
        Ok(())
    })?;
    report.times(
        format!("1 % of each of {FILES} files of {} MB", megabytes / FILES),
        row(&times, |times| &times.changed, None),
        &[Goal::Times(1.0 / 3.0, "git-lfs")],
    );
    Ok(())
}

/// The time in which azml finds that a folder without large files is unchanged.
fn unchanged_without(folder: &Folder, azml: &Side) -> Outcome<Duration> {
    folder.run(&azml.begin)?;
    folder.run(&azml.keep)?;
    let times = (0..QUICK).map(|_| clock(&mut folder.shell(&azml.keep))).collect::<Outcome<Vec<_>>>()?;
    folder.end(azml)?;
    Ok(median(times))
}

fn in_turns(
    folder: &Folder,
    sides: &[Side],
    rounds: usize,
    mut work: impl FnMut(&Folder, &Side, &mut Times) -> Outcome,
) -> Outcome<Vec<(&'static str, Times)>> {
    let mut all: Vec<_> = sides.iter().map(|side| (side.name, Times::default())).collect();
    for round in 0..rounds {
        for place in 0..sides.len() {
            let at = (place + round) % sides.len();
            folder.run(&sides[at].begin)?;
            let done = work(folder, &sides[at], &mut all[at].1);
            folder.end(&sides[at])?;
            done?;
        }
    }
    Ok(all)
}

fn row(
    all: &[(&'static str, Times)],
    of: impl Fn(&Times) -> &Vec<Duration>,
    floor: Option<Duration>,
) -> Vec<(&'static str, Duration)> {
    let sides = all.iter().map(|(name, times)| (*name, median(of(times).clone())));
    sides.chain(floor.map(|floor| ("floor", floor))).collect()
}

/// Reads and hashes a file, then copies it to the disk.
fn floor(path: &Path) -> Outcome<Duration> {
    process::capture(&mut Command::new("sync"))?;
    let start = Instant::now();
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    std::hint::black_box(hasher.finalize());
    let copy = path.with_extension("copy");
    fs::copy(path, &copy)?;
    File::open(&copy)?.sync_all()?;
    let took = start.elapsed();
    fs::remove_file(copy)?;
    Ok(took)
}

/// Writes other bytes over a part in the middle of a file.
fn change(path: &Path) -> Outcome {
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut part = vec![0; usize::try_from(length / PART)?];
    file.seek(SeekFrom::Start(length / 2))?;
    file.read_exact(&mut part)?;
    for byte in &mut part {
        *byte = byte.wrapping_add(1);
    }
    file.seek(SeekFrom::Start(length / 2))?;
    Ok(file.write_all(&part)?)
}
