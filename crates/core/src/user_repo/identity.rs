//! Who the user is, as Git's configuration says.

use std::path::Path;

use gix::bstr::ByteSlice;

use super::UserRepo;

/// A name and an e-mail address, as they stand in commits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl Signature {
    /// With what would break a commit's header taken out: line ends, `<`, `>`, and Git's crud at both ends.
    pub(crate) fn clean(&self) -> Self {
        let clean = |text: &str| -> String {
            let text: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            text.trim_matches([' ', '.', ',', ':', ';', '"', '\\', '\'']).to_owned()
        };
        let (name, email) = (clean(&self.name), clean(&self.email));
        Self { name: if name.is_empty() { "azml".to_owned() } else { name }, email }
    }
}

/// `user.name` and `user.email` of Git's configuration: the repository's in `root` if there is one, the user's,
/// the system's; `None` if either is missing. What the environment says of an author wins, as for Git.
pub fn identity(root: &Path) -> Option<Signature> {
    if let Ok(git) = gix::open(root.join(".git")) {
        return of_repository(&git);
    }
    let config = gix::config::File::from_globals().ok()?;
    let value = |key: &str| config.string(key).map(|text| text.to_str_lossy().into_owned());
    Some(Signature { name: value("user.name")?, email: value("user.email")? })
}

impl UserRepo {
    /// Who the user is in this repository: [`identity()`].
    pub fn identity(&self) -> Option<Signature> {
        of_repository(&self.git)
    }
}

/// As gix's own answer, without the moment that comes with it: to know the time zone's name it reads all of them.
fn of_repository(git: &gix::Repository) -> Option<Signature> {
    let config = git.config_snapshot();
    let first = |keys: &[&str]| {
        keys.iter().find_map(|key| config.string(*key)).map(|text| text.to_str_lossy().into_owned())
    };
    let name = first(&["author.name", "user.name", "gitoxide.author.nameFallback"])?;
    let email = first(&[
        "author.email",
        "user.email",
        "gitoxide.user.emailFallback",
        "gitoxide.author.emailFallback",
    ])?;
    Some(Signature { name, email }).filter(|author| !author.email.is_empty())
}
