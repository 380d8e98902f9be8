//! Types of permissions, users and groups, tokens and keys.

use super::super::Field::{Any, Flag, Ignored, MapOf, Of, Text, Unsupported};
use super::super::Model;
use super::model;

/// Access control entries of one token.
pub(crate) static ENTRIES: Model =
    model("AccessControlEntries", &[(Of(&ENTRY), "accessControlEntries"), (Flag, "merge"), (Text, "token")]);

static ENTRY: Model =
    model("AccessControlEntry", &[(Any, "allow deny"), (Text, "descriptor"), (Ignored, "extendedInfo")]);

/// An access control list.
pub(crate) static ENTRIES_LIST: Model = model(
    "AccessControlList",
    &[
        (MapOf(&ENTRY), "acesDictionary"),
        (Flag, "inheritPermissions"),
        (Text, "token"),
        (Ignored, "includeExtendedInfo"),
    ],
);

/// Questions about permissions.
pub(crate) static EVALUATIONS: Model = model(
    "PermissionEvaluationBatch",
    &[(Flag, "alwaysAllowAdministrators"), (Of(&EVALUATION), "evaluations")],
);

static EVALUATION: Model = model(
    "PermissionEvaluation",
    &[(Any, "permissions"), (Text, "securityNamespaceId token"), (Ignored, "value")],
);

/// A new group.
pub(crate) static NEW_GROUP: Model = model(
    "GraphGroupCreationContext",
    &[
        (Text, "description displayName"),
        (
            Unsupported,
            "crossProject descriptor mailAddress originId restrictedVisibility \
                       specialGroupType storageKey",
        ),
    ],
);

/// One operation of a patch.
pub(crate) static PATCH_OPERATION: Model =
    model("JsonPatchOperation", &[(Unsupported, "from"), (Any, "op value"), (Text, "path")]);

/// A user who is let in.
pub(crate) static NEW_USER: Model = model(
    "GraphUserCreationContext",
    &[
        (Text, "displayName mailAddress originId principalName"),
        (Ignored, "origin subjectKind"),
        (Unsupported, "storageKey"),
    ],
);

/// Descriptors that are looked up.
pub(crate) static SUBJECT_LOOKUP: Model = model("GraphSubjectLookup", &[(Of(&LOOKUP_KEY), "lookupKeys")]);

static LOOKUP_KEY: Model = model("GraphSubjectLookupKey", &[(Text, "descriptor")]);

/// The criteria by which subjects are searched.
pub(crate) static SUBJECT_QUERY: Model =
    model("GraphSubjectQuery", &[(Text, "query scopeDescriptor"), (Any, "subjectKind")]);

/// Identities that are asked for.
pub(crate) static IDENTITY_BATCH: Model = model(
    "IdentityBatchInfo",
    &[
        (Any, "descriptors identityIds queryMembership subjectDescriptors"),
        // An identity is shown with all of its properties.
        (Ignored, "propertyNames includeRestrictedVisibility"),
        (Unsupported, "socialDescriptors"),
    ],
);

/// A token or an SSH public key, new.
pub(crate) static SESSION_TOKEN: Model = model(
    "SessionToken",
    &[
        (Text, "displayName publicData scope validTo"),
        (Flag, "isPublic"),
        (Any, "targetAccounts"),
        (
            Ignored,
            "accessId alternateToken authorizationId clientId hostAuthorizationId isValid source \
                   token userId validFrom",
        ),
        (Unsupported, "claims"),
    ],
);

/// A personal access token, new or changed.
pub(crate) static PAT: Model = model(
    "PatTokenCreateRequest",
    &[
        (Flag, "allOrgs"),
        (Text, "authorizationId"),
        // What is wrong with these three is said in patTokenError.
        (Any, "displayName scope validTo"),
        (Ignored, "targetAccounts token validFrom"),
    ],
);
