//! Types of what is in repositories, and of repositories themselves.

use super::super::Field::{Any, Flag, Ignored, Of, Text, Unsupported};
use super::super::Model;
use super::model;

/// A push.
pub(in crate::http::rest) static PUSH: Model = model(
    "GitPush",
    &[
        ("commits", Of(&COMMIT)),
        ("refUpdates", Of(&PUSHED_REF)),
        ("_links", Ignored),
        ("date", Ignored),
        ("pushedBy", Ignored),
        ("pushId", Ignored),
        ("repository", Ignored),
        ("url", Ignored),
    ],
);

static PUSHED_REF: Model = model(
    "GitRefUpdate",
    &[
        ("name", Text),
        ("oldObjectId", Text),
        ("newObjectId", Text),
        ("isLocked", Unsupported),
        ("repositoryId", Ignored),
    ],
);

static COMMIT: Model = model(
    "GitCommitRef",
    &[
        ("author", Of(&USER_DATE)),
        ("changes", Of(&CHANGE)),
        ("comment", Text),
        ("committer", Of(&USER_DATE)),
        ("parents", Any),
        ("statuses", Unsupported),
        ("workItems", Unsupported),
        ("_links", Ignored),
        ("changeCounts", Ignored),
        ("commentTruncated", Ignored),
        ("commitId", Ignored),
        ("commitTooManyChanges", Ignored),
        ("push", Ignored),
        ("remoteUrl", Ignored),
        ("treeId", Ignored),
        ("url", Ignored),
    ],
);

static USER_DATE: Model =
    model("GitUserDate", &[("name", Text), ("email", Text), ("date", Text), ("imageUrl", Ignored)]);

static CHANGE: Model = model(
    "GitChange",
    &[
        ("changeType", Any),
        ("item", Of(&ITEM)),
        ("newContent", Of(&CONTENT)),
        ("sourceServerItem", Text),
        ("newContentTemplate", Unsupported),
        ("originalPath", Unsupported),
        ("changeId", Ignored),
        ("url", Ignored),
    ],
);

static ITEM: Model = model(
    "GitItem",
    &[
        ("path", Text),
        // What a file is to hold is its change's newContent.
        ("content", Unsupported),
        ("isSymLink", Unsupported),
        ("_links", Ignored),
        ("commitId", Ignored),
        ("contentMetadata", Ignored),
        ("gitObjectType", Ignored),
        ("isFolder", Ignored),
        ("latestProcessedChange", Ignored),
        ("objectId", Ignored),
        ("originalObjectId", Ignored),
        ("url", Ignored),
    ],
);

static CONTENT: Model = model("ItemContent", &[("content", Text), ("contentType", Any)]);

/// A change of a ref.
pub(in crate::http::rest) static REF_UPDATE: Model = model(
    "GitRefUpdate",
    &[
        ("name", Text),
        ("oldObjectId", Text),
        ("newObjectId", Text),
        ("isLocked", Unsupported),
        ("repositoryId", Ignored),
        // Of an answer that is sent back.
        ("customMessage", Ignored),
        ("rejectedBy", Ignored),
        ("success", Ignored),
        ("updateStatus", Ignored),
    ],
);

/// A lock of a ref.
pub(in crate::http::rest) static REF_LOCK: Model = model(
    "GitRefUpdate",
    &[
        ("isLocked", Flag),
        ("newObjectId", Unsupported),
        ("oldObjectId", Unsupported),
        // The URL says which ref of which repository.
        ("name", Ignored),
        ("repositoryId", Ignored),
        // Of a ref that is sent back.
        ("_links", Ignored),
        ("creator", Ignored),
        ("isLockedBy", Ignored),
        ("objectId", Ignored),
        ("peeledObjectId", Ignored),
        ("statuses", Ignored),
        ("url", Ignored),
    ],
);

/// An annotated tag.
pub(in crate::http::rest) static TAG: Model = model(
    "GitAnnotatedTag",
    &[
        ("message", Text),
        ("name", Text),
        ("taggedBy", Of(&USER_DATE)),
        ("taggedObject", Of(&OBJECT)),
        ("objectId", Ignored),
        ("url", Ignored),
    ],
);

static OBJECT: Model = model("GitObject", &[("objectId", Text), ("objectType", Any)]);

/// The criteria by which commits are searched.
pub(in crate::http::rest) static COMMITS_CRITERIA: Model = model(
    "GitQueryCommitsCriteria",
    &[
        ("$skip", Any),
        ("$top", Any),
        ("skip", Any),
        ("top", Any),
        ("author", Text),
        ("committer", Text),
        ("compareVersion", Of(&VERSION)),
        ("excludeDeletes", Flag),
        ("fromCommitId", Text),
        ("fromDate", Text),
        ("historyMode", Any),
        ("ids", Any),
        ("includeLinks", Flag),
        ("includePushData", Flag),
        ("includeUserImageUrl", Flag),
        ("itemPath", Text),
        ("itemVersion", Of(&VERSION)),
        ("showOldestCommitsFirst", Flag),
        ("toCommitId", Text),
        ("toDate", Text),
        ("user", Text),
        // There are no work items: no commit has any.
        ("includeWorkItems", Ignored),
    ],
);

static VERSION: Model =
    model("GitVersionDescriptor", &[("version", Text), ("versionOptions", Any), ("versionType", Any)]);

/// Items of several versions.
pub(in crate::http::rest) static ITEMS_BATCH: Model = model(
    "GitItemRequestData",
    &[
        ("includeContentMetadata", Flag),
        ("includeLinks", Flag),
        ("itemDescriptors", Of(&ITEM_DESCRIPTOR)),
        ("latestProcessedChange", Flag),
    ],
);

static ITEM_DESCRIPTOR: Model = model(
    "GitItemDescriptor",
    &[
        ("path", Text),
        ("recursionLevel", Any),
        ("version", Text),
        ("versionOptions", Any),
        ("versionType", Any),
    ],
);

/// A new repository.
pub(in crate::http::rest) static NEW_REPOSITORY: Model = model(
    "GitRepositoryCreateOptions",
    &[
        ("name", Text),
        ("parentRepository", Of(&REPOSITORY_REF)),
        ("project", Of(&PROJECT_REF)),
        ("defaultBranch", Unsupported),
        ("isDisabled", Unsupported),
        ("_links", Ignored),
        ("id", Ignored),
        ("isFork", Ignored),
        ("remoteUrl", Ignored),
        ("size", Ignored),
        ("sshUrl", Ignored),
        ("url", Ignored),
        ("webUrl", Ignored),
    ],
);

static REPOSITORY_REF: Model = model(
    "GitRepositoryRef",
    &[
        ("id", Text),
        ("name", Text),
        ("project", Of(&PROJECT_REF)),
        ("_links", Ignored),
        ("collection", Ignored),
        ("defaultBranch", Ignored),
        ("isDisabled", Ignored),
        ("isFork", Ignored),
        ("isInMaintenance", Ignored),
        ("remoteUrl", Ignored),
        ("size", Ignored),
        ("sshUrl", Ignored),
        ("url", Ignored),
        ("webUrl", Ignored),
    ],
);

static PROJECT_REF: Model = model(
    "TeamProjectReference",
    &[
        ("id", Text),
        ("name", Text),
        ("abbreviation", Ignored),
        ("defaultTeamImageUrl", Ignored),
        ("description", Ignored),
        ("lastUpdateTime", Ignored),
        ("revision", Ignored),
        ("state", Ignored),
        ("url", Ignored),
        ("visibility", Ignored),
    ],
);

/// A changed repository.
pub(in crate::http::rest) static REPOSITORY: Model = model(
    "GitRepository",
    &[
        ("defaultBranch", Text),
        ("isDisabled", Flag),
        ("name", Text),
        ("_links", Ignored),
        ("id", Ignored),
        ("isFork", Ignored),
        ("isInMaintenance", Ignored),
        ("parentRepository", Ignored),
        ("project", Ignored),
        ("remoteUrl", Ignored),
        ("size", Ignored),
        ("sshUrl", Ignored),
        ("url", Ignored),
        ("validRemoteUrls", Ignored),
        ("webUrl", Ignored),
    ],
);

/// A repository in the recycle bin.
pub(in crate::http::rest) static BINNED_REPOSITORY: Model = model(
    "GitRecycleBinRepositoryDetails",
    &[
        ("deleted", Flag),
        ("createdDate", Ignored),
        ("deletedBy", Ignored),
        ("deletedDate", Ignored),
        ("id", Ignored),
        ("name", Ignored),
        ("project", Ignored),
    ],
);
