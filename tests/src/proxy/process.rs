//! Which function's process is at the other end of a connection from this machine.
//!
//! Source: proc(5).

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Its environment.
    pub(super) environment: String,
    /// Its name, without the environment: `create-secret`.
    pub(super) function: String,
}

/// A process of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    id: u32,
    /// The function.
    pub(super) caller: Caller,
}

impl Process {
    /// The process that has connected to us from `peer`, if it is a function's.
    pub(super) fn at(peer: SocketAddr) -> Option<Self> {
        let socket = format!("socket:[{}]", inode(peer)?);
        let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let id = processes.filter(|id| holds(*id, &socket)).find(|id| caller(*id).is_some())?;
        Some(Self { id, caller: caller(id)? })
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Ends it at once, as Lambda does with a function that breaks a limit.
    pub(super) fn kill(&self) {
        // It may have ended by itself.
        let _ = Command::new("sh").args(["-c", "kill -KILL \"$0\" 2>/dev/null", &self.id.to_string()]).status();
    }
}

/// The inode of the other end's socket.
fn inode(peer: SocketAddr) -> Option<String> {
    let SocketAddr::V4(peer) = peer else { return None };
    let address = u32::from_le_bytes(peer.ip().octets());
    let wanted = format!("{address:08X}:{:04X}", peer.port());
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let mut sockets = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let socket = sockets.find(|fields| fields.get(1) == Some(&wanted.as_str()))?;
    socket.get(9).map(|inode| (*inode).to_owned())
}

fn holds(id: u32, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{id}/fd")) else { return false };
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket))
}

fn caller(id: u32) -> Option<Caller> {
    let environment = fs::read(format!("/proc/{id}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let name = variables.find_map(|variable| variable.strip_prefix(b"AWS_LAMBDA_FUNCTION_NAME="))?;
    let (environment, function) = std::str::from_utf8(name).ok()?.split_once('-')?;
    Some(Caller { environment: environment.to_owned(), function: function.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_of_a_program_that_is_no_function_has_no_function() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert!(holds(std::process::id(), &format!("socket:[{}]", inode(peer).unwrap())));
        assert_eq!(Process::at(peer), None);
    }
}
