//! The kinds of policies, by the ids that the service gives them.

use uuid::Uuid;

/// The kinds of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    MinimumReviewers,
    RequiredReviewers,
    Build,
    WorkItems,
    Comments,
    MergeStrategy,
    Status,
    FileSize,
    CaseEnforcement,
}

impl PolicyKind {
    /// The kinds with their ids and names.
    pub(crate) const ALL: [(Self, Uuid, &'static str); 9] = [
        (Self::MinimumReviewers, uuid("fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"), "Minimum number of reviewers"),
        (Self::RequiredReviewers, uuid("fd2167ab-b0be-447a-8ec8-39368250530e"), "Required reviewers"),
        (Self::Build, uuid("0609b952-1397-4640-95ec-e00a01b2c241"), "Build"),
        (Self::WorkItems, uuid("40e92b44-2fe1-4dd6-b3d8-74a9c21d0c6e"), "Work item linking"),
        (Self::Comments, uuid("c6a1889d-b943-4856-b76f-9e46bb6b0df2"), "Comment requirements"),
        (Self::MergeStrategy, uuid("fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"), "Require a merge strategy"),
        (Self::Status, uuid("cbdc66da-9728-4af8-aada-9a5a32e4a226"), "Status"),
        (Self::FileSize, uuid("2e26e725-8201-4edd-8bf5-978563c34a80"), "File size restriction"),
        (Self::CaseEnforcement, uuid("7ed39669-655c-494e-b4a0-a08b4da0fcce"), "Git repository settings"),
    ];

    /// Returns whether it is about pull requests into a branch; the others are about all pushes to a repository.
    pub(crate) fn is_of_branches(self) -> bool {
        !matches!(self, Self::FileSize | Self::CaseEnforcement)
    }

    /// The kind of that id.
    pub(crate) fn of(id: Uuid) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == id).map(|(kind, ..)| kind)
    }
}

const fn uuid(text: &str) -> Uuid {
    match Uuid::try_parse(text) {
        Ok(id) => id,
        Err(_) => panic!("the text is no id"),
    }
}
