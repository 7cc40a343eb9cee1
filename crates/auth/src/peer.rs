use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where a call comes from, as far as logins are slowed by it: an IPv4 address, or the /64 of an IPv6 address, all of
/// which one client has. Unknown by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Peer(Option<IpAddr>);

impl Peer {
    /// Nobody knows where.
    pub const UNKNOWN: Self = Self(None);
}

impl From<Option<SocketAddr>> for Peer {
    fn from(address: Option<SocketAddr>) -> Self {
        Self(address.map(|address| match address.ip().to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(network(address)),
            v4 => v4,
        }))
    }
}

fn network(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_client_has_is_one_peer() {
        let peer = |text: &str| Peer::from(Some(text.parse::<SocketAddr>().unwrap()));
        for (one, other, same) in [
            ("10.0.0.1:1", "10.0.0.1:2", true),
            ("10.0.0.1:1", "10.0.0.2:1", false),
            ("[::ffff:10.0.0.1]:1", "10.0.0.1:1", true),
            ("[2001:db8::1]:1", "[2001:db8::ffff:2]:1", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
        ] {
            assert_eq!(peer(one) == peer(other), same, "{one} {other}");
        }
        assert_ne!(peer("10.0.0.1:1"), Peer::default());
    }
}
