//! `azml ui --mlflow`: MLflow's tracking API over all runs of the history, read-only, and MLflow's own pages on top of it.
//!
//! The address has a secret that is made at each start; the server listens on loopback, knows its own names alone, and
//! answers no other site's pages. The history is read once ([`catalog`]); when it has moved, what is new is read.

mod api;
mod artifacts;
mod catalog;
mod graphql;
mod pages;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HOST, LOCATION, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use self::api::Answer;
use self::catalog::{Catalogs, Current, Entry, Experiment};
use self::pages::Pages;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::limits::{LOOPBACK_BUFFER, MLFLOW_BODY, MLFLOW_CONNECTIONS};
use crate::loopback::{self, BodyError, Known};
use crate::mlflow::args::{self, Pairs};
use crate::mlflow::refusal::{Refusal, short};
use crate::notices::Unread;
use crate::ops::listed::Lists;
use crate::ops::open::open_and_recover;
use crate::serve::{self, Options};
use crate::ui::Ui;

/// The policy for MLflow's pages: they load their own files and scripts, and nothing from anywhere else.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; \
style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; \
worker-src 'self' blob:; frame-src 'self' blob: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A file that a run left does nothing, if a browser shows it after all.
const FILE_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The server of one project.
struct Site {
    ctx: Context,
    root: PathBuf,
    project: String,
    port: u16,
    secret: String,
    lists: Lists,
    catalogs: Catalogs,
    pages: Pages,
    fetching: Mutex<()>,
}

/// A request whose sender knows the secret.
struct Request<'s> {
    site: &'s Site,
    ctx: &'s Context,
    opened: Opened,
    current: Current,
    method: &'s str,
    /// The path behind the secret.
    path: &'s str,
    query: &'s str,
    body: &'s [u8],
}

/// Serves the project at `path` until Ctrl-C.
pub fn run(ui: &Ui, ctx: &Context, path: Option<&Path>, options: Options) -> Result<(), CommandError> {
    let project = open_and_recover(ctx, path)?.project;
    let pages = Pages::find(ctx, project.root());
    let mut env = ctx.env.clone();
    // Nobody sits at the terminal to answer a question that a request raises.
    (env.stdin_is_terminal, env.stdout_is_terminal, env.stderr_is_terminal) = (false, false, false);
    serve::run(ui, ctx, options, |port| {
        let mut secret = [0_u8; 16];
        getrandom::fill(&mut secret).map_err(CommandError::failed)?;
        let shown = if pages.are_there() {
            "MLflow's pages"
        } else {
            "MLflow's tracking API (its pages are not installed)"
        };
        let status = format!(
            "Serving {shown} over the history of {} to this computer; Ctrl-C ends it",
            project.name()
        );
        let site = Site {
            ctx: Context {
                env,
                notices: Arc::new(Unread),
                invoked: ctx.invoked,
                settings: ctx.settings.clone(),
            },
            root: project.root().to_owned(),
            project: project.name(),
            port,
            secret: crate::mlflow::hex(&secret),
            lists: Lists::default(),
            catalogs: Catalogs::default(),
            pages,
            fetching: Mutex::default(),
        };
        let url = site.url();
        let site = Arc::new(site);
        Ok(serve::Site {
            url,
            status,
            connections: MLFLOW_CONNECTIONS,
            handler: move |request, known| answer(Arc::clone(&site), request, known),
        })
    })
}

async fn answer(site: Arc<Site>, request: HttpRequest, known: Known) -> Response {
    let (head, body) = request.into_parts();
    let Some(path) = site.path_of(&head.headers, &head.method, head.uri.path()) else {
        return ([(CONNECTION, "close")], refused(&Refusal::stranger())).into_response();
    };
    known.set();
    let path = path.to_owned();
    let body = match loopback::read(body, MLFLOW_BODY).await {
        Ok(body) => body,
        Err(BodyError::TooLong) => {
            let refusal = Refusal::too_long(format!("a request has at most {MLFLOW_BODY} bytes"));
            return ([(CONNECTION, "close")], refused(&refusal)).into_response();
        }
        Err(error) => return refused(&Refusal::invalid(error.to_string())),
    };
    // Answers read files and objects: they block.
    let made = tokio::task::spawn_blocking(move || {
        let method = if head.method == Method::HEAD { "GET" } else { head.method.as_str() };
        let query = head.uri.query().unwrap_or_default();
        site.answer(method, &path, query, &body).unwrap_or_else(|refusal| refused(&refusal))
    });
    made.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(refusal.body())).into_response()
}

impl Site {
    /// The address for clients, and for browsers.
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}", self.port, self.secret)
    }

    /// The path behind the secret, if the sender knows it and comes from no other site.
    fn path_of<'p>(&self, headers: &HeaderMap, method: &Method, path: &'p str) -> Option<&'p str> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
        let mut hosts = headers.get_all(HOST).iter();
        let (host, None) = (hosts.next()?.to_str().ok()?, hosts.next()) else { return None };
        // A name of somebody else's may lead to this address.
        if !["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", self.port)) {
            return None;
        }
        if text(ORIGIN.as_str()).is_some_and(|origin| origin != format!("http://{host}")) {
            return None;
        }
        // The address may be opened from anywhere; nothing else may be asked from another site's page.
        let is_opened = method == Method::GET && text("sec-fetch-mode") == Some("navigate");
        let site = text("sec-fetch-site").unwrap_or("none");
        if !is_opened && site != "none" && site != "same-origin" {
            return None;
        }
        let path = path.strip_prefix('/')?;
        let (secret, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        bool::from(secret.as_bytes().ct_eq(self.secret.as_bytes())).then_some(rest)
    }

    fn answer(&self, method: &str, path: &str, query: &str, body: &[u8]) -> Result<Response, Refusal> {
        match (method, path) {
            // The pages ask for what is below their own address.
            ("GET", "") => {
                return Ok((StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("/{}/", self.secret))])
                    .into_response());
            }
            ("GET", "/" | "/index.html") => return Ok(self.first_page()),
            ("GET", "/health") => return Ok("OK".into_response()),
            ("GET", path) if path.starts_with("/static-files/") => return self.page_file(path),
            _ => {}
        }
        let failed = |error: CommandError| Refusal::invalid(error.chain().join(": "));
        let opened = open_and_recover(&self.ctx, Some(&self.root)).map_err(failed)?;
        let listed = self.lists.now(&self.ctx, &opened).map_err(failed)?;
        let current = self.catalogs.now(&opened, &listed);
        let request = Request { site: self, ctx: &self.ctx, opened, current, method, path, query, body };
        let answer = match method {
            "POST" if path.ends_with("/graphql") => Answer::Json(graphql::answer(&request)?),
            _ => api::answer(&request)?,
        };
        Ok(match answer {
            Answer::Json(value) => ([(CACHE_CONTROL, "no-store")], Json(value)).into_response(),
            Answer::File(path, file, length) => {
                let headers = [
                    (CONTENT_DISPOSITION, "attachment"),
                    (CONTENT_SECURITY_POLICY, FILE_POLICY),
                    (CACHE_CONTROL, "no-store"),
                ];
                (headers, stream(&path, file, length)).into_response()
            }
        })
    }

    fn first_page(&self) -> Response {
        let headers = [
            (CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (REFERRER_POLICY, "no-referrer"),
            (X_FRAME_OPTIONS, "DENY"),
        ];
        if let Some((file, length)) = self.pages.open("index.html") {
            return (headers, stream("index.html", file, length)).into_response();
        }
        let page = self.pages.instead(&self.url(), &self.project);
        (headers, Html(page.into_string())).into_response()
    }

    fn page_file(&self, path: &str) -> Result<Response, Refusal> {
        let name =
            percent_encoding::percent_decode_str(path.trim_start_matches("/static-files/")).decode_utf8();
        let name = name.map_err(|_| Refusal::invalid("the path is no UTF-8"))?;
        let (file, length) =
            self.pages.open(&name).ok_or_else(|| Refusal::no_endpoint("GET", &short(path)))?;
        let headers = [
            (CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (CACHE_CONTROL, "max-age=3600"),
            (REFERRER_POLICY, "no-referrer"),
        ];
        Ok((headers, stream(&name, file, length)).into_response())
    }

    /// Files of other computers' runs are fetched one after the other.
    fn one_fetch(&self) -> MutexGuard<'_, ()> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file of a name, as it is.
fn stream(name: &str, file: std::fs::File, length: u64) -> Response {
    let file = tokio::fs::File::from_std(file).take(length);
    let body = Body::from_stream(ReaderStream::with_capacity(file, LOOPBACK_BUFFER));
    let length = length.to_string();
    let headers = [
        (CONTENT_TYPE, content_type(name)),
        (CONTENT_LENGTH, length.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

/// The type of a file by its name, for those that MLflow's pages are made of or show.
fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "log" | "md" | "csv" | "py" | "yaml" | "yml" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

impl Request<'_> {
    fn args<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        args::read(self.method, self.query, self.body)
    }

    /// The query's pairs, of which a name may come more than once.
    fn pairs(&self) -> Pairs {
        Pairs::parse(self.query)
    }

    fn run(&self, id: &str) -> Result<&Entry, Refusal> {
        let found = self.current.find(id);
        found.ok_or_else(|| Refusal::missing(format!("Run with id={} not found", short(id))))
    }

    fn experiments(&self) -> impl Iterator<Item = &Experiment> {
        self.current.stored.experiments.iter()
    }
}
