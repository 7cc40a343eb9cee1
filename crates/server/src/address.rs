//! How clients write the server's address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The line that says that the server accepts calls.
pub(crate) fn ready_line(address: SocketAddr, encrypted: bool, http: Option<SocketAddr>) -> String {
    let http = http.map(|address| format!(" http=http://{address}"));
    let flight = url(address, encrypted);
    format!("godwit ready flight={flight}{}", http.unwrap_or_default())
}

/// The address as Flight clients take it.
pub(crate) fn url(address: SocketAddr, encrypted: bool) -> String {
    let scheme = if encrypted { "grpc+tls" } else { "grpc" };
    format!("{scheme}://{address}")
}

/// An address that a client on the same machine can connect to: a server that listens on all addresses is on loopback too.
pub(crate) fn local(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::{local, ready_line};

    #[test]
    fn the_ready_line_names_scheme_and_port() {
        let line = |address: &str, tls| ready_line(address.parse().unwrap(), tls, None);
        assert_eq!(
            line("127.0.0.1:8815", false),
            "godwit ready flight=grpc://127.0.0.1:8815"
        );
        assert_eq!(
            line("[::1]:40123", true),
            "godwit ready flight=grpc+tls://[::1]:40123"
        );
        let http = Some("[::1]:9815".parse().unwrap());
        assert_eq!(
            ready_line("[::1]:8815".parse().unwrap(), false, http),
            "godwit ready flight=grpc://[::1]:8815 http=http://[::1]:9815"
        );
    }

    #[test]
    fn all_addresses_are_reached_through_loopback() {
        let local = |address: &str| local(address.parse().unwrap()).to_string();
        assert_eq!(local("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(local("[::]:1"), "[::1]:1");
        assert_eq!(local("10.1.2.3:1"), "10.1.2.3:1");
    }
}
