//! upload-pack: what serves fetches and clones, in all versions of the protocol.

mod deepen;
mod filter;
mod negotiate;
mod request;
mod send;
mod text;
mod v0;
mod v2;

use std::io::{self, BufRead, Write};

use bstr::{BStr, BString};
use gix::ObjectId;
use gix::refs::FullName;

use crate::context::Context;
use crate::pktline::Writer;
use crate::refs::{Selection, VisibleRefs, resolve, visible};
use crate::{Error, Profile, ProtocolVersion, Summary};

/// Writes what the server says first, up to the flush line.
pub(crate) fn advertise(context: &Context<'_>, out: &mut dyn Write) -> Result<(), Error> {
    match context.version {
        ProtocolVersion::V2 => v2::advertise(context, out),
        ProtocolVersion::V0 | ProtocolVersion::V1 => v0::advertise(context, out),
    }
}

/// Serves what the client asks: one request if stateless, else until it hangs up or has its pack.
pub(crate) fn serve(
    context: &Context<'_>,
    reader: &mut dyn BufRead,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    match context.version {
        ProtocolVersion::V2 => v2::serve(context, reader, out, summary),
        ProtocolVersion::V0 | ProtocolVersion::V1 => v0::serve(context, reader, out, summary),
    }
}

fn list_refs(
    context: &Context<'_>,
    prefixes: &[BString],
    peel: bool,
    unborn: bool,
) -> Result<VisibleRefs, Error> {
    visible(&context.repo, context.policy, Selection { prefixes, peel, unborn }).map_err(Error::Refs)
}

/// Returns the object that the ref of exactly this name points to, unless the policy hides it.
fn find_visible(context: &Context<'_>, name: &BStr) -> Option<ObjectId> {
    // Looking a shorter name up would find refs that haven't been asked about.
    let is_full = name.starts_with(b"refs/") || name == "HEAD";
    let full = FullName::try_from(name.to_owned()).ok().filter(|_| is_full)?;
    if context.policy.is_hidden(name) { None } else { resolve(&context.repo, full) }
}

/// Returns whether all that the engine can do is offered.
fn is_complete(context: &Context<'_>) -> bool {
    context.options.profile == Profile::Permissive
}

/// Tells the client on an `ERR` line why there's no more.
pub(crate) fn send_error(out: &mut dyn Write, message: &str) -> io::Result<()> {
    let mut writer = Writer::new(out);
    let message: String = message.chars().take(1_000).collect();
    writer.text(format!("ERR {message}"))?;
    writer.get_mut().flush()
}
