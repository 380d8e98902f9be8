//! Versions 0 and 1: refs first, then wants and haves in rounds.

use std::io::{BufRead, Write};

use bstr::ByteSlice;
use gix::ObjectId;

use super::deepen::shallow_boundary;
use super::negotiate::Common;
use super::request::{Request, SideBand, parse_id};
use super::send::send_pack;
use super::text::shorten;
use super::{is_complete, list_refs};
use crate::capability::Capabilities;
use crate::context::{Budget, Context};
use crate::pack::Commits;
use crate::pktline::{Line, Reader, Writer};
use crate::{Error, Profile, ProtocolVersion, Summary, refs};

/// The refs, with the capabilities on the first line.
pub(super) fn advertise(context: &Context<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let list = list_refs(context, &[], true, false)?;
    let mut lines = Writer::new(out);
    if context.version == ProtocolVersion::V1 {
        lines.text("version 1")?;
    }
    let head =
        list.refs.first().filter(|shown| shown.name == "HEAD").and_then(|head| head.symref_target.as_ref());
    let mut capabilities = capabilities(context);
    if let Some(target) = head {
        capabilities = format!("{capabilities} symref=HEAD:{target}");
    }
    if is_complete(context) {
        capabilities.push_str(" filter object-format=sha1 agent=");
        capabilities.push_str(&context.options.agent);
        if let Some(id) = &context.options.session_id {
            capabilities.push_str(" session-id=");
            capabilities.push_str(id);
        }
    } else if context.options.profile == Profile::AzureDevops {
        capabilities.push_str(" filter");
    }
    list.write(&context.repo, &capabilities, &mut lines)
}

fn capabilities(context: &Context<'_>) -> String {
    let words = if is_complete(context) {
        "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative \
         no-progress include-tag multi_ack_detailed allow-tip-sha1-in-want allow-reachable-sha1-in-want no-done"
    } else {
        "multi_ack thin-pack side-band side-band-64k no-progress multi_ack_detailed no-done shallow \
         allow-tip-sha1-in-want"
    };
    words.to_owned()
}

/// The service's answer to a client that lists capabilities and none of these two among them.
const NO_MULTI_ACK: &str =
    "TF401041: The Git protocol sent is not as expected (Clients must support multi-ack.).";

/// Refuses what the imitated service refuses.
fn check_profile(context: &Context<'_>, request: &Request, capabilities: &Capabilities) -> Result<(), Error> {
    if is_complete(context) {
        return Ok(());
    }
    let has_multi_ack = capabilities.contains("multi_ack") || capabilities.contains("multi_ack_detailed");
    if !capabilities.is_empty() && !has_multi_ack {
        // A stateless client hears it from the transport, with a status of its own.
        context.error_sent.set(context.stateless);
        return Err(Error::Unfit(NO_MULTI_ACK.to_owned()));
    }
    if request.filter.is_some() && context.options.profile == Profile::Vsts {
        return Err(Error::protocol("filters are not offered here"));
    }
    Ok(())
}

/// The acknowledgement of common commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MultiAck {
    No,
    Yes,
    Detailed,
}

pub(super) fn serve(
    context: &Context<'_>,
    reader: &mut dyn BufRead,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut lines = Reader::new(reader);
    let Some((request, capabilities)) = read_wants(context, &mut lines)? else { return Ok(()) };
    summary.client_agent = capabilities.value("agent").map(ToString::to_string);
    check_profile(context, &request, &capabilities)?;
    if let Some(forbidden) =
        refs::find_forbidden(&context.repo, context.policy, &request.wants, &context.options.interrupt)?
    {
        return Err(Error::NotOurRef(forbidden.to_string()));
    }
    let mut commits = Commits::new(&context.repo, &context.repo.objects).until(&context.options.interrupt);
    let boundary = shallow_boundary(context, &mut commits, &request)?;
    if request.deepen.is_some() {
        let mut writer = Writer::new(&mut *out);
        boundary.write(&mut writer)?;
        writer.flush_line()?;
        writer.get_mut().flush()?;
    }
    let mut request = request;
    let Some(mut common) = negotiate(context, &mut commits, &mut request, &capabilities, &mut lines, out)?
    else {
        return Ok(());
    };
    // Of what it says is its boundary, the client has the commits themselves.
    common.extend_from_slice(&boundary.unshallow);
    send_pack(context, &mut commits, &request, boundary, &common, out, summary)
}

/// Reads up to the flush line. `None` if the client wants nothing.
fn read_wants(
    context: &Context<'_>,
    lines: &mut Reader<&mut dyn BufRead>,
) -> Result<Option<(Request, Capabilities)>, Error> {
    let mut request = Request::default();
    let mut capabilities = None;
    let mut budget = Budget::new(&context.options.limits);
    loop {
        let line = match lines.read_line()? {
            // A client that has seen enough hangs up.
            None if request.wants.is_empty() => break,
            None => return Err(Error::protocol("the remote end hung up among the wants")),
            Some(Line::Flush) => break,
            Some(line) => line.text().ok_or_else(|| Error::protocol("a delimiter among the wants"))?,
        };
        budget.take(line)?;
        let mut line = line;
        if capabilities.is_none() && line.starts_with(b"want ") {
            // Behind the first want, separated by a space here.
            let end = b"want ".len() + gix::hash::Kind::Sha1.len_in_hex();
            let rest = line.get(end..).unwrap_or_default();
            if !rest.is_empty() && rest[0] != b' ' {
                return Err(Error::protocol("protocol error, expected to get an object id and capabilities"));
            }
            capabilities = Some(Capabilities::parse_words(rest));
            line = &line[..line.len().min(end)];
        }
        if line == b"deepen-relative" {
            request.is_relative = true;
        } else if line.starts_with(b"have ") || !request.take(line, &context.options.limits)? {
            return Err(Error::protocol(format!("protocol error, expected a want, not '{}'", shorten(line))));
        }
    }
    let capabilities = capabilities.unwrap_or_default();
    request.thin = capabilities.contains("thin-pack");
    request.ofs_delta = capabilities.contains("ofs-delta");
    request.no_progress = capabilities.contains("no-progress");
    request.include_tag = capabilities.contains("include-tag");
    request.is_relative |= capabilities.contains("deepen-relative");
    if capabilities.value("object-format").is_some_and(|format| format != "sha1") {
        return Err(Error::protocol("mismatched object format: this repository uses sha1"));
    }
    request.band = if capabilities.contains("side-band-64k") {
        SideBand::Large
    } else if capabilities.contains("side-band") {
        SideBand::Small
    } else {
        SideBand::None
    };
    Ok((!request.wants.is_empty()).then_some((request, capabilities)))
}

/// Leads the rounds of haves. `None` if the client is going to come back, or has hung up.
fn negotiate(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    request: &mut Request,
    capabilities: &Capabilities,
    lines: &mut Reader<&mut dyn BufRead>,
    out: &mut dyn Write,
) -> Result<Option<Vec<ObjectId>>, Error> {
    let multi_ack = if capabilities.contains("multi_ack_detailed") {
        MultiAck::Detailed
    } else if capabilities.contains("multi_ack") {
        MultiAck::Yes
    } else {
        MultiAck::No
    };
    let no_done = capabilities.contains("no-done");
    let mut common = Common::new(&context.repo, &request.wants, &request.shallow);
    let mut writer = Writer::new(out);
    let mut last: Option<ObjectId> = None;
    let (mut got_common, mut got_other, mut sent_ready) = (false, false, false);
    let mut told = 0_usize;
    let mut is_first = true;
    loop {
        let line = match lines.read_line()? {
            None if context.stateless && is_first => return Ok(None),
            None if context.stateless => None,
            None => return Err(Error::protocol("the remote end hung up during negotiation")),
            Some(Line::Flush) => None,
            Some(line) => Some(line.text().ok_or_else(|| Error::protocol("a delimiter among the haves"))?),
        };
        is_first = false;
        match line {
            None => {
                if multi_ack == MultiAck::Detailed
                    && got_common
                    && !got_other
                    && common.is_enough(commits)?
                    && let Some(last) = last
                {
                    sent_ready = true;
                    writer.text(format!("ACK {last} ready"))?;
                }
                if common.ids.is_empty() || multi_ack != MultiAck::No {
                    writer.text("NAK")?;
                }
                if no_done
                    && sent_ready
                    && let Some(last) = last
                {
                    writer.text(format!("ACK {last}"))?;
                    return Ok(Some(common.ids));
                }
                writer.get_mut().flush()?;
                if context.stateless {
                    return Ok(None);
                }
                (got_common, got_other) = (false, false);
            }
            Some(b"done") => {
                match last {
                    Some(last) if multi_ack != MultiAck::No => writer.text(format!("ACK {last}"))?,
                    Some(_) => {}
                    None => writer.text("NAK")?,
                }
                return Ok(Some(common.ids));
            }
            Some(line) => {
                let Some(hex) = line.strip_prefix(b"have ") else {
                    return Err(Error::protocol(format!("expected SHA1 list, got '{}'", shorten(line))));
                };
                told += 1;
                if told > context.options.limits.max_ids {
                    let limit = context.options.limits.max_ids as u64;
                    return Err(Error::Limit { what: "objects the client has", limit });
                }
                let id = parse_id(hex.as_bstr())?;
                if common.add(commits, id)? {
                    got_common = true;
                    last = Some(id);
                    match multi_ack {
                        MultiAck::Detailed => writer.text(format!("ACK {id} common"))?,
                        MultiAck::Yes => writer.text(format!("ACK {id} continue"))?,
                        MultiAck::No if common.ids.len() == 1 => writer.text(format!("ACK {id}"))?,
                        MultiAck::No => {}
                    }
                } else {
                    got_other = true;
                    if multi_ack != MultiAck::No && common.is_enough(commits)? {
                        if multi_ack == MultiAck::Detailed {
                            sent_ready = true;
                            writer.text(format!("ACK {id} ready"))?;
                        } else {
                            writer.text(format!("ACK {id} continue"))?;
                        }
                    }
                }
            }
        }
    }
}
