//! Reading the files in Git's order, with their includes.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::user_repo::UserRepo;
use bstr::{BStr, BString, ByteSlice as _};
use gix::config::parse::{EventRef, Events};
use gix::config::path::interpolate;
use gix::glob::wildmatch::Mode;

use super::{Entry, Error, parameters};
use crate::env::{Env, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM, GIT_CONFIG_SYSTEM, PATH, XDG_CONFIG_HOME};

/// The most files that may include each other in a row, as for Git.
pub(super) const MAX_DEPTH: usize = 10;

/// The user's repository of a project, be it that it is only about to be made.
#[derive(Clone, Debug)]
pub struct Repository {
    git_dir: PathBuf,
    /// The files of its own configuration; none if it is not there yet, or is somebody else's.
    files: Vec<PathBuf>,
    /// The branch that is checked out, in short.
    branch: Option<BString>,
    /// URLs that its remotes are about to have.
    urls: Vec<BString>,
}

impl Repository {
    /// The repository of the project folder `root`, or the one that will be there.
    pub fn of_project(root: &Path) -> Result<Self, Error> {
        let new = || Self { git_dir: root.join(".git"), files: Vec::new(), branch: None, urls: Vec::new() };
        let opened = match UserRepo::open(root) {
            Ok(opened) => opened,
            Err(error) => {
                // A file that Git can't read either is the reason that helps.
                read(&root.join(".git/config"), &mut Vec::new())?;
                return Err(error.into());
            }
        };
        let Some(user) = opened else { return Ok(new()) };
        let git = user.git();
        let branch = git.head_name().ok().flatten().map(|name| name.shorten().to_owned());
        let git_dir = std::path::absolute(git.git_dir()).unwrap_or_else(|_| git.git_dir().to_owned());
        let mut files = Vec::new();
        if git.git_dir_trust() == gix::sec::Trust::Full {
            files.push(git.common_dir().join("config"));
            let config = git.config_snapshot();
            if config.boolean("extensions.worktreeConfig").unwrap_or(false) {
                files.push(git.git_dir().join("config.worktree"));
            }
        }
        Ok(Self { git_dir, files, branch, urls: Vec::new() })
    }

    /// The same with a remote of that URL, which counts for `includeIf.hasconfig`.
    #[must_use]
    pub fn with_remote(mut self, url: &str) -> Self {
        self.urls.push(url.into());
        self
    }
}

/// All entries that count.
pub(super) fn entries(env: &Env, repository: Option<&Repository>) -> Result<Vec<Entry>, Error> {
    let mut reader = Reader { env, repository, urls: None, asks_for_urls: false };
    let found = reader.all()?;
    if !reader.asks_for_urls {
        return Ok(found);
    }
    // Which remotes there are is known once all is read, without what depends on it.
    let is_url =
        |entry: &&Entry| entry.section == "remote" && entry.subsection.is_some() && entry.name == "url";
    let urls = found.iter().filter(is_url).filter_map(|entry| entry.value.clone());
    let own = repository.map(|repository| repository.urls.clone()).unwrap_or_default();
    reader.urls = Some(urls.chain(own).collect());
    reader.all()
}

struct Reader<'a> {
    env: &'a Env,
    repository: Option<&'a Repository>,
    /// The URLs of all remotes, once they are known.
    urls: Option<Vec<BString>>,
    /// True if a condition depends on them.
    asks_for_urls: bool,
}

impl Reader<'_> {
    fn all(&mut self) -> Result<Vec<Entry>, Error> {
        let mut out = Vec::new();
        for (path, may_be_closed) in global_files(self.env) {
            match self.file(&path, 0, &mut out) {
                Err(Error::Read { source, .. })
                    if may_be_closed && source.kind() == ErrorKind::PermissionDenied => {}
                read => read?,
            }
        }
        for path in self.repository.map(|repository| repository.files.clone()).unwrap_or_default() {
            self.file(&path, 0, &mut out)?;
        }
        for entry in parameters::entries(self.env)? {
            self.take(entry, 0, &mut out)?;
        }
        Ok(out)
    }

    fn file(&mut self, path: &Path, depth: usize, out: &mut Vec<Entry>) -> Result<(), Error> {
        let mut entries = Vec::new();
        read(path, &mut entries)?;
        entries.into_iter().try_for_each(|entry| self.take(entry, depth, out))
    }

    /// Adds an entry and, if it includes a file, what that holds: right behind it, as Git has it.
    fn take(&mut self, entry: Entry, depth: usize, out: &mut Vec<Entry>) -> Result<(), Error> {
        let is_included = entry.name == "path"
            && match (entry.section.as_str(), &entry.subsection) {
                ("include", None) => true,
                ("includeif", Some(condition)) => self.holds(condition.as_bstr(), &entry)?,
                _ => false,
            };
        if is_included {
            let home = self.env.home();
            let named = interpolate(entry.text()?, home).ok_or_else(|| entry.bad("it is no path"))?;
            let path = match entry.file.as_deref().and_then(Path::parent) {
                _ if named.is_absolute() => named,
                Some(folder) => folder.join(named),
                None => return Err(Error::Relative { key: entry.key() }),
            };
            if depth == MAX_DEPTH {
                return Err(Error::Depth { path });
            }
            out.push(entry);
            return self.file(&path, depth + 1, out);
        }
        out.push(entry);
        Ok(())
    }

    fn holds(&mut self, condition: &BStr, entry: &Entry) -> Result<bool, Error> {
        let Some((kind, pattern)) = condition.split_once_str(":") else { return Ok(false) };
        let pattern = pattern.as_bstr();
        Ok(match kind {
            b"gitdir" => self.git_dir_matches(pattern, entry, Mode::empty())?,
            b"gitdir/i" => self.git_dir_matches(pattern, entry, Mode::IGNORE_CASE)?,
            b"onbranch" => {
                let branch = self.repository.and_then(|repository| repository.branch.as_ref());
                branch.is_some_and(|branch| matches(&for_folders(pattern), branch.as_bstr(), Mode::empty()))
            }
            b"hasconfig" => {
                let Some(pattern) = pattern.strip_prefix(b"remote.*.url:") else { return Ok(false) };
                self.asks_for_urls = true;
                let urls = self.urls.iter().flatten();
                urls.into_iter().any(|url| matches(pattern, url.as_bstr(), Mode::empty()))
            }
            _ => false,
        })
    }

    fn git_dir_matches(&self, pattern: &BStr, entry: &Entry, mode: Mode) -> Result<bool, Error> {
        let Some(git_dir) = self.repository.map(|repository| repository.git_dir.as_path()) else {
            return Ok(false);
        };
        let mut fixed = BString::default();
        let mut pattern: BString = if pattern.starts_with(b"~") {
            let home = interpolate(pattern, self.env.home());
            home.map_or_else(|| pattern.to_owned(), |path| bytes(&path))
        } else {
            pattern.to_owned()
        };
        if let Some(below) = pattern.strip_prefix(b"./") {
            let folder = entry.file.as_deref().and_then(Path::parent);
            let folder = folder.ok_or_else(|| Error::Relative { key: entry.key() })?;
            // The folder's own name is no pattern.
            fixed = bytes(&resolved(folder));
            fixed.push(b'/');
            pattern = below.into();
        } else if !pattern.starts_with(b"/") {
            pattern.splice(0..0, *b"**/");
        }
        let pattern = for_folders(pattern.as_bstr());
        Ok([resolved(git_dir), git_dir.to_owned()].iter().any(|dir| {
            let dir = bytes(dir);
            let below = if mode.contains(Mode::IGNORE_CASE) {
                let (start, below) = dir.split_at(fixed.len().min(dir.len()));
                start.eq_ignore_ascii_case(&fixed).then_some(below)
            } else {
                dir.strip_prefix(fixed.as_slice())
            };
            below.is_some_and(|below| matches(&pattern, below.as_bstr(), mode))
        }))
    }
}

fn matches(pattern: &[u8], text: &BStr, mode: Mode) -> bool {
    gix::glob::wildmatch(pattern.as_bstr(), text, Mode::NO_MATCH_SLASH_LITERAL | mode)
}

/// A pattern that ends with a slash is for all below that folder.
fn for_folders(pattern: &BStr) -> BString {
    let mut pattern = pattern.to_owned();
    if pattern.ends_with(b"/") {
        pattern.extend_from_slice(b"**");
    }
    pattern
}

/// A path without symbolic links, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    gix::path::realpath(path).unwrap_or_else(|_| path.to_owned())
}

fn bytes(path: &Path) -> BString {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().into()
}

/// A path with `~/`, `~user/` and `%(prefix)/` filled in.
pub(super) fn interpolate(text: &BStr, home: Option<&Path>) -> Option<PathBuf> {
    let context = interpolate::Context { git_install_dir: None, home_dir: home, ..Default::default() };
    gix::config::Path::from(text.to_owned()).interpolate(context).ok()
}

/// The files outside of repositories, and for each whether Git passes it over when it may not be read.
fn global_files(env: &Env) -> Vec<(PathBuf, bool)> {
    let mut files = Vec::new();
    let no_system = env
        .get(GIT_CONFIG_NOSYSTEM)
        .and_then(|value| gix::config::Boolean::try_from(BStr::new(value.as_encoded_bytes())).ok());
    if !no_system.is_some_and(|boolean| boolean.0) {
        files.push((env.get(GIT_CONFIG_SYSTEM).map_or_else(|| system_file(env), PathBuf::from), false));
    }
    if env.has(GIT_CONFIG_GLOBAL) {
        files.extend(env.get(GIT_CONFIG_GLOBAL).map(|file| (PathBuf::from(file), true)));
    } else {
        let xdg = env.get(XDG_CONFIG_HOME).map(PathBuf::from);
        let xdg = xdg.or_else(|| env.home().map(|home| home.join(".config")));
        files.extend(xdg.map(|folder| (folder.join("git/config"), true)));
        files.extend(env.home().map(|home| (home.join(".gitconfig"), true)));
    }
    files.into_iter().map(|(path, may_be_closed)| (env.cwd.join(path), may_be_closed)).collect()
}

/// Returns the installed Git's system-wide configuration: its path is built into Git, and follows from where Git is
/// installed. Without one it is where most systems have it.
fn system_file(env: &Env) -> PathBuf {
    let folders =
        env.get(PATH).map(|path| std::env::split_paths(path).collect::<Vec<_>>()).unwrap_or_default();
    let prefix =
        folders.iter().find(|folder| folder.join("git").is_file()).and_then(|folder| folder.parent());
    match prefix {
        Some(prefix) if prefix != Path::new("/usr") && prefix != Path::new("/") => {
            prefix.join("etc/gitconfig")
        }
        _ => PathBuf::from("/etc/gitconfig"),
    }
}

/// Adds the entries of one file, if it is there.
fn read(path: &Path, out: &mut Vec<Entry>) -> Result<(), Error> {
    let text = match azml_core::small_file::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
    };
    let events = Events::from_bytes(&text, None)
        .map_err(|error| Error::Syntax { path: path.to_owned(), line: error.line_number() })?;
    let file: Arc<Path> = path.into();
    let mut header = (String::new(), None);
    let mut name = None;
    let mut value: Option<BString> = None;
    for event in events.iter() {
        match event {
            EventRef::SectionHeader { name, separator, subsection_name } => {
                let is_old_style = separator.is_some_and(|separator| separator == ".");
                let subsection = subsection_name.map(|subsection| {
                    if is_old_style { subsection.to_ascii_lowercase().into() } else { subsection.to_owned() }
                });
                header = (name.to_str_lossy().to_ascii_lowercase(), subsection);
            }
            EventRef::SectionValueName(found) => {
                name = Some(found.to_str_lossy().to_ascii_lowercase());
                value = None;
            }
            EventRef::KeyValueSeparator => value = Some(BString::default()),
            EventRef::ValueNotDone(part) => value.get_or_insert_default().extend_from_slice(part),
            EventRef::Value(part) | EventRef::ValueDone(part) => {
                let Some(name) = name.take() else { continue };
                let value = value.take().map(|mut value| {
                    value.extend_from_slice(part);
                    gix::config::value::normalize(&value).into_owned()
                });
                let (section, subsection) = header.clone();
                out.push(Entry { section, subsection, name, value, file: Some(Arc::clone(&file)) });
            }
            EventRef::Comment { .. } | EventRef::Newline(_) | EventRef::Whitespace(_) => {}
        }
    }
    Ok(())
}
