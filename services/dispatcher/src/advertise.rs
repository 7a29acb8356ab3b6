//! The address at which other processes call this one, unless the operator names it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use watchbell_store::DatabaseSettings;

/// The URL of a server. One that listens at all addresses of its machine is called at the address from which it reaches
/// the database, which the other replicas reach, too.
pub(crate) async fn url(listening: SocketAddr, tls: bool, database: &DatabaseSettings) -> String {
    let mut address = listening;
    if address.ip().is_unspecified() {
        let own = match database.first_host() {
            Some((host, port)) => towards((&host, port)).await,
            None => None,
        };
        address.set_ip(own.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// This machine's address on the way to a host. Connecting a UDP socket sends nothing.
async fn towards(host: (&str, u16)) -> Option<IpAddr> {
    for address in tokio::net::lookup_host(host).await.ok()? {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await.ok()?;
        if socket.connect(address).await.is_ok()
            && let Ok(own) = socket.local_addr()
        {
            return Some(own.ip());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_at_all_addresses_is_called_at_the_one_towards_the_database() {
        let database = DatabaseSettings::postgres("postgres://127.0.0.1/x", "x");
        let all = "0.0.0.0:7700".parse().unwrap();
        assert_eq!(url(all, false, &database).await, "http://127.0.0.1:7700");
        let one = "10.1.2.3:7700".parse().unwrap();
        assert_eq!(url(one, true, &database).await, "https://10.1.2.3:7700");
    }
}
