//! Types of what is in repositories, and of repositories themselves.

use super::super::Field::{Any, Flag, Ignored, Of, Text, Unsupported};
use super::super::Model;
use super::model;

/// A push.
pub(crate) static PUSH: Model = model(
    "GitPush",
    &[
        (Of(&COMMIT), "commits"),
        (Of(&PUSHED_REF), "refUpdates"),
        (Ignored, "_links date pushedBy pushId repository url"),
    ],
);

static PUSHED_REF: Model = model(
    "GitRefUpdate",
    &[(Text, "name oldObjectId newObjectId"), (Unsupported, "isLocked"), (Ignored, "repositoryId")],
);

static COMMIT: Model = model(
    "GitCommitRef",
    &[
        (Of(&USER_DATE), "author committer"),
        (Of(&CHANGE), "changes"),
        (Text, "comment"),
        (Any, "parents"),
        (Unsupported, "statuses workItems"),
        (
            Ignored,
            "_links changeCounts commentTruncated commitId commitTooManyChanges push remoteUrl \
                   treeId url",
        ),
    ],
);

static USER_DATE: Model = model("GitUserDate", &[(Text, "name email date"), (Ignored, "imageUrl")]);

static CHANGE: Model = model(
    "GitChange",
    &[
        (Any, "changeType"),
        (Of(&ITEM), "item"),
        (Of(&CONTENT), "newContent"),
        (Text, "sourceServerItem"),
        (Unsupported, "newContentTemplate originalPath"),
        (Ignored, "changeId url"),
    ],
);

static ITEM: Model = model(
    "GitItem",
    &[
        (Text, "path"),
        // What a file is to hold is its change's newContent.
        (Unsupported, "content isSymLink"),
        (
            Ignored,
            "_links commitId contentMetadata gitObjectType isFolder latestProcessedChange objectId \
                   originalObjectId url",
        ),
    ],
);

static CONTENT: Model = model("ItemContent", &[(Text, "content"), (Any, "contentType")]);

/// A change of a ref.
pub(crate) static REF_UPDATE: Model = model(
    "GitRefUpdate",
    &[
        (Text, "name oldObjectId newObjectId"),
        (Unsupported, "isLocked"),
        (Ignored, "repositoryId"),
        // Of an answer that is sent back.
        (Ignored, "customMessage rejectedBy success updateStatus"),
    ],
);

/// A branch that is marked as a favorite.
pub(crate) static REF_FAVORITE: Model = model(
    "GitRefFavorite",
    &[(Text, "name repositoryId"), (Any, "type"), (Ignored, "_links id identityId url")],
);

/// A lock of a ref.
pub(crate) static REF_LOCK: Model = model(
    "GitRefUpdate",
    &[
        (Flag, "isLocked"),
        (Unsupported, "newObjectId oldObjectId"),
        // The URL says which ref of which repository.
        (Ignored, "name repositoryId"),
        // Of a ref that is sent back.
        (Ignored, "_links creator isLockedBy objectId peeledObjectId statuses url"),
    ],
);

/// An annotated tag.
pub(crate) static TAG: Model = model(
    "GitAnnotatedTag",
    &[
        (Text, "message name"),
        (Of(&USER_DATE), "taggedBy"),
        (Of(&OBJECT), "taggedObject"),
        (Ignored, "objectId url"),
    ],
);

static OBJECT: Model = model("GitObject", &[(Text, "objectId"), (Any, "objectType")]);

/// The criteria by which commits are searched.
pub(crate) static COMMITS_CRITERIA: Model = model(
    "GitQueryCommitsCriteria",
    &[
        (Any, "$skip $top skip top historyMode ids"),
        (Text, "author committer fromCommitId fromDate itemPath toCommitId toDate user"),
        (Of(&VERSION), "compareVersion itemVersion"),
        (Flag, "excludeDeletes includeLinks includePushData includeUserImageUrl showOldestCommitsFirst"),
        // There are no work items: no commit has any.
        (Ignored, "includeWorkItems"),
    ],
);

static VERSION: Model =
    model("GitVersionDescriptor", &[(Text, "version"), (Any, "versionOptions versionType")]);

/// Items of several versions.
pub(crate) static ITEMS_BATCH: Model = model(
    "GitItemRequestData",
    &[
        (Flag, "includeContentMetadata includeLinks latestProcessedChange"),
        (Of(&ITEM_DESCRIPTOR), "itemDescriptors"),
    ],
);

static ITEM_DESCRIPTOR: Model =
    model("GitItemDescriptor", &[(Text, "path version"), (Any, "recursionLevel versionOptions versionType")]);

/// A new repository.
pub(crate) static NEW_REPOSITORY: Model = model(
    "GitRepositoryCreateOptions",
    &[
        (Text, "name"),
        (Of(&REPOSITORY_REF), "parentRepository"),
        (Of(&PROJECT_REF), "project"),
        (Unsupported, "defaultBranch isDisabled"),
        (Ignored, "_links id isFork remoteUrl size sshUrl url webUrl"),
    ],
);

static REPOSITORY_REF: Model = model(
    "GitRepositoryRef",
    &[
        (Text, "id name"),
        (Of(&PROJECT_REF), "project"),
        (
            Ignored,
            "_links collection defaultBranch isDisabled isFork isInMaintenance remoteUrl size \
                   sshUrl url webUrl",
        ),
    ],
);

static PROJECT_REF: Model = model(
    "TeamProjectReference",
    &[
        (Text, "id name"),
        (
            Ignored,
            "abbreviation defaultTeamImageUrl description lastUpdateTime revision state url \
                   visibility",
        ),
    ],
);

/// A changed repository.
pub(crate) static REPOSITORY: Model = model(
    "GitRepository",
    &[
        (Text, "defaultBranch name"),
        (Flag, "isDisabled"),
        (
            Ignored,
            "_links id isFork isInMaintenance parentRepository project remoteUrl size sshUrl url \
                   validRemoteUrls webUrl",
        ),
    ],
);

/// A repository in the recycle bin.
pub(crate) static BINNED_REPOSITORY: Model = model(
    "GitRecycleBinRepositoryDetails",
    &[(Flag, "deleted"), (Ignored, "createdDate deletedBy deletedDate id name project")],
);
