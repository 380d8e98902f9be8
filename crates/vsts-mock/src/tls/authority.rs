//! The server's own certificate authority: a key and a certificate, made once and kept in the data directory.
//!
//! Clients are told to trust the certificate, so it has no end: `99991231235959Z`, which RFC 5280 (4.1.2.5) gives to
//! certificates without one. The key is readable by its owner alone. All else about the certificate follows from the
//! key, so that a server that was killed between the two files makes the same authority again.

use std::io;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SerialNumber, date_time_ymd,
};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::TlsError;
use crate::state::once::{Readers, warn_if_open, write_new};

const KEY: &str = "ca.key";
const CERTIFICATE: &str = "ca.pem";
/// Clients' clocks may be behind.
const LEEWAY_DAYS: i64 = 1;
/// The longest that no client objects to.
const LEAF_DAYS: i64 = 397;

/// The signer.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Reads it from a folder, having made what is missing.
    pub(super) fn load_or_make(dir: &Path) -> Result<Self, TlsError> {
        std::fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let (key_path, path) = (dir.join(KEY), dir.join(CERTIFICATE));
        let key = if let Some(text) = read(&key_path)? {
            warn_if_open(&key_path);
            KeyPair::from_pem(&text).map_err(|source| TlsError::Key { path: key_path, source })?
        } else {
            let key = KeyPair::generate()?;
            write_new(&key_path, key.serialize_pem().as_bytes(), Readers::Owner)
                .map_err(io_error("write", &key_path))?;
            key
        };
        let params = params(&key);
        let pem = if let Some(pem) = read(&path)? {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
            let is_of_key = certificate.is_ok_and(|certificate| holds(&certificate, key.der_bytes()));
            if !is_of_key {
                return Err(TlsError::Certificate { path });
            }
            pem
        } else {
            let pem = params.self_signed(&key)?.pem();
            write_new(&path, pem.as_bytes(), Readers::All).map_err(io_error("write", &path))?;
            pem
        };
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Its certificate.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate of a server with these names, and the day from which on it should be replaced.
    pub(super) fn sign(
        &self,
        key: &KeyPair,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<(CertificateDer<'static>, Timestamp), rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, "vsts-mock");
        let [from, to] = [-LEEWAY_DAYS, LEAF_DAYS].map(|days| day(now, days));
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial());
        let certificate = params.signed_by(key, &self.issuer)?.der().clone();
        let half = Span::new().hours(LEAF_DAYS * 24 / 2);
        Ok((certificate, now.checked_add(half).unwrap_or(Timestamp::MAX)))
    }
}

/// The certificate's contents: the same for the same key.
fn params(key: &KeyPair) -> CertificateParams {
    let digest = Sha256::digest(key.der_bytes());
    let mut params = CertificateParams::default();
    let name = format!("vsts-mock CA {:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params.not_before = date_time_ymd(2015, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31) + END_OF_DAY;
    params
}

/// From a day's beginning to its last second.
const END_OF_DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60 - 1);

/// Year, month and day, so many days from now. A clock beyond what certificates can say is taken to its end.
fn day(now: Timestamp, days: i64) -> (i32, u8, u8) {
    let date = now.to_zoned(TimeZone::UTC).date();
    let date = date.checked_add(Span::new().days(days)).unwrap_or(date);
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    match date.year() {
        year @ 1970..=9998 => (year.into(), month, day),
        year => (year.clamp(1970, 9998).into(), 1, 1),
    }
}

/// Twenty octets at most, and not negative.
fn serial() -> SerialNumber {
    let mut bytes = crate::clock::random::<16>();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn holds(certificate: &[u8], key: &[u8]) -> bool {
    certificate.windows(key.len()).any(|window| window == key)
}

fn read(path: &Path) -> Result<Option<String>, TlsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TlsError {
    let path = path.to_owned();
    move |source| TlsError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_its_key_is_its_owners_alone() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let folder = dir.path().join("tls");
        let made = Authority::load_or_make(&folder).expect("it is made");
        let read = Authority::load_or_make(&folder).expect("it is read");
        assert_eq!(made.pem(), read.pem());
        for (file, expected) in [(KEY, 0o600), (CERTIFICATE, 0o644)] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.join(file)).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, expected, "{file}");
        }
    }

    #[test]
    fn a_certificate_that_is_missing_is_made_again_and_a_wrong_one_is_named() {
        let (one, other) =
            (tempfile::TempDir::new().expect("a folder"), tempfile::TempDir::new().expect("a folder"));
        let before = Authority::load_or_make(one.path()).expect("it is made");
        std::fs::remove_file(one.path().join(CERTIFICATE)).expect("the file was there");
        let after = Authority::load_or_make(one.path()).expect("it is made again");
        assert_eq!(before.issuer.key().serialized_der(), after.issuer.key().serialized_der());
        Authority::load_or_make(other.path()).expect("it is made");
        for wrong in [std::fs::read(other.path().join(CERTIFICATE)).expect("a file"), b"nonsense".to_vec()] {
            std::fs::write(one.path().join(CERTIFICATE), wrong).expect("a file");
            let error = Authority::load_or_make(one.path()).err().expect("it is refused");
            assert!(error.to_string().contains(CERTIFICATE), "{error}");
        }
        std::fs::write(one.path().join(KEY), "nonsense").expect("a file");
        let error = Authority::load_or_make(one.path()).err().expect("it is refused");
        assert!(error.to_string().contains(KEY), "{error}");
    }

    #[test]
    fn any_clock_gives_a_certificate() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let authority = Authority::load_or_make(dir.path()).expect("it is made");
        let key = KeyPair::generate().expect("a key");
        let usual = "2024-02-29T12:00:00Z".parse().expect("a time");
        for now in [usual, Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
            let (_, renewal) = authority.sign(&key, vec!["localhost".to_owned()], now).expect("it signs");
            assert!(renewal >= now, "{now}");
        }
    }
}
