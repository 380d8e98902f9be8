"""A pull request's life with pyado."""
import os
import urllib.request

import pyado
import requests

# pyado's own session ignores the environment, and with it the proxy and its certificate authority.
session = requests.Session()
session.proxies = urllib.request.getproxies()
session.verify = os.environ["REQUESTS_CA_BUNDLE"]
org = pyado.AzureDevOpsService(org_url="https://dev.azure.com/acme", pat="alicepat", session=session).org
assert [project.name for project in org.list_projects()] == ["iris"]
me = org.get_connection_data().authenticated_user.id
repos = org.get_project("iris").repos
assert sorted(repo.name for repo in repos.list_repositories()) == ["extra", "iris"]
repo = repos.get_repository("extra")
assert sorted(branch.name for branch in repo.list_branches()) == ["master", "topic"]
assert "hello again" in repo.get_file_by_branch("/src/app.py", "topic")
repo.commit_file_upsert(path="/notes.txt", content="Water twice.\n", message="A note", branch="topic")
pull = repo.create_pull_request("Say it again", "topic", "master", description="Why.")
assert [one.id for one in repos.list_active_prs()] == [pull.id]
assert sorted(commit.info.comment for commit in pull.list_commits()) == ["A note", "Say it again"]
assert sorted(one.item.path for one in pull.list_files_changed()) == ["/notes.txt", "/src/app.py"]
pull.update(title="Say it twice")
thread = pull.add_thread("Look.", file_path="/src/app.py", line=1)
pull.reply_to_thread(thread.id, "Yes.")
pull.update_thread_status(thread.id, pyado.PullRequestThreadStatus.FIXED)
assert [comment.content for comment in pull.get_thread(thread.id).comments] == ["Look.", "Yes."]
pull.sync_tags({"tested"})
assert pull.list_tags() == ["tested"]
pull.set_status(pyado.PullRequestStatusState.SUCCEEDED, "ci", genre="test", description="All passed.")
assert [one.context.name for one in pull.list_statuses()] == ["ci"]
pull.add_reviewer(str(me))
pull.vote(str(me), pyado.PullRequestVote.APPROVED)
assert [int(one.vote) for one in pull.list_reviewers()] == [10]
pull.refresh()
assert pull.title == "Say it twice"
pull.complete(pull.info.last_merge_source_commit.commit_id)
pull.refresh()
assert pull.status == pyado.PullRequestStatus.COMPLETED, pull.status
assert [branch.name for branch in repo.list_branches()] == ["master"]
