//! The security namespaces that mean something here, with their actions: the service's own ids, names and bits.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::access::Permission;

/// A kind of things that have access control lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    Git,
    Project,
    Collection,
    Identity,
}

/// An action: its bit, its name, and what pages call it.
type Action = (u32, &'static str, &'static str);

const PROJECT: [Action; 25] = [
    (1, "GENERIC_READ", "View project-level information"),
    (2, "GENERIC_WRITE", "Edit project-level information"),
    (4, "DELETE", "Delete team project"),
    (8, "PUBLISH_TEST_RESULTS", "Create test runs"),
    (16, "ADMINISTER_BUILD", "Administer a build"),
    (32, "START_BUILD", "Start a build"),
    (64, "EDIT_BUILD_STATUS", "Edit build quality"),
    (128, "UPDATE_BUILD", "Write to build operational store"),
    (256, "DELETE_TEST_RESULTS", "Delete test runs"),
    (512, "VIEW_TEST_RESULTS", "View test runs"),
    (2048, "MANAGE_TEST_ENVIRONMENTS", "Manage test environments"),
    (4096, "MANAGE_TEST_CONFIGURATIONS", "Manage test configurations"),
    (8192, "WORK_ITEM_DELETE", "Delete and restore work items"),
    (16384, "WORK_ITEM_MOVE", "Move work items out of this project"),
    (32768, "WORK_ITEM_PERMANENTLY_DELETE", "Permanently delete work items"),
    (65536, "RENAME", "Rename team project"),
    (131_072, "MANAGE_PROPERTIES", "Manage project properties"),
    (262_144, "MANAGE_SYSTEM_PROPERTIES", "Manage system project properties"),
    (524_288, "BYPASS_PROPERTY_CACHE", "Bypass project property cache"),
    (1_048_576, "BYPASS_RULES", "Bypass rules on work item updates"),
    (2_097_152, "SUPPRESS_NOTIFICATIONS", "Suppress notifications for work item updates"),
    (4_194_304, "UPDATE_VISIBILITY", "Update project visibility"),
    (8_388_608, "CHANGE_PROCESS", "Change process of team project."),
    (16_777_216, "AGILETOOLS_BACKLOG", "Agile backlog management."),
    (33_554_432, "AGILETOOLS_PLANS", "Agile plans management."),
];

const COLLECTION: [Action; 10] = [
    (1, "GENERIC_READ", "View collection-level information"),
    (2, "GENERIC_WRITE", "Edit collection-level information"),
    (4, "CREATE_PROJECTS", "Create new projects"),
    (16, "TRIGGER_EVENT", "Trigger events"),
    (32, "MANAGE_TEMPLATE", "Manage process template"),
    (64, "DIAGNOSTIC_TRACE", "Alter trace settings"),
    (128, "SYNCHRONIZE_READ", "View system synchronization information"),
    (512, "MANAGE_TEST_CONTROLLERS", "Manage test controllers"),
    (1024, "DELETE_FIELD", "Delete field from organization"),
    (2048, "MANAGE_ENTERPRISE_POLICIES", "Manage enterprise policies"),
];

const IDENTITY: [Action; 6] = [
    (1, "Read", "View identity information"),
    (2, "Write", "Edit identity information"),
    (4, "Delete", "Delete identity information"),
    (8, "ManageMembership", "Manage group membership"),
    (16, "CreateScope", "Create identity scopes"),
    (32, "RestoreScope", "Restore identity scopes"),
];

impl Namespace {
    pub(super) const ALL: [Self; 4] = [Self::Git, Self::Project, Self::Collection, Self::Identity];

    pub(super) fn id(self) -> Uuid {
        match self {
            Self::Git => uuid!("2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87"),
            Self::Project => uuid!("52d39943-cb85-4d7f-8fa8-c6baac873819"),
            Self::Collection => uuid!("3e65f728-f8bc-4ecd-8764-7e378b19bfa7"),
            Self::Identity => uuid!("5a27515b-ccd7-42c9-84f1-54c998f03866"),
        }
    }

    pub(super) fn from_id(id: Uuid) -> Option<Self> {
        Self::ALL.into_iter().find(|namespace| namespace.id() == id)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Git => "Git Repositories",
            Self::Project => "Project",
            Self::Collection => "Collection",
            Self::Identity => "Identity",
        }
    }

    pub(super) fn actions(self) -> Vec<Action> {
        match self {
            Self::Git => Permission::ALL.map(|one| (one.bit(), one.name(), one.display_name())).to_vec(),
            Self::Project => PROJECT.to_vec(),
            Self::Collection => COLLECTION.to_vec(),
            Self::Identity => IDENTITY.to_vec(),
        }
    }

    pub(super) fn json(self) -> Value {
        // The separator, which permission writes and which reads entries, where they are kept, hierarchical (1) or not.
        let (separator, write, read, dataspace, structure) = match self {
            Self::Git => ("/", 8192, 2, "Git", 1),
            Self::Project => (":", 2, 1, "Default", 1),
            Self::Collection => ("\0", 2, 1, "Default", 0),
            Self::Identity => ("\\", 2, 1, "Default", 1),
        };
        let extension = match self {
            Self::Git => "Microsoft.TeamFoundation.Git.Server.Plugins.GitSecurityNamespaceExtension",
            Self::Project => "Microsoft.TeamFoundation.Server.Core.ProjectSecurityNamespaceExtension",
            Self::Collection | Self::Identity => "",
        };
        let actions: Vec<Value> = self
            .actions()
            .into_iter()
            .map(|(bit, name, display)| {
                json!({ "bit": bit, "name": name, "displayName": display, "namespaceId": self.id().to_string() })
            })
            .collect();
        let mut value = json!({
            "namespaceId": self.id().to_string(),
            "name": self.name(),
            "displayName": self.name(),
            "separatorValue": separator,
            "elementLength": -1,
            "writePermission": write,
            "readPermission": read,
            "dataspaceCategory": dataspace,
            "actions": actions,
            "structureValue": structure,
            "isRemotable": true,
            "useTokenTranslator": self == Self::Git || self == Self::Project,
            "systemBitMask": 0,
        });
        if !extension.is_empty() {
            value["extensionType"] = extension.into();
        }
        value
    }
}
