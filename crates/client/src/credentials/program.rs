//! Starts the user's own programs that know credentials: helpers and askpass programs.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::Secret;
use crate::limits;

/// The time limit of such a program: it may have to wait for a person.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Runs a credential helper as Git does, and returns what it says: `!COMMAND` for the shell, a path, or the name of a
/// program `git credential-NAME`.
pub(super) fn helper(
    definition: &OsStr,
    operation: &str,
    input: &[u8],
    may_speak: bool,
) -> io::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = definition.as_bytes();
    let mut line = match bytes {
        [b'!', script @ ..] => OsStr::from_bytes(script).to_owned(),
        [b'/', ..] => definition.to_owned(),
        _ => OsStr::from_bytes(&[b"git credential-", bytes].concat()).to_owned(),
    };
    line.push(" ");
    line.push(operation);
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line).stdin(Stdio::piped());
    command.stderr(if may_speak { Stdio::inherit() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().expect("asked for as a pipe");
    let input = input.to_vec();
    std::thread::spawn(move || {
        // A helper need not read what it is told.
        drop(stdin.write_all(&input));
    });
    let (answer, _) = finish(child)?;
    Ok(answer)
}

/// Asks an askpass program. Its answer is the first line that it prints.
pub(super) fn askpass(program: &OsStr, prompt: &str) -> io::Result<Secret> {
    let mut command = Command::new(program);
    command.arg(prompt).stdin(Stdio::inherit()).stderr(Stdio::inherit());
    let (answer, succeeded) = finish(command.stdout(Stdio::piped()).spawn()?)?;
    if !succeeded {
        return Err(io::Error::other("it failed"));
    }
    let end = answer.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(answer.len());
    let text =
        std::str::from_utf8(&answer[..end]).map_err(|_| io::Error::other("its answer is not UTF-8"))?;
    Ok(Secret::new(text))
}

/// Waits for the end of a program's output, and for its own.
fn finish(mut child: Child) -> io::Result<(Vec<u8>, bool)> {
    let stdout = child.stdout.take().expect("asked for as a pipe");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.take(limits::HELPER_ANSWER).read_to_end(&mut answer);
        // Nobody may be listening any more.
        drop(sender.send(read.map(|_| answer)));
    });
    if let Ok(answer) = receiver.recv_timeout(TIMEOUT) {
        return Ok((answer?, child.wait()?.success()));
    }
    // One that has just ended can't be killed, and need not be.
    drop(child.kill());
    drop(child.wait());
    Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"))
}
