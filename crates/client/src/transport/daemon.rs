//! git:// : the service over a bare TCP connection. No identity, no encryption; for trusted networks.

use std::net::{TcpStream, ToSocketAddrs as _};

use git_wire::Service;
use git_wire::client::{Duplex, TransportError, TransportErrorKind as Kind};

use super::TransportOptions;

/// The port that is meant when none is named.
const DEFAULT_PORT: u16 = 9418;

pub(super) fn connect(
    host: &str,
    port: Option<u16>,
    path: &str,
    service: Service,
    options: &TransportOptions,
) -> Result<Duplex, TransportError> {
    if path.chars().any(char::is_control) || host.chars().any(char::is_control) {
        return Err(TransportError::new(
            Kind::Refused,
            "the git:// remote has control characters in its URL",
        ));
    }
    let addresses = (host, port.unwrap_or(DEFAULT_PORT)).to_socket_addrs().map_err(|error| {
        TransportError::new(Kind::Unreachable, format!("the host name {host} is not known"))
            .with_source(error)
    })?;
    let mut failure = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, options.connect_timeout) {
            Ok(stream) => {
                return converse(stream, host, port, path, service, options)
                    .map_err(|error| TransportError::from_io(&format!("talking to {host}"), error));
            }
            Err(error) => failure = Some(error),
        }
    }
    let error = TransportError::new(Kind::Unreachable, format!("can't connect to {host}"));
    Err(match failure {
        Some(cause) => error.with_source(cause),
        None => error,
    })
}

fn converse(
    stream: TcpStream,
    host: &str,
    port: Option<u16>,
    path: &str,
    service: Service,
    options: &TransportOptions,
) -> std::io::Result<Duplex> {
    stream.set_read_timeout(Some(options.stall_timeout))?;
    stream.set_write_timeout(Some(options.stall_timeout))?;
    stream.set_nodelay(true)?;
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let version = if service == Service::UploadPack { "\0version=2\0" } else { "" };
    let request = format!("{} {path}\0host={host}{port}\0{version}", service.as_str());
    git_wire::pktline::Writer::new(&stream).data(request.as_bytes())?;
    Ok(Duplex::new(Box::new(stream.try_clone()?), Box::new(stream)))
}
