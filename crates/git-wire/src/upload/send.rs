//! Counting and sending the pack of a fetch, with the progress that people see.

use std::cell::RefCell;
use std::io::{self, Write};

use bstr::BString;
use gix::ObjectId;

use super::deepen::ShallowBoundary;
use super::list_refs;
use super::request::{Request, SideBand};
use crate::context::Context;
use crate::interrupt::Until;
use crate::pack::{self, ClosurePack, Commits, CountOptions, Key, Tee, WORTH_KEEPING, WriteOptions, Written};
use crate::pktline::Multiplexer;
use crate::{Error, KeepAlive, Summary};

/// The stream that a pack is sent on.
enum Channel<'a> {
    Bare(&'a mut dyn Write),
    Banded(Multiplexer<&'a mut dyn Write>),
}

impl Channel<'_> {
    /// Returns the writer of the pack's bytes.
    fn data(&mut self) -> &mut dyn Write {
        match self {
            Channel::Banded(mux) => mux,
            Channel::Bare(out) => out,
        }
    }

    fn progress(&mut self, text: &str) -> io::Result<()> {
        match self {
            Channel::Banded(mux) => mux.progress(text),
            Channel::Bare(_) => Ok(()),
        }
    }

    fn keep_alive(&mut self) -> io::Result<()> {
        match self {
            Channel::Banded(mux) => mux.keep_alive(),
            Channel::Bare(_) => Ok(()),
        }
    }
}

/// Sends the pack for `request` to a client that has `common`.
pub(super) fn send_pack(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    request: &Request,
    boundary: ShallowBoundary,
    common: &[ObjectId],
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut channel = match request.band {
        SideBand::None => Channel::Bare(out),
        SideBand::Small => Channel::Banded(Multiplexer::small(out)),
        SideBand::Large => Channel::Banded(Multiplexer::large(out)),
    };
    let interrupt = &context.options.interrupt;
    let result = build(context, commits, request, boundary, common, &mut channel)
        .map_err(|error| if interrupt.is_set() { Error::Interrupted } else { error });
    if result.is_err() {
        // On the error band, or not at all: a bare pack that breaks off says enough.
        context.error_sent.set(true);
    }
    match (result, channel) {
        (Ok(written), channel) => {
            match channel {
                Channel::Bare(out) => out.flush()?,
                Channel::Banded(mux) => {
                    mux.finish()?;
                }
            }
            summary.objects_sent += u64::from(written.objects);
            summary.pack_bytes_sent += written.bytes;
            Ok(())
        }
        (Err(error), Channel::Banded(mut mux)) => {
            if let Some(message) = error.message_to_peer() {
                // If this can't be told either, the first error still is the one to report.
                mux.error(format!("upload-pack: {message}\n")).unwrap_or_default();
            }
            Err(error)
        }
        (Err(error), Channel::Bare(_)) => Err(error),
    }
}

/// The closure with what came since, if that is what the client wants.
fn find_closure_pack(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    wants: &[ObjectId],
    options: &CountOptions,
    takes_it_as_it_lies: bool,
) -> Result<Option<ClosurePack>, Error> {
    if !takes_it_as_it_lies || !options.boundary.is_empty() || !options.filter.is_nothing() {
        return Ok(None);
    }
    let Some(closure) = context.repository.closure().get() else { return Ok(None) };
    Ok(ClosurePack::find(commits, context.repository.packs(), &closure, wants, options)?)
}

/// Tells the people how many objects are on their way.
fn announce(channel: &mut Channel<'_>, request: &Request, objects: usize) -> io::Result<()> {
    if request.no_progress || objects == 0 {
        return Ok(());
    }
    channel.progress(&format!(
        "Enumerating objects: {objects}, done.\nCounting objects: 100% ({objects}/{objects}), done.\n"
    ))
}

fn build(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    request: &Request,
    boundary: ShallowBoundary,
    common: &[ObjectId],
    channel: &mut Channel<'_>,
) -> Result<Written, Error> {
    let mut wants = request.wants.clone();
    wants.extend_from_slice(&boundary.further_wants);
    let include_tags = if request.include_tag {
        let prefixes = [BString::from("refs/tags/")];
        let tags = list_refs(context, &prefixes, true, false)?;
        tags.refs.into_iter().filter_map(|tag| Some((tag.id?, tag.peeled?))).collect()
    } else {
        Vec::new()
    };
    let options = CountOptions {
        receiver_shallow: request.shallow.clone(),
        boundary: boundary.cut,
        include_tags,
        filter: request.filter.unwrap_or_default(),
    };
    let write_options =
        WriteOptions { ofs_delta: request.ofs_delta, thin: request.thin, ..WriteOptions::default() };
    // A pack is determined by what is wanted alone where the client has nothing.
    let has_nothing = common.is_empty() && request.shallow.is_empty();
    let key = has_nothing.then(|| Key::new(&wants, &options, write_options));
    let written = if let Some(finished) = key.as_ref().and_then(|key| context.repository.finished().find(key))
    {
        announce(channel, request, finished.objects as usize)?;
        let objects = finished.objects;
        let mut out = Until::new(channel.data(), &context.options.interrupt);
        let bytes = finished.send(&mut out).map_err(pack::Error::Send)?;
        Written::reused(objects, bytes)
    } else if let Some(closure_pack) =
        // What lies in a pack names bases by distance, which not every client understands.
        find_closure_pack(
            context,
            commits,
            &wants,
            &options,
            has_nothing && write_options.ofs_delta,
        )?
    {
        announce(channel, request, closure_pack.objects())?;
        let mut out = Until::new(channel.data(), &context.options.interrupt);
        closure_pack.write(commits, context.repository.packs(), write_options, &mut out)?
    } else {
        let shared = RefCell::new(&mut *channel);
        let counted = pack::count_with(commits, &wants, common, &options, &mut |count| {
            let mut channel = shared.borrow_mut();
            if !request.no_progress {
                channel.progress(&format!("Enumerating objects: {count}\r"))
            } else if context.options.keep_alive.as_ref().is_some_and(KeepAlive::is_due) {
                channel.keep_alive()
            } else {
                Ok(())
            }
        })?;
        let channel = shared.into_inner();
        announce(channel, request, counted.objects.len())?;
        let key = key.filter(|_| counted.objects.len() >= WORTH_KEEPING);
        let mut recording = key.and_then(|key| context.repository.finished().record(&key));
        let mut until = Until::new(channel.data(), &context.options.interrupt);
        let mut out: &mut dyn Write = &mut until;
        let mut tee;
        if let Some(recording) = &mut recording {
            tee = Tee { out, recording };
            out = &mut tee;
        }
        let (objects, packs) = (&context.repo.objects, context.repository.packs());
        let written = pack::write_with(objects, packs, &counted, write_options, out)?;
        if let Some(recording) = recording {
            recording.keep();
        }
        written
    };
    if !request.no_progress {
        let Written { objects, deltas, reused, .. } = written;
        channel.progress(&format!(
            "Total {objects} (delta {deltas}), reused {reused} (delta {deltas}), pack-reused 0 (from 0)\n"
        ))?;
    }
    Ok(written)
}
