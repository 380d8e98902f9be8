//! The credentials for one conversation, tried in their order until the host takes one.

use super::credential::Credential;
use super::protocol::Description;
use super::{Error, Origin, Provider, Secret, Withheld, basic, netrc};

/// The user name that goes with a token when nothing else names one: hosts that take tokens look
/// at the password, yet some refuse an empty name.
const TOKEN_USER: &str = "azml";
/// The most times that a helper may say that a refusal is only a step on the way.
const MAX_STAGES: usize = 4;

/// The next way to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The token of this command, the stored login, a password in the URL: one that is refused is the end.
    Own,
    Netrc,
    /// A user name alone, as curl sends it: hosts take tokens there.
    UserAlone,
    Helpers,
    /// The same helpers again, who have more to say.
    Stage(usize),
    End,
}

/// The credentials to try for one URL.
pub struct Attempts {
    provider: Provider,
    url: url::Url,
    origin: Option<Origin>,
    user: Option<String>,
    password: Option<Secret>,
    /// True if the request says by itself who the user is.
    is_authorized: bool,
    current: Option<Credential>,
    /// True if the host has taken the current one.
    is_proven: bool,
    step: Step,
    /// The credential that there is and that may not go there.
    withheld: Option<Withheld>,
}

impl Attempts {
    /// Those for a URL, whose own user name and password are given apart. `is_authorized`: a header of Git's
    /// configuration says who the user is, so that nobody is asked.
    pub fn new(
        provider: Provider,
        url: &url::Url,
        user: Option<String>,
        password: Option<Secret>,
        is_authorized: bool,
    ) -> Self {
        let origin = Origin::of(url);
        let current = origin.as_ref().and_then(|origin| provider.proven(origin));
        let is_proven = current.is_some();
        Self {
            provider,
            url: url.clone(),
            origin,
            user,
            password,
            is_authorized,
            current,
            is_proven,
            step: Step::Own,
            withheld: None,
        }
    }

    /// Their source.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Goes on at another URL of the same host.
    pub fn move_to(&mut self, url: &url::Url) {
        let origin = Origin::of(url);
        if origin != self.origin {
            // The header stays behind, too.
            (self.current, self.is_proven, self.is_authorized, self.step) = (None, false, false, Step::Own);
            self.origin = origin;
        }
        self.url = url.clone();
    }

    /// The value of the `Authorization` header to send, if there is one.
    pub fn authorization(&self) -> Option<&Secret> {
        self.current.as_ref().map(|credential| &credential.authorization)
    }

    /// The credential that there is and that was not sent, with the reason.
    pub fn withheld(&self) -> Option<&Withheld> {
        self.withheld.as_ref()
    }

    /// The host has taken what was sent.
    pub fn accepted(&mut self) {
        if let (Some(origin), Some(credential)) = (&self.origin, &self.current)
            && !std::mem::replace(&mut self.is_proven, true)
        {
            self.provider.approve(origin, credential);
        }
    }

    /// The host has refused what was sent, or wants credentials where none were; `challenges` are its
    /// `WWW-Authenticate`. Finds the next credential; `false`: there is none.
    pub fn refused(&mut self, challenges: &[String]) -> Result<bool, Error> {
        let Some(origin) = self.origin.clone() else { return Ok(false) };
        if let Some(folder) = self.provider.foreign.clone() {
            self.withheld = Some(Withheld::ForeignFolder { folder, origin });
            return Ok(false);
        }
        let mut refused = self.current.take();
        if let Some(answer) = refused.as_mut().and_then(|refused| refused.answer.as_mut()) {
            answer.challenges = challenges.to_vec();
        }
        if std::mem::take(&mut self.is_proven) {
            // It was good once, and has run out since.
            self.step = Step::Own;
        }
        if let Some(refused) = &refused
            && !matches!(self.step, Step::Stage(_))
        {
            self.provider.reject(&origin, refused);
        }
        loop {
            let found = match self.step {
                Step::Own => {
                    let own = self.own(&origin)?;
                    let goes_on = own.is_none() && !self.is_authorized;
                    self.step = if goes_on { Step::Netrc } else { Step::End };
                    own
                }
                Step::Netrc => {
                    self.step = Step::UserAlone;
                    self.of_netrc()
                }
                Step::UserAlone => {
                    self.step = Step::Helpers;
                    self.user.as_ref().map(|user| Credential::of(basic(user, &Secret::new(""))))
                }
                Step::Helpers => self.asked(self.question(challenges), 0)?,
                Step::Stage(number) => {
                    let answer = refused.as_ref().and_then(|refused| refused.answer.clone());
                    self.asked(answer, number)?
                }
                Step::End => return Ok(false),
            };
            if found.is_some() {
                self.current = found;
                return Ok(true);
            }
        }
    }

    fn own(&mut self, origin: &Origin) -> Result<Option<Credential>, Error> {
        let user = self.user.as_deref();
        match self.provider.token.as_ref().map(|token| token.for_origin(origin)) {
            Some(Ok(token)) => return Ok(Some(Credential::of(basic(user.unwrap_or(TOKEN_USER), token)))),
            Some(Err(why)) => self.withheld = Some(why),
            None => {}
        }
        if let Some(store) = &self.provider.store
            && let Some((user, token)) = store.get(origin)?
        {
            if origin.is_protected() {
                return Ok(Some(Credential::of(basic(&user, &token))));
            }
            self.withheld = Some(Withheld::Unencrypted { name: "the login", origin: origin.clone() });
        }
        let Some(password) = self.password.as_ref().filter(|_| !self.is_authorized) else { return Ok(None) };
        // Helpers hear how it fared, as if they had known it.
        let answer = self.question(&[]).map(|question| Description {
            username: Some(user.unwrap_or_default().to_owned()),
            password: Some(password.clone()),
            ..question
        });
        Ok(Some(Credential { authorization: basic(user.unwrap_or_default(), password), answer }))
    }

    fn of_netrc(&self) -> Option<Credential> {
        let (file, host) = (self.provider.netrc.as_ref()?, self.url.host_str()?);
        let (user, password) = netrc::look_up(file, host, self.user.as_deref())?;
        Some(Credential::of(basic(&user, &password)))
    }

    fn question(&self, challenges: &[String]) -> Option<Description> {
        let path = percent_encoding::percent_decode_str(self.url.path().trim_matches('/'));
        Some(Description {
            protocol: Some(self.url.scheme().to_owned()),
            host: Some(self.origin.as_ref()?.host()),
            path: Some(path.decode_utf8_lossy().into_owned()).filter(|path| !path.is_empty()),
            username: self.user.clone(),
            challenges: challenges.to_vec(),
            ..Description::default()
        })
    }

    /// The answer of the helpers, or of the user; and where to go on if it is refused.
    fn asked(&mut self, question: Option<Description>, stage: usize) -> Result<Option<Credential>, Error> {
        self.step = Step::End;
        let (Some(helpers), Some(question)) = (&self.provider.helpers, question) else { return Ok(None) };
        let Some(answer) = helpers.fill(question)? else { return Ok(None) };
        if answer.is_multistage && stage < MAX_STAGES {
            self.step = Step::Stage(stage + 1);
        }
        let authorization = answer.authorization();
        Ok(authorization.map(|authorization| Credential { authorization, answer: Some(answer) }))
    }
}
