//! The signatures of commits and tags that the server makes.

use jiff::Timestamp;

use super::context::RepoContext;
use super::refused::Refused;

/// The author, committer or tagger that a request names; what it leaves out is the principal's, and now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Person<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) time: Option<Timestamp>,
}

impl Person<'_> {
    /// The signature as Git writes it: `NAME <EMAIL> SECONDS +0000`.
    pub(crate) fn signature(&self, ctx: &RepoContext) -> Result<String, Refused> {
        let user = ctx.principal.user.and_then(|user| ctx.directory.users.get(&user));
        let name = self.name.or(user.map(|user| user.name.as_str())).unwrap_or("Anonymous");
        let email = self.email.or(user.and_then(|user| user.email.as_deref())).unwrap_or(name);
        let time = self.time.unwrap_or_else(|| ctx.app.clock.now());
        if time < Timestamp::UNIX_EPOCH {
            let message = format!("The date {time} is before 1970, the first that Git can store.");
            return Err(Refused::Invalid(message));
        }
        let plain = |text: &str| -> String {
            let kept: String = text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
            kept.trim().to_owned()
        };
        Ok(format!("{} <{}> {} +0000", plain(name), plain(email), time.as_second()))
    }
}
