//! The files of a snapshot that say which packages a run needs, and the programs that install by them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use azml_core::large;
use azml_core::small_file;

use super::Error;
use crate::limits;
use crate::run::python::find_program;

/// uv's lock file.
const UV_LOCK: &str = "uv.lock";
/// pip's list.
const REQUIREMENTS: &str = "requirements.txt";
/// Files beside uv's lock that decide about the environment, where they are there.
const BESIDE_UV: [&str; 3] = ["pyproject.toml", "uv.toml", ".python-version"];
/// The program for uv's lock, and for pip's lists where it is there.
const UV: &str = "uv";
/// The programs for conda's files.
const CONDA: [&str; 3] = ["micromamba", "mamba", "conda"];
/// Folders that installers put those programs into, below the home folder; the PATH of a connection by SSH lacks them.
const BELOW_HOME: [&str; 7] = [
    ".local/bin",
    ".cargo/bin",
    "micromamba/bin",
    "miniforge3/bin",
    "mambaforge/bin",
    "miniconda3/bin",
    "anaconda3/bin",
];
/// Options of a line of pip's list that name another list.
const INCLUDES: [&str; 4] = ["-r", "--requirement", "-c", "--constraint"];
/// Beginnings of such a line that installs from a folder.
const FROM_FOLDER: [&str; 5] = ["-e ", "-e.", "--editable", "./", "../"];

/// The kind of such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Uv,
    Requirements,
    Conda,
}

/// A file that says which packages a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) kind: Kind,
    /// Its path below the folder.
    pub(super) file: String,
    /// The program that installs by it; `None`: the interpreter's own pip.
    pub(super) tool: Option<PathBuf>,
    /// The names and contents of all files that decide.
    content: Vec<u8>,
}

impl Source {
    /// Finds the file of the project in `folder`; `None` if there is none. `conda` is the path of conda's file, if that counts.
    pub(super) fn find(
        folder: &Path,
        conda: Option<&str>,
        program: &dyn Fn(&str) -> Option<PathBuf>,
    ) -> Result<Option<Self>, Error> {
        let is_there = |name: &str| folder.join(name).is_file();
        let uv = program(UV);
        let missing =
            |file: &str, tools: &str| Error::NoTool { file: file.to_owned(), tools: tools.to_owned() };
        let has_requirements = is_there(REQUIREMENTS);
        if is_there(UV_LOCK) && (uv.is_some() || !has_requirements) {
            let tool = Some(uv.ok_or_else(|| missing(UV_LOCK, UV))?);
            let mut source = Self { kind: Kind::Uv, file: UV_LOCK.to_owned(), tool, content: Vec::new() };
            source.take(folder, UV_LOCK)?;
            for name in BESIDE_UV.into_iter().filter(|name| is_there(name)) {
                source.take(folder, name)?;
            }
            return Ok(Some(source));
        }
        if has_requirements {
            let file = REQUIREMENTS.to_owned();
            let mut source = Self { kind: Kind::Requirements, file, tool: uv, content: Vec::new() };
            source.take_list(folder, REQUIREMENTS, &mut BTreeSet::new())?;
            return Ok(Some(source));
        }
        let Some(file) = conda.filter(|file| is_there(file)) else { return Ok(None) };
        let tool = CONDA.iter().find_map(|name| program(name));
        let tool = Some(tool.ok_or_else(|| missing(file, &CONDA.join(", ")))?);
        let mut source = Self { kind: Kind::Conda, file: file.to_owned(), tool, content: Vec::new() };
        source.take(folder, file)?;
        Ok(Some(source))
    }

    /// The hash of everything that decides: the files, and the interpreter.
    pub(super) fn hash(&self, interpreter: &str) -> String {
        let text = [format!("{:?} {interpreter}\n", self.kind).as_bytes(), &self.content].concat();
        let hashed = large::hash(&mut text.as_slice(), &mut |_| {}).expect("bytes in memory can be read");
        hashed.oid.to_string().chars().filter(char::is_ascii_hexdigit).collect()
    }

    fn take(&mut self, folder: &Path, name: &str) -> Result<String, Error> {
        let path = folder.join(name);
        let bytes = small_file::read_at_most(&path, limits::LOCK_FILE);
        let bytes = bytes.map_err(|source| Error::Read { path, source })?;
        self.content.extend(format!("{name} {}\n", bytes.len()).into_bytes());
        self.content.extend(&bytes);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Takes in one of pip's lists, with those that it names.
    fn take_list(&mut self, folder: &Path, name: &str, known: &mut BTreeSet<String>) -> Result<(), Error> {
        if !known.insert(name.to_owned()) {
            return Ok(());
        }
        if known.len() > limits::LOCK_FILES {
            return Err(Error::TooMany { file: REQUIREMENTS.to_owned() });
        }
        let text = self.take(folder, name)?;
        for line in text.lines().map(str::trim) {
            if line == "." || FROM_FOLDER.iter().any(|start| line.starts_with(start)) {
                return Err(Error::FromFolder { file: name.to_owned(), line: line.to_owned() });
            }
            let named = INCLUDES.iter().find_map(|option| {
                line.strip_prefix(option)?.strip_prefix([' ', '=']).map(|rest| rest.trim_matches([' ', '=']))
            });
            // Another computer's file decides by its address alone.
            if let Some(named) = named.filter(|named| !named.contains("://")) {
                let named = Path::new(name).with_file_name(named);
                self.take_list(folder, &named.to_string_lossy(), known)?;
            }
        }
        Ok(())
    }
}

/// Finds one of the programs: on the PATH, or where its installer puts it.
pub(super) fn tool(name: &str, path: Option<&OsStr>, home: Option<&OsString>) -> Option<PathBuf> {
    let beside = home.into_iter().flat_map(|home| BELOW_HOME.map(|folder| Path::new(home).join(folder)));
    let mut beside = beside.chain([PathBuf::from("/opt/conda/bin")]);
    find_program(name, Path::new("/"), path)
        .or_else(|| beside.find_map(|folder| find_program(&format!("./{name}"), &folder, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn found(files: &[(&str, &str)], tools: &[&str]) -> Result<Option<Source>, Error> {
        let dir = folder(files);
        Source::find(dir.path(), Some("env.yml"), &|name| tools.contains(&name).then(|| name.into()))
    }

    #[test]
    fn the_file_is_uvs_then_pips_then_condas_by_the_programs_that_are_there() {
        let all = [("uv.lock", "u"), ("requirements.txt", "r"), ("env.yml", "c")];
        for (files, tools, expect) in [
            (&all[..], &["uv", "conda"][..], Some((Kind::Uv, Some("uv")))),
            (&all, &[], Some((Kind::Requirements, None))),
            (&all[1..], &["uv"], Some((Kind::Requirements, Some("uv")))),
            (&all[2..], &["conda", "mamba"], Some((Kind::Conda, Some("mamba")))),
            (&[], &["uv"], None),
        ] {
            let found = found(files, tools).unwrap().map(|source| (source.kind, source.tool));
            assert_eq!(
                found,
                expect.map(|(kind, tool)| (kind, tool.map(PathBuf::from))),
                "{files:?} {tools:?}"
            );
        }
        for (files, tools) in [(&all[..1], "uv"), (&all[2..], "micromamba, mamba, conda")] {
            let error = found(files, &[]).unwrap_err().to_string();
            assert!(error.contains(tools) && error.contains(files[0].0), "{error}");
        }
    }

    #[test]
    fn the_hash_is_of_every_file_that_decides_and_of_the_interpreter() {
        let hash =
            |files: &[(&str, &str)], python: &str| found(files, &["uv"]).unwrap().unwrap().hash(python);
        let lists = |more: &'static str| [("requirements.txt", "-r req/base.txt\nb"), ("req/base.txt", more)];
        assert_eq!(hash(&lists("a"), "3.11"), hash(&[&lists("a")[..], &[("x.py", "1")]].concat(), "3.11"));
        assert_ne!(hash(&lists("a"), "3.11"), hash(&lists("b"), "3.11"));
        assert_ne!(hash(&lists("a"), "3.11"), hash(&lists("a"), "3.12"));
        let locked = [("uv.lock", "a"), ("pyproject.toml", "b")];
        assert_ne!(hash(&locked, ""), hash(&[locked[0], ("pyproject.toml", "c")], ""));
        assert_eq!(hash(&locked, "").len(), 64);
    }

    #[test]
    fn a_list_that_installs_from_the_folder_or_leads_nowhere_is_refused() {
        for line in ["-e .", ".", "./pkg", "--editable=lib", "-r gone.txt"] {
            let error = found(&[("requirements.txt", line)], &[]).unwrap_err();
            let is_expected = matches!(error, Error::FromFolder { .. } | Error::Read { .. });
            assert!(is_expected, "{line}: {error:?}");
        }
        found(&[("requirements.txt", "-r https://example.com/list.txt\n-r requirements.txt")], &[]).unwrap();
    }
}
