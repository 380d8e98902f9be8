//! The names of the refs azml keeps, spelled here and nowhere else.
//!
//! | ref | holds |
//! | --- | --- |
//! | `refs/heads/AzureMLHistory/<GUID>` | the project's snapshots; pushed |
//! | `refs/azureml/runs/<GUID>` | its run records; pushed |
//! | `refs/azureml/attachments/<GUID>` | what its runs left beside their records, a commit a run; pushed |
//! | `refs/azureml/tags/<GUID>/<name>` | a snapshot that the user gave a name; pushed |
//! | `refs/azureml/backups/<n>` | what a restore overwrote; never pushed |
//! | `refs/azureml/inbox/<GUID>/<run>/…` | what a run on another computer leaves, until it is taken into the refs above |
//! | `refs/azureml/code/<GUID>` | in the store of such a computer: the snapshot that came last |
//! | `refs/remotes/origin/…` | what the remote had at the last sync |

use gix::{
    bstr::{BStr, BString, ByteSlice},
    refs::{FullName, FullNameRef},
};

use crate::id::{ProjectId, RunId};

/// Before the project's GUID in the name of its history branch.
pub const HISTORY_PREFIX: &str = "refs/heads/AzureMLHistory/";
/// Before the project's GUID in the name of the ref that holds its run records.
pub const RUNS_PREFIX: &str = "refs/azureml/runs/";
/// Before the project's GUID in the name of the ref that holds what its runs left beside their records.
pub const ATTACHMENTS_PREFIX: &str = "refs/azureml/attachments/";
/// Before the project's GUID in the names of its snapshots' tags.
pub const TAGS_PREFIX: &str = "refs/azureml/tags/";
/// Before the name of a tag that stock Git made.
pub const GIT_TAGS_PREFIX: &str = "refs/tags/";
/// Before the number in the name of a restore's backup.
pub const BACKUP_PREFIX: &str = "refs/azureml/backups/";
/// Before the project's GUID in the names of what runs on other computers leave.
pub const INBOX_PREFIX: &str = "refs/azureml/inbox/";
/// Before the project's GUID in the name of the ref with the snapshot that came last.
pub const CODE_PREFIX: &str = "refs/azureml/code/";
/// Before everything that says what the remote had.
pub const TRACKING_PREFIX: &str = "refs/remotes/origin/";
/// The remote's name, in the history repository and in the user's.
pub const REMOTE: &str = "origin";
/// The branch of the user's own repository that azml makes.
pub const MASTER: &str = "refs/heads/master";

/// The branch of a project's snapshots.
pub fn history(project: &ProjectId) -> FullName {
    full(format!("{HISTORY_PREFIX}{project}"))
}

/// The ref of a project's run records.
pub fn runs(project: &ProjectId) -> FullName {
    full(format!("{RUNS_PREFIX}{project}"))
}

/// The ref of what a project's runs left beside their records.
pub fn attachments(project: &ProjectId) -> FullName {
    full(format!("{ATTACHMENTS_PREFIX}{project}"))
}

/// The beginning of the names of the project's tags.
pub fn tags(project: &ProjectId) -> String {
    format!("{TAGS_PREFIX}{project}/")
}

/// The ref of the tag `name`; `None` where Git takes no such name.
pub fn tag(project: &ProjectId, name: &str) -> Option<FullName> {
    FullName::try_from(format!("{}{name}", tags(project))).ok()
}

/// Returns whether a ref is one of the project's tags.
pub fn is_tag(project: &ProjectId, name: &FullNameRef) -> bool {
    name.as_bstr().starts_with(tags(project).as_bytes())
}

/// The ref of a tag that stock Git made; `None` where Git takes no such name.
pub(crate) fn git_tag(name: &str) -> Option<FullName> {
    FullName::try_from(format!("{GIT_TAGS_PREFIX}{name}")).ok()
}

/// The ref that keeps what the `n`th restore overwrote.
pub fn backup(n: u64) -> FullName {
    full(format!("{BACKUP_PREFIX}{n}"))
}

/// The number of a backup ref, if `name` is one.
pub(crate) fn backup_number(name: &FullNameRef) -> Option<u64> {
    let digits = name.as_bstr().strip_prefix(BACKUP_PREFIX.as_bytes())?.to_str().ok()?;
    digits.parse().ok().filter(|n: &u64| n.to_string() == digits)
}

/// One of the refs of a run on another computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxPart {
    /// Its snapshot.
    Code,
    /// Its record, and those of the runs below it, as on the ref of run records.
    Records,
    /// Its attachments, as on the ref of attachments.
    Attachments,
    /// A blob that says which attempt at the run may write.
    Attempt,
}

impl InboxPart {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Code, Self::Records, Self::Attachments, Self::Attempt];

    fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Records => "records",
            Self::Attachments => "attachments",
            Self::Attempt => "attempt",
        }
    }
}

/// The beginning of the names of what the project's runs on other computers leave.
pub fn inboxes(project: &ProjectId) -> String {
    format!("{INBOX_PREFIX}{project}/")
}

/// A ref of a run on another computer.
pub fn inbox(project: &ProjectId, run: &RunId, part: InboxPart) -> FullName {
    // Git takes no `..` in a name, and no `.` at the beginning of a part.
    let run = run.as_str().replace('%', "%25").replace('.', "%2E");
    full(format!("{}{run}/{}", inboxes(project), part.name()))
}

/// The run and the part that a ref of a run on another computer has, if `name` is one.
pub fn inbox_of(project: &ProjectId, name: &FullNameRef) -> Option<(RunId, InboxPart)> {
    let rest = name.as_bstr().strip_prefix(inboxes(project).as_bytes())?.to_str().ok()?;
    let (run, part) = rest.split_once('/')?;
    let part = InboxPart::ALL.into_iter().find(|known| known.name() == part)?;
    Some((RunId::parse(&run.replace("%2E", ".").replace("%25", "%")).ok()?, part))
}

/// The ref with the snapshot that came last.
pub fn code(project: &ProjectId) -> FullName {
    full(format!("{CODE_PREFIX}{project}"))
}

/// The user's branch that azml makes and publishes.
pub fn master() -> FullName {
    full(MASTER.to_owned())
}

/// Returns the ref that keeps what the remote's ref `name` was at the last sync.
///
/// A branch tracks as Git has it (`refs/heads/x` -> `refs/remotes/origin/x`); any other ref keeps its
/// name below `refs/` (`refs/azureml/runs/…` -> `refs/remotes/origin/azureml/runs/…`).
pub fn tracking(name: &FullNameRef) -> FullName {
    let name = name.as_bstr();
    let rest = name.strip_prefix(b"refs/heads/").or_else(|| name.strip_prefix(b"refs/")).unwrap_or(name);
    let mut tracking = TRACKING_PREFIX.as_bytes().to_vec();
    tracking.extend_from_slice(rest);
    FullName::try_from(BString::from(tracking)).expect("a valid name stays valid below a valid prefix")
}

/// The project whose history branch or run records `name` is.
pub fn project_of(name: &FullNameRef) -> Option<ProjectId> {
    project_in(name.as_bstr(), HISTORY_PREFIX).or_else(|| project_in(name.as_bstr(), RUNS_PREFIX))
}

/// The project whose history branch `name` is.
pub fn project_of_history(name: &FullNameRef) -> Option<ProjectId> {
    project_in(name.as_bstr(), HISTORY_PREFIX)
}

fn project_in(name: &BStr, prefix: &str) -> Option<ProjectId> {
    name.strip_prefix(prefix.as_bytes())?.to_str().ok()?.parse().ok()
}

fn full(name: String) -> FullName {
    FullName::try_from(name).expect("made of a valid prefix and a GUID, a number or a run id")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0a1b2c3d-0000-4000-8000-000000000001";

    #[test]
    fn names_read_as_they_are_documented() {
        let id: ProjectId = ID.parse().unwrap();
        assert_eq!(history(&id).as_bstr(), format!("refs/heads/AzureMLHistory/{ID}"));
        assert_eq!(runs(&id).as_bstr(), format!("refs/azureml/runs/{ID}"));
        assert_eq!(attachments(&id).as_bstr(), format!("refs/azureml/attachments/{ID}"));
        assert_eq!(backup(7).as_bstr(), "refs/azureml/backups/7");
        assert_eq!(
            tracking(history(&id).as_ref()).as_bstr(),
            format!("refs/remotes/origin/AzureMLHistory/{ID}")
        );
        assert_eq!(tracking(runs(&id).as_ref()).as_bstr(), format!("refs/remotes/origin/azureml/runs/{ID}"));
        assert_eq!(tracking(master().as_ref()).as_bstr(), "refs/remotes/origin/master");
    }

    #[test]
    fn the_refs_of_a_run_elsewhere_have_names_that_git_takes() {
        let id: ProjectId = ID.parse().unwrap();
        for name in ["iris", "a.b", "a-b.c", "a.lock", "é"] {
            let run = RunId::new(name, 5).unwrap();
            for part in InboxPart::ALL {
                let found = inbox(&id, &run, part);
                assert_eq!(inbox_of(&id, found.as_ref()), Some((run.clone(), part)), "{found:?}");
            }
        }
        let run = RunId::new("iris", 5).unwrap();
        let records = inbox(&id, &run, InboxPart::Records);
        assert_eq!(records.as_bstr(), format!("refs/azureml/inbox/{ID}/iris_5/records"));
        assert_eq!(inbox_of(&id, runs(&id).as_ref()), None);
    }

    #[test]
    fn a_ref_says_whose_it_is() {
        let id: ProjectId = ID.parse().unwrap();
        assert_eq!(project_of(history(&id).as_ref()), Some(id));
        assert_eq!(project_of(runs(&id).as_ref()), Some(id));
        assert_eq!(project_of_history(runs(&id).as_ref()), None);
        assert_eq!(project_of(tracking(history(&id).as_ref()).as_ref()), None);
        assert_eq!(project_of(master().as_ref()), None);
        assert_eq!(backup_number(backup(12).as_ref()), Some(12));
        assert_eq!(backup_number(master().as_ref()), None);
    }
}
