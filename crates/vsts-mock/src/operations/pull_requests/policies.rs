//! Policies of branches: what they ask of a pull request, and whether it is met.

use gix::bstr::ByteSlice as _;
use serde_json::Value;
use uuid::Uuid;

use super::super::changed_files::{self, How};
use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::super::work::Work;
use super::{merged_tip, short, threads};
use crate::app::App;
pub(crate) use crate::directory::policy_kind::PolicyKind;
use crate::directory::pull_request::{MergeStrategy, Reviewer, StatusState, status_subject};
use crate::directory::{Directory, GitStatus, PolicyConfiguration, PullRequest, Repo};
use crate::limits::PULL_REQUEST_PARTS;

/// The standing of a pull request before a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evaluation {
    Queued,
    Running,
    Approved,
    Rejected,
    NotApplicable,
}

impl Evaluation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::NotApplicable => "notApplicable",
        }
    }

    fn is_met(self) -> bool {
        matches!(self, Self::Approved | Self::NotApplicable)
    }
}

/// A policy with the standing of a pull request before it.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated {
    pub(crate) policy: PolicyConfiguration,
    pub(crate) evaluation: Evaluation,
    /// The sentence that a refusal has.
    pub(crate) demand: String,
}

impl Evaluated {
    /// Returns whether nothing is left to do for it.
    pub(crate) fn is_met(&self) -> bool {
        self.evaluation.is_met()
    }

    /// The id of the evaluation, which follows from the two.
    pub(crate) fn id(&self, pull: &PullRequest) -> Uuid {
        evaluation_id(pull, &self.policy)
    }
}

/// The id of the evaluation of a policy for a pull request.
pub(crate) fn evaluation_id(pull: &PullRequest, policy: &PolicyConfiguration) -> Uuid {
    let name = format!("evaluation {} of {}", policy.id, pull.id);
    Uuid::new_v5(&pull.account, name.as_bytes())
}

/// The policies that apply to a branch of a repository.
pub(crate) fn applying<'d>(
    app: &App,
    directory: &'d Directory,
    repo: &Repo,
    branch: &str,
) -> Vec<&'d PolicyConfiguration> {
    let default = repo.handle.default_branch(&app.state.repo_path(repo.id)).ok().flatten();
    let all = directory.pulls.policies_of(repo.account, repo.project).filter(|policy| policy.is_enabled);
    let covers = |policy: &&PolicyConfiguration| {
        policy.scopes.iter().any(|scope| scope.covers(repo.id, branch, default.as_deref()))
    };
    all.filter(covers).collect()
}

/// Evaluates the policies that apply to a pull request.
pub(crate) fn evaluate(
    ctx: &RepoContext,
    repository: &gix::Repository,
    directory: &Directory,
    pull: &PullRequest,
) -> Result<Vec<Evaluated>, Refused> {
    let policies = applying(&ctx.app, directory, &ctx.repo, &pull.target);
    let judged = policies.into_iter().map(|policy| {
        let (evaluation, demand) = judge(ctx, repository, directory, pull, policy)?;
        Ok(Evaluated { policy: policy.clone(), evaluation, demand })
    });
    judged.collect()
}

/// Refuses a completion that a policy is against.
pub(super) fn check(
    ctx: &RepoContext,
    repository: &gix::Repository,
    directory: &Directory,
    pull: &PullRequest,
    strategy: MergeStrategy,
) -> Result<(), Refused> {
    let all = evaluate(ctx, repository, directory, pull)?;
    let blocking = all.iter().filter(|one| one.policy.is_blocking);
    let is_against = |one: &&Evaluated| {
        !one.is_met()
            || (PolicyKind::of(one.policy.kind) == Some(PolicyKind::MergeStrategy)
                && !allows(&one.policy.settings, strategy))
    };
    let demands: Vec<&str> = blocking.filter(is_against).map(|one| one.demand.as_str()).collect();
    if demands.is_empty() { Ok(()) } else { Err(Refused::RejectedByPolicy(demands.join(" "))) }
}

fn flag(settings: &Value, name: &str) -> bool {
    settings[name].as_bool().unwrap_or_default()
}

/// The strategies that a policy allows.
fn allows(settings: &Value, strategy: MergeStrategy) -> bool {
    let flags = [
        ("allowNoFastForward", MergeStrategy::NoFastForward),
        ("allowSquash", MergeStrategy::Squash),
        ("allowRebase", MergeStrategy::Rebase),
        ("allowRebaseMerge", MergeStrategy::RebaseMerge),
    ];
    if let Some(squashes) = settings["useSquashMerge"].as_bool()
        && flags.iter().all(|(name, _)| settings[*name].is_null())
    {
        return !squashes || strategy == MergeStrategy::Squash;
    }
    flags.iter().any(|(name, own)| *own == strategy && flag(settings, name))
}

fn judge(
    ctx: &RepoContext,
    repository: &gix::Repository,
    directory: &Directory,
    pull: &PullRequest,
    policy: &PolicyConfiguration,
) -> Result<(Evaluation, String), Refused> {
    use Evaluation::{Approved, NotApplicable, Queued, Rejected, Running};
    let settings = &policy.settings;
    let branch = short(&pull.target);
    Ok(match PolicyKind::of(policy.kind) {
        Some(PolicyKind::MinimumReviewers) => {
            let wanted = settings["minimumApproverCount"].as_u64().unwrap_or(1);
            let last_pusher = directory.pulls.iterations_of(pull).next_back().map(|one| one.author);
            let counts = |one: &&Reviewer| {
                directory.users.contains_key(&one.id)
                    && (one.id != pull.creator || flag(settings, "creatorVoteCounts"))
                    && (Some(one.id) != last_pusher || !flag(settings, "blockLastPusherVote"))
            };
            let approvals = pull.reviewers.iter().filter(counts).filter(|one| one.vote >= 5).count();
            let has_objection = pull.reviewers.iter().any(|one| one.vote < 0);
            let is_rejected = pull.reviewers.iter().any(|one| one.vote == -10);
            let evaluation = if has_objection && !flag(settings, "allowDownvotes") {
                if is_rejected { Rejected } else { Running }
            } else if approvals as u64 >= wanted {
                Approved
            } else {
                Running
            };
            (evaluation, format!("At least {wanted} reviewers must approve this pull request."))
        }
        Some(PolicyKind::RequiredReviewers) => {
            let demand = match settings["message"].as_str().filter(|text| !text.is_empty()) {
                Some(message) => format!("Required reviewers must approve: {message}."),
                None => "Required reviewers must approve this pull request.".to_owned(),
            };
            if !concerns(ctx, repository, pull, settings)? {
                return Ok((NotApplicable, demand));
            }
            let approves = |id: Uuid| {
                pull.reviewers.iter().any(|one| {
                    one.vote >= 5 && (one.id == id || directory.all_containers_of(one.id).contains(&id))
                })
            };
            let required = required(settings);
            let is_rejected = pull.reviewers.iter().any(|one| one.vote == -10 && required.contains(&one.id));
            let evaluation = match (is_rejected, required.into_iter().all(approves)) {
                (true, _) => Rejected,
                (false, true) => Approved,
                (false, false) => Running,
            };
            (evaluation, demand)
        }
        Some(PolicyKind::Build) => {
            let definition = settings["buildDefinitionId"].to_string();
            let name = settings["displayName"].as_str().filter(|name| !name.is_empty());
            let shown = name.map_or_else(|| format!("Build {definition}"), str::to_owned);
            let is_it = |_: Option<&str>, own: &str| Some(own) == name || own == definition;
            let demand = format!("{shown} must succeed to update {branch}.");
            if !concerns(ctx, repository, pull, settings)? {
                return Ok((NotApplicable, demand));
            }
            let newest = newest(directory, pull, None, is_it);
            let is_old =
                is_before_source(directory, pull, newest) || has_expired(ctx, pull, settings, newest);
            (if is_old { Queued } else { standing(newest) }, demand)
        }
        Some(PolicyKind::Status) => {
            let genre = settings["statusGenre"].as_str().filter(|genre| !genre.is_empty());
            let name = settings["statusName"].as_str().unwrap_or_default();
            let is_it = |own_genre: Option<&str>, own: &str| own == name && own_genre == genre;
            let shown = genre.map_or_else(|| name.to_owned(), |genre| format!("{genre}/{name}"));
            let author = settings["authorId"].as_str().and_then(|id| Uuid::parse_str(id).ok());
            let demand = format!("{shown} must succeed to update {branch}.");
            if !concerns(ctx, repository, pull, settings)? {
                return Ok((NotApplicable, demand));
            }
            let newest = newest(directory, pull, author, is_it);
            let is_old =
                flag(settings, "invalidateOnSourceUpdate") && is_before_source(directory, pull, newest);
            (if is_old { Queued } else { standing(newest) }, demand)
        }
        Some(PolicyKind::Comments) => {
            let is_open = directory.pulls.threads_of(pull).any(threads::is_open);
            (if is_open { Running } else { Approved }, "All comments must be resolved.".to_owned())
        }
        Some(PolicyKind::WorkItems) => {
            let is_linked = !pull.work_items.is_empty();
            let demand = "Work items must be linked to this pull request.".to_owned();
            (if is_linked { Approved } else { Running }, demand)
        }
        Some(PolicyKind::MergeStrategy) => {
            (Approved, format!("This merge strategy is not allowed for {branch}."))
        }
        // These are about pushes.
        Some(PolicyKind::FileSize | PolicyKind::CaseEnforcement) | None => (NotApplicable, String::new()),
    })
}

/// The newest status of a context.
fn newest<'d>(
    directory: &'d Directory,
    pull: &PullRequest,
    author: Option<Uuid>,
    is_it: impl Fn(Option<&str>, &str) -> bool,
) -> Option<&'d GitStatus> {
    let subject = status_subject(pull.id);
    let mut all = directory.pulls.statuses_of(pull.repo, &subject).rev();
    all.find(|one| {
        is_it(one.genre.as_deref(), &one.name) && author.is_none_or(|author| author == one.creator)
    })
}

/// The standing that a status reports.
fn standing(status: Option<&GitStatus>) -> Evaluation {
    match status.map(|one| one.state) {
        Some(StatusState::Succeeded) => Evaluation::Approved,
        Some(StatusState::NotApplicable) => Evaluation::NotApplicable,
        Some(StatusState::Failed | StatusState::Error | StatusState::PartiallySucceeded) => {
            Evaluation::Rejected
        }
        Some(StatusState::Pending) => Evaluation::Running,
        Some(StatusState::NotSet) | None => Evaluation::Queued,
    }
}

/// Returns whether a status is about what the source was before its last push.
fn is_before_source(directory: &Directory, pull: &PullRequest, status: Option<&GitStatus>) -> bool {
    let last = directory.pulls.iterations_of(pull).next_back();
    status.zip(last).is_some_and(|(status, last)| match status.iteration {
        Some(iteration) => iteration < last.id,
        None => status.created < last.created,
    })
}

/// Returns whether a build has expired: `validDuration` minutes after it, or at once if that is 0 and the policy wants a build
/// for each update of the target, but only if the target has been updated since.
fn has_expired(ctx: &RepoContext, pull: &PullRequest, settings: &Value, status: Option<&GitStatus>) -> bool {
    let minutes = settings["validDuration"].as_f64();
    let (Some(minutes), Some(status)) = (minutes, status) else { return false };
    if minutes == 0.0 && settings["queueOnSourceUpdateOnly"] != false {
        return false;
    }
    let is_updated = pull.target_updated.is_some_and(|time| time > status.created);
    let age = ctx.app.clock.now().duration_since(status.created).as_secs_f64() / 60.0;
    is_updated && age >= minutes
}

fn required(settings: &Value) -> Vec<Uuid> {
    let all = settings["requiredReviewerIds"].as_array().into_iter().flatten();
    all.filter_map(|id| Uuid::parse_str(id.as_str()?).ok()).take(PULL_REQUEST_PARTS).collect()
}

/// Returns whether a policy about files is about the files of a pull request.
fn concerns(
    ctx: &RepoContext,
    repository: &gix::Repository,
    pull: &PullRequest,
    settings: &Value,
) -> Result<bool, Refused> {
    let patterns = settings["filenamePatterns"].as_array().into_iter().flatten();
    let patterns: Vec<&str> =
        patterns.filter_map(Value::as_str).filter(|pattern| !pattern.is_empty()).collect();
    if patterns.is_empty() {
        return Ok(true);
    }
    let (Some(source), Some(target)) = (merged_tip(&pull.merge.source), merged_tip(&pull.merge.target))
    else {
        return Ok(true);
    };
    let base = ctx.merge_bases(repository, source, target)?.first().copied();
    let changed = changed_files::between(repository, &ctx.work, base, source)?;
    let wanted = changed.iter().filter(|one| !flag(settings, "addedFilesOnly") || one.how == How::Added);
    let mut paths = wanted.map(|one| format!("/{}", one.path.to_str_lossy()));
    Ok(paths.any(|path| matches(&patterns, &path)))
}

/// Returns whether one of the patterns is a path's; one that begins with `!` takes it out again.
fn matches(patterns: &[&str], path: &str) -> bool {
    let mut is_matched = false;
    for pattern in patterns.iter().flat_map(|pattern| pattern.split(';')).map(str::trim) {
        let (is_positive, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, pattern),
        };
        let pattern = if pattern.starts_with('/') || pattern.starts_with('*') {
            pattern.to_owned()
        } else {
            format!("*/{pattern}")
        };
        let mode = gix::glob::wildmatch::Mode::empty();
        if gix::glob::wildmatch(pattern.as_str().into(), path.into(), mode) {
            is_matched = is_positive;
        }
    }
    is_matched
}

/// Adds the reviewers that policies require to a new pull request.
pub(super) fn add_required_reviewers(
    ctx: &RepoContext,
    repository: &gix::Repository,
    directory: &Directory,
    pull: &mut PullRequest,
) -> Result<(), Refused> {
    for policy in applying(&ctx.app, directory, &ctx.repo, &pull.target) {
        if PolicyKind::of(policy.kind) != Some(PolicyKind::RequiredReviewers)
            || !concerns(ctx, repository, pull, &policy.settings)?
        {
            continue;
        }
        for id in required(&policy.settings) {
            let is_new = pull.reviewers.iter().all(|one| one.id != id);
            if is_new && id != pull.creator && directory.identity_name(id).is_some() {
                let is_required = policy.is_blocking;
                pull.reviewers.push(Reviewer {
                    id,
                    vote: 0,
                    is_required,
                    is_flagged: false,
                    has_declined: false,
                });
            }
        }
    }
    Ok(())
}

/// Takes back the votes of a pull request whose source was pushed to, if a policy asks for that.
pub(super) fn source_pushed(app: &App, directory: &Directory, repo: &Repo, pull: &mut PullRequest) {
    let resets = applying(app, directory, repo, &pull.target).into_iter().any(|policy| {
        PolicyKind::of(policy.kind) == Some(PolicyKind::MinimumReviewers)
            && flag(&policy.settings, "resetOnSourcePush")
    });
    if resets {
        pull.reviewers.iter_mut().filter(|one| one.vote > 0).for_each(|one| one.vote = 0);
    }
}

/// The evaluation of that id, by the pull request and the policy that it is of.
pub(crate) fn find_evaluation(directory: &Directory, account: Uuid, id: Uuid) -> Option<(Uuid, i64)> {
    let work = Work::new();
    let pulls = directory.pulls.all.range((account, 0)..=(account, i64::MAX));
    for (_, pull) in pulls {
        work.check().ok()?;
        let project = directory.repos.get(&pull.repo)?.project;
        let mut policies = directory.pulls.policies_of(account, project);
        if policies.any(|policy| evaluation_id(pull, policy) == id) {
            return Some((pull.repo, pull.id));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_paths() {
        for (patterns, path, expected) in [
            (&["*.rs"][..], "/src/a.rs", true),
            (&["/src/*"], "/src/a/b.rs", true),
            (&["/src/*", "!*.md"], "/src/a.md", false),
            (&["/WebApp/*;*.cs"], "/lib/x.cs", true),
            (&["docs/"], "/docs/x", false),
        ] {
            assert_eq!(matches(patterns, path), expected, "{patterns:?} {path}");
        }
    }
}
