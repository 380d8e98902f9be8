//! Favorites: branches, and folders of branches, that a user has marked.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Directory;

/// A favorite of a user. It is stored as one row, with its fields as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefFavorite {
    pub(crate) account: Uuid,
    /// Unique in the account.
    pub(crate) id: i64,
    pub(crate) repo: Uuid,
    pub(crate) user: Uuid,
    /// `refs/heads/topic`, or the folder `refs/heads/users`.
    pub(crate) name: String,
    pub(crate) is_folder: bool,
}

impl Directory {
    /// The favorites in an account, by their ids.
    pub(crate) fn favorites_of(&self, account: Uuid) -> impl DoubleEndedIterator<Item = &RefFavorite> {
        self.ref_favorites.range((account, 0)..=(account, i64::MAX)).map(|(_, favorite)| favorite)
    }

    /// The keys of the favorites that are in a repository, or a user's.
    pub(crate) fn favorites_with(&self, id: Uuid) -> Vec<(Uuid, i64)> {
        let has = |favorite: &&RefFavorite| favorite.repo == id || favorite.user == id;
        self.ref_favorites.values().filter(has).map(|favorite| (favorite.account, favorite.id)).collect()
    }
}
