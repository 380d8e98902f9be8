//! The fields of work items: names, types, and those that the server alone writes.

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    Text,
    Integer,
    Double,
    Boolean,
    Time,
    /// Text of any length, HTML or plain.
    Html,
    /// A path of areas or iterations.
    Path,
    /// A user.
    Person,
    /// The text of a comment that comes with a change.
    History,
}

impl FieldType {
    /// The name in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Person => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Boolean => "boolean",
            Self::Time => "dateTime",
            Self::Html => "html",
            Self::Path => "treePath",
            Self::History => "history",
        }
    }
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) reference: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: FieldType,
    /// True if the server alone writes it.
    pub(crate) is_read_only: bool,
}

pub(crate) const ID: &str = "System.Id";
pub(crate) const REV: &str = "System.Rev";
pub(crate) const PROJECT: &str = "System.TeamProject";
pub(crate) const KIND: &str = "System.WorkItemType";
pub(crate) const AREA: &str = "System.AreaPath";
pub(crate) const ITERATION: &str = "System.IterationPath";
pub(crate) const STATE: &str = "System.State";
pub(crate) const REASON: &str = "System.Reason";
pub(crate) const TITLE: &str = "System.Title";
pub(crate) const ASSIGNED: &str = "System.AssignedTo";
pub(crate) const TAGS: &str = "System.Tags";
pub(crate) const HISTORY: &str = "System.History";
pub(crate) const PARENT_ID: &str = "System.Parent";
pub(crate) const COMMENTS: &str = "System.CommentCount";
pub(crate) const CREATED: &str = "System.CreatedDate";
pub(crate) const CREATOR: &str = "System.CreatedBy";
pub(crate) const CHANGED: &str = "System.ChangedDate";
pub(crate) const CHANGER: &str = "System.ChangedBy";
pub(crate) const NODE: &str = "System.NodeName";
pub(crate) const IS_DELETED: &str = "System.IsDeleted";
pub(crate) const STATE_CHANGED: &str = "Microsoft.VSTS.Common.StateChangeDate";
pub(crate) const DESCRIPTION: &str = "System.Description";
pub(crate) const REPRO_STEPS: &str = "Microsoft.VSTS.TCM.ReproSteps";
pub(crate) const SEVERITY: &str = "Microsoft.VSTS.Common.Severity";
pub(crate) const PRIORITY: &str = "Microsoft.VSTS.Common.Priority";
pub(crate) const VALUE_AREA: &str = "Microsoft.VSTS.Common.ValueArea";

use FieldType::{Boolean, Double, History, Html, Integer, Path, Person, Text, Time};

const fn field(reference: &'static str, name: &'static str, kind: FieldType) -> Field {
    Field { reference, name, kind, is_read_only: false }
}

const fn own(reference: &'static str, name: &'static str, kind: FieldType) -> Field {
    Field { reference, name, kind, is_read_only: true }
}

/// All fields.
pub(crate) static ALL: [Field; 58] = [
    own(ID, "ID", Integer),
    own(REV, "Rev", Integer),
    own(PROJECT, "Team Project", Text),
    field(KIND, "Work Item Type", Text),
    field(AREA, "Area Path", Path),
    field(ITERATION, "Iteration Path", Path),
    field(STATE, "State", Text),
    field(REASON, "Reason", Text),
    field(TITLE, "Title", Text),
    field(ASSIGNED, "Assigned To", Person),
    field(TAGS, "Tags", Html),
    field(HISTORY, "History", History),
    field(DESCRIPTION, "Description", Html),
    own(PARENT_ID, "Parent", Integer),
    own(COMMENTS, "Comment Count", Integer),
    own(CREATED, "Created Date", Time),
    own(CREATOR, "Created By", Person),
    own(CHANGED, "Changed Date", Time),
    own(CHANGER, "Changed By", Person),
    own(NODE, "Node Name", Text),
    own(IS_DELETED, "Is Deleted", Boolean),
    own(STATE_CHANGED, "State Change Date", Time),
    own("Microsoft.VSTS.Common.ActivatedDate", "Activated Date", Time),
    own("Microsoft.VSTS.Common.ActivatedBy", "Activated By", Person),
    own("Microsoft.VSTS.Common.ResolvedDate", "Resolved Date", Time),
    own("Microsoft.VSTS.Common.ResolvedBy", "Resolved By", Person),
    own("Microsoft.VSTS.Common.ClosedDate", "Closed Date", Time),
    own("Microsoft.VSTS.Common.ClosedBy", "Closed By", Person),
    field("Microsoft.VSTS.Common.ResolvedReason", "Resolved Reason", Text),
    field(PRIORITY, "Priority", Integer),
    field(SEVERITY, "Severity", Text),
    field(VALUE_AREA, "Value Area", Text),
    field("Microsoft.VSTS.Common.Risk", "Risk", Text),
    field("Microsoft.VSTS.Common.Activity", "Activity", Text),
    field("Microsoft.VSTS.Common.Discipline", "Discipline", Text),
    field("Microsoft.VSTS.Common.Triage", "Triage", Text),
    field("Microsoft.VSTS.Common.StackRank", "Stack Rank", Double),
    field("Microsoft.VSTS.Common.BacklogPriority", "Backlog Priority", Double),
    field("Microsoft.VSTS.Common.BusinessValue", "Business Value", Integer),
    field("Microsoft.VSTS.Common.TimeCriticality", "Time Criticality", Double),
    field("Microsoft.VSTS.Common.AcceptanceCriteria", "Acceptance Criteria", Html),
    field("Microsoft.VSTS.Common.ReviewedBy", "Reviewed By", Person),
    field("Microsoft.VSTS.CMMI.Blocked", "Blocked", Text),
    field(REPRO_STEPS, "Repro Steps", Html),
    field("Microsoft.VSTS.TCM.SystemInfo", "System Info", Html),
    field("Microsoft.VSTS.TCM.Steps", "Steps", Html),
    field("Microsoft.VSTS.Build.FoundIn", "Found In", Text),
    field("Microsoft.VSTS.Build.IntegrationBuild", "Integration Build", Text),
    field("Microsoft.VSTS.Scheduling.StoryPoints", "Story Points", Double),
    field("Microsoft.VSTS.Scheduling.Effort", "Effort", Double),
    field("Microsoft.VSTS.Scheduling.Size", "Size", Double),
    field("Microsoft.VSTS.Scheduling.OriginalEstimate", "Original Estimate", Double),
    field("Microsoft.VSTS.Scheduling.RemainingWork", "Remaining Work", Double),
    field("Microsoft.VSTS.Scheduling.CompletedWork", "Completed Work", Double),
    field("Microsoft.VSTS.Scheduling.StartDate", "Start Date", Time),
    field("Microsoft.VSTS.Scheduling.FinishDate", "Finish Date", Time),
    field("Microsoft.VSTS.Scheduling.TargetDate", "Target Date", Time),
    field("Microsoft.VSTS.CMMI.Escalate", "Escalate", Boolean),
];

/// The values that a field may have, if there is a list of them.
pub(crate) fn allowed(reference: &str) -> &'static [&'static str] {
    match reference {
        PRIORITY => &["1", "2", "3", "4"],
        SEVERITY => &["1 - Critical", "2 - High", "3 - Medium", "4 - Low"],
        VALUE_AREA => &["Architectural", "Business"],
        _ => &[],
    }
}

/// The field of that name or reference name.
pub(crate) fn find(name: &str) -> Option<&'static Field> {
    let name = name.trim();
    ALL.iter()
        .find(|field| field.reference.eq_ignore_ascii_case(name) || field.name.eq_ignore_ascii_case(name))
}
