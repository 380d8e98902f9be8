// A project's life with the package azure-devops-node-api, unmodified: with_node_api.js URL
"use strict";
const assert = require("node:assert");
const azdev = require("azure-devops-node-api");
const { VersionControlChangeType, VersionControlRecursionType, ItemContentType, GitVersionType, GitRefUpdateStatus } =
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

  await git.deleteRepository(repo.id);
  assert.equal(await git.getRepository(repo.id), null);
  await wait(await core.queueDeleteProject(rose.id));
  assert.deepEqual((await core.getProjects()).map((project) => project.name), ["iris"]);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
