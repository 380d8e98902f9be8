//! The data directory: who may look into it, what is lost of it, and what happens when it is full.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary::{Served, run};

const AT: [&str; 2] = ["--data-dir", "data"];
/// For how long a line of the log is waited for.
const TIMEOUT: Duration = Duration::from_mins(2);

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}

/// Finding S12.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_its_owners_alone_and_says_so_where_it_is_not() {
    let dir = TempDir::new().expect("a folder");
    let data = dir.path().join("data");
    let served = Served::start(dir.path(), &AT);
    let made = [
        ("", 0o700),
        ("repos", 0o700),
        ("state.sqlite", 0o600),
        ("state.sqlite-wal", 0o600),
        ("state.sqlite-shm", 0o600),
    ];
    for (name, expected) in made {
        assert_eq!(mode(&data.join(name)), expected, "{name}");
    }
    let log = || fs::read_to_string(dir.path().join("log")).expect("a log");
    assert!(!log().contains("chmod 700"), "{}", log());
    assert!(served.terminate().success());

    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let served = Served::start(dir.path(), &AT);
    assert!(log().contains("Close it: chmod 700 data"), "{}", log());
    assert_eq!(mode(&data), 0o755, "it is not refused, and stays as somebody wanted it");
    assert!(served.terminate().success());

    let _temporary = Served::start(dir.path(), &[]);
    let folders = fs::read_dir(dir.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let own: Vec<PathBuf> = folders.filter(|path| path.to_string_lossy().contains("vsts-mock-")).collect();
    assert_eq!(own.iter().map(|path| mode(path)).collect::<Vec<_>>(), [0o700]);
}

/// Finding S13: the database is gone or empty, the repositories are there.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_lost_is_refused_beside_repositories() {
    let dir = TempDir::new().expect("a folder");
    let at = |name: &str| dir.path().join("data").join(name);
    let served = Served::start(dir.path(), &AT);
    assert!(served.terminate().success());
    fs::rename(at("state.sqlite"), at("saved")).expect("it is there");
    for (make, word) in [(None, "missing"), (Some(""), "empty")] {
        if let Some(content) = make {
            fs::write(at("state.sqlite"), content).expect("a file");
        }
        let refused = run(
            dir.path(),
            &["serve", "--config", "seed.toml", "--http", "127.0.0.1:0", "--data-dir", "data"],
        );
        let output = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{output}");
        for part in ["data/state.sqlite", word, "holds 3 repositories", "Restore", "move data/repos away"] {
            assert!(output.contains(part), "{part}: {output}");
        }
    }
    // Both ways out.
    fs::rename(at("saved"), at("state.sqlite")).expect("it is there");
    assert!(Served::start(dir.path(), &AT).terminate().success());
    fs::remove_file(at("state.sqlite")).expect("it is there");
    fs::rename(at("repos"), dir.path().join("old")).expect("it is there");
    assert!(Served::start(dir.path(), &AT).terminate().success());
}

/// Finding S13: repositories are gone or garbage.
#[tokio::test(flavor = "multi_thread")]
async fn lost_repositories_are_named_at_the_start_and_at_the_request() {
    let dir = TempDir::new().expect("a folder");
    let served = Served::start(dir.path(), &AT);
    let path = async |name: &str| {
        let shown =
            served.ask("GET", &format!("/_mock/accounts/acme/projects/iris/repos/{name}"), "").await.text();
        let value: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        dir.path().join(value["path"].as_str().unwrap_or_else(|| panic!("{shown}")))
    };
    let (gone, garbage) = (path("extra").await, path("guarded").await);
    assert!(served.terminate().success());
    fs::remove_dir_all(&gone).expect("it goes");
    fs::write(garbage.join("HEAD"), "garbage\n").expect("a file");
    fs::create_dir(dir.path().join("data/repos/01234567-89ab-cdef-0123-456789abcdef.git")).expect("a folder");

    let served = Served::start(dir.path(), &AT);
    let log = || fs::read_to_string(dir.path().join("log")).expect("a log");
    let lines = [
        "missing in data/repos: acme/iris/extra (",
        "can't be read: acme/iris/guarded (",
        "01234567-89ab-cdef-0123-456789abcdef.git. If",
    ];
    let begun = Instant::now();
    while !lines.iter().all(|line| log().contains(line)) {
        assert!(begun.elapsed() < TIMEOUT, "{}", log());
        std::thread::yield_now();
    }
    let refs = async |name: &str| {
        let head = format!(
            "GET /acme/iris/_apis/git/repositories/{name}/refs HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer alicepat\n\n"
        );
        crate::raw::send(served.url(), &head, Vec::new()).await
    };
    let (gone, garbage, fine) = (refs("extra").await, refs("guarded").await, refs("iris").await);
    assert!(gone.text().contains("its folder is missing on the server"), "{}", gone.text());
    assert!(garbage.text().contains("its HEAD is damaged"), "{}", garbage.text());
    assert_eq!((gone.status, garbage.status, fine.status), (500, 500, 200));
}

/// Finding S13: a full disk is told as one. This file system, which the server alone sees, has room for a few files.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_as_one() {
    let dir = TempDir::new().expect("a folder");
    let script = format!(
        "mount -t tmpfs -o size=20m,nr_inodes=120 tmpfs disk && exec {} serve --config seed.toml --http 127.0.0.1:0 --data-dir disk/data",
        env!("CARGO_BIN_EXE_vsts-mock")
    );
    fs::create_dir(dir.path().join("disk")).expect("a folder");
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "--map-root-user", "sh", "-c", &script])
        .current_dir(dir.path())
        .stdin(Stdio::null());
    let served = Served::of(dir.path(), unshare);
    let mut number = 0;
    let full = loop {
        let body = format!("{{\"name\": \"more-{number}\"}}");
        let made = served.ask("POST", "/_mock/accounts/acme/projects/iris/repos", &body).await;
        if made.status != 201 {
            break made;
        }
        number += 1;
        assert!(number < 120, "the disk never gets full");
    };
    assert_eq!(full.status, 507, "{}", full.text());
    assert!(full.text().contains("disk is full"), "{}", full.text());

    let body = "{\"name\": \"rest\"}";
    let head = format!(
        "POST /acme/iris/_apis/git/repositories?api-version=1.0 HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer alicepat\n\
         Content-Type: application/json\nContent-Length: {}\n\n",
        body.len()
    );
    let rest = crate::raw::send(served.url(), &head, body.into()).await;
    assert_eq!(rest.status, 507, "{}", rest.text());
    assert!(rest.text().contains("disk is full"), "{}", rest.text());
    let health = served.ask("GET", "/_mock/health", "").await;
    assert_eq!(health.status, 200, "it goes on");
}
