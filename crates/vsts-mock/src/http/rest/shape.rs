//! The shapes in which the REST API shows things.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{processes, teams};
use crate::app::App;
use crate::world::{Account, Project, Repo, World, subject};

/// What a name may have in a URL as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The envelope of every list.
pub(super) fn list(values: impl Iterator<Item = Value>) -> Value {
    let values: Vec<_> = values.collect();
    json!({ "count": values.len(), "value": values })
}

/// A project, as in lists and as a reference.
pub(super) fn project(base: &str, project: &Project) -> Value {
    let mut value = json!({
        "id": project.id.to_string(),
        "name": project.name,
        "url": format!("{base}/_apis/projects/{}", project.id),
        "state": "wellFormed",
        "revision": project.revision,
        "visibility": "private",
        "lastUpdateTime": project.updated,
    });
    if !project.description.is_empty() {
        value["description"] = Value::from(project.description.clone());
    }
    value
}

/// A project with what belongs to it; what it can do only if that is asked for.
pub(super) fn whole_project(base: &str, one: &Project, with_capabilities: bool) -> Value {
    let mut value = project(base, one);
    if with_capabilities {
        let process = processes::of(one);
        value["capabilities"] = json!({
            "processTemplate": { "templateName": process.name, "templateTypeId": process.id },
            "versioncontrol": { "sourceControlType": "Git", "gitEnabled": "True", "tfvcEnabled": "False" },
        });
    }
    value["_links"] = json!({
        "self": { "href": value["url"] },
        "collection": { "href": format!("{base}/_apis/projectCollections/{}", one.account) },
        "web": { "href": format!("{base}/{}", encode(&one.name)) },
    });
    value["defaultTeam"] = teams::reference(base, one);
    value
}

/// The collection that an account is.
pub(super) fn collection(base: &str, account: &Account) -> Value {
    let url = format!("{base}/_apis/projectCollections/{}", account.id);
    json!({
        "id": account.id.to_string(),
        "name": account.name,
        "url": url,
        "state": "Started",
        "_links": { "self": { "href": url }, "web": { "href": format!("{base}/") } },
    })
}

/// A user, where something names one.
pub(super) fn identity(world: &World, base: &str, user: Uuid) -> Value {
    let known = world.users.get(&user);
    let name = known.map_or("Anonymous", |user| user.name.as_str());
    let mail = known.and_then(|user| user.email.as_deref()).unwrap_or(name);
    let image = format!("{base}/_api/_common/identityImage?id={user}");
    json!({
        "displayName": name,
        "url": format!("{base}/_apis/Identities/{user}"),
        "_links": { "avatar": { "href": image } },
        "id": user.to_string(),
        "uniqueName": mail,
        "imageUrl": image,
        "descriptor": subject::user_subject(user),
    })
}

/// A repository.
pub(super) fn repo(app: &App, base: &str, account: &str, in_project: &Project, repo: &Repo) -> Value {
    let remote = format!("{base}/{}/_git/{}", encode(&in_project.name), encode(&repo.name));
    let mut value = json!({
        "id": repo.id.to_string(),
        "name": repo.name,
        "url": format!("{base}/{}/_apis/git/repositories/{}", in_project.id, repo.id),
        "project": project(base, in_project),
        "remoteUrl": remote,
        "webUrl": remote,
    });
    value["isDisabled"] = repo.is_disabled.into();
    if repo.parent.is_some() {
        value["isFork"] = true.into();
    }
    if let Some(address) = app.ssh_address.get() {
        let path = format!("{}/_ssh/{}", encode(&in_project.name), encode(&repo.name));
        value["sshUrl"] = Value::from(format!("ssh://{account}@{address}/{path}"));
    }
    if let Some(branch) = default_branch(app, repo) {
        value["defaultBranch"] = Value::from(branch);
    }
    value
}

/// The addresses of what belongs to a repository.
pub(super) fn repo_links(repo: &Value, project: Uuid) -> Value {
    let url = repo["url"].as_str().unwrap_or_default();
    let mut links = json!({
        "self": { "href": url },
        "project": { "href": format!("vstfs:///Classification/TeamProject/{project}") },
        "web": { "href": repo["remoteUrl"] },
    });
    if !repo["sshUrl"].is_null() {
        links["ssh"] = json!({ "href": repo["sshUrl"] });
    }
    for name in ["commits", "refs", "pullRequests", "items", "pushes"] {
        links[name] = json!({ "href": format!("{url}/{}", name.to_lowercase()) });
    }
    links
}

/// What a queued piece of work is.
pub(super) fn operation(base: &str, id: &str, status: &str) -> Value {
    let url = format!("{base}/_apis/operations/{id}");
    json!({ "id": id, "status": status, "url": url, "_links": { "self": { "href": url } } })
}

/// The branch that `HEAD` names; an empty repository has none.
fn default_branch(app: &App, repo: &Repo) -> Option<String> {
    repo.handle.default_branch(&app.state.repo_path(repo.id))
}

/// A name as a segment of a URL, or as a value in one.
pub(super) fn encode(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}
