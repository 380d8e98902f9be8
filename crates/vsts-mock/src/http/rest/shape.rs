//! The shapes in which the REST API shows things.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::app::App;
use crate::world::{Project, Repo};

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
        "revision": 1,
        "visibility": "private",
        "lastUpdateTime": project.created,
    });
    if !project.description.is_empty() {
        value["description"] = Value::from(project.description.clone());
    }
    value
}

/// A project with what it can do.
pub(super) fn whole_project(base: &str, one: &Project) -> Value {
    let mut value = project(base, one);
    value["capabilities"] = json!({
        "processTemplate": { "templateName": "Agile", "templateTypeId": "adcc42ab-9882-485e-a3ed-7678f01f66bc" },
        "versioncontrol": { "sourceControlType": "Git", "gitEnabled": "True", "tfvcEnabled": "False" },
    });
    value["_links"] = json!({
        "self": { "href": value["url"] },
        "web": { "href": format!("{base}/{}", encode(&one.name)) },
    });
    value
}

/// A repository.
pub(super) fn repo(app: &App, base: &str, in_project: &Project, repo: &Repo) -> Value {
    let account = base.rsplit('/').next().unwrap_or_default();
    let remote = format!("{base}/{}/_git/{}", encode(&in_project.name), encode(&repo.name));
    let mut value = json!({
        "id": repo.id.to_string(),
        "name": repo.name,
        "url": format!("{base}/{}/_apis/git/repositories/{}", in_project.id, repo.id),
        "project": project(base, in_project),
        "remoteUrl": remote,
        "webUrl": remote,
    });
    if let Some(address) = app.ssh_address.get() {
        let path = format!("{}/_ssh/{}", encode(&in_project.name), encode(&repo.name));
        value["sshUrl"] = Value::from(format!("ssh://{account}@{address}/{path}"));
    }
    if let Some(branch) = default_branch(app, repo) {
        value["defaultBranch"] = Value::from(branch);
    }
    value
}

/// What a queued piece of work is.
pub(super) fn operation(base: &str, id: &str, status: &str) -> Value {
    let url = format!("{base}/_apis/operations/{id}");
    json!({ "id": id, "status": status, "url": url, "_links": { "self": { "href": url } } })
}

/// The branch that `HEAD` names; an empty repository has none.
fn default_branch(app: &App, repo: &Repo) -> Option<String> {
    let repository = repo.handle.open(&app.state.repo_path(repo.id)).ok()?.to_gix();
    let head = repository.head().ok()?;
    if head.is_unborn() { None } else { head.referent_name().map(|name| name.as_bstr().to_string()) }
}

fn encode(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}
