//! Docker, if it is there. Only `sam local` needs it.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

/// The address of this machine on Docker's default bridge. Containers can reach it there, but other machines cannot.
///
/// None if no daemon answers, or if the bridge is not on this machine, as with Docker Desktop.
pub fn bridge() -> Option<Ipv4Addr> {
    const FORMAT: &str = "{{with index .IPAM.Config 0}}{{.Gateway}} {{.Subnet}}{{end}}";
    let address = address(&output(&["network", "inspect", "bridge", "--format", FORMAT])?)?;
    TcpListener::bind((address, 0)).ok().map(|_| address)
}

/// The gateway in the network's description. If it has none, the first address of the subnet, which is the daemon's
/// default. Source: Docker's documentation, "Bridge network driver".
fn address(description: &str) -> Option<Ipv4Addr> {
    let (gateway, subnet) = description.trim_end().split_once(' ')?;
    let first = || {
        let network: Ipv4Addr = subnet.split('/').next()?.parse().ok()?;
        Some(Ipv4Addr::from_bits(network.to_bits() + 1))
    };
    gateway.parse().ok().or_else(first)
}

/// Whether this machine has an image of this name.
pub fn has_image(name: &str) -> bool {
    output(&["image", "inspect", "--format", "{{.Id}}", name]).is_some()
}

/// Whether a daemon answers.
pub fn runs() -> bool {
    output(&["version", "--format", "{{.Server.Version}}"]).is_some()
}

/// The output of `docker`; none if it fails or takes longer than ten seconds.
fn output(arguments: &[&str]) -> Option<String> {
    let mut docker = Command::new("timeout");
    docker.args(["10", "docker"]).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = docker.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridges_address_is_its_gateway_or_the_first_address_of_its_subnet() {
        assert_eq!(address("192.168.5.1 192.168.5.0/24\n"), Some(Ipv4Addr::new(192, 168, 5, 1)));
        assert_eq!(address(" 172.17.0.0/16\n"), Some(Ipv4Addr::new(172, 17, 0, 1)));
        assert_eq!(address(" fd00::/64\n"), None);
        assert_eq!(address(""), None);
    }
}
