//! The actions that clients are given. The seven cases are those of git-lfs' own tool `git-lfs-test-server-api`.

use serde_json::{Value, json};

use super::{EXTRA, JSON, Lfs, message, oid, value};

/// A name, an operation, the objects that are asked about, and what is told of each.
type Case<'c> = (&'c str, &'c str, &'c [(String, i64)], &'c [&'c str]);

/// Sums up the answer about each object: `nothing`, the names of actions, or an error code.
fn told(answer: &Value) -> Vec<String> {
    let of = |object: &Value| match (&object["actions"], &object["error"]["code"]) {
        (Value::Null, Value::Null) => "nothing".to_owned(),
        (Value::Null, code) => code.to_string(),
        (actions, Value::Null) => {
            actions.as_object().expect("actions").keys().cloned().collect::<Vec<_>>().join(" ")
        }
        _ => "both".to_owned(),
    };
    answer["objects"].as_array().expect("objects").iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seven_cases_of_git_lfs_own_tool() {
    let lfs = Lfs::new().await;
    let there: Vec<(String, i64)> = [lfs.upload(EXTRA, b"one").await, lfs.upload(EXTRA, b"two").await]
        .into_iter()
        .map(|oid| (oid, 3))
        .collect();
    let missing: Vec<(String, i64)> =
        [oid(b"three"), oid(b"four!")].into_iter().map(|oid| (oid, 5)).collect();
    let mixed: Vec<(String, i64)> =
        there.iter().zip(&missing).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let digits = |text: &str| (text.to_owned(), 99);
    let edges = vec![
        digits("a345cde"),
        digits(&"1234567890abcdef".repeat(6)),
        digits("bf3e3e2af9366a3b704ax0c31de5afa64193ebabffde2091936ad2G7510bc03a"),
        ("e3bf3e2af9366a3b704af0c31de5afa64193ebabffde2091936ad237510bc03a".to_owned(), -1),
        ("d2983e2af9366a3b704af0c31de5afa64193ebabffde2091936ad237510bc03a".to_owned(), -125),
        ("159f6ac723b9023b704af0c31de5afa64193ebabffde2091936ad237510bc03a".to_owned(), 0),
    ];
    let upload = "upload verify";
    let cases: [Case<'_>; 7] = [
        ("all there", "download", &there, &["download", "download"]),
        ("all missing", "download", &missing, &["404", "404"]),
        ("mixed", "download", &mixed, &["download", "404", "download", "404"]),
        ("all missing", "upload", &missing, &[upload, upload]),
        ("all there", "upload", &there, &["nothing", "nothing"]),
        ("mixed", "upload", &mixed, &["nothing", upload, "nothing", upload]),
        ("edge cases", "upload", &edges, &["422", "422", "422", "422", "422", upload]),
    ];
    for (name, operation, objects, expected) in cases {
        let objects: Vec<(&str, i64)> = objects.iter().map(|(oid, size)| (oid.as_str(), *size)).collect();
        let reply = lfs.batch(EXTRA, "alicepat", operation, &objects).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(JSON)), "{operation} {name}");
        let answer = value(&reply);
        assert_eq!(told(&answer), expected, "{operation} {name}: {answer}");
        for ((oid, size), answered) in objects.iter().zip(answer["objects"].as_array().expect("objects")) {
            assert_eq!(
                (&answered["oid"], &answered["size"]),
                (&json!(oid), &json!(size)),
                "{operation} {name}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_repositorys_url_leads_to_it_and_hrefs_begin_with_the_servers_own() {
    let lfs = Lfs::with(|builder| builder.external_url("http://git.example:9/base")).await;
    let oid = oid(b"one");
    for (host, path) in [
        ("127.0.0.1", "/acme/iris/_git/extra"),
        ("127.0.0.1", "/acme/iris/_git/extra.git"),
        ("127.0.0.1", "/acme/DefaultCollection/iris/_git/extra.git"),
        ("127.0.0.1", "/acme/iris/_git/_full/extra"),
        ("127.0.0.1", "/ACME/IRIS/_git/EXTRA.git"),
        ("acme.localhost", "/iris/_git/extra.git"),
        ("acme.visualstudio.com", "/DefaultCollection/iris/_git/extra"),
        ("evil.example", "/acme/iris/_git/extra"),
    ] {
        let body = json!({ "operation": "upload", "objects": [{ "oid": oid, "size": 3 }] }).to_string();
        let lines = format!("Host: {host}\nContent-Type: {JSON}\n");
        let path = format!("{path}/info/lfs/objects/batch");
        let reply = lfs.send("POST", &path, "Bearer alicepat", &lines, body.as_bytes()).await;
        let answer = value(&reply);
        let href = format!("http://git.example:9/base/acme/iris/_git/extra/info/lfs/objects/{oid}");
        assert_eq!(answer["objects"][0]["actions"]["upload"]["href"], href, "{host}{path}: {answer}");
        assert_eq!(answer["objects"][0]["authenticated"], true);
        assert!(!reply.text().contains(host), "nothing of the request's host is in {answer}");
    }
    for default in ["/acme/_git/iris", "/acme/_git/iris.git"] {
        let reply = lfs.batch(default, "alicepat", "upload", &[(&oid, 3)]).await;
        assert_eq!(told(&value(&reply)), ["upload verify"], "{default}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_another_form_are_refused_in_git_lfs_form() {
    let lfs = Lfs::new().await;
    let path = format!("{EXTRA}/info/lfs/objects/batch");
    let sound = json!({ "operation": "download", "objects": [] }).to_string();
    let many = vec![json!({ "oid": oid(b"x"), "size": 1 }); 1001];
    let many = json!({ "operation": "download", "objects": many }).to_string();
    let huge = format!("{{\"operation\":\"download\",\"objects\":[]{}}}", " ".repeat(2 << 20));
    let (accept, kind) = (format!("Accept: {JSON}\n"), format!("Content-Type: {JSON}\n"));
    let both = format!("{accept}{kind}");
    let rows: [(&str, String, &str, u16); 13] = [
        ("POST", both.clone(), &sound, 200),
        ("POST", kind.clone(), &sound, 200),
        ("POST", format!("Accept: */*\n{kind}"), &sound, 200),
        ("POST", format!("Accept: text/html, {JSON}; q=0.1\n{kind}"), &sound, 200),
        ("POST", format!("Accept: application/json\n{kind}"), &sound, 406),
        ("POST", accept.clone(), &sound, 415),
        ("POST", format!("{accept}Content-Type: application/json\n"), &sound, 415),
        ("POST", both.clone(), "{", 422),
        ("POST", both.clone(), r#"{"operation":"delete","objects":[]}"#, 422),
        ("POST", both.clone(), &many, 413),
        ("POST", both.clone(), &huge, 413),
        ("GET", both.clone(), "", 405),
        ("DELETE", both.clone(), "", 405),
    ];
    for (method, lines, body, status) in rows {
        let reply = lfs.send(method, &path, "Bearer alicepat", &lines, body.as_bytes()).await;
        assert_eq!(reply.status, status, "{method} {lines}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some(JSON), "{method} {lines}");
        if status != 200 {
            assert!(!message(&reply).is_empty());
        }
    }
    let other =
        json!({ "operation": "upload", "hash_algo": "sha512", "objects": [{ "oid": "x", "size": 1 }] });
    let reply = lfs.json("POST", &path, "alicepat", &other).await;
    assert_eq!(told(&value(&reply)), ["409"]);
    let nothing = lfs.json("GET", &format!("{EXTRA}/info/lfs/nothing"), "alicepat", &Value::Null).await;
    assert_eq!(nothing.status, 404);
    assert!(message(&nothing).contains("nothing at this address"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_what_is_decided_as_for_git() {
    let lfs = Lfs::new().await;
    let oid = lfs.upload(EXTRA, b"one").await;
    let rows = [
        ("alicepat", "upload", 200),
        ("carolpat", "upload", 200),
        ("bobspat", "upload", 403),
        ("alice-reads", "upload", 403),
        ("davespat", "upload", 404),
        ("", "upload", 401),
        ("wrong", "upload", 401),
        ("bobspat", "download", 200),
        ("alice-reads", "download", 200),
        ("davespat", "download", 404),
        ("", "download", 401),
    ];
    for (token, operation, status) in rows {
        let reply = lfs.batch(EXTRA, token, operation, &[(&oid, 3)]).await;
        assert_eq!(reply.status, status, "{token} {operation}: {}", reply.text());
        if status == 401 {
            assert!(
                reply.header("lfs-authenticate").is_some_and(|value| value.starts_with("basic")),
                "{}",
                reply.head
            );
        }
        if status == 403 {
            assert!(message(&reply).starts_with("TF401027"), "{}", reply.text());
        }
        if status == 404 {
            assert!(message(&reply).starts_with("TF401019"), "{}", reply.text());
        }
    }
    let absent = lfs.batch("/acme/iris/_git/nowhere", "davespat", "download", &[(&oid, 3)]).await;
    let hidden = lfs.batch(EXTRA, "davespat", "download", &[(&oid, 3)]).await;
    assert_eq!(
        message(&absent).replace("nowhere", "extra"),
        message(&hidden),
        "absent and invisible look the same"
    );
}
