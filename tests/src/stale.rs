//! A proxy that gives one outdated answer, as AWS's lists may for a while after a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::stack::variable;

/// A proxy in front of the emulator.
pub struct Stale {
    /// Where functions are to call AWS.
    pub endpoint: String,
    answered: Arc<AtomicBool>,
}

impl Stale {
    /// Starts a proxy that answers the first request whose first line contains `request` with the JSON `answer`, and
    /// forwards everything else. It ends with the test's runtime.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(request: &'static str, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let answered = Arc::new(AtomicBool::new(false));
        let stale = Self { endpoint, answered: answered.clone() };
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, request, answer, answered.clone()));
            }
        });
        stale
    }

    /// Whether the outdated answer has been given.
    pub fn has_answered(&self) -> bool {
        self.answered.load(Ordering::SeqCst)
    }
}

async fn serve(mut client: TcpStream, request: &str, answer: &str, answered: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut begun = vec![0; 16 << 10];
    let length = client.read(&mut begun).await?;
    begun.truncate(length);
    let first_line = String::from_utf8_lossy(&begun);
    let first_line = first_line.lines().next().unwrap_or_default();
    if first_line.contains(request) && !answered.swap(true, Ordering::SeqCst) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", answer.len());
        return client.write_all(format!("{head}\r\nConnection: close\r\n\r\n{answer}").as_bytes()).await;
    }
    let gateway = variable("AWS_ENDPOINT_URL");
    let mut server = TcpStream::connect(gateway.trim_start_matches("http://")).await?;
    server.write_all(&begun).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
