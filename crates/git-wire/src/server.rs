//! The server: one method for each way in which transports move bytes.

use std::io::{BufRead, BufWriter, Write};

use crate::context::Context;
use crate::interrupt::Until;
use crate::pktline::Writer;
use crate::{Error, Policy, ProtocolVersion, Server, Service, Summary, receive, upload};

/// The bytes of an answer that are gathered before they are written.
const BUFFER: usize = 64 << 10;

fn admit(service: Service, policy: &dyn Policy) -> Result<(), Error> {
    match service {
        Service::UploadPack => policy.may_read()?,
        Service::ReceivePack => policy.may_push()?,
    }
    Ok(())
}

impl Server<'_> {
    /// Writes the answer to `GET info/refs?service=…`, the `# service=` line in front included.
    ///
    /// # Errors
    /// Those that the answer itself can't carry: with [`Error::Denied`] nothing has been written, so that the transport can
    /// report it in its own way.
    pub fn advertise(
        &self,
        service: Service,
        version: ProtocolVersion,
        writer: &mut dyn Write,
    ) -> Result<(), Error> {
        admit(service, self.policy)?;
        let context = Context::new(*self, service, version, true);
        let mut answer = Vec::new();
        let mut lines = Writer::new(&mut answer);
        lines.text(format!("# service={service}"))?;
        lines.flush_line()?;
        advertise(service, &context, &mut answer)?;
        writer.write_all(&answer)?;
        writer.flush()?;
        Ok(())
    }

    /// Answers one stateless request (an HTTP POST).
    ///
    /// # Errors
    /// The error that ended the answer early. The client has been told, unless it is [`Error::Denied`] by
    /// [`Policy::may_read`] or [`Policy::may_push`]: then nothing is written.
    pub fn respond(
        &self,
        service: Service,
        version: ProtocolVersion,
        reader: &mut dyn BufRead,
        writer: &mut dyn Write,
    ) -> Result<Summary, Error> {
        admit(service, self.policy)?;
        hold(service, &Context::new(*self, service, version, true), reader, writer)
    }

    /// Leads a whole conversation over a two-way stream (SSH, pipes, `git://`), beginning with the advertisement.
    ///
    /// # Errors
    /// The error that ended it early. The client has been told, by an `ERR` line where nothing better fits.
    pub fn converse(
        &self,
        service: Service,
        version: ProtocolVersion,
        reader: &mut dyn BufRead,
        writer: &mut dyn Write,
    ) -> Result<Summary, Error> {
        let context = Context::new(*self, service, version, false);
        let advertised = admit(service, self.policy).and_then(|()| {
            let mut answer = Vec::new();
            advertise(service, &context, &mut answer)?;
            writer.write_all(&answer)?;
            writer.flush()?;
            Ok(())
        });
        if let Err(error) = advertised {
            send_error(&error, writer);
            return Err(error);
        }
        hold(service, &context, reader, writer)
    }
}

fn advertise(service: Service, context: &Context<'_>, answer: &mut Vec<u8>) -> Result<(), Error> {
    match service {
        Service::UploadPack => upload::advertise(context, answer),
        Service::ReceivePack => receive::advertise(context, answer),
    }
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
    // An interrupt shows in many errors.
    let result = result.map_err(|error| if interrupt.is_set() { Error::Interrupted } else { error });
    match result {
        Ok(()) => {
            writer.flush()?;
            Ok(summary)
        }
        Err(error) => {
            if !context.error_sent.get() {
                send_error(&error, &mut writer);
            }
            Err(error)
        }
    }
}

/// Tells the client why the conversation ends. If that fails too, the first error still is the one to report.
fn send_error(error: &Error, writer: &mut dyn Write) {
    if let Some(message) = error.message_to_peer() {
        upload::send_error(writer, &message).unwrap_or_default();
    }
}
