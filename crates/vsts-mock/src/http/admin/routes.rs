//! The table of the admin API's routes: the router and the description are both made of it.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::{
    acl, clear_deliveries, clear_journal, clock, completions, deliveries, experimentation, faults, health,
    hierarchy, journal, reset, states, sweep, users,
};
use crate::app::App;

/// One route.
pub(super) struct Route {
    /// Lower case.
    pub(super) method: &'static str,
    /// Below `/_mock`.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// The body's fields: `!` behind the needed ones, `?` behind flags, `#` behind numbers, `[]` behind lists.
    pub(super) fields: &'static str,
    /// The status when it went well.
    pub(super) status: u16,
    /// True if it needs no admin token.
    pub(super) is_open: bool,
    pub(super) serve: MethodRouter<Arc<App>>,
}

type Text = &'static str;

pub(super) fn reads<H: Handler<T, Arc<App>>, T: 'static>(path: Text, summary: Text, handler: H) -> Route {
    Route { method: "get", path, summary, fields: "", status: 200, is_open: false, serve: get(handler) }
}

fn makes<H: Handler<T, Arc<App>>, T: 'static>(path: Text, summary: Text, fields: Text, handler: H) -> Route {
    Route { method: "post", path, summary, fields, status: 201, is_open: false, serve: post(handler) }
}

fn sets<H: Handler<T, Arc<App>>, T: 'static>(path: Text, summary: Text, fields: Text, handler: H) -> Route {
    Route { method: "put", path, summary, fields, status: 200, is_open: false, serve: put(handler) }
}

fn joins<H: Handler<T, Arc<App>>, T: 'static>(path: Text, summary: Text, handler: H) -> Route {
    Route { method: "put", path, summary, fields: "", status: 204, is_open: false, serve: put(handler) }
}

fn removes<H: Handler<T, Arc<App>>, T: 'static>(path: Text, summary: Text, handler: H) -> Route {
    Route { method: "delete", path, summary, fields: "", status: 204, is_open: false, serve: delete(handler) }
}

const USER: Text = "/users/{user}";
const TOKENS: Text = "/users/{user}/tokens";
const KEYS: Text = "/users/{user}/keys";
const ACCOUNT: Text = "/accounts/{account}";
const ACCOUNT_MEMBER: Text = "/accounts/{account}/members/{group}/{user}";
const ACCOUNT_ACL: Text = "/accounts/{account}/acl";
const PROJECTS: Text = "/accounts/{account}/projects";
const PROJECT: Text = "/accounts/{account}/projects/{project}";
const PROJECT_MEMBER: Text = "/accounts/{account}/projects/{project}/members/{group}/{user}";
const PROJECT_ACL: Text = "/accounts/{account}/projects/{project}/acl";
const REPOS: Text = "/accounts/{account}/projects/{project}/repos";
const REPO: Text = "/accounts/{account}/projects/{project}/repos/{repo}";
const REPO_ACL: Text = "/accounts/{account}/projects/{project}/repos/{repo}/acl";
const WORKSPACE_MEMBER: Text = "/experimentation/{account}/{workspace}/members/{role}/{user}";
const SNAPSHOT: Text = "/snapshots/{name}";
const ENTRY: Text = "user group allow[] deny[]";
const BRANCH_ENTRY: Text = "user group allow[] deny[] branch";
const FAULT: Text =
    "kind! method path user larger_than# skip# count# status# message retry_after# milliseconds# after#";
const PROJECT_FIELDS: Text = "name! description readers[] contributors[] administrators[]";

/// All routes.
#[rustfmt::skip]
pub(super) fn all() -> Vec<Route> {
    vec![
        Route { is_open: true, ..reads("/health", "Whether the server answers", health) },
        reads("/users", "All users", users::list),
        makes("/users", "Make a user", "name! email password", users::create),
        reads(USER, "A user", users::show),
        removes(USER, "Remove a user and all that is theirs", users::remove),
        reads(TOKENS, "A user's tokens, without their values", users::list_tokens),
        makes(TOKENS, "Make a token; its value is shown once", "name! value scopes[] expires", users::create_token),
        removes("/users/{user}/tokens/{token}", "Revoke a token", users::remove_token),
        reads(KEYS, "A user's SSH public keys", users::list_keys),
        makes(KEYS, "Register an SSH public key", "name! key! expires", users::create_key),
        removes("/users/{user}/keys/{key}", "Take a key out of the registry", users::remove_key),
        reads("/accounts", "All accounts", hierarchy::list_accounts),
        makes("/accounts", "Make an account", "name! owner lfs_quota", hierarchy::create_account),
        reads(ACCOUNT, "An account", hierarchy::show_account),
        sets(ACCOUNT, "Change how many bytes of large files an account may have; no limit without a number", "lfs_quota", hierarchy::update_account),
        removes(ACCOUNT, "Remove an account and all in it", hierarchy::remove_account),
        joins(ACCOUNT_MEMBER, "Put a user into an account's group", hierarchy::add_member),
        removes(ACCOUNT_MEMBER, "Take a user out of an account's group", hierarchy::remove_member),
        reads(ACCOUNT_ACL, "The entries of an account", acl::list),
        sets(ACCOUNT_ACL, "Set an entry of an account", ENTRY, acl::set),
        reads(PROJECTS, "An account's projects", hierarchy::list_projects),
        makes(PROJECTS, "Make a project and its default repository", PROJECT_FIELDS, hierarchy::create_project),
        reads(PROJECT, "A project", hierarchy::show_project),
        removes(PROJECT, "Remove a project and its repositories", hierarchy::remove_project),
        joins(PROJECT_MEMBER, "Put a user into a project's group", hierarchy::add_member),
        removes(PROJECT_MEMBER, "Take a user out of a project's group", hierarchy::remove_member),
        reads(PROJECT_ACL, "The entries of a project", acl::list),
        sets(PROJECT_ACL, "Set an entry of a project", ENTRY, acl::set),
        reads(REPOS, "A project's repositories", hierarchy::list_repos),
        makes(REPOS, "Make a repository", "name! import public?", hierarchy::create_repo),
        reads(REPO, "A repository", hierarchy::show_repo),
        removes(REPO, "Remove a repository", hierarchy::remove_repo),
        reads(REPO_ACL, "The entries of a repository and its branches", acl::list),
        sets(REPO_ACL, "Set an entry of a repository or a branch; empty lists take it away", BRANCH_ENTRY, acl::set),
        reads("/experimentation", "The Experimentation service's workspaces", experimentation::list),
        makes("/experimentation", "Make a workspace, or add members to it", "account! workspace! owners[] contributors[]", experimentation::create),
        removes("/experimentation/{account}/{workspace}", "Remove a workspace that has no projects", experimentation::remove),
        joins(WORKSPACE_MEMBER, "Give a user a role (Owner, Contributor) in a workspace", experimentation::add_member),
        removes(WORKSPACE_MEMBER, "Take a role in a workspace away from a user", experimentation::remove_member),
        Route { status: 200, ..makes("/lfs/sweep", "Remove the large files that no ref reaches and nobody has counted on for two weeks", "", sweep) },
        Route { status: 200, ..makes("/reset", "Back to the seed; gives the tokens that were generated", "", reset) },
        reads("/snapshots", "The saved states, with their sizes and counts", states::list),
        makes(SNAPSHOT, "Save the whole state under a name, in the place of the one that has the name (200)", "", states::save),
        Route { status: 200, ..makes("/snapshots/{name}/restore", "Back to a saved state; gives the tokens that the seed had generated there", "", states::restore) },
        removes(SNAPSHOT, "Remove a saved state", states::remove),
        reads("/clock", "The server's time, and the seconds by which it is ahead", clock::show),
        sets("/clock", "Move the server's clock ahead by so many seconds, so that tokens expire", "ahead#", clock::set),
        reads("/faults", "What goes wrong on purpose, with what each row has met", faults::list),
        makes("/faults", "Let some requests go wrong; the fields of the scope may be left out", FAULT, faults::create),
        removes("/faults", "Let nothing go wrong any more", faults::clear),
        removes("/faults/{fault}", "Remove a fault", faults::remove),
        joins("/completions/held", "Keep completions of pull requests in the queue", completions::hold),
        removes("/completions/held", "Let completions go", completions::release),
        reads("/deliveries", "The events that were sent to service hooks, oldest first, with each attempt", deliveries),
        removes("/deliveries", "Forget what was sent", clear_deliveries),
        reads("/journal", "Requests and changes of refs, oldest first: after a number, unknown ones alone, of one kind; with $top, x-ms-continuationtoken names where the next page begins", journal),
        removes("/journal", "Forget what was asked", clear_journal),
    ]
}
