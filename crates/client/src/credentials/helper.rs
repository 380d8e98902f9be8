//! The user's Git credential helpers, asked as Git asks them.

use std::sync::Mutex;

use gix::config::File;
use gix::credentials::helper::{Cascade, NextAction};

use super::{Error, Secret};

/// What a helper needs to hear again when it is told how its answer fared.
pub(super) type Receipt = NextAction;

pub(super) struct Helpers {
    config: File,
    may_ask: bool,
    /// Helpers are processes that may talk to a person: one at a time.
    asking: Mutex<()>,
}

impl Helpers {
    pub(super) fn new(config: File, may_ask: bool) -> Self {
        Self { config, may_ask, asking: Mutex::new(()) }
    }

    /// The first complete answer, if any helper has one.
    pub(super) fn get(
        &self,
        url: &url::Url,
        user: Option<&str>,
        may_ask: bool,
    ) -> Result<Option<(String, Secret, Receipt)>, Error> {
        let _one_at_a_time = self.asking.lock();
        let host = url.host_str().unwrap_or_default().to_owned();
        let failed =
            |source: gix::Error| Error::Helper { host: host.clone(), source: source.to_string().into() };
        let (mut cascade, action, mut prompt) = self.cascade(url, user).map_err(failed)?;
        if !(self.may_ask && may_ask) {
            prompt.mode = gix::prompt::Mode::Disable;
            prompt.askpass = None;
        }
        // An incomplete answer is an error there, and none here. Its text is redacted already.
        match cascade.invoke(action, prompt) {
            Ok(Some(outcome)) => {
                let identity = outcome.identity;
                Ok(Some((identity.username, Secret::new(identity.password), outcome.next)))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::debug!(%error, host, "no git credential helper has an answer");
                Ok(None)
            }
        }
    }

    /// Says whether the host took what the helpers answered. A helper that fails at this is no concern.
    pub(super) fn tell(&self, url: &url::Url, receipt: &Receipt, accepted: bool) {
        let _one_at_a_time = self.asking.lock();
        let Ok((mut cascade, _, mut prompt)) = self.cascade(url, None) else { return };
        prompt.mode = gix::prompt::Mode::Disable;
        let action = if accepted { receipt.clone().store() } else { receipt.clone().erase() };
        if let Err(error) = cascade.invoke(action, prompt) {
            tracing::debug!(%error, "a git credential helper could not be told");
        }
    }

    fn cascade(
        &self,
        url: &url::Url,
        user: Option<&str>,
    ) -> Result<(Cascade, gix::credentials::helper::Action, gix::prompt::Options), gix::Error> {
        let mut plain = gix::url::parse(url.as_str())?;
        plain.set_password(None);
        plain.set_user(user.map(str::to_owned));
        let environment = gix::open::permissions::Environment::all();
        let (mut cascade, action, prompt) = gix::config::credential_helpers(
            plain,
            &self.config,
            true,
            |section| section.trust == gix::sec::Trust::Full,
            environment,
            false,
        )?;
        cascade.stderr = self.may_ask;
        Ok((cascade, action, prompt))
    }
}
