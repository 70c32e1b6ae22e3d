//! Which function's process is at the other end of a connection from this machine.
//!
//! Source: proc(5).

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;

use super::locked;

/// Processes that are no functions, among them the two whose files are many: the emulator and the tests themselves.
static OTHERS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The caller's end of a connection, and ours.
pub(super) type Ends = (SocketAddr, SocketAddr);

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
    /// The process that has connected to us, if it is a function's.
    pub(super) fn at(ends: Ends) -> Option<Self> {
        let socket = format!("socket:[{}]", inode(ends)?);
        let others = locked(&OTHERS).clone();
        Self::that_holds(&socket, &others).or_else(|| {
            // One of them may have ended, and a function may have its number.
            locked(&OTHERS).clear();
            Self::that_holds(&socket, &BTreeSet::new())
        })
    }

    fn that_holds(socket: &str, others: &BTreeSet<u32>) -> Option<Self> {
        let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        processes.filter(|id| !others.contains(id)).find_map(|id| {
            let Some(caller) = caller(id) else {
                locked(&OTHERS).insert(id);
                return None;
            };
            holds(id, socket).then_some(Self { id, caller })
        })
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

/// The inode of the caller's socket. Both ends tell it: another process may have a connection to elsewhere from the same
/// port.
fn inode((caller, own): Ends) -> Option<String> {
    let wanted = [written(caller)?, written(own)?];
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let mut sockets = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let socket = sockets.find(|fields| fields.get(1..3).is_some_and(|ends| ends == wanted))?;
    socket.get(9).map(|inode| (*inode).to_owned())
}

/// An address as the table has it.
fn written(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_le_bytes(address.ip().octets()), address.port()))
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
        let ends = (peer, listener.local_addr().unwrap());
        assert!(holds(std::process::id(), &format!("socket:[{}]", inode(ends).unwrap())));
        assert_eq!(inode((peer, "127.0.0.1:1".parse().unwrap())), None, "the same port, connected to elsewhere");
        assert_eq!(Process::at(ends), None);
    }
}
