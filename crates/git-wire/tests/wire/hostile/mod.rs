//! Hostile input: refused, with nothing left behind and never a panic. Each row names where such input has done harm.
//!
//! Further tests: objects that no repository should hold in `objects` (duplicate entries, CVE-2026-44471;
//! `.gitmodules`, gix CVE-2026-40034, CVE-2025-48384; attributes, CVE-2022-23521; names and dates, gix-date
//! CVE-2026-0810); hidden refs by id and by name in `upload` (git t5530); cut connections, twins and conflicts in
//! `receive` (git t5547); bodies and headers of HTTP in the tests of vsts-mock.

mod large;
mod nested;
mod packs;
mod refs;
mod requests;

use git_wire::{AllowAll, Error, Limits, Options, ProtocolVersion, Repository, Server, Service, Summary};

/// Pushes `pack` as `refs/heads/x` at `id`; the answer as text.
pub(super) fn push(
    repository: &Repository,
    options: &Options,
    id: gix::ObjectId,
    pack: &[u8],
) -> (Result<Summary, Error>, String) {
    push_to(repository, options, "refs/heads/x", id, pack)
}

/// Pushes `pack` as a new ref at `id`; the answer as text.
pub(super) fn push_to(
    repository: &Repository,
    options: &Options,
    name: &str,
    id: gix::ObjectId,
    pack: &[u8],
) -> (Result<Summary, Error>, String) {
    let mut request = Vec::new();
    let line = format!("{} {id} {name}\0report-status", "0".repeat(40));
    git_wire::pktline::encode_text(line.as_bytes(), &mut request).expect("fits");
    request.extend_from_slice(b"0000");
    request.extend_from_slice(pack);
    let mut answer = Vec::new();
    let result = Server { repository, policy: &AllowAll, options }.respond(
        Service::ReceivePack,
        ProtocolVersion::V0,
        &mut &request[..],
        &mut answer,
    );
    (result, String::from_utf8_lossy(&answer).into_owned())
}

pub(super) fn options() -> Options {
    let limits = Limits {
        max_object_bytes: 1 << 20,
        max_pack_bytes: 4 << 20,
        max_pack_objects: 20_000,
        ..Limits::default()
    };
    Options { durable: false, limits, ref_in_want: true, ..Options::default() }
}
