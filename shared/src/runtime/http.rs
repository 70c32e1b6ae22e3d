//! The HTTP client of the AWS clients, over HTTP/1.1, which every API of AWS speaks.
//!
//! The SDK's own is made of the same parts, hyper's pool of connections and rustls, and of HTTP/2 and proxies, of which
//! there is no use here: they are a tenth of a function.

use std::error::Error as Cause;
use std::io;
use std::iter::successors;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, HttpConnector as Tcp, capture_connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Of TCP, for all addresses of a name together. Names and TLS have the time of the attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

type Pool = Client<HttpsConnector<Tcp>, SdkBody>;

/// A client that keeps its connections, and that trusts the certificate authorities of the system.
///
/// Where the system has none, every call fails and says so. Of a client's timeouts, those of attempts and operations
/// hold.
pub fn client() -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Pooled(pool().map_err(|error| error.to_string())));
    http_client_fn(move |_, _| connector.clone())
}

fn pool() -> io::Result<Pool> {
    let mut tcp = Tcp::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let https = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https))
}

#[derive(Debug)]
struct Pooled(Result<Pool, String>);

impl HttpConnector for Pooled {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let pool = match &self.0 {
            Ok(pool) => pool.clone(),
            Err(without) => return HttpConnectorFuture::ready(Err(ConnectorError::user(without.clone().into()))),
        };
        HttpConnectorFuture::new(async move {
            let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let connection = capture_connection(&mut request);
            if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
                capture.set_connection_retriever(move || metadata(&connection));
            }
            let response = pool.request(request).await.map_err(connector_error)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// By it the SDK keeps a connection to a server that is not well out of the pool.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    let connection = connection.clone();
    let is_connected = connection.connection_metadata().is_some();
    let poison = move || connection.connection_metadata().iter().for_each(Connected::poison);
    is_connected.then(|| ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

/// What the SDK makes of an error: it tries again what may have been the network, and nothing else.
fn connector_error(error: Error) -> ConnectorError {
    let causes = || successors(Some(&error as &(dyn Cause + 'static)), |&cause| cause.source());
    let of_http = causes().find_map(|cause| cause.downcast_ref::<hyper::Error>());
    if of_http.is_some_and(hyper::Error::is_user) {
        return ConnectorError::user(error.into());
    }
    let is_cut_off = of_http.is_some_and(|cut| cut.is_closed() || cut.is_canceled() || cut.is_incomplete_message());
    if error.is_connect() || is_cut_off || causes().any(|cause| cause.is::<io::Error>()) {
        return ConnectorError::io(error.into());
    }
    ConnectorError::other(error.into(), None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

    use std::env;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::thread;

    use aws_smithy_types::byte_stream::ByteStream;

    use super::*;

    const YES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes";

    /// Takes one connection after the other, and on each gives one answer after the other before it closes.
    fn server(connections: &'static [&'static [&'static str]]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answers in connections {
                let (mut connection, _) = listener.accept().unwrap();
                for answer in *answers {
                    assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
                    connection.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        address.to_string()
    }

    /// A server of HTTPS on this machine, with a certificate that it made for itself, and its port.
    fn https_server(directory: &Path) -> (Child, u16) {
        let openssl = |arguments: &str| {
            let mut openssl = Command::new("openssl");
            openssl.current_dir(directory).args(arguments.split(' ')).stdin(Stdio::null()).stderr(Stdio::null());
            openssl
        };
        let certificate = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=nobody-knows-it \
                           -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
                           -keyout key.pem -out certificate.pem";
        assert!(openssl(certificate).status().unwrap().success());
        let mut server = openssl("s_server -www -accept 0 -cert certificate.pem -key key.pem");
        let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = said.find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok()).unwrap();
        (server, port)
    }

    async fn get(connector: &Pooled, url: String) -> Result<String, ConnectorError> {
        let mut request = HttpRequest::empty();
        request.set_uri(url).unwrap();
        let response = connector.call(request).await?;
        let body = ByteStream::new(response.into_body()).collect().await.unwrap();
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    async fn error_of(url: String) -> ConnectorError {
        get(&Pooled(Ok(pool().unwrap())), url).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_connection_serves_one_call_after_the_other() {
        let (address, connector) = (server(&[&[YES, YES]]), Pooled(Ok(pool().unwrap())));
        for _ in 0..2 {
            assert_eq!(get(&connector, format!("http://{address}/")).await.unwrap(), "yes");
        }
    }

    #[tokio::test]
    async fn what_may_have_been_the_network_is_tried_again() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for url in [format!("http://{nobody}/"), format!("http://{}/", server(&[&[""]]))] {
            assert!(error_of(url).await.is_io());
        }
    }

    #[tokio::test]
    async fn what_is_no_http_is_not_tried_again() {
        let error = error_of(format!("http://{}/", server(&[&["220 mail.example.com ESMTP\r\n"]]))).await;
        assert!(!error.is_io() && !error.is_timeout(), "{error:?}");
    }

    #[tokio::test]
    async fn https_is_never_spoken_in_plain_text() {
        let error = error_of(format!("https://{}/", server(&[&[YES]]))).await;
        assert!(format!("{error:?}").contains("InvalidContentType"), "{error:?}");
    }

    #[tokio::test]
    #[ignore = "needs a server and an environment variable: the next test has them"]
    async fn speaks_to_whom_it_trusts() {
        let answer = get(&Pooled(Ok(pool().unwrap())), env::var("URL").unwrap()).await.unwrap();
        assert!(answer.contains("TLSv1.3"), "{answer}");
    }

    #[tokio::test]
    async fn only_whom_the_systems_authorities_vouch_for_is_spoken_to() {
        let directory = env::temp_dir().join(format!("https-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (mut server, port) = https_server(&directory);
        let url = format!("https://localhost:{port}/");

        let refused = error_of(url.clone()).await;
        let mut trusting = Command::new(env::current_exe().unwrap());
        trusting.args(["--exact", "runtime::http::tests::speaks_to_whom_it_trusts", "--ignored"]);
        let trusting =
            trusting.env("URL", url).env("SSL_CERT_FILE", directory.join("certificate.pem")).output().unwrap();

        server.kill().and_then(|()| server.wait()).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
        assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stdout));
    }

    #[tokio::test]
    async fn without_certificate_authorities_every_call_says_so() {
        let error = get(&Pooled(Err("no certificates".into())), "http://localhost/".into()).await.unwrap_err();
        assert!(error.is_user() && format!("{error:?}").contains("no certificates"));
    }
}
