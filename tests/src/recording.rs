//! Servers and proxies that write down what they are asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;

/// A request as a server sees it.
#[derive(Debug, Clone, Default)]
struct Asked {
    line: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut found = Self::default();
        stream.read_line(&mut found.line).ok().filter(|read| *read > 0)?;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            found.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(found)
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone()).collect()
    }
}

/// Accepts connections until the test ends, each in a thread of its own.
fn serve(each: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            std::thread::spawn(move || each(stream));
        }
    });
    address
}

/// An empty Git repository for whoever sends one of these headers.
#[derive(Debug)]
pub struct Host {
    /// Host and port.
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Host {
    /// Starts it on a free port, until the test ends.
    pub fn start(accepted: &'static [&'static str]) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let address = serve(move |stream| {
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut stream = stream;
            while let Some(asked) = Asked::read(&mut reader) {
                let length = asked.all("content-length").first().and_then(|text| text.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                if reader.read_exact(&mut body).is_err() {
                    return;
                }
                kept.lock().expect("no panic").push(asked.clone());
                let sent: Vec<String> =
                    ["authorization", "cookie", "x-pass"].iter().flat_map(|name| asked.all(name)).collect();
                let is_post = asked.line.starts_with("POST");
                let (status, kind, text) = if !sent.iter().any(|value| accepted.contains(&value.as_str())) {
                    ("401 Unauthorized", "text/plain", "")
                } else if is_post {
                    ("200 OK", "application/x-git-upload-pack-result", "0000")
                } else {
                    (
                        "200 OK",
                        "application/x-git-upload-pack-advertisement",
                        "000eversion 2\n000cls-refs\n000afetch\n0000",
                    )
                };
                let challenge =
                    if status.starts_with("401") { "WWW-Authenticate: Basic realm=\"a b\"\r\n" } else { "" };
                let length = text.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{challenge}Content-Length: {length}\r\n\r\n{text}"
                );
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        });
        Self { address, asked }
    }

    /// Returns the values of each of these headers that were sent since the last call, without repetitions.
    pub fn sent(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().expect("no panic"));
        let names = ["authorization", "cookie", "x-pass", "x-more"];
        let mut all: Vec<String> = asked
            .iter()
            .flat_map(|asked| names.map(|name| asked.all(name).join(", ")))
            .filter(|value| !value.is_empty())
            .collect();
        all.dedup();
        all
    }
}

/// The value of a header for a user name and a password.
pub fn basic(pair: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// A proxy that takes every name for the server's. It notes the first line and the proxy's credentials of each request.
pub fn proxy(target: &str, wants_user: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let (kept, target) = (Arc::clone(&recorded), target.to_owned());
    let address = serve(move |stream| {
        let mut client = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut back = stream;
        while let Some(asked) = Asked::read(&mut client) {
            let who = asked.all("proxy-authorization").join(",");
            if wants_user && who.is_empty() {
                let head =
                    "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n\r\n";
                drop(back.write_all(head.as_bytes()));
                continue;
            }
            kept.lock().expect("no panic").push(format!("{} {who}", asked.line.trim_end()));
            let Ok(mut server) = TcpStream::connect(&target) else { return };
            if asked.line.starts_with("CONNECT") {
                drop(back.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n"));
                let (mut up, mut down) =
                    (server.try_clone().expect("a handle"), back.try_clone().expect("a handle"));
                let other = std::thread::spawn(move || drop(std::io::copy(&mut server, &mut down)));
                drop(std::io::copy(&mut client, &mut up));
                drop(up.shutdown(std::net::Shutdown::Both));
                drop(other.join());
                return;
            }
            // The whole URL becomes a path; the server closes after its answer.
            let path = asked.line.splitn(4, '/').nth(3).unwrap_or_default();
            let method = asked.line.split(' ').next().unwrap_or_default();
            let mut head = format!("{method} /{}\r\n", path.trim_end());
            for (name, value) in &asked.headers {
                if !name.starts_with("proxy-") && name != "connection" {
                    head.extend([name, ": ", value, "\r\n"]);
                }
            }
            head.push_str("Connection: close\r\n\r\n");
            drop(server.write_all(head.as_bytes()));
            let is_chunked = asked.all("transfer-encoding").iter().any(|value| value == "chunked");
            let length = asked.all("content-length").first().and_then(|text| text.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            drop(client.read_exact(&mut body));
            drop(server.write_all(&body));
            if is_chunked {
                let mut chunk = String::new();
                while client.read_line(&mut chunk).is_ok_and(|read| read > 0) {
                    drop(server.write_all(chunk.as_bytes()));
                    let size = usize::from_str_radix(chunk.trim(), 16).unwrap_or(0);
                    let mut data = vec![0; size + 2];
                    drop(client.read_exact(&mut data));
                    drop(server.write_all(&data));
                    if size == 0 {
                        break;
                    }
                    chunk.clear();
                }
            }
            drop(std::io::copy(&mut server, &mut back));
            drop(back.shutdown(std::net::Shutdown::Both));
            return;
        }
    });
    (address, recorded)
}

/// Returns the recorded lines since the last call.
pub fn taken(recorded: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *recorded.lock().expect("no panic"))
}
