//! The environment of a command that shall find this server under the service's host names: variables, and the files that
//! they name.
//!
//! | read by | variables |
//! | --- | --- |
//! | curl, git, Python, Go, .NET and most others | `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, also in lower case |
//! | git | `GIT_SSL_CAINFO`, `GIT_SSH_COMMAND` |
//! | OpenSSL, Go, Python, Ruby, .NET | `SSL_CERT_FILE` |
//! | curl; requests; pip; cargo; Deno | `CURL_CA_BUNDLE`; `REQUESTS_CA_BUNDLE`; `PIP_CERT`; `CARGO_HTTP_CAINFO`; `DENO_CERT` |
//! | Node.js | `NODE_EXTRA_CA_CERTS`, `NODE_OPTIONS` with a module that takes its connections here |
//! | Java | `JAVA_TOOL_OPTIONS` with the proxy and a trust store |

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use serde_json::json;
use tempfile::TempDir;

use super::java;
use crate::server::Ready;
use crate::service_hosts::CERTIFICATE_NAMES;
use crate::tls;

/// Hosts that are reached without the proxy.
const LOCAL: &str = "localhost,127.0.0.1,::1";
const PRELOAD: &str = include_str!("preload.cjs");

/// The folder of the files that the variables name, which is removed when this is dropped.
pub(crate) struct Files(#[expect(dead_code, reason = "it is kept until it is dropped")] TempDir);

/// Writes the files and lists the variables for a server that listens for the proxy and for HTTPS. `inherited` gives the present
/// value of a variable: options that the user has set for Node, Java and SSH stay.
pub(crate) fn prepare(
    ready: &Ready,
    inherited: impl Fn(&str) -> Option<String>,
) -> io::Result<(BTreeMap<&'static str, String>, Files)> {
    let files = tempfile::Builder::new().prefix("vsts-mock-intercept-").tempdir()?;
    let write = |name: &str, bytes: &[u8]| -> io::Result<String> {
        let path = files.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    };
    let (proxy, https) = (address(ready.intercept.as_deref())?, address(ready.https.as_deref())?);
    let ca_pem = ready.ca_pem.as_deref().unwrap_or_default();
    let ca = write("ca.pem", ca_pem.as_bytes())?;
    let trusted = tls::der(ca_pem).map_err(io::Error::other)?;
    let store = write("trusted.jks", &java::trust_store(&trusted))?;
    let preload = write("preload.cjs", PRELOAD.as_bytes())?;

    let (host, port) = (proxy.ip(), proxy.port());
    let proxy = format!("http://{proxy}");
    let with = |name: &str, more: &str| match inherited(name) {
        Some(own) if !own.trim().is_empty() => format!("{own} {more}"),
        _ => more.to_owned(),
    };
    let java_options = format!(
        "-Dhttps.proxyHost={host} -Dhttps.proxyPort={port} -Dhttp.proxyHost={host} -Dhttp.proxyPort={port} \
         -Dhttp.nonProxyHosts=localhost|127.*|[::1] -Djavax.net.ssl.trustStore={store} \
         -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword={}",
        java::PASSWORD
    );
    let suffixes: Vec<String> =
        CERTIFICATE_NAMES.iter().map(|name| format!(".{}", name.trim_start_matches("*."))).collect();
    let settings = json!({ "host": https.ip().to_string(), "port": https.port(), "suffixes": suffixes });
    write("settings.json", settings.to_string().as_bytes())?;
    let mut variables = BTreeMap::from([
        ("NODE_OPTIONS", with("NODE_OPTIONS", &format!("--require={preload}"))),
        ("JAVA_TOOL_OPTIONS", with("JAVA_TOOL_OPTIONS", &java_options)),
    ]);
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        variables.insert(name, proxy.clone());
    }
    for name in ["NO_PROXY", "no_proxy"] {
        variables.insert(name, LOCAL.to_owned());
    }
    for name in [
        "GIT_SSL_CAINFO",
        "SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "PIP_CERT",
        "CARGO_HTTP_CAINFO",
        "DENO_CERT",
        "NODE_EXTRA_CA_CERTS",
    ] {
        variables.insert(name, ca.clone());
    }
    if let (Some(_), Some(known_hosts)) = (&ready.ssh, &ready.known_hosts) {
        let key = known_hosts.split_once(' ').map_or("", |(_, key)| key);
        let hosts = write("known_hosts", format!("{ALIAS} {key}\n").as_bytes())?;
        let config = write("ssh_config", ssh_config(address(ready.ssh.as_deref())?, &hosts).as_bytes())?;
        let command = inherited("GIT_SSH_COMMAND").filter(|own| !own.trim().is_empty());
        let command = command.unwrap_or_else(|| "ssh".to_owned());
        variables.insert("GIT_SSH_COMMAND", format!("{command} -F {config}"));
    }
    Ok((variables, Files(files)))
}

/// The address in a URL of the ready line.
fn address(url: Option<&str>) -> io::Result<SocketAddr> {
    let authority = url.and_then(|url| url.split("://").nth(1)).unwrap_or_default();
    authority.parse().map_err(io::Error::other)
}

/// The name under which OpenSSH looks up the server's host key.
const ALIAS: &str = "vsts-mock";

/// An OpenSSH configuration that takes the service's SSH hosts to this server, and has the user's own for all others.
fn ssh_config(address: SocketAddr, known_hosts: &str) -> String {
    let (host, port) = (address.ip(), address.port());
    format!(
        "Host ssh.dev.azure.com vs-ssh.visualstudio.com *.visualstudio.com\n  HostName {host}\n  Port {port}\n  \
         HostKeyAlias {ALIAS}\n  UserKnownHostsFile {known_hosts}\n  StrictHostKeyChecking yes\n\
         Host *\n  Include ~/.ssh/config\n  Include /etc/ssh/ssh_config\n"
    )
}
