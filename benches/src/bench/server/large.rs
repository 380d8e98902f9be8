//! Large files (Git LFS): pushes by azml and by git-lfs, to vsts-mock and to another server; downloads beside nginx.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::report::{Goal, Value};
use super::{Bench, TOKEN};
use crate::bench::client::{peer, write_large};
use crate::bench::{median, stock, timed};
use crate::server::{Server, basic};
use crate::usage;
use crate::{Outcome, machine, process};

/// Transfers at once.
const TRANSFERS: usize = 64;
/// The bytes of each of them, as a part of the large file.
const PIECE: u64 = 50_000_000;
/// The most memory that they may take.
const MEMORY: u64 = 100_000_000;
/// The most that a transfer may take of nginx's time.
const NGINX: f64 = 1.3;
/// The packages of giftless, which does not name them itself.
const GIFTLESS: &[&str] = &[
    "giftless==0.6.2",
    "gunicorn",
    "flask<2.4",
    "werkzeug<2.4",
    "flask-marshmallow",
    "flask-classful",
    "webargs",
    "marshmallow<4",
    "marshmallow-enum",
    "python-dotenv",
    "PyYAML",
    "PyJWT<2.10",
    "figcan",
    "python-dateutil",
    "cachetools",
    "requests",
    "cryptography",
    "typing-extensions",
];
/// The time limit for it to listen.
const START: Duration = Duration::from_secs(20);

/// A giftless, running. Dropping it ends it.
struct Giftless {
    child: Child,
    address: SocketAddr,
}

impl Drop for Giftless {
    fn drop(&mut self) {
        let mut kill = Command::new("kill");
        kill.args(usage::tree(self.child.id()).iter().map(ToString::to_string));
        process::succeeds(&mut kill);
        if let Err(error) = self.child.wait() {
            eprintln!("could not end giftless: {error}");
        }
    }
}

impl Giftless {
    fn start(dir: &Path) -> Outcome<Self> {
        let program = peer::peer("giftless/bin/gunicorn", |peers| {
            let venv = peers.join("giftless");
            process::run(Command::new(machine::python()?).args(["-m", "venv"]).arg(&venv))?;
            process::run(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(GIFTLESS))
        })?;
        std::fs::create_dir_all(dir)?;
        let configuration = format!(
            "AUTH_PROVIDERS:\n  - giftless.auth.allow_anon:read_write\nTRANSFER_ADAPTERS:\n  basic:\n    \
             factory: giftless.transfer.basic_streaming:factory\n    options:\n      \
             storage_class: giftless.storage.local_storage:LocalStorage\n      storage_options:\n        path: {}\n",
            dir.join("store").display()
        );
        std::fs::write(dir.join("giftless.yaml"), configuration)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut gunicorn = Command::new(program);
        gunicorn.args([
            "--workers",
            "2",
            "--threads",
            "8",
            "--timeout",
            "600",
            "--bind",
            &address.to_string(),
        ]);
        gunicorn
            .arg("giftless.wsgi_entrypoint:app")
            .current_dir(dir)
            .env("GIFTLESS_CONFIG_FILE", "giftless.yaml");
        let log = std::fs::File::create(dir.join("log"))?;
        let mut child = gunicorn.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > START || child.try_wait()?.is_some() {
                return Err(std::fs::read_to_string(dir.join("log")).unwrap_or_default().into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { child, address })
    }
}

/// Downloads by curl, so many at once, each of the first bytes of a URL.
fn download(url: &str, authorization: &str, at_once: usize, bytes: u64) -> Outcome<Duration> {
    let range = format!("0-{}", bytes - 1);
    let begun = Instant::now();
    let mut all = Vec::new();
    for _ in 0..at_once {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--output", "/dev/null", "--range", &range]);
        curl.args(["--header", &format!("Authorization: {authorization}"), url]);
        all.push(curl.stdin(Stdio::null()).spawn()?);
    }
    for mut curl in all {
        if !curl.wait()?.success() {
            return Err(format!("curl does not get {url}").into());
        }
    }
    Ok(begun.elapsed())
}

impl Bench {
    /// Measures everything about large files.
    pub(super) fn large(&mut self) -> Outcome {
        let size = self.scale.large;
        let place = self.dir.join("repos/files");
        std::fs::create_dir_all(&place)?;
        let file = place.join("large.bin");
        write_large(&file, size)?;
        let size = file.metadata()?.len();
        self.push_large(&file)?;

        let server = self.start("large-downloads", &[("files".to_owned(), None)])?;
        let oid = String::from_utf8(process::capture(Command::new("sha256sum").arg(&file))?)?;
        let oid = oid.split(' ').next().unwrap_or_default();
        let ours = format!("{}/acme/bench/_git/files/info/lfs/objects/{oid}", server.http());
        let theirs = format!("http://{}/files/large.bin", self.peer.address);
        let authorization = basic(TOKEN);
        let mut upload = Command::new("curl");
        upload.args(["--silent", "--fail", "--output", "/dev/null", "--upload-file"]).arg(&file);
        process::capture(upload.args(["--header", &format!("Authorization: {authorization}"), &ours]))?;
        let piece = PIECE.min(size);
        for (at_once, bytes) in [(1, size), (TRANSFERS, piece)] {
            let (mut our_times, mut their_times, mut memory) = (Vec::new(), Vec::new(), 0);
            for _ in 0..self.scale.rounds {
                let roots = [server.id()];
                let (took, most) = usage::peak(&roots, || download(&ours, &authorization, at_once, bytes));
                our_times.push(took?);
                memory = most.max(memory);
                their_times.push(download(&theirs, &authorization, at_once, bytes)?);
            }
            let what =
                if at_once == 1 { "a download".to_owned() } else { format!("{at_once} downloads at once") };
            let what =
                format!("large files: {what} of {} MB by curl, from nginx on the right", bytes / 1_000_000);
            let (ours, theirs) = (Value::Wall(median(our_times)), Value::Wall(median(their_times)));
            self.report.push(what, ours, theirs, Goal::AtMost(NGINX));
            if at_once > 1 {
                let what = format!("large files: memory with {at_once} downloads");
                self.report.push(what, Value::Bytes(memory), Value::Nothing, Goal::Bytes(MEMORY));
            }
        }
        std::fs::remove_file(file)?;
        Ok(())
    }

    /// Pushes of one large file, each to a server that has nothing.
    fn push_large(&mut self, file: &Path) -> Outcome {
        machine::require_git_lfs()?;
        let megabytes = self.scale.large / 1_000_000;
        let azml = self.vsts_mock.with_file_name("azml");
        let (mut by_azml, mut by_lfs, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_there = true;
        for round in 0..self.scale.rounds.min(2) {
            let name = format!("large-{round}");
            let server = self.start(&name, &[("azml".to_owned(), None), ("lfs".to_owned(), None)])?;
            by_azml.push(self.push_by_azml(&azml, file, &server, round)?);
            let work = self.lfs_repository(file, &server, round)?;
            let url = format!("{}/acme/bench/_git/lfs", server.http());
            by_lfs.push(push_by_lfs(&work, &url)?);
            drop(server);
            std::fs::remove_dir_all(self.dir.join(&name))?;
            let dir = self.dir.join("giftless");
            match Giftless::start(&dir) {
                Ok(giftless) => {
                    let url = format!("http://{}/acme/lfs", giftless.address);
                    elsewhere.push(push_by_lfs(&work, &url)?);
                }
                Err(error) => {
                    is_there = false;
                    self.report.note(format!("giftless is not here: {error}"));
                }
            }
            for made in [dir, work] {
                if made.exists() {
                    std::fs::remove_dir_all(made)?;
                }
            }
        }
        let [by_azml, by_lfs] = [by_azml, by_lfs].map(|times| Value::Wall(median(times)));
        let what = format!("large files: push of {megabytes} MB by azml, by git-lfs on the right");
        self.report.push(what, by_azml, by_lfs, Goal::None);
        let elsewhere = if is_there { Value::Wall(median(elsewhere)) } else { Value::Nothing };
        let what = format!("large files: push of {megabytes} MB by git-lfs, to giftless on the right");
        self.report.push(what, by_lfs, elsewhere, Goal::None);
        Ok(())
    }

    fn push_by_azml(&self, azml: &Path, file: &Path, server: &Server, round: usize) -> Outcome<Duration> {
        let home = self.dir.join(format!("azml-{round}"));
        std::fs::create_dir_all(&home)?;
        let url = format!("{}/acme/bench/_git/azml", server.http());
        let command = |dir: &Path, args: &[&str]| {
            let mut command = Command::new(azml);
            command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &home).current_dir(dir);
            command.env("AZML_VSTS_URL", server.http());
            command.args(args).args(["--only-show-errors", "-o", "none"]);
            command
        };
        process::capture(&mut command(&home, &["project", "create", "-n", "bench"]))?;
        let project = home.join("bench");
        std::fs::hard_link(file, project.join("large.bin"))?;
        process::capture(&mut command(&project, &["project", "snapshot"]))?;
        // To link a project is to push all that it has.
        let link = ["project", "update", "-r", &url, "--vststoken", TOKEN];
        let took = timed(|| process::capture(&mut command(&project, &link)))?.0;
        std::fs::remove_dir_all(home)?;
        Ok(took)
    }

    /// A repository with the file in one commit, its content in git-lfs' store.
    fn lfs_repository(&self, file: &Path, server: &Server, round: usize) -> Outcome<PathBuf> {
        let work = self.dir.join(format!("lfs-{round}"));
        std::fs::create_dir_all(&work)?;
        std::fs::hard_link(file, work.join("large.bin"))?;
        let script = format!(
            "git init -q && git lfs install --local && git lfs track '*.bin' && git add -A \
             && git -c user.name=bench -c user.email=bench@example.com commit -q -m large \
             && git config 'http.{}.extraHeader' 'Authorization: {}' && git config lfs.locksverify false",
            server.http(),
            basic(TOKEN)
        );
        process::capture(&mut stock::git_shell(&work, &script))?;
        Ok(work)
    }
}

fn push_by_lfs(work: &Path, url: &str) -> Outcome<Duration> {
    let mut git = stock::git(work);
    git.args(["lfs", "push", "--all", url]);
    Ok(timed(|| process::capture(&mut git))?.0)
}
