//! Attacks on a client, and defects of servers: each row names its source, where there is one.

use std::time::Duration;

use super::*;
use crate::env::SystemPace;

/// Bytes of the object that is asked for.
const SIZE: usize = 100_000;

fn object() -> (Vec<u8>, Pointer) {
    let content: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    let pointer = large::hash(&mut &content[..], &mut |_| {}).unwrap();
    (content, pointer)
}

/// Fetches the object from a server whose batch answers with this action, and whose GETs answer by `get`.
fn fetch_from(
    action: impl Fn(&str) -> Value + Send + Sync + 'static,
    get: impl Fn(&Got) -> Reply + Send + Sync + 'static,
) -> (Result<(), SyncError>, Log) {
    let (home, log) = serve(move |own, got| {
        if got.line.contains("/objects/batch") {
            return batch(got, &|_| json!({"download": action(own)}));
        }
        get(got)
    });
    let (_folder, history) = history();
    let (_, pointer) = object();
    let by = signature();
    let result = fetch(&history, &remote(&home), &[pointer], Context::quiet(&by));
    assert_eq!(history.large_files().has(&pointer), result.is_ok());
    if result.is_ok() {
        assert!(history.large_files().is_whole(&pointer).unwrap());
    }
    (result, log)
}

fn told(error: &SyncError) -> String {
    with_causes(error)
}

#[test]
fn no_action_leads_to_what_is_no_plain_http_url() {
    let (elsewhere, at_elsewhere) = serve(|_, _| Reply::new(200, "x"));
    let host = elsewhere.trim_start_matches("http://");
    for (source, href) in [
        ("CVE-2024-53263: a line feed before the host", format!("http://\n{host}/x")),
        ("CVE-2024-53263: a carriage return in the host", format!("http://{}\r{}/x", &host[..3], &host[3..])),
        ("CVE-2024-53263: an encoded line feed in the host", format!("http://a%0a{host}/x")),
        ("CVE-2024-53263: a line feed in the path", format!("http://{host}/x\nHost: y")),
        ("a NUL in the path", format!("http://{host}/x\0")),
        ("a tab, which parsers pass over", format!("ht\ttp://{host}/x")),
        ("a space before it", format!(" http://{host}/x")),
        ("credentials in the URL", format!("http://ada:secret@{host}/x")),
        ("a user alone", format!("http://ada@{host}/x")),
        ("CVE-2017-17831: an SSH option", "ssh://-oProxyCommand=touch%20pwned/x".to_owned()),
        ("a file", "file:///etc/passwd".to_owned()),
        ("a relative URL", "/objects/x".to_owned()),
        ("a URL without a scheme", format!("//{host}/x")),
        ("another scheme", format!("ftp://{host}/x")),
        ("nothing", String::new()),
    ] {
        let sent = href.clone();
        let (result, _) = fetch_from(move |_| json!({"href": sent}), |_| Reply::new(200, "x"));
        let why = told(&result.expect_err(source));
        assert!(why.contains("no plain http URL"), "{source}: {why}");
        assert!(at_elsewhere.lock().unwrap().is_empty(), "{source}: {href:?}");

        // The same for what is to be sent.
        let (home, _) = serve(move |_, got| batch(got, &|_| json!({"upload": {"href": href}})));
        let (_folder, history) = history();
        owe(&history, b"mine");
        let by = signature();
        let pushed = push(&history, &remote(&home), Context::quiet(&by)).unwrap();
        assert_eq!((pushed.files, pushed.left), (0, 1), "{source}");
        assert!(at_elsewhere.lock().unwrap().is_empty(), "{source}");
    }
}

#[test]
fn what_a_server_sends_in_the_place_of_an_object_never_gets_its_name() {
    let (content, pointer) = object();
    let with_range =
        |reply: Reply, range: &str| Reply(206, vec![("Content-Range", range.to_owned())], reply.2, reply.3);
    let half = content[..SIZE / 2].to_vec();
    let mut other = content.clone();
    other[SIZE - 1] ^= 1;
    let more = [&content[..], b"x"].concat();
    let rows: Vec<(&str, Reply)> = vec![
        ("DeterminateSystems/nix-src#456: other content", Reply::new(200, other)),
        (
            "DeterminateSystems/nix-src#456: fewer bytes than announced in the pointer",
            Reply::new(200, half.clone()),
        ),
        ("DeterminateSystems/nix-src#456: one byte more", Reply::new(200, more)),
        (
            "git-lfs#4179: a Content-Length that is larger than the body",
            Reply(200, Vec::new(), content.clone(), SIZE / 3),
        ),
        ("nothing at all", Reply::new(200, "")),
        ("a page in its place", Reply::new(200, "<html>sign in</html>")),
        ("a part that nobody asked for", with_range(Reply::new(206, half), "bytes 50000-99999/100000")),
        ("a part without its place", Reply::new(206, content.clone())),
        ("no content, and a success", Reply::new(204, "")),
        ("a redirect without a place", Reply::new(302, "")),
        ("a redirect to a file", Reply::new(302, "").with("Location", "file:///etc/passwd")),
        (
            "a redirect to an SSH option, as CVE-2017-17831",
            Reply::new(302, "").with("Location", "ssh://-oProxyCommand=x/y"),
        ),
        ("a redirect to itself", Reply::new(302, "").with("Location", "/again")),
        ("a refusal", Reply::new(403, "{\"message\": \"no\\u001b[31m\"}")),
    ];
    for (source, reply) in rows {
        let answer = Mutex::new(reply);
        let (result, log) = fetch_from(
            |own| json!({"href": format!("{own}/get")}),
            move |_| {
                let Reply(status, headers, body, sent) = &*answer.lock().unwrap();
                Reply(*status, headers.clone(), body.clone(), *sent)
            },
        );
        let why = told(&result.expect_err(source));
        assert!(!why.contains('\u{1b}'), "{source}: {why}");
        assert!(log.lock().unwrap().len() <= 2 * (limits::REDIRECTS + 2), "{source}");
    }
    let (result, _) =
        fetch_from(|own| json!({"href": format!("{own}/get")}), move |_| Reply::new(200, content.clone()));
    result.unwrap_or_else(|error| panic!("the object itself: {error}"));
    assert_eq!(pointer.size, SIZE as u64);
}

#[test]
fn a_batch_that_makes_no_sense_does_nothing() {
    let (_, pointer) = object();
    let object = |size: &str, more: &str| {
        format!(
            "{{\"transfer\":\"basic\",\"hash_algo\":\"sha256\",\"objects\":[{{\"oid\":\"{}\",\"size\":{size}{more}}}]}}",
            pointer.oid
        )
    };
    for (source, answer) in [
        ("the compliance tool: a negative size", object("-1", "")),
        ("a size of 2^63", object("9223372036854775808", "")),
        ("a size of 2^64", object("18446744073709551616", "")),
        ("a size that is no number", object("\"x\"", "")),
        ("an action without a URL", object("1", ",\"actions\":{\"download\":{}}")),
        ("an error without words", object("1", ",\"error\":{\"code\":404,\"message\":\"\"}")),
        (
            "an action of the other direction",
            object("1", ",\"actions\":{\"upload\":{\"href\":\"http://127.0.0.1:9/\"}}"),
        ),
        (
            "the compliance tool: an id with `..`",
            object("1", "").replace(&pointer.oid.to_string()[..6], "../../"),
        ),
        (
            "upper case",
            object("1", "").replace(&pointer.oid.to_string(), &pointer.oid.to_string().to_uppercase()),
        ),
        ("no JSON", "nonsense".to_owned()),
        ("JSON in itself", "[".repeat(100_000)),
        ("an endless text", "x".repeat(usize::try_from(limits::LFS_ANSWER).unwrap() + 1)),
        ("CVE-2026-105802: a transfer that the server names", object("1", "").replace("basic", "custom")),
    ] {
        let (home, log) = serve(move |_, _| Reply::new(200, answer.clone()));
        let (_folder, history) = history();
        let by = signature();
        let result = fetch(&history, &remote(&home), &[pointer], Context::quiet(&by));
        let why = told(&result.expect_err(source));
        assert!(!why.is_empty() && !history.large_files().has(&pointer), "{source}: {why}");
        assert!(log.lock().unwrap().iter().all(|got| got.line.contains("/objects/batch")), "{source}");
    }
}

#[test]
fn headers_of_an_action_are_headers_and_nothing_else() {
    let (content, _) = object();
    for (source, header) in [
        ("CVE-2024-53263: a line feed in a value", json!({"X-A": "b\r\nX-Injected: yes"})),
        ("a line feed in a name", json!({"X-A\r\nX-Injected": "yes"})),
        ("a NUL in a value", json!({"X-A": "b\0c"})),
        ("no name", json!({"": "b"})),
    ] {
        let sent = content.clone();
        let (result, log) = fetch_from(
            move |own| json!({"href": format!("{own}/get"), "header": header}),
            move |_| Reply::new(200, sent.clone()),
        );
        assert!(result.is_err(), "{source}");
        assert!(log.lock().unwrap().iter().all(|got| !got.headers.contains_key("x-injected")), "{source}");
    }
}

#[test]
fn a_redirect_of_what_is_sent_is_not_followed() {
    let (elsewhere, at_elsewhere) = serve(|_, _| Reply::new(200, ""));
    for status in [301, 302, 303, 307, 308] {
        let there = elsewhere.clone();
        let (home, _) = serve(move |own, got| {
            if got.line.contains("/objects/batch") {
                return batch(
                    got,
                    &|_| json!({"upload": {"href": format!("{own}/put"), "header": {"Authorization": "x"}}}),
                );
            }
            Reply::new(status, "").with("Location", format!("{there}/put"))
        });
        let (_folder, history) = history();
        owe(&history, b"mine");
        let by = signature();
        let pushed = push(&history, &remote(&home), Context::quiet(&by)).unwrap();
        assert_eq!((pushed.files, pushed.left), (0, 1), "{status}");
    }
    assert!(at_elsewhere.lock().unwrap().is_empty());
}

/// A clock that goes on by a second whenever it is looked at.
struct Fast(Mutex<Duration>);

impl Pace for Fast {
    fn now(&self) -> Duration {
        let mut now = self.0.lock().unwrap();
        *now += Duration::from_secs(1);
        *now
    }

    fn random(&self) -> u64 {
        SystemPace.random()
    }

    fn sleep(&self, _: Duration) {}
}

/// Gives a byte at each read, for ever.
struct Trickle;

impl io::Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        out[0] = 7;
        Ok(1)
    }
}

#[test]
fn an_answer_that_trickles_is_given_up_and_one_that_goes_on_is_not() {
    let clock = Fast(Mutex::default());
    let mut slow = Timed::new(Trickle, &clock);
    let error = io::copy(&mut slow, &mut io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("bytes came in 120 seconds"), "{error}");
    let long = io::repeat(7).take(10_000_000);
    assert_eq!(io::copy(&mut Timed::new(long, &clock), &mut io::sink()).unwrap(), 10_000_000);
}
