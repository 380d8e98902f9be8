//! The two servers as a client sees them: where a repository is, what a request for it looks like, and whether an
//! answer is one.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::http::{Connection, Head, Reply, Sample, load};
use super::packets::objects_in;
use crate::Outcome;

/// The header that selects the protocol's version.
const V2: &str = "Git-Protocol: version=2\r\n";

/// One of the two servers.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) address: SocketAddr,
    /// The parts of a URL's path before a repository's name and behind it.
    pub(super) around: (String, &'static str),
    /// The header that says who asks, if one has to.
    pub(super) authorization: String,
}

impl Side {
    fn head(&self, method: &str, repo: &str, tail: &str) -> String {
        let (before, behind) = &self.around;
        let authorization = match self.authorization.as_str() {
            "" => String::new(),
            value => format!("Authorization: {value}\r\n"),
        };
        format!(
            "{method} {before}{repo}{behind}/{tail} HTTP/1.1\r\nHost: {}\r\nUser-Agent: git/2.47.0\r\n{authorization}",
            self.address
        )
    }

    /// A request of protocol v2 to a repository.
    pub(super) fn ask(&self, repo: &str, body: &[u8], keep_alive: bool) -> Vec<u8> {
        let mut head = self.head("POST", repo, "git-upload-pack");
        head += "Content-Type: application/x-git-upload-pack-request\r\n";
        head += "Accept: application/x-git-upload-pack-result\r\n";
        Head(head + V2).request(keep_alive, Some(body))
    }

    /// The first request of a push.
    pub(super) fn before_push(&self, repo: &str) -> Vec<u8> {
        Head(self.head("GET", repo, "info/refs?service=git-receive-pack")).request(true, None)
    }

    /// The second request of a push.
    pub(super) fn push(&self, repo: &str, body: &[u8]) -> Vec<u8> {
        let mut head = self.head("POST", repo, "git-receive-pack");
        head += "Content-Type: application/x-git-receive-pack-request\r\n";
        head += "Accept: application/x-git-receive-pack-result\r\n";
        Head(head).request(false, Some(body))
    }

    /// Sends a request on a connection of its own; the answer is checked to be a whole one.
    pub(super) fn once(&self, request: &[u8]) -> io::Result<Reply> {
        whole(Connection::open(self.address)?.exchange(request)?)
    }

    /// Pushes as a client does: refs first, on the same connection the push.
    pub(super) fn push_once(&self, repo: &str, body: &[u8]) -> io::Result<()> {
        let mut connection = Connection::open(self.address)?;
        whole(connection.exchange(&self.before_push(repo))?)?;
        let reply = whole(connection.exchange(&self.push(repo, body))?)?;
        let has = |words: &[u8]| reply.begin.windows(words.len()).any(|window| window == words);
        if has(b"unpack ok\n") && has(b"ok refs/") {
            return Ok(());
        }
        Err(io::Error::other(format!("the push failed: {}", String::from_utf8_lossy(&reply.begin))))
    }

    /// This many clients repeat one request, on a new connection each time or on one of their own.
    pub(super) fn load(
        &self,
        request: &[u8],
        clients: usize,
        window: Duration,
        keep_alive: bool,
    ) -> io::Result<Sample> {
        if !keep_alive {
            return load(clients, window, &|_| self.once(request).map(drop));
        }
        let connections = (0..clients)
            .map(|_| Connection::open(self.address).map(std::sync::Mutex::new))
            .collect::<io::Result<Vec<_>>>()?;
        load(clients, window, &|client| {
            let mut connection =
                connections[client].lock().map_err(|_| io::Error::other("a client panicked"))?;
            whole(connection.exchange(request)?).map(drop)
        })
    }
}

fn whole(reply: Reply) -> io::Result<Reply> {
    if reply.status == 200 && reply.end.ends_with(b"0000") {
        return Ok(reply);
    }
    let shown: String = String::from_utf8_lossy(&reply.begin).chars().take(300).collect();
    Err(io::Error::other(format!("status {}, {} bytes: {shown}", reply.status, reply.length)))
}

/// Checks that both servers give the same refs, or both a pack. A pack may hold objects that the client has elsewhere:
/// how many differs.
pub(super) fn agree(ours: &Reply, theirs: &Reply) -> Outcome {
    let (our_objects, their_objects) = (objects_in(&ours.begin), objects_in(&theirs.begin));
    let same = match our_objects {
        None => ours.begin == theirs.begin && ours.length == theirs.length,
        Some(_) => their_objects.is_some(),
    };
    if same {
        return Ok(());
    }
    Err(format!(
        "the answers differ: {} bytes, objects {our_objects:?} against {} bytes, objects {their_objects:?}",
        ours.length, theirs.length
    )
    .into())
}
