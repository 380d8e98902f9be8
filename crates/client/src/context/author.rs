//! The user's identity, as commits carry it.

use std::path::Path;

use azml_core::snapshot::Signature;
use azml_core::user_repo::{self, Identity};
use gix::actor;

use super::Context;
use crate::env::{EMAIL, GIT_AUTHOR_EMAIL, GIT_AUTHOR_NAME, host_name};

impl Context {
    /// The user: as Git finds the author of a commit, else the account.
    pub fn author(&self, root: &Path) -> Signature {
        // A configuration that can't be read is told where it is needed.
        let configured = self.git_config(Some(root), "").ok().map(|config| config.identity());
        self.author_by(configured.unwrap_or_else(|| user_repo::identity(root)))
    }

    /// [`Self::author`], with what Git's configuration says: the environment goes before it.
    pub fn author_by(&self, configured: Identity) -> Signature {
        let given = |name: &str| self.env.text(name).map(str::to_owned);
        // Where Git would refuse a name with nothing in it, a run goes on.
        let is_name = |name: &String| !user_repo::clean(name).is_empty();
        let account = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| self.env.text(name));
        let account = account.unwrap_or("azml").to_owned();
        let email = given(GIT_AUTHOR_EMAIL).or(configured.email).or_else(|| given(EMAIL));
        let made_up =
            || if configured.use_config_only { String::new() } else { format!("{account}@{}", host_name()) };
        let email = email.unwrap_or_else(made_up);
        let name = given(GIT_AUTHOR_NAME).filter(is_name).or(configured.name.filter(is_name));
        Signature { name: name.unwrap_or(account), email }
    }

    /// The user, now, as Git writes it.
    pub fn signature(&self, root: &Path) -> actor::Signature {
        self.author(root).at(self.env.now())
    }
}
