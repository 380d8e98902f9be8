//! Files attached to pull requests. Their contents are in the store of large files, each once.

use std::io;

use gix::hash::Hasher;
use lfs_wire::Oid;

use super::super::context::RepoContext;
use super::super::lfs::transfer::Content;
use super::super::refused::Refused;
use super::{check_text, edit, no_part, now};
use crate::access::{Permission, Target, authorize};
use crate::directory::{Attachment, PullRequest, PullRequests};
use crate::disk_full;
use crate::limits::{ATTACHMENT_BYTES, ATTACHMENT_NAME, ATTACHMENTS};
use crate::state::{Received, Receiving};

/// A file that is being received.
pub(crate) struct Incoming {
    receiving: Receiving,
    sha1: Hasher,
}

impl Incoming {
    /// Begins to receive a file of a pull request, for somebody who may attach it; of that many bytes, if they are announced.
    /// Blocks.
    pub(crate) fn begin(
        ctx: &RepoContext,
        pull: &PullRequest,
        name: &str,
        bytes: Option<u64>,
    ) -> Result<Self, Refused> {
        let directory = ctx.app.state.directory();
        let permission = Permission::PullRequestContribute;
        authorize(&directory, &ctx.principal, permission, Target::Repo(&ctx.repo))?;
        check(&directory.pulls, pull, name)?;
        check_size(bytes.unwrap_or_default())?;
        if !bytes.is_none_or(|bytes| ctx.app.state.has_room(bytes)) {
            return Err(Refused::internal(disk_full::error()));
        }
        let receiving = ctx.app.state.lfs_store().receive().map_err(Refused::internal)?;
        Ok(Self { receiving, sha1: gix::hash::hasher(gix::hash::Kind::Sha1) })
    }

    /// Takes the next bytes. Blocks.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        check_size(self.receiving.size().saturating_add(bytes.len() as u64))?;
        self.sha1.update(bytes);
        self.receiving.write(bytes).map_err(Refused::internal)
    }

    /// Attaches the file, which is here as a whole. Blocks.
    pub(crate) fn attach(self, ctx: &RepoContext, pull: &str, name: &str) -> Result<Attachment, Refused> {
        let sha1 = self.sha1.try_finalize().map_err(|error| Refused::internal(io::Error::other(error)))?;
        let content: Received = self.receiving.finish().map_err(Refused::internal)?;
        let (_, attachment) = edit(ctx, pull, |change, pull| {
            check(&change.directory.pulls, pull, name)?;
            let last = change.directory.pulls.attachments_of(pull).next_back().map_or(0, |one| one.id);
            let attachment = Attachment {
                account: pull.account,
                pull_request: pull.id,
                id: last + 1,
                name: name.to_owned(),
                oid: content.oid.to_string(),
                size: content.size,
                sha1: sha1.to_string(),
                author: ctx.principal.user.unwrap_or_default(),
                created: now(ctx),
            };
            change.keep_content(content);
            change.put(attachment.clone());
            Ok(attachment)
        })?;
        Ok(attachment)
    }
}

fn check_size(bytes: u64) -> Result<(), Refused> {
    if bytes > ATTACHMENT_BYTES {
        return Err(Refused::Invalid(format!("An attachment has at most {} MiB.", ATTACHMENT_BYTES >> 20)));
    }
    Ok(())
}

/// Refuses a name that no attachment may have, or that another one has.
fn check(pulls: &PullRequests, pull: &PullRequest, name: &str) -> Result<(), Refused> {
    check_text("The name of the attachment", name, ATTACHMENT_NAME)?;
    // Clients take the last two for folders, even where they are escaped.
    let is_wrong = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if name.chars().any(is_wrong) || matches!(name, "" | "." | "..") {
        return Err(Refused::invalid(
            "The name of an attachment has no slashes and no control characters, and is not \".\" or \"..\".",
        ));
    }
    if pulls.attachments_of(pull).any(|one| is_named(one, name)) {
        return Err(Refused::AttachmentExists { name: name.to_owned() });
    }
    if pulls.attachments_of(pull).count() >= ATTACHMENTS {
        return Err(Refused::Invalid(format!("A pull request has at most {ATTACHMENTS} attachments.")));
    }
    Ok(())
}

fn is_named(attachment: &Attachment, name: &str) -> bool {
    attachment.name.to_lowercase() == name.to_lowercase()
}

/// The attachments of a pull request, oldest first.
pub(crate) fn list(ctx: &RepoContext, pull: &PullRequest) -> Vec<Attachment> {
    ctx.app.state.directory().pulls.attachments_of(pull).cloned().collect()
}

fn named(pulls: &PullRequests, pull: &PullRequest, name: &str) -> Result<Attachment, Refused> {
    let found = pulls.attachments_of(pull).find(|one| is_named(one, name)).cloned();
    found.ok_or_else(|| no_part("attachment", name))
}

/// The content of an attachment. Blocks.
pub(crate) fn content(ctx: &RepoContext, pull: &PullRequest, name: &str) -> Result<Content, Refused> {
    let attachment = named(&ctx.app.state.directory().pulls, pull, name)?;
    let oid: Option<Oid> = attachment.oid.parse().ok();
    let opened = oid.map(|oid| ctx.app.state.lfs_store().content(oid)).transpose();
    match opened.map_err(Refused::internal)?.flatten() {
        Some(file) => Ok(Content { file, size: attachment.size }),
        None => Err(Refused::internal(io::Error::other("the content of an attachment is lost"))),
    }
}

/// Removes an attachment: one's own, or for who manages the repository, anybody's. Blocks.
pub(crate) fn remove(ctx: &RepoContext, pull: &str, name: &str) -> Result<(), Refused> {
    edit(ctx, pull, |change, pull| {
        let found = named(&change.directory.pulls, pull, name)?;
        if ctx.principal.user != Some(found.author) {
            let permission = Permission::ManagePermissions;
            authorize(&change.directory, &ctx.principal, permission, Target::Repo(&ctx.repo))?;
        }
        change.remove::<Attachment>(&(found.account, found.pull_request, found.id));
        Ok(())
    })?;
    Ok(())
}
