//! The lines of Git LFS's protocol over SSH, `git-lfs-transfer`: each request is a command, then arguments (`key=value`),
//! then lines of its own or data. The framing is packet lines, which are not this module's affair.

use crate::Oid;

/// A command of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Chooses a version of the protocol.
    Version(String),
    /// Asks what to do with objects.
    Batch,
    /// Asks for an object's content.
    GetObject(Oid),
    /// Brings an object's content.
    PutObject(Oid),
    /// Confirms an object; the specification has the size here, stock git-lfs among the arguments.
    VerifyObject(Oid, Option<u64>),
    /// Locks a path.
    Lock,
    /// Lists locks.
    ListLocks,
    /// Unlocks by a lock's id.
    Unlock(String),
    /// Says goodbye.
    Quit,
}

/// The reason why a line is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It is not text.
    #[error("The line is not text.")]
    Text,
    /// It is no command of the protocol.
    #[error("There is no such command.")]
    Unknown,
    /// Its words are not those that the command has.
    #[error("The command's words are not understood.")]
    Words,
}

impl Command {
    /// Reads a command, without the line feed.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let line = text(line)?;
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let oid = |word: Option<&str>| word.and_then(|word| word.parse().ok()).ok_or(CommandError::Words);
        let own = |word: Option<&str>| {
            word.filter(|word| !word.is_empty()).map(str::to_owned).ok_or(CommandError::Words)
        };
        let command = match name {
            "version" => Self::Version(own(words.next())?),
            "batch" => Self::Batch,
            "get-object" => Self::GetObject(oid(words.next())?),
            "put-object" => Self::PutObject(oid(words.next())?),
            "verify-object" => {
                let oid = oid(words.next())?;
                let size = words.next().map(|word| size(word).ok_or(CommandError::Words)).transpose()?;
                Self::VerifyObject(oid, size)
            }
            "lock" => Self::Lock,
            // The specification has the one, stock git-lfs sends the other too.
            "list-lock" | "list-locks" => Self::ListLocks,
            "unlock" => Self::Unlock(own(words.next())?),
            "quit" => Self::Quit,
            _ => return Err(CommandError::Unknown),
        };
        if words.next().is_some() { Err(CommandError::Words) } else { Ok(command) }
    }
}

/// Reads an argument, without the line feed: its key and its value.
///
/// # Errors
/// If it is none.
pub fn argument(line: &[u8]) -> Result<(&str, &str), CommandError> {
    text(line)?.split_once('=').ok_or(CommandError::Words)
}

/// Reads a line of a batch: an id and a size as they were sent, what follows them is passed over.
///
/// # Errors
/// If it has no two words.
pub fn batch_line(line: &[u8]) -> Result<(&str, &str), CommandError> {
    let mut words = text(line)?.split(' ');
    words.next().zip(words.next()).ok_or(CommandError::Words)
}

/// Reads a size in bytes.
pub fn size(word: &str) -> Option<u64> {
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|size| is_number && i64::try_from(*size).is_ok())
}

fn text(line: &[u8]) -> Result<&str, CommandError> {
    let line = std::str::from_utf8(line).map_err(|_| CommandError::Text)?;
    if line.chars().any(char::is_control) { Err(CommandError::Text) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    #[test]
    fn commands_are_read() {
        let oid = || OID.parse::<Oid>().expect("an id");
        let rows = [
            ("version 1".to_owned(), Ok(Command::Version("1".to_owned()))),
            ("batch".to_owned(), Ok(Command::Batch)),
            (format!("get-object {OID}"), Ok(Command::GetObject(oid()))),
            (format!("put-object {OID}"), Ok(Command::PutObject(oid()))),
            (format!("verify-object {OID}"), Ok(Command::VerifyObject(oid(), None))),
            (format!("verify-object {OID} 12"), Ok(Command::VerifyObject(oid(), Some(12)))),
            ("lock".to_owned(), Ok(Command::Lock)),
            ("list-lock".to_owned(), Ok(Command::ListLocks)),
            ("list-locks".to_owned(), Ok(Command::ListLocks)),
            ("unlock 7".to_owned(), Ok(Command::Unlock("7".to_owned()))),
            ("quit".to_owned(), Ok(Command::Quit)),
            (String::new(), Err(CommandError::Unknown)),
            ("BATCH".to_owned(), Err(CommandError::Unknown)),
            ("version".to_owned(), Err(CommandError::Words)),
            ("batch now".to_owned(), Err(CommandError::Words)),
            ("get-object".to_owned(), Err(CommandError::Words)),
            ("get-object ../../etc/passwd".to_owned(), Err(CommandError::Words)),
            (format!("get-object {OID} {OID}"), Err(CommandError::Words)),
            (format!("put-object  {OID}"), Err(CommandError::Words)),
            (format!("verify-object {OID} -1"), Err(CommandError::Words)),
            ("unlock ".to_owned(), Err(CommandError::Words)),
            ("quit\n".to_owned(), Err(CommandError::Text)),
        ];
        for (line, expected) in rows {
            assert_eq!(Command::parse(line.as_bytes()), expected, "{line}");
        }
        assert_eq!(Command::parse(b"unlock \xff"), Err(CommandError::Text));
    }

    #[test]
    fn arguments_and_lines_of_a_batch_are_read() {
        assert_eq!(argument(b"refname=refs/heads/a=b"), Ok(("refname", "refs/heads/a=b")));
        assert_eq!(argument(b"size"), Err(CommandError::Words));
        assert_eq!(batch_line(b"abc 12 x=1"), Ok(("abc", "12")));
        assert_eq!(batch_line(b"abc"), Err(CommandError::Words));
        assert_eq!((size("0"), size("+1"), size("9223372036854775808")), (Some(0), None, None));
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let unlocks = matches!(Command::parse(&line), Ok(Command::Unlock(id)) if id.is_empty() || id.contains(' '));
            prop_assert!(!unlocks);
            if let Ok((key, value)) = argument(&line) {
                prop_assert_eq!([key, "=", value].concat().into_bytes(), line);
            }
        }
    }
}
