//! Policies of branches: their types, and the configurations of a project.

use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::Failure;
use super::query::choice;
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::directory::pull_request::{PolicyScope, ScopeMatch};
use crate::directory::{Directory, PolicyConfiguration, Project};
use crate::operations::pull_requests::policies::PolicyKind;
use crate::operations::pull_requests::policy_configurations::{self as configurations, PolicyInput};

/// Configurations that are listed by default.
const PAGE: usize = 1_000;

fn project<'d>(call: &Call<'_>, directory: &'d Directory) -> Result<&'d Project, Failure> {
    call.project(directory, call.project.as_deref().ok_or_else(|| Failure::missing("project"))?)
}

fn policy_type(base: &str, project: Uuid, id: Uuid, name: &str) -> Value {
    let url = format!("{base}/{project}/_apis/policy/types/{id}");
    json!({ "id": id.to_string(), "url": url, "displayName": name })
}

/// The types of policies, or one of them.
pub(super) fn types(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (base, project) = (call.base(call.account(&directory)?), project(call, &directory)?.id);
    let show = |id: Uuid, name: &str| {
        let mut value = policy_type(&base, project, id, name);
        value["description"] = name.into();
        value["_links"] = json!({ "self": { "href": value["url"] } });
        value
    };
    let Some(asked) = call.value("typeId") else {
        return Ok(Reply::ok(shape::list(PolicyKind::ALL.iter().map(|(_, id, name)| show(*id, name)))));
    };
    let found = PolicyKind::ALL.iter().find(|(_, id, _)| id.to_string() == asked.to_lowercase());
    let (_, id, name) = found.ok_or_else(|| {
        Failure::not_found("PolicyTypeNotFoundException", format!("There is no policy type {asked}."))
    })?;
    Ok(Reply::ok(show(*id, name)))
}

/// A configuration as it is shown.
pub(super) fn configuration(directory: &Directory, base: &str, policy: &PolicyConfiguration) -> Value {
    let mut settings = json!({});
    if let (Some(all), Value::Object(own)) = (settings.as_object_mut(), &policy.settings) {
        // What is false is left out.
        all.extend(
            own.iter().filter(|(_, value)| **value != false).map(|(key, value)| (key.clone(), value.clone())),
        );
    }
    let scopes = policy.scopes.iter().map(|scope| {
        let mut value = json!({});
        if let Some(name) = &scope.name {
            value["refName"] = name.as_str().into();
        }
        if scope.name.is_some() || scope.matches == ScopeMatch::DefaultBranch {
            value["matchKind"] = scope.matches.name().into();
        }
        value["repositoryId"] = json!(scope.repo);
        value
    });
    settings["scope"] = scopes.collect();
    let name = PolicyKind::ALL.iter().find(|(_, id, _)| *id == policy.kind).map_or("", |(.., name)| name);
    let kind = policy_type(base, policy.project, policy.kind, name);
    let url = format!("{base}/{}/_apis/policy/configurations/{}", policy.project, policy.id);
    json!({
        "createdBy": shape::identity(directory, base, policy.creator),
        "createdDate": policy.created.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string(),
        "isEnabled": policy.is_enabled,
        "isBlocking": policy.is_blocking,
        "isDeleted": policy.is_deleted,
        "settings": settings,
        "isEnterpriseManaged": false,
        "_links": { "self": { "href": url }, "policyType": { "href": kind["url"] } },
        "revision": policy.revision,
        "id": policy.id,
        "url": url,
        "type": kind,
    })
}

/// The criteria of a list: a type, and a scope `repository:ref`.
struct Criteria {
    kind: Option<Uuid>,
    repo: Option<Uuid>,
    name: Option<String>,
}

impl Criteria {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let id = |name: &str, text: Option<&str>| -> Result<Option<Uuid>, Failure> {
            let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
            Uuid::parse_str(text).map(Some).map_err(|_| Failure::bad(format!("{name} has to be an id.")))
        };
        let kind = id("policyType", call.query.get("policyType"))?;
        let (repo, name) = match call.query.get("scope") {
            Some(scope) => match scope.split_once(':') {
                Some((repo, name)) => (id("scope", Some(repo))?, Some(name.to_owned())),
                None => (id("scope", Some(scope))?, None),
            },
            None => (
                id("repositoryId", call.query.get("repositoryId"))?,
                call.query.get("refName").map(str::to_owned),
            ),
        };
        Ok(Self { kind, repo, name })
    }

    fn selects(&self, call: &Call<'_>, directory: &Directory, policy: &PolicyConfiguration) -> bool {
        let covers = |scope: &PolicyScope| {
            let Some(repo) = self.repo else { return true };
            let known = directory.repos.get(&repo);
            let default = known.and_then(|known| {
                known.handle.default_branch(&call.app.state.repo_path(repo)).ok().flatten()
            });
            match &self.name {
                Some(name) => scope.covers(repo, name, default.as_deref()),
                None => scope.repo.is_none_or(|own| own == repo),
            }
        };
        self.kind.is_none_or(|kind| kind == policy.kind) && policy.scopes.iter().any(covers)
    }
}

/// The configurations of a project, or one of them.
pub(super) fn read(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (base, project) = (call.base(call.account(&directory)?), project(call, &directory)?);
    if let Some(id) = call.value("configurationId") {
        let one = configurations::one(&directory, call.scope(), project, id)?;
        return Ok(Reply::ok(configuration(&directory, &base, one)));
    }
    let criteria = Criteria::of(call)?;
    let mut all = configurations::list(&directory, call.scope(), project)?;
    all.retain(|one| criteria.selects(call, &directory, one));
    let (part, more) = call.query.part(&all, PAGE)?;
    let reply = Reply::ok(shape::list(part.iter().map(|one| configuration(&directory, &base, one))));
    Ok(reply.continued(more))
}

fn input(body: &Value) -> Result<PolicyInput, Failure> {
    let kind = body["type"]["id"].as_str().and_then(|id| Uuid::parse_str(id).ok());
    let mut settings = body["settings"].as_object().cloned().ok_or_else(|| Failure::missing("settings"))?;
    let mut scopes = Vec::new();
    let given = settings.shift_remove("scope").unwrap_or_default();
    for scope in given.as_array().into_iter().flatten() {
        let text = |name: &str| scope[name].as_str().filter(|text| !text.is_empty());
        let repo = text("repositoryId").map(|id| {
            Uuid::parse_str(id).map_err(|_| Failure::bad("settings.scope.repositoryId has to be an id."))
        });
        let matches = choice("settings.scope.matchKind", &scope["matchKind"], ScopeMatch::CHOICES)?;
        scopes.push(PolicyScope {
            repo: repo.transpose()?,
            name: text("refName").map(str::to_owned),
            matches: matches.unwrap_or(ScopeMatch::Exact),
        });
    }
    Ok(PolicyInput {
        kind: kind.ok_or_else(|| Failure::missing("type.id"))?,
        is_enabled: body["isEnabled"].as_bool().unwrap_or_default(),
        is_blocking: body["isBlocking"].as_bool().unwrap_or_default(),
        scopes,
        settings: settings.into(),
    })
}

fn shown(call: &Call<'_>, policy: &PolicyConfiguration) -> Outcome {
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    Ok(Reply::ok(configuration(&directory, &base, policy)))
}

fn project_name<'c>(call: &'c Call<'_>) -> Result<&'c str, Failure> {
    call.project.as_deref().ok_or_else(|| Failure::missing("project"))
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
    let made = configurations::create(call.app, call.scope(), project_name(call)?, input(&body)?).await?;
    shown(call, &made)
}

pub(super) async fn update(call: &Call<'_>, body: Value) -> Outcome {
    let id = call.part("configurationId");
    let new = input(&body)?;
    let changed = configurations::update(call.app, call.scope(), project_name(call)?, id, new).await?;
    shown(call, &changed)
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let id = call.part("configurationId");
    configurations::delete(call.app, call.scope(), project_name(call)?, id).await?;
    Ok(Reply::nothing())
}
