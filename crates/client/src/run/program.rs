//! Finds what executes the program of a run: interpreters, programs on the PATH, files of the snapshot.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::notebook::Tool;
use super::python::{find_program, is_program};
use super::spark::Spark;
use super::target::{Program, TargetError};

/// The interpreter where the target names none.
const PYTHON: &str = "python3";
/// Interpreters by the ending of a script's name; Python is asked for apart.
const INTERPRETERS: [(&str, &str); 4] = [("sh", "sh"), ("r", "Rscript"), ("jl", "julia"), ("js", "node")];

/// The Python interpreter of a project's runs: the one that the configuration names, or the first on the PATH.
pub fn interpreter(root: &Path, python: Option<&str>, path: Option<&OsStr>) -> Option<PathBuf> {
    Finder { root, cwd: root, python, path, spark: None }.python("").ok()
}

/// Looks for programs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finder<'f> {
    /// The project folder.
    pub(super) root: &'f Path,
    /// The folder that the program will run in.
    pub(super) cwd: &'f Path,
    /// The Python interpreter that the configuration names.
    pub(super) python: Option<&'f str>,
    /// The PATH of the run.
    pub(super) path: Option<&'f OsStr>,
    /// The Spark that runs Python's scripts.
    pub(super) spark: Option<&'f Spark>,
}

/// A program and all that it is given.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// The Python interpreter that the program is, or that it may start.
    pub(super) python: Option<PathBuf>,
    /// The words that a record has of it, where they are more than the script and its arguments.
    pub(super) command: Option<Vec<String>>,
}

impl Finder<'_> {
    /// Finds what executes a program.
    pub(super) fn execution(&self, program: &Program) -> Result<Execution, TargetError> {
        match program {
            Program::Script { path, arguments } => self.script(path, arguments),
            Program::Command { words, .. } => self.command(words),
            Program::Module { name, arguments } => {
                let words = ["-m".to_owned(), name.clone()].into_iter().chain(arguments.iter().cloned());
                self.by_python(name, words.collect())
            }
            Program::Notebook { path, arguments } => {
                let python = self.python(path)?;
                let words = Tool::of(&python, path)?.words(path, arguments)?;
                self.by_python(path, words)
            }
        }
    }

    fn by_python(&self, script: &str, words: Vec<String>) -> Result<Execution, TargetError> {
        let python = self.python(script)?;
        let name = python.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Execution {
            arguments: words.iter().map(OsString::from).collect(),
            command: Some(std::iter::once(name).chain(words).collect()),
            program: python.clone(),
            python: Some(python),
        })
    }

    fn command(&self, words: &[String]) -> Result<Execution, TargetError> {
        let (first, arguments) = words.split_first().expect("a command has a word");
        let program = find_program(first, self.cwd, self.path).ok_or_else(|| {
            let file = self.cwd.join(first);
            if first.contains('/') && file.is_file() {
                return TargetError::NotExecutable { file: first.clone() };
            }
            TargetError::NoCommand { name: first.clone() }
        })?;
        let is_python =
            program.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"python"));
        let python = if is_python { Some(program.clone()) } else { self.python(first).ok() };
        let arguments = arguments.iter().map(OsString::from).collect();
        Ok(Execution { program, arguments, python, command: Some(words.to_vec()) })
    }

    fn script(&self, path: &str, arguments: &[String]) -> Result<Execution, TargetError> {
        let arguments = arguments.iter().map(OsString::from);
        let ending = Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        let mut interpreter = None;
        // Python runs a folder too: its `__main__.py`.
        if ending != "py" && !is_package(&self.cwd.join(path)) {
            if is_program(&self.root.join(path)) {
                let arguments = arguments.collect();
                return Ok(Execution {
                    program: self.cwd.join(path),
                    arguments,
                    python: None,
                    command: None,
                });
            }
            interpreter = INTERPRETERS.iter().find(|(known, _)| *known == ending);
        }
        let program = match interpreter {
            Some((_, interpreter)) => self.find(path, interpreter),
            None => self.python(path),
        }?;
        // An interpreter would take `-x.py` for options.
        let script = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
        if let Some(spark) = self.spark.filter(|_| ending == "py") {
            let options = spark.options(self.cwd)?;
            return Ok(Execution {
                arguments: options.into_iter().chain([script.into()]).chain(arguments).collect(),
                python: Some(program),
                program: self.find(path, &spark.submit)?,
                command: None,
            });
        }
        Ok(Execution {
            arguments: std::iter::once(script.into()).chain(arguments).collect(),
            python: interpreter.is_none().then(|| program.clone()),
            program,
            command: None,
        })
    }

    /// The Python interpreter of the run.
    pub(super) fn python(&self, script: &str) -> Result<PathBuf, TargetError> {
        let python = self.python.unwrap_or(PYTHON);
        match self.find(script, python) {
            // Many systems have one of the two names only.
            Err(_) if python == "python" => self.find(script, "python3"),
            Err(_) if python == "python3" => self.find(script, "python"),
            found => found,
        }
    }

    fn find(&self, script: &str, program: &str) -> Result<PathBuf, TargetError> {
        // What the preparing commands made in the run's folder goes before what the project has.
        let found = find_program(program, self.cwd, self.path);
        found
            .or_else(|| find_program(program, self.root, self.path))
            .ok_or_else(|| TargetError::NoProgram { script: script.to_owned(), program: program.to_owned() })
    }
}

/// The words that execute a program in a container with the run's folder at `work`: programs are found there, by the image's PATH.
pub(super) fn words_in_container(
    program: &Program,
    work: &Path,
    python: Option<&str>,
) -> Result<Vec<OsString>, TargetError> {
    let python = || OsString::from(python.unwrap_or(PYTHON));
    let words = |first: Vec<OsString>, rest: &[String]| {
        first.into_iter().chain(rest.iter().map(OsString::from)).collect::<Vec<_>>()
    };
    Ok(match program {
        Program::Command { words: all, .. } => words(Vec::new(), all),
        Program::Module { name, arguments } => words(vec![python(), "-m".into(), name.into()], arguments),
        Program::Notebook { .. } => return Err(TargetError::NotebookInContainer),
        Program::Script { path, arguments } => {
            let ending =
                Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
            let by_ending = INTERPRETERS.iter().find(|(known, _)| *known == ending);
            // An interpreter would take `-x.py` for options.
            let script =
                OsString::from(if path.starts_with('-') { format!("./{path}") } else { path.clone() });
            let is_python = ending == "py" || is_package(&work.join(path));
            if !is_python && is_program(&work.join(path)) {
                words(vec![work.join(path).into()], arguments)
            } else {
                let interpreter =
                    by_ending.filter(|_| !is_python).map(|(_, interpreter)| (*interpreter).into());
                words(vec![interpreter.unwrap_or_else(python), script], arguments)
            }
        }
    })
}

/// Returns whether an interpreter runs files of this name, whatever their mode.
pub fn has_interpreter(path: &str) -> bool {
    let ending = Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
    ending == "py" || INTERPRETERS.iter().any(|(known, _)| *known == ending)
}

/// Returns whether Python can run what is at a path as a folder.
pub fn is_package(path: &Path) -> bool {
    path.join("__main__.py").is_file()
}
