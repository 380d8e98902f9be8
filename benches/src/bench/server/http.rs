//! A small HTTP/1.1 client for load: requests are bytes made beforehand, answers are counted and looked at from
//! both ends, and nothing is allocated for what streams through. One thread is one client.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;
/// Bytes of an answer's body that are kept, of its beginning and of its end.
const KEPT: usize = 32 << 10;
const KEPT_END: usize = 16;
/// The longest pause of an answer.
const TIMEOUT: Duration = Duration::from_mins(5);

/// A request without its connection header and body.
#[derive(Debug, Clone)]
pub(super) struct Head(pub(super) String);

impl Head {
    /// The bytes of the request, with `body` if there is one.
    pub(super) fn request(&self, keep_alive: bool, body: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = self.0.clone().into_bytes();
        bytes.extend_from_slice(if keep_alive {
            b"Connection: keep-alive\r\n"
        } else {
            b"Connection: close\r\n".as_slice()
        });
        if let Some(body) = body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body.unwrap_or_default());
        bytes
    }
}

/// An answer, its body's middle left out.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The body's bytes.
    pub(super) length: u64,
    pub(super) begin: Vec<u8>,
    pub(super) end: Vec<u8>,
}

impl Reply {
    fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = KEPT.saturating_sub(self.begin.len()).min(bytes.len());
        self.begin.extend_from_slice(&bytes[..room]);
        self.end.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT_END)..]);
        let surplus = self.end.len().saturating_sub(KEPT_END);
        self.end.drain(..surplus);
    }
}

/// A connection to a server.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, buffer: vec![0; BUFFER], start: 0, end: 0 })
    }

    /// Sends a request and reads the whole answer.
    pub(super) fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.stream.write_all(request)?;
        let mut reply = Reply::default();
        let line = self.line()?;
        reply.status =
            line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| malformed("no HTTP"))?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse::<u64>().ok(),
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        if chunked {
            loop {
                let line = self.line()?;
                let size = u64::from_str_radix(&line, 16).map_err(|_| malformed("no chunk"))?;
                self.body(size, &mut reply)?;
                self.line()?;
                if size == 0 {
                    return Ok(reply);
                }
            }
        }
        match length {
            Some(length) => self.body(length, &mut reply)?,
            None => while self.body(1, &mut reply).is_ok() {},
        }
        Ok(reply)
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            self.start = 0;
            self.end = self.stream.read(&mut self.buffer)?;
            if self.end == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            self.fill()?;
            let rest = &self.buffer[self.start..self.end];
            let found = rest.iter().position(|byte| *byte == b'\n');
            let taken = found.map_or(rest.len(), |at| at + 1);
            line.extend_from_slice(&rest[..taken]);
            self.start += taken;
            if found.is_some() {
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
    }

    fn body(&mut self, mut left: u64, reply: &mut Reply) -> io::Result<()> {
        while left > 0 {
            self.fill()?;
            let available = self.end - self.start;
            let taken = usize::try_from(left).map_or(available, |left| left.min(available));
            reply.take(&self.buffer[self.start..self.start + taken]);
            self.start += taken;
            left -= taken as u64;
        }
        Ok(())
    }
}

/// The work that some clients got done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Pieces of work a second, all clients together.
    pub(super) rate: f64,
    /// The time of the piece in the middle.
    pub(super) p50: Duration,
}

/// The work of one client.
struct Client {
    times: Vec<Duration>,
    /// The number of them that ended within the window.
    within: usize,
    elapsed: Duration,
}

/// Returns the number a second.
#[expect(clippy::cast_precision_loss, reason = "nobody counts that far")]
pub(super) fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Lets this many clients repeat `work` for as long as `window`; each does it once at least. `work` is given the
/// client's number.
pub(super) fn load(
    clients: usize,
    window: Duration,
    work: &(dyn Fn(usize) -> io::Result<()> + Sync),
) -> io::Result<Sample> {
    let barrier = Barrier::new(clients);
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let start = Instant::now();
                    let (mut times, mut within) = (Vec::new(), 0);
                    let mut elapsed = Duration::ZERO;
                    while times.is_empty() || elapsed < window {
                        let begin = Instant::now();
                        work(client)?;
                        times.push(begin.elapsed());
                        elapsed = start.elapsed();
                        within += usize::from(elapsed <= window);
                    }
                    Ok(Client { times, within, elapsed })
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| io::Error::other("a client panicked"))?)
            .collect::<io::Result<Vec<Client>>>()
    })?;
    // What ends after the window was begun under less load: it counts only where too little ended within.
    let within: usize = results.iter().map(|client| client.within).sum();
    let longest = results.iter().map(|client| client.elapsed).max().unwrap_or_default();
    let all: usize = results.iter().map(|client| client.times.len()).sum();
    let per_second =
        if within >= clients && !window.is_zero() { rate(within, window) } else { rate(all, longest) };
    let times = results.into_iter().flat_map(|client| client.times).collect();
    Ok(Sample { rate: per_second, p50: crate::bench::median(times) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::{Connection, Head, load};

    #[test]
    fn answers_of_every_framing_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello",
        ];
        let server = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut request = [0; 64];
                let read = stream.read(&mut request).expect("a request");
                assert!(request[..read].starts_with(b"GET /"), "the request comes first");
                stream.write_all(answer.as_bytes()).expect("an answer");
            }
        });
        let request = Head("GET / HTTP/1.1\r\n".to_owned()).request(false, None);
        for answer in answers {
            let reply = Connection::open(address).expect("open").exchange(&request).expect(answer);
            let read = (reply.status, reply.length, reply.begin.as_slice(), reply.end.as_slice());
            assert_eq!(read, (200, 5, b"hello".as_slice(), b"hello".as_slice()), "{answer}");
        }
        server.join().expect("served");
    }

    #[test]
    fn each_client_works_once_at_least_and_failures_are_told() {
        let sample = load(3, Duration::ZERO, &|_| Ok(())).expect("works");
        assert!(sample.rate > 0.0);
        assert!(
            load(2, Duration::ZERO, &|client| if client == 1 { Err(super::malformed("x")) } else { Ok(()) })
                .is_err()
        );
    }
}
