//! Git LFS over SSH itself: conversations with `git-lfs-transfer`, one request after the other in each.
//!
//! A conversation in which something went wrong is ended, and never used again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, PoisonError};

use azml_core::large::Pointer;
use git_wire::client::{TransportError, TransportErrorKind as Kind};
use git_wire::pktline::{Line, MAX_DATA, Reader, Writer};
use lfs_wire::batch::{Action, Actions, HASH_ALGORITHM};
use lfs_wire::command;

use super::Planned;
use crate::limits;
use crate::transport::ssh::{Address, Ssh};
use crate::transport::{TransportOptions, http_error, stall};

/// The version of the protocol.
const VERSION: &str = "version=1";

/// The conversations with one server.
pub struct Sessions {
    address: Address,
    operation: &'static str,
    options: TransportOptions,
    /// Those that nobody uses now.
    idle: Mutex<Vec<Session>>,
}

/// One conversation.
struct Session {
    input: Reader<BufReader<stall::Watched>>,
    output: Writer<BufWriter<ChildStdin>>,
    ssh: Ssh,
}

/// The beginning of an answer.
struct Reply {
    status: u16,
    arguments: BTreeMap<String, String>,
    /// True if lines of its own follow.
    has_more: bool,
}

impl Sessions {
    /// Opens the first conversation: fails if the server does not know the protocol.
    pub(super) fn open(
        address: &Address,
        operation: &'static str,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let first = Session::open(address, operation, options)?;
        let idle = Mutex::new(vec![first]);
        Ok(Self { address: address.clone(), operation, options: options.clone(), idle })
    }

    /// Does something in a conversation, which goes on afterwards if nothing went wrong in it. The result of a request that
    /// the server refuses is the inner error.
    fn talk<T>(
        &self,
        work: impl FnOnce(&mut Session) -> io::Result<Result<T, String>>,
    ) -> Result<Result<T, String>, TransportError> {
        let mut session = self.take()?;
        match work(&mut session) {
            Ok(done) => {
                self.give_back(session);
                Ok(done)
            }
            Err(error) => {
                let error = TransportError::from_io("transferring large files", error);
                Err(session.ssh.explain(error))
            }
        }
    }

    fn take(&self) -> Result<Session, TransportError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Session::open(&self.address, self.operation, &self.options), Ok)
    }

    fn give_back(&self, session: Session) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }

    /// Asks what to do with objects.
    pub(super) fn batch(
        &self,
        pointers: &[Pointer],
        reference: &str,
    ) -> Result<Vec<Planned>, TransportError> {
        let lines = self.talk(|session| {
            let arguments = [
                "transfer=ssh".to_owned(),
                format!("hash-algo={HASH_ALGORITHM}"),
                format!("refname={reference}"),
            ];
            session.ask("batch", &arguments)?;
            session.output.delimiter()?;
            for Pointer { oid, size } in pointers {
                session.output.text(format!("{oid} {size}"))?;
            }
            session.end_of_request()?;
            let reply = session.reply()?;
            let lines = session.lines(&reply)?;
            Ok(if reply.status == 200 { Ok(lines) } else { Err(refusal(reply.status, &lines)) })
        })?;
        let lines = lines.map_err(|why| {
            let host = &self.address.host;
            TransportError::new(Kind::Refused, format!("{host} refuses large files: {why}"))
        })?;
        Ok(lines.iter().filter_map(|line| planned(line, pointers)).collect())
    }

    /// Sends an object and has it verified.
    pub(super) fn upload(
        &self,
        actions: &Actions,
        pointer: &Pointer,
        open: &dyn Fn() -> Result<File, String>,
    ) -> Result<(), String> {
        let Some(action) = &actions.upload else { return Ok(()) };
        let content = open()?;
        let done = self.talk(|session| {
            let mut arguments = vec![format!("size={}", pointer.size)];
            arguments.extend(of_action(action));
            session.ask(&format!("put-object {}", pointer.oid), &arguments)?;
            session.output.delimiter()?;
            session.send(content, pointer.size)?;
            session.end_of_request()?;
            if let Err(why) = session.outcome()? {
                return Ok(Err(why));
            }
            session.ask(&format!("verify-object {}", pointer.oid), &arguments)?;
            session.end_of_request()?;
            session.outcome()
        });
        done.map_err(|error| error.to_string())?
    }

    /// Begins to receive an object.
    pub(super) fn download(this: &Arc<Self>, action: &Action, pointer: &Pointer) -> Result<Download, String> {
        let mut session = this.take().map_err(|error| error.to_string())?;
        let mut begin = || {
            let arguments: Vec<String> = of_action(action).collect();
            session.ask(&format!("get-object {}", pointer.oid), &arguments)?;
            session.end_of_request()?;
            let reply = session.reply()?;
            if reply.status == 200 && reply.has_more {
                return Ok(Ok(reply));
            }
            let lines = session.lines(&reply)?;
            Ok::<_, io::Error>(Err(refusal(reply.status, &lines)))
        };
        match begin() {
            Ok(Ok(reply)) => {
                let size = reply.arguments.get("size").and_then(|size| command::size(size));
                if size.is_some_and(|size| size != pointer.size) {
                    return Err("the server has an object of another size".to_owned());
                }
                Ok(Download {
                    session: Some(session),
                    sessions: Arc::clone(this),
                    piece: Vec::new(),
                    used: 0,
                })
            }
            Ok(Err(why)) => {
                this.give_back(session);
                Err(why)
            }
            Err(error) => {
                let error = TransportError::from_io("receiving a large file", error);
                Err(session.ssh.explain(error).to_string())
            }
        }
    }
}

/// The text of a refusal.
fn refusal(status: u16, lines: &[String]) -> String {
    let text = http_error::clean_message(lines.join(" ").as_bytes()).unwrap_or_default().replace('\n', " ");
    if text.is_empty() { format!("status {status}") } else { format!("{text} (status {status})") }
}

/// Reads the server's line about an object that was asked for; others are passed over.
fn planned(line: &str, pointers: &[Pointer]) -> Option<Planned> {
    let mut words = line.split(' ');
    let (oid, _size, action) = (words.next()?, words.next()?, words.next()?);
    let pointer = pointers.iter().find(|pointer| pointer.oid.to_string() == oid)?;
    // What the server wants to be told again in the transfer.
    let of_transfer = words.filter_map(|word| word.split_once('='));
    let header = of_transfer.filter(|(key, _)| ["id", "token"].contains(key));
    let header = header.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let action = (action, Action { href: String::new(), header, expires_in: None });
    let actions = match action {
        ("upload", action) => Actions { upload: Some(action), ..Actions::default() },
        ("download", action) => Actions { download: Some(action), ..Actions::default() },
        _ => Actions::default(),
    };
    Some((*pointer, Ok(actions)))
}

fn of_action(action: &Action) -> impl Iterator<Item = String> {
    action.header.iter().map(|(key, value)| format!("{key}={value}"))
}

impl Session {
    fn open(address: &Address, operation: &str, options: &TransportOptions) -> Result<Self, TransportError> {
        let (ssh, input, output) = Ssh::lfs_transfer(address, operation, options)?;
        let input = Reader::new(BufReader::new(input));
        let output = Writer::new(BufWriter::with_capacity(MAX_DATA, output));
        let mut session = Self { input, output, ssh };
        match session.greet() {
            Ok(Ok(())) => Ok(session),
            Ok(Err(why)) => Err(TransportError::new(Kind::Other, why)),
            Err(error) => {
                let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
                let error = TransportError::from_io("reading from the server", error);
                let Self { output, mut ssh, .. } = session;
                drop(output);
                Err(if is_end { ssh.explain_end(error) } else { ssh.explain(error) })
            }
        }
    }

    /// Reads what the server can do, and agrees on the version.
    fn greet(&mut self) -> io::Result<Result<(), String>> {
        let mut knows = false;
        for _ in 0..limits::LFS_SSH_LINES {
            let line = self.input.expect_line()?;
            if line != Line::Flush {
                knows |= line.text() == Some(VERSION.as_bytes());
                continue;
            }
            if !knows {
                return Err(invalid("it does not speak version 1 of git-lfs-transfer"));
            }
            self.ask("version 1", &[])?;
            self.end_of_request()?;
            return self.outcome();
        }
        Err(invalid("its greeting has too many lines"))
    }

    /// Writes a request's first lines.
    fn ask(&mut self, command: &str, arguments: &[String]) -> io::Result<()> {
        self.output.text(command)?;
        arguments.iter().try_for_each(|argument| self.output.text(argument))
    }

    fn send(&mut self, content: File, size: u64) -> io::Result<()> {
        let (mut content, mut left) = (content.take(size), size);
        let mut buffer = vec![0; MAX_DATA];
        while left > 0 {
            let count = content.read(&mut buffer)?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
            }
            self.output.data(&buffer[..count])?;
            left -= count as u64;
        }
        Ok(())
    }

    fn end_of_request(&mut self) -> io::Result<()> {
        self.output.flush_line()?;
        self.output.get_mut().flush()
    }

    /// Reads the beginning of an answer.
    fn reply(&mut self) -> io::Result<Reply> {
        let status = match self.input.expect_line()?.text().map(<[u8]>::to_vec) {
            Some(text) => {
                std::str::from_utf8(&text).ok().and_then(|text| text.strip_prefix("status ")?.parse().ok())
            }
            None => None,
        };
        let mut reply = Reply {
            status: status.ok_or_else(|| invalid("an answer without a status"))?,
            arguments: BTreeMap::new(),
            has_more: false,
        };
        for _ in 0..limits::LFS_SSH_LINES {
            match self.input.expect_line()? {
                Line::Flush => return Ok(reply),
                Line::Delimiter => return Ok(Reply { has_more: true, ..reply }),
                line => {
                    // What is not understood is passed over, as the specification says.
                    if let Some(Ok((key, value))) = line.text().map(command::argument) {
                        reply.arguments.insert(key.to_owned(), value.to_owned());
                    }
                }
            }
        }
        Err(invalid("an answer with too many arguments"))
    }

    /// Reads the lines that follow an answer's beginning.
    fn lines(&mut self, reply: &Reply) -> io::Result<Vec<String>> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        if !reply.has_more {
            return Ok(lines);
        }
        loop {
            let line = self.input.expect_line()?;
            let Some(text) = line.text() else {
                let is_end = line == Line::Flush;
                return if is_end { Ok(lines) } else { Err(invalid("an answer that does not end")) };
            };
            bytes += text.len() as u64 + 1;
            if bytes > limits::LFS_ANSWER {
                return Err(invalid("the answer is too long"));
            }
            lines.push(String::from_utf8_lossy(text).into_owned());
        }
    }

    /// Reads an answer that only says whether it was done.
    fn outcome(&mut self) -> io::Result<Result<(), String>> {
        let reply = self.reply()?;
        let lines = self.lines(&reply)?;
        Ok(if reply.status == 200 { Ok(()) } else { Err(refusal(reply.status, &lines)) })
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The content of an object as it comes.
pub struct Download {
    /// `None` after its end.
    session: Option<Session>,
    sessions: Arc<Sessions>,
    piece: Vec<u8>,
    used: usize,
}

impl Read for Download {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.used == self.piece.len() {
            let Some(session) = &mut self.session else { return Ok(0) };
            match session.input.expect_line()? {
                Line::Data(data) => {
                    self.piece.clear();
                    self.piece.extend_from_slice(data);
                    self.used = 0;
                }
                Line::Flush => {
                    self.sessions
                        .idle
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(self.session.take());
                }
                Line::Delimiter | Line::ResponseEnd => return Err(invalid("a line that is no data")),
            }
        }
        let count = out.len().min(self.piece.len() - self.used);
        out[..count].copy_from_slice(&self.piece[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}
