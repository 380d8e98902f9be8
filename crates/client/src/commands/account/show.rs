//! `azml account show`.

use serde_json::{Value, json};

use crate::context::Context;
use crate::credentials::day;
use crate::error::{CommandError, ErrorKind};
use crate::service::{Service, ServiceError};
use crate::ui::Output;

/// Show who you are, and at which service
///
/// Example: `azml account show`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Asks the service; if it can't be reached, shows what is known here.
pub fn run(ctx: &Context, _: &Args) -> Result<Output, CommandError> {
    let service = Service::signed_in(ctx)?;
    let logins = ctx.logins();
    let login = logins.login(service.origin()).map_err(ServiceError::from)?;
    let login = login.ok_or_else(|| {
        CommandError::new(ErrorKind::NotAllowed, "the login is not in the keyring any more")
            .hint("{azml} login")
    })?;
    let (user, account, id) = match service.identity() {
        Ok(identity) => (identity.name, Value::from(identity.account), Value::from(identity.id)),
        Err(error) => {
            let error = CommandError::from(error);
            if error.kind != ErrorKind::Unavailable {
                return Err(error);
            }
            ctx.notices.warning(&format!("{error}; this is what was known at the sign-in"));
            (login.user.clone(), Value::Null, Value::Null)
        }
    };
    Ok(Output::Value(json!({
        "service": service.url(),
        "user": user,
        "account": account,
        "id": id,
        "login": if login.is_session { "session" } else { "token" },
        "expires": login.expires.map_or(Value::Null, |end| day(end).into()),
    })))
}
