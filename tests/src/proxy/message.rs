//! Raw HTTP messages: as much of HTTP/1.1 as the SDK and the emulator use.

use std::io::{Error, ErrorKind, Result};

use httparse::{EMPTY_HEADER, Header, Status};
use tokio::io::{AsyncRead, AsyncReadExt};

const HEADERS: usize = 64;

/// The unchanged bytes of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    bytes: Vec<u8>,
    head: usize,
}

/// A request's first line and headers.
pub(super) struct RequestHead<'a> {
    /// The method.
    pub(super) method: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
    headers: Vec<Header<'a>>,
}

impl RequestHead<'_> {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl Message {
    /// Reads a request; returns none when the connection is closed.
    pub(super) async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Self>> {
        Self::read(stream, |bytes| {
            let mut headers = [EMPTY_HEADER; HEADERS];
            let mut request = httparse::Request::new(&mut headers);
            Ok(match request.parse(bytes).map_err(Error::other)? {
                Status::Complete(head) => Some((head, length(request.headers)?)),
                Status::Partial => None,
            })
        })
        .await
    }

    /// Reads an answer; returns none when the connection is closed.
    pub(super) async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Self>> {
        Self::read(stream, |bytes| {
            let mut headers = [EMPTY_HEADER; HEADERS];
            let mut answer = httparse::Response::new(&mut headers);
            Ok(match answer.parse(bytes).map_err(Error::other)? {
                Status::Complete(head) => Some((head, length(answer.headers)?)),
                Status::Partial => None,
            })
        })
        .await
    }

    async fn read(
        stream: &mut (impl AsyncRead + Unpin),
        parse: impl Fn(&[u8]) -> Result<Option<(usize, usize)>>,
    ) -> Result<Option<Self>> {
        let mut bytes = Vec::new();
        let (head, length) = loop {
            if stream.read_buf(&mut bytes).await? == 0 {
                return if bytes.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            if let Some(found) = parse(&bytes)? {
                break found;
            }
        };
        while bytes.len() < head + length {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(Self { bytes, head }))
    }

    /// Makes an answer from a status line, header lines and a body.
    pub(super) fn of(status: &str, headers: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        Self { bytes: (head.clone() + body).into_bytes(), head: head.len() }
    }

    /// The whole message.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// The first line and headers of a request.
    pub(super) fn request_head(&self) -> Result<RequestHead<'_>> {
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&self.bytes).map_err(Error::other)?;
        let headers = request.headers.to_vec();
        Ok(RequestHead {
            method: request.method.unwrap_or_default(),
            target: request.path.unwrap_or_default(),
            headers,
        })
    }
}

fn find<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a str> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()
}

/// The length of the body.
fn length(headers: &[Header<'_>]) -> Result<usize> {
    if let Some(encoding) = find(headers, "transfer-encoding") {
        return Err(Error::other(format!("transfer encoding {encoding} is not supported")));
    }
    find(headers, "content-length").map_or(Ok(0), |length| length.trim().parse().map_err(Error::other))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

    use super::*;

    #[tokio::test]
    async fn a_request_is_read_unchanged_and_the_end_of_the_connection_gives_none() {
        let text = "POST /a HTTP/1.1\r\nX-Amz-Target: S.Op\r\ncontent-length: 2\r\n\r\nhi";
        let mut connection = text.as_bytes();
        let message = Message::request(&mut connection).await.unwrap().unwrap();
        assert_eq!((message.body(), message.bytes()), (b"hi".as_slice(), text.as_bytes()));
        let head = message.request_head().unwrap();
        assert_eq!((head.method, head.target, head.header("x-amz-target")), ("POST", "/a", Some("S.Op")));
        assert_eq!(Message::request(&mut connection).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_incomplete_message_is_an_error() {
        let mut connection = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi".as_bytes();
        assert_eq!(Message::answer(&mut connection).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn an_answer_that_the_proxy_makes_can_be_read() {
        let answer = Message::of("400 Bad Request", "x: y\r\n", "{}");
        let mut connection = answer.bytes();
        assert_eq!(Message::answer(&mut connection).await.unwrap().unwrap(), answer);
    }
}
