//! The addresses of pages: the service's own where it had them.
//!
//! | address | page |
//! | --- | --- |
//! | `/` | accounts; on an account's own host, that account |
//! | `/ACCOUNT`, `/ACCOUNT/PROJECT` | an account's projects, a project's repositories |
//! | `/ACCOUNT/_new`, `/ACCOUNT/PROJECT/_new` | making a project, a repository |
//! | `/ACCOUNT/PROJECT/_workitems`, `…/edit/ID`, `…/create/TYPE`, `…/recyclebin` | a project's work items, one, a new one, deleted ones |
//! | `/ACCOUNT/PROJECT/_git/REPO` | files, and the other pages of a repository below it |
//! | `/_details/security/keys`, `…/tokens` | SSH public keys, personal access tokens |
//! | `/_signin`, `/_signout`, `/_assets/…` | what it says |

use crate::http::address::{GitAddress, GitTail};

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Asset(String),
    Robots,
    SignIn,
    SignOut,
    Home,
    Keys,
    Tokens,
    Account(String),
    NewProject(String),
    Project(String, String),
    NewRepo(String, String),
    WorkItems(String, String, WorkPage),
    Repo(RepoNames, RepoPage),
}

/// One page of the work items of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkPage {
    List,
    /// The types to choose from.
    New,
    /// A new one of a type.
    NewOf(String),
    /// By its number.
    Item(String),
    RecycleBin,
}

/// A repository by the names in its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepoNames {
    pub(super) account: String,
    pub(super) project: String,
    pub(super) repo: String,
}

/// One page of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RepoPage {
    Files,
    Raw,
    Archive,
    Commits,
    Commit(String),
    Branches,
    Tags,
    Compare,
    PullRequests,
    NewPullRequest,
    /// By its number.
    PullRequest(String),
    Settings,
    Permissions,
}

impl Route {
    /// The page below a repository's address, if it is one.
    pub(crate) fn of_git(address: &GitAddress) -> Option<Self> {
        let page = match &address.tail {
            GitTail::Page => RepoPage::Files,
            GitTail::Other(tail) => match tail.as_str() {
                "raw" => RepoPage::Raw,
                "archive" => RepoPage::Archive,
                "commits" => RepoPage::Commits,
                "branches" => RepoPage::Branches,
                "tags" => RepoPage::Tags,
                "compare" => RepoPage::Compare,
                "pullrequests" => RepoPage::PullRequests,
                "pullrequestcreate" => RepoPage::NewPullRequest,
                "settings" => RepoPage::Settings,
                "permissions" => RepoPage::Permissions,
                other => match other.strip_prefix("pullrequest/") {
                    Some(id) => RepoPage::PullRequest(id.to_owned()),
                    None => RepoPage::Commit(other.strip_prefix("commit/")?.to_owned()),
                },
            },
            GitTail::InfoRefs | GitTail::UploadPack | GitTail::ReceivePack | GitTail::Lfs(_) => return None,
        };
        let names = RepoNames {
            account: address.account.clone().unwrap_or_default(),
            project: address.project.clone(),
            repo: address.repo.clone(),
        };
        Some(Self::Repo(names, page))
    }

    /// The page at a path that speaks of no repository. `account` is the one in the host's name.
    pub(crate) fn of_path(account: Option<String>, path: &str) -> Option<Self> {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["robots.txt"] => return Some(Self::Robots),
            ["_assets", name] => return Some(Self::Asset((*name).to_owned())),
            ["_signin"] => return Some(Self::SignIn),
            ["_signout"] => return Some(Self::SignOut),
            ["_details", "security"] | ["_details", "security", "keys"] => return Some(Self::Keys),
            ["_details", "security", "tokens"] => return Some(Self::Tokens),
            _ => {}
        }
        let (account, below) = match (account, words.split_first()) {
            (Some(account), _) => (account, words.as_slice()),
            (None, Some((account, below))) => ((*account).to_owned(), below),
            (None, None) => return Some(Self::Home),
        };
        let below = match below.split_first() {
            Some((first, rest)) if first.eq_ignore_ascii_case("DefaultCollection") => rest,
            _ => below,
        };
        Some(match below {
            [] => Self::Account(account),
            ["_new"] => Self::NewProject(account),
            [project] | [project, "_git"] => Self::Project(account, (*project).to_owned()),
            [project, "_new"] => Self::NewRepo(account, (*project).to_owned()),
            [project, "_workitems", page @ ..] => {
                let page = match page {
                    [] | ["recentlyupdated"] => WorkPage::List,
                    ["create"] => WorkPage::New,
                    ["create", kind] => WorkPage::NewOf((*kind).to_owned()),
                    ["edit", id] => WorkPage::Item((*id).to_owned()),
                    ["recyclebin"] => WorkPage::RecycleBin,
                    _ => return None,
                };
                Self::WorkItems(account, (*project).to_owned(), page)
            }
            _ => return None,
        })
    }

    /// Returns whether it answers programs as it answers browsers.
    pub(crate) fn is_for_all(&self) -> bool {
        match self {
            Self::Repo(_, page) => *page != RepoPage::Files,
            Self::Asset(_) | Self::Robots | Self::SignIn | Self::SignOut => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_pages() {
        let work = |page| Route::WorkItems("acme".into(), "iris".into(), page);
        let rows = [
            (None, "/", Some(Route::Home)),
            (Some("acme"), "/", Some(Route::Account("acme".into()))),
            (None, "/acme/", Some(Route::Account("acme".into()))),
            (None, "/acme/My%20Project", Some(Route::Project("acme".into(), "My Project".into()))),
            (None, "/acme/iris/_git", Some(Route::Project("acme".into(), "iris".into()))),
            (Some("acme"), "/DefaultCollection/iris", Some(Route::Project("acme".into(), "iris".into()))),
            (Some("acme"), "/_new", Some(Route::NewProject("acme".into()))),
            (None, "/acme/iris/_new", Some(Route::NewRepo("acme".into(), "iris".into()))),
            (Some("acme"), "/_details/security/tokens", Some(Route::Tokens)),
            (None, "/acme/iris/_workitems", Some(work(WorkPage::List))),
            (Some("acme"), "/iris/_workitems/edit/7", Some(work(WorkPage::Item("7".into())))),
            (
                None,
                "/acme/iris/_workitems/create/User%20Story",
                Some(work(WorkPage::NewOf("User Story".into()))),
            ),
            (None, "/acme/iris/_workitems/edit/7/x", None),
            (None, "/acme/iris/x/y", None),
        ];
        for (account, path, expected) in rows {
            assert_eq!(Route::of_path(account.map(str::to_owned), path), expected, "{path}");
        }
    }
}
