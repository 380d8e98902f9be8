//! S1, S4 and S8: what a few pushed objects make REST and the pages walk through, render and hold in memory.
//!
//! The servers are debug builds on a busy machine: bounds of time are a few times what a release build takes.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::usage::Usage;
use e2e::{Sandbox, Server, http, server};

const MIB: u64 = 1 << 20;
/// Ticks of processor time that one request may take.
const TICKS: u64 = 300;

/// A bare repository that is made by stock git, to be imported.
struct Made<'s> {
    sandbox: &'s Sandbox,
    path: std::path::PathBuf,
}

impl<'s> Made<'s> {
    fn new(sandbox: &'s Sandbox) -> Self {
        let path = sandbox.bare_repo("made.git");
        let made = Self { sandbox, path };
        made.import("commit refs/heads/master\ncommitter a <a@b> 1700000000 +0000\ndata 0\nM 100644 inline a.txt\ndata 2\na\n\n");
        made
    }

    fn git(&self, args: &[&str], input: &[u8]) -> String {
        let mut command = self.sandbox.command("git", self.sandbox.path(), &self.path);
        command.args(["-c", "core.compression=1", "-c", "user.name=a", "-c", "user.email=a@b"]);
        self.sandbox.run(command, args, Some(input)).ok().stdout.trim().to_owned()
    }

    fn import(&self, stream: &str) {
        let _done = self.git(&["fast-import", "--quiet", "--force"], stream.as_bytes());
    }

    fn tree(&self, entries: &str) -> String {
        self.git(&["mktree"], entries.as_bytes())
    }

    fn commit(&self, branch: &str, tree: &str) -> String {
        let commit = self.git(&["commit-tree", "-p", "master", "-m", branch, tree], b"");
        let _made = self.git(&["update-ref", &format!("refs/heads/{branch}"), &commit], b"");
        commit
    }

    /// `levels` folders, each with ten entries that are all the same.
    fn bomb(&self, levels: usize, leaf: &str) -> String {
        let mut entry = leaf.to_owned();
        for _ in 0..levels {
            let entries = (0..10).fold(String::new(), |mut all, n| {
                writeln!(all, "{entry}\t{n}").expect("it is a string");
                all
            });
            entry = format!("040000 tree {}", self.tree(&entries));
        }
        entry.rsplit(' ').next().expect("an id").to_owned()
    }

    /// Starts a server that has it as the repository `made`.
    fn serve(&self) -> Server {
        let repo = format!(
            "[[accounts.projects.repos]]\nname = \"made\"\nimport = \"{}\"\npublic = true\n",
            self.path.display()
        );
        let marker = "[[accounts.projects.repos]]\nname = \"extra\"\n";
        Server::start(self.sandbox, &server::SEED.replacen(marker, &format!("{repo}{marker}"), 1))
    }
}

fn pid(server: &Server) -> u32 {
    server.ready()["pid"]
        .as_u64()
        .and_then(|pid| u32::try_from(pid).ok())
        .expect("the ready line names the process")
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode("alice:alicepat"))
}

/// Asks as alice; a program for REST, a browser for pages.
fn ask(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let accept = if path.contains("/_apis/") { "application/json" } else { "text/html" };
    let headers = [
        ("Authorization", basic()),
        ("Accept", accept.to_owned()),
        ("Content-Type", "application/json".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    http::send(server.http(), method, path, &headers, body)
}

const REST: &str = "/acme/iris/_apis/git/repositories/made";
const PAGES: &str = "/acme/iris/_git/made";

/// S1: fourteen objects with a million million paths, with and without a file at their ends, and five thousand folders in
/// each other, at every endpoint that walks through trees.
#[test]
fn bombs_of_trees_cost_next_to_nothing_at_every_endpoint() {
    let sandbox = Sandbox::new();
    let made = Made::new(&sandbox);
    let blob = made.git(&["rev-parse", "master:a.txt"], b"");
    let empty = made.tree("");
    let mut kinds = Vec::new();
    for (branch, leaf) in
        [("files", format!("100644 blob {blob}")), ("folders", format!("040000 tree {empty}"))]
    {
        let tree = made.bomb(12, &leaf);
        kinds.push((branch, made.commit(branch, &tree), tree));
    }
    let deep = "d/".repeat(5_000);
    made.import(&format!(
        "commit refs/heads/deep\ncommitter a <a@b> 1700000000 +0000\ndata 0\nfrom refs/heads/master\nM 100644 inline {deep}f\ndata 2\na\n\n"
    ));
    kinds.push(("deep", made.git(&["rev-parse", "deep"], b""), made.git(&["rev-parse", "deep^{tree}"], b"")));
    let server = made.serve();
    let pid = pid(&server);
    let warm =
        ask(&server, "GET", &format!("{REST}/items?scopePath=/&recursionLevel=full&version=master"), "");
    assert_eq!(warm.0, 200, "{}", warm.1);
    let warm = ask(&server, "GET", PAGES, "");
    assert_eq!(warm.0, 200, "{}", warm.1);
    let before = Usage::of(pid);
    for (branch, commit, tree) in &kinds {
        let nested = if *branch == "deep" { 422 } else { 200 };
        let batch = format!(
            "{{\"itemDescriptors\":[{{\"path\":\"/\",\"version\":\"{branch}\",\"versionType\":\"branch\",\"recursionLevel\":\"full\"}}]}}"
        );
        let endpoints: [(&str, String, &str, u16, &str); 17] = [
            (
                "GET",
                format!("{REST}/items?scopePath=/&recursionLevel=full&version={branch}"),
                "",
                422,
                "clone the repository",
            ),
            (
                "GET",
                format!(
                    "{REST}/items?scopePath=/&recursionLevel=oneLevelPlusNestedEmptyFolders&version={branch}"
                ),
                "",
                nested,
                "",
            ),
            (
                "GET",
                format!("{REST}/items?path=/&$format=zip&version={branch}"),
                "",
                422,
                "clone the repository",
            ),
            ("POST", format!("{REST}/itemsbatch?api-version=5.0"), &batch, 422, "clone the repository"),
            ("GET", format!("{REST}/trees/{tree}?recursive=true"), "", 422, "clone the repository"),
            (
                "GET",
                format!("{REST}/trees/{tree}?recursive=true&$format=zip"),
                "",
                422,
                "clone the repository",
            ),
            (
                "GET",
                format!("{REST}/commits?searchCriteria.itemVersion.version={branch}"),
                "",
                200,
                "commitTooManyChanges",
            ),
            ("GET", format!("{REST}/commits/{commit}"), "", 200, "treeId"),
            ("GET", format!("{REST}/commits/{commit}?changeCount=10"), "", 422, "TF400733"),
            ("GET", format!("{REST}/commits/{commit}/changes?top=10"), "", 422, "TF400733"),
            (
                "GET",
                format!("{REST}/diffs/commits?baseVersion=master&targetVersion={branch}"),
                "",
                422,
                "TF400733",
            ),
            ("GET", format!("{REST}/stats/branches"), "", 200, "aheadCount"),
            ("GET", format!("{PAGES}/commit/{commit}"), "", 200, "What changed is not shown."),
            ("GET", format!("{PAGES}?version=GB{branch}"), "", 200, ""),
            ("GET", format!("{PAGES}/commits?version=GB{branch}&path=/0/0/0"), "", 200, ""),
            ("GET", format!("{PAGES}/archive?version=GB{branch}"), "", 422, "the most that"),
            (
                "GET",
                format!("{PAGES}/compare?base=GBmaster&target=GB{branch}"),
                "",
                200,
                "What changed is not shown.",
            ),
        ];
        for (method, path, body, status, text) in &endpoints {
            let began = Usage::of(pid);
            let (answered, answer) = ask(&server, method, path, body);
            let ended = Usage::of(pid);
            let start: String = answer.chars().take(600).collect();
            assert_eq!(answered, *status, "{branch} {path}: {start}");
            assert!(answer.contains(text), "{branch} {path}: {start}");
            assert!(
                ended.ticks - began.ticks <= TICKS,
                "{branch} {path} took {} ticks",
                ended.ticks - began.ticks
            );
        }
    }
    let after = Usage::of(pid);
    assert!(after.peak <= before.peak + 64 * MIB, "{before:?} {after:?}");
}

/// A large repository that is no bomb is listed and sent as before.
#[test]
fn a_hundred_thousand_files_are_listed_and_archived() {
    let sandbox = Sandbox::new();
    let made = Made::new(&sandbox);
    let mut stream = "commit refs/heads/many\ncommitter a <a@b> 1700000000 +0000\ndata 0\n".to_owned();
    let blob = made.git(&["rev-parse", "master:a.txt"], b"");
    for n in 0..100_000 {
        let top = if n < 66_000 { "part" } else { "rest" };
        writeln!(stream, "M 100644 {blob} {top}/folder{:03}/a file of some name {n}.txt", n / 500)
            .expect("it is a string");
    }
    made.import(&stream);
    let server = made.serve();
    let (status, answer) =
        ask(&server, "GET", &format!("{REST}/items?scopePath=/&recursionLevel=full&version=many"), "");
    assert_eq!(status, 200);
    assert!(answer.contains("\"count\":100203,"), "{}", &answer[..200]);
    // More files than the short fields of a zip file can count.
    let url = format!("{}{PAGES}/archive?version=GBmany&path=/part", server.http());
    let mut archive = ureq::get(&url)
        .header("Authorization", basic())
        .header("Accept", "text/html")
        .call()
        .expect("the archive is made");
    assert_eq!(archive.headers()["content-type"], "application/zip");
    let file = sandbox.path().join("archive.zip");
    let mut written = std::fs::File::create(&file).expect("a file is made");
    let _bytes = std::io::copy(&mut archive.body_mut().as_reader(), &mut written).expect("it is read");
    let look = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); n = z.namelist(); \
                print(len(n), n[0], z.read(n[0]), n[-1], z.read(n[-1]))";
    let python = sandbox.command("python3", sandbox.path(), sandbox.path());
    let seen = sandbox.run(python, &["-c", look, path_text(&file)], None).ok().stdout;
    let expected = "66000 part/folder000/a file of some name 0.txt b'a\\n' part/folder131/a file of some name 65999.txt b'a\\n'";
    assert_eq!(seen.trim(), expected);
    let page = format!("{PAGES}/commit/{}", made.git(&["rev-parse", "many"], b""));
    let (status, answer) = ask(&server, "GET", &page, "");
    assert!(status == 200 && answer.contains("100000 files changed"), "{status}");
}

/// Sends a request as alice and leaves the answer to be read.
fn open(server: &Server, path: &str) -> TcpStream {
    let host = server.http().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a time-out can be set");
    let accept = if path.contains("/_apis/") { "application/octet-stream" } else { "text/html" };
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: {}\r\nAccept: {accept}\r\n\r\n",
        basic()
    )
    .expect("the request is sent");
    stream
}

/// Waits until a process computes nothing any more.
#[track_caller]
fn until_idle(pid: u32) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let (mut ticks, mut since) = (Usage::of(pid).ticks, Instant::now());
    while since.elapsed() < Duration::from_millis(500) {
        assert!(Instant::now() < deadline, "it is still computing");
        park_timeout(Duration::from_millis(20));
        let now = Usage::of(pid).ticks;
        if now > ticks + 1 {
            (ticks, since) = (now, Instant::now());
        }
    }
}

/// A repository with a file of 200 MB of zeros and ten more of them that differ a little.
fn with_zeros(sandbox: &Sandbox) -> (Made<'_>, String) {
    let made = Made::new(sandbox);
    let zeros = sandbox.path().join("zeros");
    let file = std::fs::File::create(&zeros).expect("a file is made");
    file.set_len(200 * MIB).expect("it is sparse");
    let blob = made.git(&["hash-object", "-w", path_text(&zeros)], b"");
    let tree = made.tree(&format!("100644 blob {blob}\tzeros.bin\n"));
    let _commit = made.commit("zeros", &tree);
    (made, blob)
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

/// S8: large files that nobody reads, at every endpoint that gives them out.
#[test]
fn large_files_are_streamed_at_every_endpoint() {
    let sandbox = Sandbox::new();
    let (made, blob) = with_zeros(&sandbox);
    let server = made.serve();
    let pid = pid(&server);
    assert_eq!(ask(&server, "GET", PAGES, "").0, 200);
    let before = Usage::of(pid);
    let endpoints = [
        format!("{PAGES}/raw?path=/zeros.bin&version=GBzeros"),
        format!("{REST}/items?path=/zeros.bin&version=zeros"),
        format!("{REST}/blobs/{blob}?$format=octetStream"),
        format!("{REST}/blobs/{blob}?$format=zip"),
        format!("{REST}/items?path=/zeros.bin&version=zeros&$format=zip"),
        format!("{PAGES}/archive?version=GBzeros"),
    ];
    let mut unread = Vec::new();
    for endpoint in &endpoints {
        for _ in 0..16 {
            let mut stream = open(&server, endpoint);
            let mut head = [0; 15];
            stream.read_exact(&mut head).expect("the answer begins");
            assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 200 OK", "{endpoint}");
            unread.push(stream);
        }
    }
    let held = Usage::of(pid);
    assert!(held.peak <= before.peak + 100 * MIB, "{before:?} {held:?}");
    // 64 answers are prepared and 16 pieces are read at once; an answer that waits for its client has no thread. The
    // runtime keeps a thread for a while that has become idle, and starts another if work comes just before that.
    let deadline = Instant::now() + Duration::from_mins(1);
    while Usage::of(pid).threads > before.threads + 90 {
        assert!(Instant::now() < deadline, "{before:?} {held:?} {:?}", Usage::of(pid));
        park_timeout(Duration::from_millis(20));
    }
    // Who goes ends the work that was begun for them.
    drop(unread);
    until_idle(pid);
    // And who reads gets all of it.
    for endpoint in &endpoints[..3] {
        let read = std::io::copy(&mut open(&server, endpoint), &mut std::io::sink()).expect("it is read");
        assert!(read > 200 * MIB && read < 201 * MIB, "{endpoint}: {read}");
    }
    // What is small is made whole.
    for (path, text) in [
        (format!("{PAGES}?path=/zeros.bin&version=GBzeros"), "The file is binary"),
        (format!("{REST}/blobs/{blob}"), "\"size\":209715200"),
        (
            format!("{REST}/items?path=/zeros.bin&version=zeros&includeContentMetadata=true&$format=json"),
            "isBinary",
        ),
    ] {
        let (status, answer) = ask(&server, "GET", &path, "");
        assert!(status == 200 && answer.contains(text), "{path}: {status} {answer}");
    }
    let path = format!("{REST}/items?path=/zeros.bin&version=zeros&includeContent=true&$format=json");
    let (status, answer) = ask(&server, "GET", &path, "");
    assert!(status == 422 && answer.contains("$format=octetStream"), "{status} {answer}");
    let after = Usage::of(pid);
    assert!(after.peak <= before.peak + 100 * MIB, "{before:?} {after:?}");
}

/// S8: one blob asked for ten thousand times.
#[test]
fn many_blobs_are_sent_once_each() {
    let sandbox = Sandbox::new();
    let (made, blob) = with_zeros(&sandbox);
    let server = made.serve();
    let pid = pid(&server);
    let small = made.git(&["rev-parse", "master:a.txt"], b"");
    let url = format!("{REST}/blobs?api-version=5.0&$format=zip");
    let body = serde_json::to_string(&vec![&small; 10_000]).expect("JSON");
    let (status, answer) = ask(&server, "POST", &url, &body);
    assert!(status == 200 && answer.contains(&small) && answer.len() < 2_000, "{status} {}", answer.len());
    let before = Usage::of(pid);
    let body = serde_json::to_string(&vec![&blob; 10_000]).expect("JSON");
    let host = server.http().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    write!(
        stream,
        "POST {url} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        basic(),
        body.len()
    )
    .expect("the request is sent");
    stream.read_exact(&mut [0; 15]).expect("the answer begins");
    drop(stream);
    until_idle(pid);
    let after = Usage::of(pid);
    assert!(after.peak <= before.peak + 64 * MIB, "{before:?} {after:?}");
    let body = serde_json::to_string(&vec![&blob; 10_001]).expect("JSON");
    assert_eq!(ask(&server, "POST", &url, &body).0, 400);
}

/// S4: shapes of Markdown, each a README of 256 KB.
#[test]
fn no_shape_of_markdown_takes_long() {
    const SHAPES: [(&str, &str); 36] = [
        ("quotes", ">"),
        ("spaced quotes", "> "),
        ("lines of quotes", "> a\n"),
        ("open brackets", "["),
        ("closing brackets", "]"),
        ("links", "[a](b)"),
        ("nested links", "[a]("),
        ("pictures", "![a](b)"),
        ("definitions", "[a]: b\n"),
        ("ticks", "`"),
        ("odd ticks", "`a``"),
        ("fences", "```\n"),
        ("table", "|b|\n|-|\n"),
        ("wide table", "|a"),
        ("footnotes", "[^a]: b\n\n"),
        ("list", "- a\n"),
        ("nested list", "- "),
        ("nested numbers", "1. "),
        ("tasks", "- [x] a\n"),
        ("comment", "<!--"),
        ("comments", "<!-- a -->"),
        ("div", "<div>"),
        ("paragraphs of HTML", "<p>x"),
        ("formatting", "<b>x<p>"),
        ("svg", "<svg>"),
        ("table of HTML", "<table>"),
        ("misnested", "<b><p></b>"),
        ("anchors", "<a href=x>y</a>"),
        ("emphasis", "*a "),
        ("mixed emphasis", "*a**b_"),
        ("strike", "~a~~"),
        ("entities", "&amp;"),
        ("headings", "# a\n"),
        ("rules", "---\n"),
        ("less than", "<"),
        ("lists of HTML", "<ul><li>"),
    ];
    let sandbox = Sandbox::new();
    let made = Made::new(&sandbox);
    let mut stream = "commit refs/heads/shapes\ncommitter a <a@b> 1700000000 +0000\ndata 0\n".to_owned();
    for (name, shape) in SHAPES {
        let text = shape.repeat((256 << 10) / shape.len());
        write!(stream, "M 100644 inline \"{name}/README.md\"\ndata {}\n{text}\n", text.len())
            .expect("it is a string");
    }
    made.import(&stream);
    let server = made.serve();
    let pid = pid(&server);
    assert_eq!(ask(&server, "GET", PAGES, "").0, 200);
    for (name, _) in SHAPES {
        let path = format!("{PAGES}?path=/{}&version=GBshapes", name.replace(' ', "%20"));
        let before = Usage::of(pid);
        let (status, answer) = ask(&server, "GET", &path, "");
        let first = Usage::of(pid);
        assert!(status == 200 && answer.contains("README.md"), "{name}: {status}");
        assert!(first.ticks - before.ticks <= TICKS, "{name} took {} ticks", first.ticks - before.ticks);
    }
    let (_, answer) = ask(&server, "GET", &format!("{PAGES}?path=/quotes&version=GBshapes"), "");
    assert!(answer.contains("shown as its source: it is nested more than 100 levels deep"), "it says why");
}
