//! Configurations of policies: made, changed and removed.

use serde_json::{Number, Value};
use uuid::Uuid;

use super::super::refused::Refused;
use super::super::scope::Scope;
use super::policies::PolicyKind;
use super::{check_facts, no_part, number};
use crate::access::{Permission, Target};
use crate::app::App;
use crate::directory::pull_request::{PolicyScope, ScopeMatch};
use crate::directory::{Directory, PolicyConfiguration, Project};
use crate::limits::{POLICIES, POLICY_SCOPES};

/// A configuration to make, or to take the place of another.
#[derive(Debug)]
pub(crate) struct PolicyInput {
    pub(crate) kind: Uuid,
    pub(crate) is_enabled: bool,
    pub(crate) is_blocking: bool,
    pub(crate) scopes: Vec<PolicyScope>,
    pub(crate) settings: Value,
}

/// The configurations of a project that the principal may see, with those that its criteria select.
pub(crate) fn list<'d>(
    directory: &'d Directory,
    scope: Scope<'_>,
    project: &Project,
) -> Result<Vec<&'d PolicyConfiguration>, Refused> {
    scope.named_project(directory, &project.id.to_string())?;
    Ok(directory.pulls.policies_of(project.account, project.id).collect())
}

/// One of them.
pub(crate) fn one<'d>(
    directory: &'d Directory,
    scope: Scope<'_>,
    project: &Project,
    id: &str,
) -> Result<&'d PolicyConfiguration, Refused> {
    let wanted = number("policy", id)?;
    let found = list(directory, scope, project)?.into_iter().find(|one| one.id == wanted);
    found.ok_or_else(|| no_part("policy", id))
}

/// Settings that are numbers, and those that are true or false. The service reads both from texts too, and the Azure CLI
/// sends them so.
const NUMBERS: [&str; 4] =
    ["minimumApproverCount", "buildDefinitionId", "maximumGitBlobSizeInBytes", "validDuration"];
const FLAGS: [&str; 16] = [
    "creatorVoteCounts",
    "allowDownvotes",
    "resetOnSourcePush",
    "resetRejectionsOnSourcePush",
    "requireVoteOnLastIteration",
    "requireVoteOnEachIteration",
    "blockLastPusherVote",
    "useSquashMerge",
    "allowSquash",
    "allowNoFastForward",
    "allowRebase",
    "allowRebaseMerge",
    "queueOnSourceUpdateOnly",
    "manualQueueOnly",
    "useUncompressedSize",
    "enforceConsistentCase",
];

/// Makes the numbers and truth values of settings that are texts.
fn read_texts(settings: &mut Value) -> Result<(), Refused> {
    let names = NUMBERS.iter().map(|name| (name, true)).chain(FLAGS.iter().map(|name| (name, false)));
    for (name, is_number) in names {
        let Some(value) = settings.get_mut(*name) else { continue };
        let Some(text) = value.as_str().map(|text| text.trim().to_ascii_lowercase()) else { continue };
        let (read, what) = if is_number {
            (text.parse::<Number>().ok().map(Value::Number), "a number")
        } else {
            (text.parse::<bool>().ok().map(Value::Bool), "true or false")
        };
        *value = read.ok_or_else(|| Refused::Invalid(format!("settings.{name} has to be {what}.")))?;
    }
    Ok(())
}

fn check(input: &mut PolicyInput) -> Result<(), Refused> {
    let kind = PolicyKind::of(input.kind).ok_or_else(|| no_part("policy type", &input.kind.to_string()))?;
    check_facts("settings", &input.settings)?;
    read_texts(&mut input.settings)?;
    if input.scopes.is_empty() || input.scopes.len() > POLICY_SCOPES {
        return Err(Refused::Invalid(format!("settings.scope has 1 to {POLICY_SCOPES} elements.")));
    }
    let needs = |name: &str, is_there: bool| {
        if is_there {
            Ok(())
        } else {
            Err(Refused::Invalid(format!("A value is required for settings.{name}.")))
        }
    };
    let settings = &input.settings;
    match kind {
        PolicyKind::MinimumReviewers => {
            needs("minimumApproverCount", settings["minimumApproverCount"].as_u64().is_some_and(|n| n > 0))
        }
        PolicyKind::RequiredReviewers => {
            needs("requiredReviewerIds", settings["requiredReviewerIds"].is_array())
        }
        PolicyKind::Build => needs("buildDefinitionId", settings["buildDefinitionId"].is_u64()),
        PolicyKind::Status => {
            needs("statusName", settings["statusName"].as_str().is_some_and(|name| !name.is_empty()))
        }
        PolicyKind::FileSize => {
            needs("maximumGitBlobSizeInBytes", settings["maximumGitBlobSizeInBytes"].is_u64())
        }
        _ => Ok(()),
    }
}

/// Asks for the right to change policies where each scope is.
fn authorize(
    directory: &Directory,
    scope: Scope<'_>,
    project: &Project,
    scopes: &[PolicyScope],
) -> Result<(), Refused> {
    for one in scopes {
        let Some(repo) = one.repo else {
            scope.authorize(directory, Permission::EditPolicies, Target::Project(project))?;
            continue;
        };
        let (_, _, repo) = scope.repo(directory, &repo.to_string())?;
        let target = match (&one.name, one.matches) {
            (Some(name), ScopeMatch::Exact) => Target::Ref(repo, name),
            _ => Target::Repo(repo),
        };
        scope.authorize(directory, Permission::EditPolicies, target)?;
    }
    Ok(())
}

/// Makes a configuration.
pub(crate) async fn create(
    app: &App,
    scope: Scope<'_>,
    project: &str,
    mut input: PolicyInput,
) -> Result<PolicyConfiguration, Refused> {
    check(&mut input)?;
    let mut change = app.state.change().await;
    let project = scope.named_project(&change.directory, project)?.clone();
    authorize(&change.directory, scope, &project, &input.scopes)?;
    if change.directory.pulls.policies.range((project.account, 0)..=(project.account, i64::MAX)).count()
        >= POLICIES
    {
        return Err(Refused::Invalid(format!("An account has at most {POLICIES} policies.")));
    }
    let policy = PolicyConfiguration {
        account: project.account,
        id: change.directory.pulls.next_policy(project.account),
        project: project.id,
        kind: input.kind,
        revision: 1,
        is_enabled: input.is_enabled,
        is_blocking: input.is_blocking,
        is_deleted: false,
        creator: scope.principal.user.unwrap_or_default(),
        created: app.clock.now(),
        scopes: input.scopes,
        settings: input.settings,
    };
    change.put(policy.clone());
    change.commit().await?;
    Ok(policy)
}

/// Replaces a configuration.
pub(crate) async fn update(
    app: &App,
    scope: Scope<'_>,
    project: &str,
    id: &str,
    mut input: PolicyInput,
) -> Result<PolicyConfiguration, Refused> {
    check(&mut input)?;
    let mut change = app.state.change().await;
    let project = scope.named_project(&change.directory, project)?.clone();
    let old = one(&change.directory, scope, &project, id)?.clone();
    authorize(&change.directory, scope, &project, &old.scopes)?;
    authorize(&change.directory, scope, &project, &input.scopes)?;
    if input.kind != old.kind {
        return Err(Refused::invalid("The type of a policy cannot change."));
    }
    let policy = PolicyConfiguration {
        revision: old.revision + 1,
        is_enabled: input.is_enabled,
        is_blocking: input.is_blocking,
        scopes: input.scopes,
        settings: input.settings,
        ..old
    };
    change.put(policy.clone());
    change.commit().await?;
    wake(app, project.id);
    Ok(policy)
}

/// Removes a configuration.
pub(crate) async fn delete(app: &App, scope: Scope<'_>, project: &str, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let project = scope.named_project(&change.directory, project)?.clone();
    let old = one(&change.directory, scope, &project, id)?.clone();
    authorize(&change.directory, scope, &project, &old.scopes)?;
    // Its number is not given again.
    change.put(PolicyConfiguration { is_deleted: true, is_enabled: false, ..old });
    change.commit().await?;
    wake(app, project.id);
    Ok(())
}

/// Pull requests may have waited for what has changed.
fn wake(app: &App, project: Uuid) {
    let directory = app.state.directory();
    for repo in directory.repos_of(project) {
        if !directory.pulls.active_in(repo.id).is_empty() {
            app.merge_queue.add(repo.id);
        }
    }
}
