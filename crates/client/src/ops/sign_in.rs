//! Signing in to an Experimentation service, and out of it.

use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::credentials::{Login, Place, Secret};
use crate::env::{AZML_KEYRING, host_name};
use crate::error::CommandError;
use crate::service::device::Progress;
use crate::service::{Identity, Service, ServiceError};

/// A sign-in that the service has confirmed.
pub struct SignedIn {
    /// The URL of the service.
    pub service: String,
    /// The user.
    pub identity: Identity,
    /// The end of the login, if it has one.
    pub expires: Option<Timestamp>,
    /// The place that stores the token.
    pub place: Place,
}

/// The result of signing out.
pub enum SignedOut {
    /// There was no login at any service.
    Nowhere,
    /// There was no login at this service.
    NotThere(String),
    /// The login at this service is gone.
    Done(String),
}

/// A refusal of a sign-in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No service is named, and there was no sign-in before.
    #[error("which service? there is none that you are signed in to")]
    NoService,
    /// There is no Experimentation service at the URL.
    #[error("there is no Experimentation service at {host}")]
    NotAService { host: String },
    /// The service gives no codes.
    #[error("{host} offers no sign-in by code")]
    NoCodes { host: String },
    /// The user said no on the page.
    #[error("the sign-in was refused on the page")]
    Declined,
    /// Nobody typed the code in time.
    #[error("the code has expired")]
    Expired,
    /// The token is not valid there.
    #[error("{host} does not accept this token; is it expired or revoked?")]
    Token { host: String },
}

/// Signs in with the token that `given` reads, else by a code, and stores the login once the service has said whose it is.
pub fn sign_in(
    ctx: &Context,
    service: Option<&str>,
    given: impl FnOnce() -> Result<Option<Secret>, CommandError>,
) -> Result<SignedIn, CommandError> {
    let logins = ctx.logins();
    let url = match service {
        Some(url) => url.to_owned(),
        None => logins.current().map_err(ServiceError::from)?.ok_or(Error::NoService)?,
    };
    let service = Service::at(ctx, &url)?;
    let url = service.url().to_owned();
    let (token, life, is_session) = if let Some(token) = given()? {
        (token, None, false)
    } else {
        let (token, life) = by_code(ctx, &service)?;
        (token, life, true)
    };
    let expires =
        life.and_then(|seconds| ctx.env.now().saturating_add(SignedDuration::from_secs(seconds)).ok());
    let mut login = Login { user: "azml".to_owned(), token, expires, service: Some(url.clone()), is_session };
    let service = service.signed_in_with(&login);
    let identity = service.identity().map_err(|error| not_accepted(error, is_session))?;
    login.user.clone_from(&identity.name);
    let old = logins.login(service.origin()).ok().flatten();
    let place = logins.keep(service.origin(), &login).map_err(ServiceError::from)?;
    if let Some(old) = old.filter(|old| old.is_session && old.token != login.token)
        && let Err(error) = service.end_session(&old.token)
    {
        tracing::info!(%error, "the session before this one could not be ended");
    }
    if let Place::File(why) = &place
        && ctx.env.text(AZML_KEYRING).is_none()
    {
        ctx.notices.warning(&format!(
            "the token is in the file {}, which only you can read: {why}",
            logins.path().display()
        ));
    }
    Ok(SignedIn { service: url, identity, expires: login.expires, place })
}

/// Signs out. The login is forgotten first: whatever the service says, it is gone here.
pub fn sign_out(ctx: &Context, service: Option<&str>) -> Result<SignedOut, CommandError> {
    let logins = ctx.logins();
    let url = match service {
        Some(url) => Some(url.to_owned()),
        None => logins.current().map_err(ServiceError::from)?,
    };
    let Some(url) = url else {
        return Ok(SignedOut::Nowhere);
    };
    let service = Service::at(ctx, &url)?;
    let login = logins.login(service.origin()).ok().flatten();
    if !logins.remove(service.origin()).map_err(ServiceError::from)? {
        return Ok(SignedOut::NotThere(url));
    }
    if let Some(login) = login.filter(|login| login.is_session)
        && let Err(error) = service.end_session(&login.token)
    {
        ctx.notices.warning(&format!("the session could not be ended at the service: {error}"));
    }
    Ok(SignedOut::Done(service.url().to_owned()))
}

fn by_code(ctx: &Context, service: &Service) -> Result<(Secret, Option<i64>), CommandError> {
    let mut pending = service.begin_sign_in(&host_name()).map_err(|error| match error {
        ServiceError::NotFound { host, .. } => Error::NoCodes { host }.into(),
        other => CommandError::from(other),
    })?;
    ctx.notices.prompt(&format!(
        "To sign in, open {} in a browser and type the code {}",
        pending.page, pending.user_code
    ));
    let progress = ctx.notices.progress("Waiting for the sign-in");
    progress.say("until you have signed in");
    let mut waited = std::time::Duration::ZERO;
    while waited < pending.lifetime {
        std::thread::sleep(pending.interval);
        waited += pending.interval;
        match service.ask_sign_in(&mut pending)? {
            Progress::Waiting => {}
            Progress::Done(token, life) => return Ok((token, life)),
            Progress::Declined => return Err(Error::Declined.into()),
            Progress::Expired => break,
        }
    }
    Err(Error::Expired.into())
}

fn not_accepted(error: ServiceError, is_session: bool) -> CommandError {
    match error {
        ServiceError::Unauthorized { host, .. } | ServiceError::Expired { host } if !is_session => {
            Error::Token { host }.into()
        }
        ServiceError::NotFound { host, .. } => Error::NotAService { host }.into(),
        other => other.into(),
    }
}
