//! The refs of a remote repository, as its server lists them.

use gix::ObjectId;
use gix::refs::FullName;

/// One ref of the remote repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// Its full name.
    pub name: FullName,
    /// What it points to.
    pub id: ObjectId,
    /// What an annotated tag finally points to.
    pub peeled: Option<ObjectId>,
    /// The ref that a symbolic ref stands for.
    pub symref_target: Option<FullName>,
}
