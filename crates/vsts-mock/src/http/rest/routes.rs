//! The table of handlers: one row for each method of a resource that is answered here.
//!
//! [`locations`](super::locations) finds the resource that a path names in the recorded table of the service's
//! addresses; a row of this table has the body that a method takes and the function that answers.

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::Method;
use serde_json::Value;

use super::body::{Model, models, read};
use super::git::pulls::{
    self, attachments, comments, conflicts, evaluations, iterations, labels, reviewers, search, statuses,
};
use super::git::request::RepoRequest;
use super::git::{blobs, branches, commits, compare, items, pushes, refs, tags, trees};
use super::reply::Outcome;
use super::security::{self, checks, entries, lists};
use super::subjects::{entitlements, graph, identities, lookup, members, memberships};
use super::{
    Call, accounts, connection, favorites, forks, hooks, operations, pats, policy, processes, profile,
    projects, repositories, teams, tokens, work,
};
use crate::access::Narrow;
use crate::limits::{JSON_BODY_BYTES, REST_PUSH_BYTES};
use Handler::{Change, Read, Repo, Upload};
use Takes::{Json, Nothing, Object};
use When::{Always, With, Without};

/// A method of a resource.
pub(super) struct Row {
    method: Method,
    /// `area/resource`, lower case.
    resource: &'static str,
    when: When,
    takes: Takes,
    handler: Handler,
}

/// The condition of a row on a value in the path.
enum When {
    Always,
    With(&'static str),
    Without(&'static str),
}

/// The body of a request.
enum Takes {
    Nothing,
    Json,
    Object(&'static Model),
}

/// The function that answers.
enum Handler {
    /// Reads the directory.
    Read(fn(&Call<'_>) -> Outcome),
    /// Changes the registry.
    Change(for<'a> fn(&'a Call<'a>, Value) -> BoxFuture<'a, Outcome>),
    /// Takes the body as it comes.
    Upload(for<'a> fn(Call<'a>, Body) -> BoxFuture<'a, Outcome>),
    /// Reads or writes a repository that the caller may read, on a thread that may block.
    Repo(fn(&RepoRequest) -> Outcome),
}

const fn read_of(resource: &'static str, when: When, handler: fn(&Call<'_>) -> Outcome) -> Row {
    Row { method: Method::GET, resource, when, takes: Nothing, handler: Read(handler) }
}

const fn repo_read(resource: &'static str, when: When, handler: fn(&RepoRequest) -> Outcome) -> Row {
    Row { method: Method::GET, resource, when, takes: Nothing, handler: Repo(handler) }
}

const fn repo_write(
    method: Method,
    resource: &'static str,
    takes: Takes,
    handler: fn(&RepoRequest) -> Outcome,
) -> Row {
    Row { method, resource, when: Always, takes, handler: Repo(handler) }
}

/// A row whose handler is asynchronous: `change!(METHOD, resource, condition, model => handler)`, or without a model.
macro_rules! change {
    ($method:ident, $resource:literal, $when:expr, $model:ident => $handler:path) => {
        Row {
            method: Method::$method,
            resource: $resource,
            when: $when,
            takes: Object(&models::$model),
            handler: Change(|call, body| Box::pin($handler(call, body))),
        }
    };
    ($method:ident, $resource:literal, $when:expr, $handler:path) => {
        Row {
            method: Method::$method,
            resource: $resource,
            when: $when,
            takes: Nothing,
            handler: Change(|call, _| Box::pin($handler(call))),
        }
    };
}

/// The first row of a resource whose method and condition hold answers.
static ROWS: &[Row] = &[
    read_of("location/connectiondata", Always, connection::data),
    read_of("location/resourceareas", Always, connection::resource_areas),
    read_of("core/projectcollections", Always, projects::collections),
    read_of("profile/profiles", Always, profile::show),
    read_of("account/accounts", Always, accounts::list),
    read_of("operations/operations", Always, operations::show),
    read_of("core/processes", Always, processes::show),
    read_of("core/teams", With("teamId"), teams::show),
    read_of("core/teams", Always, teams::list),
    read_of("core/members", Always, teams::members),
    // Projects and repositories.
    read_of("core/projects", With("projectId"), projects::show),
    read_of("core/projects", Always, projects::list),
    change!(POST, "core/projects", Without("projectId"), PROJECT => projects::create),
    change!(PATCH, "core/projects", With("projectId"), PROJECT => projects::update),
    change!(DELETE, "core/projects", With("projectId"), projects::delete),
    read_of("git/repositories", With("repositoryId"), repositories::show),
    read_of("git/repositories", Always, repositories::list),
    change!(POST, "git/repositories", Without("repositoryId"), NEW_REPOSITORY => repositories::create),
    change!(PATCH, "git/repositories", With("repositoryId"), REPOSITORY => repositories::update),
    change!(DELETE, "git/repositories", With("repositoryId"), repositories::delete),
    read_of("git/forks", Always, forks::list),
    read_of("git/deletedrepositories", Without("repositoryId"), repositories::deleted),
    read_of("git/recyclebinrepositories", Without("repositoryId"), repositories::deleted),
    change!(PATCH, "git/recyclebinrepositories", With("repositoryId"), BINNED_REPOSITORY => repositories::restore),
    change!(DELETE, "git/recyclebinrepositories", With("repositoryId"), repositories::purge),
    // Contents of a repository.
    repo_read("git/refs", Always, refs::list),
    repo_write(Method::POST, "git/refs", Object(&models::REF_UPDATE), refs::update),
    repo_write(Method::PATCH, "git/refs", Object(&models::REF_LOCK), refs::lock),
    read_of("git/refsfavorites", Always, favorites::read),
    change!(POST, "git/refsfavorites", Without("favoriteId"), REF_FAVORITE => favorites::create),
    change!(DELETE, "git/refsfavorites", With("favoriteId"), favorites::delete),
    repo_read("git/pushes", With("pushId"), pushes::show),
    repo_read("git/pushes", Always, pushes::list),
    repo_write(Method::POST, "git/pushes", Object(&models::PUSH), pushes::create),
    repo_read("git/commits", With("pushId"), pushes::commits),
    repo_read("git/commits", With("commitId"), commits::show),
    repo_read("git/commits", Always, commits::list),
    repo_write(Method::POST, "git/commitsbatch", Object(&models::COMMITS_CRITERIA), commits::batch),
    repo_read("git/changes", With("commitId"), commits::changes),
    repo_read("git/mergebases", With("commitId"), compare::merge_bases),
    repo_read("git/commitdiffs", Always, compare::show),
    repo_read("git/branchstats", Always, branches::show),
    repo_read("git/items", Always, items::show),
    repo_write(Method::POST, "git/itemsbatch", Object(&models::ITEMS_BATCH), items::batch),
    repo_read("git/trees", With("sha1"), trees::show),
    repo_read("git/blobs", With("sha1"), blobs::show),
    repo_write(Method::POST, "git/blobs", Json, blobs::many),
    repo_read("git/annotatedtags", With("objectId"), tags::show),
    repo_write(Method::POST, "git/annotatedtags", Object(&models::TAG), tags::create),
    // Pull requests.
    repo_read("git/pullrequests", With("repositoryId"), pulls::read),
    repo_read("git/pullrequests", With("pullRequestId"), pulls::show),
    change!(GET, "git/pullrequests", Always, search::in_project),
    repo_write(Method::POST, "git/pullrequests", Object(&models::NEW_PULL_REQUEST), pulls::create),
    repo_write(Method::PATCH, "git/pullrequests", Object(&models::PULL_REQUEST), pulls::update),
    repo_write(Method::POST, "git/pullrequestquery", Object(&models::PULL_REQUEST_QUERY), search::by_commits),
    repo_read("git/pullrequestcommits", Always, pulls::commits),
    repo_read("git/pullrequestworkitems", Always, labels::work_items),
    repo_read("git/pullrequestconflicts", Always, conflicts::read),
    repo_read("git/pullrequestattachments", Without("fileName"), attachments::list),
    repo_read("git/pullrequestattachments", With("fileName"), attachments::content),
    Row {
        method: Method::POST,
        resource: "git/pullrequestattachments",
        when: With("fileName"),
        takes: Nothing,
        handler: Upload(attachments::create),
    },
    repo_write(Method::DELETE, "git/pullrequestattachments", Nothing, attachments::remove),
    repo_read("git/pullrequestreviewers", Always, reviewers::read),
    repo_write(Method::POST, "git/pullrequestreviewers", Object(&models::REVIEWER), reviewers::add),
    repo_write(Method::PUT, "git/pullrequestreviewers", Object(&models::REVIEWER), reviewers::put),
    repo_write(Method::PATCH, "git/pullrequestreviewers", Object(&models::REVIEWER), reviewers::patch),
    repo_write(Method::DELETE, "git/pullrequestreviewers", Nothing, reviewers::remove),
    repo_read("git/pullrequestthreads", Always, comments::read),
    repo_write(Method::POST, "git/pullrequestthreads", Object(&models::THREAD), comments::create),
    repo_write(Method::PATCH, "git/pullrequestthreads", Object(&models::THREAD), comments::update),
    repo_read("git/pullrequestthreadcomments", Always, comments::read_comments),
    repo_write(Method::POST, "git/pullrequestthreadcomments", Object(&models::COMMENT), comments::add),
    repo_write(Method::PATCH, "git/pullrequestthreadcomments", Object(&models::COMMENT), comments::rewrite),
    repo_write(Method::DELETE, "git/pullrequestthreadcomments", Nothing, comments::remove),
    repo_read("git/pullrequestcommentlikes", Always, comments::likes),
    repo_write(Method::POST, "git/pullrequestcommentlikes", Nothing, comments::like),
    repo_write(Method::DELETE, "git/pullrequestcommentlikes", Nothing, comments::unlike),
    repo_read("git/pullrequestlabels", Always, labels::read),
    repo_write(Method::POST, "git/pullrequestlabels", Object(&models::LABEL), labels::add),
    repo_write(Method::DELETE, "git/pullrequestlabels", Nothing, labels::remove),
    repo_read("git/pullrequestproperties", Always, labels::properties),
    repo_write(
        Method::PATCH,
        "git/pullrequestproperties",
        Object(&models::PATCH_OPERATION),
        labels::set_properties,
    ),
    repo_read("git/pullrequestiterations", Always, iterations::read),
    repo_read("git/pullrequestiterationchanges", Always, iterations::changes),
    repo_read("git/pullrequeststatuses", Always, statuses::of_pull),
    repo_write(Method::POST, "git/pullrequeststatuses", Object(&models::STATUS), statuses::post_on_pull),
    repo_write(Method::PATCH, "git/pullrequeststatuses", Object(&models::PATCH_OPERATION), statuses::patch),
    repo_write(Method::DELETE, "git/pullrequeststatuses", Nothing, statuses::remove),
    repo_read("git/pullrequestiterationstatuses", Always, statuses::of_pull),
    repo_write(
        Method::POST,
        "git/pullrequestiterationstatuses",
        Object(&models::STATUS),
        statuses::post_on_pull,
    ),
    repo_write(
        Method::PATCH,
        "git/pullrequestiterationstatuses",
        Object(&models::PATCH_OPERATION),
        statuses::patch,
    ),
    repo_write(Method::DELETE, "git/pullrequestiterationstatuses", Nothing, statuses::remove),
    repo_read("git/statuses", Always, statuses::of_commit),
    repo_write(Method::POST, "git/statuses", Object(&models::STATUS), statuses::post_on_commit),
    // Policies of branches.
    read_of("git/policyconfigurations", Always, policy::read),
    read_of("policy/configurations", Always, policy::read),
    change!(POST, "policy/configurations", Without("configurationId"), POLICY => policy::create),
    change!(PUT, "policy/configurations", With("configurationId"), POLICY => policy::update),
    change!(DELETE, "policy/configurations", With("configurationId"), policy::delete),
    read_of("policy/types", Always, policy::types),
    repo_read("policy/evaluations", With("evaluationId"), evaluations::one),
    repo_write(Method::PATCH, "policy/evaluations", Nothing, evaluations::one),
    repo_read("policy/evaluations", Always, evaluations::list),
    // Work items.
    read_of("wit/workitems", Without("type"), work::read),
    change!(POST, "wit/workitems", With("type"), PATCH_OPERATION => work::create),
    change!(PATCH, "wit/workitems", With("type"), PATCH_OPERATION => work::create),
    change!(PATCH, "wit/workitems", With("id"), PATCH_OPERATION => work::update),
    change!(DELETE, "wit/workitems", With("id"), work::delete),
    change!(POST, "wit/workitemsbatch", Always, WORK_ITEM_BATCH => work::batch),
    change!(POST, "wit/wiql", Without("id"), WIQL => work::wiql),
    read_of("wit/workitemtypes", Always, work::work_item_types::read),
    read_of("wit/workitemtypestates", Always, work::work_item_types::states_of),
    read_of("wit/workitemtypesfield", Always, work::work_item_types::fields_of_type),
    read_of("wit/fields", Always, work::work_item_types::fields),
    read_of("wit/workitemrelationtypes", Always, work::work_item_types::relations),
    read_of("wit/comments", Always, work::comments::read),
    change!(POST, "wit/comments", Without("commentId"), WORK_ITEM_COMMENT => work::comments::add),
    change!(PATCH, "wit/comments", With("commentId"), WORK_ITEM_COMMENT => work::comments::rewrite),
    change!(DELETE, "wit/comments", With("commentId"), work::comments::delete),
    read_of("wit/revisions", Always, work::history::revisions),
    read_of("wit/updates", Always, work::history::updates),
    read_of("wit/recyclebin", Always, work::recycle_bin::read),
    change!(PATCH, "wit/recyclebin", With("id"), BINNED_WORK_ITEM => work::recycle_bin::restore),
    change!(DELETE, "wit/recyclebin", With("id"), work::recycle_bin::destroy),
    // Tokens and keys.
    read_of("token/sessiontokens", With("authorizationId"), tokens::show),
    read_of("token/sessiontokens", Always, tokens::list),
    change!(POST, "token/sessiontokens", Always, SESSION_TOKEN => tokens::create),
    change!(DELETE, "token/sessiontokens", With("authorizationId"), tokens::delete),
    read_of("tokens/pats", Always, pats::show),
    change!(POST, "tokens/pats", Always, PAT => pats::create),
    change!(PUT, "tokens/pats", Always, PAT => pats::update),
    change!(DELETE, "tokens/pats", Always, pats::revoke),
    // Permissions.
    read_of("security/securitynamespaces", Always, security::namespaces),
    read_of("security/accesscontrollists", Always, lists::query),
    change!(POST, "security/accesscontrollists", Always, ENTRIES_LIST => lists::set),
    change!(DELETE, "security/accesscontrollists", Always, lists::remove),
    change!(POST, "security/accesscontrolentries", Always, ENTRIES => entries::set),
    change!(DELETE, "security/accesscontrolentries", Always, entries::remove),
    read_of("security/permissions", Always, checks::one),
    change!(DELETE, "security/permissions", Always, entries::remove_bits),
    change!(POST, "security/permissionevaluationbatch", Always, EVALUATIONS => checks::batch),
    // Service hooks.
    read_of("hooks/subscriptions", With("subscriptionId"), hooks::show),
    read_of("hooks/subscriptions", Always, hooks::list),
    change!(POST, "hooks/subscriptions", Without("subscriptionId"), SUBSCRIPTION => hooks::create),
    change!(PUT, "hooks/subscriptions", Always, SUBSCRIPTION => hooks::replace),
    change!(DELETE, "hooks/subscriptions", With("subscriptionId"), hooks::delete),
    read_of("hooks/notifications", Always, hooks::notifications),
    read_of("hooks/publishers", Always, hooks::publishers),
    read_of("hooks/eventtypes", Always, hooks::event_types),
    read_of("hooks/consumers", Always, hooks::consumers),
    // Users and groups.
    read_of("ims/identities", With("identityId"), identities::one),
    read_of("ims/identities", Always, identities::query),
    change!(POST, "ims/identitybatch", Always, IDENTITY_BATCH => identities::batch),
    read_of("ims/groups", Always, identities::groups),
    read_of("ims/descriptors", Always, identities::descriptor),
    read_of("ims/members", With("memberId"), members::is_in),
    read_of("ims/members", Always, members::list),
    change!(PUT, "ims/members", With("memberId"), members::add),
    change!(DELETE, "ims/members", With("memberId"), members::remove),
    read_of("ims/membersof", With("containerId"), members::is_in),
    read_of("ims/membersof", Always, members::list_of),
    read_of("graph/groups", With("groupDescriptor"), graph::subject),
    read_of("graph/groups", Always, graph::groups),
    change!(POST, "graph/groups", Always, NEW_GROUP => graph::create_group),
    change!(PATCH, "graph/groups", Always, PATCH_OPERATION => graph::update_group),
    change!(DELETE, "graph/groups", Always, graph::delete_group),
    read_of("memberentitlementmanagement/userentitlements", With("userId"), entitlements::show),
    read_of("memberentitlementmanagement/userentitlements", Always, entitlements::list),
    read_of("graph/users", With("userDescriptor"), graph::subject),
    read_of("graph/users", Always, graph::users),
    change!(POST, "graph/users", Always, NEW_USER => graph::create_user),
    change!(DELETE, "graph/users", Always, graph::delete_user),
    read_of("graph/subjects", Always, graph::subject),
    read_of("graph/memberships", With("containerDescriptor"), memberships::show),
    Row {
        method: Method::HEAD,
        resource: "graph/memberships",
        when: With("containerDescriptor"),
        takes: Nothing,
        handler: Read(memberships::show),
    },
    read_of("graph/memberships", Always, memberships::list),
    read_of("graph/membershipsbatch", Always, memberships::list),
    change!(PUT, "graph/memberships", With("containerDescriptor"), memberships::add),
    change!(DELETE, "graph/memberships", With("containerDescriptor"), memberships::remove),
    read_of("graph/membershipstates", Always, memberships::state),
    read_of("graph/descriptors", Always, lookup::descriptor),
    read_of("graph/storagekeys", Always, lookup::storage_key),
    change!(POST, "graph/subjectlookup", Always, SUBJECT_LOOKUP => lookup::lookup),
    change!(POST, "graph/subjectquery", Always, SUBJECT_QUERY => lookup::query),
];

/// The use of a token that is enough for a resource, beside the scopes for code.
pub(super) fn narrow_scope(resource: &str) -> Option<Narrow> {
    match resource {
        "git/pullrequestthreads" | "git/pullrequestthreadcomments" | "git/pullrequestcommentlikes" => {
            Some(Narrow::Threads)
        }
        "git/statuses" | "git/pullrequeststatuses" | "git/pullrequestiterationstatuses" => {
            Some(Narrow::Statuses)
        }
        _ => None,
    }
}

/// The row that answers a method of a resource, whose path has some values; `None` for what is not here.
pub(super) fn find(resource: &str, method: &Method, has: impl Fn(&str) -> bool) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.resource == resource && row.matches(method, &has))
}

impl Row {
    /// Returns whether the row answers a method, for a path with some values.
    fn matches(&self, method: &Method, has: impl Fn(&str) -> bool) -> bool {
        self.method == *method
            && match self.when {
                Always => true,
                With(name) => has(name),
                Without(name) => !has(name),
            }
    }

    /// Reads the body, and answers.
    pub(super) async fn answer(&self, call: Call<'_>, body: Body) -> Outcome {
        let app = call.app;
        if let Upload(answer) = self.handler {
            return answer(call, body).await;
        }
        let limit = if matches!(self.handler, Repo(_)) { REST_PUSH_BYTES } else { JSON_BODY_BYTES };
        let (body, permit) = match self.takes {
            Nothing => (Value::Null, None),
            Json => read(app, body, limit, None).await?,
            Object(model) => read(app, body, limit, Some(model)).await?,
        };
        let reply = match self.handler {
            Upload(_) => unreachable!("it has taken the body"),
            Read(answer) => answer(&call)?,
            Change(answer) => {
                drop(permit);
                answer(&call, body).await?
            }
            Repo(answer) => {
                let request = RepoRequest::new(call, body)?;
                let work = request.work.clone();
                let blocking = move || {
                    let _held = permit;
                    answer(&request)
                };
                work.run(blocking).await?
            }
        };
        reply.charged(&app.budget).await
    }
}
