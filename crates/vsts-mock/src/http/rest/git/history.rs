//! Walks through commits, newest first, and what a request may want of them.

use git_wire::history::{LogOptions, PathQuery};
use gix::ObjectId;
use gix::objs::tree::EntryMode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::query::Query;
use super::place::{Place, object_id, person, time_of};
use super::revision::{Descriptor, or_default};
use crate::operations::commit_text::{AskedName, decode, encoding_of};
use crate::operations::refused::Refused;

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

    /// Returns whether a commit that changed the path is wanted. It is read only where that is needed.
    fn wants(&self, repository: &gix::Repository, id: ObjectId) -> Result<bool, Refused> {
        if self.is_about_people_or_time() {
            let commit = repository.find_commit(id)?;
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
            Some(path) if self.without_deletes => Ok(entry_at(&repository.find_commit(id)?, path)?.is_some()),
            _ => Ok(true),
        }
    }
}

/// What is at a path in a commit's tree.
pub(super) fn entry_at(
    commit: &gix::Commit<'_>,
    path: &str,
) -> Result<Option<(EntryMode, ObjectId)>, Refused> {
    let segments = path.split('/').filter(|part| !part.is_empty());
    let found = commit.tree()?.lookup_entry(segments.map(AskedName))?;
    Ok(found.map(|entry| (entry.mode(), entry.object_id())))
}

/// The commit that changed a path last, from `tip` back.
pub(super) fn latest_change(
    place: &Place,
    repository: &gix::Repository,
    tip: ObjectId,
    path: &str,
) -> Result<Option<ObjectId>, Failure> {
    let path = PathQuery::new(path.into());
    let options = LogOptions { tips: vec![tip], path, ..LogOptions::default() };
    Ok(place.log(repository, options, 0, 1, |_| Ok(true))?.pop())
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
    let is_reversed = query.criterion_flag("showOldestCommitsFirst");
    let (skip_now, top_now) = if is_reversed { (0, usize::MAX) } else { (skip, top) };
    let modes = [
        ("simplifiedHistory", 0, Some(false)),
        ("firstParent", 1, Some(true)),
        ("fullHistory", 2, None),
        ("fullHistorySimplifyMerges", 3, None),
    ];
    let mode = query.choice(&["searchCriteria.historyMode", "historyMode"], &modes)?.unwrap_or(Some(false));
    let first_parent = mode.ok_or_else(|| {
        Failure::bad(
            "This value of historyMode is not supported by vsts-mock: simplifiedHistory and firstParent are.",
        )
    })?;
    let path = criteria.path.as_deref().and_then(|path| PathQuery::new(path.into()));
    let options = LogOptions { tips, hidden, first_parent, path };
    let mut found = place.log(repository, options, skip_now, top_now, |id| criteria.wants(repository, id))?;
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
