//! Transfers with servers of all manners: credentials stay with their host, what is cut off goes on, and nothing that is not
//! the object gets its name.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use azml_core::large;
use azml_core::remote_url::RemoteUrl;
use serde_json::{Value, json};

use super::*;
use crate::credentials::Provider;
use crate::transport::TransportOptions;

/// A request that a server has got.
#[derive(Debug, Clone)]
struct Got {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// A server's answer: status, headers, body, and how many bytes of it are really sent.
struct Reply(u16, Vec<(&'static str, String)>, Vec<u8>, usize);

impl Reply {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(status, Vec::new(), body.into(), usize::MAX)
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.1.push((name, value.into()));
        self
    }
}

type Log = Arc<Mutex<Vec<Got>>>;

/// Starts a server; gives its address and what it got.
fn serve(answer: impl Fn(&str, &Got) -> Reply + Send + Sync + 'static) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (log, own) = (Log::default(), address.clone());
    let (kept, answer) = (Arc::clone(&log), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (kept, answer, own) = (Arc::clone(&kept), Arc::clone(&answer), own.clone());
            std::thread::spawn(move || converse(stream.unwrap(), &kept, &|got| answer(&own, got)));
        }
    });
    (address, log)
}

fn converse(mut stream: TcpStream, log: &Log, answer: &dyn Fn(&Got) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    let mut got = Got { line: String::new(), headers: BTreeMap::new(), body: Vec::new() };
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        match line.trim_end().split_once(": ") {
            Some((name, value)) if !got.line.is_empty() => {
                got.headers.insert(name.to_lowercase(), value.to_owned());
            }
            _ => got.line = line.trim_end().to_owned(),
        }
        line.clear();
    }
    let length = got.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    reader.take(length).read_to_end(&mut got.body).unwrap();
    log.lock().unwrap().push(got.clone());
    let Reply(status, headers, body, sent) = answer(&got);
    let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    head.push_str("\r\n");
    // A client that has gone is one of the cases.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..body.len().min(sent)])));
}

fn remote(address: &str) -> Remote {
    let url = address.replace("http://", "http://ada:secret@") + "/acme/_git/iris";
    Remote::new(RemoteUrl::parse(&url).unwrap(), Provider::new(), TransportOptions::default())
}

fn history() -> (tempfile::TempDir, HistoryRepo) {
    let folder = tempfile::tempdir().unwrap();
    let id = "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
    let history = HistoryRepo::init(folder.path(), id).unwrap();
    (folder, history)
}

/// Puts an object into a history's store, and notes that the remote lacks it.
fn owe(history: &HistoryRepo, content: &[u8]) -> Pointer {
    let pointer = large::hash(&mut &content[..], &mut |_| {}).unwrap();
    let path = history.path().join("an-object");
    std::fs::write(&path, content).unwrap();
    history.large_files().place(&pointer, &path).unwrap();
    history.add_large_unpushed(&[pointer]).unwrap();
    pointer
}

/// The answer about all objects of a request, each with these actions.
fn batch(got: &Got, actions: &dyn Fn(&str) -> Value) -> Reply {
    let request: Value = serde_json::from_slice(&got.body).unwrap();
    let objects: Vec<Value> = request["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| {
            let oid = object["oid"].as_str().unwrap();
            json!({"oid": oid, "size": object["size"], "actions": actions(oid)})
        })
        .collect();
    let answer = json!({"transfer": "basic", "objects": objects, "hash_algo": "sha256"});
    Reply::new(200, answer.to_string())
}

fn signature() -> gix::actor::Signature {
    gix::actor::Signature { name: "ada".into(), email: "a@x".into(), time: gix::date::Time::default() }
}

fn basic() -> String {
    // ada:secret
    "Basic YWRhOnNlY3JldA==".to_owned()
}

#[test]
fn credentials_go_to_their_own_host_alone() {
    let (elsewhere, at_elsewhere) = serve(|_, _| Reply::new(200, ""));
    for (name, header, is_elsewhere, expected) in [
        ("none at home", json!({}), false, Some(basic())),
        (
            "its own at home",
            json!({"Authorization": "Bearer x", "Host": "evil"}),
            false,
            Some("Bearer x".to_owned()),
        ),
        ("none elsewhere", json!({"X-Part": "1"}), true, None),
        ("its own elsewhere", json!({"authorization": "Bearer y"}), true, Some("Bearer y".to_owned())),
    ] {
        let elsewhere = elsewhere.clone();
        let (home, at_home) = serve(move |own, got| {
            if got.line.contains("/objects/batch") {
                if !got.headers.contains_key("authorization") {
                    return Reply::new(401, "").with("LFS-Authenticate", "Basic realm=\"x\"");
                }
                let base = if is_elsewhere { elsewhere.as_str() } else { own };
                let action = json!({"href": format!("{base}/put"), "header": header});
                return batch(got, &|_| json!({"upload": action, "verify": action}));
            }
            Reply::new(200, "")
        });
        let (_folder, history) = history();
        owe(&history, name.as_bytes());
        let by = signature();
        let pushed = push(&history, &remote(&home), Context::quiet(&by)).unwrap();
        assert_eq!((pushed.files, pushed.left, history.large_error()), (1, 0, None), "{name}");
        assert_eq!(history.large_unpushed().unwrap(), []);
        let log = if is_elsewhere { &at_elsewhere } else { &at_home };
        let transfers: Vec<Got> =
            log.lock().unwrap().drain(..).filter(|got| got.line.contains("/put")).collect();
        assert_eq!(transfers.len(), 2, "{name}: an upload and its confirmation");
        for got in transfers {
            assert_eq!(got.headers.get("authorization"), expected.as_ref(), "{name}: {got:?}");
            assert!(!got.headers["host"].contains("evil"), "{name}: {got:?}");
        }
        let batch = at_home.lock().unwrap().iter().find(|got| got.line.contains("batch")).cloned();
        if let Some(got) = batch {
            assert!(got.line.starts_with("POST /acme/_git/iris.git/info/lfs/objects/batch "), "{got:?}");
        }
    }
}

#[test]
fn a_redirect_to_another_host_takes_no_header_along() {
    let content = b"the content".to_vec();
    let sent = content.clone();
    let (elsewhere, at_elsewhere) = serve(move |_, _| Reply::new(200, sent.clone()));
    let (home, _) = serve(move |own, got| {
        if got.line.contains("batch") {
            let action = json!({"href": format!("{own}/get"), "header": {"Authorization": "Bearer x", "X-Secret": "1"}});
            return batch(got, &|_| json!({"download": action}));
        }
        Reply::new(302, "").with("Location", format!("{elsewhere}/there"))
    });
    let (_folder, history) = history();
    let pointer = large::hash(&mut &content[..], &mut |_| {}).unwrap();
    let by = signature();
    fetch(&history, &remote(&home), &[pointer], Context::quiet(&by)).unwrap();
    assert!(history.large_files().is_whole(&pointer).unwrap());
    let got = at_elsewhere.lock().unwrap().pop().unwrap();
    let seen = ["authorization", "x-secret", "cookie"].map(|name| got.headers.contains_key(name));
    assert_eq!(seen, [false; 3], "{got:?}");
}

#[test]
fn what_is_not_the_object_never_gets_its_name_and_what_is_cut_off_goes_on() {
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let pointer = large::hash(&mut &content[..], &mut |_| {}).unwrap();
    let wrong = vec![0; content.len()];
    let longer = [&content[..], b"more"].concat();
    // The answers to the first GETs, then the rest of the object to whoever asks for it.
    type Tricks = Vec<Box<dyn Fn(&[u8]) -> Reply + Send + Sync>>;
    let cut = |content: &[u8]| Reply(200, Vec::new(), content.to_vec(), 40_000);
    let rows: Vec<(&str, Tricks, bool)> = vec![
        ("cut off", vec![Box::new(cut)], true),
        (
            "whole again in place of the rest",
            vec![Box::new(cut), Box::new(|content: &[u8]| Reply::new(200, content))],
            true,
        ),
        (
            "other content",
            vec![Box::new(move |_| Reply::new(200, wrong.clone())), Box::new(|_| Reply::new(200, "x"))],
            false,
        ),
        (
            "longer",
            vec![Box::new(move |_| Reply::new(200, longer.clone())), Box::new(|_| Reply::new(404, ""))],
            false,
        ),
        ("missing", vec![Box::new(|_| Reply::new(404, "")), Box::new(|_| Reply::new(404, ""))], false),
    ];
    for (name, tricks, comes) in rows {
        let (sent, count) = (content.clone(), AtomicUsize::new(0));
        let (home, log) = serve(move |own, got| {
            if got.line.contains("batch") {
                return batch(got, &|_| json!({"download": {"href": format!("{own}/get")}}));
            }
            if let Some(trick) = tricks.get(count.fetch_add(1, Ordering::Relaxed)) {
                return trick(&sent);
            }
            let from = got
                .headers
                .get("range")
                .map_or("0", |range| &range["bytes=".len()..range.find('-').unwrap()]);
            let range = format!("bytes {from}-{}/{}", sent.len() - 1, sent.len());
            Reply::new(206, &sent[from.parse().unwrap()..]).with("Content-Range", range)
        });
        let (_folder, history) = history();
        let by = signature();
        let mut result = fetch(&history, &remote(&home), &[pointer], Context::quiet(&by));
        if comes && result.is_err() {
            result = fetch(&history, &remote(&home), &[pointer], Context::quiet(&by));
        }
        assert_eq!(result.is_ok(), comes, "{name}: {result:?}");
        assert_eq!(history.large_files().has(&pointer), comes, "{name}");
        assert!(!comes || history.large_files().is_whole(&pointer).unwrap(), "{name}");
        if name == "cut off" {
            let log = log.lock().unwrap();
            let ranges: Vec<_> = log.iter().filter_map(|got| got.headers.get("range")).collect();
            assert!(!ranges.is_empty() && ranges.iter().all(|range| range.ends_with("-99999")), "{ranges:?}");
        }
    }
}

#[test]
fn a_server_without_git_lfs_or_that_refuses_is_told_and_all_stays_unpushed() {
    for (status, body, told) in [
        (404, "", "no Git LFS"),
        (501, "", "no Git LFS"),
        (413, r#"{"message": "Your quota\nis used up"}"#, "Your quota"),
        (507, r#"{"message": "full"}"#, "full"),
        (200, "<html>", "answers no Git LFS"),
        (200, r#"{"transfer": "tus", "objects": [], "hash_algo": "sha256"}"#, "`tus`"),
        (200, r#"{"transfer": "basic", "objects": [], "hash_algo": "sha256"}"#, "did not answer"),
    ] {
        let (home, _) = serve(move |_, _| Reply::new(status, body));
        let (_folder, history) = history();
        let pointer = owe(&history, b"content");
        let by = signature();
        let pushed = push(&history, &remote(&home), Context::quiet(&by)).unwrap();
        assert_eq!((pushed.files, pushed.left, pushed.left_bytes), (0, 1, 7), "{status} {body}");
        let why = history.large_error().unwrap();
        assert!(
            why.contains(told) && !why.contains('\n') && !why.contains("secret"),
            "{status} {body}: {why}"
        );
        assert_eq!(history.large_unpushed().unwrap(), [pointer]);
    }
}

#[test]
fn hundreds_of_objects_go_in_batches_and_one_that_fails_stays_alone() {
    let bad = large::hash(&mut &b"object 7"[..], &mut |_| {}).unwrap();
    let (home, log) = serve(move |own, got| match got.line.as_str() {
        line if line.contains("batch") => {
            batch(got, &|oid| json!({"upload": {"href": format!("{own}/{oid}")}}))
        }
        line if line.contains(&bad.oid.to_string()) => Reply::new(422, r#"{"message": "no"}"#),
        _ => Reply::new(200, ""),
    });
    let (_folder, history) = history();
    for n in 0..230 {
        owe(&history, format!("object {n}").as_bytes());
    }
    let by = signature();
    let pushed = push(&history, &remote(&home), Context::quiet(&by)).unwrap();
    assert_eq!((pushed.files, pushed.left), (229, 1));
    assert_eq!(history.large_unpushed().unwrap(), [bad]);
    let puts: Vec<Oid> = log
        .lock()
        .unwrap()
        .iter()
        .filter(|got| got.line.starts_with("PUT "))
        .map(|got| large::hash(&mut &got.body[..], &mut |_| {}).unwrap().oid)
        .collect();
    assert_eq!(puts.len(), 231, "each once, and the one that failed twice");
}

mod hostile;
mod second;
mod ssh;
