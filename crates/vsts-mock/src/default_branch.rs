//! The branch that `HEAD` names: set by who may, and taken from the first push into an empty repository, as the service
//! does. A run history is no branch to check out, so that it is not taken.

use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit};
use gix::refs::{FullName, Target};

/// The time that a change of `HEAD` waits for another one.
const LOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(1);
/// The beginning of every branch's full name.
const BRANCHES: &str = "refs/heads/";
/// The prefix of branches that hold a run history; a GUID follows.
pub(crate) const HISTORY: &str = "AzureMLHistory/";
/// Branches that are taken before others, if several come at once.
const USUAL: [&str; 2] = ["refs/heads/main", "refs/heads/master"];

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Takes one of the new refs as the default branch if the repository has none yet.
pub(crate) fn take_first(repository: &gix::Repository, new: &[String]) -> Result<(), Failed> {
    let Some(branch) = first(new) else { return Ok(()) };
    let head = repository.head()?;
    // A push at the same time may have been the first one: it keeps what it has taken.
    match head.kind {
        gix::head::Kind::Unborn(name) => {
            set(repository, FullName::try_from(branch)?, PreviousValue::MustExistAndMatch(name.into()))
        }
        _ => Ok(()),
    }
}

/// Takes one of the branches of a repository that was filled at once.
pub(crate) fn take_any(repository: &gix::Repository) -> Result<(), Failed> {
    let references = repository.references()?;
    let names = references.prefixed(BRANCHES)?.filter_map(Result::ok);
    let names: Vec<String> = names.map(|one| one.name().as_bstr().to_string()).collect();
    take_first(repository, &names)
}

/// Makes a branch the one that `HEAD` names.
pub(crate) fn set(
    repository: &gix::Repository,
    branch: FullName,
    expected: PreviousValue,
) -> Result<(), Failed> {
    let edit = RefEdit {
        change: Change::Update { log: LogChange::default(), expected, new: Target::Symbolic(branch) },
        name: FullName::try_from("HEAD").expect("HEAD is a ref name"),
        deref: false,
    };
    let mut refs = repository.refs.clone();
    refs.write_reflog = gix::refs::store::WriteReflog::Disable;
    let wait = gix::lock::acquire::Fail::AfterDurationWithBackoff(LOCK_WAIT);
    refs.transaction().prepare([edit], wait, wait)?.commit(None)?;
    Ok(())
}

fn first(new: &[String]) -> Option<&str> {
    let is_taken = |name: &&str| {
        let branch = name.strip_prefix(BRANCHES);
        branch.is_some_and(|branch| !branch.starts_with(HISTORY))
    };
    let mut branches = new.iter().map(String::as_str).filter(is_taken);
    let usual = USUAL.into_iter().find(|usual| new.iter().any(|name| name == usual));
    usual.or_else(|| branches.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_branches_is_taken() {
        for (names, expected) in [
            (&["refs/heads/topic"][..], Some("refs/heads/topic")),
            (&["refs/heads/a", "refs/heads/master"], Some("refs/heads/master")),
            (&["refs/heads/master", "refs/heads/main"], Some("refs/heads/main")),
            (&["refs/tags/v1"], None),
            (&["refs/heads/AzureMLHistory/1"], None),
            (&["refs/heads/AzureMLHistory/1", "refs/heads/b", "refs/heads/a"], Some("refs/heads/b")),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(first(&names), expected, "{names:?}");
        }
    }
}
