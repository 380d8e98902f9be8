// A project's life with the package azure-devops-node-api, unmodified: with_node_api.js URL PUBLIC_KEY SSH_SETTING SSH_URL
"use strict";
const assert = require("node:assert");
const { Readable } = require("node:stream");
const azdev = require("azure-devops-node-api");
const {
  VersionControlChangeType, VersionControlRecursionType, ItemContentType, GitVersionType, GitRefUpdateStatus, PullRequestStatus,
} =
  require("azure-devops-node-api/interfaces/GitInterfaces");

const ZEROS = "0".repeat(40);
const url = process.argv[2] + "/acme";
const connect = (token) => new azdev.WebApi(url, azdev.getBasicHandler("", token));

async function text(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function main() {
  const alice = connect("alicepat");
  const who = await alice.connect();
  assert.equal(who.authenticatedUser.providerDisplayName, "alice");
  const me = await (await alice.getProfileApi()).getProfile("me");
  assert.deepEqual([me.id, me.displayName, me.emailAddress], [who.authenticatedUser.id, "alice", "alice@example.com"]);
  const core = await alice.getCoreApi();
  const git = await alice.getGitApi();
  const wait = async (queued) => {
    for (let turn = 0; turn < 600; turn++) {
      // The package has no client for operations; this is its own way to ask for anything else.
      const { result } = await alice.rest.get(`${url}/_apis/operations/${queued.id}`);
      if (result.status === "succeeded") return;
      assert.notEqual(result.status, "failed");
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail("it takes too long");
  };

  const [agile] = await core.getProcesses();
  const capabilities = {
    versioncontrol: { sourceControlType: "Git" },
    processTemplate: { templateTypeId: agile.id },
  };
  await wait(await core.queueCreateProject({ name: "Rose", description: "flowers", capabilities }));
  const rose = await core.getProject("Rose", true);
  assert.equal(rose.capabilities.versioncontrol.gitEnabled, "True");
  assert.deepEqual((await core.getProjects()).map((project) => project.name), ["iris", "Rose"]);
  assert.equal(await core.getProject("none"), null);

  const repo = await git.createRepository({ name: "garden" }, "Rose");
  assert.deepEqual(await git.getRefs(repo.id), []);
  const push = (oldObjectId, comment, changes) =>
    git.createPush({ refUpdates: [{ name: "refs/heads/master", oldObjectId }], commits: [{ comment, changes }] }, repo.id);
  const file = (changeType, path, content, contentType = ItemContentType.RawText) => ({
    changeType,
    item: { path },
    newContent: { content, contentType },
  });
  const first = await push(ZEROS, "Plant.", [
    file(VersionControlChangeType.Add, "/readme.md", "hello\n"),
    file(VersionControlChangeType.Add, "/docs/a.md", "a"),
  ]);
  const old = first.commits[0].commitId;
  const second = await push(old, "Tend.", [
    file(VersionControlChangeType.Edit, "/readme.md", "aGVsbG8gYWdhaW4K", ItemContentType.Base64Encoded),
    { changeType: VersionControlChangeType.Rename, item: { path: "/b.md" }, sourceServerItem: "/docs/a.md" },
  ]);
  const tip = second.commits[0].commitId;
  await assert.rejects(push(old, "Late.", [file(VersionControlChangeType.Add, "/late", "x")]), /TF401028/);
  const verdicts = await git.updateRefs(
    [
      { name: "refs/heads/side", oldObjectId: ZEROS, newObjectId: old },
      { name: "refs/heads/master", oldObjectId: old, newObjectId: tip },
    ],
    repo.id,
  );
  assert.deepEqual(
    verdicts.map((verdict) => verdict.updateStatus),
    [GitRefUpdateStatus.Succeeded, GitRefUpdateStatus.StaleOldObjectId],
  );
  const commits = await git.getCommits(repo.id, { $top: 1, itemVersion: { version: "master", versionType: GitVersionType.Branch } });
  assert.deepEqual(commits.map((commit) => commit.commitId), [tip]);

  const asked = { sourceRefName: "refs/heads/master", targetRefName: "refs/heads/side", title: "Tend" };
  const { pullRequestId } = await git.createPullRequest(asked, repo.id);
  const sent = "log\n".repeat(100_000);
  const attached = await git.createAttachment(undefined, Readable.from([Buffer.from(sent)]), "build.log", repo.id, pullRequestId, "Rose");
  assert.deepEqual([attached.displayName, attached.author.displayName], ["build.log", "alice"]);
  assert.deepEqual((await git.getAttachments(repo.id, pullRequestId, "Rose")).map((one) => one.id), [attached.id]);
  assert.equal(await text(await git.getAttachmentContent("build.log", repo.id, pullRequestId, "Rose")), sent);
  await git.deleteAttachment("build.log", repo.id, pullRequestId, "Rose");
  assert.deepEqual(await git.getAttachments(repo.id, pullRequestId, "Rose"), []);
  await git.updatePullRequest({ status: PullRequestStatus.Abandoned }, repo.id, pullRequestId);
  const items = await git.getItems(repo.id, undefined, "/", VersionControlRecursionType.Full);
  assert.deepEqual(items.map((item) => item.path), ["/", "/b.md", "/readme.md"]);
  assert.equal(await text(await git.getItemText(repo.id, "/readme.md")), "hello again\n");
  const before = { version: old, versionType: GitVersionType.Commit };
  const content = await git.getItemContent(
    repo.id, "/docs/a.md", undefined, undefined, undefined, undefined, undefined, undefined, before);
  assert.equal(await text(content), "a");
  const stats = await git.getBranch(repo.id, "side");
  assert.deepEqual([stats.aheadCount, stats.behindCount], [0, 1]);
  const changes = await git.getChanges(tip, repo.id);
  assert.deepEqual(changes.changes.map((change) => change.changeType),
    [VersionControlChangeType.Rename, VersionControlChangeType.Edit]);
  assert.equal((await git.getPushes(repo.id)).length, 3);

  const bob = await connect("bobspat").getGitApi();
  assert.equal(await bob.getRepository(repo.id), null);
  const extra = (await bob.getRepositories("iris"))[0];
  const denied = { refUpdates: [{ name: "refs/heads/master", oldObjectId: ZEROS }],
    commits: [{ comment: "x", changes: [file(VersionControlChangeType.Add, "/x", "x")] }] };
  await assert.rejects(bob.createPush(denied, extra.id), /TF401027/);

  // The package has no client for security, graph and keys: this is its own way to any resource of the table.
  const resource = async (area, locationId, routeValues, query) => {
    const found = await core.vsoClient.getVersioningData("5.0-preview.1", area, locationId, routeValues, query);
    return { url: found.requestUrl, options: core.createRequestOptions("application/json", found.apiVersion) };
  };
  const ask = async (method, body, ...where) => {
    const { url, options } = await resource(...where);
    const call = { GET: "get", DEL: "del" }[method];
    const answer = call ? await core.rest[call](url, options) : await core.rest[method](url, body, options);
    return answer.result;
  };
  const security = "Security";
  const namespaces = await ask("GET", null, security, "ce7b9f95-fde9-4be8-a86d-83b366f0b87a", {});
  const { namespaceId: securityNamespaceId, actions } = namespaces.value.find((one) => one.name === "Git Repositories");
  const { bit } = actions.find((action) => action.name === "GenericContribute");
  const identities = await ask("GET", null, "IMS", "28010c54-d0c0-4c89-a5b0-1c9e188b9fb7", {},
    { searchFilter: "General", filterValue: "bob" });
  const [{ descriptor, subjectDescriptor }] = identities.value;
  const { value: scopeDescriptor } = await ask("GET", null, "Graph", "048aee0a-7072-4cde-ab73-7af77b1e0b4e", { storageKey: rose.id });
  const groups = await ask("GET", null, "Graph", "ebbe6af8-0b91-4c13-8cf1-777c14858188", {}, { scopeDescriptor });
  const contributors = groups.value.find((group) => group.displayName === "Contributors");
  await ask("replace", null, "Graph", "3fd2e6ca-fb30-443a-b579-95b19ed0934c",
    { subjectDescriptor, containerDescriptor: contributors.descriptor });
  const bobs = (path, oldObjectId) => bob.createPush({ refUpdates: [{ name: "refs/heads/master", oldObjectId }],
    commits: [{ comment: "x", changes: [file(VersionControlChangeType.Add, path, "x")] }] }, repo.id);
  const third = (await bobs("/first", tip)).commits[0].commitId;
  const token = `repoV2/${rose.id}/${repo.id}`;
  const entries = "ac08c8ff-4323-4b08-af90-bcd018d380ce";
  const set = await ask("create", { token, merge: true, accessControlEntries: [{ descriptor, allow: 0, deny: bit }] },
    security, entries, { securityNamespaceId });
  assert.deepEqual(set.value, [{ descriptor, allow: 0, deny: bit }]);
  await assert.rejects(bobs("/second", third), /TF401027/);
  const lists = await ask("GET", null, security, "18a2ad18-7571-46ae-bec7-0c7da1495885", { securityNamespaceId },
    { token, descriptors: descriptor, includeExtendedInfo: true });
  assert.equal(lists.value[0].acesDictionary[descriptor].extendedInfo.effectiveDeny, bit);
  assert.equal(await ask("DEL", null, security, entries, { securityNamespaceId }, { token, descriptors: descriptor }), true);
  await bobs("/third", third);

  const keys = "ada996bc-8c18-4193-b20c-cd41b13f5b4d";
  const publicData = require("node:fs").readFileSync(process.argv[3], "utf8");
  const key = await ask("create", { displayName: "laptop", publicData, scope: "app_token", isPublic: true },
    "Token", keys, {}, { isPublic: true });
  const { execFileSync } = require("node:child_process");
  const clone = (to) => execFileSync("git", ["-c", process.argv[4], "clone", "-q", process.argv[5], to], { stdio: "pipe" });
  clone("by-key");
  await ask("DEL", null, "Token", keys, { authorizationId: key.authorizationId }, { isPublic: true });
  assert.throws(() => clone("no-key"), /Permission denied|authentication failed/);

  const wit = await alice.getWorkItemTrackingApi();
  const patch = (...fields) => fields.map(([name, value]) => ({ op: "add", path: `/fields/${name}`, value }));
  const bug = await wit.createWorkItem({}, patch(["System.Title", "Thorns"], ["System.AssignedTo", "bob"]), "Rose", "Bug");
  assert.equal(bug.fields["System.AssignedTo"].displayName, "bob");
  const active = await wit.updateWorkItem({}, [{ op: "test", path: "/rev", value: bug.rev }, ...patch(["System.State", "Active"])], bug.id);
  assert.deepEqual([active.rev, active.fields["System.State"]], [2, "Active"]);
  await assert.rejects(wit.updateWorkItem({}, [{ op: "test", path: "/rev", value: 1 }, ...patch(["System.Title", "x"])], bug.id), /VS403351/);
  const found = await wit.queryByWiql({ query: "SELECT [System.Id] FROM WorkItems WHERE [System.AssignedTo] <> @Me" }, { project: "Rose" });
  assert.deepEqual(found.workItems.map((one) => one.id), [bug.id]);
  await wit.addComment({ text: "Ouch." }, "Rose", bug.id);
  assert.deepEqual((await wit.getComments("Rose", bug.id)).comments.map((one) => one.text), ["Ouch."]);
  assert.equal((await wit.getWorkItem(bug.id)).fields["System.CommentCount"], 1);
  assert.equal((await wit.deleteWorkItem(bug.id)).code, 200);
  assert.equal(await wit.getWorkItem(bug.id), null);

  await git.deleteRepository(repo.id);
  assert.equal(await git.getRepository(repo.id), null);
  await wait(await core.queueDeleteProject(rose.id));
  assert.deepEqual((await core.getProjects()).map((project) => project.name), ["iris"]);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
