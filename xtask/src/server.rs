//! A vsts-mock started by a task, and the little HTTP that tasks speak: enough to ask its API and to load it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
pub use test_support::Answer;
use test_support::http;

use crate::Outcome;

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

/// Sends one request on a connection of its own and reads the whole answer. `url` is `http://host:port/path`.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Outcome<Answer> {
    let rest = url.strip_prefix("http://").ok_or("only http:// is spoken here")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    Ok(http::send(host, &http::head(host, method, path, &http::lines(headers), body.len()), body)?)
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
