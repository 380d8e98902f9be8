//! A small CGI server around `git http-backend`: stock git's own way to serve over HTTP, with as little around
//! it as possible, so that what is measured is git.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Outcome, process};

/// Serves the bare repositories under `root` on a free port until the process ends; returns the address.
pub(crate) fn serve(root: &Path) -> Outcome<String> {
    let exec_path = String::from_utf8(process::capture(Command::new("git").arg("--exec-path"))?)?;
    let backend = PathBuf::from(exec_path.trim()).join("git-http-backend");
    if !backend.exists() {
        return Err(format!("this git has no http-backend ({})", backend.display()).into());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let root = root.to_path_buf();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (backend, root) = (backend.clone(), root.clone());
            std::thread::spawn(move || {
                if let Err(error) = answer(&stream, &backend, &root) {
                    eprintln!("cgi: {error}");
                }
            });
        }
    });
    Ok(address)
}

/// Answers the one request of a connection.
fn answer(stream: &TcpStream, backend: &Path, root: &Path) -> Outcome {
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
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query);
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-type" => drop(command.env("CONTENT_TYPE", value)),
            "content-length" => {
                length = value.parse()?;
                command.env("CONTENT_LENGTH", value);
            }
            "git-protocol" => drop(command.env("GIT_PROTOCOL", value)),
            _ => {}
        }
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().expect("stdin was asked for as a pipe");
    std::io::copy(&mut reader.by_ref().take(length), &mut stdin)?;
    drop(stdin);

    let mut output =
        BufReader::with_capacity(1 << 16, child.stdout.take().expect("stdout was asked for as a pipe"));
    let (mut status, mut headers) = ("200 OK".to_owned(), String::new());
    loop {
        line.clear();
        if output.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        match line.strip_prefix("Status: ") {
            Some(value) => value.trim_end().clone_into(&mut status),
            None => headers.push_str(&line),
        }
    }
    let mut out = stream;
    out.write_all(format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").as_bytes())?;
    std::io::copy(&mut output, &mut out)?;
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::bench::repository;
    use crate::process;

    #[test]
    fn stock_git_clones_from_it() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        repository::history(&scratch.path().join("history.git"), 5).expect("a repository");
        repository::many_refs(&scratch.path().join("refs.git"), 20).expect("a repository");
        let address = super::serve(scratch.path()).expect("a server");
        let run = |args: &[&str]| {
            let output = process::capture(repository::git(scratch.path()).args(args)).expect("git works");
            String::from_utf8(output).expect("UTF-8")
        };
        run(&["clone", "-q", &format!("{address}/history.git"), "clone"]);
        assert_eq!(run(&["-C", "clone", "rev-list", "--count", "HEAD"]), "5\n");
        assert_eq!(run(&["-C", "clone", "ls-files"]).lines().count(), 500);
        assert_eq!(run(&["ls-remote", "--heads", &format!("{address}/refs.git")]).lines().count(), 20);
    }
}
