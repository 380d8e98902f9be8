"""A pull request's life with the service's packages for Python: pulls_by_python.py PACKAGE VERSION URL"""
import sys
from importlib import import_module

from msrest.authentication import BasicAuthentication

package, version, url = sys.argv[1:]
of_2018 = package == "vsts"
connection = import_module("vsts.vss_connection" if of_2018 else "azure.devops.connection")
connection = (connection.VssConnection if of_2018 else connection.Connection)(url, BasicAuthentication("", "alicepat"))
exceptions = import_module(f"{package}.exceptions")
ServiceError = exceptions.VstsServiceError if of_2018 else exceptions.AzureDevOpsServiceError


def client(area, name):
    folder = f"{package}.{area}.{version}" if of_2018 else f"{package}.{version}.{area}"
    return connection.get_client(f"{folder}.{area}_client.{name}Client"), import_module(f"{folder}.models")


core, _ = client("core", "Core")
git, models = client("git", "Git")
policy, policies = client("policy", "Policy")
hooks, events = client("service_hooks", "ServiceHooks")

assert [project.name for project in core.get_projects()] == ["iris"]
[repo] = [one for one in git.get_repositories("iris") if one.name == "extra"]
minimum = policy.create_policy_configuration(policies.PolicyConfiguration(
    is_enabled=True, is_blocking=True, type={"id": "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"},
    settings={"minimumApproverCount": 1, "creatorVoteCounts": True, "scope": [
        {"repositoryId": repo.id, "refName": "refs/heads/master", "matchKind": "Exact"}]}), "iris")
hook = hooks.create_subscription(events.Subscription(
    publisher_id="tfs", event_type="git.pullrequest.created", resource_version="1.0", consumer_id="webHooks",
    consumer_action_id="httpRequest", publisher_inputs={"projectId": repo.project.id},
    consumer_inputs={"url": "http://127.0.0.1:9/"}))
assert [one.id for one in hooks.list_subscriptions()] == [hook.id]
hooks.delete_subscription(hook.id)

made = git.create_pull_request(models.GitPullRequest(
    source_ref_name="refs/heads/topic", target_ref_name="refs/heads/master", title="Say it again", description="Why."), repo.id)
number = made.pull_request_id
seen = git.get_pull_request_by_id(number)
assert (seen.status, seen.merge_status) == ("active", "succeeded")
found = git.get_pull_requests(repo.id, models.GitPullRequestSearchCriteria(status="active"))
assert [one.pull_request_id for one in found] == [number]
first = models.Comment(content="Look.", comment_type="text", parent_comment_id=0)
thread = git.create_thread(models.GitPullRequestCommentThread(comments=[first], status="active"), repo.id, number)
git.create_comment(models.Comment(content="Yes.", parent_comment_id=1), repo.id, number, thread.id)
git.update_thread(models.GitPullRequestCommentThread(status="fixed"), repo.id, number, thread.id)
[thread] = [one for one in git.get_threads(repo.id, number) if one.comments[0].comment_type == "text"]
assert (thread.status, [one.content for one in thread.comments]) == ("fixed", ["Look.", "Yes."])
status = models.GitStatus(state="succeeded", context=models.GitStatusContext(name="ci", genre="test"))
git.create_pull_request_status(status, repo.id, number)
assert [one.state for one in git.get_pull_request_statuses(repo.id, number)] == ["succeeded"]
tip = seen.last_merge_source_commit
status = models.GitStatus(state="failed", context=models.GitStatusContext(name="lint"))
git.create_commit_status(status, tip.commit_id, repo.id)
assert [one.state for one in git.get_statuses(tip.commit_id, repo.id)] == ["failed"]
options = models.GitPullRequestCompletionOptions(delete_source_branch=True, squash_merge=True)
finish = models.GitPullRequest(status="completed", last_merge_source_commit=tip, completion_options=options)
try:
    git.update_pull_request(finish, repo.id, number)
    raise AssertionError("a policy forbids it")
except ServiceError as error:
    assert "At least 1 reviewers must approve" in str(error), error
me = seen.created_by.id
git.create_pull_request_reviewer(models.IdentityRefWithVote(id=me, vote=10), repo.id, number, me)
assert [one.vote for one in git.get_pull_request_reviewers(repo.id, number)] == [10]
git.update_pull_request(finish, repo.id, number)
done = git.get_pull_request(repo.id, number)
assert (done.status, done.merge_status) == ("completed", "succeeded")
assert [one.name for one in git.get_refs(repo.id, filter="heads/")] == ["refs/heads/master"]
policy.delete_policy_configuration("iris", minimum.id)
