//! How a function connects to AWS: with the SDK's own client, over encrypted and verified connections.
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use aws_sdk_efs::config::{Credentials, Region, SharedCredentialsProvider};
use aws_sdk_efs::error::DisplayErrorContext;

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"FileSystems\": []}";
const NO_ANSWER: &str = "";

/// A server that accepts one connection after the other, and sends these answers on each before it closes it.
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

/// An HTTPS server on this machine with a self-signed certificate, and its port.
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

/// Makes two calls to AWS at this address. Returns the first error.
async fn call_twice(url: &str) -> Result<(), String> {
    let config = shared::aws::from_process()
        .into_builder()
        .endpoint_url(url)
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .build();
    let client = aws_sdk_efs::Client::new(&config);
    for _ in 0..2 {
        let answer = client.describe_file_systems().send().await;
        answer.map_err(|error| DisplayErrorContext(error).to_string())?;
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_serves_one_call_after_the_other() {
    call_twice(&format!("http://{}", server(&[&[ANSWER, ANSWER]]))).await.unwrap();
}

#[tokio::test]
async fn a_call_that_got_no_answer_is_tried_again() {
    call_twice(&format!("http://{}", server(&[&[NO_ANSWER], &[ANSWER], &[ANSWER]]))).await.unwrap();
}

#[tokio::test]
async fn an_https_address_is_never_called_in_plain_text() {
    let error = call_twice(&format!("https://{}", server(&[&[ANSWER], &[ANSWER], &[ANSWER], &[ANSWER]]))).await;
    assert!(error.as_ref().is_err_and(|error| error.contains("InvalidContentType")), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a server and an environment variable: the next test has them"]
async fn gets_an_answer_that_is_none_of_aws() {
    let error = call_twice(&env::var("URL").unwrap()).await.unwrap_err();
    assert!(error.contains("StatusCode(200)"), "{error}");
}

#[tokio::test]
async fn only_servers_with_a_certificate_of_a_trusted_authority_are_called() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("https");
    std::fs::create_dir_all(&directory).unwrap();
    let (mut server, port) = https_server(&directory);
    let url = format!("https://localhost:{port}");

    let refused = call_twice(&url).await;
    let mut trusting = Command::new(env::current_exe().unwrap());
    trusting.args(["--exact", "gets_an_answer_that_is_none_of_aws", "--ignored"]).env("URL", url);
    let trusting = trusting.env("SSL_CERT_FILE", directory.join("certificate.pem")).output().unwrap();

    server.kill().and_then(|()| server.wait()).unwrap();
    assert!(refused.as_ref().is_err_and(|error| error.contains("UnknownIssuer")), "{refused:?}");
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stdout));
}
