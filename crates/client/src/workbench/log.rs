//! A log as it grows: its end on the page, and what is added for the script to put there.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use azml_core::quote::quoted_path;
use azml_core::run::RunRecord;
use maud::{Markup, html};

use super::format;
use super::page_context::{PageContext, not_found};
use super::reply::Reply;
use super::request::Request;
use crate::error::CommandError;
use crate::ops::remote::{self, Handle};
use crate::run::attachments::{Attachments, DRIVER_LOG};

/// The bytes of a log's end that the run's page shows.
const TAIL: u64 = 12 * 1024;
/// The bytes of a log that are sent at once.
const PIECE: u64 = 256 * 1024;

/// The attachments of a run, in progress or ended.
pub fn attachments(context: &PageContext<'_>, record: &RunRecord) -> Attachments {
    Attachments::of_record(&context.opened.history, record)
}

/// The end of the script's output.
pub fn tail(context: &PageContext<'_>, record: &RunRecord) -> Result<Markup, CommandError> {
    // The script asks for the log of a run elsewhere, from its beginning: that may take a while.
    if Handle::of(record).is_some() && !record.status.is_over() {
        return Ok(shown(record, "", 0));
    }
    let Some(mut file) = open(context, record, Path::new(DRIVER_LOG))? else {
        return Ok(
            html! { p.quiet { @if record.status.is_over() { "The script's output is not here." } @else { "The script has not started yet." } } },
        );
    };
    let length = file.metadata().map_err(CommandError::failed)?.len();
    let from = length.saturating_sub(TAIL);
    let (mut text, next) = read(&mut file, from, TAIL)?;
    if from > 0 {
        // From a line's beginning.
        text = text.split_once('\n').map_or(text.clone(), |(_, rest)| rest.to_owned());
    }
    let all = format::run_path(record, &format!("/outputs/{DRIVER_LOG}"));
    Ok(html! {
        @if from > 0 { p.small { "The end of it; " a href=(all) { "all of it" } "." } }
        (shown(record, &text, next))
    })
}

/// A log up to an offset, to which the script adds.
fn shown(record: &RunRecord, text: &str, next: u64) -> Markup {
    let follow = format::run_path(record, &format!("/log/{DRIVER_LOG}"));
    html! {
        pre.log #log tabindex="0" role="region" aria-label="The script's output" data-follow=[(!record.status.is_over()).then_some(follow)] data-next=(next) {
            (crate::text::clean(text))
        }
        @if !record.status.is_over() {
            p.small {
                label data-scripted hidden { input #follow type="checkbox" checked; " Follow" }
                noscript { a href={ (format::run_path(record, "")) "#log" } { "Reload" } " to see what is new." }
            }
        }
    }
}

/// A log from an offset on, as text; the header `X-Next` has the next offset, and `X-Over` says that nothing follows.
pub fn follow(
    context: &PageContext<'_>,
    request: &Request,
    id: &str,
    path: &Path,
) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let asked = request.query.get("from").and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Some(bytes) = remote::output(&context.ctx, &record, asked)? {
        let (text, next) = text_of(bytes, asked);
        return Ok(Reply::text(200, crate::text::clean(&text)).with("x-next", &next.to_string()));
    }
    let Some(mut file) = open(context, &record, path)? else {
        return Err(not_found(format!("The run has no log `{}`", quoted_path(path))));
    };
    let length = file.metadata().map_err(CommandError::failed)?.len();
    // Begun anew since: from its start again.
    let from = if asked > length { 0 } else { asked };
    let (text, next) = read(&mut file, from, PIECE)?;
    let is_over = record.status.is_over() && next >= length;
    let reply = Reply::text(200, crate::text::clean(&text)).with("x-next", &next.to_string());
    Ok(if is_over { reply.with("x-over", "1") } else { reply })
}

fn open(context: &PageContext<'_>, record: &RunRecord, path: &Path) -> Result<Option<File>, CommandError> {
    let attachments = attachments(context, record);
    attachments.open(path).map_err(|error| CommandError::file("read", attachments.folder(), error))
}

/// The text from a place on, and where it ends: never inside a character, as far as the file has come.
fn read(file: &mut File, from: u64, most: u64) -> Result<(String, u64), CommandError> {
    file.seek(SeekFrom::Start(from)).map_err(CommandError::failed)?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(CommandError::failed)?;
    Ok(text_of(bytes, from))
}

/// Bytes from an offset on as text, and the offset of what follows.
fn text_of(mut bytes: Vec<u8>, from: u64) -> (String, u64) {
    let cut = match std::str::from_utf8(&bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    bytes.truncate(cut);
    (String::from_utf8_lossy(&bytes).into_owned(), from + cut as u64)
}
