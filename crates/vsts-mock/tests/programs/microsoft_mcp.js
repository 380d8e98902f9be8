// Every repository and pull-request tool of @azure-devops/mcp, which the manual's line starts: microsoft_mcp.js LINE
"use strict";
const assert = require("node:assert");
const { start } = require("./mcp_client.js");

const project = "iris";
const tip = process.env.TOPIC;

async function main() {
  const server = await start(process.argv[2]);
  const { ok, fails } = server;
  const about = (await server.tools()).filter((name) => name.startsWith("repo_"));

  const [listed] = await ok("repo_repository", { action: "list", project });
  assert.deepEqual([listed.name, listed.isDisabled, listed.isInMaintenance], ["extra", false, false]);
  const repo = await ok("repo_repository", { action: "get", project, repositoryNameOrId: "extra" });
  assert.equal(repo.webUrl, "https://dev.azure.com/acme/iris/_git/extra");
  const repositoryId = repo.id;
  const here = { repositoryId, project };

  assert.deepEqual(await ok("repo_branch", { action: "list", ...here }), ["topic", "master"]);
  assert.deepEqual(await ok("repo_branch", { action: "list_mine", ...here }), ["topic", "master"]);
  assert.equal((await ok("repo_branch", { action: "get", ...here, branchName: "topic" })).objectId, tip);
  const made = await ok("repo_create_branch", { ...here, branchName: "side", sourceBranchName: "master" });
  assert.match(made, /'side' created successfully/);
  assert.match(await fails("repo_create_branch", { ...here, branchName: "x", sourceBranchName: "none" }), /not found/);

  const content = { action: "get_content", ...here, path: "/src/app.py", version: "topic", versionType: "Branch" };
  assert.match(await ok("repo_file", content), /print\("hello again"\)/);
  assert.match(await fails("repo_file", { ...content, path: "/none" }), /TF401174/);
  const folder = await ok("repo_file", { action: "list_directory", ...here, version: "topic", versionType: "Branch", recursive: true, recursionDepth: 3 });
  assert.deepEqual(folder.items.map((item) => item.path), ["/", "/README.md", "/src", "/src/app.py"]);
  assert.match(await fails("repo_search_commits", { searchText: "first", project }), /501/);

  const write = (action, more) => ok("repo_pull_request_write", { action, ...here, ...more });
  const pull = await write("create", {
    sourceRefName: "refs/heads/topic", targetRefName: "refs/heads/master", title: "Say it again", description: "Why.", labels: ["tested"],
  });
  const pullRequestId = pull.pullRequestId;
  const get = (more) => ok("repo_pull_request", { action: "get", ...here, pullRequestId, ...more });
  const whole = await get({ includeLabels: true, includeChangedFiles: true, includeWorkItemRefs: true });
  assert.deepEqual([whole.title, whole.mergeStatus, whole.labelSummary.labels], ["Say it again", 3, ["tested"]]);
  assert.deepEqual(whole.changedFilesSummary.changeEntries.map((entry) => entry.item.path), ["/src/app.py"]);
  const list = (more) => ok("repo_pull_request", { action: "list", ...here, ...more });
  assert.deepEqual((await list({})).map((one) => [one.pullRequestId, one.statusName]), [[pullRequestId, "Active"]]);
  assert.equal((await list({ created_by_me: true })).length, 1);
  assert.equal((await list({ created_by_user: "alice@example.com" })).length, 1);
  assert.equal((await list({ i_am_reviewer: true })).length, 0);
  assert.equal((await ok("repo_pull_request", { action: "list", project, status: "All" })).length, 1);

  await write("update", { pullRequestId, title: "Say it twice", isDraft: true });
  assert.equal((await get({})).isDraft, true);
  await write("update_reviewers", { pullRequestId, reviewerIds: [whole.createdBy.id], reviewerAction: "add" });
  assert.equal((await list({ i_am_reviewer: true })).length, 1);
  await write("vote", { pullRequestId, vote: "Approved" });
  assert.deepEqual((await get({})).reviewers.map((one) => one.vote), [10]);

  const at = { ...here, pullRequestId };
  const change = (action, more) => ok("repo_pull_request_thread_write", { action, ...at, ...more });
  const thread = await change("create", {
    content: "Look.", filePath: "src/app.py", rightFileStartLine: 1, rightFileStartOffset: 1, rightFileEndLine: 1, rightFileEndOffset: 6,
  });
  assert.equal(thread.threadContext.filePath, "/src/app.py");
  const threadId = thread.id;
  assert.match(await change("reply", { threadId, content: "Yes." }), /successfully added/);
  assert.match(await change("update", { threadId, commentId: 1, content: "Look here." }), /successfully updated/);
  const fixed = await change("update_status", { threadId, status: "Fixed" });
  assert.equal(fixed.status, 2);
  const threads = await ok("repo_pull_request_thread", { action: "list", ...at, status: "Fixed" });
  assert.deepEqual(threads.map((one) => one.id), [threadId]);
  const comments = await ok("repo_pull_request_thread", { action: "list_comments", ...at, threadId });
  assert.deepEqual(comments.map((one) => one.content), ["Look here.", "Yes."]);

  await write("update_reviewers", { pullRequestId, reviewerIds: [whole.createdBy.id], reviewerAction: "remove" });
  assert.deepEqual((await get({})).reviewers ?? [], []);
  await write("update", { pullRequestId, status: "Abandoned" });
  assert.equal((await get({})).status, 2);
  await write("update", { pullRequestId, status: "Active", isDraft: false });
  await write("update", { pullRequestId, autoComplete: true, mergeStrategy: "Squash", deleteSourceBranch: true, transitionWorkItems: false });
  const done = await get({});
  assert.deepEqual([done.status, done.completionOptions.mergeStrategy], [3, 2]);
  assert.deepEqual(await ok("repo_branch", { action: "list", ...here }), ["side", "master"]);
  const commits = [done.lastMergeCommit.commitId];
  const found = await ok("repo_pull_request", { action: "list_by_commits", project, repository: "extra", commits });
  assert.equal(found.results[0][commits[0]][0].pullRequestId, pullRequestId);

  assert.deepEqual(about, [...server.called].sort(), "every tool has been called");
  server.stop();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
