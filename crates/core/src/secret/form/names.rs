//! Names of files that hold secrets.

/// `.env`, `.env.production`, `.envrc`, `prod.env`; not `.env.example`. The name is in small letters.
pub(in crate::secret) fn is_env_file(name: &[u8]) -> bool {
    const HARMLESS: [&[u8]; 6] = [b"example", b"sample", b"template", b"dist", b"defaults", b"default"];
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let words = match name.strip_prefix(b".env") {
        Some(b"" | b"rc") => return true,
        Some(rest) => rest.strip_prefix(b"rc").unwrap_or(rest).strip_prefix(b"."),
        None => name.strip_suffix(b".env").filter(|stem| !stem.is_empty()),
    };
    words.is_some_and(|words| {
        !words.split(|byte| matches!(byte, b'.' | b'-' | b'_')).any(|word| HARMLESS.contains(&word))
    })
}

/// `id_rsa`, `id_rsa_work`, `id_ed25519.bak`; not `id_rsa.pub`. The name is in small letters.
pub(in crate::secret) fn is_key_file(name: &[u8]) -> bool {
    const KINDS: [&[u8]; 7] = [b"rsa", b"dsa", b"ecdsa", b"ed25519", b"ecdsa_sk", b"ed25519_sk", b"xmss"];
    const COPIES: [&[u8]; 8] = [b"bak", b"old", b"orig", b"backup", b"save", b"copy", b"key", b"pem"];
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let Some(rest) = name.strip_prefix(b"id_") else { return false };
    KINDS.iter().any(|kind| {
        let Some(rest) = rest.strip_prefix(*kind) else { return false };
        match rest.first() {
            None | Some(b'~') => true,
            Some(b'_' | b'-') => !rest.contains(&b'.'),
            Some(b'.') => COPIES.contains(&&rest[1..]),
            _ => false,
        }
    })
}
