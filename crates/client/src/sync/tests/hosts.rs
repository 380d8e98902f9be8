//! Small HTTP servers: one that says what a test wants, and one that is `git http-backend`.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A server on a free port. It ends with the test's process.
pub(crate) struct Host {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Host {
    /// Answers each request with what `answer` makes of it: status line, headers, empty line, body.
    pub(crate) fn new(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    log.lock().unwrap().push(request.clone());
                    let answer = answer(&request);
                    // A client that hangs up early has seen enough.
                    drop((&stream).write_all(&answer));
                });
            }
        });
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        out.push_str(&[name, ": ", value, "\r\n"].concat());
    }
    out.push_str("\r\n");
    [out.as_bytes(), body].concat()
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut next = |reader: &mut BufReader<&TcpStream>| {
        line.clear();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = next(&mut reader)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = next(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, target, headers, body: Vec::new() };
    if asked.header("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&next(&mut reader)?, 16).ok()?;
            let start = asked.body.len();
            asked.body.resize(start + size, 0);
            reader.read_exact(&mut asked.body[start..]).ok()?;
            next(&mut reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = asked.header("content-length").and_then(|length| length.parse().ok()) {
        asked.body.resize(length, 0);
        reader.read_exact(&mut asked.body).ok()?;
    }
    Some(asked)
}

/// Asks another server the same, and gives its answer as it comes.
pub(crate) fn pass_on(url: &str, asked: &Asked) -> Vec<u8> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let mut request = format!("{} {} HTTP/1.1\r\n", asked.method, asked.target);
    for (name, value) in &asked.headers {
        if !["transfer-encoding", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
            request.push_str(&[name, ": ", value, "\r\n"].concat());
        }
    }
    request.push_str(&["Content-Length: ", &asked.body.len().to_string(), "\r\n\r\n"].concat());
    stream.write_all(&[request.as_bytes(), &asked.body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// Serves the repositories below `root` as `git http-backend` does, to whoever says `expected`.
pub(crate) fn git_http(root: &Path, expected: &'static str) -> Host {
    git_http_as(root, Some(expected), true, |_, body| body.to_vec())
}

/// The same to anybody if nothing is `expected`, in newer versions of the protocol if it may, and with bodies that
/// `change` makes of them.
pub(crate) fn git_http_as(
    root: &Path,
    expected: Option<&'static str>,
    newer: bool,
    change: impl Fn(&Asked, &[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> Host {
    let root = root.to_owned();
    Host::new(move |asked| {
        if expected.is_some_and(|expected| asked.header("authorization") != Some(expected)) {
            return answer("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"test\"")], b"");
        }
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REMOTE_USER", "alice")
            .env("REQUEST_METHOD", &asked.method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", asked.header("content-type").unwrap_or_default())
            .env("CONTENT_LENGTH", asked.body.len().to_string())
            .env("GIT_PROTOCOL", asked.header("git-protocol").filter(|_| newer).unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let body = asked.body.clone();
        let feeder = std::thread::spawn(move || drop(input.write_all(&body)));
        let output = child.wait_with_output().unwrap().stdout;
        feeder.join().unwrap();
        let split = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&output[..split]).into_owned();
        let mut status = "200 OK";
        let mut headers = Vec::new();
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            if name == "Status" { status = value } else { headers.push((name, value)) }
        }
        answer(status, &headers, &change(asked, &output[split + 4..]))
    })
}
