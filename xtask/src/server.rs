//! A vsts-mock started by a task, and the little HTTP that tasks speak: enough to ask its API and to load it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Outcome;

/// The longest wait for the next bytes of an answer.
const TIMEOUT: Duration = Duration::from_mins(3);

/// A running server. Dropping it ends the process.
pub struct Server {
    child: Option<Child>,
    ready: Value,
}

impl Server {
    /// Starts `vsts-mock serve` on free ports and waits for its ready line. Its log goes to `log`.
    pub fn start(binary: &Path, seed: &Path, data: &Path, log: &Path) -> Outcome<Self> {
        let mut command = Command::new(binary);
        command.args(["serve", "--http", "127.0.0.1:0", "--ssh", "127.0.0.1:0", "--config"]).arg(seed);
        command.arg("--data-dir").arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(log)?);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let mut server = Self { child: Some(child), ready: Value::Null };
        server.ready = serde_json::from_str(&line).map_err(|_| {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            format!("vsts-mock did not get ready; it printed:\n{line}{log}")
        })?;
        Ok(server)
    }

    /// The address of its HTTP: `http://127.0.0.1:41234`.
    pub fn http(&self) -> &str {
        self.ready["http"].as_str().unwrap_or_default()
    }

    /// The same as a socket's address.
    pub fn address(&self) -> Outcome<std::net::SocketAddr> {
        Ok(self.http().trim_start_matches("http://").parse()?)
    }

    /// The address of its SSH, as a socket's address.
    pub fn ssh_address(&self) -> Outcome<std::net::SocketAddr> {
        Ok(self.ready["ssh"].as_str().unwrap_or_default().trim_start_matches("ssh://").parse()?)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// The token of its admin API.
    pub fn admin_token(&self) -> &str {
        self.ready["admin_token"].as_str().unwrap_or_default()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Outcome<Option<std::process::ExitStatus>> {
        Ok(match &mut self.child {
            Some(child) => child.try_wait()?,
            None => None,
        })
    }

    /// Leaves the process running when this value goes, and returns its id.
    pub fn leave_running(&mut self) -> u32 {
        self.child.take().map_or(0, |child| child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child
            && let Err(error) = child.kill().and_then(|()| child.wait())
        {
            eprintln!("could not stop vsts-mock: {error}");
        }
    }
}

/// An answer.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Sends one request on a connection of its own and reads the whole answer. `url` is `http://host:port/path`.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Outcome<Answer> {
    let rest = url.strip_prefix("http://").ok_or("only http:// is spoken here")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.extend([*name, ": ", *value, "\r\n"]);
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| format!("{url}: no HTTP: {line}"))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        match header.split_once(':') {
            None => break,
            Some(("content-length", value)) => length = value.trim().parse::<u64>().ok(),
            Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end().split(';').next().unwrap_or_default(), 16)?;
            let read = reader.by_ref().take(size).read_to_end(&mut body)?;
            line.clear();
            reader.read_line(&mut line)?;
            if size == 0 {
                break;
            }
            if read as u64 != size {
                return Err(format!("{url}: the answer was cut off").into());
            }
        }
    } else if let Some(length) = length {
        reader.by_ref().take(length).read_to_end(&mut body)?;
    } else {
        reader.read_to_end(&mut body)?;
    }
    Ok(Answer { status, body })
}

/// The Basic header for a personal access token.
pub fn basic(token: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::from("Basic ");
    for group in format!(":{token}").as_bytes().chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            encoded.push(if place <= group.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::basic;

    #[test]
    fn basic_is_base64() {
        assert_eq!(basic("a"), "Basic OmE=");
        assert_eq!(basic("ab"), "Basic OmFi");
        assert_eq!(basic("abc"), "Basic OmFiYw==");
    }
}
