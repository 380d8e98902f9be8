//! The line that a Git client asks to be run: read, never run. Nothing here does I/O, and no shell is anywhere near.
//!
//! Two commands of Git are known, in both spellings, each with one argument in the quotes that Git itself puts around it:
//! `git-upload-pack 'path'`, `git receive-pack 'path'`. Inside, a quote is `'\''` and an exclamation mark may be `'\!'`.
//! Two of Git LFS have a path and an operation, `git-lfs-authenticate 'path' 'download'`: newer clients quote both, older ones
//! neither. Everything else is refused: options, more arguments, words before or after, control characters, other programs.
//! The parsed path is text to be looked up, not a path of the file system.

use git_wire::Service;
use thiserror::Error;

/// Bytes of the longest command that is read over SSH. It is not in `limits`: the fuzz targets include this file alone.
pub(crate) const SSH_COMMAND_BYTES: usize = 4 * 1024;

const COMMANDS: [(&[u8], Service); 4] = [
    (b"git-upload-pack ", Service::UploadPack),
    (b"git-receive-pack ", Service::ReceivePack),
    (b"git upload-pack ", Service::UploadPack),
    (b"git receive-pack ", Service::ReceivePack),
];

const LFS_COMMANDS: [(&[u8], LfsProgram); 2] =
    [(b"git-lfs-authenticate ", LfsProgram::Authenticate), (b"git-lfs-transfer ", LfsProgram::Transfer)];

/// A client's request over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecLine {
    pub(crate) command: ExecCommand,
    pub(crate) path: String,
}

/// The command of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecCommand {
    Git(Service),
    Lfs(LfsProgram, LfsOperation),
}

/// A program of Git LFS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LfsProgram {
    /// Gives credentials for HTTP.
    Authenticate,
    /// Transfers objects over SSH itself.
    Transfer,
}

/// The operation of a program of Git LFS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LfsOperation {
    Upload,
    Download,
}

/// The reason why a line is refused, as Git shows it in a terminal.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ExecLineError {
    /// Longer than any address.
    #[error("The command is too long.")]
    TooLong,
    /// Not one of the two commands.
    #[error("Only git-upload-pack and git-receive-pack are answered here.")]
    Command,
    /// Not one quoted argument.
    #[error("The command takes one argument, a repository's path in single quotes.")]
    Argument,
    /// Bytes that no address has.
    #[error("The repository's path is not plain text.")]
    Text,
}

impl ExecLine {
    /// Reads a line.
    pub fn parse(line: &[u8]) -> Result<Self, ExecLineError> {
        if line.len() > SSH_COMMAND_BYTES {
            return Err(ExecLineError::TooLong);
        }
        let of_git = COMMANDS.iter().find_map(|(word, service)| Some((*service, line.strip_prefix(*word)?)));
        let (command, path) = if let Some((service, argument)) = of_git {
            (ExecCommand::Git(service), unquote(argument)?)
        } else {
            let of_lfs = LFS_COMMANDS.iter().find_map(|(word, one)| Some((*one, line.strip_prefix(*word)?)));
            let (program, arguments) = of_lfs.ok_or(ExecLineError::Command)?;
            let (path, operation) = path_and_operation(arguments)?;
            (ExecCommand::Lfs(program, operation), path)
        };
        let path = String::from_utf8(path).map_err(|_| ExecLineError::Text)?;
        if path.is_empty() || path.starts_with('-') {
            return Err(ExecLineError::Argument);
        }
        if path.chars().any(char::is_control) {
            return Err(ExecLineError::Text);
        }
        Ok(Self { command, path })
    }

    /// The command's name, such as `git-upload-pack`.
    pub fn service(&self) -> &'static str {
        match self.command {
            ExecCommand::Git(service) => service.as_str(),
            ExecCommand::Lfs(LfsProgram::Authenticate, _) => "git-lfs-authenticate",
            ExecCommand::Lfs(LfsProgram::Transfer, _) => "git-lfs-transfer",
        }
    }

    /// The argument, out of its quotes.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Reads the arguments of a program of Git LFS. A path without quotes ends where the last word begins.
fn path_and_operation(text: &[u8]) -> Result<(Vec<u8>, LfsOperation), ExecLineError> {
    let end = text.iter().rposition(|byte| *byte == b' ').ok_or(ExecLineError::Argument)?;
    let (path, operation) = (&text[..end], &text[end + 1..]);
    let operation = match operation.strip_prefix(b"'").map(|word| word.strip_suffix(b"'")) {
        None => operation,
        Some(word) => word.ok_or(ExecLineError::Argument)?,
    };
    let operation = match operation {
        b"download" => LfsOperation::Download,
        b"upload" => LfsOperation::Upload,
        _ => return Err(ExecLineError::Argument),
    };
    if path.starts_with(b"'") {
        return Ok((unquote(path)?, operation));
    }
    if path.iter().any(|byte| b"'\"\\;&|<>()$`\n".contains(byte)) {
        return Err(ExecLineError::Argument);
    }
    Ok((path.to_vec(), operation))
}

/// Undoes Git's quoting; the whole of `text` has to be one quoted word.
fn unquote(text: &[u8]) -> Result<Vec<u8>, ExecLineError> {
    let mut word = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let quoted = rest.strip_prefix(b"'").ok_or(ExecLineError::Argument)?;
        let end = quoted.iter().position(|byte| *byte == b'\'').ok_or(ExecLineError::Argument)?;
        word.extend_from_slice(&quoted[..end]);
        match &quoted[end + 1..] {
            [] => return Ok(word),
            [b'\\', escaped @ (b'\'' | b'!'), after @ ..] => {
                word.push(*escaped);
                rest = after;
            }
            _ => return Err(ExecLineError::Argument),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Git quotes an argument.
    fn quoted(path: &str) -> String {
        format!("'{}'", path.replace('\'', "'\\''").replace('!', "'\\!'"))
    }

    #[test]
    fn the_two_commands_are_read_in_both_spellings() {
        let rows = [
            ("git-upload-pack '/iris/_git/extra'", Service::UploadPack, "/iris/_git/extra"),
            ("git upload-pack '/_git/iris'", Service::UploadPack, "/_git/iris"),
            ("git-receive-pack 'v3/acme/iris/extra'", Service::ReceivePack, "v3/acme/iris/extra"),
            ("git receive-pack '/my project/_ssh/a b'", Service::ReceivePack, "/my project/_ssh/a b"),
            ("git-upload-pack '/a'\\''b'\\!'c'", Service::UploadPack, "/a'b!c"),
            ("git-upload-pack ''\\'''", Service::UploadPack, "'"),
            ("git-upload-pack '; id'", Service::UploadPack, "; id"),
            ("git-upload-pack '$(id)`id`'", Service::UploadPack, "$(id)`id`"),
        ];
        for (line, service, path) in rows {
            let expected = ExecLine { command: ExecCommand::Git(service), path: path.to_owned() };
            assert_eq!(ExecLine::parse(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn the_commands_of_git_lfs_are_read_with_quotes_and_without() {
        use LfsOperation::{Download, Upload};
        use LfsProgram::{Authenticate, Transfer};
        let rows = [
            ("git-lfs-authenticate /_git/iris download", Authenticate, Download, "/_git/iris"),
            ("git-lfs-authenticate '/_git/iris' 'upload'", Authenticate, Upload, "/_git/iris"),
            ("git-lfs-transfer '/my project/_git/a b' download", Transfer, Download, "/my project/_git/a b"),
            ("git-lfs-transfer v3/acme/iris/extra upload", Transfer, Upload, "v3/acme/iris/extra"),
            ("git-lfs-transfer /my project/_git/x upload", Transfer, Upload, "/my project/_git/x"),
            ("git-lfs-transfer '/a'\\''b' 'upload'", Transfer, Upload, "/a'b"),
        ];
        for (line, program, operation, path) in rows {
            let expected = ExecLine { command: ExecCommand::Lfs(program, operation), path: path.to_owned() };
            assert_eq!(ExecLine::parse(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        use ExecLineError::{Argument, Command, Text, TooLong};
        let long = format!("git-upload-pack '{}'", "x".repeat(1 << 20));
        let rows: &[(&[u8], ExecLineError)] = &[
            (b"", Command),
            (b" ", Command),
            (b"id", Command),
            (b"git", Command),
            (b"git-upload-pack", Command),
            (b"git  upload-pack '/x'", Command),
            (b"git-upload-pack\t'/x'", Command),
            (b"GIT-UPLOAD-PACK '/x'", Command),
            (b"git-upload-archive '/x'", Command),
            (b"git lfs-authenticate /x download", Command),
            (b"git-lfs-authenticate", Command),
            (b"git-lfs-authenticate ", Argument),
            (b"git-lfs-authenticate /x", Argument),
            (b"git-lfs-authenticate /x delete", Argument),
            (b"git-lfs-authenticate /x 'download", Argument),
            (b"git-lfs-authenticate '/x download", Argument),
            (b"git-lfs-authenticate '/x'y download", Argument),
            (b"git-lfs-authenticate /x; id download", Argument),
            (b"git-lfs-authenticate $(id) download", Argument),
            (b"git-lfs-authenticate -x download", Argument),
            (b"git-lfs-transfer '-x' 'download'", Argument),
            (b"git-lfs-transfer  download", Argument),
            (b"git-lfs-transfer '/x\n' download", Text),
            (b"git-lfs-transfer /x download; id", Argument),
            (b"git-shell -c \"git-upload-pack '/x'\"", Command),
            (b"/usr/bin/git-upload-pack '/x'", Command),
            (b"env GIT_TRACE=1 git-upload-pack '/x'", Command),
            (b"GIT_TRACE=1 git-upload-pack '/x'", Command),
            (b" git-upload-pack '/x'", Command),
            (b"git -c core.pager=id upload-pack '/x'", Command),
            (b"git --exec-path=/tmp upload-pack '/x'", Command),
            (b"scp -t /x", Command),
            (b"scp -f /etc/passwd", Command),
            (b"sftp", Command),
            (b"/usr/lib/openssh/sftp-server", Command),
            (b"rsync --server . /x", Command),
            (b"sh -c id", Command),
            (b"git-upload-pack --help", Argument),
            (b"git-upload-pack --strict '/x'", Argument),
            (b"git-upload-pack --timeout=0 '/x'", Argument),
            (b"git-upload-pack '--help'", Argument),
            (b"git-receive-pack '-x'", Argument),
            (b"git-upload-pack ", Argument),
            (b"git-upload-pack ''", Argument),
            (b"git-upload-pack /x", Argument),
            (b"git-upload-pack \"/x\"", Argument),
            (b"git-upload-pack  '/x'", Argument),
            (b"git-upload-pack '/x' ", Argument),
            (b"git-upload-pack '/x' '/y'", Argument),
            (b"git-upload-pack '/x''/y'", Argument),
            (b"git-upload-pack '/x'y", Argument),
            (b"git-upload-pack y'/x'", Argument),
            (b"git-upload-pack '/x", Argument),
            (b"git-upload-pack /x'", Argument),
            (b"git-upload-pack '/x'\\", Argument),
            (b"git-upload-pack '/x'\\'", Argument),
            (b"git-upload-pack '/x'\\''", Argument),
            (b"git-upload-pack '/x'\\;'id'", Argument),
            (b"git-upload-pack '/x'\\''; id; '\\'", Argument),
            (b"git-receive-pack 'x'; id", Argument),
            (b"git-receive-pack 'x' && id", Argument),
            (b"git-receive-pack 'x' | id", Argument),
            (b"git-receive-pack 'x' > /tmp/x", Argument),
            (b"git-receive-pack 'x'$(id)", Argument),
            (b"git-receive-pack $(id)", Argument),
            (b"git-receive-pack `id`", Argument),
            (b"git-receive-pack 'x'\nid", Argument),
            (b"git-receive-pack 'x\nid'", Text),
            (b"git-receive-pack 'x\r'", Text),
            (b"git-receive-pack 'x\0'", Text),
            (b"git-receive-pack '\x1b[2J'", Text),
            (b"git-receive-pack '\xff\xfe'", Text),
            (long.as_bytes(), TooLong),
        ];
        for (line, error) in rows {
            let shown = String::from_utf8_lossy(&line[..line.len().min(60)]);
            assert_eq!(ExecLine::parse(line), Err(*error), "{shown:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(read) = ExecLine::parse(&line) {
                prop_assert!(!read.path.is_empty() && !read.path.contains(char::is_control));
            }
        }

        #[test]
        fn what_git_quotes_comes_out_again(path in "[ -,.-~äß]{1}[ -~äß]{0,40}") {
            let line = format!("git-upload-pack {}", quoted(&path));
            prop_assert_eq!(ExecLine::parse(line.as_bytes()).map(|line| line.path), Ok(path));
        }
    }
}
