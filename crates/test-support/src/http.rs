//! HTTP/1.1 by hand: exactly the bytes that a test wants to send, also those that no well-behaved client sends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The longest wait for the next bytes of an answer, on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the headers. The names are in small letters.
    pub head: String,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }
}

/// Connects to `http://HOST:PORT`.
///
/// # Errors
/// If nobody listens there.
pub fn connect(url: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// The head of a request that closes its connection. `lines` are more headers, each of which ends with a line feed; its
/// `Host` is the server's unless they have one.
pub fn head(url: &str, method: &str, path: &str, lines: &str, length: usize) -> String {
    let host = if lines.to_ascii_lowercase().contains("host:") {
        String::new()
    } else {
        format!("Host: {}\n", url.trim_start_matches("http://"))
    };
    format!("{method} {path} HTTP/1.1\n{host}Connection: close\nContent-Length: {length}\n{lines}\n")
}

/// Headers as the lines that [`head`] takes.
pub fn lines(headers: &[(&str, &str)]) -> String {
    headers.iter().map(|(name, value)| [name, ": ", value, "\n"].concat()).collect()
}

/// Sends a request's head, whose lines end with a line feed alone, and its body as given, and reads the answer.
///
/// # Errors
/// If the connection fails, or what comes back is no HTTP.
pub fn send(url: &str, head: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(url)?;
    stream.write_all(head.replace('\n', "\r\n").as_bytes())?;
    // A server that refuses may close before it has read everything.
    let _cut_short = stream.write_all(body);
    read(&mut BufReader::new(stream))
}

/// Reads an answer: by its length, in chunks, or until the end.
///
/// # Errors
/// If the connection fails, or the answer is cut off or no HTTP.
pub fn read(stream: &mut impl BufRead) -> io::Result<Answer> {
    let malformed = |line: &str| io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {line:?}"));
    let mut head = line(stream)?;
    if head.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| malformed(&head))?;
    loop {
        let line = line(stream)?;
        if line.trim_end().is_empty() {
            break;
        }
        match line.split_once(':') {
            Some((name, value)) => head.extend([&name.to_ascii_lowercase(), ":", value]),
            None => head.push_str(&line),
        }
    }
    let mut answer = Answer { status, head, body: Vec::new() };
    if status < 200 || status == 204 || status == 304 {
        // These have no body.
    } else if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
        stream.take(length).read_to_end(&mut answer.body)?;
    } else if answer.header("transfer-encoding").is_some() {
        loop {
            let size = line(stream)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(|_| malformed(&size))?;
            if stream.take(size).read_to_end(&mut answer.body)? as u64 != size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            line(stream)?;
            if size == 0 {
                break;
            }
        }
    } else {
        stream.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn answers_of_every_framing_are_read() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello",
        ] {
            let read = read(&mut answer.as_bytes()).expect(answer);
            assert_eq!((read.status, read.text().as_str()), (200, "hello"), "{answer}");
        }
        let no_body = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(read(&mut no_body.as_bytes()).expect("an answer").text(), "");
        let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhe";
        assert!(read(&mut cut.as_bytes()).is_err() && read(&mut &b"hello"[..]).is_err());
    }
}
