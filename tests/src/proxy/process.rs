//! Finds the function's process at the other end of a connection from this machine.
//!
//! Source: proc(5).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;

use socket2::{Domain, Protocol, Socket, Type};

use super::locked;

// Source: linux/netlink.h, linux/sock_diag.h, linux/socket.h, linux/in.h.
const AF_NETLINK: i32 = 16;
const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const IPPROTO_TCP: u8 = 6;
const QUESTION_LENGTH: u32 = 72;

/// Processes that are not functions. They are skipped, since the emulator and the tests themselves have many open
/// files.
static OTHERS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The addresses of a connection: the caller's, and ours.
pub(super) type Ends = (SocketAddr, SocketAddr);

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Its environment.
    pub(super) environment: String,
    /// Its name without the environment, such as `create-secret`.
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
    /// The process at the caller's end of a connection, if it is a function's.
    pub(super) fn at(ends: Ends) -> Option<Self> {
        let socket = format!("socket:[{}]", inode(ends)?);
        let others = locked(&OTHERS).clone();
        Self::that_holds(&socket, &others).or_else(|| {
            // One of these processes may have ended, and a function may have got its process id.
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

    /// Kills the process, as Lambda does with a function that exceeds a limit.
    pub(super) fn kill(&self) {
        // Ignore a failure: the process may have ended by itself.
        let _ = Command::new("sh").args(["-c", "kill -KILL \"$0\" 2>/dev/null", &self.id.to_string()]).status();
    }
}

/// The inode of the caller's socket. Both addresses are needed, because another process may use the same port for a
/// connection to elsewhere. The kernel is asked over netlink, which is immediate; reading its table of all connections
/// takes tens of milliseconds.
///
/// Source: sock_diag(7), netlink(7).
fn inode(ends: Ends) -> Option<u32> {
    let asked = question(ends)?;
    let answered =
        ask(&asked).unwrap_or_else(|error| panic!("asking the kernel whose connection {ends:?} is: {error}"));
    let number = |at: usize| Some(u32::from_ne_bytes(answered.get(at..at + 4)?.try_into().ok()?));
    // After the header comes an inet_diag_msg, or an error if there is no such connection.
    let is_found = answered.get(4..6)? == SOCK_DIAG_BY_FAMILY.to_ne_bytes();
    is_found.then(|| number(84)).flatten()
}

/// A netlink header, and an inet_diag_req_v2.
fn question((caller, own): Ends) -> Option<Vec<u8>> {
    let (SocketAddr::V4(caller), SocketAddr::V4(own)) = (caller, own) else { return None };
    let mut asked = Vec::with_capacity(QUESTION_LENGTH as usize);
    asked.extend(QUESTION_LENGTH.to_ne_bytes());
    asked.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    asked.extend(NLM_F_REQUEST.to_ne_bytes());
    asked.extend([0; 8]);
    asked.extend([AF_INET, IPPROTO_TCP, 0, 0]);
    // Connections in any state.
    asked.extend(u32::MAX.to_ne_bytes());
    asked.extend(caller.port().to_be_bytes());
    asked.extend(own.port().to_be_bytes());
    for end in [caller, own] {
        asked.extend(end.ip().octets());
        asked.extend([0; 12]);
    }
    // On any interface; no cookie.
    asked.extend([0; 4]);
    asked.extend([0xff; 8]);
    Some(asked)
}

fn ask(asked: &[u8]) -> io::Result<Vec<u8>> {
    let mut kernel = Socket::new(Domain::from(AF_NETLINK), Type::DGRAM, Some(Protocol::from(NETLINK_SOCK_DIAG)))?;
    kernel.send(asked)?;
    let mut answered = vec![0; 4096];
    let length = kernel.read(&mut answered)?;
    answered.truncate(length);
    Ok(answered)
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
    fn a_connection_of_another_program_belongs_to_no_function() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_, peer) = listener.accept().unwrap();
        let ends = (peer, listener.local_addr().unwrap());
        assert!(holds(std::process::id(), &format!("socket:[{}]", inode(ends).unwrap())));
        assert_eq!(inode((peer, "127.0.0.1:1".parse().unwrap())), None, "the same port, connected to elsewhere");
        assert_eq!(Process::at(ends), None);
    }
}
