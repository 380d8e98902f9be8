//! Stock git as people serve it: `git http-backend` behind nginx by way of fcgiwrap. The packages are fetched by
//! apt-get and unpacked below `target/bench`, where they run with a configuration of their own; nothing is
//! installed, and a system's own service is neither touched nor asked.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::usage;
use crate::{Outcome, machine, process, workspace};

/// The number of CGI programs that may run at once.
const WORKERS: &str = "16";
/// The time limit for nginx to listen.
const START: Duration = Duration::from_secs(10);
/// A port that was free may be taken when nginx asks for it.
const TRIES: usize = 5;

/// nginx and fcgiwrap, running. Dropping it ends them.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    nginx: Child,
    fcgiwrap: Child,
    /// The file to which the CGI program writes its processor time, one request a line.
    times: PathBuf,
}

impl Peer {
    /// Serves the bare repositories below `root` on a free port; its own files are in `dir`.
    pub(super) fn start(root: &Path, dir: &Path) -> Outcome<Self> {
        let programs = programs()?;
        std::fs::create_dir_all(dir)?;
        let socket = dir.join("fcgi");
        let times = dir.join("times");
        let backend = String::from_utf8(process::capture(Command::new("git").arg("--exec-path"))?)?;
        let backend = Path::new(backend.trim()).join("git-http-backend");
        if !backend.exists() {
            return Err(format!("this git has no http-backend ({})", backend.display()).into());
        }
        let timed = dir.join("timed");
        let script = format!(
            "#!/bin/bash\nTIMEFORMAT='%U %S'\n{{ time {} 2>&3; }} 3>&2 2>>{}\n",
            backend.display(),
            times.display()
        );
        std::fs::write(&timed, script)?;
        process::capture(Command::new("chmod").arg("+x").arg(&timed))?;
        let fcgiwrap = programs
            .command("fcgiwrap")
            .args(["-c", WORKERS, "-s"])
            .arg(format!("unix:{}", socket.display()))
            .stdin(Stdio::null())
            .spawn()?;
        let user = String::from_utf8(process::capture(Command::new("id").arg("-un"))?)?;
        let mut last = None;
        let mut peer = Self { address: ([127, 0, 0, 1], 0).into(), nginx: idle()?, fcgiwrap, times };
        for _ in 0..TRIES {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let conf = dir.join("nginx.conf");
            std::fs::write(&conf, configuration(user.trim(), address, root, &socket, &backend, &timed))?;
            let mut nginx = programs.command("nginx");
            nginx.arg("-p").arg(dir).arg("-c").arg(&conf).arg("-e").arg(dir.join("log"));
            peer.nginx = nginx.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
            let start = Instant::now();
            while start.elapsed() < START && peer.nginx.try_wait()?.is_none() {
                if TcpStream::connect(address).is_ok() {
                    peer.address = address;
                    return Ok(peer);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            last = std::fs::read_to_string(dir.join("log")).ok();
            end(&mut peer.nginx);
        }
        Err(format!("nginx does not start: {}", last.unwrap_or_default()).into())
    }

    /// The processes that everything descends from.
    pub(super) fn roots(&self) -> [u32; 2] {
        [self.nginx.id(), self.fcgiwrap.id()]
    }

    /// The processor time so far: of the servers, and of the CGI programs started by the timed location.
    pub(super) fn cpu(&self) -> Duration {
        let own: Vec<u32> = self.roots().iter().flat_map(|root| usage::tree(*root)).collect();
        let text = std::fs::read_to_string(&self.times).unwrap_or_default();
        let seconds: f64 = text.split_whitespace().filter_map(|number| number.parse::<f64>().ok()).sum();
        usage::cpu(&own) + Duration::from_secs_f64(seconds)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        end(&mut self.nginx);
        end(&mut self.fcgiwrap);
    }
}

/// A process that has ended, to stand where one is to come.
fn idle() -> Outcome<Child> {
    let mut child = Command::new("true").spawn()?;
    child.wait()?;
    Ok(child)
}

/// Ends a process and all that descend from it.
fn end(child: &mut Child) {
    let mut kill = Command::new("kill");
    kill.args(usage::tree(child.id()).iter().map(ToString::to_string));
    if child.try_wait().is_ok_and(|status| status.is_none()) {
        process::succeeds(&mut kill);
    }
    if let Err(error) = child.wait() {
        eprintln!("could not end a process: {error}");
    }
}

fn configuration(
    user: &str,
    address: SocketAddr,
    root: &Path,
    socket: &Path,
    backend: &Path,
    timed: &Path,
) -> String {
    let (root, socket) = (root.display(), socket.display());
    let user = if user == "root" { "user root root;" } else { "" };
    let location = |place: &str, program: &Path| {
        format!(
            "location ~ ^{place}(/.*)$ {{
                fastcgi_pass unix:{socket};
                fastcgi_param SCRIPT_FILENAME {};
                fastcgi_param PATH_INFO $1;
                fastcgi_param QUERY_STRING $query_string;
                fastcgi_param REQUEST_METHOD $request_method;
                fastcgi_param CONTENT_TYPE $content_type;
                fastcgi_param CONTENT_LENGTH $content_length;
                fastcgi_param REMOTE_ADDR $remote_addr;
                fastcgi_param GIT_PROTOCOL $http_git_protocol;
                fastcgi_param GIT_PROJECT_ROOT {root};
                fastcgi_param GIT_HTTP_EXPORT_ALL 1;
                fastcgi_param GIT_CONFIG_NOSYSTEM 1;
                fastcgi_param GIT_CONFIG_GLOBAL /dev/null;
            }}",
            program.display()
        )
    };
    // Files as they are, beside which vsts-mock's large files are measured.
    let files = format!("location ^~ /files/ {{ root {root}; sendfile on; tcp_nopush on; }}");
    let locations = files + &location("/timed", timed) + &location("", backend);
    format!(
        "{user} worker_processes auto; daemon off; pid pid; error_log log;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; tcp_nodelay on; client_max_body_size 0;
            client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
            uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            fastcgi_buffers 64 64k; fastcgi_buffer_size 64k; fastcgi_max_temp_file_size 0;
            fastcgi_read_timeout 600;
            server {{ listen {address} backlog=1024; {locations} }}
        }}
        "
    )
}

/// The folder of the unpacked packages.
struct Programs(PathBuf);

impl Programs {
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.0.join("usr/sbin").join(name));
        let lib = self.0.join("usr/lib");
        let mut folders = vec![lib.clone()];
        folders.extend(std::fs::read_dir(&lib).into_iter().flatten().flatten().map(|entry| entry.path()));
        command.env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap_or_default());
        command
    }
}

/// The programs, fetched and unpacked if they are not there yet.
fn programs() -> Outcome<Programs> {
    let base = workspace::root().join("target/bench");
    let unpacked = base.join("peers");
    let is_there = |name: &str| unpacked.join("usr/sbin").join(name).exists();
    if is_there("nginx") && is_there("fcgiwrap") {
        return Ok(Programs(unpacked));
    }
    let archives = base.join("debs");
    std::fs::create_dir_all(archives.join("partial"))?;
    let folder = format!("Dir::Cache::archives={}", archives.display());
    let options =
        ["install", "-y", "--no-install-recommends", "--download-only", "--reinstall", "-o", &folder];
    let args = [&options[..], &["nginx-light", "fcgiwrap"]].concat();
    machine::with_lists(|| machine::apt_get(&args))?;
    for entry in std::fs::read_dir(&archives)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            process::capture(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&unpacked))?;
        }
    }
    if is_there("nginx") && is_there("fcgiwrap") {
        return Ok(Programs(unpacked));
    }
    Err("apt-get gives no nginx and fcgiwrap".into())
}
