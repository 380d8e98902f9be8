//! `azml login`.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::context::Context;
use crate::credentials::{Place, Secret, day};
use crate::error::CommandError;
use crate::ops::sign_in::{SignedIn, sign_in};
use crate::ui::Output;

/// The longest token that is read from standard input.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// Sign in to an Experimentation service
///
/// Without a token azml shows a code, which you type on the service's page to sign in there. The login is kept in the
/// system keyring where there is one, else in a file that only you can read. azml uses it for the registry of projects
/// and for Git over HTTP at the same host; for plain `git push`, set `credential.helper` to `!azml credential`.
///
/// Example: `azml login --service https://HOST`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service, for example `https://HOST`; by default the one that you are signed in to
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// A personal access token; other users of this computer may see it while the command runs, see --with-token
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["with_token", "device_code"])]
    token: Option<String>,
    /// Read the token from standard input
    #[arg(long, conflicts_with = "device_code")]
    with_token: bool,
    /// Show a code to type on the service's page; this is what happens without a token
    #[arg(long)]
    device_code: bool,
}

/// Signs in, and keeps the login once the service has said whose it is.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let SignedIn { service, identity, expires, place } =
        sign_in(ctx, args.service.as_deref(), || given(args))?;
    let kept = match &place {
        Place::Keyring => "keyring",
        Place::File(_) => "file",
    };
    ctx.notices.status(&format!("Signed in to {service} as {}", identity.name));
    Ok(Output::Value(json!({
        "service": service,
        "user": identity.name,
        "account": identity.account,
        "expires": expires.map_or(Value::Null, |end| day(end).into()),
        "kept_in": kept,
    })))
}

/// The token that was given, if any.
fn given(args: &Args) -> Result<Option<Secret>, CommandError> {
    let text = if args.with_token {
        let mut text = String::new();
        let read = std::io::stdin().take(LONGEST_TOKEN).read_to_string(&mut text);
        read.map_err(|error| CommandError::file("read the token from", "standard input".as_ref(), error))?;
        text
    } else {
        let Some(token) = &args.token else { return Ok(None) };
        token.clone()
    };
    let token = text.trim();
    if token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(CommandError::usage("the token is empty, or not one word")
            .hint("{azml} login --with-token < FILE"));
    }
    Ok(Some(Secret::new(token)))
}
