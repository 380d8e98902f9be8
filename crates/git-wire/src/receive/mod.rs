//! receive-pack: what takes pushes.
//!
//! The order of things: commands are read and checked by themselves, the pack goes into a quarantine and is checked,
//! the policy is asked for each ref, the pack moves in, and only then the refs change, each compared with what the
//! client thought it was under the ref's lock.

mod broken;
mod commands;
mod connectivity;
mod dead_lock;
mod names;
mod report;
mod update;

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use crate::capability::Capabilities;
use crate::context::Context;
use crate::error::DISK_FULL;
use crate::pack::{self, Connectivity, IngestOptions, Received};
use crate::pktline::{Multiplexer, Writer};
use crate::refs::{Selection, visible};
use crate::{Error, Profile, ProtocolVersion, RefRefusal, Summary};
use commands::{Request, read_request};
use report::Outcome;

/// The refs as they are, with the capabilities on the first line.
pub(crate) fn advertise(context: &Context<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let selection = Selection { prefixes: &["refs/".into()], peel: false, unborn: false };
    let list = visible(&context.repo, context.policy, selection).map_err(Error::Refs)?;
    let mut lines = Writer::new(out);
    if context.version == ProtocolVersion::V1 {
        lines.text("version 1")?;
    }
    let capabilities = match context.options.profile {
        Profile::Permissive => format!(
            "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta push-options \
             object-format=sha1 agent={}{}",
            context.options.agent,
            context.options.session_id.as_ref().map(|id| format!(" session-id={id}")).unwrap_or_default()
        ),
        Profile::Vsts | Profile::AzureDevops => {
            "report-status delete-refs side-band-64k ofs-delta".to_owned()
        }
    };
    list.write(&context.repo, &capabilities, &mut lines)
}

/// Takes one push.
pub(crate) fn serve(
    context: &Context<'_>,
    reader: &mut dyn BufRead,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    let Some(mut request) = read_request(context, reader)? else { return Ok(()) };
    summary.client_agent = request.capabilities.value("agent").map(ToString::to_string);
    let mut voice = Voice::new(&request.capabilities, out);
    let unpacked = receive(context, &mut request, reader, &mut voice, summary);
    let outcome = match unpacked {
        Ok(outcome) => outcome,
        // The stream is gone: nobody listens, and nothing has changed.
        Err(error @ Error::Io(_)) => return Err(error),
        Err(error) => {
            let message = error.message_to_peer().unwrap_or_default();
            voice.end_early(&message, &request)?;
            context.error_sent.set(true);
            return Err(error);
        }
    };
    for command in &request.commands {
        if let Some(refusal) = &command.refusal {
            summary.refused.push((command.name.clone(), refusal.clone()));
        }
    }
    // The refs have changed; that the client didn't hear it doesn't undo it.
    voice.report(&outcome, &request)?;
    Ok(())
}

/// Receives the pack and changes the refs. `Ok` if there's a report to make, whatever it says.
fn receive(
    context: &Context<'_>,
    request: &mut Request,
    reader: &mut dyn BufRead,
    voice: &mut Voice<'_>,
    summary: &mut Summary,
) -> Result<Outcome, Error> {
    let mut quarantine = None;
    if request.needs_pack() {
        let limits = &context.options.limits;
        let options = IngestOptions {
            max_bytes: limits.max_pack_bytes,
            max_objects: limits.max_pack_objects,
            max_object_bytes: limits.max_object_bytes,
            max_inflated_bytes: limits.max_inflated_bytes,
            interrupt: context.options.interrupt.clone(),
            durable: context.options.durable,
            rules: context.options.rules,
            unpack_below: context.options.unpack_below,
            connectivity: Connectivity::Gathered,
            ..IngestOptions::default()
        };
        let mut last = Received::default();
        match pack::ingest(&context.repo, reader, &options, &mut |now| last = now) {
            Ok(received) => {
                summary.objects_received = u64::from(received.received().total);
                summary.pack_bytes_received = received.received().bytes;
                if let Some(missing) = received.missing().first() {
                    voice.progress(&format!("error: {missing}\n"))?;
                }
                quarantine = Some(received);
            }
            Err(pack::Error::Receive(error)) => return Err(Error::Io(error)),
            Err(error) if error.is_senders_fault() || error.is_disk_full() => {
                // What's left of the pack has to be read, or the client doesn't get to the report.
                drain(reader, last.bytes, limits.max_pack_bytes, context.stateless);
                return not_unpacked(error, request, voice);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match update::apply(context, request, quarantine, summary) {
        Ok(()) => Ok(Outcome { unpack: Ok(()) }),
        // There was room for the pack, and none to bring it to its place.
        Err(Error::DiskFull(error)) => not_unpacked(error, request, voice),
        Err(error) => Err(error),
    }
}

/// The report on a pack that was not taken in: no ref changes.
fn not_unpacked(error: pack::Error, request: &mut Request, voice: &mut Voice<'_>) -> Result<Outcome, Error> {
    let reason = if error.is_disk_full() {
        tracing::error!(error = %describe(&error), "the disk is full");
        DISK_FULL.to_owned()
    } else {
        describe(&error)
    };
    voice.progress(&format!("error: {reason}\n"))?;
    request.refuse_all(&match error {
        error @ pack::Error::Rejected { .. } => RefRefusal::Rejected(Arc::new(error)),
        error => RefRefusal::Unpack(Arc::new(error)),
    });
    Ok(Outcome { unpack: Err(reason) })
}

/// An error with its causes, on one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.replace(['\n', '\r', '\0'], " ")
}

/// Reads on to the end of a stateless request. On a two-way stream the end can't be told from a pause.
fn drain(reader: &mut dyn BufRead, so_far: u64, limit: u64, stateless: bool) {
    if stateless {
        let mut left = limit.saturating_sub(so_far);
        while left > 0 {
            match reader.fill_buf() {
                Ok(bytes) if !bytes.is_empty() => {
                    let count = bytes.len();
                    reader.consume(count);
                    left = left.saturating_sub(count as u64);
                }
                _ => break,
            }
        }
    }
}

/// The server's output during a push: with side-band or without, quiet or not.
struct Voice<'a> {
    out: &'a mut dyn Write,
    is_banded: bool,
    is_quiet: bool,
}

impl<'a> Voice<'a> {
    fn new(capabilities: &Capabilities, out: &'a mut dyn Write) -> Self {
        let is_banded = capabilities.contains("side-band-64k");
        Self { out, is_banded, is_quiet: capabilities.contains("quiet") }
    }

    fn progress(&mut self, text: &str) -> io::Result<()> {
        if self.is_banded && !self.is_quiet {
            Multiplexer::large(&mut *self.out).progress(text)?;
        }
        Ok(())
    }

    /// Tells why there's no going on, where a client that wants a report finds it.
    fn end_early(&mut self, message: &str, request: &Request) -> Result<(), Error> {
        let outcome = Outcome { unpack: Err(message.to_owned()) };
        if self.is_banded {
            Multiplexer::large(&mut *self.out).error(format!("{message}\n"))?;
            return Ok(());
        }
        self.report(&outcome, request)
    }

    fn report(&mut self, outcome: &Outcome, request: &Request) -> Result<(), Error> {
        let report = if request.wants_report() { report::encode(outcome, request)? } else { Vec::new() };
        if self.is_banded {
            let mut mux = Multiplexer::large(&mut *self.out);
            mux.write_all(&report)?;
            mux.finish()?;
        } else {
            self.out.write_all(&report)?;
            self.out.flush()?;
        }
        Ok(())
    }
}
