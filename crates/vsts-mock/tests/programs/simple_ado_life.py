"""A pull request's life with simple-ado."""
import os

import simple_ado
from simple_ado.comments import ADOCommentLocation, ADOCommentStatus
from simple_ado.git import ADOGitStatusState

client = simple_ado.ADOClient(tenant="acme", auth=simple_ado.ADOBasicAuth("alice", "alicepat"))
assert client.verify_access()
names = sorted(repo["name"] for repo in client.git.all_repositories("iris"))
assert names == ["extra", "iris"], names
repo = client.git.get_repository(project_id="iris", repository_id="extra")
place = {"project_id": "iris", "repository_id": repo["id"]}
tip = os.environ["TOPIC"]
assert client.git.get_commit(commit_id=tip, **place)["comment"] == "Say it again"
assert [one["name"] for one in client.git.get_refs(filter_startswith="heads/", **place)] == ["refs/heads/master", "refs/heads/topic"]
client.git.set_status(sha=tip, state=ADOGitStatusState.SUCCEEDED, identifier="test", description="Passed.", context="ci", **place)
assert [one["state"] for one in client.git.get_status(sha=tip, **place)] == ["succeeded"]
made = client.create_pull_request(source_branch="topic", target_branch="master", title="Say it again", description="Why.", **place)
pull = client.pull_request(made["pullRequestId"], **place)
assert pull.details()["mergeStatus"] == "succeeded"
pull.create_comment_with_text(
    "Look.", comment_location=ADOCommentLocation("/src/app.py", 1), status=ADOCommentStatus.ACTIVE, comment_identifier="bot")
[thread] = pull.threads_with_identifier("bot")
assert thread["comments"][0]["content"] == "Look."
pull.delete_threads_with_identifier("bot")
assert pull.threads_with_identifier("bot") == []
pull.set_status(ADOGitStatusState.FAILED, "test", "It fails.", "ci")
assert [one["state"] for one in pull.get_statuses()["value"]] == ["failed"]
pull.add_property("colour", "red")
assert pull.get_properties()["colour"].value == "red"
assert len(pull.iterations()) == 1
assert [one["pullRequestId"] for one in client.list_all_pull_requests(project_id="iris", top=1)] == [made["pullRequestId"]]
