//! The program that words on the command line mean: a script of the project, a command, a module, a notebook.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::env::PATH;
use crate::error::CommandError;
use crate::run::config::RunConfig;
use crate::run::program::{has_interpreter, is_package};
use crate::run::python::{find_program, is_program};
use crate::run::target::{Program, TargetError};

/// The shell for a line.
const SHELL: &str = "/bin/sh";

/// The program that is wanted, as the user has named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A script of the project, or else a command on the PATH, with its arguments.
    Script(Vec<String>),
    /// A command, or else a script of the project, with its arguments.
    Command(Vec<String>),
    /// A module of Python with its arguments.
    Module(String, Vec<String>),
    /// A line for the shell.
    Shell(String),
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Script(Vec::new())
    }
}

/// A reason why words mean no program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the words nor the configuration name one.
    #[error("run configuration `{configuration}` names no script, and none was given")]
    NoScriptNamed { configuration: String },
    /// The script is not the project's.
    #[error("{} is not in the project folder {}", file.display(), root.display())]
    Outside { file: PathBuf, root: PathBuf },
    /// The script does not exist.
    #[error("there is no script {script} in {}", root.display())]
    NoScript { script: String, root: PathBuf, similar: Option<String> },
}

/// Finds the program; the words are those after the configuration's name.
pub fn program(
    ctx: &Context,
    root: &Path,
    config: &RunConfig,
    wanted: Wanted,
) -> Result<Program, CommandError> {
    match wanted {
        Wanted::Module(name, arguments) => Ok(Program::Module { name, arguments }),
        Wanted::Shell(line) => {
            let words = [SHELL, "-c", &line].map(str::to_owned).to_vec();
            Ok(Program::Command { words, name: "sh".to_owned(), before: 1 })
        }
        Wanted::Command(words) if !words.is_empty() => command(ctx, root, config, words),
        Wanted::Script(words) | Wanted::Command(words) => script(ctx, root, config, words),
    }
}

/// A command; or else the script of the project that its first word names.
fn command(
    ctx: &Context,
    root: &Path,
    config: &RunConfig,
    mut words: Vec<String>,
) -> Result<Program, CommandError> {
    let first = words[0].clone();
    if is_on_path(ctx, config, &first) {
        return Ok(as_it_is(root, words));
    }
    let path = match project_path(root, &ctx.env.cwd, &first) {
        Ok(path) => path,
        // A program of this computer; or one that the preparing commands make.
        Err(_) if first.starts_with('/') || config.makes_programs() => return Ok(as_it_is(root, words)),
        Err(error @ Error::Outside { .. }) => return Err(error.into()),
        Err(missing) => {
            let mut error = CommandError::from(TargetError::NoCommand { name: first });
            error.hints.splice(0..0, CommandError::from(missing).hints);
            return Err(error);
        }
    };
    let file = root.join(&path);
    if has_interpreter(&path) || is_notebook(&path) || is_package(&file) {
        return script(ctx, root, config, words);
    }
    if !is_program(&file) {
        return Err(TargetError::NotExecutable { file: path }.into());
    }
    words[0] = if path.contains('/') { path } else { format!("./{path}") };
    Ok(as_it_is(root, words))
}

/// A script, by the configuration's own arguments around it; or else a command on the PATH.
fn script(
    ctx: &Context,
    root: &Path,
    config: &RunConfig,
    words: Vec<String>,
) -> Result<Program, CommandError> {
    let Some((script, arguments)) = config.command(&words) else {
        return Err(Error::NoScriptNamed { configuration: config.name.clone() }.into());
    };
    match project_path(root, &ctx.env.cwd, &script) {
        Ok(path) if is_notebook(&path) => Ok(Program::Notebook { path, arguments }),
        Ok(path) => Ok(Program::Script { path, arguments }),
        Err(_) if words.first().is_some_and(|word| is_on_path(ctx, config, word)) => {
            Ok(as_it_is(root, words))
        }
        Err(error) => Err(error.into()),
    }
}

/// Words that are executed as they are. Records show the script among them, or the first word.
fn as_it_is(root: &Path, words: Vec<String>) -> Program {
    let is_module =
        |at: usize| words[at - 1] == "-m" && words[..at - 1].iter().any(|word| takes_module(word));
    let is_script = |word: &String| (has_interpreter(word) || is_notebook(word)) && root.join(word).is_file();
    let named = (1..words.len()).find(|at| is_module(*at) || is_script(&words[*at])).unwrap_or(0);
    Program::Command { name: words[named].clone(), before: named + 1, words }
}

/// Returns whether `-m` of a program is followed by a module of Python.
fn takes_module(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    name.starts_with("python") || ["torchrun", "accelerate", "uv"].contains(&name)
}

fn is_notebook(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("ipynb"))
}

/// Returns whether a word is the name of a program on the PATH of the run.
fn is_on_path(ctx: &Context, config: &RunConfig, word: &str) -> bool {
    let configured = config.environment.get(PATH).map(OsString::from);
    let path = configured.as_deref().or_else(|| ctx.env.get(PATH));
    !word.contains('/') && find_program(word, Path::new("/"), path).is_some()
}

/// The script's path relative to the project folder: as it is given there, else from the current folder.
fn project_path(root: &Path, cwd: &Path, script: &str) -> Result<String, Error> {
    let real_root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut outside = None;
    for base in [root, cwd] {
        let file = base.join(script);
        let Ok(folder) = file.parent().unwrap_or(base).canonicalize() else { continue };
        if !file.is_file() && !is_package(&file) {
            continue;
        }
        // A script that is a link is run by the name that it was given by.
        let real = match file.file_name() {
            Some(name) if !file.is_dir() => folder.join(name),
            _ => file.canonicalize().unwrap_or_else(|_| file.clone()),
        };
        match real.strip_prefix(&real_root) {
            Ok(inside) if inside.as_os_str().is_empty() => return Ok(".".to_owned()),
            Ok(inside) => return Ok(inside.to_string_lossy().into_owned()),
            Err(_) => outside = Some(file),
        }
    }
    if let Some(file) = outside {
        return Err(Error::Outside { file, root: root.to_owned() });
    }
    let names: Vec<String> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let similar = crate::error::similar(script, names.iter().map(String::as_str));
    let similar = similar.first().map(|best| (*best).to_owned());
    Err(Error::NoScript { script: script.to_owned(), root: root.to_owned(), similar })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_show_the_script_of_a_command() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["train.py", "a.ipynb"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        for (line, name, arguments) in [
            ("python train.py --lr 0.1", "train.py", "--lr 0.1"),
            ("python -m pkg.train --lr 0.1", "pkg.train", "--lr 0.1"),
            ("torchrun --nproc-per-node 2 train.py x", "train.py", "x"),
            ("uv run python -m pkg", "pkg", ""),
            ("make -j 2 train", "make", "-j 2 train"),
            ("git commit -m train", "git", "commit -m train"),
            ("python gone.py", "python", "gone.py"),
            ("true", "true", ""),
        ] {
            let program = as_it_is(dir.path(), line.split(' ').map(str::to_owned).collect());
            assert_eq!((program.name(), &*program.arguments().join(" ")), (name, arguments), "{line}");
        }
    }

    #[test]
    fn a_script_is_found_from_the_project_and_from_the_current_folder() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("p");
        std::fs::create_dir_all(root.join("src")).unwrap();
        for file in ["train.py", "src/deep.py", "../outside.py"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        let find = |cwd: &str, script: &str| project_path(&root, &root.join(cwd), script);
        assert_eq!(find("", "train.py").unwrap(), "train.py");
        assert_eq!(find("", "./src/../train.py").unwrap(), "train.py");
        assert_eq!(find("src", "deep.py").unwrap(), "src/deep.py");
        assert_eq!(find("src", "../train.py").unwrap(), "train.py");
        assert!(matches!(find("", "../outside.py"), Err(Error::Outside { .. })));
        for file in ["-x.py", "src/a b\nc.py", "app/__main__.py", "__main__.py"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        assert_eq!(find("", "./-x.py").unwrap(), "-x.py");
        assert_eq!(find("src", "a b\nc.py").unwrap(), "src/a b\nc.py");
        assert_eq!(find("", "app").unwrap(), "app");
        assert_eq!(find("", "app/").unwrap(), "app");
        assert_eq!(find("app", "./.").unwrap(), ".", "the project's folder goes before the current one");
        assert_eq!(find("", ".").unwrap(), ".");
        let absolute = root.join("src/deep.py");
        assert_eq!(find("app", absolute.to_str().unwrap()).unwrap(), "src/deep.py");
        assert!(matches!(find("", "src"), Err(Error::NoScript { .. })), "no __main__.py");
        let missing = find("", "trian.py").unwrap_err();
        assert!(matches!(missing, Error::NoScript { similar: Some(best), .. } if best == "train.py"));
    }
}
