//! SSH keys: making a pair, registering the public half at the service, and removing it there.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{LineEnding, PrivateKey};

use crate::context::Context;
use crate::env::host_name;
use crate::error::{CommandError, similar};
use crate::service::{Service, ServiceError, SshKey, fingerprint};

/// Bits of a new RSA key.
const RSA_BITS: usize = 3072;
/// The longest file that could be a public key.
const LONGEST: u64 = 64 * 1024;

/// The kind of a key.
#[derive(Clone, Copy, Debug)]
pub enum Algorithm {
    /// Short and fast.
    Ed25519,
    /// For hosts that take nothing else.
    Rsa,
}

/// A pair of keys to make.
#[derive(Debug)]
pub struct Request<'a> {
    pub kind: Algorithm,
    /// The private key's file; by default the one that ssh looks for.
    pub file: Option<&'a Path>,
    /// The comment of the public key; by default the user and the computer.
    pub comment: Option<&'a str>,
}

/// A pair of keys that was made.
pub struct KeyPair {
    /// The private key's file.
    pub private: PathBuf,
    /// The public key's file.
    pub public: PathBuf,
    /// The algorithm's name.
    pub algorithm: &'static str,
    /// The fingerprint of the public key.
    pub fingerprint: String,
}

/// A refusal about keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no home folder.
    #[error("there is no home folder to look for keys in")]
    NoHome,
    /// A file of the pair is there.
    #[error("{} exists, and is not overwritten", file.display())]
    Exists { file: PathBuf, public: PathBuf },
    /// The comment would break the file's line.
    #[error("the comment holds a control character")]
    Comment,
    /// There is no key to register.
    #[error("there is no public key in {}", folder.display())]
    NoPublicKey { folder: PathBuf },
    /// The file can't be a public key.
    #[error("{} is too long for a public key", file.display())]
    TooLong { file: PathBuf },
    /// The file is the private half.
    #[error("{} is a private key, which stays with you", file.display())]
    Private { file: PathBuf },
    /// The service does not take the key.
    #[error("{words}")]
    Refused { words: String },
    /// No registered key is meant.
    #[error("there is no key `{wanted}`")]
    Unknown { wanted: String, similar: Option<String> },
    /// Several registered keys are meant.
    #[error("{} keys are called `{wanted}`: {}", fingerprints.len(), fingerprints.join(", "))]
    Several { wanted: String, fingerprints: Vec<String> },
}

/// Makes a pair of keys. `passphrase` is asked once it is clear that no file is in the way.
pub fn generate(
    ctx: &Context,
    request: &Request<'_>,
    passphrase: impl FnOnce() -> Result<Option<String>, CommandError>,
) -> Result<KeyPair, CommandError> {
    let (name, algorithm) = match request.kind {
        Algorithm::Ed25519 => ("id_ed25519", "ssh-ed25519"),
        Algorithm::Rsa => ("id_rsa", "ssh-rsa"),
    };
    let private = match request.file {
        Some(file) => ctx.env.cwd.join(file),
        None => ssh_folder(ctx)?.join(name),
    };
    let public = public_beside(&private);
    for file in [&private, &public] {
        if file.symlink_metadata().is_ok() {
            return Err(Error::Exists { file: file.clone(), public: public.clone() }.into());
        }
    }
    let passphrase = passphrase()?;
    let author = ctx.author(&ctx.env.cwd);
    let comment = request
        .comment
        .map_or_else(|| format!("{}@{}", author.name.replace(' ', "."), host_name()), str::to_owned);
    if comment.chars().any(char::is_control) {
        return Err(Error::Comment.into());
    }
    let mut random = UnwrapErr(SysRng);
    let pair = match request.kind {
        Algorithm::Ed25519 => KeypairData::from(Ed25519Keypair::random(&mut random)),
        Algorithm::Rsa => {
            let progress = ctx.notices.progress("Making the key");
            progress.say("looking for large primes");
            KeypairData::from(RsaKeypair::random(&mut random, RSA_BITS).map_err(CommandError::failed)?)
        }
    };
    let mut key = PrivateKey::new(pair, comment).map_err(CommandError::failed)?;
    let line = key.public_key().to_openssh().map_err(CommandError::failed)?;
    let fingerprint = fingerprint(key.public_key());
    if let Some(passphrase) = passphrase {
        key = key.encrypt(&mut random, passphrase).map_err(CommandError::failed)?;
    }
    let text = key.to_openssh(LineEnding::LF).map_err(CommandError::failed)?;
    if let Some(folder) = private.parent() {
        make_folder(folder).map_err(|error| CommandError::file("make folder", folder, error))?;
    }
    write_new(&private, text.as_bytes(), 0o600)
        .map_err(|error| CommandError::file("write", &private, error))?;
    if let Err(error) = write_new(&public, format!("{line}\n").as_bytes(), 0o644) {
        // A private key alone would stand in the way of the next try.
        drop(fs::remove_file(&private));
        return Err(CommandError::file("write", &public, error));
    }
    Ok(KeyPair { private, public, algorithm, fingerprint })
}

/// Registers a public key; a private one never leaves this computer.
pub fn add(ctx: &Context, file: Option<&Path>, name: Option<&str>) -> Result<SshKey, CommandError> {
    let file = match file {
        Some(file) => ctx.env.cwd.join(file),
        None => default_file(ctx)?,
    };
    let found = fs::metadata(&file).map_err(|error| {
        let error = CommandError::file("read", &file, error);
        error.hint("make a pair of keys: {azml} sshkey generate")
    })?;
    if found.len() > LONGEST {
        return Err(Error::TooLong { file }.into());
    }
    let text = azml_core::small_file::read_to_string(&file)
        .map_err(|error| CommandError::file("read", &file, error))?;
    if text.contains("PRIVATE KEY") || text.contains("PuTTY-User-Key-File") {
        return Err(Error::Private { file }.into());
    }
    let service = Service::signed_in(ctx)?;
    let name = name.map_or_else(host_name, str::to_owned);
    let key = service.add_ssh_key(&name, text.trim()).map_err(|error| match error {
        ServiceError::Refused { status: 400 | 409, words: Some(words), .. } => {
            Error::Refused { words }.into()
        }
        other => CommandError::from(other),
    })?;
    Ok(key)
}

/// Removes the key of a name, an id or a fingerprint from the registry, if exactly one is meant.
pub fn remove(ctx: &Context, wanted: &str) -> Result<SshKey, CommandError> {
    let service = Service::signed_in(ctx)?;
    let keys = service.ssh_keys()?;
    let exact = keys.iter().filter(|key| key.id.eq_ignore_ascii_case(wanted) || key.fingerprint == wanted);
    let mut meant: Vec<_> = exact.cloned().collect();
    if meant.is_empty() {
        meant = keys.iter().filter(|key| key.name == wanted).cloned().collect();
    }
    match meant.as_slice() {
        [only] => {
            service.remove_ssh_key(&only.id)?;
            Ok(only.clone())
        }
        [] => {
            let similar = similar(wanted, keys.iter().map(|key| key.name.as_str()));
            let similar = similar.first().map(|best| (*best).to_owned());
            Err(Error::Unknown { wanted: wanted.to_owned(), similar }.into())
        }
        several => {
            let fingerprints = several.iter().map(|key| key.fingerprint.clone()).collect();
            Err(Error::Several { wanted: wanted.to_owned(), fingerprints }.into())
        }
    }
}

fn default_file(ctx: &Context) -> Result<PathBuf, CommandError> {
    let folder = ssh_folder(ctx)?;
    let candidates = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"].map(|name| folder.join(name));
    Ok(candidates.into_iter().find(|file| file.is_file()).ok_or(Error::NoPublicKey { folder })?)
}

/// The folder where ssh looks for keys.
fn ssh_folder(ctx: &Context) -> Result<PathBuf, Error> {
    Ok(ctx.env.home().ok_or(Error::NoHome)?.join(".ssh"))
}

/// The public key's file beside a private one.
fn public_beside(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// For the user alone, if it is not there yet: ssh insists on that.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    builder.mode(0o700);
    builder.create(folder)
}

/// Writes a file that must not be there yet, with this mode from its first byte on.
fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    options.mode(mode);
    let mut file = options.open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        drop(fs::remove_file(path));
    }
    written
}
