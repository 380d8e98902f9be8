//! Making and opening the history repository, its configuration and its remote.

use std::{
    cell::OnceCell,
    io::{ErrorKind, Write},
    path::Path,
};

use gix::bstr::ByteSlice;

use super::{Error, FOLDER, FORMAT_VERSION, HistoryRepo};
use crate::{git_files, id::ProjectId, io_error::IoError, limits::LARGE_FILE, refs, remote_url::RemoteUrl};

pub(super) fn init(root: &Path, id: ProjectId) -> Result<HistoryRepo, Error> {
    init_at(&root.join(FOLDER), root, id)
}

pub(super) fn init_at(path: &Path, root: &Path, id: ProjectId) -> Result<HistoryRepo, Error> {
    for folder in ["", "objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "azml/tmp"] {
        let folder = path.join(folder);
        std::fs::create_dir_all(&folder).map_err(IoError::of("make folder", &folder))?;
    }
    write_if_absent(&path.join("config"), &config_text())?;
    // Last: without HEAD it is no repository yet, and the next init finishes the work.
    write_if_absent(&path.join("HEAD"), &format!("ref: {}\n", refs::history(&id).as_bstr()))?;
    open_at(path, root, id)
}

fn config_text() -> String {
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tlogallrefupdates = false\n\
         [gc]\n\tauto = 0\n\
         [azml]\n\tformatversion = {FORMAT_VERSION}\n"
    )
}

pub(super) fn open(root: &Path, id: ProjectId) -> Result<HistoryRepo, Error> {
    open_at(&root.join(FOLDER), root, id)
}

fn open_at(path: &Path, root: &Path, id: ProjectId) -> Result<HistoryRepo, Error> {
    let path = path.to_owned();
    if !path.join("HEAD").is_file() {
        return Err(Error::NotFound { path });
    }
    let (history, runs) = (refs::history(&id), refs::runs(&id));
    let own = [&history, &runs].map(|name| name.as_bstr().to_str_lossy());
    git_files::check_repository(&path, &path, &own.each_ref().map(AsRef::as_ref))?;
    let git = gix::open::Options::isolated()
        .open_path_as_is(true)
        .config_overrides(["core.filesRefLockTimeout=1000", "core.logAllRefUpdates=false"])
        .open(&path)
        .map_err(|source| Error::Open { path: path.clone(), source: Box::new(source) })?
        .to_thread_local();
    let found = git.config_snapshot().string("azml.formatversion");
    let known = found.as_ref().map(|text| text.to_str_lossy().trim().parse::<u32>().ok());
    match known {
        None | Some(Some(1..=FORMAT_VERSION)) => {}
        Some(_) => {
            let found = found.map(|text| text.to_string()).unwrap_or_default();
            return Err(Error::NewerFormat { path, found });
        }
    }
    Ok(HistoryRepo {
        git,
        root: root.to_owned(),
        path,
        id,
        user: OnceCell::new(),
        large_from: LARGE_FILE,
        beside: None,
        inbox: None,
    })
}

/// Writes a file whole, unless it is there: a reader never sees half of it, and nothing is overwritten.
fn write_if_absent(path: &Path, text: &str) -> Result<(), Error> {
    // Also a full disk can be read.
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().expect("a file of the repository lies in its folder");
    // For whom the umask allows, as all of Git's own files: not for the owner alone.
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(IoError::of("write into", folder))?;
    file.write_all(text.as_bytes()).map_err(IoError::of("write", path))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(IoError::of("write", path)(failed.error).into()),
    }
}

impl HistoryRepo {
    /// Returns the URL that the project is pushed to, if it is linked.
    pub fn remote_url(&self) -> Result<Option<RemoteUrl>, Error> {
        // Read afresh: another process may have linked the project since this one opened it.
        let config = self.own_config()?;
        let Some(url) = config.string("remote.origin.url") else { return Ok(None) };
        self.parse(&url.to_str_lossy()).map(Some)
    }

    /// Returns the URL of the Git LFS server, if the history repository's own configuration names one: `lfs.url`, else
    /// `remote.origin.lfsurl`.
    pub fn large_files_url(&self) -> Result<Option<RemoteUrl>, Error> {
        let config = self.own_config()?;
        let url = config.string("lfs.url").or_else(|| config.string("remote.origin.lfsurl"));
        url.map(|url| self.parse(&url.to_str_lossy())).transpose()
    }

    fn own_config(&self) -> Result<gix::config::File, Error> {
        let path = self.path.join("config");
        let read = |source| Error::Config { path: self.path.clone(), source: Box::new(source) };
        gix::config::File::from_path_no_includes(path, gix::config::Source::Local).map_err(read)
    }

    fn parse(&self, url: &str) -> Result<RemoteUrl, Error> {
        RemoteUrl::parse_rewritable(url).map_err(|source| Error::Remote { path: self.path.clone(), source })
    }

    /// Sets where the project is pushed to. A password in `url` is not kept.
    pub fn set_remote(&self, url: &RemoteUrl) -> Result<(), Error> {
        self.edit_config(|config| {
            config.set_raw_value("remote.origin.url", url.without_secret().as_str())?;
            config.set_raw_value("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")?;
            Ok(())
        })
    }

    fn edit_config(
        &self,
        edit: impl FnOnce(&mut gix::config::File) -> Result<(), gix::Error>,
    ) -> Result<(), Error> {
        let failed = |source| Error::Config { path: self.path.clone(), source: Box::new(source) };
        let mut config = self.git.config_file_mut(self.path.join("config")).map_err(failed)?;
        edit(&mut config).map_err(failed)?;
        config.commit().map_err(failed)
    }

    /// Returns whether some snapshots' parents are not here (the project was roamed with little history).
    pub fn is_shallow(&self) -> bool {
        self.path.join("shallow").metadata().is_ok_and(|file| file.len() > 0)
    }
}
