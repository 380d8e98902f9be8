//! Hints for errors that have none of their own: the system's refusals, and the rest.
//!
//! Every error ends with a hint; this is where those without one of their own get theirs.

use std::error::Error;
use std::io::ErrorKind as Io;

use azml_core::small_file::NotSmall;

use crate::error::{CommandError, ErrorKind};

/// The system's message for a full disk, for errors that have only the message.
const NO_SPACE: &str = "No space left on device";

/// The same error, with a hint if it had none.
#[must_use]
pub fn with_hint(error: CommandError) -> CommandError {
    if !error.hints.is_empty() {
        return error;
    }
    let hint = match refusal(&*error.error) {
        _ if is_no_small_file(&*error.error) => {
            "put a file of the usual kind and size in its place, or move it away, and run the command again"
        }
        Some(Io::StorageFull | Io::QuotaExceeded) => {
            "nothing is lost; make room on the disk, and run the command again"
        }
        Some(Io::ReadOnlyFilesystem) => {
            "nothing was written; azml keeps its history in the project folder: work on a copy that can be written"
        }
        Some(Io::PermissionDenied) => {
            "nothing was written; see who may write there: ls -ld on the path, and on the folder that it is in"
        }
        Some(Io::InvalidFilename) => {
            "the name or path is too long for the system; in a run's folder a shorter AZML_STATE_DIR helps"
        }
        _ => match error.kind {
            ErrorKind::Usage => "{azml} --help",
            ErrorKind::NotFound => "{azml} project show",
            ErrorKind::NotAllowed => "who you are to that host: {azml} account show",
            ErrorKind::Unavailable => "nothing is lost; run the command again",
            ErrorKind::Interrupted | ErrorKind::Told(_) => return error,
            ErrorKind::Failed | ErrorKind::Program(_) => {
                "to see what led to it add --debug; to look for damage in what azml keeps: {azml} project fsck"
            }
        },
    };
    error.hint(hint)
}

/// Returns whether the cause is a FIFO, a device or a huge file where azml reads a small one.
fn is_no_small_file(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if current.downcast_ref::<std::io::Error>().is_some_and(|io| NotSmall::of(io).is_some()) {
            return true;
        }
        cause = current.source();
    }
    false
}

/// Finds the system's refusal among the causes.
fn refusal(error: &(dyn Error + 'static)) -> Option<Io> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        let io = current.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if let Some(kind) = io.filter(|kind| *kind != Io::Other) {
            return Some(kind);
        }
        if current.to_string().contains(NO_SPACE) {
            return Some(Io::StorageFull);
        }
        cause = current.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_refusals_are_recognised_wherever_they_stand() {
        let io = |kind: Io| CommandError::file("write", "/x".as_ref(), std::io::Error::new(kind, "refused"));
        for (error, expected) in [
            (io(Io::StorageFull), "make room"),
            (io(Io::ReadOnlyFilesystem), "work on a copy"),
            (io(Io::PermissionDenied), "who may write"),
            (io(Io::InvalidFilename), "AZML_STATE_DIR"),
            (CommandError::failed(format!("can't write: {NO_SPACE} (os error 28)")), "make room"),
            (CommandError::file("read", "/x".as_ref(), NotSmall::NoFile("a FIFO").into()), "in its place"),
            (CommandError::failed("odd"), "--debug"),
            (CommandError::failed("odd").hint("own"), "own"),
        ] {
            let error = with_hint(error);
            assert_eq!(error.hints.len(), 1, "{error}");
            assert!(error.hints[0].contains(expected), "{error}: {:?}", error.hints);
        }
    }

    #[test]
    fn no_error_is_left_without_a_way_out() {
        for kind in ErrorKind::ALL.into_iter().filter(|kind| *kind != ErrorKind::Interrupted) {
            assert!(!with_hint(CommandError::new(kind, "x")).hints.is_empty(), "{kind:?}");
        }
    }
}
