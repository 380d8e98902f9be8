//! The Workbench: the pages of `azml ui`, served to the user's own browser.
//!
//! Guarantees: only this computer can connect, and of it only who was given this start's key ([`guard`]); nothing
//! changes by GET; every page works without JavaScript, and no text from elsewhere becomes markup (`maud` escapes).
//! Pages are made from the files of the project at every request, by the functions that the commands use, too: what a
//! page says and does is what the command would.
//!
//! | part | files |
//! | --- | --- |
//! | HTTP | [`server`], [`request`], [`reply`], [`guard`], [`start`] |
//! | what a page is made with | [`page_context`], [`flash`], [`layout`], [`mod@format`], [`assets`] |
//! | the list of runs | [`list`] (filter, sort, columns, rows) |
//! | one run | [`detail`], [`outputs`], [`log`], [`code`] |
//! | several | [`compare`], [`plots`] (parameters and metrics of many) |
//! | other computers | [`elsewhere`] (targets, looking at their runs) |
//! | what changes something | [`restoring`], [`actions`] |
//! | drawings | [`chart`], [`curves`] |

mod actions;
mod assets;
mod chart;
mod code;
mod compare;
mod curves;
mod detail;
mod elsewhere;
mod fetching;
mod flash;
mod format;
mod guard;
mod layout;
mod list;
mod log;
mod outputs;
mod page_context;
mod plots;
mod reply;
pub mod request;
mod restoring;
mod routes;
mod server;
pub(crate) mod start;

use std::path::PathBuf;
use std::sync::Mutex;

use git_wire::Interrupt;

use self::curves::KnownCurves;
use self::elsewhere::Looks;
use self::flash::FlashMessages;
use self::guard::{Guard, Refusal, Sender};
use self::page_context::PageContext;
use self::reply::Reply;
use self::request::{Method, Request};
use crate::env::Env;
use crate::invoked::Invoked;
use crate::ops::listed::Lists;
use crate::settings::Settings;

/// The pages of one project.
#[derive(Debug)]
pub(crate) struct Workbench {
    guard: Guard,
    env: Env,
    invoked: Invoked,
    settings: Settings,
    root: PathBuf,
    lists: Lists,
    curves: KnownCurves,
    flash: FlashMessages,
    looks: Looks,
    /// One change at a time: two clicks do not restore twice at once.
    changing: Mutex<()>,
}

/// A request and who sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub sender: Sender<'a>,
    pub request: &'a Request,
    /// Set when nobody waits for the answer any more.
    pub interrupt: &'a Interrupt,
}

impl Workbench {
    /// The pages of the project in `root`.
    pub fn new(guard: Guard, env: &Env, invoked: Invoked, settings: Settings, root: PathBuf) -> Self {
        // Nobody sits at the terminal to answer a question that a page raises.
        let mut env = env.clone();
        (env.stdin_is_terminal, env.stdout_is_terminal, env.stderr_is_terminal) = (false, false, false);
        Self {
            guard,
            env,
            invoked,
            settings,
            root,
            lists: Lists::default(),
            curves: KnownCurves::default(),
            flash: FlashMessages::default(),
            looks: Looks::default(),
            changing: Mutex::new(()),
        }
    }

    /// Returns whether a request's head shows that its sender was given this start's key.
    pub fn admits(&self, sender: &Sender<'_>) -> bool {
        self.guard.is_signed_in(sender)
    }

    /// Answers a request.
    pub fn answer(&self, asked: &Asked<'_>) -> Reply {
        let Asked { sender, request, interrupt } = asked;
        if self.guard.check_place(sender).is_err() {
            return Reply::text(403, "This is azml's Workbench; it answers nobody but its own pages.\n");
        }
        if let Some(reply) = assets::find(request) {
            return reply;
        }
        if let (Method::Get, Some(key)) = (request.method, request.query.get("key"))
            && request.path.is_empty()
        {
            return self.sign_in(key);
        }
        match self.guard.check(sender) {
            Ok(()) => {}
            Err(Refusal::NotSignedIn) => return Reply::page(403, layout::not_signed_in(request)),
            Err(Refusal::Form) => {
                return Reply::page(403, layout::plain("That form is too old", &layout::stale_form()));
            }
            Err(Refusal::Host | Refusal::Origin) => return Reply::text(403, "Refused\n"),
        }
        let change = (request.method == Method::Post)
            .then(|| self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let reply = match PageContext::open(self, interrupt) {
            Ok(context) => {
                routes::answer(&context, request).unwrap_or_else(|error| layout::error(&context, error))
            }
            Err(error) => layout::error_alone(error, self.invoked),
        };
        drop(change);
        reply
    }

    /// Takes the key for the cookie. A page leads on, and no redirect: to a redirect that another program began, browsers
    /// do not give such a cookie.
    fn sign_in(&self, key: &str) -> Reply {
        if !self.guard.is_key(key) {
            return Reply::page(
                403,
                layout::plain("This address is not valid any more", &layout::wrong_key()),
            );
        }
        crate::serve::browser::forget_launcher(&self.env, std::process::id());
        Reply::page(200, layout::signed_in())
            .with("set-cookie", &self.guard.set_cookie())
            .with("referrer-policy", "no-referrer")
    }
}
