//! Pushes: the record of each, whatever transport it came through, and new ones made of lists of changes.

use git_wire::history::LogOptions;
use gix::ObjectId;
use gix::objs::Kind;

use super::context::RepoContext;
use super::new_objects::NewObjects;
use super::push::{Command, push_one};
use super::refused::{Refused, excerpt};
use super::signature::Person;
use super::tree_changes::{self, TreeChange};
use crate::state::Push;

/// A commit that a push makes.
#[derive(Debug)]
pub(crate) struct NewCommit<'a> {
    pub(crate) changes: Vec<TreeChange>,
    /// If they are given, they have to be the commit before alone.
    pub(crate) parents: Option<Vec<&'a str>>,
    pub(crate) author: Person<'a>,
    pub(crate) committer: Person<'a>,
    pub(crate) comment: &'a str,
}

/// The push of that number. Blocks.
pub(crate) fn find(ctx: &RepoContext, id: &str) -> Result<Push, Refused> {
    let push = match id.parse() {
        Ok(number) => ctx.runtime.block_on(ctx.app.state.push(ctx.repo.id, number))?,
        Err(_) => None,
    };
    push.ok_or_else(|| Refused::NoPush { id: id.to_owned() })
}

/// The commits of a push that no push before it had, newest first. Blocks.
pub(crate) fn new_commits(
    ctx: &RepoContext,
    repository: &gix::Repository,
    push: &Push,
    skip: usize,
    top: usize,
) -> Result<Vec<ObjectId>, Refused> {
    let commit = |id: &String| {
        let id = ObjectId::from_hex(id.as_bytes()).ok()?;
        Some(repository.find_object(id).ok()?.peel_to_commit().ok()?.id)
    };
    let tips: Vec<ObjectId> =
        push.refs.iter().filter_map(|one| one.new.as_ref()).filter_map(commit).collect();
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let earlier = ctx.runtime.block_on(ctx.app.state.pushed_before(ctx.repo.id, push.id))?;
    let mut hidden: Vec<ObjectId> = earlier.iter().filter_map(commit).collect();
    hidden.extend(push.refs.iter().filter_map(|one| one.old.as_ref()).filter_map(commit));
    let options = LogOptions { tips, hidden, ..LogOptions::default() };
    ctx.log(repository, options, skip, top, |_| Ok(true))
}

/// Pushes a line of new commits to one ref; gives the record of the push, and the commits, oldest first. `old` is the tip
/// of the ref; for a ref that does not exist yet it is the commit from which the ref starts. Blocks.
pub(crate) fn create(
    ctx: &RepoContext,
    name: &str,
    old: Option<ObjectId>,
    commits: &[NewCommit<'_>],
) -> Result<(Push, Vec<ObjectId>), Refused> {
    let repository = ctx.open()?;
    let start = start(&repository, name, old)?;
    let mut tree = start
        .commit
        .map(|commit| repository.find_commit(commit)?.tree_id())
        .transpose()?
        .map(gix::Id::detach);
    let mut objects = NewObjects::new(&repository);
    let mut parent = start.commit;
    let mut made = Vec::with_capacity(commits.len());
    for commit in commits {
        let new_tree = tree_changes::apply(&mut objects, tree, &commit.changes)?;
        check_parents(commit.parents.as_deref(), parent)?;
        let (author, committer) = (commit.author.signature(ctx)?, commit.committer.signature(ctx)?);
        let parents = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
        let comment = commit.comment.replace('\0', "");
        let data = format!("tree {new_tree}\n{parents}author {author}\ncommitter {committer}\n\n{comment}");
        let id = objects.add(Kind::Commit, data.as_bytes())?;
        made.push(id);
        (tree, parent) = (Some(new_tree), Some(id));
    }
    let command = Command { name: name.to_owned(), old: start.tip, new: parent };
    if !command.is_sound() {
        return Err(Refused::Invalid(format!("{:?} is not the name of a ref.", excerpt(name))));
    }
    push_one(ctx, &command, &objects.finish()?)?;
    let tip = parent.map(|id| id.to_string()).unwrap_or_default();
    let push = ctx.runtime.block_on(ctx.app.state.push_of(ctx.repo.id, &tip))?;
    Ok((push.ok_or(Refused::PushGone)?, made))
}

/// The start of a push.
struct Start {
    /// The id that the ref has to point to until the push is done; `None` if the push makes the ref.
    tip: Option<ObjectId>,
    /// The parent of the first new commit.
    commit: Option<ObjectId>,
}

fn start(repository: &gix::Repository, name: &str, old: Option<ObjectId>) -> Result<Start, Refused> {
    let found = repository.try_find_reference(name).ok().flatten();
    let found = found.filter(|reference| reference.name().as_bstr() == name);
    let Some(reference) = found else {
        let Some(old) = old else { return Ok(Start { tip: None, commit: None }) };
        let is_commit = repository.try_find_header(old)?.is_some_and(|header| header.kind() == Kind::Commit);
        return if is_commit {
            Ok(Start { tip: None, commit: Some(old) })
        } else {
            Err(Refused::no_object(&old.to_string()))
        };
    };
    if old.is_none() || old != reference.try_id().map(gix::Id::detach) {
        return Err(Refused::StaleRef { name: name.to_owned() });
    }
    let is_commit = old.and_then(|old| repository.find_commit(old).ok()).is_some();
    if is_commit {
        Ok(Start { tip: old, commit: old })
    } else {
        Err(Refused::RefNotUpdated { name: name.to_owned(), reason: "is not at a commit".to_owned() })
    }
}

/// Refuses parents other than the commit before: a push makes a line of commits.
fn check_parents(given: Option<&[&str]>, before: Option<ObjectId>) -> Result<(), Refused> {
    let before: Vec<String> = before.iter().map(ToString::to_string).collect();
    match given {
        Some(list) if !list.is_empty() && *list != before => Err(Refused::invalid(
            "These commits.parents are not supported by vsts-mock: a commit's parent is the one before it in the push, \
             the first one's is refUpdates.oldObjectId. Leave the field out.",
        )),
        _ => Ok(()),
    }
}
