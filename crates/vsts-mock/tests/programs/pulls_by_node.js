// A pull request's life with the service's packages for Node: pulls_by_node.js PACKAGE URL VERSION_OF_HOOKS
"use strict";
const assert = require("node:assert");
const [, , name, url, version] = process.argv;
const sdk = require(name);

async function main() {
  const connection = new sdk.WebApi(url, sdk.getPersonalAccessTokenHandler("alicepat"));
  const git = await connection.getGitApi();
  const policy = await connection.getPolicyApi();
  const project = "iris";
  const repo = (await git.getRepositories(project)).find((one) => one.name === "extra");
  const minimum = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd";
  assert.ok((await policy.getPolicyTypes(project)).some((type) => type.id === minimum));
  const configuration = await policy.createPolicyConfiguration(
    {
      isEnabled: true, isBlocking: true, type: { id: minimum },
      settings: { minimumApproverCount: 1, creatorVoteCounts: true,
        scope: [{ repositoryId: repo.id, refName: "refs/heads/master", matchKind: "Exact" }] },
    },
    project,
  );
  assert.equal((await policy.getPolicyConfigurations(project)).length, 1);

  const made = await git.createPullRequest(
    { sourceRefName: "refs/heads/topic", targetRefName: "refs/heads/master", title: "Say it again", description: "Why." },
    repo.id,
    project,
  );
  const id = made.pullRequestId;
  assert.deepEqual([made.status, made.mergeStatus], [1, 1]);
  const pull = () => git.getPullRequest(repo.id, id, project);
  const before = await pull();
  assert.equal(before.mergeStatus, 3);
  assert.equal((await git.getPullRequestById(id)).title, "Say it again");
  assert.deepEqual((await git.getPullRequests(repo.id, { status: 1 })).map((one) => one.pullRequestId), [id]);
  assert.deepEqual((await git.getPullRequestsByProject(project, {})).map((one) => one.pullRequestId), [id]);
  assert.deepEqual((await git.getPullRequestCommits(repo.id, id)).map((one) => one.comment), ["Say it again"]);
  await git.updatePullRequest({ title: "Say it twice" }, repo.id, id);
  assert.equal((await pull()).title, "Say it twice");

  const thread = await git.createThread({ comments: [{ content: "Look.", commentType: 1, parentCommentId: 0 }], status: 1 }, repo.id, id);
  await git.createComment({ content: "Yes.", parentCommentId: 1, commentType: 1 }, repo.id, id, thread.id);
  const comments = await git.getComments(repo.id, id, thread.id);
  assert.deepEqual(comments.map((one) => [one.id, one.content]), [[1, "Look."], [2, "Yes."]]);
  await git.deleteComment(repo.id, id, thread.id, 2);
  await git.updateThread({ status: 2 }, repo.id, id, thread.id);
  const threads = (await git.getThreads(repo.id, id)).filter((one) => one.comments[0].commentType === 1);
  assert.deepEqual(threads.map((one) => [one.id, one.status]), [[thread.id, 2]]);

  const tip = before.lastMergeSourceCommit.commitId;
  await git.createCommitStatus({ state: 2, context: { name: "lint", genre: "test" } }, tip, repo.id);
  assert.deepEqual((await git.getStatuses(tip, repo.id)).map((one) => one.context.name), ["lint"]);
  await git.createPullRequestStatus({ state: 2, context: { name: "ci", genre: "test" } }, repo.id, id);
  assert.deepEqual((await git.getPullRequestStatuses(repo.id, id)).map((one) => one.state), [2]);
  const iterations = await git.getPullRequestIterations(repo.id, id);
  assert.equal(iterations.length, 1);
  const changes = await git.getPullRequestIterationChanges(repo.id, id, 1);
  assert.deepEqual(changes.changeEntries.map((one) => one.item.path), ["/src/app.py"]);
  if (git.createPullRequestLabel) {
    await git.createPullRequestLabel({ name: "tested" }, repo.id, id);
    assert.deepEqual((await git.getPullRequestLabels(repo.id, id)).map((one) => one.name), ["tested"]);
  }

  const finish = { status: 3, lastMergeSourceCommit: before.lastMergeSourceCommit, completionOptions: { deleteSourceBranch: true, squashMerge: true } };
  await assert.rejects(git.updatePullRequest(finish, repo.id, id), /At least 1 reviewers must approve/);
  const me = before.createdBy.id;
  await git.createPullRequestReviewer({ id: me, vote: 10 }, repo.id, id, me);
  assert.deepEqual((await git.getPullRequestReviewers(repo.id, id)).map((one) => one.vote), [10]);
  const evaluations = await policy.getPolicyEvaluations(project, `vstfs:///CodeReview/CodeReviewId/${repo.project.id}/${id}`);
  assert.deepEqual(evaluations.map((one) => one.status), [2]);
  assert.equal((await git.updatePullRequest(finish, repo.id, id)).status, 1);
  const done = await pull();
  assert.deepEqual([done.status, done.mergeStatus], [3, 3]);
  assert.deepEqual((await git.getRefs(repo.id, project, "heads/")).map((one) => one.name), ["refs/heads/master"]);
  const found = await git.getPullRequestQuery({ queries: [{ items: [done.lastMergeCommit.commitId], type: 1 }] }, repo.id);
  assert.equal(found.results[0][done.lastMergeCommit.commitId][0].pullRequestId, id);
  await policy.deletePolicyConfiguration(project, configuration.id);

  // Neither package has a client for service hooks; this is its own way to any resource of the table.
  if (!git.rest.create) return;
  const answer = await git.rest.create(
    `${url}/_apis/hooks/subscriptions?api-version=${version}`,
    {
      publisherId: "tfs", eventType: "git.push", resourceVersion: "1.0", consumerId: "webHooks", consumerActionId: "httpRequest",
      publisherInputs: { projectId: repo.project.id }, consumerInputs: { url: "http://127.0.0.1:9/" },
    },
  );
  assert.equal(answer.result.status, "enabled");
  await git.rest.del(`${url}/_apis/hooks/subscriptions/${answer.result.id}?api-version=${version}`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
