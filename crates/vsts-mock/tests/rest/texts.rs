//! Text that is no UTF-8: commits in a declared encoding, and names of files and people in none.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use vsts_mock::Profile;

use crate::site::{Site, each};

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";

/// An object that stock git writes from these bytes; its id.
fn object(site: &Site, kind: &str, bytes: &[u8]) -> String {
    let mut git = Command::new("git")
        .args(["hash-object", "--literally", "-w", "--stdin", "-t", kind])
        .current_dir(site.dir.path().join("work"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git starts");
    git.stdin.take().expect("a pipe").write_all(bytes).expect("it reads");
    let output = git.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("ASCII").trim().to_owned()
}

fn commit(site: &Site, tree: &str, parent: &str, encoding: &str, name: &[u8], message: &[u8]) -> String {
    let parent = if parent.is_empty() { String::new() } else { format!("parent {parent}\n") };
    let encoding = if encoding.is_empty() { String::new() } else { format!("encoding {encoding}\n") };
    let mut bytes = format!("tree {tree}\n{parent}author ").into_bytes();
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(
        b" <a@example.com> 1500000000 +0000\ncommitter C <c@example.com> 1500000000 +0000\n",
    );
    bytes.extend_from_slice(format!("{encoding}\n").as_bytes());
    bytes.extend_from_slice(message);
    object(site, "commit", &bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_shown_in_the_encoding_that_they_declare() {
    let site = Site::with_profile(Profile::Permissive).await;
    site.git(".", &["init", "-q", "work"]).await;
    let tree = object(&site, "tree", b"");
    let rows: [(&str, &[u8], &[u8]); 7] = [
        ("", "Ünï".as_bytes(), "Grüße\n".as_bytes()),
        ("ISO-8859-1", b"J\xfcrgen", b"Gr\xfc\xdfe\n\nZweite Zeile: \xe9\n"),
        ("latin1", b"J\xfcrgen", b"caf\xe9\n"),
        ("Shift_JIS", b"\x93\x63\x92\x86", b"\x93\xfa\x96\x7b\x8c\xea\n"),
        ("EUC-JP", b"\xc5\xc4\xc3\xe6", b"\xc6\xfc\xcb\xdc\n"),
        ("KOI8-R", b"\xe9\xd7\xc1\xce", b"\xf0\xd2\xc9\xd7\xc5\xd4\n"),
        ("windows-1250", b"\x8alechta", b"\xf8e\xe8\n"),
    ];
    let mut tip = String::new();
    let mut ids = Vec::new();
    for (encoding, name, message) in rows {
        tip = commit(&site, &tree, &tip, encoding, name, message);
        ids.push(tip.clone());
    }
    site.git("work", &["push", "-q", &site.url("extra"), &format!("{tip}:refs/heads/master")]).await;
    for id in &ids {
        let shown = site.get(&format!("{REPO}/commits/{id}"), "bobspat").await.expect(200);
        // Stock git is asked what they mean.
        let told = site.git("work", &["log", "-1", "--encoding=UTF-8", "--format=%an%n%B", id]).await;
        let (name, message) = told.split_once('\n').expect("two lines");
        assert_eq!(
            (shown["author"]["name"].as_str(), shown["comment"].as_str()),
            (Some(name), Some(message))
        );
        let page = site
            .send(
                "GET",
                &format!("/acme/iris/_git/extra/commit/{id}"),
                "alicepat",
                "Accept: text/html\r\n",
                "",
            )
            .await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains(name), "{name} is not on the page");
    }
    let found = site.get(&format!("{REPO}/commits?author=j%C3%BCrgen"), "bobspat").await.expect(200);
    assert_eq!(found["count"], 2, "authors are searched for by what is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_encoding_never_breaks_json() {
    let site = Site::with_profile(Profile::Permissive).await;
    site.git(".", &["init", "-q", "work"]).await;
    let blob = object(&site, "blob", b"text\n");
    let mut bytes = b"100644 b\xe4d.txt\0".to_vec();
    let raw = |id: &str| -> Vec<u8> {
        (0..20).map(|n| u8::from_str_radix(&id[2 * n..2 * n + 2], 16).expect("hex")).collect()
    };
    bytes.extend(raw(&blob));
    bytes.extend_from_slice(b"100644 good.txt\0");
    bytes.extend(raw(&blob));
    let tree = object(&site, "tree", &bytes);
    let one = commit(&site, &tree, "", "", b"J\xfcrgen", b"Gr\xfc\xdfe, \"quoted\"\\ \x01\n");
    let two = commit(&site, &object(&site, "tree", b""), &one, "no-such-encoding", b"x\xff", b"\xff\xfe\n");
    let tag = [
        format!("object {two}\ntype commit\ntag v\ntagger ").as_bytes(),
        b"J\xfc <j@example.com> 1500000000 +0000\n\n\xe4\n",
    ]
    .concat();
    let tag = object(&site, "tag", &tag);
    let refspecs =
        [format!("{two}:refs/heads/master"), format!("{tag}:refs/tags/v"), format!("{one}:refs/heads/one")];
    let mut args = vec!["push", "-q"];
    let url = site.url("extra");
    args.push(&url);
    args.extend(refspecs.iter().map(String::as_str));
    site.git("work", &args).await;
    let get = async |tail: &str| site.get(&format!("{REPO}/{tail}"), "bobspat").await.expect(200);
    let commits = get("commits").await;
    assert_eq!(each(&commits, "comment"), ["\u{fffd}\u{fffd}", "Gr\u{fffd}\u{fffd}e, \"quoted\"\\ \u{1}"]);
    assert_eq!(commits["value"][1]["author"]["name"], "J\u{fffd}rgen");
    assert_eq!(get(&format!("annotatedtags/{tag}")).await["taggedBy"]["name"], "J\u{fffd}");
    let listed = get("items?scopePath=/&recursionLevel=full&version=one").await;
    assert_eq!(each(&listed, "path"), ["/", "/b\u{fffd}d.txt", "/good.txt"]);
    let changes = get(&format!("commits/{two}/changes")).await;
    assert_eq!(changes["changes"][0]["item"]["path"], "/b\u{fffd}d.txt");
    let diff = get("diffs/commits?baseVersion=one&targetVersion=master").await;
    assert_eq!(diff["changes"][0]["item"]["path"], "/b\u{fffd}d.txt");
    // Who asks by the path that was shown gets the file, and its history.
    let item: Value = get("items?path=/b%EF%BF%BDd.txt&version=one&includeContent=true").await;
    assert_eq!((item["content"].as_str(), item["objectId"].as_str()), (Some("text\n"), Some(blob.as_str())));
    let history = get("commits?itemPath=/b%EF%BF%BDd.txt").await;
    assert_eq!(each(&history, "commitId"), [two, one]);
    assert_eq!(get(&format!("trees/{tree}")).await["treeEntries"][0]["relativePath"], "b\u{fffd}d.txt");
}
