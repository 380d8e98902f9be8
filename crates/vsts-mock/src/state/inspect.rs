//! Checks at the start that the database and the folders of repositories belong together.
//!
//! Losses are reported at once, and in time that does not grow with what is in the repositories: the folder is listed, and
//! `HEAD` of each repository is read in the background.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{StateError, io as failed};
use crate::directory::{Directory, Repo};
use crate::limits::NAMED_AT_START;

/// Refuses a database that is missing or empty beside repositories: who they belong to is lost with it.
pub(super) fn check_database(database: &Path, repos: &Path) -> Result<(), StateError> {
    let state = match std::fs::metadata(database) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Ok(_) => "empty",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "missing",
        Err(error) => return Err(failed("look at", database)(error)),
    };
    let count = folders(repos).map_err(failed("look through", repos))?.len();
    if count == 0 {
        return Ok(());
    }
    Err(StateError::DatabaseLost { database: database.to_owned(), state, repos: repos.to_owned(), count })
}

/// Warns of repositories without a folder, and of folders without a repository.
pub(super) fn compare(directory: &Directory, repos: &Path) -> io::Result<()> {
    let found = folders(repos)?;
    let all = || directory.repos.values().chain(directory.deleted_repos.values());
    let lost = all().filter(|repo| !found.contains(&repo.id)).map(|repo| shown(directory, repo));
    if let Some(lost) = listed(lost) {
        tracing::warn!(
            "the folders of these repositories are missing in {}: {lost}. Restore them from a backup, or delete the \
             repositories",
            repos.display()
        );
    }
    let known: BTreeSet<Uuid> = all().map(|repo| repo.id).collect();
    let unknown = found.difference(&known).map(|id| format!("{id}.git"));
    if let Some(unknown) = listed(unknown) {
        tracing::warn!(
            "the database does not know these folders in {}: {unknown}. If it was replaced by an older one, restore the \
             right one; else they can go",
            repos.display()
        );
    }
    Ok(())
}

/// Warns of repositories whose `HEAD` can't be read, and which can't be served therefore. Takes a while.
pub(super) fn warn_of_unreadable(directory: &Directory, path: impl Fn(Uuid) -> PathBuf) {
    let is_unreadable = |repo: &&Repo| {
        let path = path(repo.id);
        // It stays known, so that the first list of repositories need not read it again.
        repo.handle.default_branch(&path).is_err() && path.exists()
    };
    if let Some(unreadable) =
        listed(directory.repos.values().filter(is_unreadable).map(|repo| shown(directory, repo)))
    {
        tracing::warn!(
            "HEAD of these repositories can't be read: {unreadable}. Restore them from a backup, or delete them"
        );
    }
}

/// The ids of the repositories that have a folder.
fn folders(repos: &Path) -> io::Result<BTreeSet<Uuid>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(repos)? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| Uuid::parse_str(name.strip_suffix(".git")?).ok());
        found.extend(id);
    }
    Ok(found)
}

fn shown(directory: &Directory, repo: &Repo) -> String {
    let account = directory.accounts.get(&repo.account).map_or("?", |account| &account.name);
    let project = directory.projects.get(&repo.project).map_or("?", |project| &project.name);
    format!("{account}/{project}/{} ({})", repo.name, repo.id)
}

/// Some names in one line, and how many more there are; `None` if there is none.
fn listed(names: impl Iterator<Item = String>) -> Option<String> {
    let mut names = names.peekable();
    names.peek()?;
    let first: Vec<String> = names.by_ref().take(NAMED_AT_START).collect();
    let more = names.count();
    let first = first.join(", ");
    Some(if more == 0 { first } else { format!("{first} and {more} more") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_up_to_a_bound() {
        let names = |count: usize| listed((0..count).map(|number| number.to_string()));
        assert_eq!(names(0), None);
        assert_eq!(names(2).as_deref(), Some("0, 1"));
        assert!(names(NAMED_AT_START + 5).is_some_and(|text| text.ends_with(" and 5 more")));
    }
}
