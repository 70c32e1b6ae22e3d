//! A server of the Lambda Runtime API, which a function polls, for one function at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::SockRef;

/// Longest wait for a function's request or answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running function's process.
pub(crate) struct Process {
    child: Child,
    listener: TcpListener,
    waiting: Option<TcpStream>,
    /// Time from the start of the process to its first poll.
    pub(crate) cold_start: Duration,
}

/// Resident memory of a process, in MiB: its own, and what it has read from its files.
pub(crate) fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).expect("a number").parse::<f64>().expect("a number") / 1024.0
}

impl Process {
    /// Starts a function and waits until it asks for an event.
    pub(crate) fn start(command: &mut Command, variables: &[(String, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        // On Linux, the read timeout of a listening socket limits `accept` as well.
        SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let address = listener.local_addr().expect("an address").to_string();
        command.env_clear().envs(variables.iter().cloned()).env("AWS_LAMBDA_RUNTIME_API", address);
        command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        let begin = Instant::now();
        let child = command.spawn().expect("a function");
        let (waiting, _) = listener.accept().expect("a poll in time");
        let (head, _) = request(&waiting);
        let cold_start = begin.elapsed();
        assert!(head.contains("/invocation/next"), "{head}");
        Self { child, listener, waiting: Some(waiting), cold_start }
    }

    /// Its memory in MiB.
    pub(crate) fn memory(&self) -> f64 {
        resident(self.child.id())
    }

    /// Sends it an event, and waits for its answer, whether result or error.
    pub(crate) fn invoke(&mut self, event: &Value) {
        let body = event.to_string();
        let deadline = std::time::SystemTime::now() + PATIENCE;
        let deadline = deadline.duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
        let mut waiting = self.waiting.take().expect("a poll");
        write!(
            waiting,
            "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: bench\r\nlambda-runtime-deadline-ms: {deadline}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:000000000000:function:bench\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("an event");
        drop(waiting);
        // The answer and the next poll each come on a new connection.
        loop {
            let (mut stream, _) = self.listener.accept().expect("an answer in time");
            let (head, _) = request(&stream);
            if head.contains("/invocation/next") {
                self.waiting = Some(stream);
                return;
            }
            let acknowledgement = "HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(acknowledgement.as_bytes()).expect("an acknowledgement");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// First line and body of a request. Both are empty if the connection has ended.
fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or_default() == 0 {
            return (String::new(), Vec::new());
        }
        let lower = line.trim().to_ascii_lowercase();
        if lower.is_empty() {
            break;
        }
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        chunked |= lower.starts_with("transfer-encoding: chunked");
        if first.is_empty() {
            first = line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok();
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size).expect("a chunk");
        let size = usize::from_str_radix(size.trim(), 16).expect("a size");
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).expect("a chunk");
        chunked = size > 0;
    }
    (first, body)
}
