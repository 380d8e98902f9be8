//! Which page an address is.

use gix::bstr::ByteSlice as _;

use super::desk::{Desk, not_found};
use super::reply::Reply;
use super::request::{Method, Request, file};
use super::{actions, code, compare, detail, list, log, outputs, restoring};
use crate::error::CommandError;

/// Makes the page, or does what its form asks for.
pub fn answer(desk: &Desk<'_>, request: &Request) -> Result<Reply, CommandError> {
    use Method::{Get, Post};
    let parts: Vec<&[u8]> = request.path.iter().map(|part| part.as_slice()).collect();
    match (request.method, parts.as_slice()) {
        (Get, []) => list::page(desk, request),
        (Get, [b"compare"]) => compare::page(desk, request),
        (Get, [b"undo"]) => restoring::undo_preview(desk, request),
        (Post, [b"undo"]) => restoring::undo(desk, request),
        (Post, [b"sync"]) => Ok(actions::sync(desk, request)),
        (Get, [b"runs", id]) => detail::page(desk, request, text(id)?),
        (Get, [b"runs", id, b"restore"]) => restoring::preview(desk, request, text(id)?),
        (Post, [b"runs", id, b"restore"]) => restoring::restore(desk, request, text(id)?),
        (Post, [b"runs", id, b"cancel"]) => actions::cancel(desk, text(id)?),
        (Post, [b"runs", id, b"fetch"]) => actions::fetch(desk, request, text(id)?),
        (Get, [b"runs", id, b"diff"]) => code::diff_page(desk, request, text(id)?),
        (Get, [b"runs", id, b"files"]) => code::files_page(desk, request, text(id)?),
        (Get, [b"runs", id, b"files", path @ ..]) => code::file_page(desk, request, text(id)?, &file(path)),
        (Get, [b"runs", id, b"raw", path @ ..]) => code::download(desk, text(id)?, &file(path)),
        (Get, [b"runs", id, b"outputs", path @ ..]) => {
            outputs::file_page(desk, request, text(id)?, &file(path))
        }
        (Get, [b"runs", id, b"download", path @ ..]) => outputs::download(desk, text(id)?, &file(path)),
        (Get, [b"runs", id, b"picture", path @ ..]) => outputs::picture(desk, text(id)?, &file(path)),
        (Get, [b"runs", id, b"log", path @ ..]) => log::follow(desk, request, text(id)?, &file(path)),
        _ => Err(not_found("There is no such page")),
    }
}

/// A run's id, which is text.
fn text(part: &[u8]) -> Result<&str, CommandError> {
    part.to_str().map_err(|_| not_found("There is no such run"))
}
