//! The shapes in which the REST API shows things.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::config::Profile;
use crate::directory::{Account, Directory, Project, Repo, subject};
use crate::http::web::encode;
use crate::service_hosts::{is_of_service, without_port};

/// The envelope of every list.
pub(super) fn list(values: impl Iterator<Item = Value>) -> Value {
    let values: Vec<_> = values.collect();
    json!({ "count": values.len(), "value": values })
}

/// A project, as in lists and as a reference.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownProject<'a> {
    id: Uuid,
    name: &'a str,
    url: String,
    state: &'static str,
    revision: i64,
    visibility: &'static str,
    last_update_time: Timestamp,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
}

impl<'a> ShownProject<'a> {
    fn new(base: &str, project: &'a Project) -> Self {
        Self {
            id: project.id,
            name: &project.name,
            url: format!("{base}/_apis/projects/{}", project.id),
            state: "wellFormed",
            revision: project.revision,
            visibility: "private",
            last_update_time: project.updated,
            description: &project.description,
        }
    }
}

/// The same, as a value.
pub(super) fn project(base: &str, project: &Project) -> Value {
    json!(ShownProject::new(base, project))
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
pub(super) fn identity(directory: &Directory, base: &str, user: Uuid) -> Value {
    let known = directory.users.get(&user);
    let is_service = user == subject::SERVICE;
    let unknown = if is_service { subject::SERVICE_NAME } else { "Anonymous" };
    let name = known.map_or(unknown, |user| user.name.as_str());
    let mail = known.and_then(|user| user.email.as_deref()).unwrap_or(if is_service { "" } else { name });
    let image = format!("{base}/_api/_common/identityImage?id={user}");
    json!({
        "displayName": name,
        "url": format!("{base}/_apis/Identities/{user}"),
        "_links": { "avatar": { "href": image } },
        "id": user.to_string(),
        "uniqueName": mail,
        "imageUrl": image,
        "descriptor": if is_service { subject::service_subject() } else { subject::user_subject(user) },
    })
}

/// The repositories of one project as they are shown; what all of them have is made once.
pub(super) struct Repositories<'a> {
    app: &'a App,
    account: &'a str,
    project: ShownProject<'a>,
    /// The bases of the repositories' addresses in the REST API, of their pages, for Git and for Git over SSH.
    api: String,
    web: String,
    remote: String,
    ssh: Option<String>,
}

impl<'a> Repositories<'a> {
    pub(super) fn new(app: &'a App, base: &str, account: &'a str, project: &'a Project) -> Self {
        let name = encode(&project.name);
        let web = format!("{base}/{name}/_git/");
        Self {
            app,
            account,
            api: format!("{base}/{}/_apis/git/repositories/", project.id),
            remote: remote_base(app.profile, &web, account),
            ssh: ssh_base(app, base, account, &name),
            web,
            project: ShownProject::new(base, project),
        }
    }

    pub(super) fn project(&self) -> Uuid {
        self.project.id
    }

    /// The path by which faults name a repository.
    fn address(&self, repo: &Repo) -> String {
        format!("/{}/{}/_git/{}", self.account, self.project.name, repo.name)
    }

    /// One of them. This reads which branch its `HEAD` names.
    pub(super) fn show<'r>(&'r self, repo: &'r Repo) -> ShownRepo<'r> {
        let name = encode(&repo.name);
        let path = self.app.state.repo_path(repo.id);
        ShownRepo {
            id: repo.id,
            name: &repo.name,
            url: format!("{}{}", self.api, repo.id),
            project: &self.project,
            web_url: format!("{}{name}", self.web),
            remote_url: format!("{}{name}", self.remote),
            size: repo.handle.size(&path),
            is_disabled: repo.is_disabled,
            is_in_maintenance: self.app.faults.maintenance(&self.address(repo)).is_some(),
            is_fork: repo.parent.map(|_| true),
            ssh_url: self.ssh.as_ref().map(|ssh| format!("{ssh}{name}")),
            default_branch: repo.handle.default_branch(&path).ok().flatten(),
        }
    }
}

/// A repository.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownRepo<'a> {
    id: Uuid,
    name: &'a str,
    url: String,
    project: &'a ShownProject<'a>,
    remote_url: String,
    web_url: String,
    /// In bytes.
    size: u64,
    is_disabled: bool,
    is_in_maintenance: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_fork: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_url: Option<String>,
    /// None while the repository is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_branch: Option<String>,
}

/// The addresses of what belongs to a repository.
pub(super) fn repo_links(repo: &Value, project: Uuid) -> Value {
    let url = repo["url"].as_str().unwrap_or_default();
    let mut links = json!({
        "self": { "href": url },
        "project": { "href": format!("vstfs:///Classification/TeamProject/{project}") },
        "web": { "href": repo["webUrl"] },
    });
    if !repo["sshUrl"].is_null() {
        links["ssh"] = json!({ "href": repo["sshUrl"] });
    }
    for name in ["commits", "refs", "pullRequests", "items", "pushes"] {
        links[name] = json!({ "href": format!("{url}/{}", name.to_lowercase()) });
    }
    links
}

/// A queued operation.
pub(super) fn operation(base: &str, id: &str, status: &str) -> Value {
    let url = format!("{base}/_apis/operations/{id}");
    json!({ "id": id, "status": status, "url": url, "_links": { "self": { "href": url } } })
}

/// The base of the addresses for Git over HTTP. Azure DevOps puts the account before the host, as the user's name.
fn remote_base(profile: Profile, web: &str, account: &str) -> String {
    match (profile, web.split_once("://")) {
        (Profile::AzureDevops, Some((scheme, rest))) => format!("{scheme}://{account}@{rest}"),
        _ => web.to_owned(),
    }
}

/// The base of the addresses for Git over SSH: the service's own host where the client asks by a name of the service.
fn ssh_base(app: &App, base: &str, account: &str, project: &str) -> Option<String> {
    let address = app.ssh_address.get()?;
    let host =
        without_port(base.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default());
    Some(match (app.profile, is_of_service(host)) {
        (Profile::AzureDevops, true) => format!("git@ssh.dev.azure.com:v3/{account}/{project}/"),
        (Profile::AzureDevops, false) => format!("ssh://git@{address}/v3/{account}/{project}/"),
        (Profile::Vsts, true) => format!("{account}@vs-ssh.visualstudio.com:v3/{account}/{project}/"),
        (Profile::Vsts | Profile::Permissive, _) => format!("ssh://{account}@{address}/{project}/_ssh/"),
    })
}
