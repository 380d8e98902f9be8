//! The doors of the server: one for each way in which transports move bytes.

use std::cell::Cell;
use std::io::{BufRead, BufWriter, Write};

use crate::interrupt::Until;
use crate::pktline::Writer;
use crate::repository::Reader;
use crate::{
    Error, Limits, Options, Policy, Profile, ProtocolVersion, Repository, Service, Summary, receive, upload,
};

/// How much of an answer is gathered before it's written.
const BUFFER: usize = 64 << 10;

/// What a conversation is about and how it is held.
pub(crate) struct Context<'a> {
    pub(crate) repository: &'a Repository,
    /// Keeps maintenance from removing what this conversation may be reading.
    pub(crate) repo: Reader,
    pub(crate) policy: &'a dyn Policy,
    pub(crate) options: &'a Options,
    pub(crate) version: ProtocolVersion,
    /// Each request stands alone.
    pub(crate) stateless: bool,
    /// Whether the client has been told why it ends.
    pub(crate) told: Cell<bool>,
}

impl<'a> Context<'a> {
    fn new(
        service: Service,
        repository: &'a Repository,
        policy: &'a dyn Policy,
        options: &'a Options,
        version: ProtocolVersion,
        stateless: bool,
    ) -> Self {
        let version = match (service, version, options.profile) {
            // There is no version 2 of pushing.
            (_, _, Profile::Vsts | Profile::AzureDevops) | (Service::ReceivePack, ProtocolVersion::V2, _) => {
                ProtocolVersion::V0
            }
            (_, version, Profile::Permissive) => version,
        };
        Self {
            repository,
            repo: repository.read(),
            policy,
            options,
            version,
            stateless,
            told: Cell::new(false),
        }
    }
}

/// Keeps a request from filling the memory line by line.
pub(crate) struct Budget {
    limit: u64,
    left: u64,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limit: limits.max_request_bytes, left: limits.max_request_bytes }
    }

    /// Takes the bytes of one line off.
    pub(crate) fn take(&mut self, line: &[u8]) -> Result<(), Error> {
        match self.left.checked_sub(line.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(Error::Limit { what: "bytes in a request", limit: self.limit }),
        }
        Ok(())
    }
}

fn admit(service: Service, policy: &dyn Policy) -> Result<(), Error> {
    match service {
        Service::UploadPack => policy.may_read()?,
        Service::ReceivePack => policy.may_push()?,
    }
    Ok(())
}

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
    admit(service, policy)?;
    let context = Context::new(service, repository, policy, options, version, true);
    let mut answer = Vec::new();
    let mut lines = Writer::new(&mut answer);
    lines.text(format!("# service={service}"))?;
    lines.flush_line()?;
    match service {
        Service::UploadPack => upload::advertise(&context, &mut answer)?,
        Service::ReceivePack => receive::advertise(&context, &mut answer)?,
    }
    writer.write_all(&answer)?;
    writer.flush()?;
    Ok(())
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
    admit(service, policy)?;
    let context = Context::new(service, repository, policy, options, version, true);
    hold(service, &context, reader, writer)
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
    let context = Context::new(service, repository, policy, options, version, false);
    let advertised = admit(service, policy).and_then(|()| {
        let mut answer = Vec::new();
        match service {
            Service::UploadPack => upload::advertise(&context, &mut answer)?,
            Service::ReceivePack => receive::advertise(&context, &mut answer)?,
        }
        writer.write_all(&answer)?;
        writer.flush()?;
        Ok(())
    });
    if let Err(error) = advertised {
        tell(&error, writer);
        return Err(error);
    }
    hold(service, &context, reader, writer)
}

fn hold(
    service: Service,
    context: &Context<'_>,
    reader: &mut dyn BufRead,
    writer: &mut dyn Write,
) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let interrupt = &context.options.interrupt;
    let mut reader = Until::new(reader, interrupt);
    // Lines are short, and transports may pay for each write.
    let mut writer = BufWriter::with_capacity(BUFFER, writer);
    let result = match service {
        Service::UploadPack => upload::serve(context, &mut reader, &mut writer, &mut summary),
        Service::ReceivePack => receive::serve(context, &mut reader, &mut writer, &mut summary),
    };
    // Whatever failed, it did so for that.
    let result = result.map_err(|error| if interrupt.is_set() { Error::Interrupted } else { error });
    match result {
        Ok(()) => {
            writer.flush()?;
            Ok(summary)
        }
        Err(error) => {
            if !context.told.get() {
                tell(&error, &mut writer);
            }
            Err(error)
        }
    }
}

/// Tells the client why it ends. If that fails too, the first error still is the one to report.
fn tell(error: &Error, writer: &mut dyn Write) {
    if let Some(message) = error.message_to_peer() {
        upload::tell(writer, &message).unwrap_or_default();
    }
}
