//! Version 2: commands.

use std::io::{BufRead, Write};

use bstr::{BString, ByteSlice};

use super::deepen::shallow_boundary;
use super::find_visible;
use super::negotiate::Common;
use super::request::{Request, SideBand, parse_id};
use super::send::send_pack;
use super::text::shorten;
use crate::context::{Budget, Context};
use crate::pack::objects::Objects;
use crate::pack::{Commits, IdSet};
use crate::pktline::{Line, Reader, Writer};
use crate::refs::Selection;
use crate::{Error, Summary, refs};

/// More prefixes than that are as good as none.
const MAX_PREFIXES: usize = 65_536;

pub(super) fn advertise(context: &Context<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let mut lines = Writer::new(out);
    lines.text("version 2")?;
    lines.text(format!("agent={}", context.options.agent))?;
    lines.text("ls-refs=unborn")?;
    let ref_in_want = if context.options.ref_in_want { " ref-in-want" } else { "" };
    lines.text(format!("fetch=shallow wait-for-done filter{ref_in_want}"))?;
    lines.text("server-option")?;
    lines.text("object-format=sha1")?;
    lines.text("object-info")?;
    if let Some(id) = &context.options.session_id {
        lines.text(format!("session-id={id}"))?;
    }
    lines.flush_line()?;
    Ok(())
}

/// A command as it was read.
struct Command {
    name: BString,
    arguments: Vec<BString>,
}

pub(super) fn serve(
    context: &Context<'_>,
    reader: &mut dyn BufRead,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut lines = Reader::new(reader);
    while let Some(command) = read_command(context, &mut lines, summary)? {
        match command.name.as_slice() {
            b"ls-refs" => ls_refs(context, &command.arguments, out)?,
            b"fetch" => fetch(context, &command.arguments, out, summary)?,
            b"object-info" => object_info(context, &command.arguments, out)?,
            name => return Err(Error::protocol(format!("invalid command '{}'", shorten(name)))),
        }
        out.flush()?;
        if context.stateless {
            break;
        }
    }
    Ok(())
}

/// Reads one command. `None` at the end: of the stream, or a flush line in place of a command.
fn read_command(
    context: &Context<'_>,
    lines: &mut Reader<&mut dyn BufRead>,
    summary: &mut Summary,
) -> Result<Option<Command>, Error> {
    let mut name: Option<BString> = None;
    let mut arguments = Vec::new();
    let mut in_arguments = false;
    // All lines of a fetch may be wants, wanted refs, haves and shallow commits.
    let limit =
        context.options.limits.max_lines.saturating_add(context.options.limits.max_ids.saturating_mul(4));
    let mut count = 0_usize;
    let mut budget = Budget::new(&context.options.limits);
    loop {
        let line = match lines.read_line()? {
            None | Some(Line::Flush) if count == 0 && !in_arguments => return Ok(None),
            None => return Err(Error::protocol("the remote end hung up within a command")),
            Some(Line::Flush) => break,
            Some(Line::Delimiter) if in_arguments => {
                return Err(Error::protocol("a second delimiter in a command"));
            }
            Some(Line::Delimiter) => {
                in_arguments = true;
                continue;
            }
            Some(Line::ResponseEnd) => return Err(Error::protocol("a response end in a command")),
            Some(Line::Data(data)) => data.strip_suffix(b"\n").unwrap_or(data),
        };
        count += 1;
        if count > limit {
            return Err(Error::Limit { what: "lines in a command", limit: limit as u64 });
        }
        budget.take(line)?;
        if in_arguments {
            arguments.push(BString::from(line));
        } else if let Some(command) = line.strip_prefix(b"command=") {
            if name.replace(command.into()).is_some() {
                return Err(Error::protocol("more than one command in a request"));
            }
        } else if let Some(agent) = line.strip_prefix(b"agent=") {
            summary.client_agent = Some(agent.to_str_lossy().into_owned());
        } else if let Some(format) = line.strip_prefix(b"object-format=") {
            if format != b"sha1" {
                return Err(Error::protocol(format!(
                    "mismatched object format: server sha1; client {}",
                    shorten(format)
                )));
            }
        } else if !line.starts_with(b"server-option=") && !line.starts_with(b"session-id=") {
            return Err(Error::protocol(format!("unknown capability '{}'", shorten(line))));
        }
    }
    match name {
        Some(name) => Ok(Some(Command { name, arguments })),
        None => Err(Error::protocol("no command requested")),
    }
}

fn ls_refs(context: &Context<'_>, arguments: &[BString], out: &mut dyn Write) -> Result<(), Error> {
    let (mut symrefs, mut peel, mut unborn) = (false, false, false);
    let mut prefixes = Vec::new();
    for argument in arguments {
        match argument.as_slice() {
            b"symrefs" => symrefs = true,
            b"peel" => peel = true,
            b"unborn" => unborn = true,
            other => match other.strip_prefix(b"ref-prefix ") {
                Some(prefix) => prefixes.push(BString::from(prefix)),
                None => return Err(Error::protocol(format!("unexpected line: '{}'", shorten(other)))),
            },
        }
    }
    if prefixes.len() > MAX_PREFIXES {
        prefixes.clear();
    }
    let selection = Selection { prefixes: &prefixes, peel, unborn };
    let mut lines = Writer::new(out);
    let mut line = Vec::new();
    let mut hex = [0; 40];
    let mut result = Ok(());
    refs::each_visible(&context.repo, context.policy, selection, &mut |shown| {
        // A client that has gone isn't told the rest.
        if result.is_err() {
            return;
        }
        line.clear();
        match &shown.id {
            Some(id) => line.extend_from_slice(id.hex_to_buf(&mut hex).as_bytes()),
            None => line.extend_from_slice(b"unborn"),
        }
        line.push(b' ');
        line.extend_from_slice(shown.name);
        if let Some(target) = shown.symref_target.filter(|_| symrefs || shown.id.is_none()) {
            line.extend_from_slice(b" symref-target:");
            line.extend_from_slice(target);
        }
        if let Some(peeled) = &shown.peeled {
            line.extend_from_slice(b" peeled:");
            line.extend_from_slice(peeled.hex_to_buf(&mut hex).as_bytes());
        }
        result = lines.text(&line);
    })
    .map_err(Error::Refs)?;
    result?;
    lines.flush_line()?;
    Ok(())
}

fn fetch(
    context: &Context<'_>,
    arguments: &[BString],
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut request = read_fetch(context, arguments)?;
    let mut wanted_refs = Vec::with_capacity(request.want_refs.len());
    for name in &request.want_refs {
        let id = find_visible(context, name.as_bstr())
            .ok_or_else(|| Error::protocol(format!("unknown ref {}", shorten(name))))?;
        wanted_refs.push((id, name.clone()));
        request.wants.push(id);
    }
    if request.wants.is_empty() && !request.wait_for_done {
        return Ok(());
    }
    if let Some(forbidden) =
        refs::find_forbidden(&context.repo, context.policy, &request.wants, &context.options.interrupt)?
    {
        return Err(Error::NotOurRef(forbidden.to_string()));
    }
    let mut commits = Commits::new(&context.repo, &context.repo.objects).until(&context.options.interrupt);
    let mut common = Common::new(&context.repo, &request.wants, &request.shallow);
    for have in &request.haves {
        common.add(&mut commits, *have)?;
    }
    let mut writer = Writer::new(&mut *out);
    if !request.done && (!request.haves.is_empty() || request.wait_for_done) {
        writer.text("acknowledgments")?;
        if common.ids.is_empty() {
            writer.text("NAK")?;
        }
        for id in &common.ids {
            writer.text(format!("ACK {id}"))?;
        }
        if request.wait_for_done || !common.is_enough(&mut commits)? {
            writer.flush_line()?;
            return Ok(());
        }
        writer.text("ready")?;
        writer.delimiter()?;
    }
    let boundary = shallow_boundary(context, &mut commits, &request)?;
    if request.deepen.is_some() || !boundary.shallow.is_empty() || !boundary.unshallow.is_empty() {
        writer.text("shallow-info")?;
        let mut section = Writer::new(&mut *out);
        boundary.write(&mut section)?;
        section.delimiter()?;
    }
    if !wanted_refs.is_empty() {
        let mut section = Writer::new(&mut *out);
        section.text("wanted-refs")?;
        for (id, name) in &wanted_refs {
            section.text(format!("{id} {name}"))?;
        }
        section.delimiter()?;
    }
    Writer::new(&mut *out).text("packfile")?;
    // Of what it says is its boundary, the client has the commits themselves.
    let mut had = common.ids;
    had.extend_from_slice(&boundary.unshallow);
    send_pack(context, &mut commits, &request, boundary, &had, out, summary)
}

fn read_fetch(context: &Context<'_>, arguments: &[BString]) -> Result<Request, Error> {
    let mut request = Request { band: SideBand::Large, ..Request::default() };
    for argument in arguments {
        match argument.as_slice() {
            b"thin-pack" => request.thin = true,
            b"no-progress" => request.no_progress = true,
            b"include-tag" => request.include_tag = true,
            b"ofs-delta" => request.ofs_delta = true,
            b"done" => request.done = true,
            b"wait-for-done" => request.wait_for_done = true,
            b"deepen-relative" => request.is_relative = true,
            other => {
                let wanted_ref = other.strip_prefix(b"want-ref ").filter(|_| context.options.ref_in_want);
                if let Some(name) = wanted_ref {
                    let limit = context.options.limits.max_ids;
                    if request.want_refs.len() >= limit {
                        return Err(Error::Limit { what: "wanted refs", limit: limit as u64 });
                    }
                    request.want_refs.push(name.into());
                } else if !request.take(other, &context.options.limits)? {
                    return Err(Error::protocol(format!("unexpected line: '{}'", shorten(other))));
                }
            }
        }
    }
    Ok(request)
}

fn object_info(context: &Context<'_>, arguments: &[BString], out: &mut dyn Write) -> Result<(), Error> {
    let mut ids = Vec::new();
    let mut wants_size = false;
    for argument in arguments {
        match argument.strip_prefix(b"oid ") {
            Some(hex) => ids.push(parse_id(hex.as_bstr())?),
            None if argument == "size" => wants_size = true,
            None => {
                return Err(Error::protocol(format!(
                    "object-info: unexpected line: '{}'",
                    shorten(argument)
                )));
            }
        }
    }
    // What isn't there and what may not be seen look the same.
    let unseen: IdSet = refs::forbidden(&context.repo, context.policy, &ids, &context.options.interrupt)?
        .into_iter()
        .collect();
    let mut lines = Writer::new(out);
    if wants_size {
        lines.text("size")?;
    }
    for id in ids {
        let header = if unseen.contains(&id) { None } else { context.repo.objects.header(&id)? };
        match header {
            _ if !wants_size => lines.text(id.to_string())?,
            Some((_, size)) => lines.text(format!("{id} {size}"))?,
            None => lines.text(format!("{id} "))?,
        }
    }
    lines.flush_line()?;
    Ok(())
}
