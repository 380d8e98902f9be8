//! Taking a URL apart, as Git does (gitprotocol, `git-fetch(1)`, "GIT URLS").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Error, RemoteUrl, Scheme, UserInfo};

/// The characters of a user name to percent-encode when it is written back.
const USER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'\\');

pub(super) fn parse(text: &str) -> Result<RemoteUrl, Error> {
    let text = checked(text)?;
    Ok(RemoteUrl { given: text.to_owned(), ..read(text)? })
}

/// Keeps text that is no URL as it is, without what looks like user name and password.
pub(super) fn parse_rewritable(text: &str) -> Result<RemoteUrl, Error> {
    let text = checked(text)?;
    refuse_option("name", text)?;
    let given = text.to_owned();
    if let Ok(url) = read(text) {
        return Ok(RemoteUrl { given, ..url });
    }
    let (start, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let host = authority.rfind('@').map_or(rest, |at| &rest[at + 1..]);
    let text = format!("{start}{host}");
    Ok(RemoteUrl { scheme: Scheme::Other, given, ..file(text.clone(), text) })
}

fn checked(text: &str) -> Result<&str, Error> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    if text.is_empty() {
        return Err(Error::Empty);
    }
    if has_control(text) { Err(Error::ControlCharacter) } else { Ok(text) }
}

fn read(text: &str) -> Result<RemoteUrl, Error> {
    if let Some((scheme, rest)) = text.split_once("://")
        && is_scheme(scheme)
    {
        return with_scheme(scheme, rest);
    }
    if let Some((helper, _)) = text.split_once("::")
        && is_scheme(helper)
    {
        return Err(Error::RemoteHelper { helper: helper.to_owned() });
    }
    if let Some(parsed) = scp_like(text) {
        return parsed;
    }
    refuse_option("path", text)?;
    Ok(file(text.to_owned(), text.to_owned()))
}

fn file(path: String, text: String) -> RemoteUrl {
    RemoteUrl {
        scheme: Scheme::File,
        userinfo: None,
        host: None,
        port: None,
        path,
        text,
        given: String::new(),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control) || percent_decode_str(text).any(|byte| byte < 0x20 || byte == 0x7f)
}

fn refuse_option(part: &'static str, text: &str) -> Result<(), Error> {
    if text.starts_with('-') { Err(Error::LooksLikeOption { part }) } else { Ok(()) }
}

fn with_scheme(scheme: &str, rest: &str) -> Result<RemoteUrl, Error> {
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
        "git" => Scheme::Git,
        "file" => return file_url(rest),
        other => return Err(Error::Scheme { scheme: other.to_owned() }),
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let (userinfo, host_port) = match authority.rsplit_once('@') {
        Some((userinfo, host_port)) => (Some(read_userinfo(userinfo)?), host_port),
        None => (None, authority),
    };
    let (host, port) = split_port(host_port)?;
    let host = checked_host(host)?;
    let (path_alone, query) = match path.split_once('?') {
        Some((path_alone, query)) if matches!(scheme, Scheme::Http | Scheme::Https) => {
            (path_alone, Some(query))
        }
        _ => (path, None),
    };
    // What is kept is read again later, and loses the blanks at its end then.
    let path_alone = path_alone.trim_end();
    if path_alone.trim_matches('/').is_empty() || path.contains('#') && query.is_some() {
        return Err(Error::Path);
    }
    refuse_option("path", path.trim_start_matches('/'))?;
    let userinfo = userinfo.filter(|info| !info.user.is_empty() || info.password.is_some());
    let shown_user = match &userinfo {
        Some(info) if !info.user.is_empty() && !is_token(scheme, &info.user) => {
            format!("{}@", utf8_percent_encode(&info.user, USER))
        }
        _ => String::new(),
    };
    let shown_host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let shown_port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let text = format!("{}://{shown_user}{shown_host}{shown_port}{path_alone}", scheme.as_str());
    Ok(RemoteUrl {
        scheme,
        userinfo,
        host: Some(host),
        port,
        path: path.to_owned(),
        text,
        given: String::new(),
    })
}

fn file_url(rest: &str) -> Result<RemoteUrl, Error> {
    let path = match rest.find('/') {
        Some(0) => rest,
        Some(slash) if rest[..slash].eq_ignore_ascii_case("localhost") => &rest[slash..],
        Some(_) => return Err(Error::Host),
        None => return Err(Error::Path),
    };
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| Error::Path)?.into_owned();
    Ok(file(decoded, format!("file://{path}")))
}

/// `[user@]host:path`: a colon before the first slash, and no `://`.
fn scp_like(text: &str) -> Option<Result<RemoteUrl, Error>> {
    let (user, rest) = match text.split_once('@') {
        Some((user, rest)) if !user.contains(['/', ':', '[']) => (Some(user), rest),
        _ => (None, text),
    };
    let (authority, path) = if let Some(inside) = rest.strip_prefix('[') {
        let (inside, after) = inside.split_once(']')?;
        (inside, after.strip_prefix(':')?)
    } else {
        let (host, path) = rest.split_once(':')?;
        if host.contains('/') {
            return None;
        }
        (host, path)
    };
    Some(read_scp(user, authority, path, text))
}

fn read_scp(user: Option<&str>, authority: &str, path: &str, text: &str) -> Result<RemoteUrl, Error> {
    // `[user@host:port]:path` says user and port inside the brackets; `[::1]:path` is an address.
    let (user, authority) = match authority.split_once('@') {
        Some((inner, host)) if user.is_none() => (Some(inner), host),
        _ => (user, authority),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => {
            (host, Some(port.parse::<u16>().ok().filter(|port| *port != 0).ok_or(Error::Port)?))
        }
        _ => (authority, None),
    };
    let host = checked_host(host)?;
    if let Some(user) = user {
        refuse_option("user name", user)?;
    }
    if path.is_empty() {
        return Err(Error::Path);
    }
    refuse_option("path", path)?;
    let userinfo = user.map(|user| UserInfo { user: user.to_owned(), password: None });
    Ok(RemoteUrl {
        scheme: Scheme::Ssh,
        userinfo,
        host: Some(host),
        port,
        path: path.to_owned(),
        text: text.to_owned(),
        given: String::new(),
    })
}

fn read_userinfo(text: &str) -> Result<UserInfo, Error> {
    let decode = |text: &str| -> Result<String, Error> {
        Ok(percent_decode_str(text).decode_utf8().map_err(|_| Error::Host)?.into_owned())
    };
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (decode(user)?, Some(decode(password)?)),
        None => (decode(text)?, None),
    };
    refuse_option("user name", &user)?;
    Ok(UserInfo { user, password })
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), Error> {
    let (host, port) = if let Some(inside) = text.strip_prefix('[') {
        let (host, after) = inside.split_once(']').ok_or(Error::Host)?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(Error::Host),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    match port {
        None | Some("") => Ok((host, None)),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => match digits.parse() {
            Ok(0) | Err(_) => Err(Error::Port),
            Ok(port) => Ok((host, Some(port))),
        },
        Some(_) => Err(Error::Port),
    }
}

fn checked_host(host: &str) -> Result<String, Error> {
    refuse_option("host name", host)?;
    let known = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(known) {
        return Err(Error::Host);
    }
    Ok(host.to_owned())
}

/// Returns whether a user name in an HTTP URL is a token: hosts take `https://<token>@host/…`.
pub(super) fn is_token(scheme: Scheme, user: &str) -> bool {
    let known = ["ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-"];
    matches!(scheme, Scheme::Http | Scheme::Https)
        && (known.iter().any(|prefix| user.starts_with(prefix))
            || user.len() >= 40 && user.bytes().all(|b| b.is_ascii_alphanumeric()))
}
