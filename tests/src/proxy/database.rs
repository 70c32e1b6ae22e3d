//! The proxy in front of the MySQL server. It counts the client's packets and TLS records, but cannot read them,
//! because they are encrypted.
//!
//! Source: the MySQL client/server protocol, "Connection Phase"; RFC 8446, section 5.1.

use std::io::{ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::process::Process;
use super::watch::{Kind, Watch};
use super::{Proxy, locked};

const PACKET_HEADER: usize = 4;
const TLS_REQUEST: usize = 32;
const RECORD_HEADER: usize = 5;
const APPLICATION_DATA: u8 = 23;

/// Later than the 30 s after which the functions give up a statement.
const LATE: Duration = Duration::from_secs(31);

/// Accepts connections and forwards their data to `server`.
pub(super) async fn serve(proxy: &Arc<Proxy>, listener: TcpListener, server: String) {
    while let Ok((client, _)) = listener.accept().await {
        let (proxy, server) = (proxy.clone(), server.clone());
        tokio::spawn(async move { connection(&proxy, client, &server).await.ok() });
    }
}

async fn connection(proxy: &Proxy, client: TcpStream, server: &str) -> Result<()> {
    client.set_nodelay(true)?;
    let process = proxy.process((client.peer_addr()?, client.local_addr()?));
    let root = process.as_ref().and_then(|process| locked(&proxy.works_for).get(&process.id()).cloned());
    let watch = root.and_then(|root| proxy.watch(&root)).zip(process);
    if let Some((watch, process)) = &watch {
        let fault = watch.meet(&process.caller.function, "mysql:connect");
        before(fault, watch, process).await?;
    }
    let server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    exchange(client, server, watch.as_ref()).await
}

async fn exchange(mut client: TcpStream, mut server: TcpStream, watch: Option<&(Arc<Watch>, Process)>) -> Result<()> {
    let (mut sent, mut is_first, mut is_tls) = (Vec::new(), true, false);
    let mut received = vec![0; 16 << 10];
    loop {
        tokio::select! {
            length = client.read_buf(&mut sent) => if length? == 0 { return Ok(()) },
            length = server.read(&mut received) => match length? {
                0 => return Ok(()),
                length => client.write_all(&received[..length]).await?,
            },
        }
        while let Some(length) = frame(&sent, is_tls) {
            let counts = !is_tls || sent[0] == APPLICATION_DATA;
            let fault = watch
                .filter(|_| counts)
                .and_then(|(watch, process)| watch.meet(&process.caller.function, "mysql:packet"));
            if let Some((watch, process)) = watch {
                before(fault, watch, process).await?;
            }
            server.write_all(&sent[..length]).await?;
            // A first packet of just this length is a request for TLS: it has no user name yet.
            is_tls |= is_first && length == PACKET_HEADER + TLS_REQUEST;
            is_first = false;
            sent.drain(..length);
            if let Some((_, process)) = watch {
                after(fault, &mut server, process).await?;
            }
        }
    }
}

/// The length of the first packet or record; none as long as it is incomplete.
fn frame(bytes: &[u8], is_tls: bool) -> Option<usize> {
    let length = match bytes {
        [_, _, _, high, low, ..] if is_tls => RECORD_HEADER + usize::from(u16::from_be_bytes([*high, *low])),
        [low, middle, high, _, ..] if !is_tls => {
            let [low, middle, high] = [low, middle, high].map(|byte| usize::from(*byte));
            PACKET_HEADER + low + (middle << 8) + (high << 16)
        }
        _ => return None,
    };
    (bytes.len() >= length).then_some(length)
}

/// Applies a fault that happens before the server sees the packet. An error breaks the connection.
async fn before(fault: Option<Kind>, watch: &Watch, process: &Process) -> Result<()> {
    match fault {
        Some(Kind::KilledBefore) => process.kill(),
        Some(Kind::Throttled | Kind::Broken | Kind::Rejected | Kind::Reset) => {}
        Some(Kind::Interrupted(_)) => {
            watch.reached.notify_one();
            watch.resumed.notified().await;
            return Ok(());
        }
        _ => return Ok(()),
    }
    Err(ErrorKind::ConnectionReset.into())
}

/// Applies a fault that happens after the server has answered. An error breaks the connection.
async fn after(fault: Option<Kind>, server: &mut TcpStream, process: &Process) -> Result<()> {
    let (Some(Kind::AnswerLost | Kind::AnswerLate) | Some(Kind::KilledAfter)) = fault else { return Ok(()) };
    // Reading a part is enough: the answer is lost, whatever its length.
    let _length = server.read(&mut [0; 16 << 10]).await?;
    match fault {
        Some(Kind::AnswerLate) => tokio::time::sleep(LATE).await,
        Some(Kind::KilledAfter) => process.kill(),
        _ => {}
    }
    Err(ErrorKind::ConnectionReset.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_records_are_told_apart_by_their_lengths() {
        assert_eq!(frame(&[2, 0, 0, 1, 7, 7, 9], false), Some(6));
        assert_eq!(frame(&[23, 3, 3, 0, 2, 7, 7, 9], true), Some(7));
        assert_eq!(frame(&[23, 3, 3, 0, 2, 7], true), None);
        assert_eq!(frame(&[2, 0, 0], false), None);
    }
}
