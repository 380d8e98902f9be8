//! Types of permissions, users and groups, tokens and keys.

use super::super::Field::{Any, Flag, Ignored, MapOf, Of, Text, Unsupported};
use super::super::Model;
use super::model;

/// Access control entries of one token.
pub(in crate::http::rest) static ENTRIES: Model =
    model("AccessControlEntries", &[("accessControlEntries", Of(&ENTRY)), ("merge", Flag), ("token", Text)]);

static ENTRY: Model = model(
    "AccessControlEntry",
    &[("allow", Any), ("deny", Any), ("descriptor", Text), ("extendedInfo", Ignored)],
);

/// An access control list.
pub(in crate::http::rest) static ENTRIES_LIST: Model = model(
    "AccessControlList",
    &[
        ("acesDictionary", MapOf(&ENTRY)),
        ("inheritPermissions", Flag),
        ("token", Text),
        ("includeExtendedInfo", Ignored),
    ],
);

/// Questions about permissions.
pub(in crate::http::rest) static EVALUATIONS: Model = model(
    "PermissionEvaluationBatch",
    &[("alwaysAllowAdministrators", Flag), ("evaluations", Of(&EVALUATION))],
);

static EVALUATION: Model = model(
    "PermissionEvaluation",
    &[("permissions", Any), ("securityNamespaceId", Text), ("token", Text), ("value", Ignored)],
);

/// A new group.
pub(in crate::http::rest) static NEW_GROUP: Model = model(
    "GraphGroupCreationContext",
    &[
        ("description", Text),
        ("displayName", Text),
        ("crossProject", Unsupported),
        ("descriptor", Unsupported),
        ("mailAddress", Unsupported),
        ("originId", Unsupported),
        ("restrictedVisibility", Unsupported),
        ("specialGroupType", Unsupported),
        ("storageKey", Unsupported),
    ],
);

/// One operation of a patch.
pub(in crate::http::rest) static PATCH_OPERATION: Model =
    model("JsonPatchOperation", &[("from", Unsupported), ("op", Any), ("path", Text), ("value", Any)]);

/// A user who is let in.
pub(in crate::http::rest) static NEW_USER: Model = model(
    "GraphUserCreationContext",
    &[
        ("displayName", Text),
        ("mailAddress", Text),
        ("originId", Text),
        ("principalName", Text),
        ("origin", Ignored),
        ("subjectKind", Ignored),
        ("storageKey", Unsupported),
    ],
);

/// Descriptors that are looked up.
pub(in crate::http::rest) static SUBJECT_LOOKUP: Model =
    model("GraphSubjectLookup", &[("lookupKeys", Of(&LOOKUP_KEY))]);

static LOOKUP_KEY: Model = model("GraphSubjectLookupKey", &[("descriptor", Text)]);

/// The criteria by which subjects are searched.
pub(in crate::http::rest) static SUBJECT_QUERY: Model =
    model("GraphSubjectQuery", &[("query", Text), ("scopeDescriptor", Text), ("subjectKind", Any)]);

/// Identities that are asked for.
pub(in crate::http::rest) static IDENTITY_BATCH: Model = model(
    "IdentityBatchInfo",
    &[
        ("descriptors", Any),
        ("identityIds", Any),
        ("queryMembership", Any),
        ("subjectDescriptors", Any),
        // An identity is shown with all of its properties.
        ("propertyNames", Ignored),
        ("includeRestrictedVisibility", Ignored),
        ("socialDescriptors", Unsupported),
    ],
);

/// A token or an SSH public key, new.
pub(in crate::http::rest) static SESSION_TOKEN: Model = model(
    "SessionToken",
    &[
        ("displayName", Text),
        ("isPublic", Flag),
        ("publicData", Text),
        ("scope", Text),
        ("targetAccounts", Any),
        ("validTo", Text),
        ("accessId", Ignored),
        ("alternateToken", Ignored),
        ("authorizationId", Ignored),
        ("claims", Unsupported),
        ("clientId", Ignored),
        ("hostAuthorizationId", Ignored),
        ("isValid", Ignored),
        ("source", Ignored),
        ("token", Ignored),
        ("userId", Ignored),
        ("validFrom", Ignored),
    ],
);

/// A personal access token, new or changed.
pub(in crate::http::rest) static PAT: Model = model(
    "PatTokenCreateRequest",
    &[
        ("allOrgs", Flag),
        ("authorizationId", Text),
        // What is wrong with these three is said in patTokenError.
        ("displayName", Any),
        ("scope", Any),
        ("validTo", Any),
        ("targetAccounts", Ignored),
        ("token", Ignored),
        ("validFrom", Ignored),
    ],
);
