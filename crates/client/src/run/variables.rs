//! Environment variables that name the project folder, made to name the run's folder.
//!
//! `PYTHONPATH=/home/me/iris/src` would have the run import the project's files instead of the snapshot's. A path is
//! recognised whatever way it is spelled (through links, in lists, after `=`, in a `file:` URL), by asking the file
//! system which folder it leads through. It stays as it is where the run's folder leads back to the project or has
//! nothing of its own: a virtual environment that is linked into it, `.git`, azml's own folder.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use azml_core::history;
use gix::bstr::ByteSlice as _;

use crate::env::{
    AZML_ATTACHMENTS_DIR, AZML_METRICS_FILE, AZML_RUN_ID, AZUREML_NATIVE_SHARE_DIRECTORY, HOME, PWD,
};

/// Never changed: where azml, and not the user, said what they are; and the home folder.
const AS_GIVEN: [&str; 5] =
    [AZML_RUN_ID, AZML_METRICS_FILE, AZML_ATTACHMENTS_DIR, AZUREML_NATIVE_SHARE_DIRECTORY, HOME];
/// Names that are in a project folder and never in a run's.
const NEVER_THERE: [&str; 2] = [".git", history::FOLDER];
/// After these a path may begin; before them it ends.
const DELIMITERS: &[u8] = b":;,=|&\"'()[]{}<> \t\n";
/// The most questions to the file system for one variable.
const MAX_LOOKUPS: usize = 2000;

/// A project folder and the folder of a run of it.
pub(super) struct Folders<'f> {
    work: &'f Path,
    real_work: PathBuf,
    /// The project folder's device and number.
    root: (u64, u64),
}

impl<'f> Folders<'f> {
    /// The two, which have to be there.
    pub(super) fn new(root: &Path, work: &'f Path) -> std::io::Result<Self> {
        let found = root.metadata()?;
        Ok(Self { work, real_work: work.canonicalize()?, root: (found.dev(), found.ino()) })
    }

    /// The environment of a script in the run's folder.
    pub(super) fn redirect(&self, env: &mut BTreeMap<OsString, OsString>) {
        for (name, value) in env.iter_mut().filter(|(name, _)| AS_GIVEN.iter().all(|given| name != given)) {
            if let Some(redirected) = self.redirected(value.as_bytes()) {
                tracing::debug!(name = %name.display(), "a variable names the run's folder");
                *value = redirected;
            }
        }
        env.insert(PWD.into(), self.work.into());
    }

    /// A variable's value with the paths into the project folder changed; `None` if there is none to change.
    fn redirected(&self, value: &[u8]) -> Option<OsString> {
        let (mut redirected, mut from, mut lookups) = (Vec::new(), 0, 0);
        let mut at = 0;
        while at < value.len() {
            let end = if begins_path(value, at) { self.end_of_root(value, at, &mut lookups) } else { None };
            let Some(end) = end else {
                at += 1;
                continue;
            };
            let rest = value[end..].split(|byte| DELIMITERS.contains(byte)).next().unwrap_or_default();
            let length = rest.len();
            let rest = Path::new(OsStr::from_bytes(rest.trim_start_with(|c| c == '/')));
            if self.is_the_runs(rest) {
                redirected.extend_from_slice(&value[from..at]);
                redirected.extend_from_slice(self.work.as_os_str().as_bytes());
                from = end;
            }
            at = end + length;
        }
        if from == 0 {
            return None;
        }
        redirected.extend_from_slice(&value[from..]);
        Some(OsString::from_vec(redirected))
    }

    /// Returns the end of the path in a value that begins at `at` and leads to the project folder.
    fn end_of_root(&self, value: &[u8], at: usize, lookups: &mut usize) -> Option<usize> {
        let is_end = |byte: &u8| *byte == b'/' || DELIMITERS.contains(byte);
        let mut end = at;
        loop {
            // To the end of the next name; a name may contain what usually ends a path.
            let name = end + 1 + value[end + 1..].iter().take_while(|byte| **byte == b'/').count();
            end = value[name.min(value.len())..]
                .iter()
                .position(is_end)
                .map_or(value.len(), |length| name + length);
            *lookups += 1;
            if *lookups > MAX_LOOKUPS || value[at..end].contains(&0) {
                return None;
            }
            let found = Path::new(OsStr::from_bytes(&value[at..end])).metadata();
            match found {
                Ok(found) if (found.dev(), found.ino()) == self.root => return Some(end),
                // Nothing is below a path that is not there.
                Err(_) if value.get(end) == Some(&b'/') => return None,
                _ if end >= value.len() => return None,
                _ => {}
            }
        }
    }

    /// Returns whether the run's folder has something of its own at a path, or will have if somebody writes there.
    pub(super) fn is_the_runs(&self, rest: &Path) -> bool {
        let is_never_there = rest.components().any(
            |part| matches!(part, Component::Normal(name) if NEVER_THERE.iter().any(|never| name == *never)),
        );
        if is_never_there {
            return false;
        }
        // The nearest folder that is there decides.
        rest.ancestors()
            .find_map(|part| self.work.join(part).canonicalize().ok())
            .is_some_and(|real| real.starts_with(&self.real_work))
    }
}

/// Returns whether an absolute path may begin at a place of a value; in a URL that is after `//`, or after the host's `/`.
fn begins_path(value: &[u8], at: usize) -> bool {
    let before = &value[..at];
    if value[at] != b'/' {
        return false;
    }
    match before.last() {
        Some(b':') => value.get(at + 1) != Some(&b'/'),
        Some(b'/') => {
            value.get(at + 1) != Some(&b'/') && (before.ends_with(b"://") || before.ends_with(b":///"))
        }
        before => before.is_none_or(|byte| DELIMITERS.contains(byte)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn variables_that_name_the_project_name_the_runs_folder() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let at = |path: &str| base.join(path);
        for folder in [
            "p/demo/src",
            "p/demo/.venv/bin",
            "p/demo/my data",
            "p/demo2",
            "p/o,d:d/x",
            "run/src",
            "run/my data",
        ] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        symlink(at("p/demo/.venv"), at("run/.venv")).unwrap();
        symlink(at("p"), at("link")).unwrap();
        symlink("demo", at("p/again")).unwrap();
        let b = base.display().to_string();
        let check = |root: &str, value: &str, expect: &str| {
            let (root, work) = (at(root), at("run"));
            let folders = Folders::new(&root, &work).unwrap();
            let found = folders.redirected(value.replace('@', &b).as_bytes());
            let expect = if expect == "as it is" { None } else { Some(expect.replace('@', &b).into()) };
            assert_eq!(found, expect, "{value}");
        };
        for (value, expect) in [
            ("@/p/demo", "@/run"),
            ("@/p/demo/src", "@/run/src"),
            ("@/p/demo/", "@/run/"),
            ("@//p//demo//src", "@/run//src"),
            ("@/p/demo/not/there/yet", "@/run/not/there/yet"),
            ("/usr/lib:@/p/demo/src:@/p/demo:/x", "/usr/lib:@/run/src:@/run:/x"),
            ("@/link/demo/src", "@/run/src"),
            ("@/p/again/src", "@/run/src"),
            ("@/p/demo/my data", "@/run/my data"),
            ("-Dx=@/p/demo/src -Dy=@/p/demo2", "-Dx=@/run/src -Dy=@/p/demo2"),
            ("file://@/p/demo/mlruns", "file://@/run/mlruns"),
            ("sqlite:///@/p/demo/x.db", "sqlite:///@/run/x.db"),
            ("{\"path\": \"@/p/demo/src\"}", "{\"path\": \"@/run/src\"}"),
            ("@/p/demo2", "as it is"),
            ("@/p", "as it is"),
            ("/backup@/p/demo", "as it is"),
            ("demo", "as it is"),
            ("@/p/demo/.venv/bin:/bin", "as it is"),
            ("@/p/demo/.venv/bin:@/p/demo/src", "@/p/demo/.venv/bin:@/run/src"),
            ("@/p/demo/.git", "as it is"),
            ("", "as it is"),
            ("/", "as it is"),
            ("a/b", "as it is"),
        ] {
            check("p/demo", value, expect);
        }
        check("p/o,d:d", "@/p/o,d:d/x", "@/run/x");
    }

    #[test]
    fn azmls_own_variables_and_the_home_stay_and_the_working_folder_is_the_runs() {
        let dir = tempfile::tempdir().unwrap();
        let (root, work) = (dir.path().join("p"), dir.path().join("w"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&work).unwrap();
        let names = [AZML_ATTACHMENTS_DIR, HOME, "OLDPWD", "PWD", "EMPTY"];
        let mut env: BTreeMap<OsString, OsString> =
            names.iter().map(|name| (name.into(), root.clone().into_os_string())).collect();
        env.insert("EMPTY".into(), OsString::new());
        Folders::new(&root, &work).unwrap().redirect(&mut env);
        assert_eq!(env[OsStr::new(AZML_ATTACHMENTS_DIR)], root);
        assert_eq!(env[OsStr::new(HOME)], root);
        assert_eq!(env[OsStr::new("OLDPWD")], work);
        assert_eq!(env[OsStr::new("PWD")], work);
        assert_eq!(env[OsStr::new("EMPTY")], "");
    }

    #[test]
    fn a_long_list_is_looked_at_only_so_far() {
        let dir = tempfile::tempdir().unwrap();
        let (root, work) = (dir.path().join("p"), dir.path().join("w"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&work).unwrap();
        let folders = Folders::new(&root, &work).unwrap();
        let long = "/usr/bin:".repeat(MAX_LOOKUPS) + &root.display().to_string();
        assert_eq!(folders.redirected(long.as_bytes()), None);
        let odd = [b"/\xff\0/".as_slice(), root.as_os_str().as_bytes()].concat();
        assert_eq!(folders.redirected(&odd), None);
    }
}
