//! A repository that the visitor may read, a version of it, and the frame that all its pages have.

use std::ops::Deref;

use git_wire::Reader;
use git_wire::history::History;
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryMode;
use jiff::Timestamp;
use maud::{Markup, html};
use uuid::Uuid;

use super::failure::Failure;
use super::find::{self, absent, find_project};
use super::layout::Page;
use super::markdown::{self, Key};
use super::names;
use super::request_context::RequestContext;
use super::route::RepoNames;
use crate::access::{Permission, Refusal, Target, authorize};
use crate::default_branch::HISTORY;
use crate::directory::{Account, Project, Repo};
use crate::http::web::{encode, encode_path};
use crate::limits::SUMMARY_BRANCHES;
use crate::operations::content::Blob;
use crate::operations::context::RepoContext;
use crate::operations::history::entry_below;
use crate::operations::items;
use crate::operations::refs::{self, NamedCommit};
use crate::operations::versions;

/// Branches, and tags, that the list of versions offers.
const OFFERED: usize = 25;

/// A repository, opened for a visitor who may read it.
pub(super) struct Source<'v> {
    pub(super) ctx: &'v RequestContext,
    pub(super) account: Account,
    pub(super) project: Project,
    context: RepoContext,
    pub(super) repository: Reader,
}

impl Deref for Source<'_> {
    type Target = RepoContext;

    fn deref(&self) -> &RepoContext {
        &self.context
    }
}

/// The kind of name that a version goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Branch,
    Tag,
    Commit,
}

/// A version: a commit, and what it was asked by.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) commit: ObjectId,
}

/// One entry of a folder.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: BString,
    pub(super) mode: EntryMode,
    pub(super) id: ObjectId,
}

/// A branch or a tag, with the commit it leads to.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) commit: ObjectId,
}

impl From<NamedCommit> for Named {
    fn from(one: NamedCommit) -> Self {
        Self { name: names::text(one.name.as_bstr()).into_owned(), commit: one.commit }
    }
}

impl Version {
    /// As it stands in an address, the service's own way: `GBmaster`, `GTv1`, `GC4b825dc…`.
    pub(super) fn code(&self) -> String {
        let kind = match self.kind {
            Kind::Branch => "GB",
            Kind::Tag => "GT",
            Kind::Commit => "GC",
        };
        format!("{kind}{}", self.name)
    }

    /// As a person reads it.
    pub(super) fn shown(&self) -> String {
        match self.kind {
            Kind::Commit => short(self.commit),
            _ => self.name.clone(),
        }
    }
}

/// The first digits of an id.
pub(super) fn short(id: ObjectId) -> String {
    id.to_hex_with_len(8).to_string()
}

/// The GUID of the project whose run history a branch is, if it is one.
pub(super) fn history_of(branch: &str) -> Option<Uuid> {
    branch.strip_prefix(HISTORY).and_then(|guid| Uuid::parse_str(guid).ok())
}

impl<'v> Source<'v> {
    /// Finds and opens it.
    pub(super) fn open(ctx: &'v RequestContext, names: &RepoNames) -> Result<Self, Failure> {
        let (account, project) =
            find_project(&ctx.directory, &ctx.principal, &names.account, &names.project)?;
        let found = ctx.directory.repo(project.id, &names.repo).ok_or_else(|| absent(&ctx.principal))?;
        authorize(&ctx.directory, &ctx.principal, Permission::GenericRead, Target::Repo(found))?;
        let (directory, work) = (ctx.directory.clone(), ctx.work.clone());
        let context = RepoContext::new(&ctx.app, directory, &ctx.principal, found.clone(), work);
        let repository = context.open()?;
        Ok(Self { ctx, account: account.clone(), project: project.clone(), context, repository })
    }

    /// The address of a page of the repository; `tail` is empty for its files.
    pub(super) fn path(&self, tail: &str) -> String {
        let base = self.ctx.repo_path(&self.account.name, &self.project.name, &self.repo.name);
        if tail.is_empty() { base } else { format!("{base}/{tail}") }
    }

    /// The address of a page that shows a path in a version.
    pub(super) fn at(&self, tail: &str, version: &Version, path: &str) -> String {
        let path = if path.is_empty() { String::new() } else { format!("path=/{}&", encode_path(path)) };
        format!("{}?{path}version={}", self.path(tail), encode(&version.code()))
    }

    /// The address of a commit's page.
    pub(super) fn commit_path(&self, commit: ObjectId) -> String {
        self.path(&format!("commit/{commit}"))
    }

    /// Asks whether the visitor may do something with the repository.
    pub(super) fn authorize(&self, permission: Permission) -> Result<(), Refusal> {
        authorize(&self.ctx.directory, &self.ctx.principal, permission, Target::Repo(&self.repo))
    }

    /// Returns whether the visitor may do something with the repository.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.authorize(permission).is_ok()
    }

    /// The path that is asked for, without slashes at its ends.
    pub(super) fn asked_path(&self) -> String {
        let asked = self.ctx.ask("path").or_else(|| self.ctx.ask("itemPath")).unwrap_or_default();
        asked.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    /// The branches, by name.
    pub(super) fn branches(&self) -> Result<Vec<Named>, Failure> {
        Ok(refs::branches(&self.repository, &self.work)?.into_iter().map(Named::from).collect())
    }

    /// The tags that lead to a commit, by name.
    pub(super) fn tags(&self) -> Result<Vec<Named>, Failure> {
        Ok(refs::tags(&self.repository, &self.work)?.into_iter().map(Named::from).collect())
    }

    /// The branch that others are measured by: the one that `HEAD` names, or else the first that is no run history, or
    /// else the first.
    pub(super) fn default_branch(&self) -> Result<Option<Named>, Failure> {
        if let Some(head) = refs::head(&self.repository)? {
            return Ok(Some(head.into()));
        }
        let all = self.branches()?;
        let plain = all.iter().find(|branch| history_of(&branch.name).is_none());
        Ok(plain.or(all.first()).cloned())
    }

    /// The version that is asked for under one of these names; the default branch if none is. `None` where there is
    /// nothing at all.
    pub(super) fn version(&self, names: &[&str]) -> Result<Option<Version>, Failure> {
        match names.iter().find_map(|name| self.ctx.ask(name)) {
            Some(code) => self.resolve(code).map(Some),
            None => Ok(self.default_branch()?.map(|branch| Version {
                kind: Kind::Branch,
                name: branch.name,
                commit: branch.commit,
            })),
        }
    }

    /// The version that a code names.
    pub(super) fn resolve(&self, code: &str) -> Result<Version, Failure> {
        let missing = || Failure::absent("There is no such version in this repository.");
        let (kind, name) = match code.split_at_checked(2) {
            Some(("GB", name)) => (Kind::Branch, name),
            Some(("GT", name)) => (Kind::Tag, name),
            Some(("GC", name)) => (Kind::Commit, name),
            _ => return Err(missing()),
        };
        let at_ref = |folder: &str| {
            let full = [folder.as_bytes(), &names::bytes(name)].concat();
            versions::commit_at_ref(&self.repository, full.as_bstr())
        };
        let commit = match kind {
            Kind::Branch => at_ref("refs/heads/"),
            Kind::Tag => at_ref("refs/tags/"),
            Kind::Commit => versions::commit_of_id(&self.repository, name),
        };
        let commit = commit?.ok_or_else(missing)?;
        Ok(Version { kind, name: name.to_owned(), commit })
    }

    /// The entry at a path in a commit; the empty path is its root.
    pub(super) fn entry(&self, commit: ObjectId, path: &str) -> Result<Option<Entry>, Failure> {
        let path = names::bytes(path);
        let parts: Vec<BString> =
            path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(BString::from).collect();
        let name = parts.last().cloned().unwrap_or_default();
        let found = entry_below(&self.repository, commit, parts)?;
        Ok(found.map(|(mode, id)| Entry { name, mode, id }))
    }

    /// The entries of a folder.
    pub(super) fn entries(&self, tree: ObjectId) -> Result<Vec<Entry>, Failure> {
        let mut all = Vec::new();
        items::each_entry(&self.repository, &self.work, tree, |name, mode, id| {
            all.push(Entry { name: name.to_owned(), mode, id });
            Ok(())
        })?;
        Ok(all)
    }

    /// The history. Its walks ask `may_go_on` whether they may.
    pub(super) fn history<'r>(&'r self, may_go_on: &'r dyn Fn() -> bool) -> History<'r> {
        self.ctx.app.histories.of(&self.repository, may_go_on)
    }

    /// Opens a file.
    pub(super) fn content(&self, id: ObjectId) -> Result<Blob, Failure> {
        Ok(Blob::open(&self.repository, &self.ctx.app.budget, id)?)
    }

    /// A Markdown text of the repository as HTML; its links lead from `folder`.
    pub(super) fn markdown(&self, text: &str, blob: ObjectId, version: &Version, folder: &str) -> Markup {
        let key = Key { blob, base: self.at("", version, folder) };
        markdown::render(text, key, &|to, is_image| {
            self.at(if is_image { "raw" } else { "" }, version, &markdown::join(folder, to))
        })
    }

    /// A Markdown text that somebody wrote on a page; its links lead from the root of the default branch.
    pub(super) fn said(&self, text: &str) -> Markup {
        if let (Ok(Some(version)), Some(blob)) = (self.version(&[]), markdown::blob_of(text)) {
            self.markdown(text, blob, &version, "")
        } else {
            maud::html! { pre.text { (text) } }
        }
    }

    /// A page of the repository. `tab` is the address of the one among its tabs that it belongs to.
    pub(super) fn page(&self, title: &str, tab: &str, body: &Markup) -> Page {
        let may_set =
            [Permission::RenameRepository, Permission::DeleteRepository, Permission::ManagePermissions]
                .into_iter()
                .any(|permission| self.may(permission));
        let tabs = [
            ("Files", ""),
            ("Commits", "commits"),
            ("Branches", "branches"),
            ("Tags", "tags"),
            ("Compare", "compare"),
            ("Pull requests", "pullrequests"),
            ("Settings", "settings"),
        ];
        let body = html! {
            div.repo {
                nav.tabs aria-label={ "Repository " (self.repo.name) } {
                    ul {
                        @for (name, address) in tabs {
                            @if address != "settings" || may_set {
                                li { a href=(self.path(address)) aria-current=[(address == tab).then_some("page")] { (name) } }
                            }
                        }
                    }
                }
                (body)
            }
        };
        let mut crumbs = find::crumbs(self.ctx, &self.account, Some(&self.project));
        crumbs.push((self.repo.name.clone(), self.path("")));
        Page::new(format!("{title} · {}", self.repo.name), crumbs, body)
    }

    /// The list from which another version is picked, for the page that `address` makes of a version's code.
    pub(super) fn picker(
        &self,
        version: &Version,
        address: impl Fn(&Version) -> String,
    ) -> Result<Markup, Failure> {
        let (branches, tags) = (self.branches()?, self.tags()?);
        let kind = match version.kind {
            Kind::Branch => "Branch",
            Kind::Tag => "Tag",
            Kind::Commit => "Commit",
        };
        let list = |label: &str, kind: Kind, all: &[Named]| {
            html! { @if !all.is_empty() {
                p.label { (label) }
                ul {
                    @for one in all.iter().take(OFFERED) {
                        @let other = Version { kind, name: one.name.clone(), commit: one.commit };
                        @let is_here = version.kind == kind && version.name == one.name;
                        li { a href=(address(&other)) aria-current=[is_here.then_some("true")] { bdi { (one.name) } } }
                    }
                }
            } }
        };
        let (histories, plain): (Vec<Named>, Vec<Named>) =
            branches.iter().cloned().partition(|branch| history_of(&branch.name).is_some());
        Ok(html! {
            details.menu.pick {
                summary { span.quiet { (kind) ": " } bdi { (version.shown()) } }
                div {
                    (list("Branches", Kind::Branch, &plain))
                    (list("Run histories", Kind::Branch, &histories))
                    (list("Tags", Kind::Tag, &tags))
                    @if branches.len() > OFFERED { p { a href=(self.path("branches")) { "All " (branches.len()) " branches" } } }
                }
            }
        })
    }

    /// The way down a path, each part a link to its folder.
    pub(super) fn trail(&self, version: &Version, path: &str, tail: &str) -> Markup {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        html! {
            nav.trail aria-label="Path" {
                ol {
                    li { a href=(self.at(tail, version, "")) { bdi { (self.repo.name) } } }
                    @for (position, part) in parts.iter().enumerate() {
                        li {
                            @if position + 1 == parts.len() { span aria-current="location" { bdi { (part) } } }
                            @else { a href=(self.at(tail, version, &parts[..=position].join("/"))) { bdi { (part) } } }
                        }
                    }
                }
            }
        }
    }
}

/// A repository in a few numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) branches: usize,
    pub(super) histories: usize,
    pub(super) changed: Option<Timestamp>,
}

/// Sums a repository up that the visitor may read. What can't be read counts as nothing.
pub(super) fn summary(ctx: &RequestContext, repo: &Repo) -> Summary {
    let mut summary = Summary::default();
    for (name, time) in refs::branch_times(&ctx.app.state, repo, SUMMARY_BRANCHES) {
        if history_of(&names::text(name.as_bstr())).is_some() {
            summary.histories += 1;
        } else {
            summary.branches += 1;
        }
        summary.changed = summary.changed.max(time);
    }
    summary
}
