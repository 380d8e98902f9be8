// Every repository, project and pull-request tool of @tiberriver256/mcp-server-azure-devops, which the manual's line starts:
// tiberriver_mcp.js LINE
"use strict";
const assert = require("node:assert");
const { start } = require("./mcp_client.js");

const tip = process.env.TOPIC;

async function main() {
  const server = await start(process.argv[2]);
  const { ok, fails } = server;
  const about = (await server.tools()).filter(
    (name) =>
      /repositor|pull_request|project|branch|commit|file_content|organizations|get_me/.test(name),
  );

  assert.deepEqual((await ok("list_organizations", {})).map((one) => one.name), ["acme"]);
  const me = await ok("get_me", {});
  assert.deepEqual([me.displayName, me.email], ["alice", "alice@example.com"]);
  assert.deepEqual((await ok("list_projects", {})).map((one) => one.name), ["iris"]);
  assert.equal((await ok("get_project", { projectId: "iris" })).name, "iris");
  const details = await ok("get_project_details", { projectId: "iris", includeTeams: true });
  assert.deepEqual([details.name, details.teams.length], ["iris", 1]);

  assert.deepEqual((await ok("list_repositories", {})).map((one) => one.name), ["extra", "iris"]);
  const repositoryId = (await ok("get_repository", { repositoryId: "extra" })).id;
  const here = { projectId: "iris", repositoryId };
  const more = await ok("get_repository_details", { ...here, includeStatistics: true, includeRefs: true, refFilter: "heads/" });
  assert.deepEqual(more.statistics.branches.map((one) => one.name).sort(), ["master", "topic"]);
  assert.deepEqual(more.refs.value.map((one) => one.name), ["refs/heads/master", "refs/heads/topic"]);
  const file = await ok("get_file_content", { ...here, path: "/src/app.py", version: "topic", versionType: "branch" });
  assert.match(JSON.stringify(file), /hello again/);
  assert.match(await fails("get_file_content", { ...here, path: "/none" }), /TF401174|not found/i);
  const tree = await ok("get_repository_tree", { ...here, depth: 3 });
  assert.match(JSON.stringify(tree), /app\.py/);
  assert.match(JSON.stringify(await ok("get_all_repositories_tree", { projectId: "iris" })), /extra/);
  await ok("create_branch", { ...here, sourceBranch: "topic", newBranch: "more" });
  await ok("create_commit", {
    ...here, branchName: "more", commitMessage: "Greet",
    changes: [{ path: "/src/app.py", search: 'print("hello again")', replace: 'print("good day")' }],
  });
  const commits = await ok("list_commits", { ...here, branchName: "more" });
  assert.deepEqual(commits.commits.map((one) => one.comment), ["Greet", "Say it again", "First commit"]);
  assert.equal(commits.commits[1].commitId, tip);

  const pull = await ok("create_pull_request", {
    ...here, title: "Greet", description: "Why.", sourceRefName: "refs/heads/more", targetRefName: "refs/heads/master",
    reviewers: [me.id], tags: ["tested"],
  });
  const pullRequestId = pull.pullRequestId;
  const at = { ...here, pullRequestId };
  const get = () => ok("get_pull_request", { projectId: "iris", pullRequestId });
  assert.deepEqual([(await get()).title, (await get()).mergeStatus], ["Greet", 3]);
  const list = await ok("list_pull_requests", { ...here, status: "active" });
  assert.deepEqual(list.value.map((one) => one.pullRequestId), [pullRequestId]);
  const changes = await ok("get_pull_request_changes", at);
  assert.deepEqual(changes.files.map((one) => one.path), ["/src/app.py"]);
  assert.match(changes.files[0].patch, /\+print\("good day"\)/);
  const checks = await ok("get_pull_request_checks", at);
  assert.deepEqual([checks.statuses, checks.policyEvaluations], [[], []]);
  const made = await ok("add_pull_request_comment", { ...at, content: "Look.", filePath: "/src/app.py", lineNumber: 1, status: "active" });
  const threadId = made.thread.id;
  await ok("add_pull_request_comment", { ...at, content: "Yes.", threadId });
  await ok("update_pull_request_thread_status", { ...at, threadId, status: "fixed" });
  const threads = await ok("get_pull_request_comments", { ...at, threadId });
  assert.deepEqual(threads[0].comments.map((one) => one.content), ["Look.", "Yes."]);
  await ok("update_pull_request", { ...at, title: "Greet well", addTags: ["second"], removeTags: ["tested"], isDraft: true });
  const changed = await get();
  assert.deepEqual([changed.title, changed.isDraft, changed.labels.map((one) => one.name)], ["Greet well", true, ["second"]]);
  await ok("update_pull_request", { ...at, isDraft: false, status: "abandoned" });
  assert.equal((await get()).status, 2);
  assert.match(await fails("search_code", { searchText: "print", projectId: "iris" }), /Failed to search code/);

  assert.deepEqual(about, [...server.called].filter((name) => about.includes(name)).sort(), "every tool has been called");
  server.stop();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
