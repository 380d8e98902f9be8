//! Clients that mean harm: silence, half requests, bombs, answers that nobody reads, rubbish. What they are told does
//! not matter; what the others notice of them does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::testbed::{Endpoint, TRAPS, authorization};
use crate::Outcome;

/// The time that a silent connection is held.
const HELD: Duration = Duration::from_secs(3);
/// Connections at once of one attack.
const CONNECTIONS: usize = 30;
/// Bytes of an answer that are read before the connection is dropped.
const READ: usize = 4 << 10;

/// One way to do harm.
struct Attack {
    name: &'static str,
    /// Returns the address and the bytes that are sent there.
    send: fn(&Endpoint) -> (SocketAddr, Vec<u8>),
    connections: usize,
    /// True if some of the answer is read before the client goes.
    reads: bool,
}

const ATTACKS: &[Attack] = &[
    Attack {
        name: "hostile: silence",
        send: |at| (http(at), Vec::new()),
        connections: CONNECTIONS,
        reads: false,
    },
    Attack {
        name: "hostile: silence over SSH",
        send: |at| (at.ssh, Vec::new()),
        connections: CONNECTIONS,
        reads: false,
    },
    Attack {
        name: "hostile: rubbish over SSH",
        send: |at| (at.ssh, [b"SSH-2.0-x\r\n".as_slice(), &[0xff; 4_096]].concat()),
        connections: 4,
        reads: true,
    },
    Attack {
        name: "hostile: half a head",
        send: |at| (http(at), [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 9_000]].concat()),
        connections: CONNECTIONS,
        reads: false,
    },
    Attack {
        name: "hostile: half a form",
        send: |at| (http(at), head(at, "POST", "/_signin", "Content-Length: 1000\r\n")),
        connections: CONNECTIONS,
        reads: false,
    },
    Attack {
        name: "hostile: half a fetch",
        send: |at| {
            let path = format!("/acme/soak/_git/{TRAPS}/git-upload-pack");
            let more = "Content-Type: application/x-git-upload-pack-request\r\nContent-Length: 5000\r\n";
            (http(at), [head(at, "POST", &path, more), b"0032want ".to_vec()].concat())
        },
        connections: CONNECTIONS,
        reads: false,
    },
    Attack {
        name: "hostile: a pack of rubbish",
        send: |at| {
            let path = "/acme/soak/_git/r0/git-receive-pack";
            let more = format!(
                "Authorization: {}\r\nContent-Type: application/x-git-receive-pack-request\r\nContent-Length: 300\r\n",
                authorization(1)
            );
            let line = format!("{} {} refs/heads/rubbish\0report-status", "0".repeat(40), "1".repeat(40));
            let mut body = format!("{:04x}{line}0000PACK\0\0\0\x02\0\0\0\x01", line.len() + 4).into_bytes();
            body.resize(300, 0xa5);
            (http(at), [head(at, "POST", path, &more), body].concat())
        },
        connections: 2,
        reads: true,
    },
    Attack {
        name: "hostile: a tree bomb, listed",
        send: |at| {
            (
                http(at),
                get(at, &format!("/acme/soak/_apis/git/repositories/{TRAPS}/items?recursionLevel=full")),
            )
        },
        connections: 2,
        reads: true,
    },
    Attack {
        name: "hostile: a tree bomb, as an archive",
        send: |at| {
            (
                http(at),
                get(at, &format!("/acme/soak/_apis/git/repositories/{TRAPS}/items?path=/bomb&$format=zip")),
            )
        },
        connections: 2,
        reads: false,
    },
    Attack {
        name: "hostile: deep Markdown",
        send: |at| (http(at), get(at, &format!("/acme/soak/_git/{TRAPS}"))),
        connections: 4,
        reads: true,
    },
    Attack {
        name: "hostile: a large file, unread",
        send: |at| {
            (
                http(at),
                get(
                    at,
                    &format!(
                        "/acme/soak/_apis/git/repositories/{TRAPS}/items?path=/zeros.bin&$format=octetStream"
                    ),
                ),
            )
        },
        connections: 8,
        reads: false,
    },
    Attack {
        name: "hostile: long paths",
        send: |at| (http(at), get(at, &"/x".repeat(20_000))),
        connections: 8,
        reads: true,
    },
    Attack {
        name: "hostile: wrong tokens",
        send: |at| {
            (
                http(at),
                head(
                    at,
                    "GET",
                    "/acme/soak/_git/r1/info/refs?service=git-upload-pack",
                    "Authorization: Basic OndYb25n\r\n",
                ),
            )
        },
        connections: 8,
        reads: true,
    },
];

/// The address of an endpoint's HTTP listener.
fn http(at: &Endpoint) -> SocketAddr {
    at.http.trim_start_matches("http://").parse().expect("the ready line tells a socket's address")
}

fn head(at: &Endpoint, method: &str, path: &str, more: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", http(at)).into_bytes()
}

/// A request as a user who may read.
fn get(at: &Endpoint, path: &str) -> Vec<u8> {
    head(at, "GET", path, &format!("Authorization: {}\r\n", authorization(1)))
}

/// Does harm in one way; the round chooses which. Returns its name.
pub(super) fn attack(at: &Endpoint, round: usize) -> (&'static str, Outcome) {
    let attack = &ATTACKS[round % ATTACKS.len()];
    (attack.name, carry_out(at, attack))
}

fn carry_out(at: &Endpoint, attack: &Attack) -> Outcome {
    let (address, bytes) = (attack.send)(at);
    let mut held = Vec::new();
    for _ in 0..attack.connections {
        // A server that refuses or cuts off who means harm does right.
        let Ok(mut stream) = TcpStream::connect_timeout(&address, HELD) else { continue };
        stream.set_write_timeout(Some(HELD))?;
        stream.set_read_timeout(Some(HELD))?;
        if stream.write_all(&bytes).is_ok() {
            held.push(stream);
        }
    }
    let mut buffer = vec![0; READ];
    if attack.reads {
        for stream in &mut held {
            let _bytes = stream.read(&mut buffer).unwrap_or_default();
        }
    } else if let Some(last) = held.last_mut() {
        // Holds all of them until this one is closed or has been silent for long enough.
        let _bytes = last.read(&mut buffer).unwrap_or_default();
    }
    Ok(())
}
