//! The doors of the server: one for each way in which transports move bytes.

use std::io::{BufRead, Write};

use crate::{Error, Options, Policy, ProtocolVersion, Repository, Service, Summary};

/// Writes the answer to `GET info/refs?service=…`, the `# service=` line in front included.
///
/// # Errors
/// What the client couldn't be told in the answer itself: [`Error::Denied`] comes back with nothing written, so that
/// the transport can say it in its own way.
pub fn advertise(
    service: Service,
    repository: &Repository,
    policy: &dyn Policy,
    options: &Options,
    version: ProtocolVersion,
    writer: &mut dyn Write,
) -> Result<(), Error> {
    let _ = (service, repository, policy, options, version, writer);
    todo!()
}

/// Answers one stateless request (an HTTP POST).
///
/// # Errors
/// What ended the answer early. The client has been told, unless it is [`Error::Denied`] by
/// [`Policy::may_read`] or [`Policy::may_push`]: then nothing is written.
pub fn respond(
    service: Service,
    repository: &Repository,
    policy: &dyn Policy,
    options: &Options,
    version: ProtocolVersion,
    reader: &mut dyn BufRead,
    writer: &mut dyn Write,
) -> Result<Summary, Error> {
    let _ = (service, repository, policy, options, version, reader, writer);
    todo!()
}

/// Leads a whole conversation over a two-way stream (SSH, pipes, `git://`), beginning with the advertisement.
///
/// # Errors
/// What ended it early. The client has been told, by an `ERR` line where nothing better fits.
pub fn converse(
    service: Service,
    repository: &Repository,
    policy: &dyn Policy,
    options: &Options,
    version: ProtocolVersion,
    reader: &mut dyn BufRead,
    writer: &mut dyn Write,
) -> Result<Summary, Error> {
    let _ = (service, repository, policy, options, version, reader, writer);
    todo!()
}
