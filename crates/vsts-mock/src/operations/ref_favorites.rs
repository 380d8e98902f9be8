//! The branches that a user marks as favorites.

use uuid::Uuid;

use super::refused::Refused;
use super::scope::Scope;
use crate::app::App;
use crate::directory::{Directory, RefFavorite};
use crate::limits::{REF_FAVORITES, REF_NAME_BYTES};

/// A favorite to add.
#[derive(Debug)]
pub(crate) struct NewFavorite<'a> {
    pub(crate) repo: &'a str,
    pub(crate) name: &'a str,
    pub(crate) is_folder: bool,
}

/// The favorites of a user, by default the caller's, in the repositories of the project that the caller may read.
pub(crate) fn list<'d>(
    directory: &'d Directory,
    scope: Scope<'_>,
    user: Option<Uuid>,
    repo: Option<&str>,
) -> Result<Vec<&'d RefFavorite>, Refused> {
    let (account, project) = (scope.account(directory)?.id, scope.project(directory)?);
    let user = user.or(scope.principal.user);
    let repo = repo.map(|asked| scope.repo(directory, asked).map(|(.., repo)| repo.id)).transpose()?;
    let is_seen = |favorite: &&RefFavorite| {
        let its_repo = directory.repos.get(&favorite.repo);
        its_repo.is_some_and(|own| {
            project.is_none_or(|project| project.id == own.project) && scope.may_read(directory, own)
        })
    };
    let own = directory.favorites_of(account).filter(|one| Some(one.user) == user);
    Ok(own.filter(|one| repo.is_none_or(|repo| repo == one.repo)).filter(is_seen).collect())
}

/// One of the caller's.
pub(crate) fn one<'d>(
    directory: &'d Directory,
    scope: Scope<'_>,
    id: &str,
) -> Result<&'d RefFavorite, Refused> {
    let all = list(directory, scope, None, None)?;
    let found = all.into_iter().find(|favorite| favorite.id.to_string() == id);
    found.ok_or_else(|| Refused::NoPart { what: "ref favorite", id: id.to_owned() })
}

/// Marks a branch or a folder of branches, which need not exist.
pub(crate) async fn add(app: &App, scope: Scope<'_>, new: &NewFavorite<'_>) -> Result<RefFavorite, Refused> {
    let mut change = app.state.change().await;
    let (account, _, repo) = scope.repo(&change.directory, new.repo)?;
    let user = scope.principal.user.unwrap_or_default();
    if new.name.len() > REF_NAME_BYTES {
        return Err(Refused::Invalid(format!("The name of a ref has at most {REF_NAME_BYTES} bytes.")));
    }
    if !new.name.starts_with("refs/") || gix::validate::reference::name(new.name.into()).is_err() {
        return Err(Refused::Invalid(format!("{:?} is not the name of a ref.", new.name)));
    }
    let (account, repo) = (account.id, repo.id);
    let is_same = |one: &RefFavorite| one.user == user && one.repo == repo && one.name == new.name;
    if change.directory.favorites_of(account).any(is_same) {
        let name = &scope.principal.name;
        return Err(Refused::Invalid(format!("The ref {} is already a favorite for user {name}.", new.name)));
    }
    if change.directory.favorites_of(account).filter(|one| one.user == user).count() >= REF_FAVORITES {
        let message =
            format!("A user has at most {REF_FAVORITES} favorites in an account; remove one first.");
        return Err(Refused::Invalid(message));
    }
    let id = change.directory.favorites_of(account).next_back().map_or(1, |last| last.id + 1);
    let favorite =
        RefFavorite { account, id, repo, user, name: new.name.to_owned(), is_folder: new.is_folder };
    change.put(favorite.clone());
    change.commit().await?;
    Ok(favorite)
}

/// Removes one of the caller's.
pub(crate) async fn remove(app: &App, scope: Scope<'_>, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let favorite = one(&change.directory, scope, id)?;
    let key = (favorite.account, favorite.id);
    change.remove::<RefFavorite>(&key);
    Ok(change.commit().await?)
}
