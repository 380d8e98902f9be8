//! The functions that are fuzzed: they take any bytes and mustn't panic, hang or eat the machine. The normal tests of
//! `git-wire` include this file and run every seed through it, so that what was once found stays mended.
//!
//! Requests are written as text, one packet line in each line, `0000`, `0001` and `0002` for the special ones, so that
//! seeds can be read and a fuzzer changes words, not lengths; a line with only `RAW` passes the rest on as it is.

use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;

use git_wire::capability::Capabilities;
use git_wire::client::{Duplex, FetchRequest, FetchSession, PushRequest, PushSession, PushUpdate};
use git_wire::history::Graph;
use git_wire::pack::{Connectivity, IngestOptions, ingest};
use git_wire::pktline::{self, Decoded, Demultiplexer, Line, Multiplexer, Reader};
use git_wire::{Denial, Limits, Options, Policy, ProtocolVersion, RefUpdate, Repository, Server, Service};
use gix::odb::pack::data::entry::Header;

/// vsts-mock's parser of the line that an SSH client asks to be run; the file stands by itself.
#[path = "../../crates/vsts-mock/src/ssh/exec_line.rs"]
#[expect(dead_code, reason = "its other users are elsewhere")]
mod exec;

/// The texts in MLflow's stores of files, as azml reads and writes them; the file stands by itself.
#[path = "../../crates/client/src/mlflow/store/text.rs"]
mod store_text;

/// azml's grammar of MLflow's searches; the file stands by itself.
#[path = "../../crates/client/src/mlflow/grammar.rs"]
#[expect(dead_code, reason = "its other users are elsewhere")]
mod grammar;

/// vsts-mock's grammar of queries for work items; the folder stands by itself.
#[path = "../../crates/vsts-mock/src/directory/work_item/wiql/grammar/mod.rs"]
#[expect(dead_code, reason = "its other users are elsewhere")]
mod wiql_grammar;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 16] = [
    ("pktline", pktline),
    ("capability", capability),
    ("upload_v0", upload_v0),
    ("upload_v2", upload_v2),
    ("receive", receive),
    ("pack", pack),
    ("deltas", deltas),
    ("packed_refs", packed_refs),
    ("client", client),
    ("fetch_answer", fetch_answer),
    ("push_answer", push_answer),
    ("exec_line", exec_line),
    ("store_text", store_text),
    ("search", search),
    ("commit_graph", commit_graph),
    ("wiql", wiql),
];

/// Packet lines and the side-band: what is decoded encodes to the same.
pub fn pktline(data: &[u8]) {
    let mut rest = data;
    while let Ok(Decoded::Complete { line, consumed }) = pktline::decode(rest) {
        let mut again = Vec::new();
        pktline::encode(line, &mut again).expect("what came in one line fits into one");
        assert!(again.eq_ignore_ascii_case(&rest[..consumed]) || matches!(line, Line::Data(_)));
        assert_eq!(again[4.min(again.len())..], rest[4..consumed]);
        rest = &rest[consumed..];
    }
    let mut reader = Reader::new(data);
    while let Ok(Some(_)) = reader.read_line() {}
    let mut text = Vec::new();
    let mut demultiplexer =
        Demultiplexer::new(Reader::new(data), |progress: &[u8]| text.extend_from_slice(progress));
    let mut received = Vec::new();
    // An error is an answer, too.
    drop(demultiplexer.read_to_end(&mut received));
    drop(demultiplexer);
    assert!(received.len() + text.len() <= data.len());
    let mut mux = Multiplexer::small(Vec::new());
    std::io::Write::write_all(&mut mux, data).expect("memory takes it");
    let sent = mux.finish().expect("memory takes it");
    let mut received = Vec::new();
    let mut demultiplexer = Demultiplexer::new(Reader::new(&sent[..]), |_: &[u8]| {});
    demultiplexer.read_to_end(&mut received).expect("it was well-formed");
    assert_eq!(received, data);
}

/// Commit-graph files: all that one says can be asked, whatever it says. The checksum at its end is added here.
pub fn commit_graph(data: &[u8]) {
    assert!(data.len() > 1_000 || Graph::parse(data.to_vec()).is_none());
    let mut bytes = data.to_vec();
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(data);
    let checksum = hasher.try_finalize().expect("nothing here collides");
    bytes.extend_from_slice(checksum.as_slice());
    let Some(graph) = Graph::parse(bytes) else { return };
    let mut parents = Vec::new();
    for place in 0..graph.len() {
        assert_eq!(graph.find(&graph.id(place)), Some(place));
        parents.clear();
        graph.parents(place, &mut parents);
        assert!(parents.iter().all(|parent| graph.rank(*parent) < graph.rank(place)));
        assert!(!graph.tree(place).to_string().is_empty() && graph.time(place) >= 0);
    }
}

/// Capability lists: what is printed parses to the same.
pub fn capability(data: &[u8]) {
    let (line, list) = Capabilities::split_line(data);
    assert!(line.len() <= data.len());
    for list in [list, Capabilities::parse_words(data)] {
        for (name, _) in list.iter() {
            if let Ok(name) = std::str::from_utf8(name) {
                assert!(list.contains(name));
                for value in list.values(name) {
                    assert!(list.has_feature(name, "") || !value.is_empty());
                }
            }
        }
        if std::str::from_utf8(data).is_ok() {
            let text = list.to_string();
            assert_eq!(Capabilities::parse_words(text.as_bytes()).to_string().trim_end(), text.trim_end());
        }
    }
}

/// Requests to upload-pack in version 0.
pub fn upload_v0(data: &[u8]) {
    ask(Service::UploadPack, ProtocolVersion::V0, &lines(data));
}

/// Requests to upload-pack in version 2.
pub fn upload_v2(data: &[u8]) {
    ask(Service::UploadPack, ProtocolVersion::V2, &lines(data));
}

/// Requests to receive-pack.
pub fn receive(data: &[u8]) {
    ask(Service::ReceivePack, ProtocolVersion::V0, &lines(data));
}

/// Packs. The checksum at the end is put right, so that a fuzzer gets past it, unless the first byte is `!`.
pub fn pack(data: &[u8]) {
    let mut request = lines(b"0000000000000000000000000000000000000000 0d8366295a7ea3b077a13403b9adb528100f82eb refs/heads/x\0report-status\n0000");
    if let Some(raw) = data.strip_prefix(b"!") {
        request.extend_from_slice(raw);
    } else {
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(data);
        request.extend_from_slice(data);
        if let Ok(checksum) = hasher.try_finalize() {
            request.extend_from_slice(checksum.as_slice());
        }
    }
    ask(Service::ReceivePack, ProtocolVersion::V0, &request);
}

/// A server's answers to this client: advertisement, refs and packs.
pub fn client(data: &[u8]) {
    let answer = lines(data);
    let connect = || Duplex::new(Box::new(std::io::Cursor::new(answer.clone())), Box::new(std::io::sink()));
    let mut connection = connect();
    if let Ok(mut session) = FetchSession::start(&mut connection, &["refs/heads/"]) {
        let wants: Vec<_> = session.refs().iter().map(|found| found.id).collect();
        let request = FetchRequest { wants, depth: Some(1), ..FetchRequest::default() };
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(folder.path(), "main").expect("created");
        drop(session.fetch(&repository.to_gix(), &request, &mut |_| {}));
    }
    drop(PushSession::start(&mut connect()).map(|session| session.refs().len()));
}

/// Packs of deltas upon deltas. Three bytes begin an entry: what it is, how far back its base is, and the length of what
/// follows for its delta or content, so that a fuzzer gets to the making of objects. What is taken in can be read.
pub fn deltas(data: &[u8]) {
    let mut entries: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    let mut rest = data;
    while let ([what, back, length, after @ ..], true) = (rest, entries.len() < 1_000) {
        let (content, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let begin = pack.len();
        let base = entries.len().checked_sub(1 + usize::from(*back)).map(|base| &entries[base]);
        let header = match (what % 3, base) {
            (1, Some((offset, _))) => Header::OfsDelta { base_distance: (begin - offset) as u64 },
            (2, Some((_, content))) => Header::RefDelta {
                base_id: gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, content)
                    .unwrap_or(gix::ObjectId::null(gix::hash::Kind::Sha1)),
            },
            (2, None) => Header::RefDelta { base_id: gix::ObjectId::from([*back; 20]) },
            _ => Header::Blob,
        };
        header.write_to(content.len() as u64, &mut pack).expect("a vector takes it");
        pack.extend_from_slice(&stored(content));
        entries.push((begin, content.to_vec()));
    }
    pack[8..12].copy_from_slice(&u32::try_from(entries.len()).expect("few").to_be_bytes());
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&pack);
    pack.extend_from_slice(hasher.try_finalize().expect("nothing here collides").as_slice());
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::init_bare(folder.path(), "main").expect("created").to_gix();
    let options = IngestOptions {
        connectivity: Connectivity::Unchecked,
        max_object_bytes: 1 << 20,
        max_inflated_bytes: 64 << 20,
        durable: false,
        ..IngestOptions::default()
    };
    let Ok(quarantine) = ingest(&repository, &mut &pack[..], &options, &mut |_| {}) else { return };
    quarantine.accept().expect("stored");
    for id in repository.objects.iter().expect("listed") {
        let id = id.expect("an id");
        let object = repository.find_object(id).expect("what is taken in can be read");
        let hash = gix::objs::compute_hash(gix::hash::Kind::Sha1, object.kind, &object.data);
        assert_eq!(hash.expect("nothing here collides"), id);
    }
}

/// A zlib stream of one stored block.
fn stored(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in content {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let mut bytes = vec![0x78, 0x01, 0x01];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&(!length).to_le_bytes());
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(&(b << 16 | a).to_be_bytes());
    bytes
}

/// Files `packed-refs`: they are listed to a client, and what is asked of them is found or not.
pub fn packed_refs(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::init_bare(folder.path(), "main").expect("created");
    std::fs::write(repository.git_dir().join("packed-refs"), data).expect("written");
    let (options, version) = (Options::default(), ProtocolVersion::V0);
    for service in [Service::UploadPack, Service::ReceivePack] {
        drop(Server { repository: &repository, policy: &NothingChanges, options: &options }.advertise(
            service,
            version,
            &mut Vec::new(),
        ));
    }
    let request =
        lines(b"command=ls-refs\n0001\npeel\nsymrefs\nref-prefix refs/heads/\nref-prefix refs/tags/v\n0000");
    let mut answer = Vec::new();
    let (service, version) = (Service::UploadPack, ProtocolVersion::V2);
    drop(Server { repository: &repository, policy: &NothingChanges, options: &options }.respond(
        service,
        version,
        &mut &request[..],
        &mut answer,
    ));
}

/// A server's answer to a fetch, in both versions: acknowledgements, a boundary, a pack.
pub fn fetch_answer(data: &[u8]) {
    let id = "0d8366295a7ea3b077a13403b9adb528100f82eb";
    let capabilities = "side-band-64k multi_ack_detailed shallow filter allow-reachable-sha1-in-want";
    let v0 = lines(format!("{id} refs/heads/x\0{capabilities}\n0000").as_bytes());
    let v2 =
        lines(format!("version 2\nls-refs\nfetch=shallow filter\n0000\n{id} refs/heads/x\n0000").as_bytes());
    for advertised in [v0, v2] {
        let answer = [advertised, lines(data)].concat();
        let mut connection = Duplex::new(Box::new(std::io::Cursor::new(answer)), Box::new(std::io::sink()));
        let mut session = FetchSession::start(&mut connection, &[]).expect("it is well-formed");
        let wants: Vec<_> = session.refs().iter().map(|found| found.id).collect();
        let request = FetchRequest { wants, depth: Some(1), ..FetchRequest::default() };
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(folder.path(), "main").expect("created");
        drop(session.fetch(&repository.to_gix(), &request, &mut |_| {}));
    }
}

/// A server's report on a push.
pub fn push_answer(data: &[u8]) {
    let id = "0d8366295a7ea3b077a13403b9adb528100f82eb";
    for capabilities in ["report-status delete-refs", "report-status-v2 side-band-64k delete-refs atomic"] {
        let mut answer = lines(format!("{id} refs/heads/x\0{capabilities}\n0000").as_bytes());
        answer.extend(lines(data));
        let mut connection = Duplex::new(Box::new(std::io::Cursor::new(answer)), Box::new(std::io::sink()));
        let mut session = PushSession::start(&mut connection).expect("it is well-formed");
        let name = gix::refs::FullName::try_from("refs/heads/x").expect("a name");
        let old = gix::ObjectId::from_hex(id.as_bytes()).ok();
        let request =
            PushRequest { updates: vec![PushUpdate { name, old, new: None }], ..PushRequest::default() };
        drop(session.push(&repository().to_gix(), &request, &mut |_| {}));
    }
}

/// The line that an SSH client asks to be run: what comes out of it is one address, without anything to interpret.
pub fn exec_line(data: &[u8]) {
    if let Ok(line) = exec::ExecLine::parse(data) {
        assert!(
            !line.path.is_empty() && !line.path.starts_with('-') && !line.path.chars().any(char::is_control)
        );
        assert!(data.starts_with(b"git"));
    }
}

/// A query for work items: what is read has no more parts than its bounds allow.
pub fn wiql(data: &[u8]) {
    use wiql_grammar::{Bounds, Query, WiqlError};
    let bounds = Bounds { chars: 4_000, depth: 8, terms: 40 };
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Query::parse(text, bounds, |name| (!name.is_empty()).then_some(())) {
        Ok(query) => assert!(query.columns.len() + query.order.len() <= bounds.terms),
        Err(WiqlError::TooLong(most)) => assert!(text.len() > most),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Points and names in MLflow's stores of files: what was read is the same when it is written and read again.
pub fn store_text(data: &[u8]) {
    let read = |bytes: &[u8], most| {
        let mut rows = Vec::new();
        let take = &mut |row| {
            rows.push(row);
            Ok(())
        };
        let bad = store_text::points(bytes, most, take).expect("memory can be read");
        (rows, bad)
    };
    let write = |rows: &[store_text::Row]| -> String {
        let line =
            |(time, value, step): &store_text::Row| format!("{time} {} {step}\n", store_text::python(*value));
        rows.iter().map(line).collect()
    };
    let text = write(&read(data, 64).0);
    let (rows, bad) = read(text.as_bytes(), 4096);
    assert!(bad.is_none() && write(&rows) == text);
    let text = String::from_utf8_lossy(data);
    let quoted = store_text::quoted(&text);
    assert!(quoted.len() >= text.len() + 2 && !quoted.contains('\n'));
    assert!(!store_text::is_name(&text, 250) || !text.split('/').any(|part| part == ".."));
}

/// Filters and orders of MLflow's searches: what is a filter is one twice over, too.
pub fn search(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if grammar::Filter::parse(text).is_ok_and(|filter| !filter.0.is_empty()) {
        assert!(grammar::Filter::parse(&format!("{text} and {text}")).is_ok());
    }
    let keys: Vec<String> = text.split(';').map(str::to_owned).collect();
    drop(grammar::Order::parse(&keys));
}

/// The packet lines that a text stands for.
fn lines(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        match line {
            b"RAW" => {
                bytes.extend_from_slice(rest);
                break;
            }
            b"0000" | b"0001" | b"0002" => bytes.extend_from_slice(line),
            line => pktline::encode_data(&line[..line.len().min(pktline::MAX_DATA)], &mut bytes)
                .expect("cut to fit"),
        }
    }
    bytes
}

/// Lets everybody read and push, and nothing come of a push.
struct NothingChanges;

impl Policy for NothingChanges {
    fn may_read(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_update(&self, _update: &RefUpdate) -> Result<(), Denial> {
        Err(Denial::new("nothing changes"))
    }
}

fn ask(service: Service, version: ProtocolVersion, request: &[u8]) {
    let limits = Limits {
        max_ids: 500,
        max_lines: 500,
        max_commands: 100,
        max_pack_bytes: 1 << 20,
        max_pack_objects: 1_000,
        max_object_bytes: 1 << 20,
        max_request_bytes: 1 << 20,
        ..Limits::default()
    };
    let options = Options { durable: false, limits, ..Options::default() };
    let mut answer = Vec::new();
    // Whether it is refused isn't the question here.
    drop(Server { repository: repository(), policy: &NothingChanges, options: &options }.respond(
        service,
        version,
        &mut &request[..],
        &mut answer,
    ));
}

/// One repository for all: a file, a folder, two commits and an annotated tag; the same ids everywhere.
fn repository() -> &'static Repository {
    static REPOSITORY: OnceLock<(tempfile::TempDir, Repository)> = OnceLock::new();
    let (_, repository) = REPOSITORY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(&folder.path().join("r.git"), "main").expect("created");
        let repo = repository.to_gix();
        let write = |kind: gix::objs::Kind, bytes: &[u8]| {
            gix::objs::Write::write_buf(&repo.objects, kind, bytes).expect("written")
        };
        let blob = write(gix::objs::Kind::Blob, b"blob\n");
        let tree = write(gix::objs::Kind::Tree, &[&b"100644 file\0"[..], blob.as_slice()].concat());
        let who = "A U Thor <a@example.com> 1500000000 +0100";
        let commit = |parent: &str| {
            let text = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\nmessage\n");
            write(gix::objs::Kind::Commit, text.as_bytes())
        };
        let first = commit("");
        let second = commit(&format!("parent {first}\n"));
        let tag = format!("object {first}\ntype commit\ntag v1\ntagger {who}\n\nmessage\n");
        let tag = write(gix::objs::Kind::Tag, tag.as_bytes());
        let refs: PathBuf = repository.git_dir().join("refs");
        for (name, id) in [("heads/main", second), ("heads/old", first), ("tags/v1", tag)] {
            std::fs::create_dir_all(refs.join(name).parent().expect("a folder")).expect("created");
            std::fs::write(refs.join(name), format!("{id}\n")).expect("written");
        }
        (folder, repository)
    });
    repository
}
