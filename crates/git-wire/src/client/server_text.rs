//! Classifies the texts of Git servers.
//!
//! The protocol gives an error no code: an `ERR` line, a line of a push report and the error stream of SSH are English
//! sentences, and each server has its own. This file alone looks for words in them. Each row of the tables names where
//! its words come from.

use std::fmt;

use gix::ObjectId;

use super::TransportErrorKind;

/// A text that a server sent, and its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerText {
    text: String,
    class: TextClass,
}

impl ServerText {
    /// The text of an `ERR` line or of side band 3.
    pub(super) fn of_error(text: &[u8]) -> Self {
        Self::new(text, ERRORS)
    }

    /// The reason of an `unpack` or `ng` line of a push report.
    pub(super) fn of_report(text: &[u8]) -> Self {
        Self::new(text, REPORTS)
    }

    fn new(text: &[u8], rows: &[Row<TextClass>]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        let class = find(rows, &text).unwrap_or(TextClass::Other);
        Self { text, class }
    }

    /// The class of the text.
    pub fn class(&self) -> TextClass {
        self.class
    }

    /// The object that the server does not give out, if the text names it: "upload-pack: not our ref <id>".
    pub(super) fn refused_object(&self) -> Option<ObjectId> {
        let (_, id) = self.text.rsplit_once(NOT_OUR_REF)?;
        ObjectId::from_hex(id.trim().as_bytes()).ok()
    }
}

impl fmt::Display for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A class of server texts: one that a client can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextClass {
    /// The repository does not exist, or is not shown to this identity.
    NoRepository,
    /// This identity lacks a permission.
    NotAllowed,
    /// The server does not give out an object by its id.
    NotOurRef,
    /// The server lacks objects that a push takes for granted.
    MissingObjects,
    /// Another push holds the ref's lock at the moment.
    RefIsLocked,
    /// The ref was refused because another one of an atomic push was.
    Atomic,
    /// Any other text.
    Other,
}

/// Git, upload-pack.c: "upload-pack: not our ref %s".
const NOT_OUR_REF: &str = "not our ref";

/// Words, and the class of a text that has them. The first row that fits counts.
type Row<C> = (&'static str, C);

const ERRORS: &[Row<TextClass>] = &[
    // Azure DevOps: "The Git repository with name or identifier … does not exist or you do not have permissions".
    ("TF401019", TextClass::NoRepository),
    // Azure DevOps: "You need the Git '…' permission to perform this action."
    ("TF401027", TextClass::NotAllowed),
    (NOT_OUR_REF, TextClass::NotOurRef),
    // Git, fetch-pack.c: "Server does not allow request for unadvertised object %s", of a server that asks another one.
    ("unadvertised object", TextClass::NotOurRef),
];

const REPORTS: &[Row<TextClass>] = &[
    ("TF401027", TextClass::NotAllowed),
    // Azure DevOps: "The reference '…' is locked by '…'": until somebody unlocks the branch. It is no ref lock.
    ("TF402404", TextClass::Other),
    // Git, refs.c: "'…' exists; cannot create '…'". The names may have any word in them.
    ("exists; cannot create", TextClass::Other),
    // Git, builtin/receive-pack.c: "missing necessary objects"; git-wire, on the `unpack` line: "…, which is missing".
    ("missing", TextClass::MissingObjects),
    // Git, builtin/index-pack.c and unpack-objects.c: a thin pack whose base the server lacks.
    ("unresolved delta", TextClass::MissingObjects),
    // Git, builtin/receive-pack.c: the programs that store a pack leave the details to the server's log.
    ("unpack-objects abnormal exit", TextClass::MissingObjects),
    ("index-pack abnormal exit", TextClass::MissingObjects),
    ("index-pack failed", TextClass::MissingObjects),
    // Git, refs/files-backend.c, as GitHub tells it: "cannot lock ref '…'"; JGit: "failed to lock"; git-wire: "it can't be
    // locked".
    ("lock", TextClass::RefIsLocked),
    // Git, builtin/receive-pack.c: "atomic push failure" and "atomic transaction failed".
    ("atomic", TextClass::Atomic),
];

/// Error texts of OpenSSH and the servers behind it. ssh exits with 255 for each: only the words tell them apart.
const SSH: &[Row<TransportErrorKind>] = &[
    // OpenSSH, sshconnect.c.
    ("Host key verification failed", TransportErrorKind::Refused),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", TransportErrorKind::Refused),
    ("No ED25519 host key is known", TransportErrorKind::Refused),
    // OpenSSH, clientloop.c: "Timeout, server … not responding."; the C library: "Connection timed out".
    ("timed out", TransportErrorKind::TimedOut),
    ("Timeout, server", TransportErrorKind::TimedOut),
    // OpenSSH, sshconnect.c, with the C library's words.
    ("Could not resolve hostname", TransportErrorKind::Unreachable),
    ("Connection refused", TransportErrorKind::Unreachable),
    ("No route to host", TransportErrorKind::Unreachable),
    ("Network is unreachable", TransportErrorKind::Unreachable),
    // OpenSSH, sshconnect2.c: "Permission denied (publickey)."; Azure DevOps: "Public key authentication failed.".
    ("Permission denied", TransportErrorKind::Unauthorized),
    ("Public key authentication failed", TransportErrorKind::Unauthorized),
    ("Too many authentication failures", TransportErrorKind::Unauthorized),
    // Azure DevOps; GitLab: "You are not allowed to push code to this project."; Gitea and Gogs: "… does not allow …".
    ("TF401027", TransportErrorKind::Forbidden),
    ("does not allow", TransportErrorKind::Forbidden),
    ("not allowed", TransportErrorKind::Forbidden),
    // Azure DevOps; GitHub: "ERROR: Repository not found."; Git, builtin/upload-pack.c: "does not appear to be a git repository".
    ("TF401019", TransportErrorKind::NotFound),
    ("not found", TransportErrorKind::NotFound),
    ("does not exist", TransportErrorKind::NotFound),
    ("does not appear to be a git repository", TransportErrorKind::NotFound),
    ("not a git repository", TransportErrorKind::NotFound),
];

/// Returns the class of failure that a text from the error stream of SSH tells of.
pub fn ssh_failure(text: &str) -> TransportErrorKind {
    find(SSH, text).unwrap_or(TransportErrorKind::Other)
}

/// Returns whether a REST service says that a personal access token is over. Azure DevOps: "Access Denied: The Personal
/// Access Token used has expired."
pub fn is_expired_token(text: &str) -> bool {
    text.contains("Token used has expired")
}

fn find<C: Copy>(rows: &[Row<C>], text: &str) -> Option<C> {
    rows.iter().find(|(words, _)| text.contains(words)).map(|(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use bstr::BString;

    use super::*;
    use crate::{Denial, RefRefusal};

    #[test]
    fn every_refusal_of_this_crates_server_is_classified() {
        let name = || BString::from("refs/heads/lock/missing");
        let pack = || std::sync::Arc::new(crate::pack::Error::Interrupted);
        for (refusal, class) in [
            (RefRefusal::Stale, TextClass::Other),
            (RefRefusal::Gone, TextClass::Other),
            (RefRefusal::NothingToDelete, TextClass::Other),
            (RefRefusal::InvalidName, TextClass::Other),
            (RefRefusal::Hidden, TextClass::Other),
            (RefRefusal::Duplicate, TextClass::Other),
            (RefRefusal::Symbolic, TextClass::Other),
            (RefRefusal::Unreadable, TextClass::Other),
            (RefRefusal::MissingObjects, TextClass::MissingObjects),
            (RefRefusal::Shallow, TextClass::Other),
            (RefRefusal::NotACommit, TextClass::Other),
            (RefRefusal::NameConflict { other: name(), name: name() }, TextClass::Other),
            (RefRefusal::CaseConflict { other: name(), name: name() }, TextClass::Other),
            (RefRefusal::CurrentBranch, TextClass::Other),
            (RefRefusal::Locked, TextClass::RefIsLocked),
            (RefRefusal::DiskFull, TextClass::Other),
            (RefRefusal::Order, TextClass::Other),
            (RefRefusal::Atomic, TextClass::Atomic),
            (RefRefusal::AtomicTransaction(Box::new(RefRefusal::Locked)), TextClass::RefIsLocked),
            (RefRefusal::AtomicTransaction(Box::new(RefRefusal::Stale)), TextClass::Atomic),
            (RefRefusal::Unpack(pack()), TextClass::Other),
            (RefRefusal::Denied(Denial::new("TF401027: You need …")), TextClass::NotAllowed),
            (
                RefRefusal::Denied(Denial::new("TF402404: The reference is locked by 'Ann'.")),
                TextClass::Other,
            ),
        ] {
            let text = refusal.to_string();
            assert_eq!(ServerText::of_report(text.as_bytes()).class(), class, "{text}");
        }
    }

    #[test]
    fn an_object_that_is_not_given_out_is_named() {
        let id = "1".repeat(40);
        let text = ServerText::of_error(format!("upload-pack: not our ref {id}\n").as_bytes());
        assert_eq!(text.class(), TextClass::NotOurRef);
        assert_eq!(text.refused_object().map(|id| id.to_string()), Some(id));
        assert_eq!(ServerText::of_error(b"not our ref at all").refused_object(), None);
    }

    #[test]
    fn the_error_stream_of_ssh_tells_the_kind_of_failure() {
        for (text, kind) in [
            (
                "TF401019: The Git repository with name or identifier x does not exist",
                TransportErrorKind::NotFound,
            ),
            ("git@h: Permission denied (publickey).", TransportErrorKind::Unauthorized),
            ("ssh: connect to host h port 22: Connection refused", TransportErrorKind::Unreachable),
            ("Host key verification failed.", TransportErrorKind::Refused),
            ("Segmentation fault", TransportErrorKind::Other),
        ] {
            assert_eq!(ssh_failure(text), kind, "{text}");
        }
    }
}
