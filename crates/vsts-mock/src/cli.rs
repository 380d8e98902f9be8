//! The command line: `serve`, `exec`, `init`, `health`.
//!
//! stdout carries the ready line (or what `exec`'s command prints, or `init`'s example) and nothing else; everything for
//! people goes to stderr.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::process::Command as Process;
use tracing_subscriber::EnvFilter;

use crate::builder::Builder;
use crate::config::{Profile, Seed};
use crate::intercept::environment;
use crate::limits::{HEALTH_BYTES, HEALTH_TIMEOUT};
use crate::server::{MockServer, Ready};

/// The log filter when `RUST_LOG` is not set.
const LOG: &str = "warn,vsts_mock=info,russh=error";
const DEFAULT_HTTP: &str = "127.0.0.1:8080";
const DEFAULT_SSH: &str = "127.0.0.1:2222";
const FREE_PORT: &str = "127.0.0.1:0";

/// An offline look-alike of Visual Studio Team Services
#[derive(Debug, Parser)]
#[command(name = "vsts-mock", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until stopped; the first line on stdout says where, as JSON
    Serve(ServeArgs),
    /// Serve while a command runs, with VSTS_MOCK_* in its environment; pass its exit code on
    ///
    /// The command finds VSTS_MOCK_HTTP, VSTS_MOCK_HTTPS, VSTS_MOCK_CA_PEM, VSTS_MOCK_SSH, VSTS_MOCK_KNOWN_HOSTS,
    /// VSTS_MOCK_ADMIN_TOKEN and VSTS_MOCK_READY (the ready line) in its environment. Without --http or --ssh a free port is taken.
    /// With --intercept it also finds the variables that make curl, git, OpenSSH below git, Python, Node.js, Go, Java and .NET
    /// reach this server under the service's host names.
    Exec(ExecArgs),
    /// Print a commented example seed
    Init,
    /// Ask a server whether it answers; exit with 1 if it does not, for health checks of containers
    Health {
        /// The server's URL
        #[arg(default_value = "http://127.0.0.1:8080")]
        url: String,
    },
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The seed, a TOML file (see `vsts-mock init`)
    #[arg(long, value_name = "SEED.toml")]
    config: Option<PathBuf>,
    /// Keep the state there; without it, it lives in a temporary folder and goes with the process
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Listen for HTTP there; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Listen for HTTPS there; port 0 takes a free one; the ready line's `ca_pem` is what to trust [default: not at all]
    #[arg(long, value_name = "ADDR")]
    https: Option<SocketAddr>,
    /// Listen there for a proxy that takes the service's host names (dev.azure.com, *.visualstudio.com) here and refuses all
    /// others; implies --https [default: not at all; with no ADDR a free port]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = FREE_PORT)]
    intercept: Option<SocketAddr>,
    /// Listen for SSH there; port 0 takes a free one [default: 127.0.0.1:2222, or a free port if --http takes one]
    #[arg(long, value_name = "ADDR")]
    ssh: Option<SocketAddr>,
    /// The beginning of URLs in answers, when clients reach the server by another name
    #[arg(long, value_name = "URL")]
    external_url: Option<String>,
    /// The service to imitate [default: what the seed says, else permissive]
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// Write the ready line to this file too
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ExecArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command line; gives the process's exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _unwritten = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    // Set already when the library's user has a subscriber of their own.
    let _set_already =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).try_init();
    let result = match cli.command {
        Command::Health { url } => health(&url).map(|()| ExitCode::SUCCESS),
        Command::Init => write_stdout(Seed::EXAMPLE).map(|()| ExitCode::SUCCESS).map_err(Failure::from),
        Command::Serve(args) => block_on(serve(args)),
        Command::Exec(args) => block_on(exec(args)),
    };
    result.unwrap_or_else(|error| {
        report(&*error);
        ExitCode::FAILURE
    })
}

fn block_on(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

async fn serve(args: ServeArgs) -> Result<ExitCode, Failure> {
    raise_descriptor_limit();
    let mut signals = Signals::new()?;
    let mut server = builder(&args, DEFAULT_HTTP, DEFAULT_SSH)?.start().await?;
    let _files = intercept(&mut server)?;
    let line = ready_line(server.ready())?;
    if let Some(path) = &args.ready_file {
        write_atomically(path, &line)?;
    }
    write_stdout(&line)?;
    signals.any().await;
    tracing::info!("stopping");
    // A second signal does not wait.
    tokio::select! {
        () = server.stop() => {}
        () = signals.any() => {}
    }
    if let Some(path) = &args.ready_file {
        remove_ready_file(path);
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks a server over plain HTTP whether it answers.
fn health(url: &str) -> Result<(), Failure> {
    let no = |why: &dyn std::fmt::Display| format!("{url} does not answer: {why}");
    let authority = url.strip_prefix("http://").ok_or_else(|| no(&"only http:// is asked"))?;
    let authority = authority.split('/').next().unwrap_or_default();
    let address = authority.to_socket_addrs().map_err(|error| no(&error))?.next();
    let address = address.ok_or_else(|| no(&"its host has no address"))?;
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
        stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
        let request = format!("GET /_mock/health HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(HEALTH_BYTES).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| no(&error))?;
    let status = answer.lines().next().unwrap_or_default();
    if status.contains(" 200 ") { Ok(()) } else { Err(no(&status).into()) }
}

/// Takes as many descriptors as the system lets the process have: each connection is one, and each repository has some.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::debug!(%error, "the limit of descriptors stays as it is");
    }
}

async fn exec(args: ExecArgs) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let mut server = builder(&args.serve, FREE_PORT, FREE_PORT)?.start().await?;
    let _files = intercept(&mut server)?;
    let line = ready_line(server.ready())?;
    if let Some(path) = &args.serve.ready_file {
        write_atomically(path, &line)?;
    }
    let (program, arguments) = args.command.split_first().ok_or("a command is needed after --")?;
    let mut process = Process::new(program);
    process.args(arguments).kill_on_drop(true);
    process.envs(environment(&server, &line));
    process.envs(&server.ready().environment);
    let mut child =
        process.spawn().map_err(|error| format!("cannot run {}: {error}", program.to_string_lossy()))?;
    // A terminal's Ctrl-C reaches the command as well: it decides, and its exit code says what became of it.
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            () = signals.any() => {}
        }
    };
    server.stop().await;
    if let Some(path) = &args.serve.ready_file {
        remove_ready_file(path);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or_else(|| 128_u8.saturating_add(signal_of(status)))))
}

/// Makes the environment that leads to the proxy, if there is one; its files go when the result is dropped.
fn intercept(server: &mut MockServer) -> io::Result<Option<environment::Files>> {
    if server.ready.intercept.is_none() {
        return Ok(None);
    }
    let (variables, files) = environment::prepare(&server.ready, inherited)?;
    server.ready.environment = variables;
    Ok(Some(files))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command inherits the environment, and what it adds to must be read"
)]
fn inherited(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn signal_of(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal().and_then(|signal| u8::try_from(signal).ok()).unwrap_or(1)
}

fn environment(server: &MockServer, line: &str) -> Vec<(String, String)> {
    let ready = server.ready();
    let mut variables = vec![
        ("VSTS_MOCK_READY".to_owned(), line.trim_end().to_owned()),
        ("VSTS_MOCK_ADMIN_TOKEN".to_owned(), ready.admin_token.clone()),
    ];
    variables.extend(ready.ssh.iter().map(|url| ("VSTS_MOCK_SSH".to_owned(), url.clone())));
    variables.extend(ready.known_hosts.iter().map(|line| ("VSTS_MOCK_KNOWN_HOSTS".to_owned(), line.clone())));
    variables.extend(ready.https.iter().map(|url| ("VSTS_MOCK_HTTPS".to_owned(), url.clone())));
    variables.extend(ready.intercept.iter().map(|url| ("VSTS_MOCK_INTERCEPT".to_owned(), url.clone())));
    variables.extend(ready.ca_pem.iter().map(|pem| ("VSTS_MOCK_CA_PEM".to_owned(), pem.clone())));
    variables.extend(ready.http.iter().map(|url| ("VSTS_MOCK_HTTP".to_owned(), url.clone())));
    variables
}

fn builder(args: &ServeArgs, default_http: &str, default_ssh: &str) -> Result<Builder, Failure> {
    let mut builder = MockServer::builder();
    if let Some(path) = &args.config {
        builder = builder.seed(Seed::read(path)?);
    }
    if let Some(dir) = &args.data_dir {
        builder = builder.data_dir(dir);
    }
    if let Some(url) = &args.external_url {
        builder = builder.external_url(url);
    }
    if let Some(profile) = args.profile {
        builder = builder.profile(profile);
    }
    let http = match args.http {
        Some(address) => address,
        None => default_http.parse().expect("the default is an address"),
    };
    let ssh = match args.ssh {
        Some(address) => address,
        // Who wants no fixed port for one wants none for the other: servers side by side must not meet.
        None if http.port() == 0 => FREE_PORT.parse().expect("the default is an address"),
        None => default_ssh.parse().expect("the default is an address"),
    };
    Ok(builder.http(http).https(args.https).intercept(args.intercept).ssh(ssh))
}

fn ready_line(ready: &Ready) -> Result<String, Failure> {
    Ok(serde_json::to_string(ready)? + "\n")
}

fn write_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Whoever waits for the file never sees half of it, and nobody else may read it: it holds secrets.
fn write_atomically(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: io::Error| format!("cannot write {}: {error}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn remove_ready_file(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "the ready file stays");
    }
}

fn report(error: &dyn std::error::Error) {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.extend(["  caused by: ", &error.to_string(), "\n"]);
        cause = error.source();
    }
    // Nobody is left to tell when stderr is closed.
    let _unwritten = io::stderr().write_all(text.as_bytes());
}

/// The signals that ask the process to stop.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
