//! Types of pull requests, of statuses and of policies.

use super::super::Field::{Any, Flag, Ignored, Of, Text};
use super::super::Model;
use super::model;

/// A new pull request.
pub(crate) static NEW_PULL_REQUEST: Model = model(
    "GitPullRequest",
    &[
        (Text, "description sourceRefName targetRefName title"),
        (Flag, "isDraft"),
        (Of(&REVIEWER), "reviewers"),
        (Of(&LABEL), "labels"),
        (Any, "workItemRefs"),
        (Of(&COMPLETION_OPTIONS), "completionOptions"),
        (Any, "forkSource"),
        // A pull request completes by itself once it is told to after it was made.
        (Ignored, "autoCompleteSetBy"),
        (
            Ignored,
            "_links artifactId closedBy closedDate codeReviewId commits completionQueueTime createdBy creationDate \
                   hasMultipleMergeBases lastMergeCommit lastMergeSourceCommit lastMergeTargetCommit \
                   mergeFailureMessage mergeFailureType mergeId mergeOptions mergeStatus pullRequestId remoteUrl \
                   repository status supportsIterations url",
        ),
    ],
);

/// A changed pull request. Its handler refuses what can't be changed.
pub(crate) static PULL_REQUEST: Model = model(
    "GitPullRequest",
    &[
        (Text, "description sourceRefName targetRefName title"),
        (Flag, "isDraft"),
        (Of(&COMPLETION_OPTIONS), "completionOptions"),
        (
            Any,
            "_links artifactId autoCompleteSetBy closedBy closedDate codeReviewId commits completionQueueTime createdBy \
                   creationDate forkSource hasMultipleMergeBases labels lastMergeCommit lastMergeSourceCommit \
                   lastMergeTargetCommit mergeFailureMessage mergeFailureType mergeId mergeOptions mergeStatus \
                   pullRequestId remoteUrl repository reviewers status supportsIterations url workItemRefs",
        ),
    ],
);

static COMPLETION_OPTIONS: Model = model(
    "GitPullRequestCompletionOptions",
    &[
        (Any, "autoCompleteIgnoreConfigIds mergeStrategy"),
        (Flag, "bypassPolicy deleteSourceBranch squashMerge transitionWorkItems"),
        (Text, "bypassReason mergeCommitMessage"),
        (Ignored, "triggeredByAutoComplete"),
    ],
);

/// A reviewer, or a list of them.
pub(crate) static REVIEWER: Model = model(
    "IdentityRefWithVote",
    &[
        (Any, "id vote"),
        (Flag, "hasDeclined isFlagged isRequired"),
        (
            Ignored,
            "_links descriptor directoryAlias displayName imageUrl inactive isAadIdentity isContainer \
                   isDeletedInOrigin isReapprove profileUrl reviewerUrl uniqueName url votedFor",
        ),
    ],
);

/// A label.
pub(crate) static LABEL: Model =
    model("WebApiCreateTagRequestData", &[(Text, "name"), (Ignored, "active id url")]);

/// A thread of comments.
pub(crate) static THREAD: Model = model(
    "GitPullRequestCommentThread",
    &[
        (Of(&COMMENT), "comments"),
        (Any, "properties pullRequestThreadContext status threadContext"),
        (Ignored, "_links id identities isDeleted lastUpdatedDate publishedDate"),
    ],
);

/// A comment.
pub(crate) static COMMENT: Model = model(
    "Comment",
    &[
        (Any, "commentType parentCommentId"),
        (Text, "content"),
        (
            Ignored,
            "_links author id isDeleted lastContentUpdatedDate lastUpdatedDate publishedDate usersLiked",
        ),
    ],
);

/// A status of a commit or of a pull request.
pub(crate) static STATUS: Model = model(
    "GitStatus",
    &[
        (Any, "iterationId properties state"),
        (Of(&STATUS_CONTEXT), "context"),
        (Text, "description targetUrl"),
        (Ignored, "_links createdBy creationDate id updatedDate"),
    ],
);

static STATUS_CONTEXT: Model = model("GitStatusContext", &[(Text, "genre name")]);

/// Commits whose pull requests are looked for.
pub(crate) static PULL_REQUEST_QUERY: Model =
    model("GitPullRequestQuery", &[(Any, "queries"), (Ignored, "results")]);

/// A configuration of a policy.
pub(crate) static POLICY: Model = model(
    "PolicyConfiguration",
    &[
        (Any, "settings type"),
        (Flag, "isBlocking isEnabled"),
        (Ignored, "_links createdBy createdDate id isDeleted isEnterpriseManaged revision url"),
    ],
);
