//! The proxy in front of AWS.

use std::io::{ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::message::Message;
use super::operation::{access_key, operation, service};
use super::process::{Ends, Process};
use super::watch::{Kind, Watch};
use super::{Proxy, locked, refusal};

/// Later than the 10 s after which the functions' clients give up an attempt.
const LATE: Duration = Duration::from_secs(11);

/// Accepts connections and forwards their requests to `gateway`.
pub(super) async fn serve(proxy: &Arc<Proxy>, listener: TcpListener, gateway: String) {
    while let Ok((client, _)) = listener.accept().await {
        let (proxy, gateway) = (proxy.clone(), gateway.clone());
        // Ignore a broken connection: the caller notices it and retries.
        tokio::spawn(async move { connection(&proxy, client, &gateway).await.ok() });
    }
}

async fn connection(proxy: &Proxy, mut client: TcpStream, gateway: &str) -> Result<()> {
    client.set_nodelay(true)?;
    let ends = (client.peer_addr()?, client.local_addr()?);
    let mut server = TcpStream::connect(gateway).await?;
    server.set_nodelay(true)?;
    while let Some(request) = Message::request(&mut client).await? {
        let answer = call(proxy, ends, &request, &mut server).await?;
        client.write_all(answer.bytes()).await?;
    }
    Ok(())
}

/// Returns the answer to a call. An error breaks the connection.
async fn call(proxy: &Proxy, ends: Ends, request: &Message, server: &mut TcpStream) -> Result<Message> {
    let begin = Instant::now();
    let delay = proxy.delay.load(Ordering::Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let head = request.request_head()?;
    let operation = operation(request, &head);
    let Some(caller) = proxy.caller(&access_key(&head), ends) else { return hand_on(request, server).await };
    proxy.record.note(&caller.function, &operation);
    let service = service(&head);
    if !locked(&proxy.rates).allow(&caller.environment, &operation, Instant::now()) {
        proxy.throttled.fetch_add(1, Ordering::Relaxed);
        return Ok(refusal::throttled(&service));
    }
    let root = head.header("x-amzn-trace-id").and_then(|header| header.split(';').next()).unwrap_or_default();
    // Every function makes this call before it connects to the database. A connection to MySQL has no trace header, so
    // remember here which trace the process works for.
    if operation == "secretsmanager:GetSecretValue"
        && let Some(process) = proxy.process(ends)
    {
        locked(&proxy.works_for).insert(process.id(), root.to_owned());
    }
    let Some(watch) = proxy.watch(root) else { return hand_on(request, server).await };
    if operation == "secretsmanager:CreateSecret" {
        watch.keep_secret(request);
    }
    match watch.meet(&caller.function, &operation) {
        Some(Kind::Throttled) => Ok(refusal::throttled(&service)),
        Some(Kind::Broken) => Ok(refusal::broken(&service)),
        Some(Kind::Rejected) => Ok(refusal::rejected(&service)),
        Some(Kind::Reset) => Err(ErrorKind::ConnectionReset.into()),
        Some(Kind::KilledBefore) => {
            Process::at(ends).inspect(Process::kill);
            Err(ErrorKind::ConnectionReset.into())
        }
        Some(Kind::Interrupted(_)) => {
            watch.reached.notify_one();
            watch.resumed.notified().await;
            hand_on(request, server).await
        }
        after => {
            let answer = hand_on(request, server).await?;
            watch.took(&caller.function, &operation, begin);
            answered(after, &watch, ends, request, answer).await
        }
    }
}

/// Applies a fault that happens after the call has had its effect.
async fn answered(
    fault: Option<Kind>,
    watch: &Watch,
    ends: Ends,
    request: &Message,
    answer: Message,
) -> Result<Message> {
    let earlier = watch.earlier_answer(request, &answer);
    match fault {
        Some(Kind::AnswerLost) => Err(ErrorKind::ConnectionReset.into()),
        Some(Kind::AnswerLate) => {
            tokio::time::sleep(LATE).await;
            Ok(answer)
        }
        Some(Kind::KilledAfter) => {
            Process::at(ends).inspect(Process::kill);
            Err(ErrorKind::ConnectionReset.into())
        }
        Some(Kind::Stale) => Ok(earlier.unwrap_or(answer)),
        _ => Ok(answer),
    }
}

async fn hand_on(request: &Message, server: &mut TcpStream) -> Result<Message> {
    server.write_all(request.bytes()).await?;
    Message::answer(server).await?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
}
