"""A project's life with the package azure-devops, unmodified: with_azure_devops.py URL PART [ARGUMENT]"""

import base64
import hashlib
import io
import sys
import time

from azure.devops.connection import Connection
from azure.devops.exceptions import AzureDevOpsServiceError
from azure.devops.v7_1.core.models import TeamProject
from azure.devops.v7_1.git.models import (
    Change,
    GitCommitRef,
    GitPush,
    GitQueryCommitsCriteria,
    GitRecycleBinRepositoryDetails,
    GitRefUpdate,
    GitRepositoryCreateOptions,
    GitTargetVersionDescriptor,
    GitBaseVersionDescriptor,
    GitVersionDescriptor,
    ItemContent,
    TeamProjectReference,
)
from azure.devops.v7_1.security.models import PermissionEvaluation, PermissionEvaluationBatch
from azure.devops._models import VssJsonCollectionWrapper
from msrest.authentication import BasicAuthentication

ZEROS = "0" * 40
url, part = sys.argv[1:3]


def connect(token):
    return Connection(base_url=url + "/Acme", creds=BasicAuthentication("", token))


alice = connect("alicepat")
core, git = alice.clients_v7_1.get_core_client(), alice.clients_v7_1.get_git_client()


def refused(code, call, *args, **named):
    try:
        call(*args, **named)
    except AzureDevOpsServiceError as error:
        assert code in str(error), error
        return
    raise AssertionError(f"{code} expected")


def wait(queued):
    operations = alice.clients_v7_1.get_operations_client()
    for _ in range(600):
        status = operations.get_operation(queued.id).status
        if status in ("succeeded", "failed"):
            assert status == "succeeded", status
            return
        time.sleep(0.05)
    raise AssertionError("it takes too long")


def change(kind, path, content=None, encoded=False, source=None):
    new = content and ItemContent(content=content, content_type="base64encoded" if encoded else "rawtext")
    return Change(change_type=kind, item={"path": path}, new_content=new, source_server_item=source)


def push(repo, old, comment, changes, ref="refs/heads/master"):
    update = GitRefUpdate(name=ref, old_object_id=old)
    commit = GitCommitRef(comment=comment, changes=changes)
    return git.create_push(GitPush(ref_updates=[update], commits=[commit]), repo, project="Rose")


def profile():
    """Both the released client and the one of the newest version find the caller."""
    me = alice.clients_v7_1.get_profile_client().get_profile("me", details=True)
    assert me.additional_properties["displayName"] == "alice", me
    mail = me.core_attributes["EmailAddress"].additional_properties["value"]
    assert mail == "alice@example.com", mail
    released = alice.clients.get_profile_client().get_profile("me")
    assert (released.id, released.revision) == (me.id, me.revision)
    assert alice.clients.get_location_client().get_connection_data().authenticated_user.id == me.id


def make():
    profile()
    who = alice.clients_v7_1.get_location_client().get_connection_data()
    assert who.authenticated_user.provider_display_name == "alice"
    assert [process.name for process in core.get_processes()] == ["Agile", "Scrum", "CMMI"]
    agile = core.get_processes()[0].id
    wait(core.queue_create_project(TeamProject(
        name="Rose",
        description="flowers",
        visibility="private",
        capabilities={"versioncontrol": {"sourceControlType": "Git"}, "processTemplate": {"templateTypeId": agile}},
    )))
    assert "Rose" in [project.name for project in core.get_projects()]
    rose = core.get_project("Rose", include_capabilities=True)
    assert rose.capabilities["processTemplate"]["templateName"] == "Agile"
    assert [team.name for team in core.get_teams(rose.id)] == ["Rose Team"]
    refused("TF200019", core.queue_create_project, TeamProject(name="rose", capabilities=rose.capabilities))
    refused("TF200016", core.get_project, "none")

    project = TeamProjectReference(id=rose.id)
    repo = git.create_repository(GitRepositoryCreateOptions(name="shed", project=project))
    assert repo.default_branch is None and git.get_refs(repo.id) == []
    repo.name = "garden"
    repo = git.update_repository(repo, repo.id)
    assert git.get_repository("garden", project="rose").id == repo.id
    assert [one.name for one in git.get_repositories("Rose")] == ["garden", "Rose"]
    refused("TF401019", git.get_repository, "shed", project="Rose")

    first = push("garden", ZEROS, "Plant.", [
        change("add", "/readme.md", "hello\n"),
        change("add", "/docs/a.md", "a"),
        change("add", "/docs/c.md", "c"),
    ])
    old = first.commits[0].commit_id
    second = push("garden", old, "Tend.", [
        change("edit", "/readme.md", "hello again\n"),
        change("rename", "/docs/b.bin", base64.b64encode(b"\0\1").decode(), True, "/docs/a.md"),
        change("delete", "/docs/c.md"),
    ])
    assert second.push_id == 2 and second.pushed_by.display_name == "alice"
    tip = second.commits[0].commit_id
    refused("TF401028", push, "garden", old, "Late.", [change("add", "/late", "x")])

    results = git.update_refs([
        GitRefUpdate(name="refs/heads/side", old_object_id=ZEROS, new_object_id=old),
        GitRefUpdate(name="refs/heads/bad..name", old_object_id=ZEROS, new_object_id=old),
        GitRefUpdate(name="refs/heads/master", old_object_id=old, new_object_id=tip),
    ], repo.id)
    verdicts = [(result.success, result.update_status) for result in results]
    assert verdicts == [(True, "succeeded"), (False, "invalidRefName"), (False, "staleOldObjectId")], verdicts
    assert [ref.name for ref in git.get_refs(repo.id, filter="heads/")] == ["refs/heads/master", "refs/heads/side"]
    stats = {branch.name: branch for branch in git.get_branches(repo.id)}
    assert (stats["side"].behind_count, stats["master"].is_base_version) == (1, True)
    side = git.get_branch(repo.id, "side")
    assert side.commit.commit_id == old
    print(tip)


def read():
    tip = sys.argv[3]
    repo = git.get_repository("garden", project="Rose")
    assert repo.default_branch == "refs/heads/master"
    commits = git.get_commits(repo.id, GitQueryCommitsCriteria(), project="Rose")
    assert (commits[0].commit_id, commits[0].comment, len(commits)) == (tip, "By Git.", 3)
    only = git.get_commits(repo.id, GitQueryCommitsCriteria(item_path="/by-git.txt"), project="Rose")
    assert [commit.commit_id for commit in only] == [tip]
    batch = git.get_commits_batch(GitQueryCommitsCriteria(item_version=GitVersionDescriptor("side", version_type="branch")), repo.id)
    assert [commit.comment for commit in batch] == ["Plant."]
    commit = git.get_commit(tip, repo.id, change_count=10)
    assert commit.push.push_id == 4 and len(commit.parents) == 1
    changes = git.get_changes(tip, repo.id)
    assert [change["item"]["path"] for change in changes.changes] == ["/by-git.txt"]
    item = git.get_item(repo.id, "/readme.md", include_content=True)
    assert item.content == "hello again\n"
    assert b"".join(git.get_item_content(repo.id, "/docs/b.bin", download=True)) == b"\0\1"
    assert b"".join(git.get_item_text(repo.id, "/by-git.txt")) == b"from Git\n"
    assert b"".join(git.get_item_zip(repo.id, "/docs"))[:2] == b"PK"
    items = git.get_items(repo.id, scope_path="/", recursion_level="full")
    assert [item.path for item in items] == ["/", "/by-git.txt", "/docs", "/docs/b.bin", "/readme.md"]
    tree = git.get_tree(repo.id, items[0].object_id, recursive=True)
    assert len(tree.tree_entries) == 4
    assert git.get_blob(repo.id, item.object_id).size == 12
    diff = git.get_commit_diffs(
        repo.id,
        base_version_descriptor=GitBaseVersionDescriptor(version="side", version_type="branch", base_version="side", base_version_type="branch"),
        target_version_descriptor=GitTargetVersionDescriptor(version="master", version_type="branch", target_version="master", target_version_type="branch"),
    )
    assert diff.ahead_count == 2 and diff.behind_count == 0, diff
    pushes = git.get_pushes(repo.id)
    assert [one.push_id for one in pushes] == [4, 3, 2, 1]
    fourth = git.get_push(repo.id, 4, include_commits=10, include_ref_updates=True)
    assert sorted(update.name for update in fourth.ref_updates) == ["refs/heads/by-git", "refs/heads/master"]
    assert [commit.commit_id for commit in fourth.commits] == [tip]
    refused("TF401174", git.get_item, repo.id, "/none")
    refused("TF401175", git.get_item, repo.id, "/readme.md", version_descriptor=GitVersionDescriptor(version="none"))
    bob = connect("bobspat").clients_v7_1.get_git_client()
    refused("TF200016", bob.get_repository, "garden", project="Rose")
    refused("TF401019", bob.get_repository, repo.id)
    extra = git.get_repository("extra", project="iris")
    assert bob.get_repository(extra.id).name == "extra"
    denied = GitPush(
        ref_updates=[GitRefUpdate(name="refs/heads/master", old_object_id=ZEROS)],
        commits=[GitCommitRef(comment="x", changes=[change("add", "/x", "x")])],
    )
    refused("TF401027", bob.create_push, denied, extra.id)
    refused("TF401027", bob.delete_repository, extra.id)


def work():
    """A work item from its making to its deletion, with a query and comments."""
    from azure.devops.v7_1.work_item_tracking.models import (
        CommentCreate, CommentUpdate, JsonPatchOperation, TeamContext, Wiql, WorkItemBatchGetRequest,
    )
    wit = alice.clients_v7_1.get_work_item_tracking_client()
    assert "Bug" in [kind.name for kind in wit.get_work_item_types("Rose")]
    assert [state.name for state in wit.get_work_item_type_states("Rose", "Bug")][0] == "New"

    def edit(path, value, op="add"):
        return JsonPatchOperation(op=op, path=path, value=value)

    made = wit.create_work_item([edit("/fields/System.Title", "Thorns"), edit("/fields/System.AssignedTo", "bob")], "Rose", "Bug")
    assert (made.rev, made.fields["System.State"]) == (1, "New"), made
    assert made.fields["System.AssignedTo"]["displayName"] == "bob", made.fields
    changed = wit.update_work_item([edit("/rev", 1, "test"), edit("/fields/System.State", "Active", "replace")], made.id)
    assert (changed.rev, changed.fields["System.State"]) == (2, "Active"), changed
    refused("VS403351", wit.update_work_item, [edit("/rev", 1, "test"), edit("/fields/System.Title", "x")], made.id)
    refused("TF401232", wit.get_work_item, 4711)
    found = wit.query_by_wiql(
        Wiql(query="SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND [System.State] = 'Active'"),
        team_context=TeamContext(project="Rose"), top=5)
    assert [item.id for item in found.work_items] == [made.id], found
    refused("TF51005", wit.query_by_wiql, Wiql(query="SELECT [System.Id] FROM WorkItems WHERE [No.Such] = 1"))
    [one] = wit.get_work_items_batch(WorkItemBatchGetRequest(ids=[made.id], fields=["System.Title"]))
    assert one.fields == {"System.Title": "Thorns"}, one.fields
    assert [item.id for item in wit.get_work_items([made.id], expand="All")] == [made.id]
    note = wit.add_comment(CommentCreate(text="Ouch."), "Rose", made.id)
    wit.update_comment(CommentUpdate(text="Ouch!"), "Rose", made.id, note.id)
    assert [(one.text, one.version) for one in wit.get_comments("Rose", made.id).comments] == [("Ouch!", 2)]
    wit.delete_comment("Rose", made.id, note.id)
    assert wit.get_comments("Rose", made.id).total_count == 0
    assert [update.rev for update in wit.get_updates(made.id)] == [1, 2, 3]
    assert wit.get_revision(made.id, 1).fields["System.State"] == "New"
    assert wit.delete_work_item(made.id).id == made.id
    refused("TF401232", wit.get_work_item, made.id)


def entitlements():
    """The users of the account with their licences."""
    client = alice.clients_v7_1.get_member_entitlement_management_client()
    page = client.search_user_entitlements(filter="name eq 'ali'")
    assert [one.user.display_name for one in page.members] == ["alice"], page
    assert page.members[0].access_level.account_license_type == "express"
    assert page.additional_properties == {"continuationToken": None, "totalCount": 1}, page
    one = client.get_user_entitlement(page.members[0].id)
    assert one.user.mail_address == "alice@example.com", one
    refused("$filter knows", client.search_user_entitlements, filter="licenseId eq 'Account-Stakeholder'")


def pulls():
    """A pull request from its making to its completion, with a review, a thread, a status and a policy."""
    from azure.devops.v7_1.git.models import (
        Comment, GitPullRequest, GitPullRequestCommentThread, GitPullRequestCompletionOptions,
        GitPullRequestSearchCriteria, GitStatus, GitStatusContext, IdentityRefWithVote, WebApiCreateTagRequestData,
    )
    from azure.devops.v7_1.policy.models import PolicyConfiguration
    repo = git.get_repository("garden", project="Rose")
    [master] = git.get_refs(repo.id, filter="heads/master")
    push(repo.id, master.object_id, "Topic.", [change("add", "/topic.txt", "t")], ref="refs/heads/topic")
    policy = alice.clients_v7_1.get_policy_client()
    made_policy = policy.create_policy_configuration(PolicyConfiguration(
        is_enabled=True, is_blocking=True, type={"id": "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"},
        settings={"minimumApproverCount": 1, "creatorVoteCounts": True, "scope": [
            {"repositoryId": repo.id, "refName": "refs/heads/master", "matchKind": "Exact"}]}), "Rose")
    assert [one.id for one in policy.get_policy_configurations("Rose")] == [made_policy.id]
    made = git.create_pull_request(GitPullRequest(
        source_ref_name="refs/heads/topic", target_ref_name="refs/heads/master", title="Topic", description="Why."),
        repo.id, project="Rose")
    assert (made.status, made.merge_status, made.is_draft) == ("active", "queued", False), made
    number = made.pull_request_id
    seen = git.get_pull_request_by_id(number)
    assert seen.merge_status == "succeeded" and seen.created_by.display_name == "alice", seen
    found = git.get_pull_requests(repo.id, GitPullRequestSearchCriteria(source_ref_name="refs/heads/topic"))
    assert [one.pull_request_id for one in found] == [number]
    assert [one.pull_request_id for one in git.get_pull_requests_by_project("Rose", GitPullRequestSearchCriteria())] == [number]
    thread = git.create_thread(GitPullRequestCommentThread(
        comments=[Comment(content="Look.", comment_type="text", parent_comment_id=0)], status="active"), repo.id, number)
    git.create_comment(Comment(content="Yes.", parent_comment_id=1), repo.id, number, thread.id)
    assert [len(one.comments) for one in git.get_threads(repo.id, number)] == [2]
    git.update_thread(GitPullRequestCommentThread(status="fixed"), repo.id, number, thread.id)
    sent = b"\0" * 300_000 + b"log"
    attached = git.create_attachment(io.BytesIO(sent), "build log.txt", repo.id, number)
    assert (attached.display_name, attached.author.display_name) == ("build log.txt", "alice"), attached
    assert attached.content_hash == hashlib.sha1(sent).hexdigest()
    assert [one.id for one in git.get_attachments(repo.id, number)] == [attached.id]
    assert b"".join(git.get_attachment_content("build log.txt", repo.id, number)) == sent
    git.delete_attachment("build log.txt", repo.id, number)
    assert git.get_attachments(repo.id, number) == []
    git.create_pull_request_label(WebApiCreateTagRequestData(name="tested"), repo.id, number)
    assert [one.name for one in git.get_pull_request_labels(repo.id, number)] == ["tested"]
    git.create_pull_request_status(
        GitStatus(state="succeeded", context=GitStatusContext(name="ci", genre="bot")), repo.id, number)
    git.create_commit_status(
        GitStatus(state="failed", context=GitStatusContext(name="lint")), seen.last_merge_source_commit.commit_id, repo.id)
    [status] = git.get_statuses(seen.last_merge_source_commit.commit_id, repo.id, latest_only=True)
    assert status.state == "failed"
    [iteration] = git.get_pull_request_iterations(repo.id, number)
    changes = git.get_pull_request_iteration_changes(repo.id, number, iteration.id)
    paths = [entry.additional_properties["item"]["path"] for entry in changes.change_entries]
    assert paths == ["/topic.txt"], paths
    assert [one.comment for one in git.get_pull_request_commits(repo.id, number)] == ["Topic."]
    finish = GitPullRequest(
        status="completed", last_merge_source_commit=seen.last_merge_source_commit,
        completion_options=GitPullRequestCompletionOptions(merge_strategy="squash", delete_source_branch=True))
    refused("At least 1 reviewers must approve", git.update_pull_request, finish, repo.id, number)
    me = seen.created_by.id
    git.create_pull_request_reviewer(IdentityRefWithVote(id=me, vote=10), repo.id, number, me)
    project = repo.project.id
    artifact = f"vstfs:///CodeReview/CodeReviewId/{project}/{number}"
    assert [one.status for one in policy.get_policy_evaluations("Rose", artifact)] == ["approved"]
    queued = git.update_pull_request(finish, repo.id, number)
    assert (queued.status, queued.merge_status) == ("active", "queued")
    done = git.get_pull_request(repo.id, number)
    assert (done.status, done.completion_options.merge_strategy) == ("completed", "squash")
    assert git.get_refs(repo.id, filter="heads/topic") == []
    policy.delete_policy_configuration("Rose", made_policy.id)


def bobs_push(what):
    bob = connect("bobspat").clients_v7_1.get_git_client()
    repo = bob.get_repository("garden", project="Rose")
    old = bob.get_refs(repo.id, filter="heads/master")[0].object_id
    update = GitRefUpdate(name="refs/heads/master", old_object_id=old)
    commit = GitCommitRef(comment=what, changes=[change("add", f"/{what}", what)])
    return bob.create_push(GitPush(ref_updates=[update], commits=[commit]), repo.id)


def place():
    """What access control of the repository is about: namespace, bit, token, and bob's descriptor."""
    security = alice.clients_v7_1.get_security_client()
    [namespace] = [one for one in security.query_security_namespaces() if one.name == "Git Repositories"]
    [bit] = [action.bit for action in namespace.actions if action.name == "GenericContribute"]
    repo = git.get_repository("garden", project="Rose")
    [bob] = alice.clients_v7_1.get_identity_client().read_identities(search_filter="General", filter_value="bob")
    return security, namespace.namespace_id, bit, f"repoV2/{repo.project.id}/{repo.id}", bob


def deny():
    security, namespace, bit, token, bob = place()
    graph = alice.clients_v7_1.get_graph_client()
    scope = graph.get_descriptor(core.get_project("Rose").id).value
    groups = {group.principal_name: group for group in graph.list_groups(scope_descriptor=scope).graph_groups}
    contributors = groups["[Rose]\\Contributors"]
    assert graph.get_group(contributors.descriptor).display_name == "Contributors"
    graph.add_membership(bob.subject_descriptor, contributors.descriptor)
    graph.check_membership_existence(bob.subject_descriptor, contributors.descriptor)
    up = graph.list_memberships(bob.subject_descriptor, direction="up")
    assert contributors.descriptor in [one.container_descriptor for one in up]
    assert graph.get_storage_key(bob.subject_descriptor).value == bob.id
    assert "bob" in [user.display_name for user in graph.list_users().graph_users]
    bobs_push("first")
    [entry] = security.set_access_control_entries(
        {"token": token, "merge": True, "accessControlEntries": [{"descriptor": bob.descriptor, "allow": 0, "deny": bit}]},
        namespace,
    )
    assert (entry.allow, entry.deny) == (0, bit)
    [acl] = security.query_access_control_lists(namespace, token, bob.descriptor, include_extended_info=True)
    extended = acl.aces_dictionary[bob.descriptor].extended_info
    assert (acl.inherit_permissions, extended.effective_deny) == (True, bit), extended
    refused("TF401027", bobs_push, "second")
    asked = connect("bobspat").clients_v7_1.get_security_client()
    assert asked.has_permissions(namespace, bit, token) == [False]
    refused("TF401027", asked.remove_access_control_entries, namespace, token, bob.descriptor)


def allow():
    security, namespace, bit, token, bob = place()
    assert security.remove_access_control_entries(namespace, token, bob.descriptor) is True
    assert security.query_access_control_lists(namespace, token) == []
    bobs_push("third")
    batch = PermissionEvaluationBatch(evaluations=[
        PermissionEvaluation(permissions=bit, security_namespace_id=namespace, token=token),
        PermissionEvaluation(permissions=8, security_namespace_id=namespace, token=token),
    ])
    asked = connect("bobspat").clients_v7_1.get_security_client()
    assert [one.value for one in asked.has_permissions_batch(batch).evaluations] == [True, False]
    lists = VssJsonCollectionWrapper(count=1, value=[{
        "token": token, "inheritPermissions": True,
        "acesDictionary": {bob.descriptor: {"descriptor": bob.descriptor, "allow": 0, "deny": 8}},
    }])
    security.set_access_control_lists(lists, namespace)
    left = security.remove_permission(namespace, bob.descriptor, 8, token)
    assert left.deny == 0
    assert security.remove_access_control_lists(namespace, token) is False
    [bob] = alice.clients_v7_1.get_identity_client().read_identities(identity_ids=bob.id, query_membership="direct")
    assert bob.properties["Account"]["$value"] == "bob" and len(bob.member_of) == 2, bob.member_of


def key():
    """Adds the public key in a file, or removes the one of an id. The package has no client for it but its base."""
    argument = sys.argv[3]
    location = "ada996bc-8c18-4193-b20c-cd41b13f5b4d"
    if not argument.endswith(".pub"):
        core._send("DELETE", location, "5.0-preview.1", {"authorizationId": argument}, {"isPublic": True})
        return
    with open(argument) as file:
        body = {"displayName": "laptop", "publicData": file.read(), "scope": "app_token", "isPublic": True}
    added = core._send("POST", location, "5.0-preview.1", query_parameters={"isPublic": True}, content=body).json()
    listed = core._send("GET", location, "5.0-preview.1", query_parameters={"isPublic": True}).json()
    assert [one["authorizationId"] for one in listed["value"]] == [added["authorizationId"]]
    print(added["authorizationId"])


def end():
    repo = git.get_repository("garden", project="Rose")
    git.delete_repository(repo.id)
    refused("TF401019", git.get_repository, repo.id)
    assert [deleted.name for deleted in git.get_recycle_bin_repositories("Rose")] == ["garden"]
    back = git.restore_repository_from_recycle_bin(GitRecycleBinRepositoryDetails(deleted=False), "Rose", repo.id)
    assert back.name == "garden" and len(git.get_refs(repo.id)) == 5
    git.delete_repository(repo.id)
    git.delete_repository_from_recycle_bin("Rose", repo.id)
    rose = core.get_project("Rose")
    wait(core.update_project(TeamProject(description="withered"), rose.id))
    assert core.get_project("Rose").description == "withered"
    wait(core.queue_delete_project(rose.id))
    assert "Rose" not in [project.name for project in core.get_projects()]


{"make": make, "read": read, "pulls": pulls, "work": work, "entitlements": entitlements, "deny": deny, "allow": allow, "key": key, "end": end}[part]()
