//! Reading the user's repository.

use gix::{ObjectId, bstr::ByteSlice as _};

use super::{Base, Error, Format, UserRepo};
use crate::{quote::quoted, refs, remote_url::RemoteUrl};

impl UserRepo {
    /// Returns the commit of HEAD; `None` when nothing is committed yet, or in a repository with a reftable.
    pub fn head(&self) -> Result<Option<Base>, Error> {
        if self.format().is_some() {
            return Ok(None);
        }
        let head = self.git.head().map_err(self.failed("read HEAD"))?;
        let branch = head.referent_name().map(|name| quoted(name.shorten()).into_owned());
        let Some(commit) = head.id() else { return Ok(None) };
        let folder = self.prefix.strip_suffix(b"/").map(|folder| quoted(folder).into_owned());
        Ok(Some(Base { commit: commit.detach(), branch, folder }))
    }

    /// The format of its refs, if azml can't read it.
    pub fn format(&self) -> Option<Format> {
        let storage = self.git.config_snapshot().string("extensions.refStorage");
        storage.filter(|storage| storage.as_bstr() != "files").map(|_| Format::Reftable)
    }

    /// Returns the commit of the local `master`.
    pub fn master_tip(&self) -> Result<Option<ObjectId>, Error> {
        if let Some(format) = self.format() {
            return Err(Error::Format { path: self.work_tree().to_owned(), format });
        }
        let name = refs::master();
        match self.git.try_find_reference(name.as_ref()).map_err(self.failed("read a branch"))? {
            Some(mut branch) => Ok(Some(branch.peel_to_id().map_err(self.failed("read a branch"))?.detach())),
            None => Ok(None),
        }
    }

    /// The URL of the remote `origin`, as it is written.
    pub fn remote_text(&self) -> Option<String> {
        // Read afresh: the remote may have been added since this was opened.
        let git = gix::open(self.git.git_dir()).ok()?;
        let url = git.config_snapshot().string("remote.origin.url")?;
        Some(url.to_str_lossy().into_owned())
    }

    /// The remote `origin`, if there is one and azml can speak to it.
    pub fn remote_url(&self) -> Option<RemoteUrl> {
        RemoteUrl::parse_rewritable(&self.remote_text()?).ok()
    }
}
