//! A run that goes on without its terminal: azml starts itself again, and this second azml leaves terminal and session as
//! soon as its program has started.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};

use crate::env::{self, AZML_DETACHED, Env};

/// The line by which the second azml says that it needs the first one no more.
const STARTED: &str = "started";

/// The result of starting the second azml.
#[derive(Debug)]
pub enum Outcome {
    /// It watches the run on its own.
    Started,
    /// It ended before its program had started, and has said why.
    Ended(ExitStatus),
}

/// Returns whether this is the second azml.
pub fn is_second(env: &Env) -> bool {
    env.get(AZML_DETACHED).is_some()
}

/// Starts this command line again as the second azml; passes on what it prints until its program has started.
pub fn start(mut out: impl FnMut(&[u8])) -> io::Result<Outcome> {
    let mut arguments = env::arguments();
    let mut second = Command::new(std::env::current_exe()?);
    second.arg0(arguments.next().unwrap_or_default()).args(arguments).env(AZML_DETACHED, "1");
    let mut second = second.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let said = second.stdout.take().expect("standard output is piped");
    for line in BufReader::new(said).split(b'\n') {
        let mut line = line?;
        if line == STARTED.as_bytes() {
            return Ok(Outcome::Started);
        }
        line.push(b'\n');
        out(&line);
    }
    second.wait().map(Outcome::Ended)
}

/// Leaves the session of the terminal: its signals reach this azml no more.
pub fn leave_session() {
    if let Err(error) = rustix::process::setsid() {
        tracing::warn!(%error, "the run stays in its terminal's session");
    }
}

/// Tells the first azml that the program has started, and writes to nobody from now on.
pub fn say_started() -> io::Result<()> {
    io::stdout().write_all(format!("{STARTED}\n").as_bytes())?;
    let nobody = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nobody)?;
    rustix::stdio::dup2_stderr(&nobody)?;
    Ok(())
}
