//! Lines of shell on a host, with errors in the words of what failed.

use std::io::Read;

use git_wire::client::TransportError;

use super::Error;
use crate::limits;
use crate::transport::host::{Answer, Host};

/// Runs a line of shell; a command that fails is an error in its own words. `what` is the command, in short.
pub(super) fn run(
    host: &Host,
    what: &str,
    line: &str,
    input: &mut (dyn Read + Send),
) -> Result<Answer, Error> {
    let answer = host.run(line, input, limits::NODE_ANSWER).map_err(|error| unreachable(host, error))?;
    succeeded(host, what, answer)
}

/// Takes a command that failed for an error in its own words.
pub(super) fn succeeded<T>(host: &Host, what: &str, answer: Answer<T>) -> Result<Answer<T>, Error> {
    if answer.code == Some(0) {
        return Ok(answer);
    }
    let said = match (answer.err.is_empty(), answer.code) {
        (false, _) => answer.err.strip_prefix("error: ").unwrap_or(&answer.err).to_owned(),
        (true, Some(code)) => format!("exit code {code}"),
        (true, None) => "a signal ended it".to_owned(),
    };
    Err(Error::Command { what: what.to_owned(), host: host.name().to_owned(), said, code: answer.code })
}

/// The error of a host that does not answer.
pub(super) fn unreachable(host: &Host, source: TransportError) -> Error {
    Error::Unreachable { host: host.name().to_owned(), source }
}
