//! A network line between a client and a server that can be cut or fall silent after any byte, and counts what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// A fault of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Both ends of every connection are closed, and of those made later.
    Cut,
    /// Nothing passes any more, and nobody is told.
    Silence,
}

#[derive(Debug, Default)]
struct State {
    up: u64,
    down: u64,
    fault: Option<(Way, u64, Fault)>,
    connections: u64,
}

impl State {
    fn passed(&self, way: Way) -> u64 {
        match way {
            Way::Up => self.up,
            Way::Down => self.down,
        }
    }

    /// Returns the number of bytes, of `wanted`, that may pass, and the fault after them.
    fn admit(&mut self, way: Way, wanted: u64) -> (u64, Option<Fault>) {
        let (count, fault) = match self.fault {
            Some((at, limit, fault)) => {
                let left = limit.saturating_sub(self.passed(at));
                match (left, at == way) {
                    (0, _) => (0, Some(fault)),
                    (left, true) if left <= wanted => (left, Some(fault)),
                    _ => (wanted, None),
                }
            }
            None => (wanted, None),
        };
        match way {
            Way::Up => self.up += count,
            Way::Down => self.down += count,
        }
        (count, fault)
    }
}

/// A line to one server, on a port of its own. It ends with the test's process.
#[derive(Debug, Clone)]
pub struct Line {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Line {
    /// A line to the server at `http://HOST:PORT…`.
    pub fn to(url: &str) -> Self {
        let target =
            url.trim_start_matches("http://").split('/').next().expect("a host and a port").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::<Mutex<State>>::default();
        let line = Self { address, state: Arc::clone(&state) };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                state.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
                let Ok(server) = TcpStream::connect(&target) else { continue };
                for (way, from, to) in [(Way::Up, &client, &server), (Way::Down, &server, &client)] {
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let state = Arc::clone(&state);
                    if let (Ok(from), Ok(to)) = (from, to) {
                        std::thread::spawn(move || pass(&state, way, from, to));
                    }
                }
            }
        });
        line
    }

    /// The same URL by way of this line.
    pub fn through(&self, url: &str) -> String {
        let rest = url.trim_start_matches("http://");
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        format!("http://{}{path}", self.address)
    }

    /// From now on everything passes, counted from zero.
    pub fn mend(&self) {
        *self.state() = State::default();
    }

    /// Counts from zero, and cuts the line when so many bytes have gone that way.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        *self.state() = State { fault: Some((way, bytes, Fault::Cut)), ..State::default() };
    }

    /// Counts from zero, and lets nothing more pass when so many bytes have gone that way.
    pub fn silence_after(&self, way: Way, bytes: u64) {
        *self.state() = State { fault: Some((way, bytes, Fault::Silence)), ..State::default() };
    }

    /// Returns the number of bytes that have gone that way since the counts began.
    pub fn passed(&self, way: Way) -> u64 {
        self.state().passed(way)
    }

    /// Returns the number of connections since the counts began.
    pub fn connections(&self) -> u64 {
        self.state().connections
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pass(state: &Mutex<State>, way: Way, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let (admitted, fault) = state.lock().unwrap_or_else(PoisonError::into_inner).admit(way, count as u64);
        let admitted = usize::try_from(admitted).expect("no more than were read");
        if to.write_all(&buffer[..admitted]).is_err() {
            break;
        }
        match fault {
            None => {}
            Some(Fault::Cut) => {
                drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
                return;
            }
            // Reads on, so that the other end notices nothing.
            Some(Fault::Silence) => {
                while matches!(from.read(&mut buffer), Ok(count) if count > 0) {}
                return;
            }
        }
    }
    drop(to.shutdown(Shutdown::Write));
}
