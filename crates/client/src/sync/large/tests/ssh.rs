//! Peers over SSH that do not do what they should: `git-lfs-transfer`, and the answer of `git-lfs-authenticate`.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::*;

/// Time that a conversation may be silent here.
const SILENCE: Duration = Duration::from_secs(3);
/// Time in which any peer is given up: each of two programs is waited for, on a busy machine.
const GIVEN_UP: Duration = Duration::from_mins(1);

/// A remote whose `ssh` is a script: it says these things as `git-lfs-transfer` and as `git-lfs-authenticate`.
fn peer(folder: &Path, transfer: &str, authenticate: &str) -> Remote {
    let script = folder.join("ssh");
    let text = format!(
        "for last; do :; done\ncase \"$last\" in\ngit-lfs-transfer*)\n{transfer}\n;;\ngit-lfs-authenticate*)\n{authenticate}\n;;\nesac\n"
    );
    std::fs::write(&script, text).unwrap();
    let mut command = OsString::from("exec sh ");
    command.push(&script);
    let options = TransportOptions {
        ssh_command: Some(command),
        ssh_variant: Some("ssh".to_owned()),
        stall_timeout: SILENCE,
        ..TransportOptions::default()
    };
    Remote::new(RemoteUrl::parse("ssh://ada@host/acme/_git/iris").unwrap(), Provider::new(), options)
}

/// Packet lines as a line of the shell, after which the peer takes whatever comes. `0000` and `0001` are themselves.
fn says(lines: &[&str]) -> String {
    let framed = lines.iter().map(|line| match *line {
        "0000" | "0001" => (*line).to_owned(),
        line => format!("{:04x}{line}", line.len() + 4),
    });
    let text: String = framed.collect();
    format!("printf '%s' '{text}'\ncat >/dev/null")
}

/// The error of fetching an object from a peer, and the object's place stays empty.
fn refused(source: &str, transfer: &str, authenticate: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (_folder, history) = history();
    let pointer = large::hash(&mut &b"an object"[..], &mut |_| {}).unwrap();
    let by = signature();
    let begun = Instant::now();
    let remote = peer(folder.path(), transfer, authenticate);
    let error = fetch(&history, &remote, &[pointer], Context::quiet(&by)).expect_err(source);
    assert!(begun.elapsed() < GIVEN_UP, "{source}: {:?}", begun.elapsed());
    assert!(!history.large_files().has(&pointer), "{source}");
    with_causes(&error)
}

/// Tries all rows at the same time: some wait.
fn try_all(rows: &[(&str, String, String, &str)]) {
    std::thread::scope(|scope| {
        for (source, transfer, authenticate, told) in rows {
            scope.spawn(move || {
                let why = refused(source, transfer, authenticate);
                assert!(why.contains(told) && why.len() < 2_000, "{source}: {why}");
            });
        }
    });
}

#[test]
fn a_strange_answer_of_git_lfs_authenticate_leads_nowhere() {
    let none = "echo 'git-lfs-transfer: not found' >&2; exit 127";
    let (elsewhere, at_elsewhere) =
        serve(|_, _| Reply::new(401, "{\"message\": \"the token is no longer good\"}"));
    let json = |text: &str| format!("printf '%s' '{text}'");
    let expired = json(&format!(
        "{{\"href\": \"{elsewhere}/x\", \"header\": {{\"Authorization\": \"old\"}}, \"expires_at\": \"2001-01-01T00:00:00Z\", \"expires_in\": 0}}"
    ));
    let rows = [
        ("nothing", ":".to_owned(), "tells no Git LFS server"),
        ("its own words", "echo 'no such repository' >&2; exit 1".to_owned(), "no such repository"),
        ("no JSON", json("Welcome!"), "tells no Git LFS server"),
        ("JSON of another form", json("[1, 2]"), "tells no Git LFS server"),
        ("no URL", json("{\"header\": {}}"), "tells no Git LFS server"),
        ("JSON in itself", "head -c 1000000 /dev/zero | tr '\\0' '['".to_owned(), "tells no Git LFS server"),
        ("an answer without end", "exec yes '{\"href\":'".to_owned(), "tells no Git LFS server"),
        (
            "CVE-2017-17831: an SSH option",
            json("{\"href\": \"ssh://-oProxyCommand=x/y\"}"),
            "tells no Git LFS server",
        ),
        ("a file", json("{\"href\": \"file:///etc\"}"), "tells no Git LFS server"),
        ("a host where nobody listens", json("{\"href\": \"http://127.0.0.1:1/x\"}"), "127.0.0.1"),
        ("a credential that has expired", expired, "no longer good"),
        ("silence", "exec sleep 60".to_owned(), "did not answer in time"),
        (
            "an end, and a program that goes on",
            "exec >&-; exec sleep 60".to_owned(),
            "tells no Git LFS server",
        ),
    ];
    let rows = rows.map(|(source, answer, told)| (source, none.to_owned(), answer, told));
    try_all(&rows);
    // Only what the answer itself said went to the host that it named.
    let got = at_elsewhere.lock().unwrap();
    assert!(!got.is_empty() && got.iter().all(|got| got.headers["authorization"] == "old"), "{got:?}");
}

#[test]
fn a_git_lfs_transfer_that_misbehaves_puts_nothing_in_place_and_is_given_up() {
    let pointer = large::hash(&mut &b"an object"[..], &mut |_| {}).unwrap();
    let offer = format!("{} 9 download", pointer.oid);
    let greeting = ["version=1", "0000", "status 200", "0000"];
    // All is tried twice, in the same conversation if that goes on.
    let talk = |more: &[&str]| says(&[&greeting[..], more, more].concat());
    let offered = |more: &[&str]| talk(&[&["status 200", "0001", &offer, "0000"][..], more].concat());
    let other = offer.replace(&offer[..8], "00000000");
    let rows = [
        ("no greeting", "exec >&-; exec sleep 60".to_owned(), ""),
        ("a program in its place that holds stderr open", "sleep 60 >/dev/null & exit 1".to_owned(), ""),
        ("another version", says(&["version=2", "0000"]), ""),
        ("a greeting without end", "exec yes 000dversion=1".to_owned(), ""),
        ("no packet lines", "echo 'Last login: today'; cat >/dev/null".to_owned(), ""),
        ("silence after the greeting", talk(&[]), "did not answer in time"),
        ("no status", talk(&["0001", &offer, "0000"]), "without a status"),
        ("a status that is no number", talk(&["status ok", "0000"]), "without a status"),
        (
            "a refusal with control characters",
            talk(&["status 403", "0001", "no\u{7}!", "0000"]),
            "status 403",
        ),
        ("another object", talk(&["status 200", "0001", &other, "0000"]), "did not answer about it"),
        (
            "an answer with a packet that is cut off",
            talk(&[]).replace("\ncat >/dev/null", "; printf 00ffx"),
            "",
        ),
        (
            "an object of another size",
            offered(&["status 200", "size=10", "0001", "an object!", "0000"]),
            "another size",
        ),
        ("more bytes", offered(&["status 200", "size=9", "0001", "an object!", "0000"]), "other content"),
        ("fewer bytes", offered(&["status 200", "size=9", "0001", "an obj", "0000"]), "cut off"),
        ("other bytes", offered(&["status 200", "size=9", "0001", "an_object", "0000"]), "other content"),
        (
            "a line that is no data",
            offered(&["status 200", "size=9", "0001", "an", "0001", "0000"]),
            "no data",
        ),
        ("arguments without end", offered(&["a=b"; 200]), ""),
        ("it is not there", offered(&["status 404", "0001", "gone", "0000"]), "gone"),
    ];
    // One that did not speak the protocol is asked for another server; it tells none.
    let rows = rows.map(|(source, transfer, told)| (source, transfer, "exit 1".to_owned(), told));
    try_all(&rows);
}
