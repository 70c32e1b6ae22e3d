//! The way from one tenant's tasks to the database server, which a test may break and heal.
//!
//! It is a port that forwards to the server. The tenant's secret names it as the database's endpoint, so it carries the
//! connections of that tenant's new tasks, and nobody else's.

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::stack::{Stack, variable};

/// What happens to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// They are forwarded.
    Open,
    /// New connections are refused, and existing ones are reset, as by a server that has ended.
    Refused,
    /// They are lost, those of existing connections too, as if a network had failed or a firewall dropped them.
    BlackHoled,
    /// They arrive, and nobody reads them, as if the server had stopped: it accepts connections, and answers nothing.
    Hung,
}

/// As many connections wait for their acceptance.
const BACKLOG: i32 = 128;
/// A connection on the loopback is answered at once, or never.
const UNANSWERED: Duration = Duration::from_millis(500);

/// A way to the database server. It ends with this value.
pub struct DatabaseRoute {
    address: SocketAddr,
    wanted: watch::Sender<Condition>,
    in_force: watch::Receiver<Condition>,
}

impl DatabaseRoute {
    /// Makes an open way to the server of the first environment.
    ///
    /// # Panics
    /// When no port can be opened.
    pub async fn open() -> Self {
        let server = format!("{}:{}", variable("MYSQL_HOST"), variable("MYSQL_PORT"));
        let address = free_address().expect("a free port");
        let (wanted, asked) = watch::channel(Condition::Open);
        let (came, in_force) = watch::channel(Condition::Refused);
        tokio::spawn(
            async move { serve(address, server, asked, came).await.expect("a port that can be opened again") },
        );
        let route = Self { address, wanted, in_force };
        route.be(Condition::Open).await;
        route
    }

    /// Changes what happens to packets; returns when it is so.
    ///
    /// # Panics
    /// When the port cannot be opened again.
    pub async fn be(&self, condition: Condition) {
        self.wanted.send_replace(condition);
        self.in_force.clone().wait_for(|now| *now == condition).await.expect("the port is served");
    }

    /// Sends a tenant's tasks this way: those that start from now on.
    ///
    /// # Panics
    /// When the secret cannot be changed.
    pub async fn lead(&self, stack: &Stack, tenant: &str) {
        let name = stack.named(&format!("{tenant}-db-credentials"));
        let secret = stack.secrets.get_secret_value().secret_id(&name).send().await.expect("a secret");
        let mut fields: Value = serde_json::from_str(secret.secret_string().expect("a text")).expect("JSON");
        assert!(fields["endpoint"].is_string(), "the secret names the database's endpoint");
        fields["endpoint"] = self.address.to_string().into();
        let put = stack.secrets.put_secret_value().secret_id(name).secret_string(fields.to_string());
        put.send().await.expect("a changed secret");
    }
}

/// A free port of an address that only this process uses, so that nobody else gets the port while it is closed.
fn free_address() -> Result<SocketAddr> {
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 33, high, low);
    std::net::TcpListener::bind(SocketAddrV4::new(address, 0))?.local_addr()
}

fn listen(address: SocketAddr, backlog: i32) -> Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

async fn serve(
    address: SocketAddr,
    server: String,
    mut wanted: watch::Receiver<Condition>,
    in_force: watch::Sender<Condition>,
) -> Result<()> {
    // A server that has hung goes on with the connections in its queue, so its listener stays the same.
    let mut listening = None;
    loop {
        let condition = *wanted.borrow_and_update();
        let before = listening.take();
        // The listener and the connections in its queue last until the next change.
        let (listener, _queue) = match condition {
            Condition::Open | Condition::Hung => {
                (Some(before.map_or_else(|| listen(address, BACKLOG), Ok)?), Vec::new())
            }
            Condition::Refused => {
                drop(before);
                (None, Vec::new())
            }
            Condition::BlackHoled => {
                drop(before);
                let listener = listen(address, 0)?;
                (Some(listener), full_queue(address).await)
            }
        };
        in_force.send_replace(condition);
        loop {
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return Ok(()),
                },
                client = accepted(listener.as_ref(), condition) => {
                    let (client, server, wanted) = (client?, server.clone(), wanted.clone());
                    tokio::spawn(async move { forward(client, &server, wanted).await.ok() });
                }
            }
        }
        if matches!(condition, Condition::Open | Condition::Hung) {
            listening = listener;
        }
    }
}

/// The next connection. Only an open way accepts any.
async fn accepted(listener: Option<&TcpListener>, condition: Condition) -> Result<TcpStream> {
    match listener {
        Some(listener) if condition == Condition::Open => Ok(listener.accept().await?.0),
        _ => std::future::pending().await,
    }
}

/// Connections that nobody accepts, as many as find room. The kernel then drops the first packet of any other.
async fn full_queue(address: SocketAddr) -> Vec<TcpStream> {
    let mut queue = Vec::new();
    while let Ok(Ok(connection)) = timeout(UNANSWERED, TcpStream::connect(address)).await {
        queue.push(connection);
        assert!(queue.len() < 16, "{address} answers though its queue has one place");
    }
    queue
}

async fn forward(mut client: TcpStream, server: &str, mut condition: watch::Receiver<Condition>) -> Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let is_reset = {
        let (there, back) = (condition.clone(), condition.clone());
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            _ = condition.wait_for(|now| *now == Condition::Refused) => true,
            ended = async { tokio::try_join!(pump(from_client, to_server, there), pump(from_server, to_client, back)) } => {
                ended?;
                false
            }
        }
    };
    if is_reset {
        // Closing a socket without lingering resets its connection.
        SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// Forwards one direction. What arrives while packets are lost is forwarded later, as TCP sends it again; and what
/// arrives while the server hangs, since the server reads it later.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut condition: watch::Receiver<Condition>) -> Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut bytes).await?;
        if condition.wait_for(|now| !matches!(now, Condition::BlackHoled | Condition::Hung)).await.is_err() {
            return Ok(());
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..length]).await?;
    }
}
