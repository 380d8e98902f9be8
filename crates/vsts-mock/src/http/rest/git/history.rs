//! Walks through commits, newest first, and what a request may want of them.

use gix::ObjectId;
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryMode;
use gix::revision::walk::{Info, Sorting};
use gix::traverse::commit::simple::CommitTimeOrder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::commit_text::{AskedName, decode, encoding_of};
use super::super::failure::Failure;
use super::super::query::Query;
use super::place::{Place, object_id, person, time_of};
use super::revision::{Descriptor, or_default};

/// Which commits are wanted.
#[derive(Debug, Default)]
pub(super) struct Criteria {
    author: Option<String>,
    committer: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// Without a slash at the beginning.
    path: Option<String>,
    /// Leaves out the commits that delete the path.
    without_deletes: bool,
}

impl Criteria {
    pub(super) fn of(query: &Query) -> Result<Self, Failure> {
        Ok(Self {
            author: query.criterion("author").map(str::to_lowercase),
            committer: query
                .criterion("user")
                .or_else(|| query.criterion("committer"))
                .map(str::to_lowercase),
            from: query.criterion_date("fromDate")?,
            to: query.criterion_date("toDate")?,
            path: query
                .criterion("itemPath")
                .map(|path| path.trim_matches('/').to_owned())
                .filter(|path| !path.is_empty()),
            without_deletes: query.criterion_flag("excludeDeletes"),
        })
    }

    fn is_about_people_or_time(&self) -> bool {
        self.author.is_some() || self.committer.is_some() || self.from.is_some() || self.to.is_some()
    }

    /// Whether a commit is wanted: itself looked at only where that is needed, which is what takes the time.
    fn wants(&self, trees: &Trees<'_>, info: &Info<'_>) -> Result<bool, Failure> {
        if self.is_about_people_or_time() {
            let commit = trees.repository.find_commit(info.id)?;
            let (author, committer) = (commit.author()?, commit.committer()?);
            let encoding = encoding_of(&commit);
            let is = |wanted: &Option<String>, signature: gix::actor::SignatureRef<'_>| {
                wanted.as_ref().is_none_or(|wanted| {
                    let (name, email) = (decode(signature.name, encoding), decode(signature.email, encoding));
                    let whole = format!("{name} <{email}>").to_lowercase();
                    whole.contains(wanted.as_str())
                })
            };
            let time = time_of(author);
            if !is(&self.author, author)
                || !is(&self.committer, committer)
                || self.from.is_some_and(|from| time < from)
                || self.to.is_some_and(|to| time > to)
            {
                return Ok(false);
            }
        }
        match &self.path {
            None => Ok(true),
            Some(path) => Ok(changes_path(trees, info, path)?
                && (!self.without_deletes
                    || entry_at(&trees.repository.find_commit(info.id)?, path)?.is_some())),
        }
    }
}

/// The trees of commits: from the commit-graph where that has them.
struct Trees<'r> {
    repository: &'r gix::Repository,
    graph: Option<gix::commitgraph::Graph>,
}

impl<'r> Trees<'r> {
    fn of(repository: &'r gix::Repository) -> Self {
        // Without one, commits are read.
        Self { repository, graph: repository.commit_graph_if_enabled().ok().flatten() }
    }

    fn tree(&self, commit: ObjectId) -> Result<ObjectId, Failure> {
        if let Some(known) = self.graph.as_ref().and_then(|graph| graph.commit_by_id(commit)) {
            return Ok(known.root_tree_id().to_owned());
        }
        Ok(self.repository.find_commit(commit)?.tree_id()?.detach())
    }
}

/// What is at a path in a commit's tree.
pub(super) fn entry_at(
    commit: &gix::Commit<'_>,
    path: &str,
) -> Result<Option<(EntryMode, ObjectId)>, Failure> {
    let segments = path.split('/').filter(|part| !part.is_empty());
    let found = commit.tree()?.lookup_entry(segments.map(AskedName))?;
    Ok(found.map(|entry| (entry.mode(), entry.object_id())))
}

/// Whether what is at the path differs from what is there in every parent.
fn changes_path(trees: &Trees<'_>, info: &Info<'_>, path: &str) -> Result<bool, Failure> {
    let (repository, tree) = (trees.repository, trees.tree(info.id)?);
    for parent in &info.parent_ids {
        if !differ_at(repository, trees.tree(*parent)?, tree, path)? {
            return Ok(false);
        }
    }
    Ok(!info.parent_ids.is_empty() || entry_at(&repository.find_commit(info.id)?, path)?.is_some())
}

/// Whether two trees differ at a path. Both are followed downwards side by side, and no further than they differ:
/// most commits change something else, which shows in the first folder already.
fn differ_at(
    repository: &gix::Repository,
    before: ObjectId,
    after: ObjectId,
    path: &str,
) -> Result<bool, Failure> {
    let (mut before, mut after) = (Some(before), Some(after));
    let mut names = path.split('/').filter(|part| !part.is_empty()).map(AskedName).peekable();
    while let Some(name) = names.next() {
        let (one, other) = (child(repository, before, name)?, child(repository, after, name)?);
        if one == other {
            return Ok(false);
        }
        if names.peek().is_none() {
            return Ok(true);
        }
        let folder = |entry: Option<(EntryMode, ObjectId)>| entry.filter(|(mode, _)| mode.is_tree());
        (before, after) = (folder(one).map(|(_, id)| id), folder(other).map(|(_, id)| id));
    }
    Ok(before != after)
}

/// What a tree holds under a name.
fn child(
    repository: &gix::Repository,
    tree: Option<ObjectId>,
    name: AskedName<'_>,
) -> Result<Option<(EntryMode, ObjectId)>, Failure> {
    let Some(tree) = tree else { return Ok(None) };
    let object = repository.find_object(tree)?;
    for entry in TreeRefIter::from_bytes(&object.data, repository.object_hash()) {
        let entry = entry.map_err(|error| Failure::internal(&error))?;
        if name == *entry.filename {
            return Ok(Some((entry.mode, entry.oid.to_owned())));
        }
    }
    Ok(None)
}

/// The commit that changed a path last, from `tip` back.
pub(super) fn latest_change(
    repository: &gix::Repository,
    tip: ObjectId,
    path: &str,
) -> Result<Option<ObjectId>, Failure> {
    let trees = Trees::of(repository);
    for info in walk_infos(repository, &[tip], &[], false)? {
        let info = info?;
        if path.is_empty() || changes_path(&trees, &info, path)? {
            return Ok(Some(info.id));
        }
    }
    Ok(None)
}

/// The commits from `tips` back, without those that `hidden` reach.
pub(super) fn walk(
    repository: &gix::Repository,
    tips: &[ObjectId],
    hidden: &[ObjectId],
) -> Result<impl Iterator<Item = Result<ObjectId, Failure>>, Failure> {
    Ok(walk_infos(repository, tips, hidden, false)?.map(|info| Ok(info?.id)))
}

/// The same, with what the walk knows of each.
fn walk_infos<'r>(
    repository: &'r gix::Repository,
    tips: &[ObjectId],
    hidden: &[ObjectId],
    first_parents: bool,
) -> Result<impl Iterator<Item = Result<Info<'r>, Failure>>, Failure> {
    let mut walk = repository
        .rev_walk(tips.iter().copied())
        .sorting(Sorting::ByCommitTime(CommitTimeOrder::NewestFirst))
        .with_hidden(hidden.iter().copied());
    if first_parents {
        walk = walk.first_parent_only();
    }
    let walk = walk.all()?;
    Ok(walk.map(|info| Ok(info?)))
}

/// The commits that a request's criteria select, newest first.
pub(super) fn search(
    place: &Place,
    repository: &gix::Repository,
    query: &Query,
    skip: usize,
    top: usize,
) -> Result<Vec<ObjectId>, Failure> {
    let ids = query.criterion_list("ids");
    if !ids.is_empty() {
        let all: Result<Vec<_>, Failure> = ids
            .into_iter()
            .map(|id| Descriptor::commit(&object_id(id)?.to_string()).resolve(place, repository))
            .collect();
        return Ok(all?.into_iter().skip(skip).take(top).collect());
    }
    let (tips, hidden) = range(place, repository, query)?;
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let criteria = Criteria::of(query)?;
    let mut found = Vec::new();
    let mut passed = 0;
    let is_reversed = query.criterion_flag("showOldestCommitsFirst");
    let (skip_now, top_now) = if is_reversed { (0, usize::MAX) } else { (skip, top) };
    let trees = Trees::of(repository);
    let modes = [
        ("simplifiedHistory", 0, Some(false)),
        ("firstParent", 1, Some(true)),
        ("fullHistory", 2, None),
        ("fullHistorySimplifyMerges", 3, None),
    ];
    let mode = query.choice(&["searchCriteria.historyMode", "historyMode"], &modes)?.unwrap_or(Some(false));
    let first_parents = mode.ok_or_else(|| {
        Failure::bad(
            "This value of historyMode is not supported by vsts-mock: simplifiedHistory and firstParent are.",
        )
    })?;
    for info in walk_infos(repository, &tips, &hidden, first_parents)? {
        if found.len() >= top_now {
            break;
        }
        let info = info?;
        if criteria.wants(&trees, &info)? {
            if passed >= skip_now {
                found.push(info.id);
            }
            passed += 1;
        }
    }
    if is_reversed {
        found.reverse();
        found = found.into_iter().skip(skip).take(top).collect();
    }
    Ok(found)
}

/// Where the walk begins, and what it leaves out.
fn range(
    place: &Place,
    repository: &gix::Repository,
    query: &Query,
) -> Result<(Vec<ObjectId>, Vec<ObjectId>), Failure> {
    let mut given = Descriptor::of_criterion(query, &["itemVersion.", "versionDescriptor."])?;
    if given.is_none() {
        given = match (query.criterion("branch"), query.criterion("commit")) {
            (Some(branch), _) => Some(Descriptor::branch(branch)),
            (None, Some(commit)) => Some(Descriptor::commit(commit)),
            (None, None) => Descriptor::of_criterion(query, &[""])?,
        };
    }
    let to = query.criterion("toCommitId");
    if given.is_none() && to.is_none() && super::revision::default_branch(repository)?.is_none() {
        return Ok((Vec::new(), Vec::new()));
    }
    let tip = match to {
        Some(to) => Descriptor::commit(&object_id(to)?.to_string()).resolve(place, repository)?,
        None => or_default(given, place, repository)?.resolve(place, repository)?,
    };
    let mut hidden = Vec::new();
    if let Some(from) = query.criterion("fromCommitId") {
        let from = Descriptor::commit(&object_id(from)?.to_string()).resolve(place, repository)?;
        hidden.extend(repository.find_commit(from)?.parent_ids().map(gix::Id::detach));
    }
    // What the other version has, and this one has not.
    if let Some(other) = Descriptor::of_criterion(query, &["compareVersion."])? {
        return Ok((vec![other.resolve(place, repository)?], vec![tip]));
    }
    Ok((vec![tip], hidden))
}

/// A commit, as in lists.
pub(super) fn reference(place: &Place, commit: &gix::Commit<'_>) -> Result<Value, Failure> {
    let id = commit.id;
    let encoding = encoding_of(commit);
    let message = decode(commit.message_raw()?, encoding);
    Ok(json!({
        "commitId": id.to_string(),
        "author": person(commit.author()?, encoding),
        "committer": person(commit.committer()?, encoding),
        "comment": message.trim_end_matches('\n'),
        "url": place.url(&format!("commits/{id}")),
        "remoteUrl": place.page(&format!("commit/{id}")),
    }))
}
