//! Serves repositories on this disk as stock git's server programs do, so that those can be replaced: called
//! `git-upload-pack` or `git-receive-pack` it leads one conversation over stdin and stdout, called `git-http-backend` it
//! answers one request as a CGI program. `cargo xtask gitsuite` runs git's own test suite against it.
//!
//! Of git's configuration it reads what the engine has an option or a question for: `uploadpack.allowRefInWant`,
//! `receive.denyDeleteCurrent`, `receive.denyDeletes`, `receive.denyNonFastForwards`, and `hideRefs`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a program of its own, whose interface is the environment and the standard streams"
)]

use std::env;
use std::error::Error as StdError;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bstr::{BStr, BString};
use flate2::read::MultiGzDecoder;
use git_wire::{
    Denial, Error, Options, Policy, ProtocolVersion, RefUpdate, Repository, Server, Service, UpdateKind,
};

type Outcome<T = ()> = Result<T, Box<dyn StdError>>;

fn main() -> ExitCode {
    let mut args = env::args_os();
    let program = PathBuf::from(args.next().unwrap_or_default());
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let rest: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let outcome = if name == "git-http-backend" { cgi() } else { command(&name, &rest) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fatal: {error}");
            ExitCode::from(128)
        }
    }
}

/// `git-upload-pack [OPTION…] DIR`, and the same for pushes.
fn command(name: &str, args: &[String]) -> Outcome {
    let service: Service = name.parse()?;
    let has = |option: &str| args.iter().any(|arg| arg == option);
    let path = args.last().filter(|arg| !arg.starts_with('-')).ok_or("usage: PROGRAM [OPTION…] DIR")?;
    let site = Site::open(Path::new(path))?;
    let version = version(env::var("GIT_PROTOCOL").ok());
    let (policy, options) = (&site.policy(service), &site.options());
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let repository = &site.repository;
    if has("--http-backend-info-refs") || has("--advertise-refs") || has("--stateless-advertise") {
        Server { repository, policy, options }.advertise(service, version, &mut output)?;
    } else if has("--stateless-rpc") {
        Server { repository, policy, options }.respond(service, version, &mut input, &mut output)?;
    } else {
        Server { repository, policy, options }.converse(service, version, &mut input, &mut output)?;
    }
    Ok(())
}

/// One request of HTTP, as a web server hands it over.
fn cgi() -> Outcome {
    let get = |name: &str| env::var(name).unwrap_or_default();
    let path = match env::var("GIT_PROJECT_ROOT") {
        Ok(root) => format!("{root}{}", get("PATH_INFO")),
        Err(_) => get("PATH_TRANSLATED"),
    };
    let method = get("REQUEST_METHOD");
    let version = version(env::var("GIT_PROTOCOL").or_else(|_| env::var("HTTP_GIT_PROTOCOL")).ok());
    let (folder, service) = match path.strip_suffix("/info/refs") {
        Some(folder) => {
            let query = get("QUERY_STRING");
            let service = query.split('&').find_map(|pair| pair.strip_prefix("service=")).unwrap_or_default();
            (folder.to_owned(), service.to_owned())
        }
        None => path
            .rsplit_once('/')
            .map(|(folder, service)| (folder.to_owned(), service.to_owned()))
            .unwrap_or_default(),
    };
    let Ok(service) = service.parse::<Service>() else { return refuse("404 Not Found") };
    let Ok(site) = Site::open(Path::new(&folder)) else { return refuse("404 Not Found") };
    let is_exported = env::var_os("GIT_HTTP_EXPORT_ALL").is_some()
        || site.repository.git_dir().join("git-daemon-export-ok").exists();
    if !is_exported {
        return refuse("404 Not Found");
    }
    let is_on = match service {
        Service::UploadPack => site.is_set("http.uploadpack").unwrap_or(true),
        Service::ReceivePack => {
            site.is_set("http.receivepack").unwrap_or(env::var_os("REMOTE_USER").is_some())
        }
    };
    if !is_on {
        return refuse("403 Forbidden");
    }
    let (policy, options) = (&site.policy(service), &site.options());
    let mut output = io::stdout().lock();
    let repository = &site.repository;
    let head = |output: &mut dyn Write, kind: &str| {
        let cache = "Expires: Fri, 01 Jan 1980 00:00:00 GMT\r\nPragma: no-cache\r\n\
                     Cache-Control: no-cache, max-age=0, must-revalidate\r\n";
        write!(output, "{cache}Content-Type: application/x-{service}-{kind}\r\n\r\n")
    };
    if path.ends_with("/info/refs") {
        let mut answer = Vec::new();
        Server { repository, policy, options }.advertise(service, version, &mut answer)?;
        head(&mut output, "advertisement")?;
        return Ok(output.write_all(&answer)?);
    }
    if method != "POST" {
        return refuse("405 Method Not Allowed");
    }
    if get("CONTENT_TYPE") != format!("application/x-{service}-request") {
        return refuse("415 Unsupported Media Type");
    }
    let length = get("CONTENT_LENGTH").parse().unwrap_or(u64::MAX);
    let body = io::stdin().lock().take(length);
    let mut body: Box<dyn BufRead> = match get("HTTP_CONTENT_ENCODING").as_str() {
        "gzip" | "x-gzip" => Box::new(BufReader::new(MultiGzDecoder::new(body))),
        _ => Box::new(body),
    };
    head(&mut output, "result")?;
    let server = Server { repository, policy, options };
    match server.respond(service, version, &mut body, &mut output) {
        // The peer has been told, and a web server has no use for the code.
        Ok(_) | Err(Error::Protocol(_) | Error::NotOurRef(_) | Error::Limit { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn refuse(status: &str) -> Outcome {
    Ok(write!(io::stdout().lock(), "Status: {status}\r\nContent-Type: text/plain\r\n\r\n{status}\n")?)
}

fn version(asked: Option<String>) -> ProtocolVersion {
    ProtocolVersion::from_git_protocol_value(&asked.unwrap_or_default())
}

/// A repository and its configuration.
struct Site {
    repository: Repository,
    config: gix::Repository,
}

impl Site {
    /// Opens what git would find under that name.
    fn open(path: &Path) -> Outcome<Self> {
        let mut last = None;
        for ending in ["/.git", "", ".git/.git", ".git"] {
            let mut candidate = path.as_os_str().to_owned();
            candidate.push(ending);
            match Repository::open(Path::new(&candidate)) {
                Ok(repository) => {
                    let config = gix::open(repository.git_dir())?;
                    return Ok(Self { repository, config });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(format!("'{}' does not appear to be a git repository ({last:?})", path.display()).into())
    }

    fn is_set(&self, key: &str) -> Option<bool> {
        self.config.config_snapshot().boolean(key)
    }

    fn options(&self) -> Options {
        Options {
            ref_in_want: self.is_set("uploadpack.allowRefInWant").unwrap_or(false),
            allow_delete_current: self
                .config
                .config_snapshot()
                .string("receive.denyDeleteCurrent")
                .is_some_and(|value| ["warn", "ignore", "false"].contains(&value.to_string().as_str())),
            durable: false,
            ..Options::default()
        }
    }

    fn policy(&self, service: Service) -> Configured {
        let own = match service {
            Service::UploadPack => "uploadpack",
            Service::ReceivePack => "receive",
        };
        let config = self.config.config_snapshot();
        let hidden = ["transfer", own]
            .iter()
            .flat_map(|section| {
                config.plumbing().strings(format!("{section}.hideRefs").as_str()).unwrap_or_default()
            })
            .collect();
        Configured {
            hidden,
            keeps: self.is_set("receive.denyDeletes").unwrap_or(false),
            goes_forward: self.is_set("receive.denyNonFastForwards").unwrap_or(false),
        }
    }
}

/// Allows what the repository's configuration does.
struct Configured {
    /// Prefixes, with `!` before what is shown all the same; the last that fits counts.
    hidden: Vec<BString>,
    keeps: bool,
    goes_forward: bool,
}

impl Policy for Configured {
    fn may_read(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_update(&self, update: &RefUpdate) -> Result<(), Denial> {
        match update.kind {
            UpdateKind::Delete if self.keeps => Err(Denial::new("deletion prohibited")),
            UpdateKind::Rewrite if self.goes_forward => Err(Denial::new("non-fast-forward")),
            _ => Ok(()),
        }
    }

    fn is_hidden(&self, name: &BStr) -> bool {
        let fits = |prefix: &[u8]| {
            let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
            name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let deciding = self.hidden.iter().rev().find(|rule| {
            let rule = rule.strip_prefix(b"!").unwrap_or(rule);
            fits(rule.strip_prefix(b"^").unwrap_or(rule))
        });
        deciding.is_some_and(|rule| !rule.starts_with(b"!"))
    }

    fn hides_refs(&self) -> bool {
        !self.hidden.is_empty()
    }
}
