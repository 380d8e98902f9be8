//! `git http-backend` behind as little as it takes: a listener that answers one request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::git::Git;

/// Serves the bare repositories under `root` on a free port until the process ends; returns the address.
pub(crate) fn serve(root: &Path) -> String {
    let exec_path = Git::new(root).run(&["--exec-path"]).ok();
    let backend = PathBuf::from(exec_path.trim()).join("git-http-backend");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let root = root.to_path_buf();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (backend, root) = (backend.clone(), root.clone());
            std::thread::spawn(move || {
                // A client that goes away ends its own conversation and no other.
                let _broken = answer(&stream, &backend, &root);
            });
        }
    });
    address
}

fn answer(stream: &TcpStream, backend: &Path, root: &Path) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, target) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or("/").to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut command = Command::new(backend);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "me")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REQUEST_METHOD", &method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query);
    let (mut length, mut is_chunked) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-type" => drop(command.env("CONTENT_TYPE", value)),
            "content-encoding" => drop(command.env("HTTP_CONTENT_ENCODING", value)),
            "content-length" => length = value.parse().unwrap_or(0),
            "transfer-encoding" => is_chunked = value.eq_ignore_ascii_case("chunked"),
            "git-protocol" => drop(command.env("GIT_PROTOCOL", value)),
            "expect" => (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if is_chunked {
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
            reader.by_ref().take(size).read_to_end(&mut body)?;
            line.clear();
            reader.read_line(&mut line)?;
            if size == 0 {
                break;
            }
        }
    } else {
        reader.by_ref().take(length).read_to_end(&mut body)?;
    }
    command.env("CONTENT_LENGTH", body.len().to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stdin = child.stdin.take();
    // It may answer before it has read everything.
    let feeding = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&body)));
    let mut output = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut output)?;
    }
    child.wait()?;
    let _cut_short = feeding.join();
    let head_end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
    let (head, body) = output.split_at(head_end);
    let head = String::from_utf8_lossy(head);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let headers: String = head
        .lines()
        .filter(|line| !line.starts_with("Status: "))
        .flat_map(|line| [line.trim_end(), "\r\n"])
        .collect();
    let body = body.get(4..).unwrap_or_default();
    let mut out = stream;
    write!(out, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    out.write_all(body)
}
