//! `azml logout`.

use crate::context::Context;
use crate::error::CommandError;
use crate::ops::sign_in::{SignedOut, sign_out};
use crate::ui::Output;

/// Sign out of an Experimentation service
///
/// The login is forgotten on this computer, and ended at the service if it was made by signing in there; a personal
/// access token stays valid until you revoke it.
///
/// Example: `azml logout`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service; by default the one that you signed in to last
    #[arg(long, value_name = "URL")]
    service: Option<String>,
}

/// Signs out.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    match sign_out(ctx, args.service.as_deref())? {
        SignedOut::Nowhere => ctx.notices.status("You are not signed in"),
        SignedOut::NotThere(service) => ctx.notices.status(&format!("You are not signed in to {service}")),
        SignedOut::Done(service) => ctx.notices.status(&format!("Signed out of {service}")),
    }
    Ok(Output::Nothing)
}
