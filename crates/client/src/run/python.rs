//! The Python module `azureml.logging`, written where scripts find it, and the interpreter that runs them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// The module's files.
const FILES: [(&str, &str); 2] = [
    ("__init__.py", include_str!("python/azureml/__init__.py")),
    ("logging.py", include_str!("python/azureml/logging.py")),
];

/// Puts the module below `state_dir` and returns the folder for `PYTHONPATH`.
pub fn install(state_dir: &Path) -> io::Result<PathBuf> {
    let path = state_dir.join("python").join(env!("CARGO_PKG_VERSION"));
    let package = path.join("azureml");
    std::fs::create_dir_all(&package)?;
    for (name, content) in FILES {
        let file = package.join(name);
        if azml_core::small_file::read(&file).is_ok_and(|found| found == content.as_bytes()) {
            continue;
        }
        // Runs may start at the same time: the file appears whole or not at all.
        azml_core::small_file::replace(&file, content.as_bytes(), false)?;
    }
    Ok(path)
}

/// `PYTHONPATH` with the module's folder before what it was.
pub fn search_path(module: &Path, before: Option<&OsStr>) -> OsString {
    let mut path = module.as_os_str().to_owned();
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
    fn the_module_is_written_once_and_repaired() {
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
