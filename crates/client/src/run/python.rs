//! The Python packages `azml` and `azureml.logging`, written where scripts find them, and the interpreter that runs them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// A file of the packages: its path below `python/`, and its content.
macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../../python/", $path)))
    };
}

/// The files of the packages.
const FILES: [(&str, &str); 7] = [
    file!("azml/__init__.py"),
    file!("azml/_history.py"),
    file!("azml/_notebook.py"),
    file!("azml/_run.py"),
    file!("azml/_session.py"),
    file!("azureml/__init__.py"),
    file!("azureml/logging.py"),
];

/// Puts the packages below `state_dir` and returns the folder for `PYTHONPATH`.
pub fn install(state_dir: &Path) -> io::Result<PathBuf> {
    let path = state_dir.join("python").join(env!("CARGO_PKG_VERSION"));
    for (name, content) in FILES {
        let file = path.join(name);
        if azml_core::small_file::read(&file).is_ok_and(|found| found == content.as_bytes()) {
            continue;
        }
        std::fs::create_dir_all(file.parent().expect("a file of a package is in its folder"))?;
        // Runs may start at the same time: the file appears whole or not at all.
        azml_core::small_file::replace(&file, content.as_bytes(), false)?;
    }
    Ok(path)
}

/// Returns `PYTHONPATH` with the folder of the packages before what it was.
pub fn search_path(packages: &Path, before: Option<&OsStr>) -> OsString {
    let mut path = packages.as_os_str().to_owned();
    if let Some(before) = before {
        path.push(":");
        path.push(before);
    }
    path
}

/// Finds a program: `name` itself if it is a path (relative to `base`), else the first on `path`.
pub fn find_program(name: &str, base: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(base.join(name)).filter(|file| is_program(file));
    }
    std::env::split_paths(path?)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| is_program(file))
}

/// Returns whether a file exists that may be executed.
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_are_written_once_and_repaired() {
        let dir = tempfile::tempdir().unwrap();
        let path = install(dir.path()).unwrap();
        let file = path.join("azureml/logging.py");
        let before = file.metadata().unwrap().modified().unwrap();
        install(dir.path()).unwrap();
        assert_eq!(file.metadata().unwrap().modified().unwrap(), before);
        std::fs::write(&file, "broken").unwrap();
        install(dir.path()).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().contains("get_azureml_logger"));
    }

    #[test]
    fn programs_are_found_on_the_path_and_by_path() {
        let path = OsStr::new("/nowhere:relative:/bin:/usr/bin");
        assert!(find_program("sh", Path::new("/"), Some(path)).is_some());
        assert_eq!(find_program("/bin/sh", Path::new("/x"), None), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find_program("no-such-program", Path::new("/"), Some(path)), None);
        assert_eq!(search_path(Path::new("/m"), Some(OsStr::new("/p"))), "/m:/p");
    }
}
