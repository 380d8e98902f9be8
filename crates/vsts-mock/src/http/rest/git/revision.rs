//! Version descriptors: which commit a request speaks of, named by a branch, a tag or the commit itself.

use gix::ObjectId;
use serde_json::Value;

use super::super::failure::{Failure, excerpt};
use super::super::query::{Query, choice};
use super::request::RepoRequest;
use crate::operations::versions::{self, default_branch};

/// The kind of name that a version goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Branch,
    Tag,
    Commit,
}

/// The commit that is meant, relative to the one that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Itself,
    FirstParent,
}

const KINDS: [(&str, u64, Kind); 3] =
    [("branch", 0, Kind::Branch), ("tag", 1, Kind::Tag), ("commit", 2, Kind::Commit)];
/// The commit before is taken for the one with the previous change.
const OPTIONS: [(&str, u64, Step); 3] = [
    ("none", 0, Step::Itself),
    ("previousChange", 1, Step::FirstParent),
    ("firstParent", 2, Step::FirstParent),
];

/// A version as a request names it.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    kind: Kind,
    name: String,
    option: Step,
}

impl Descriptor {
    /// The descriptor whose parts begin with one of these prefixes, say `versionDescriptor.`; `None` if no version is
    /// named.
    pub(super) fn of(query: &Query, prefixes: &[&str]) -> Result<Option<Self>, Failure> {
        for prefix in prefixes {
            let part = |name: &str| format!("{prefix}{name}");
            let Some(name) = query.get(&part("version")) else { continue };
            return Ok(Some(Self {
                kind: query.choice(&[&part("versionType")], &KINDS)?.unwrap_or(Kind::Branch),
                name: name.to_owned(),
                option: query.choice(&[&part("versionOptions")], &OPTIONS)?.unwrap_or(Step::Itself),
            }));
        }
        Ok(None)
    }

    /// The same, of search criteria: the prefixes come first with what the names of criteria begin with.
    pub(super) fn of_criterion(query: &Query, prefixes: &[&str]) -> Result<Option<Self>, Failure> {
        let with: Vec<String> = prefixes.iter().map(|prefix| format!("searchCriteria.{prefix}")).collect();
        let all: Vec<&str> = with.iter().map(String::as_str).chain(prefixes.iter().copied()).collect();
        Self::of(query, &all)
    }

    /// One side of a comparison, `base` or `target`, under every name that clients have for it.
    pub(super) fn of_side(query: &Query, side: &str) -> Result<Option<Self>, Failure> {
        let prefixes = [
            format!("{side}VersionDescriptor."),
            format!("{side}VersionDescriptor.{side}"),
            format!("{side}Version."),
            side.to_owned(),
        ];
        Self::of(query, &prefixes.each_ref().map(String::as_str))
    }

    /// The descriptor in a body.
    pub(super) fn of_json(value: &Value) -> Result<Option<Self>, Failure> {
        let Some(name) = value["version"].as_str().filter(|name| !name.is_empty()) else { return Ok(None) };
        Ok(Some(Self {
            kind: choice("versionType", &value["versionType"], &KINDS)?.unwrap_or(Kind::Branch),
            name: name.to_owned(),
            option: choice("versionOptions", &value["versionOptions"], &OPTIONS)?.unwrap_or(Step::Itself),
        }))
    }

    pub(super) fn branch(name: &str) -> Self {
        Self { kind: Kind::Branch, name: name.to_owned(), option: Step::Itself }
    }

    pub(super) fn commit(id: &str) -> Self {
        Self { kind: Kind::Commit, name: id.to_owned(), option: Step::Itself }
    }

    /// The commit.
    pub(super) fn resolve(
        &self,
        request: &RepoRequest,
        repository: &gix::Repository,
    ) -> Result<ObjectId, Failure> {
        let absent = || {
            let message = format!(
                "TF401175:The version descriptor {self} could not be resolved to a version in the repository {}",
                request.repo.name
            );
            Failure::not_found("GitUnresolvableToCommitException", message)
        };
        let at_ref = |folder: &str| {
            let is_full = self.name.starts_with("refs/");
            let name = if is_full { self.name.clone() } else { format!("{folder}{}", self.name) };
            versions::commit_at_ref(repository, name.as_str().into())
        };
        let commit = match self.kind {
            Kind::Branch => at_ref("refs/heads/"),
            Kind::Tag => at_ref("refs/tags/"),
            Kind::Commit => versions::commit_of_id(repository, &self.name),
        };
        let commit = commit?.ok_or_else(absent)?;
        match self.option {
            Step::Itself => Ok(commit),
            Step::FirstParent => versions::first_parent(repository, commit)?.ok_or_else(absent),
        }
    }
}

impl std::fmt::Display for Descriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Branch => "Branch",
            Kind::Tag => "Tag",
            Kind::Commit => "Commit",
        };
        write!(f, "<{kind}: {} >", excerpt(&self.name))
    }
}

/// The version that is meant when none is named: the default branch.
pub(super) fn or_default(
    given: Option<Descriptor>,
    request: &RepoRequest,
    repository: &gix::Repository,
) -> Result<Descriptor, Failure> {
    if let Some(given) = given {
        return Ok(given);
    }
    let branch = default_branch(repository)?.ok_or_else(|| {
        let message = format!("VS403403: Cannot find any branches for the {} repository.", request.repo.name);
        Failure::not_found("GitUnresolvableToCommitException", message)
    })?;
    Ok(Descriptor::branch(&branch))
}
