//! The types of work items that the three processes have, with the states of each.
//!
//! Names, states, their categories and colours are those of the service's inherited processes (Microsoft, "About processes
//! and process templates").

/// The category of a state: its meaning, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Proposed,
    InProgress,
    Resolved,
    Completed,
    Removed,
}

impl Category {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Proposed => "Proposed",
            Self::InProgress => "InProgress",
            Self::Resolved => "Resolved",
            Self::Completed => "Completed",
            Self::Removed => "Removed",
        }
    }

    /// The colour of states of the category.
    pub(crate) fn colour(self) -> &'static str {
        match self {
            Self::Proposed => "b2b2b2",
            Self::InProgress => "007acc",
            Self::Resolved => "ff9d00",
            Self::Completed => "339933",
            Self::Removed => "ffffff",
        }
    }
}

use Category::{Completed, InProgress, Proposed, Removed, Resolved};

/// A type of work items of a process.
#[derive(Debug)]
pub(crate) struct WorkItemType {
    pub(crate) name: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) colour: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) description: &'static str,
    /// The first one is that of a new item.
    pub(crate) states: &'static [(&'static str, Category)],
}

impl WorkItemType {
    /// The state of that name, as the type writes it.
    pub(crate) fn state(&self, name: &str) -> Option<(&'static str, Category)> {
        self.states.iter().copied().find(|(own, _)| own.eq_ignore_ascii_case(name.trim()))
    }

    /// The state of a new item.
    pub(crate) fn first_state(&self) -> &'static str {
        self.states.first().map_or("", |(name, _)| name)
    }

    /// The state in which an item is when a pull request that it is linked to has been completed: resolved where the type has
    /// such a state, else completed. None if it is as far already.
    pub(crate) fn state_after_merge(&self, present: &str) -> Option<&'static str> {
        let category = self.state(present).map(|(_, category)| category);
        if !matches!(category, Some(Proposed | InProgress)) {
            return None;
        }
        let first = |wanted| self.states.iter().find(|(_, own)| *own == wanted).map(|(name, _)| *name);
        first(Resolved).or_else(|| first(Completed))
    }

    /// Returns whether items of the type have a field that only some types have.
    pub(crate) fn has(&self, field: &str) -> bool {
        let is_backlog = matches!(
            self.name,
            "Bug" | "User Story" | "Product Backlog Item" | "Requirement" | "Feature" | "Epic"
        );
        match field {
            "Microsoft.VSTS.Common.ValueArea" => is_backlog,
            "Microsoft.VSTS.Common.Severity" => matches!(self.name, "Bug"),
            _ => true,
        }
    }
}

const NEW_TO_CLOSED: &[(&str, Category)] = &[
    ("New", Proposed),
    ("Active", InProgress),
    ("Resolved", Resolved),
    ("Closed", Completed),
    ("Removed", Removed),
];
const PROPOSED_TO_CLOSED: &[(&str, Category)] =
    &[("Proposed", Proposed), ("Active", InProgress), ("Resolved", Resolved), ("Closed", Completed)];
const NEW_TO_DONE: &[(&str, Category)] =
    &[("New", Proposed), ("In Progress", InProgress), ("Done", Completed), ("Removed", Removed)];
const APPROVED_TO_DONE: &[(&str, Category)] = &[
    ("New", Proposed),
    ("Approved", Proposed),
    ("Committed", InProgress),
    ("Done", Completed),
    ("Removed", Removed),
];
const TEST_CASE: &[(&str, Category)] = &[("Design", Proposed), ("Ready", InProgress), ("Closed", Completed)];

const fn of(
    name: &'static str,
    reference: &'static str,
    (colour, icon): (&'static str, &'static str),
    states: &'static [(&'static str, Category)],
    description: &'static str,
) -> WorkItemType {
    WorkItemType { name, reference, colour, icon, description, states }
}

const BUG: (&str, &str) = ("CC293D", "icon_insect");
const CROWN: (&str, &str) = ("E06C00", "icon_crown");
const TROPHY: (&str, &str) = ("773B93", "icon_trophy");
const BOOK: (&str, &str) = ("009CCC", "icon_book");
const CLIPBOARD: (&str, &str) = ("A4880A", "icon_clipboard");
const TEST: (&str, &str) = ("004B50", "icon_test_beaker");
const WARNING: (&str, &str) = ("B4009E", "icon_traffic_cone");

const TO_BE_DONE: &str = "Tracks work that needs to be done.";
const DEFECT: &str =
    "Describes a divergence between required and actual behavior, and tracks its correction.";
const EPIC: &str = "Helps to manage and group larger pieces of work across releases.";
const FEATURE: &str = "Tracks a piece of functionality that will be released.";
const OBSTACLE: &str = "Tracks an obstacle to progress.";
const CASE: &str = "Steps that a tester follows, with the expected results.";

static AGILE: [WorkItemType; 7] = [
    of(
        "Bug",
        "Microsoft.VSTS.WorkItemTypes.Bug",
        BUG,
        &[("New", Proposed), ("Active", InProgress), ("Resolved", Resolved), ("Closed", Completed)],
        DEFECT,
    ),
    of("Epic", "Microsoft.VSTS.WorkItemTypes.Epic", CROWN, NEW_TO_CLOSED, EPIC),
    of("Feature", "Microsoft.VSTS.WorkItemTypes.Feature", TROPHY, NEW_TO_CLOSED, FEATURE),
    of(
        "Issue",
        "Microsoft.VSTS.WorkItemTypes.Issue",
        WARNING,
        &[("Active", InProgress), ("Closed", Completed)],
        OBSTACLE,
    ),
    of(
        "Task",
        "Microsoft.VSTS.WorkItemTypes.Task",
        CLIPBOARD,
        &[("New", Proposed), ("Active", InProgress), ("Closed", Completed), ("Removed", Removed)],
        TO_BE_DONE,
    ),
    of("Test Case", "Microsoft.VSTS.WorkItemTypes.TestCase", TEST, TEST_CASE, CASE),
    of(
        "User Story",
        "Microsoft.VSTS.WorkItemTypes.UserStory",
        BOOK,
        NEW_TO_CLOSED,
        "Tracks an activity that a user can do with the product.",
    ),
];

static SCRUM: [WorkItemType; 7] = [
    of("Bug", "Microsoft.VSTS.WorkItemTypes.Bug", BUG, APPROVED_TO_DONE, DEFECT),
    of("Epic", "Microsoft.VSTS.WorkItemTypes.Epic", CROWN, NEW_TO_DONE, EPIC),
    of("Feature", "Microsoft.VSTS.WorkItemTypes.Feature", TROPHY, NEW_TO_DONE, FEATURE),
    of(
        "Impediment",
        "Microsoft.VSTS.WorkItemTypes.Impediment",
        WARNING,
        &[("Open", InProgress), ("Closed", Completed)],
        OBSTACLE,
    ),
    of(
        "Product Backlog Item",
        "Microsoft.VSTS.WorkItemTypes.ProductBacklogItem",
        BOOK,
        APPROVED_TO_DONE,
        "Tracks an activity that a user can do with the product.",
    ),
    of(
        "Task",
        "Microsoft.VSTS.WorkItemTypes.Task",
        CLIPBOARD,
        &[("To Do", Proposed), ("In Progress", InProgress), ("Done", Completed), ("Removed", Removed)],
        TO_BE_DONE,
    ),
    of("Test Case", "Microsoft.VSTS.WorkItemTypes.TestCase", TEST, TEST_CASE, CASE),
];

static CMMI: [WorkItemType; 10] = [
    of("Bug", "Microsoft.VSTS.WorkItemTypes.Bug", BUG, PROPOSED_TO_CLOSED, DEFECT),
    of(
        "Change Request",
        "Microsoft.VSTS.WorkItemTypes.ChangeRequest",
        WARNING,
        PROPOSED_TO_CLOSED,
        "Tracks a proposed change to some part of the product.",
    ),
    of("Epic", "Microsoft.VSTS.WorkItemTypes.Epic", CROWN, PROPOSED_TO_CLOSED, EPIC),
    of("Feature", "Microsoft.VSTS.WorkItemTypes.Feature", TROPHY, PROPOSED_TO_CLOSED, FEATURE),
    of("Issue", "Microsoft.VSTS.WorkItemTypes.Issue", WARNING, PROPOSED_TO_CLOSED, OBSTACLE),
    of(
        "Requirement",
        "Microsoft.VSTS.WorkItemTypes.Requirement",
        BOOK,
        PROPOSED_TO_CLOSED,
        "Tracks what the product has to do.",
    ),
    of(
        "Review",
        "Microsoft.VSTS.WorkItemTypes.Review",
        CLIPBOARD,
        &[("Active", InProgress), ("Resolved", Resolved), ("Closed", Completed)],
        "Records the result of a review.",
    ),
    of(
        "Risk",
        "Microsoft.VSTS.WorkItemTypes.Risk",
        CROWN,
        &[("Proposed", Proposed), ("Active", InProgress), ("Closed", Completed)],
        "Tracks something that could have an adverse effect.",
    ),
    of("Task", "Microsoft.VSTS.WorkItemTypes.Task", CLIPBOARD, PROPOSED_TO_CLOSED, TO_BE_DONE),
    of("Test Case", "Microsoft.VSTS.WorkItemTypes.TestCase", TEST, TEST_CASE, CASE),
];

/// The types of a process, by its short name.
pub(crate) fn of_process(short: &str) -> &'static [WorkItemType] {
    match short {
        "scrum" => &SCRUM,
        "cmmi" => &CMMI,
        _ => &AGILE,
    }
}

/// The type of that name or reference name in a process.
pub(crate) fn find(process: &str, name: &str) -> Option<&'static WorkItemType> {
    let is_it =
        |one: &&WorkItemType| one.name.eq_ignore_ascii_case(name) || one.reference.eq_ignore_ascii_case(name);
    of_process(process).iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_resolves_or_completes() {
        for (process, kind, present, expected) in [
            ("agile", "Bug", "Active", Some("Resolved")),
            ("agile", "Task", "New", Some("Closed")),
            ("agile", "task", "Closed", None),
            ("agile", "Issue", "Active", Some("Closed")),
            ("scrum", "Product Backlog Item", "Committed", Some("Done")),
            ("cmmi", "Requirement", "Proposed", Some("Resolved")),
        ] {
            let kind = find(process, kind).expect("a type");
            assert_eq!(kind.state_after_merge(present), expected, "{process} {kind:?} {present}");
        }
    }
}
