//! S13: snapshots that say "10^12 files" in 14 objects, or nest deeper than any path, in everything that azml does with
//! a snapshot.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use e2e::folder::write;
use e2e::{Actor, Output, Sandbox, Ui, git};

/// Address space in KB that a command has: a snapshot that is walked whole needs many times as much.
const MEMORY: u64 = 1_500_000;
/// Bytes that the Workbench has in memory at most.
const WORKBENCH_MEMORY: u64 = 400 << 20;
/// Seconds that a command has. In truth it is one.
const TIME: u64 = 60;

/// Shell commands that print a tree made of $blob.
const BOMB: &str = r#"
    entries() { for i in 0 1 2 3 4 5 6 7 8 9; do printf '%s\t%s\n' "$1" "$i"; done; }
    tree=$(entries "100644 blob $blob" | git mktree)
    for level in 1 2 3 4 5 6 7 8 9 10 11; do tree=$(entries "040000 tree $tree" | git mktree); done
"#;
const DEEP: &str = r#"
    tree=$(python3 - "$blob" <<'END'
import hashlib, os, sys, zlib
def write(content):
    data = b'tree %d\0' % len(content) + content
    name = hashlib.sha1(data).hexdigest()
    folder = 'objects/' + name[:2]
    os.makedirs(folder, exist_ok=True)
    with open(folder + '/' + name[2:], 'wb') as file:
        file.write(zlib.compress(data, 1))
    return name
tree = write(b'100644 f\0' + bytes.fromhex(sys.argv[1]))
for level in range(3000):
    tree = write(b'40000 d\0' + bytes.fromhex(tree))
print(tree)
END
)
"#;

/// A project with two runs, of which the second one's snapshot is made by these shell commands.
struct Planted<'s> {
    actor: Actor<'s>,
    project: PathBuf,
    runs: [String; 2],
}

fn plant<'s>(sandbox: &'s Sandbox, tree: &str) -> Planted<'s> {
    let actor = sandbox.stranger("alice");
    let project = actor.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", "print('one')\n");
    let first = actor.submit(&project, &["train.py"]);
    write(&project, "train.py", "print('two')\n");
    let second = actor.submit(&project, &["train.py"]);
    let (old, id) = (actor.commit_of(&project, &second), git::project_id(&project));
    let script = format!(
        r#"set -e
        blob=$(echo content | git hash-object -w --stdin)
        tip=$(git rev-parse refs/heads/AzureMLHistory/{id})
        {tree}
        commit=$(git commit-tree -p refs/heads/AzureMLHistory/{id} -m planted "$tree")
        git update-ref refs/heads/AzureMLHistory/{id} "$commit"
        export GIT_INDEX_FILE=$PWD/planted-index
        git read-tree refs/azureml/runs/{id}
        git ls-files | while read -r path; do
            new=$(git show "refs/azureml/runs/{id}:$path" | sed "s/{old}/$commit/" | git hash-object -w --stdin)
            git update-index --cacheinfo "100644,$new,$path"
        done
        git update-ref refs/azureml/runs/{id} "$(git commit-tree -p refs/azureml/runs/{id} -m planted "$(git write-tree)")"
        rm -f planted-index azml/run-list"#
    );
    let _planted = actor.sh(&git::history_of(&project), &script).ok();
    Planted { actor, project, runs: [first, second] }
}

impl Planted<'_> {
    /// Runs azml with little memory and time.
    fn azml(&self, arguments: &str) -> Output {
        let azml = self.actor.azml_path();
        self.actor.sh(&self.project, &format!("ulimit -v {MEMORY}; exec timeout {TIME} {azml} {arguments}"))
    }
}

#[test]
fn a_tree_bomb_is_refused_by_every_command_soon_and_with_little_memory() {
    for (what, tree, says) in [("bomb", BOMB, "files and folders"), ("deep", DEEP, "folders in each other")] {
        let sandbox = Sandbox::new();
        let planted = plant(&sandbox, tree);
        let [first, second] = &planted.runs;
        let before = e2e::folder::contents(&planted.project);
        let compared = planted.azml(&format!("history compare {first} {second}"));
        assert!(compared.fails().stderr.contains("files and folders differ"), "{what}");
        for arguments in [
            format!("project restore --run-id {second} --dry-run"),
            format!("project restore --run-id {second}"),
        ] {
            let refused = planted.azml(&arguments).exits(1);
            assert!(refused.stderr.contains(says), "{what}: {arguments}: {}", refused.stderr);
        }
        e2e::folder::contents(&planted.project).assert_same(&before, what);
        // Of the same with one run there is nothing to compare.
        let same = planted.azml(&format!("history compare {second} {second} --code patch")).ok();
        assert_eq!(same.json()["code"][0]["files_changed"], 0, "{what}: {same}");

        let cloned = planted.azml("project clone .azuremlhistory_git ../cloned").exits(1);
        assert!(cloned.stderr.contains(says), "{what}: {}", cloned.stderr);
        assert!(!planted.project.join("../cloned").exists(), "{what}: nothing is left");
    }
}

/// `azml ui`, and a browser that has its key.
struct Visitor {
    ui: Ui,
    address: String,
    cookie: String,
}

impl Visitor {
    fn start(planted: &Planted<'_>) -> Self {
        let ui = Ui::start(&planted.actor, &planted.project);
        let (address, rest) = ui.url.trim_start_matches("http://").split_once('/').expect("a path");
        let (address, path) = (address.to_owned(), format!("/{rest}"));
        let mut visitor = Self { ui, address, cookie: String::new() };
        let reply = visitor.get(&path);
        let cookie = reply.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        cookie.split(';').next().expect("a pair").clone_into(&mut visitor.cookie);
        visitor
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(TIME))).expect("a socket takes a time-out");
        stream
    }

    /// Asks for a page without waiting for it.
    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = self.connect();
        let Self { address, cookie, .. } = self;
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        stream
    }

    fn get(&self, path: &str) -> String {
        let mut reply = Vec::new();
        self.ask(path).read_to_end(&mut reply).expect("it answers in time");
        String::from_utf8_lossy(&reply).into_owned()
    }
}

#[test]
fn a_tree_bomb_is_told_on_every_page_of_the_workbench() {
    let sandbox = Sandbox::new();
    let planted = plant(&sandbox, BOMB);
    let [first, second] = &planted.runs;
    let visitor = Visitor::start(&planted);
    for (path, status, says) in [
        (format!("/runs/{second}"), "200", "files and folders differ"),
        (format!("/runs/{second}/diff?from={first}"), "200", "files and folders differ"),
        (format!("/compare?run={first}&run={second}"), "200", "files and folders differ"),
        (format!("/runs/{second}/files"), "500", "files and folders"),
        (format!("/runs/{second}/restore"), "500", "files and folders"),
    ] {
        let reply = visitor.get(&path);
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")) && reply.contains(says), "{path}: {reply}");
    }
    let usage = visitor.ui.usage();
    assert!(usage.peak < WORKBENCH_MEMORY, "{usage:?}");
}

#[test]
fn half_forms_of_strangers_do_not_keep_the_workbench_from_its_user() {
    let sandbox = Sandbox::new();
    let planted = plant(&sandbox, "tree=$(git mktree </dev/null)");
    let visitor = Visitor::start(&planted);
    let address = &visitor.address;
    let form = "content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\n";
    let heads = [
        format!("POST /sync HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\n{form}"),
        format!("POST /sync HTTP/1.1\r\nhost: {address}\r\ncookie: azml-ui-1=x\r\n{form}form=x"),
        "POST /sync HTTP/1.1\r\nhost: half".to_owned(),
        String::new(),
    ];
    for head in heads {
        let strangers: Vec<TcpStream> = (0..80)
            .map(|_| {
                let mut stream = visitor.connect();
                // One that was refused already may be closed.
                drop(stream.write_all(head.as_bytes()));
                stream
            })
            .collect();
        let began = Instant::now();
        let reply = visitor.get("/");
        assert!(reply.starts_with("HTTP/1.1 200"), "{head}: {reply}");
        // The deadline of a form is 15 seconds.
        assert!(began.elapsed() < Duration::from_secs(10), "{head}: {:?}", began.elapsed());
        drop(strangers);
    }
}

#[test]
fn another_repositorys_commit_is_passed_over_and_named_by_clone_and_restore() {
    let sandbox = Sandbox::new();
    let planted = plant(
        &sandbox,
        r#"tree=$({ git ls-tree "$tip"; printf '160000 commit %s\tmodule\n' "$tip"; } | git mktree)"#,
    );
    let second = &planted.runs[1];
    let passed = "passed over, because it is another repository's commit, whose files the snapshot does not hold: module";
    let restored = planted.azml(&format!("project restore --run-id {second}")).ok();
    assert!(restored.stderr.contains(passed), "{}", restored.stderr);
    let cloned = planted.azml("project clone .azuremlhistory_git ../cloned").ok();
    assert!(cloned.stderr.contains(passed), "{}", cloned.stderr);
}
