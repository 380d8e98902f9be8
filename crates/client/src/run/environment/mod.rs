//! Environments from the snapshot's own files: `uv.lock`, `requirements.txt`, or conda's file.
//!
//! | in the folder of environments | what |
//! | --- | --- |
//! | `<hash>.json` | an environment: its folder, and what is installed in it. It is written last: without it there is none |
//! | `<hash>-<random>/` | its files, at the place where they were made: programs in there have the path in their first line |
//! | `<hash>.lock` | who makes it holds this alone; every run in it holds it beside others |
//!
//! The hash is that of the files and of the interpreter, so that an environment never changes once it is there.

mod source;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use azml_core::small_file;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::source::{Kind, Source, tool};
use super::address_mask::AddressMask;
use super::aside::Aside;
use super::process::{Ended, Exit};
use super::signals::{self, Cancel};
use super::streams::{Notice, Watch};
use crate::env::{HOME, PATH, PYTHONPATH};
use crate::limits;

/// The digits of the hash in names.
const DIGITS: usize = 24;
/// Variables of an environment that is active where azml was started.
const ACTIVE: [&str; 4] = [VIRTUAL_ENV, "CONDA_PREFIX", "PYTHONHOME", PYTHONPATH];
const VIRTUAL_ENV: &str = "VIRTUAL_ENV";
/// Asks an interpreter who it is: another answer makes another environment.
const WHO: &str = "import sys,sysconfig; print(sys.version.split()[0]); print(sys.version, sys.base_prefix, sysconfig.get_platform())";

/// The environment that a run configuration asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The path of conda's file, if that counts: then a snapshot without any of the files is an error.
    pub conda: Option<String>,
}

/// The reason why an environment can't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No file says what is to be installed.
    #[error("the snapshot has neither uv.lock nor requirements.txt nor {conda}, which say what a run needs")]
    NoFile { conda: String },
    /// No program that installs by the file.
    #[error("{file} needs {tools}, and there is no such program on the PATH")]
    NoTool { file: String, tools: String },
    /// The environment would be of one folder alone.
    #[error(
        "{file} has the line `{line}`, which installs from the run's folder; environments are shared by runs"
    )]
    FromFolder { file: String, line: String },
    /// A list names lists without end.
    #[error("{file} names more than {} other files", limits::LOCK_FILES)]
    TooMany { file: String },
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folder of environments can't be used.
    #[error("cannot keep environments in {}", folder.display())]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A program can't be started.
    #[error("cannot start {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A command failed.
    #[error("the environment of {file} could not be made: `{command}` {how}{said}")]
    Command {
        file: String,
        command: String,
        how: String,
        /// The end of its output, if it said anything.
        said: String,
    },
}

impl Error {
    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoFile { .. } => {
                "write one, or use the Python of the target: `userManagedEnvironment: true` in its .compute file"
            }
            Self::NoTool { .. } => {
                "install it there, or use the Python of the target: `userManagedEnvironment: true` in its .compute file"
            }
            Self::FromFolder { .. } => {
                "leave the line out: scripts import the snapshot's own modules from the run's folder"
            }
            _ => "all of it: {azml} history info -r RUN_ID -a prepare_log.txt",
        }
    }
}

/// An environment, as its file describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Described {
    folder: String,
    file: String,
    hash: String,
    tool: String,
    python: String,
    installed: Vec<String>,
}

/// An environment that a run may use; it stays at least as long as this value.
#[derive(Debug)]
pub(super) struct Environment {
    folder: PathBuf,
    described: Described,
    is_new: bool,
    _used: File,
}

/// The result of looking for an environment.
pub(super) enum Found {
    /// It is there.
    Ready(Environment),
    /// There is nothing to make one by.
    None,
    /// The run was cancelled meanwhile.
    Canceled,
}

impl Environment {
    /// Its interpreter.
    pub(super) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Has programs be found in it first.
    pub(super) fn activate(&self, env: &mut BTreeMap<OsString, OsString>) {
        let mut path = self.folder.join("bin").into_os_string();
        if let Some(before) = env.get(OsStr::new(PATH)) {
            path.push(":");
            path.push(before);
        }
        env.insert(PATH.into(), path);
        env.remove(OsStr::new("PYTHONHOME"));
        env.insert(VIRTUAL_ENV.into(), self.folder.clone().into());
    }

    /// The text that the record of a run has of it.
    pub(super) fn about(&self) -> Value {
        let Described { file, hash, tool, python, installed, .. } = &self.described;
        let packages = installed.len();
        json!({"file": file, "hash": hash, "tool": tool, "python": python, "packages": packages, "is_new": self.is_new})
    }

    /// The packages in it, one a line.
    pub(super) fn installed(&self) -> String {
        self.described.installed.join("\n") + "\n"
    }
}

/// Checks that the project in `root` has what an environment is made by.
pub fn check(root: &Path, wanted: &Wanted) -> Result<(), Error> {
    // The programs that install are looked for where the run will be.
    find(root, wanted, &|name| Some(name.into())).map(drop)
}

fn find(
    folder: &Path,
    wanted: &Wanted,
    program: &dyn Fn(&str) -> Option<PathBuf>,
) -> Result<Option<Source>, Error> {
    match (Source::find(folder, wanted.conda.as_deref(), program)?, &wanted.conda) {
        (None, Some(conda)) => Err(Error::NoFile { conda: conda.clone() }),
        (found, _) => Ok(found),
    }
}

/// Makes environments for one run.
pub(super) struct Maker<'a> {
    /// The folder of all environments.
    pub(super) folder: &'a Path,
    /// The run's folder, with the snapshot's files.
    pub(super) cwd: &'a Path,
    /// The run's variables.
    pub(super) env: &'a BTreeMap<OsString, OsString>,
    /// The log of what the programs print, and the address that is masked in it.
    pub(super) log: (&'a Path, Option<&'a AddressMask>),
    pub(super) watch: &'a Arc<dyn Watch>,
    pub(super) cancel: &'a Cancel,
}

impl Maker<'_> {
    /// Gives the environment that the snapshot's files describe; makes it if there is none yet. `python` is the interpreter for it, and
    /// whether the configuration names that.
    pub(super) fn environment(&self, wanted: &Wanted, python: (&Path, bool)) -> Result<Found, Error> {
        let (path, home) = (self.env.get(OsStr::new(PATH)), self.env.get(OsStr::new(HOME)));
        let program = |name: &str| tool(name, path.map(OsString::as_os_str), home);
        let Some(source) = find(self.cwd, wanted, &program)? else { return Ok(Found::None) };
        let (version, interpreter) = self.interpreter(&source, python.0)?;
        let hash = source.hash(&interpreter);
        let name = &hash[..DIGITS];
        let failed = |source| Error::Folder { folder: self.folder.to_owned(), source };
        std::fs::create_dir_all(self.folder).map_err(failed)?;
        let open = || {
            let file = self.folder.join(format!("{name}.lock"));
            File::options().create(true).append(true).open(file).map_err(failed)
        };
        let (mut is_new, mut is_told) = (false, false);
        loop {
            let used = open()?;
            let is_shared = match used.try_lock_shared() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            };
            if is_shared && let Some((folder, described)) = self.described(name) {
                return Ok(Found::Ready(Environment { folder, described, is_new, _used: used }));
            }
            drop(used);
            let lock = open()?;
            match lock.try_lock() {
                Ok(()) if self.described(name).is_none() => {
                    if !self.make(&source, &hash, python, &version)? {
                        return Ok(Found::Canceled);
                    }
                    is_new = true;
                    prune(self.folder, limits::ENVIRONMENTS_KEPT, &mut |old, _| old != name);
                    continue;
                }
                // Another run was faster.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            if !is_told {
                is_told = true;
                let text =
                    format!("another run makes the environment of {}: this one waits for it", source.file);
                self.watch.notice(&Notice { text, hint: None });
            }
            if self.cancel.is_asked() {
                return Ok(Found::Canceled);
            }
            std::thread::sleep(limits::ENVIRONMENT_LOOK);
        }
    }

    /// The version of the interpreter that an environment will have, and everything that tells it from others.
    fn interpreter(&self, source: &Source, python: &Path) -> Result<(String, String), Error> {
        let mut python = python.to_owned();
        match (source.kind, &source.tool) {
            (Kind::Conda, _) => return Ok((String::new(), std::env::consts::ARCH.to_owned())),
            (Kind::Uv, Some(uv)) => {
                // uv chooses one that fits the project.
                let found = self.ask(uv, &["python", "find"])?;
                if let Some(found) = found.lines().next() {
                    python = found.into();
                }
            }
            _ => {}
        }
        let said = self.ask(&python, &["-c", WHO])?;
        let (version, all) = said.split_once('\n').unwrap_or_default();
        Ok((version.to_owned(), all.to_owned()))
    }

    /// Asks a program for something short; gives what it prints, which is nothing if it fails.
    fn ask(&self, program: &Path, args: &[&str]) -> Result<String, Error> {
        let output = Command::new(program)
            .args(args)
            .env_clear()
            .envs(self.clean())
            .current_dir(self.cwd)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::Start { program: program.to_owned(), source })?;
        let said = if output.status.success() { output.stdout } else { Vec::new() };
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// The run's variables without those of another environment.
    fn clean(&self) -> BTreeMap<OsString, OsString> {
        let mut env = self.env.clone();
        env.retain(|name, _| !ACTIVE.iter().any(|active| name == active));
        env
    }

    fn described(&self, name: &str) -> Option<(PathBuf, Described)> {
        let file = self.folder.join(format!("{name}.json"));
        let described: Described = serde_json::from_slice(&small_file::read(&file).ok()?).ok()?;
        let folder = self.folder.join(&described.folder);
        folder.join("bin/python").exists().then_some((folder, described))
    }

    /// Makes an environment; returns whether the run still wants it. Its lock is held.
    fn make(
        &self,
        source: &Source,
        hash: &str,
        (python, is_named): (&Path, bool),
        version: &str,
    ) -> Result<bool, Error> {
        let name = &hash[..DIGITS];
        let failed = |source| Error::Folder { folder: self.folder.to_owned(), source };
        // What one that was killed has left.
        remove(self.folder, name);
        let made =
            tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(self.folder).map_err(failed)?;
        // conda's programs want to make the folder themselves.
        let folder = made.path().join("env");
        let text = format!("making the environment of {}", source.file);
        self.watch.notice(&Notice { text, hint: None });
        let (to, inside) = (folder.as_os_str(), folder.join("bin/python"));
        let mut env = self.clean();
        env.insert("PIP_DISABLE_PIP_VERSION_CHECK".into(), "1".into());
        env.insert("UV_PROJECT_ENVIRONMENT".into(), to.to_owned());
        env.insert("CONDA_ALWAYS_YES".into(), "1".into());
        let Self { cwd, log: (log, address), watch, cancel, .. } = *self;
        let aside = Aside { cwd, env, log, address, watch, cancel };
        let tool = source.tool.as_deref();
        let file = source.file.as_str();
        let steps: Vec<(&Path, Vec<&OsStr>)> = match (source.kind, tool) {
            (Kind::Uv, Some(uv)) => {
                let mut words =
                    words(&["sync", "--frozen", "--no-install-project", "--no-install-workspace"]);
                if is_named {
                    words.extend([OsStr::new("--python"), python.as_os_str()]);
                }
                vec![(uv, words)]
            }
            (Kind::Conda, Some(tool)) => {
                let is_micromamba = tool.ends_with("micromamba");
                let verb: &[&str] = if is_micromamba { &["create", "--yes"] } else { &["env", "create"] };
                let rest = [OsStr::new("--prefix"), to, OsStr::new("--file"), OsStr::new(file)];
                vec![(tool, [words(verb), rest.to_vec()].concat())]
            }
            (_, Some(uv)) => vec![
                (uv, [words(&["venv", "--python"]), vec![python.as_os_str(), to]].concat()),
                (uv, [words(&["pip", "install", "-r", file, "--python"]), vec![inside.as_os_str()]].concat()),
            ],
            (_, None) => vec![
                (python, [words(&["-m", "venv"]), vec![to]].concat()),
                (&inside, words(&["-m", "pip", "install", "--no-input", "-r", file])),
            ],
        };
        for (program, words) in steps {
            let args = words.iter().map(|word| (*word).to_owned()).collect();
            let ended = aside.run(program, args);
            let ended = ended.map_err(|source| Error::Start { program: program.to_owned(), source })?;
            if ended.exit == Exit::Canceled {
                return Ok(false);
            }
            self.succeeded(file, program, &words, ended)?;
        }
        let list = match (source.kind, tool) {
            (Kind::Conda, Some(tool)) => self.ask(tool, &["list", "--prefix", &to.to_string_lossy()])?,
            (_, Some(uv)) => self.ask(uv, &["pip", "freeze", "--python", &inside.to_string_lossy()])?,
            (_, None) => self.ask(&inside, &["-m", "pip", "freeze"])?,
        };
        let list = list.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let version = if version.is_empty() {
            self.ask(&inside, &["-c", WHO])?.lines().next().unwrap_or_default().to_owned()
        } else {
            version.to_owned()
        };
        let described = Described {
            folder: format!("{}/env", made.path().file_name().unwrap_or_default().to_string_lossy()),
            file: file.to_owned(),
            hash: hash.to_owned(),
            tool: tool.map_or_else(|| "pip".to_owned(), short),
            python: version,
            installed: list.take(limits::INSTALLED_PACKAGES).map(str::to_owned).collect(),
        };
        let text = serde_json::to_vec_pretty(&described).expect("texts are always JSON");
        small_file::replace(&self.folder.join(format!("{name}.json")), &text, true).map_err(failed)?;
        let _stays = made.keep();
        Ok(true)
    }

    fn succeeded(&self, file: &str, program: &Path, words: &[&OsStr], ended: Ended) -> Result<(), Error> {
        let how = match ended.exit {
            Exit::Code(0) | Exit::Canceled => return Ok(()),
            Exit::Code(code) => format!("ended with exit code {code}"),
            Exit::Signal(signal) => format!("was killed by {}", signals::describe(signal)),
        };
        let words = words.iter().map(|word| word.to_string_lossy()).take(3).collect::<Vec<_>>().join(" ");
        let log = std::fs::read(self.log.0).unwrap_or_default();
        let text = crate::text::clean(&String::from_utf8_lossy(&log));
        let last: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = last[last.len().saturating_sub(limits::ENVIRONMENT_ERROR_LINES)..].join("\n");
        let said = if last.is_empty() { last } else { format!(":\n{last}") };
        Err(Error::Command {
            file: file.to_owned(),
            command: format!("{} {words} …", short(program)),
            how,
            said,
        })
    }
}

/// Removes an environment that no run uses; its lock is held.
fn remove(folder: &Path, name: &str) {
    drop(std::fs::remove_file(folder.join(format!("{name}.json"))));
    for path in files_of(folder, name) {
        if let Err(error) = super::remove_folder(&path) {
            tracing::warn!(%error, "an old environment stays");
        }
    }
}

/// The folders of an environment.
fn files_of(folder: &Path, name: &str) -> Vec<PathBuf> {
    let prefix = format!("{name}-");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let its = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()));
    its.map(|entry| entry.path()).collect()
}

/// Calls `each` with the environments that were made longest ago, beyond the `keep` newest, and with their folders, unless a run
/// uses them; removes them then if it returns true.
pub fn prune(folder: &Path, keep: usize, each: &mut dyn FnMut(&str, &[PathBuf]) -> bool) {
    let made = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_str()?.strip_suffix(".json")?.to_owned();
        Some((entry.metadata().ok()?.modified().ok()?, name))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries.filter_map(made).collect();
    all.sort();
    let surplus = all.len().saturating_sub(keep);
    for (_, name) in all.iter().take(surplus) {
        let lock = File::options().append(true).open(folder.join(format!("{name}.lock")));
        let Ok(lock) = lock else { continue };
        if lock.try_lock().is_ok() && each(name, &files_of(folder, name)) {
            remove(folder, name);
            tracing::info!(name, "an old environment is removed");
        }
    }
}

fn words<'w>(words: &[&'w str]) -> Vec<&'w OsStr> {
    words.iter().map(|word| OsStr::new(*word)).collect()
}

/// The name of a program, without its folder.
fn short(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
