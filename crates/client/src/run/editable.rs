//! Editable installs of the project (`pip install -e .`): a run would import the project's files, not the snapshot's.
//!
//! The interpreter is not asked, which would take longer than all else: its `site-packages` is looked at for the files
//! that make an install editable. Where these put a folder on Python's path, the run's own folder can be put before it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Larger files are not read: those that make an install editable are a few lines.
const MAX_FILE: u64 = 1 << 20;

/// A folder of the project from which an interpreter imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Editable {
    /// The folder, relative to the project folder, that would have to be on Python's path.
    pub(super) folder: PathBuf,
    /// The file of the interpreter that says so.
    pub(super) file: PathBuf,
    /// True if having the run's copy of the folder on Python's path has the same effect.
    pub(super) is_plain: bool,
}

/// The folders of the project `root` from which the interpreter imports; `home` is where the user's own packages are.
pub(super) fn find(python: &Path, home: Option<&Path>, root: &Path) -> Vec<Editable> {
    let Ok(root) = root.canonicalize() else { return Vec::new() };
    let mut found = BTreeMap::<PathBuf, Editable>::new();
    for site in sites(python, home) {
        for entry in fs::read_dir(&site).into_iter().flatten().flatten() {
            let file = entry.path();
            for (path, is_plain) in imports(&site, &file) {
                let Ok(path) = path.canonicalize() else { continue };
                // A virtual environment in the project names itself.
                let Ok(folder) = path.strip_prefix(&root).map(Path::to_owned) else { continue };
                let one = Editable { folder: folder.clone(), file: file.clone(), is_plain };
                let known = found.entry(folder).or_insert_with(|| one.clone());
                if is_plain && !known.is_plain {
                    *known = one;
                }
            }
        }
    }
    // Of an install that is known only by its record, other files may tell more.
    let has_plain = found.values().any(|editable| editable.is_plain);
    found.into_values().filter(|editable| editable.is_plain || !has_plain).collect()
}

/// Returns whether a folder on Python's path would hide a module of the interpreter's library; `None` if that is not known.
pub(super) fn hides_library(python: &Path, folder: &Path) -> Option<bool> {
    let real = python.canonicalize().ok()?;
    let library =
        libraries(real.parent()?.parent()?, &real).into_iter().find(|dir| dir.join("os.py").is_file())?;
    let names = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| {
        let path = entry.path();
        let is_module = path.extension() == Some(OsStr::new("py")) || path.join("__init__.py").is_file();
        is_module.then(|| path.file_stem().map(ToOwned::to_owned)).flatten()
    });
    Some(names.into_iter().any(|name| {
        library.join(&name).join("__init__.py").is_file()
            || library.join(&name).with_extension("py").is_file()
    }))
}

/// The folders in which the interpreter looks for packages.
fn sites(python: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let prefix = |program: &Path| Some(program.parent()?.parent()?.to_owned());
    let Ok(real) = python.canonicalize() else { return Vec::new() };
    let (own, base) = (prefix(python), prefix(&real));
    let config =
        own.as_ref().and_then(|own| azml_core::small_file::read_to_string(&own.join("pyvenv.cfg")).ok());
    let is_closed =
        config.is_some_and(|config| !config.replace(' ', "").contains("include-system-site-packages=true"));
    let mut prefixes: Vec<PathBuf> = own.into_iter().collect();
    if !is_closed {
        prefixes.extend(base.iter().cloned());
        prefixes.extend(base.map(|base| base.join("local")));
        prefixes.extend(home.map(|home| home.join(".local")));
    }
    let mut sites: Vec<PathBuf> = prefixes
        .iter()
        .flat_map(|prefix| libraries(prefix, &real))
        .flat_map(|library| ["site-packages", "dist-packages"].map(|name| library.join(name)))
        .filter_map(|site| site.canonicalize().ok())
        .collect();
    sites.sort();
    sites.dedup();
    sites
}

/// The folders `lib/python3…` of a prefix that are of the interpreter's version.
fn libraries(prefix: &Path, real_python: &Path) -> Vec<PathBuf> {
    let version = real_python.file_name().and_then(OsStr::to_str).filter(|name| name.contains('.'));
    let is_right = |name: &str| match version {
        Some(version) => name == version || name == "python3",
        None => name.starts_with("python"),
    };
    ["lib", "lib64"]
        .iter()
        .flat_map(|lib| fs::read_dir(prefix.join(lib)).into_iter().flatten().flatten())
        .filter(|entry| entry.file_name().to_str().is_some_and(is_right))
        .map(|entry| entry.path())
        .collect()
}

/// Reads what a file in `site-packages` makes importable: the folder of modules, and whether that is all it does.
fn imports(site: &Path, file: &Path) -> Vec<(PathBuf, bool)> {
    let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let extension = file.extension().and_then(OsStr::to_str).unwrap_or_default();
    match extension {
        "pth" => read(file)
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !line.starts_with("import") && !line.starts_with('#'))
            .map(|line| (site.join(line), true))
            .collect(),
        "egg-link" => read(file).lines().take(1).map(|line| (PathBuf::from(line.trim()), true)).collect(),
        "py" if name.contains("editable") => mapped(&read(file)),
        "dist-info" => {
            recorded(&file.join("direct_url.json")).map(|path| (path, false)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The folders that hold the packages to which setuptools' finder leads: `MAPPING = {'iris': '/home/me/iris/src/iris'}`.
fn mapped(finder: &str) -> Vec<(PathBuf, bool)> {
    let quoted: Vec<&str> = finder.split('\'').skip(1).step_by(2).collect();
    let path_after = |name: &str, path: &str| {
        let path = Path::new(path);
        let is_plain = path.file_stem() == Some(OsStr::new(name));
        path.is_absolute().then(|| Some((path.parent()?.to_owned(), is_plain))).flatten()
    };
    quoted.windows(2).filter_map(|pair| path_after(pair[0], pair[1])).collect()
}

/// Returns the folder of which a record of an install says that it is an editable one.
fn recorded(record: &Path) -> Option<PathBuf> {
    let record: serde_json::Value = serde_json::from_str(&read(record)).ok()?;
    let is_editable = record["dir_info"]["editable"].as_bool()?;
    url::Url::parse(record["url"].as_str()?).ok()?.to_file_path().ok().filter(|_| is_editable)
}

/// A small file's text; nothing if it is none.
fn read(file: &Path) -> String {
    let text = azml_core::small_file::read_at_most(file, MAX_FILE).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A virtual environment of an interpreter of its own, and a project.
    fn testbed(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let all = [
            ("usr/bin/python3.11", ""),
            ("usr/lib/python3.11/os.py", ""),
            ("usr/lib/python3.11/logging/__init__.py", ""),
            ("venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n"),
            ("venv/bin/pip", ""),
            ("iris/src/iris/__init__.py", ""),
        ];
        let base = dir.path().canonicalize().unwrap();
        for (path, text) in all.iter().chain(files) {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace('@', &base.display().to_string())).unwrap();
        }
        std::os::unix::fs::symlink(base.join("usr/bin/python3.11"), base.join("venv/bin/python")).unwrap();
        (dir, base)
    }

    fn found(files: &[(&str, &str)]) -> Vec<(String, bool)> {
        let (_dir, base) = testbed(files);
        find(&base.join("venv/bin/python"), Some(&base.join("home")), &base.join("iris"))
            .into_iter()
            .map(|editable| (editable.folder.display().to_string(), editable.is_plain))
            .collect()
    }

    #[test]
    fn every_kind_of_editable_install_is_found() {
        let site = "venv/lib/python3.11/site-packages";
        let file = |name: &str, text: &'static str| (format!("{site}/{name}"), text);
        for ((name, text), expect) in [
            (file("__editable__.iris-0.1.pth", "@/iris/src\n"), Some(("src", true))),
            (file("iris.pth", "# poetry's\n@/iris\n"), Some(("", true))),
            (file("iris.egg-link", "@/iris/src\n."), Some(("src", true))),
            (
                file(
                    "__editable___iris_0_1_finder.py",
                    "MAPPING: dict[str, str] = {'iris': '@/iris/src/iris'}\n",
                ),
                Some(("src", true)),
            ),
            (
                file("__editable___iris_0_1_finder.py", "MAPPING = {'flowers': '@/iris/src/iris'}\n"),
                Some(("src", false)),
            ),
            (
                file(
                    "iris-0.1.dist-info/direct_url.json",
                    r#"{"dir_info": {"editable": true}, "url": "file://@/iris"}"#,
                ),
                Some(("", false)),
            ),
            (file("iris-0.1.dist-info/direct_url.json", r#"{"dir_info": {}, "url": "file://@/iris"}"#), None),
            (file("other.pth", "@/iris2\n/usr/lib\nimport os; '@/iris'\n"), None),
            ((format!("usr/lib/python3.11/dist-packages/{}", "iris.pth"), "@/iris\n"), None),
            ((format!("venv/lib/python3.9/site-packages/{}", "iris.pth"), "@/iris\n"), None),
        ] {
            let expect: Vec<_> =
                expect.into_iter().map(|(folder, plain)| (folder.to_owned(), plain)).collect();
            assert_eq!(found(&[(&name, text)]), expect, "{name}: {text}");
        }
        let both = [
            file("iris.pth", "@/iris/src\n"),
            file(
                "iris-0.1.dist-info/direct_url.json",
                r#"{"dir_info": {"editable": true}, "url": "file://@/iris"}"#,
            ),
        ];
        let both: Vec<(&str, &str)> = both.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        assert_eq!(found(&both), [("src".to_owned(), true)]);
    }

    #[test]
    fn a_system_interpreter_has_the_users_packages_too() {
        let (_dir, base) = testbed(&[("home/.local/lib/python3.11/site-packages/iris.pth", "@/iris\n")]);
        let python = base.join("usr/bin/python3.11");
        assert_eq!(find(&python, Some(&base.join("home")), &base.join("iris")).len(), 1);
        assert_eq!(find(&python, None, &base.join("iris")), []);
    }

    #[test]
    fn a_folder_that_would_hide_the_library_is_known() {
        let (_dir, base) = testbed(&[("iris/logging.py", ""), ("iris/data.csv", "")]);
        let python = base.join("venv/bin/python");
        assert_eq!(hides_library(&python, &base.join("iris")), Some(true));
        assert_eq!(hides_library(&python, &base.join("iris/src")), Some(false));
        assert_eq!(hides_library(Path::new("/no/python"), &base.join("iris")), None);
    }
}
