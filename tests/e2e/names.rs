//! Names are bytes: a file, folder or branch whose name is no UTF-8 stops nothing, is shown as `git ls-files` shows it,
//! and what is shown names it again. Names with control characters are shown safely.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use e2e::folder::{contents, write};
use e2e::{Actor, Output, Sandbox, git, http};

/// As it is on the disk, and as it is shown.
const NAME: (&[u8], &str) = (b"caf\xe9.txt", r"outputs/caf\351.txt");

/// Leaves an output that is no UTF-8, one with a line feed, and one whose text looks quoted; prints bytes.
const SCRIPT: &str = "\
import os, sys
os.makedirs(b'outputs/d\\xe9p')
for name in [b'caf\\xe9.txt', b'two\\nlines', b'd\\xe9p/\\xff', b'\"plain\"', b'plain.txt']:
    open(b'outputs/' + name, 'wb').write(b'content of ' + name)
sys.stdout.buffer.write(b'caf\\xe9 \\xff\\n')
";

/// alice with her token.
const BASIC: &str = "Basic YWxpY2U6YWxpY2VwYXQ=";

/// The names of [`SCRIPT`]'s outputs as they are shown.
const SHOWN: [&str; 5] = [
    r#""outputs/caf\351.txt""#,
    r#""outputs/d\351p/\377""#,
    r#""outputs/two\nlines""#,
    "outputs/\"plain\"",
    "outputs/plain.txt",
];

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn put(folder: &Path, name: &[u8], content: &str) {
    let path = folder.join(path(name));
    std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

/// A command with arguments that may be no UTF-8; its standard output as bytes.
fn raw(mut command: Command, args: &[&[u8]]) -> (Vec<u8>, Output) {
    let output = command.args(args.iter().map(|arg| OsStr::from_bytes(arg))).output().expect("it starts");
    (output.stdout.clone(), Output::new(format!("{command:?}"), &output))
}

fn submit(alice: &Actor<'_>, project: &Path) -> String {
    write(project, "train.py", SCRIPT);
    let command = alice.command(&alice.azml_path(), project);
    let args = ["experiment", "submit", "-c", "local", "train.py"].map(str::as_bytes);
    let (stdout, output) = raw(command, &args);
    assert!(stdout.windows(7).any(|part| part == b"caf\xe9 \xff\n"), "as the script wrote it: {output}");
    output.ok().run_id()
}

#[test]
fn outputs_of_any_name_are_listed_printed_downloaded_and_packed() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let url = server.repo("iris");
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    let run = submit(&alice, &project);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();

    // The same from the computer that made them, and from another one.
    let laptop = sandbox.actor_at("laptop", "alice", "alicepat");
    let there = sandbox.dir("laptop");
    let _cloned = laptop.azml(&there, &["project", "clone", &url, "iris"]).ok();
    for (who, project) in [(&alice, project.clone()), (&laptop, there.join("iris"))] {
        let record = who.azml_json(&project, &["history", "info", "-r", &run]);
        let listed = record["attachments"].as_str().expect("a list").to_owned();
        for shown in SHOWN {
            assert!(listed.contains(shown), "{shown} in {listed}");
        }
        let print = |name: &[u8]| {
            let command = who.command(&who.azml_path(), &project);
            let args = [&b"history"[..], b"info", b"-r", run.as_bytes(), b"-a", name];
            let (stdout, output) = raw(command, &args);
            let _output = output.ok();
            stdout
        };
        // By its bytes, by its shown name; a name that looks quoted is itself.
        assert_eq!(print(b"outputs/caf\xe9.txt"), b"content of caf\xe9.txt");
        assert_eq!(print(SHOWN[0].as_bytes()), b"content of caf\xe9.txt");
        assert_eq!(print(SHOWN[2].as_bytes()), b"content of two\nlines");
        assert_eq!(print(SHOWN[3].as_bytes()), b"content of \"plain\"");
        assert_eq!(print(b"driver_log.txt"), b"caf\xe9 \xff\n");

        let written = who.azml(&project, &["history", "download", "-r", &run, "-d", "results"]).ok();
        assert!(!written.stderr.contains("missing"), "{written}");
        let files = written.json()["files"].as_array().cloned().unwrap_or_default();
        assert!(SHOWN.iter().all(|shown| files.iter().any(|file| file == shown)), "{written}");
        for name in [&b"caf\xe9.txt"[..], b"two\nlines", b"d\xe9p/\xff", b"\"plain\""] {
            let file = project.join("results/outputs").join(path(name));
            assert_eq!(std::fs::read(file).expect("it is there"), [b"content of ", name].concat());
        }
        let again = who.azml(&project, &["history", "download", "-r", &run, "-d", "results"]).exits(1);
        assert!(again.stderr.contains(NAME.1), "{again}");

        let packed = who.azml(&project, &["experiment", "diagnostics", "-r", &run]).ok();
        assert_eq!(packed.json()["left_out"], serde_json::json!([]), "{packed}");
        let list = "import zipfile; print('\\n'.join(zipfile.ZipFile('diagnostics.zip').namelist()))";
        let names = who.sh(&project, &format!("python3 -c \"{list}\"")).ok();
        for name in
            [r#"run/outputs/"caf\351.txt""#, r#"run/outputs/"d\351p"/"\377""#, "run/outputs/plain.txt"]
        {
            assert!(names.stdout.lines().any(|line| line == name), "{name} in {names}");
        }
    }
    // A name that is not there is answered with one that works.
    let given = r#""outputs/caf\351.tx""#;
    let near = alice.azml(&project, &["history", "info", "-r", &run, "-a", given]).exits(3);
    assert!(near.stderr.contains(r#"-a '"outputs/caf\351.txt"'"#), "{near}");
}

#[test]
fn what_is_over_the_limit_is_named_and_known_again() {
    let sandbox = Sandbox::new();
    let (remote, alice, project) = sandbox.project_with_remote();
    let url = remote.to_str().expect("UTF-8").to_owned();
    write(&project, "train.py", SCRIPT);
    let submit =
        ["experiment", "submit", "-c", "local", "--attachments-limit", "1B", "--no-large", "train.py"];
    let run = alice.azml(&project, &submit).ok().run_id();
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
    let left = record["properties"]["AttachmentsLeft"].as_array().cloned().unwrap_or_default();
    assert!(left.iter().any(|name| name == SHOWN[0]), "{record}");
    let laptop = sandbox.actor_at("laptop", "alice", "none");
    let there = sandbox.dir("laptop");
    let _cloned = laptop.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let info = ["history", "info", "-r", &run, "-a", SHOWN[0]];
    let absent = laptop.azml(&there.join("iris"), &info).exits(3);
    assert!(absent.stderr.contains("over the limit"), "{absent}");
}

#[test]
fn a_project_below_a_folder_of_any_name_with_files_and_branches_of_any_name_works() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.path().join(path(b"w\xf6rk"));
    std::fs::create_dir(&work).expect("a folder");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_str().expect("UTF-8").to_owned();
    let project = alice.create_linked_project(&work, "iris", &url);
    put(&project, b"src/caf\xe9.py", "print(1)\n");
    put(&project, b"d\xe9p/\xff\n\"", "1\n");
    write(&project, "train.py", "print('trained')\n");
    let (_, made) = raw(alice.command("git", &project), &[b"checkout", b"-q", b"-b", b"t\xf6pic"]);
    let _made = made.ok();
    let first = alice.submit(&project, &["train.py"]);
    let of_first = contents(&project);
    put(&project, b"src/caf\xe9.py", "print(2)\n");
    std::fs::rename(project.join(path(b"d\xe9p")), project.join(path(b"\xfcber"))).expect("renamed");
    let second = alice.submit(&project, &["train.py"]);

    let compared =
        alice.azml(&project, &["history", "compare", &first, &second, "-o", "json", "--code", "patch"]);
    let text = compared.ok().stdout;
    assert!(text.contains(r#"\"src/caf\\351.py\""#), "{text}");
    let compared =
        alice.azml(&project, &["history", "compare", &first, &second, "-o", "table", "--code", "patch"]).ok();
    assert!(compared.stdout.contains(r#"diff --git "a/src/caf\351.py" "b/src/caf\351.py""#), "{compared}");
    let planned = alice.azml_json(&project, &["project", "restore", "--run-id", &first, "--dry-run"]);
    assert!(planned.to_string().contains(r#"\"src/caf\\351.py\""#), "{planned}");
    let _restored = alice.azml(&project, &["project", "restore", "--run-id", &first]).ok();
    contents(&project).assert_same(&of_first, "restored");
    let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    for args in [
        &["project", "show"][..],
        &["project", "fsck"],
        &["project", "snapshot"],
        &["history", "sync"],
        &["history", "list", "-o", "table"],
        &["experiment", "diagnostics", "-r", &first],
    ] {
        let output = alice.azml(&project, args).ok();
        assert!(!output.stdout.contains('\u{fffd}'), "{output}");
    }
    git::assert_sound(&alice, &remote);
    let laptop = sandbox.actor_at("laptop", "alice", "none");
    let there = sandbox.dir("laptop");
    let _cloned = laptop.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let _restored = laptop.azml(&there.join("iris"), &["project", "restore", "--run-id", &first]).ok();
    contents(&there.join("iris")).assert_same(&of_first, "on another computer");
}

#[test]
fn the_portal_leads_to_files_of_any_name() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let clone = sandbox.dir("clone");
    let _made = alice.sh(&clone, "git init -q .").ok();
    put(&clone, b"d\xe9p/caf\xe9.txt", "inside\n");
    put(&clone, b"two\nlines", "1\n");
    let _made = alice.sh(&clone, "git add . && git commit -q -m 1").ok();
    let repo = server.repo("iris");
    let _pushed = alice.git(&clone, &["push", "-q", &repo, "HEAD:refs/heads/master"]).ok();
    let mut push = alice.command("git", &clone);
    push.args(["-c", &format!("http.extraHeader=Authorization: {BASIC}"), "push", "-q", &repo]);
    // The service takes no such branch, and says so.
    let refused = raw(push, &[b"HEAD:refs/heads/t\xf6pic"]).1.fails();
    assert!(refused.stderr.contains("the ref's name is not UTF-8"), "{refused}");

    let page = |path: &str| {
        let headers = [("Authorization", BASIC), ("Accept", "text/html")];
        let (status, body) = http::send(server.http(), "GET", path, &headers, "");
        assert_eq!(status, 200, "{path}: {body}");
        assert!(!body.contains('\u{fffd}'), "{path}: {body}");
        body
    };
    // As a person clicks: into the folder, to the file, and to its own content.
    let link = |page: &str, part: &str| {
        let found = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut found = found.filter(|link| link.contains(part)).map(|link| link.replace("&amp;", "&"));
        found.next().unwrap_or_else(|| panic!("no link with {part} in {page}"))
    };
    let top = page("/acme/iris/_git/iris");
    assert!(top.contains("two\\nlines"), "{top}");
    let folder = page(&link(&top, "351p"));
    let file = page(&link(&folder, "351.txt"));
    assert!(file.contains("inside"), "{file}");
    let raw = page(&link(&file, "/raw?"));
    assert_eq!(raw, "inside\n");
    let commits = page(&link(&file, "/commits?"));
    let _commit = page(&link(&commits, "/commit/"));
}

#[test]
fn a_remote_whose_branches_have_any_name_is_told_apart_from_an_empty_one() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let remote = sandbox.bare_repo("remote.git");
    let seed = sandbox.dir("seed");
    let _made = alice
        .sh(&seed, "git init -q . && git commit -q --allow-empty -m 1 && git remote add origin ../remote.git")
        .ok();
    let (_, pushed) =
        raw(alice.command("git", &seed), &[b"push", b"-q", b"origin", b"HEAD:refs/heads/t\xf6pic"]);
    let _pushed = pushed.ok();
    let url = remote.to_str().expect("UTF-8");
    let refused = alice.azml(&sandbox.dir("work"), &["project", "create", "-n", "iris", "-r", url]).fails();
    assert!(refused.stderr.contains(r#""t\366pic""#), "{refused}");
}

/// A name that would clear a screen, colour it, begin a new line, or turn text around.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;t\u{7}\r\nerror: b\tc\u{202e}d\u{9b}31m\u{7f}";

#[test]
fn hostile_metrics_are_shown_safely_by_every_command_and_exactly_in_json() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let name = serde_json::to_string(HOSTILE).expect("JSON");
    write(
        &project,
        "train.py",
        format!(
            "import sys, json\nfrom azureml.logging import get_azureml_logger\nlog = get_azureml_logger()\n\
             name = json.loads(r'''{name}''')\nlog.log(name, float(sys.argv[1]))\nlog.log('text', name)\n\
             log.log('list', [name])\n"
        ),
    );
    let runs: Vec<String> =
        ["0.5", "0.75"].iter().map(|value| alice.submit(&project, &["train.py", value, HOSTILE])).collect();
    let record = alice.azml_json(&project, &["history", "info", "-r", &runs[1]]);
    assert_eq!(record[HOSTILE], 0.75, "{record}");
    assert_eq!(record["text"], HOSTILE);
    for format in ["table", "tsv"] {
        for args in [
            &["history", "list"][..],
            &["history", "list", "--query", "[].{a: text, b: arguments[1]}"],
            &["history", "list", "--query", "[].keys(@)[0]"],
            &["history", "last"],
            &["history", "info", "-r", &runs[0]],
            &["history", "compare", &runs[0], &runs[1], "--all"],
            &["project", "show"],
        ] {
            let output = alice.azml(&project, &[args, &["-o", format]].concat()).ok();
            is_safe(&output);
        }
    }
    // yaml and json escape what is not printable themselves.
    let yaml = alice.azml(&project, &["history", "info", "-r", &runs[0], "-o", "yaml"]).ok();
    assert!(!yaml.stdout.contains('\u{1b}'), "{yaml}");
    let unknown = alice.azml(&project, &["history", "info", "-r", HOSTILE]).exits(3);
    assert_eq!(unknown.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{unknown}");
}

#[track_caller]
fn is_safe(output: &Output) {
    for c in ['\u{1b}', '\u{7}', '\r', '\u{202e}', '\u{9b}', '\u{7f}'] {
        assert!(!output.stdout.contains(c), "{c:?} in {:?}", output.stdout);
        assert!(!output.stderr.contains(c), "{c:?} in {:?}", output.stderr);
    }
    assert!(!output.stdout.lines().any(|line| line.starts_with("error: b")), "{output}");
}

#[test]
fn a_lone_surrogate_is_named_and_the_rest_is_recorded() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "train.py",
        "import os\nfrom azureml.logging import get_azureml_logger\nlog = get_azureml_logger()\n\
         log.log('file \\udcff', 1)\nlog.log('name', ['x', '\\ud800'])\nlog.log('Accuracy', 0.5)\n\
         log.log('pair \\U0001f600', 2)\n\
         open(os.environ['AZML_METRICS_FILE'], 'ab').write(b'{\"name\": \"by hand \\\\ud800\", \"value\": 1}\\n\
         {\"name\": \"last\", \"value\": 3}\\n{\"name\": \"cut')\n",
    );
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    let run = output.run_id();
    for said in [r"'file \udcff'", "'name'", "by hand "] {
        assert!(output.stderr.contains(said), "{said}: {output}");
    }
    assert!(output.stderr.contains("surrogate"), "{output}");
    let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
    assert_eq!((&record["Accuracy"], &record["last"]), (&0.5.into(), &3.into()), "{record}");
    assert_eq!(record["pair \u{1f600}"], 2, "{record}");
}

#[test]
fn an_argument_that_is_no_text_is_refused_by_its_name() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('trained')\n");
    let args = [&b"history"[..], b"info", b"-r", b"iris_\xff"];
    let (_, output) = raw(alice.command(&alice.azml_path(), &project), &args);
    assert!(output.code == Some(2) && output.stderr.starts_with("error: "), "{output}");
    let args = [&b"experiment"[..], b"submit", b"-c", b"local", b"train.py", b"caf\xe9"];
    let (_, output) = raw(alice.command(&alice.azml_path(), &project), &args);
    assert!(output.code == Some(2) && output.stderr.contains(r#""caf\351" is not UTF-8"#), "{output}");
    assert!(output.stderr.contains("hint: "), "{output}");
}
