//! Two small transports around the engine, on free ports: the `git://` daemon's greeting with a two-way stream, and
//! just enough HTTP/1.1 for smart HTTP. One thread each connection; all stop with the test process.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use git_wire::{Error, Options, Policy, ProtocolVersion, Repository, Server, Service};

/// Serves every repository below a folder.
pub(crate) struct Host {
    pub(crate) git: String,
    pub(crate) http: String,
    shared: Arc<Shared>,
}

/// One request by HTTP and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) service: Service,
    pub(crate) version: ProtocolVersion,
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Vec<u8>,
}

/// The longest request or answer that is kept.
const MAX_KEPT: usize = 64 << 10;

struct Shared {
    exchanges: Mutex<Vec<Exchange>>,
    root: PathBuf,
    policy: Arc<dyn Policy>,
    options: Options,
    open: Mutex<HashMap<PathBuf, Repository>>,
}

impl Shared {
    /// The repository at `path`, opened once for all conversations.
    fn repository(&self, path: &str) -> Repository {
        let path = self.root.join(path);
        let mut open = self.open.lock().expect("no conversation panics while it opens one");
        open.entry(path.clone()).or_insert_with(|| Repository::open(&path).expect("a repository")).clone()
    }
}

impl Host {
    pub(crate) fn start(root: &Path, policy: Arc<dyn Policy>, options: Options) -> Self {
        let shared = Arc::new(Shared {
            exchanges: Mutex::default(),
            root: root.to_owned(),
            policy,
            options,
            open: Mutex::default(),
        });
        let serve = |shared: Arc<Shared>, handle: fn(&Shared, TcpStream) -> std::io::Result<()>| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("bound");
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || {
                        handle(&shared, stream).unwrap_or_default();
                    });
                }
            });
            address
        };
        let git = serve(Arc::clone(&shared), greet);
        let http = serve(Arc::clone(&shared), http);
        Self { git: format!("git://{git}/"), http: format!("http://{http}/"), shared }
    }

    /// The small requests that have come by HTTP since this was asked last, with their answers.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.shared.exchanges.lock().expect("no conversation panics while it adds one"))
    }

    /// The repository at `path`, as the conversations have it.
    pub(crate) fn repository(&self, path: &str) -> Repository {
        self.shared.repository(path)
    }
}

/// `git-upload-pack /repo.git\0host=…\0\0version=2\0` in one packet line, then the conversation.
fn greet(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let greeting = {
        let mut lines = git_wire::pktline::Reader::new(&mut reader);
        lines.expect_line()?.data().unwrap_or_default().to_vec()
    };
    let greeting = String::from_utf8(greeting).expect("git greets in ASCII");
    let mut parts = greeting.split('\0');
    let (service, path) =
        parts.next().and_then(|command| command.split_once(" /")).expect("a command and a path");
    let version = parts.rfind(|part| part.starts_with("version=")).unwrap_or_default();
    let repository = shared.repository(path);
    let mut writer = stream;
    let result = Server { repository: &repository, policy: shared.policy.as_ref(), options: &shared.options }
        .converse(
            service.parse::<Service>().expect("a service"),
            ProtocolVersion::from_git_protocol_value(version),
            &mut reader,
            &mut writer,
        );
    report(&result.map(|_| ()));
    Ok(())
}

/// Shows in a failed test why a conversation ended.
#[expect(clippy::print_stderr, reason = "the test harness shows it where it's wanted")]
fn report(result: &Result<(), Error>) {
    if let Err(error) = result {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        eprintln!("conversation ended: {text}");
    }
}

fn http(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, target) =
            (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let (mut length, mut chunked, mut version, mut gzip) = (0_usize, false, String::new(), false);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim_end();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(": ").unwrap_or((header, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().expect("a length"),
                "transfer-encoding" => chunked = value == "chunked",
                "git-protocol" => value.clone_into(&mut version),
                "content-encoding" => gzip = value == "gzip",
                "expect" => writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
                _ => {}
            }
        }
        let body = read_body(&mut reader, length, chunked)?;
        let body = if gzip {
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut inflated)?;
            inflated
        } else {
            body
        };
        let version = ProtocolVersion::from_git_protocol_value(&version);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (repository, endpoint) =
            path.trim_start_matches('/').split_once(".git/").expect("a path to a repository");
        let repository =
            Repository::open(&shared.root.join(format!("{repository}.git"))).expect("a repository");
        let mut answer = Vec::new();
        let (policy, options) = (shared.policy.as_ref(), &shared.options);
        let result = if method == "GET" {
            let service = query.strip_prefix("service=").expect("smart HTTP").parse().expect("a service");
            Server { repository: &repository, policy, options }.advertise(service, version, &mut answer)
        } else {
            let service = endpoint.parse().expect("a service");
            let result = Server { repository: &repository, policy, options }.respond(
                service,
                version,
                &mut &body[..],
                &mut answer,
            );
            if body.len().max(answer.len()) <= MAX_KEPT {
                let exchange = Exchange { service, version, request: body.clone(), answer: answer.clone() };
                shared.exchanges.lock().expect("nobody panics while holding it").push(exchange);
            }
            result.map(|_| ())
        };
        report(&result);
        let (status, kind) = match (&result, method.as_str(), query) {
            (Err(Error::Denied(_)), ..) => ("403 Forbidden", "text/plain".to_owned()),
            (_, "GET", query) => {
                ("200 OK", format!("application/x-{}-advertisement", query.trim_start_matches("service=")))
            }
            _ => ("200 OK", format!("application/x-{endpoint}-result")),
        };
        if let Err(Error::Denied(denial)) = &result {
            answer = denial.to_string().into_bytes();
        }
        write!(
            writer,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        )?;
        writer.write_all(&answer)?;
        writer.flush()?;
    }
}

fn read_body(reader: &mut impl BufRead, length: usize, chunked: bool) -> std::io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    if !chunked {
        reader.read_exact(&mut body)?;
        return Ok(body);
    }
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a chunk size");
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        let mut end = [0; 2];
        reader.read_exact(&mut end)?;
        if size == 0 {
            return Ok(body);
        }
    }
}
