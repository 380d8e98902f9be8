//! Git LFS over SSH: credentials for HTTP (`git-lfs-authenticate`), and the protocol that transfers objects and locks over
//! SSH itself (`git-lfs-transfer`): packet lines, one request after the other, until the client says goodbye.

use std::io::{self, BufRead, Read as _, Write};
use std::sync::Arc;

use git_wire::pktline::{Line, MAX_DATA, Reader, Writer};
use lfs_wire::Oid;
use lfs_wire::batch::{Asked, HASH_ALGORITHM, Operation, Reference, Request};
use lfs_wire::command::{self, Command};
use serde_json::{Number, json};
use tokio::runtime::Handle;

use super::exec_line::LfsOperation;
use crate::access::Principal;
use crate::app::App;
use crate::directory::Repo;
use crate::identity::grant::Holder;
use crate::limits::{LFS_ARGUMENTS, LFS_BATCH_OBJECTS, LFS_SIGN_IN};
use crate::operations::lfs::batch::{Todo, ask};
use crate::operations::lfs::locks::{self, Lock, Wanted};
use crate::operations::lfs::{LfsRefused, address, authorization, check, transfer};

impl From<LfsOperation> for Operation {
    fn from(operation: LfsOperation) -> Self {
        match operation {
            LfsOperation::Upload => Self::Upload,
            LfsOperation::Download => Self::Download,
        }
    }
}

/// The answer to `git-lfs-authenticate`: where to go, and what to show there.
pub(super) fn credentials(app: &App, principal: &Principal, repo: &Repo, operation: Operation) -> String {
    let holder = Holder::of(&app.state.directory(), principal);
    let header = authorization(app, &holder, repo, operation, None, LFS_SIGN_IN);
    json!({
        "href": address(app, repo),
        "header": { "Authorization": header },
        "expires_in": LFS_SIGN_IN.as_secs(),
    })
    .to_string()
}

/// One conversation with `git-lfs-transfer`. Its methods block.
pub(super) struct Transfer {
    pub(super) app: Arc<App>,
    pub(super) principal: Principal,
    pub(super) repo: Repo,
    pub(super) operation: Operation,
    pub(super) runtime: Handle,
}

/// A request as far as it stands before its own lines, or its data.
struct Asking {
    arguments: Vec<(String, String)>,
    /// True if lines of its own follow.
    has_more: bool,
}

impl Asking {
    fn argument(&self, key: &str) -> Option<&str> {
        self.arguments.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Default)]
struct Reply {
    status: u16,
    arguments: Vec<String>,
    lines: Vec<String>,
}

impl Reply {
    fn done() -> Self {
        Self { status: 200, ..Self::default() }
    }

    fn failed(status: u16, message: impl Into<String>) -> Self {
        Self { status, arguments: Vec::new(), lines: vec![message.into()] }
    }

    fn of_lock(status: u16, lock: &Lock) -> Self {
        let Lock { id, path, owner, locked_at, .. } = lock;
        let arguments = vec![
            format!("id={id}"),
            format!("path={path}"),
            format!("locked-at={locked_at}"),
            format!("ownername={owner}"),
        ];
        Self { status, arguments, lines: Vec::new() }
    }
}

impl From<LfsRefused> for Reply {
    fn from(refused: LfsRefused) -> Self {
        Self::failed(refused.code(), refused.to_string())
    }
}

type Input<'a> = Reader<&'a mut dyn BufRead>;
type Output<'a> = Writer<&'a mut dyn Write>;

impl Transfer {
    /// Leads the conversation to its end.
    pub(super) fn converse(&self, reader: &mut dyn BufRead, writer: &mut dyn Write) -> io::Result<()> {
        let (mut input, mut output): (Input<'_>, Output<'_>) = (Reader::new(reader), Writer::new(writer));
        output.text("version=1")?;
        output.text("locking")?;
        output.flush_line()?;
        output.get_mut().flush()?;
        loop {
            let line = match input.read_line()? {
                None => return Ok(()),
                Some(Line::Data(line)) => line.strip_suffix(b"\n").unwrap_or(line).to_vec(),
                Some(_) => return Err(invalid("a request begins with a command")),
            };
            let asking = read_arguments(&mut input)?;
            let is_last = line == b"quit";
            let reply = match Command::parse(&line) {
                Ok(Command::GetObject(oid)) => {
                    drain(&mut input, asking.has_more)?;
                    match self.give(oid, &mut output)? {
                        None => continue,
                        Some(refused) => refused.into(),
                    }
                }
                Ok(Command::PutObject(oid)) => self.take(oid, &asking, &mut input)?,
                Ok(Command::Batch) => self.batch(&asking, &mut input)?,
                Ok(command) => {
                    drain(&mut input, asking.has_more)?;
                    self.answer(command, &asking).unwrap_or_else(Reply::from)
                }
                Err(error) => {
                    drain(&mut input, asking.has_more)?;
                    Reply::failed(400, error.to_string())
                }
            };
            send(&mut output, &reply)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Asks again whether the client may still do what the conversation is for.
    fn check(&self, operation: Operation) -> Result<(), LfsRefused> {
        if self.operation != operation && operation == Operation::Upload {
            return Err(LfsRefused::Invalid("This conversation is for downloads.".to_owned()));
        }
        check(&self.app.state.directory(), &self.principal, self.repo.id, operation).map(|_| ())
    }

    /// Answers a command that has no data.
    fn answer(&self, command: Command, asking: &Asking) -> Result<Reply, LfsRefused> {
        let (app, principal, repo) = (&self.app, &self.principal, &self.repo);
        match command {
            Command::Version(version) if version == "1" => Ok(Reply::done()),
            Command::Version(_) => Ok(Reply::failed(400, "The server speaks version 1.")),
            Command::VerifyObject(oid, size) => {
                self.check(Operation::Upload)?;
                let size = size.or_else(|| asking.argument("size").and_then(command::size));
                let size = size.ok_or_else(|| LfsRefused::Invalid("A size is needed.".to_owned()))?;
                self.runtime.block_on(transfer::verify(app, repo, oid, size))?;
                Ok(Reply::done())
            }
            Command::Lock => {
                self.check(Operation::Upload)?;
                let path = asking.argument("path").unwrap_or_default();
                let locking = locks::lock(app, principal, repo, path, asking.argument("refname"));
                Ok(match self.runtime.block_on(locking)? {
                    Ok(lock) => Reply::of_lock(201, &lock),
                    Err(lock) => {
                        let lines = vec![format!("The path is locked by {} already.", lock.owner)];
                        Reply { lines, ..Reply::of_lock(409, &lock) }
                    }
                })
            }
            Command::ListLocks => {
                self.check(Operation::Download)?;
                let limit = asking.argument("limit").and_then(|limit| limit.parse().ok());
                let (path, id) = (asking.argument("path"), asking.argument("id"));
                let wanted = Wanted { path, id, cursor: asking.argument("cursor"), limit };
                let (found, cursor) = self.runtime.block_on(locks::list(app, principal, repo, wanted))?;
                let arguments = cursor.map(|cursor| format!("next-cursor={cursor}")).into_iter().collect();
                Ok(Reply { status: 200, arguments, lines: found.iter().flat_map(lock_lines).collect() })
            }
            Command::Unlock(id) => {
                self.check(Operation::Upload)?;
                let force = asking.argument("force") == Some("true");
                let lock = self.runtime.block_on(locks::unlock(app, principal, repo, &id, force))?;
                Ok(Reply::of_lock(200, &lock))
            }
            Command::Quit => Ok(Reply::done()),
            Command::Batch | Command::GetObject(_) | Command::PutObject(_) => {
                Ok(Reply::failed(400, "It is out of place."))
            }
        }
    }

    /// Says what to do about objects. The protocol has no error of one object: the first of an upload refuses all.
    fn batch(&self, asking: &Asking, input: &mut Input<'_>) -> io::Result<Reply> {
        let (mut objects, mut fault) = (Vec::new(), None);
        let lines = if asking.has_more { usize::MAX } else { 0 };
        for _ in 0..lines {
            let Line::Data(line) = input.expect_line()? else { break };
            match command::batch_line(line.strip_suffix(b"\n").unwrap_or(line)) {
                Ok(_) if objects.len() > LFS_BATCH_OBJECTS => return Err(invalid("the batch is too large")),
                Ok((oid, size)) => {
                    let size = command::size(size).map_or_else(|| Number::from(-1), Number::from);
                    objects.push(Asked { oid: oid.to_owned(), size });
                }
                Err(error) => fault = Some(error),
            }
        }
        if let Some(fault) = fault {
            return Ok(Reply::failed(400, fault.to_string()));
        }
        let request = Request {
            operation: self.operation,
            objects,
            transfers: Vec::new(),
            reference: asking.argument("refname").map(|name| Reference { name: name.to_owned() }),
            hash_algo: asking.argument("hash-algo").map(str::to_owned),
        };
        Ok(self.batched(&request).unwrap_or_else(Reply::from))
    }

    fn batched(&self, request: &Request) -> Result<Reply, LfsRefused> {
        self.check(self.operation)?;
        let todos = self.runtime.block_on(ask(&self.app, &self.principal, &self.repo, request))?;
        let name = match self.operation {
            Operation::Upload => "upload",
            Operation::Download => "download",
        };
        let mut lines = Vec::new();
        for (asked, todo) in request.objects.iter().zip(todos) {
            let action = match todo {
                Todo::Transfer(..) => name,
                Todo::Nothing => "noop",
                Todo::Refused(LfsRefused::NoObject) if self.operation == Operation::Download => "noop",
                Todo::Refused(refused) => return Err(refused),
            };
            lines.push(format!("{} {} {action}", asked.oid, asked.size));
        }
        Ok(Reply { status: 200, arguments: vec![format!("hash-algo={HASH_ALGORITHM}")], lines })
    }

    /// Sends a content; returns why not.
    fn give(&self, oid: Oid, output: &mut Output<'_>) -> io::Result<Option<LfsRefused>> {
        let opening = self.check(Operation::Download).and_then(|()| {
            self.runtime.block_on(transfer::open(&self.app, &self.principal, &self.repo, oid))
        });
        let content = match opening {
            Ok(content) => content,
            Err(refused) => return Ok(Some(refused)),
        };
        output.text("status 200")?;
        output.text(format!("size={}", content.size))?;
        output.delimiter()?;
        let (mut buffer, mut file) = (vec![0; MAX_DATA], content.file.take(content.size));
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            output.data(&buffer[..length])?;
        }
        output.flush_line()?;
        output.get_mut().flush()?;
        Ok(None)
    }

    /// Receives a content. After a refusal what still comes of it is passed over, up to its size.
    fn take(&self, oid: Oid, asking: &Asking, input: &mut Input<'_>) -> io::Result<Reply> {
        let size = asking.argument("size").and_then(command::size);
        let Some(size) = size.filter(|_| asking.has_more) else {
            drain(input, asking.has_more)?;
            return Ok(Reply::failed(400, "A size and data are needed."));
        };
        let begin = || {
            self.check(Operation::Upload)?;
            transfer::check_size(&self.app, size)?;
            transfer::begin(&self.app)
        };
        let mut receiving = begin();
        let mut left = size;
        while let Line::Data(data) = input.expect_line()? {
            left = left
                .checked_sub(data.len() as u64)
                .ok_or_else(|| invalid("there is more data than its size says"))?;
            if let Ok(open) = &mut receiving
                && let Err(error) = open.write(data)
            {
                receiving = Err(LfsRefused::internal(&error));
            }
        }
        let kept = receiving.and_then(|receiving| {
            if receiving.size() != size {
                return Err(LfsRefused::Mismatch(
                    "The content has another size than its object. Nothing was stored.",
                ));
            }
            let received = transfer::finish(receiving, oid)?;
            self.runtime.block_on(transfer::keep(&self.app, &self.principal, &self.repo, received))
        });
        Ok(kept.map_or_else(Reply::from, |()| Reply::done()))
    }
}

/// The lines about one lock of a list.
fn lock_lines(lock: &Lock) -> [String; 5] {
    let Lock { id, path, owner, is_ours, locked_at } = lock;
    let whose = if *is_ours { "ours" } else { "theirs" };
    [
        format!("lock {id}"),
        format!("path {id} {path}"),
        format!("locked-at {id} {locked_at}"),
        format!("ownername {id} {owner}"),
        format!("owner {id} {whose}"),
    ]
}

fn read_arguments(input: &mut Input<'_>) -> io::Result<Asking> {
    let mut arguments = Vec::new();
    loop {
        match input.expect_line()? {
            Line::Data(line) => {
                if arguments.len() == LFS_ARGUMENTS {
                    return Err(invalid("a request has too many arguments"));
                }
                // What is not understood is passed over, as the specification says.
                if let Ok((key, value)) = command::argument(line.strip_suffix(b"\n").unwrap_or(line)) {
                    arguments.push((key.to_owned(), value.to_owned()));
                }
            }
            Line::Delimiter => return Ok(Asking { arguments, has_more: true }),
            Line::Flush => return Ok(Asking { arguments, has_more: false }),
            Line::ResponseEnd => return Err(invalid("there is no such line in a request")),
        }
    }
}

/// Reads to the end of a request whose lines nobody wants.
fn drain(input: &mut Input<'_>, has_more: bool) -> io::Result<()> {
    let mut lines = 0;
    while has_more && input.expect_line()? != Line::Flush {
        lines += 1;
        if lines > LFS_BATCH_OBJECTS {
            return Err(invalid("a request has too many lines"));
        }
    }
    Ok(())
}

fn send(output: &mut Output<'_>, reply: &Reply) -> io::Result<()> {
    output.text(format!("status {:03}", reply.status))?;
    for argument in &reply.arguments {
        output.text(argument)?;
    }
    if !reply.lines.is_empty() {
        output.delimiter()?;
        for line in &reply.lines {
            output.text(line)?;
        }
    }
    output.flush_line()?;
    output.get_mut().flush()
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
