//! What looks like a secret: by a file's name, by its content.

use gix::bstr::ByteSlice;

/// Larger files are no key files and no settings: their content is not looked at.
pub(super) const LARGEST: usize = 512 * 1024;

/// Whether a file of this path (with `/`) is a secret by its name.
pub(crate) fn is_secret_name(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    if lower.first() == Some(&b'.') {
        if let Some(rest) = lower.strip_prefix(b".env") {
            let harmless: [&[u8]; 5] = [b".example", b".sample", b".template", b".dist", b".defaults"];
            return rest.is_empty() || rest[0] == b'.' && !harmless.iter().any(|tail| rest.ends_with(tail));
        }
        return matches!(
            lower.as_slice(),
            b".netrc" | b".git-credentials" | b".pgpass" | b".pypirc" | b".htpasswd"
        );
    }
    if let Some(rest) = lower.strip_prefix(b"id_") {
        return matches!(
            rest,
            b"rsa" | b"dsa" | b"ecdsa" | b"ed25519" | b"ecdsa_sk" | b"ed25519_sk" | b"xmss"
        );
    }
    if let Some(folder) = path.strip_suffix(b"/credentials") {
        return folder == b".aws" || folder.ends_with(b"/.aws");
    }
    // azml's own logins, where the configuration is kept in the project.
    if let Some(folder) = path.strip_suffix(b"/tokens.json") {
        return folder == b"azml" || folder.ends_with(b"/azml");
    }
    matches!(lower.as_slice(), b"_netrc")
        || [&b".ppk"[..], b".pfx", b".p12", b".kdbx"]
            .iter()
            .any(|tail| lower.ends_with(tail) && lower.len() > tail.len())
}

/// Whether a file's content holds a private key or a token that a service would accept.
pub(super) fn is_secret_content(content: &[u8]) -> bool {
    if content.len() > LARGEST || content[..content.len().min(8000)].contains(&0) {
        return false;
    }
    holds_private_key(content)
        || after_each(content, b"AKIA", |rest, before| !is_word(before) && is_aws_id(rest))
        || [&b"ghp_"[..], b"gho_", b"ghs_", b"ghu_", b"ghr_"].iter().any(|prefix| {
            after_each(content, prefix, |rest, before| {
                !is_word(before) && run(rest, u8::is_ascii_alphanumeric) >= 36
            })
        })
        || after_each(content, b"github_pat_", |rest, _| {
            run(rest, |b| b.is_ascii_alphanumeric() || *b == b'_') >= 40
        })
        || after_each(content, b"glpat-", |rest, _| {
            run(rest, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) >= 20
        })
        || after_each(content, b"xoxb-", |rest, _| {
            run(rest, |b| b.is_ascii_alphanumeric() || *b == b'-') >= 30
        })
        || after_each(content, b"AccountKey=", |rest, _| {
            run(rest, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')) >= 86
        })
        || holds_azure_devops_token(content)
}

fn holds_private_key(content: &[u8]) -> bool {
    after_each(content, b"-----BEGIN ", |rest, _| {
        let line = rest.lines().next().unwrap_or_default();
        let Some(label) = line.find("-----").map(|end| &line[..end]) else { return false };
        label.ends_with(b"PRIVATE KEY") || label == b"PGP PRIVATE KEY BLOCK"
    })
}

fn is_aws_id(rest: &[u8]) -> bool {
    // The one that AWS's own documentation prints is no secret.
    run(rest, |b| b.is_ascii_uppercase() || b.is_ascii_digit()) == 16 && !rest[..16].ends_with(b"EXAMPLE")
}

/// 84 letters and digits with `AZDO` at 76: a personal access token of Azure DevOps.
fn holds_azure_devops_token(content: &[u8]) -> bool {
    content.find_iter(b"AZDO").any(|at| {
        let Some(start) = at.checked_sub(76) else { return false };
        let Some(token) = content.get(start..start + 84) else { return false };
        token.iter().all(u8::is_ascii_alphanumeric)
            && !is_word(start.checked_sub(1).and_then(|before| content.get(before)))
            && !is_word(content.get(start + 84))
    })
}

fn after_each(content: &[u8], needle: &[u8], holds: impl Fn(&[u8], Option<&u8>) -> bool) -> bool {
    content.find_iter(needle).any(|at| {
        let before = at.checked_sub(1).and_then(|before| content.get(before));
        holds(&content[at + needle.len()..], before)
    })
}

fn run(text: &[u8], of: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| of(byte)).count()
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            ".env",
            "web/.ENV",
            ".env.production",
            ".netrc",
            "keys/id_rsa",
            "id_ed25519",
            "a.pfx",
            ".aws/credentials",
            ".config/azml/tokens.json",
        ] {
            assert!(is_secret_name(name.as_bytes()), "{name}");
        }
        for name in [
            ".env.example",
            ".environment",
            "env",
            "id_rsa.pub",
            "train.py",
            ".pfx",
            "credentials",
            "tokens.json",
            "id_rsa2",
        ] {
            assert!(!is_secret_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn contents_of_secrets() {
        let azdo = format!("pat = \"{}AZDO{}\"", "a1".repeat(38), "wxyz");
        let secrets = [
            "-----BEGIN OPENSSH PRIVATE KEY-----\nabc",
            "x\n-----BEGIN RSA PRIVATE KEY-----\r\n",
            "-----BEGIN PRIVATE KEY-----",
            "key=AKIAABCDEFGHIJKLMNOP\n",
            &format!("ghp_{}", "a".repeat(36)),
            &azdo,
        ];
        for text in secrets {
            assert!(is_secret_content(text.as_bytes()), "{text}");
        }
        let harmless = [
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_short",
            "AZDO",
            "begin private key",
        ];
        for text in harmless {
            assert!(!is_secret_content(text.as_bytes()), "{text}");
        }
        assert!(!is_secret_content(b"\0-----BEGIN PRIVATE KEY-----"), "binary");
    }
}
