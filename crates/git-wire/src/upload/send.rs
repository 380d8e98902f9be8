//! Counting and sending the pack of a fetch, with the progress that people see.

use std::cell::RefCell;
use std::io::{self, Write};

use bstr::BString;
use gix::ObjectId;

use super::deepen::Boundary;
use super::list_refs;
use super::request::{Request, SideBand};
use crate::pack::{self, Commits, CountOptions, WriteOptions, Written};
use crate::pktline::Multiplexer;
use crate::serve::Context;
use crate::{Error, Summary};

/// How a pack leaves.
enum Channel<'a> {
    Bare(&'a mut dyn Write),
    Banded(Multiplexer<&'a mut dyn Write>),
}

impl Channel<'_> {
    fn progress(&mut self, text: &str) -> io::Result<()> {
        match self {
            Channel::Banded(mux) => mux.progress(text),
            Channel::Bare(_) => Ok(()),
        }
    }
}

/// Sends the pack for `request` to a client that has `common`.
pub(super) fn send_pack(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    request: &Request,
    boundary: Boundary,
    common: &[ObjectId],
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut channel = match request.band {
        SideBand::None => Channel::Bare(out),
        SideBand::Small => Channel::Banded(Multiplexer::small(out)),
        SideBand::Large => Channel::Banded(Multiplexer::large(out)),
    };
    let result = build(context, commits, request, boundary, common, &mut channel);
    if result.is_err() {
        // On the error band, or not at all: a bare pack that breaks off says enough.
        context.told.set(true);
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

fn build(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    request: &Request,
    boundary: Boundary,
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
    let shared = RefCell::new(channel);
    let counted = pack::count_with(commits, &wants, common, &options, &mut |count| {
        if request.no_progress {
            Ok(())
        } else {
            shared.borrow_mut().progress(&format!("Enumerating objects: {count}\r"))
        }
    })?;
    let channel = shared.into_inner();
    let count = counted.objects.len();
    if !request.no_progress && count > 0 {
        channel.progress(&format!("Enumerating objects: {count}, done.\n"))?;
    }
    let write_options =
        WriteOptions { ofs_delta: request.ofs_delta, thin: request.thin, ..WriteOptions::default() };
    let out: &mut dyn Write = match channel {
        Channel::Bare(out) => out,
        Channel::Banded(mux) => mux,
    };
    let written =
        pack::write_with(&context.repo.objects, context.repository.packs(), &counted, write_options, out)?;
    if !request.no_progress {
        let Written { objects, deltas, reused, .. } = written;
        channel.progress(&format!(
            "Total {objects} (delta {deltas}), reused {reused} (delta {deltas}), pack-reused 0\n"
        ))?;
    }
    Ok(written)
}
