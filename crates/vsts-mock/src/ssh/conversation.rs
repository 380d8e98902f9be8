//! One request: who asks, for which repository, and may they; then the engine; then how it ended, as an exit status.
//!
//! Text for the person at the other end goes to the error stream, each line behind `remote: `, in the service's
//! words.

use std::io::{BufRead, Write};
use std::sync::Arc;

use bytes::Bytes;
use git_wire::{Error, Service};
use lfs_wire::batch::Operation;
use russh::ChannelWriteHalf;
use russh::server::Msg;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::address::readings;
use super::exec_line::{ExecCommand, ExecLine, LfsProgram};
use super::lfs;
use super::pipe;
use crate::access::{Permissions, Principal};
use crate::admission::{Client, Work};
use crate::app::App;
use crate::conversations::Turn;
use crate::directory::{Directory, Repo};
use crate::faults::{self, Asked, Cutting, Fault, FaultKind};
use crate::gate::Entered;
use crate::hosting::{Busy, GitRefusal, Names, Session, admit};
use crate::journal::{Event, shown};
use crate::limits::SSH_LAST_WORDS;

/// The error stream's number.
const STDERR: u32 = 1;
/// The exit status of a command that was done.
const DONE: u32 = 0;
/// The exit status of a command that is not taken, or not from this user.
const REFUSED: u32 = 1;
/// The exit status of a command that a profile does not have, as the service gives it.
const NO_EXTENSION: u32 = 2;
/// The exit status of a conversation that broke off; Git's own.
const BROKE_OFF: u32 = 128;

/// The key that signed, and the user name of the connection: an account's or nobody's.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The public key whose signature was verified, as the registry keeps it.
    pub(super) key: String,
    pub(super) login: String,
}

impl Caller {
    /// The user whose key that is at this moment.
    fn principal(&self, app: &App, directory: &Directory) -> Option<Principal> {
        let now = app.clock.now();
        let key = directory.key_by_blob(&self.key).filter(|key| key.is_good_at(now))?;
        let user = directory.users.get(&key.user)?;
        app.uses.record(key.id, now);
        Some(Principal {
            user: Some(user.id),
            name: user.name.clone(),
            token: None,
            key: Some(self.key.clone()),
            ceiling: Permissions::ALL,
        })
    }
}

/// A request as the connection hands it over.
pub(super) struct Request {
    pub(super) caller: Caller,
    pub(super) line: Vec<u8>,
    /// The value of `GIT_PROTOCOL`.
    pub(super) protocol: String,
    pub(super) input: Receiver<Bytes>,
    /// Cancelled when the channel is closed or the connection gone.
    pub(super) gone: CancellationToken,
    /// The connection works for as long as this request does.
    pub(super) work: Work,
}

/// The end of a request.
struct End {
    status: u32,
    /// For the error stream.
    message: Option<String>,
    service: Option<&'static str>,
    user: Option<String>,
    unknown: bool,
}

impl End {
    fn with_status(status: u32) -> Self {
        Self { status, message: None, service: None, user: None, unknown: false }
    }

    fn refused(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::with_status(REFUSED) }
    }
}

/// Answers a request, closes its channel, and notes it in the journal.
pub(super) async fn answer(app: Arc<App>, request: Request, channel: Arc<ChannelWriteHalf<Msg>>) {
    let started = app.clock.now();
    let (command, login) = (shown(&String::from_utf8_lossy(&request.line)), shown(&request.caller.login));
    let seq = app.journal.add(
        started,
        Event::SshRequest {
            login: login.clone(),
            command: command.clone(),
            service: None,
            user: None,
            exit_status: None,
            milliseconds: None,
            unknown: false,
        },
    );
    let gone = request.gone.clone();
    let end = converse(&app, request, &channel).await;
    // Journalled before the client hears the end, so that who has heard it finds the whole entry.
    let took = app.clock.now().as_millisecond() - started.as_millisecond();
    app.journal.amend(seq, |entry| {
        if let Event::SshRequest { service, user, exit_status, milliseconds, unknown, .. } = &mut entry.event
        {
            *service = end.service.map(str::to_owned);
            user.clone_from(&end.user);
            *exit_status = Some(end.status);
            *milliseconds = Some(took);
            *unknown = end.unknown;
        }
    });
    tracing::info!(
        login,
        command,
        status = end.status,
        ms = took,
        user = end.user.as_deref(),
        service = end.service,
        "ssh request"
    );
    tokio::select! {
        told = timeout(SSH_LAST_WORDS, close(&channel, &end)) => if told.is_err() {
            tracing::debug!("the client did not take the last words");
        },
        () = gone.cancelled() => {}
    }
}

/// Tells a client on a channel without a conversation that there will be none.
pub(super) async fn refuse(channel: &ChannelWriteHalf<Msg>, message: &str) {
    let end = End::refused(message);
    if timeout(SSH_LAST_WORDS, close(channel, &end)).await.is_err() {
        tracing::debug!("the client did not take the last words");
    }
}

async fn close(channel: &ChannelWriteHalf<Msg>, end: &End) {
    let told = async {
        if let Some(message) = &end.message {
            let lines: String = message.lines().flat_map(|line| ["remote: ", line, "\n"]).collect();
            channel.extended_data_bytes(STDERR, lines.into_bytes()).await?;
        }
        channel.exit_status(end.status).await?;
        channel.eof().await?;
        channel.close().await
    };
    if let Err(error) = told.await {
        tracing::debug!(%error, "the client went before the end");
    }
}

async fn converse(app: &Arc<App>, request: Request, channel: &Arc<ChannelWriteHalf<Msg>>) -> End {
    let directory = app.state.directory();
    let Some(principal) = request.caller.principal(app, &directory) else {
        return End::refused("Public key authentication failed.");
    };
    let user = Some(principal.name.clone());
    let line = match ExecLine::parse(&request.line) {
        Ok(line) => line,
        Err(error) => return End { user, unknown: true, ..End::refused(error.to_string()) },
    };
    let service = Some(line.service());
    let with = |end: End| End { user: user.clone(), service, ..end };
    let fault = match meet_fault(app, &line, &principal).await {
        Ok(cut) => cut,
        Err(message) => return with(End::refused(message)),
    };
    let inside = app.gate.enter().await;
    // While it waited, the state may have been replaced.
    let directory = app.state.directory();
    let Some(principal) = request.caller.principal(app, &directory) else {
        return with(End::refused("Public key authentication failed."));
    };
    if matches!(line.command, ExecCommand::Lfs(..)) && !app.profile.traits().lfs_over_ssh {
        let message = format!("Could not find a Command Extension for Command:{}", line.service());
        return with(End { status: NO_EXTENSION, ..End::refused(message) });
    }
    let repo = match find(&directory, &principal, &request.caller.login, &line) {
        Ok(repo) => repo,
        Err(refusal) => return with(End::refused(refusal.to_string())),
    };
    if let ExecCommand::Lfs(LfsProgram::Authenticate, operation) = line.command {
        let told = lfs::credentials(app, &principal, &repo, operation.into()) + "\n";
        // Who has gone needs no credentials.
        if channel.data_bytes(told.into_bytes()).await.is_err() {
            tracing::debug!("the client went before the answer");
        }
        return with(End::with_status(DONE));
    }
    let (turn, talk) = match begin(app, &inside, principal, repo, &line, &request.protocol).await {
        Ok(begun) => begun,
        Err(busy) => return with(End::refused(busy.to_string())),
    };
    turn.join(request.work);
    let (input, gone, channel) = (request.input, request.gone, channel.clone());
    let (interrupt, closed) = (turn.interrupt().clone(), gone.clone());
    let limits = app.limits().clone();
    let mut working = tokio::task::spawn_blocking(move || {
        let mut reader = pipe::incoming(input, gone.clone(), turn.clone(), &limits);
        let mut writer = pipe::outgoing(&channel, gone, turn, &limits);
        let Some(fault) = fault else { return talk(&mut reader, &mut writer) };
        let (is_cut, after) = (Arc::default(), |kind| fault.after.filter(|_| fault.kind == kind));
        let mut reader = Cutting::new(reader, after(FaultKind::CutRequest), Arc::clone(&is_cut));
        let mut writer = Cutting::new(writer, after(FaultKind::CutAnswer), is_cut);
        talk(&mut reader, &mut writer)
    });
    let joined = tokio::select! {
        joined = &mut working => joined,
        () = closed.cancelled() => {
            interrupt.set();
            working.await
        }
    };
    match joined {
        Ok(Ok(())) => with(End::with_status(DONE)),
        Ok(Err(error)) => {
            report(&error, &line);
            // Nothing has been said in a conversation for which there is no repository.
            let message = matches!(error, Error::Repository(_)).then(|| error.message_to_peer()).flatten();
            with(End { message, ..End::with_status(BROKE_OFF) })
        }
        Err(error) => {
            tracing::error!(%error, path = line.path, "a conversation ended in a panic");
            with(End { status: BROKE_OFF, ..End::refused("internal error in the server") })
        }
    }
}

/// Waits as long as the table of faults says, and gives the fault that cuts a command off; an error has the text of one
/// that refuses it.
async fn meet_fault(app: &App, line: &ExecLine, principal: &Principal) -> Result<Option<Fault>, String> {
    let fate = app.faults.of_request(&Asked {
        method: Some(faults::SSH),
        path: &line.path,
        user: Some(&principal.name),
        bytes: None,
    });
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    match fate.fault {
        Some(fault) if !matches!(fault.kind, FaultKind::CutRequest | FaultKind::CutAnswer) => {
            Err(fault.message.unwrap_or_else(|| "The server refuses this command, for a test.".to_owned()))
        }
        cut => Ok(cut),
    }
}

/// A conversation that is to be led, which blocks.
type Talk = Box<dyn FnOnce(&mut dyn BufRead, &mut dyn Write) -> Result<(), Error> + Send>;

/// Begins a conversation, once there is room for it.
async fn begin(
    app: &Arc<App>,
    inside: &Entered,
    principal: Principal,
    repo: Repo,
    line: &ExecLine,
    protocol: &str,
) -> Result<(Arc<Turn>, Talk), Busy> {
    let client = Client::User(principal.user.unwrap_or_default());
    match line.command {
        ExecCommand::Git(service) => {
            let session = Session::begin(app, principal, repo, service, protocol, client).await?;
            let turn = session.turn().clone();
            let talk = move |reader: &mut dyn BufRead, writer: &mut dyn Write| {
                let summary = session.converse(reader, writer)?;
                tracing::debug!(?summary, "served");
                Ok(())
            };
            Ok((turn, Box::new(talk)))
        }
        ExecCommand::Lfs(_, operation) => {
            let turn = app.conversations.open(client, inside.ended()).await.ok_or(Busy)?;
            let (app, runtime, operation) = (app.clone(), Handle::current(), operation.into());
            let transfer = lfs::Transfer { app, principal, repo, operation, runtime };
            let talk = move |reader: &mut dyn BufRead, writer: &mut dyn Write| {
                transfer.converse(reader, writer).map_err(Error::Io)
            };
            Ok((turn, Box::new(talk)))
        }
    }
}

/// The service of Git that takes the same right as a command.
fn service_like(command: ExecCommand) -> Service {
    match command {
        ExecCommand::Git(service) => service,
        ExecCommand::Lfs(_, operation) => match operation.into() {
            Operation::Upload => Service::ReceivePack,
            Operation::Download => Service::UploadPack,
        },
    }
}

/// Finds the repository that a path names, in one of the readings of it.
fn find(
    directory: &Directory,
    principal: &Principal,
    login: &str,
    line: &ExecLine,
) -> Result<Repo, GitRefusal> {
    let mut first = None;
    let service = service_like(line.command);
    for reading in readings(login, &line.path) {
        let names = Names { account: Some(&reading.account), project: &reading.project, repo: &reading.repo };
        match admit(directory, principal, names, service) {
            Err(refusal @ GitRefusal::NoRepository { .. }) => {
                first.get_or_insert(refusal);
            }
            decided => return decided,
        }
    }
    Err(first.unwrap_or_else(|| GitRefusal::NoRepository { name: line.path.clone() }))
}

fn report(error: &Error, line: &ExecLine) {
    match error {
        Error::Repository(_) | Error::Pack(_) | Error::Refs(_) | Error::DiskFull(_) => {
            tracing::error!(path = line.path, err = %error, cause = ?std::error::Error::source(error), "cannot serve");
        }
        _ => tracing::info!(%error, "ended early"),
    }
}
