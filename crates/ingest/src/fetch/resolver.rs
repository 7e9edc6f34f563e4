//! Names to addresses, with those left out that may not be connected to. The connection goes to what is returned here, so
//! that a name cannot mean one address when it is checked and another one when it is used.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::address::{RefusedAddress, is_public};

/// The hosts that an operator lists, which may be anywhere.
#[derive(Debug, Clone, Default)]
pub(super) struct PrivateHosts(Arc<[String]>);

/// The system's resolver, and the check behind it.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    pub(super) private_hosts: PrivateHosts,
}

impl PrivateHosts {
    /// Names are compared as uris have them: in lower case, addresses of IPv6 in brackets.
    pub(super) fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|listed| listed == host)
    }

    /// Whether a request may go to this uri, as far as it is known before a name is resolved: an address in place of
    /// a name is never resolved.
    pub(super) fn admit(&self, url: &Url) -> Result<(), RefusedAddress> {
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if public || url.host_str().is_some_and(|host| self.has(host)) { Ok(()) } else { Err(RefusedAddress) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let anywhere = self.private_hosts.has(name.as_str());
        Box::pin(async move {
            // The port is the uri's: it replaces a zero.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| anywhere || is_public(address.ip()))
                .collect();
            if addresses.is_empty() {
                return Err(RefusedAddress.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    async fn resolve(name: &str, listed: &[&str]) -> Result<Vec<SocketAddr>, String> {
        let listed: Vec<String> = listed.iter().map(|&host| host.to_owned()).collect();
        let resolver = Resolver { private_hosts: PrivateHosts::new(&listed) };
        resolver
            .resolve(name.parse().unwrap())
            .await
            .map(Iterator::collect)
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_unless_it_is_listed() {
        assert_eq!(resolve("localhost", &[]).await, Err(RefusedAddress.to_string()));
        assert_eq!(resolve("localhost", &["example.org"]).await, Err(RefusedAddress.to_string()));
        let listed = resolve("localhost", &["LocalHost"]).await.unwrap();
        assert!(!listed.is_empty() && listed.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn an_address_in_place_of_a_name_is_looked_at() {
        let hosts = PrivateHosts::new(&["127.0.0.1".to_owned(), "[::1]".to_owned()]);
        let admitted = |text: &str| hosts.admit(&text.parse().unwrap()).is_ok();
        assert!(
            admitted("http://127.0.0.1:8080/a")
                && admitted("http://[::1]/")
                && admitted("http://0x7f000001/")
        );
        assert!(admitted("http://example.org/") && admitted("http://8.8.8.8/"));
        let refused =
            ["http://127.0.0.2/", "http://2130706434/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1]/"];
        assert!(refused.into_iter().all(|text| !admitted(text)));
        assert!(!admitted("http://169.254.169.254/latest/meta-data/"));
    }
}
