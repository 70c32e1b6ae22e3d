//! At the lowest log level, a function's log says what the AWS SDK does, and contains no secret.
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

/// The function's secret access key and its session token.
const KEY: &str = "sdlkfjwoeirulskdjfoi";

/// The result of an invocation.
struct Invoked {
    /// The function's requests to AWS.
    asked: Vec<String>,
    /// The function's answer or error.
    answer: String,
    log: String,
}

/// Starts a function, sends it its sample event, and answers its calls to AWS with these answers, in this order.
fn invoke(function: &str, program: &str, answers: &'static [(u16, &'static str)]) -> Invoked {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let lambda = TcpListener::bind("127.0.0.1:0").unwrap();
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{function}.log"));
    let file = File::create(&log).unwrap();
    let mut process = Command::new(program)
        .env_clear()
        .envs([("ENVIRONMENT", "dev"), ("DATABASE_MAX_USER_CONNECTIONS", "40"), ("DATABASE_ALLOW_PLAINTEXT", "true")])
        .envs([("AWS_LAMBDA_FUNCTION_NAME", function), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")])
        .envs([("AWS_LAMBDA_FUNCTION_VERSION", "1"), ("AWS_LAMBDA_LOG_LEVEL", "TRACE")])
        .envs([("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKIA")])
        .envs([("AWS_SECRET_ACCESS_KEY", KEY), ("AWS_SESSION_TOKEN", KEY)])
        .env("AWS_ENDPOINT_URL", format!("http://{}", aws.local_addr().unwrap()))
        .env("AWS_LAMBDA_RUNTIME_API", lambda.local_addr().unwrap().to_string())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();

    let (asking, asked) = mpsc::channel();
    thread::spawn(move || {
        for (status, answer) in answers {
            let (mut call, _) = aws.accept().unwrap();
            asking.send(request(&mut call)).unwrap();
            respond(&mut call, *status, "", answer);
        }
    });
    let event = fs::read_to_string(format!("../events/{function}.json")).unwrap();
    let headers = "lambda-runtime-aws-request-id: 1\r\nlambda-runtime-deadline-ms: 4102444800000\r\n";
    let (mut poll, _) = lambda.accept().unwrap();
    request(&mut poll);
    respond(&mut poll, 200, headers, &event);
    let (mut answering, _) = lambda.accept().unwrap();
    let answer = request(&mut answering);
    process.kill().and_then(|()| process.wait()).unwrap();
    Invoked { asked: asked.try_iter().collect(), answer, log: fs::read_to_string(log).unwrap() }
}

/// Reads a whole request, or the part that was sent when the function drops the call.
fn request(stream: &mut TcpStream) -> String {
    let (mut text, mut part) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut part).unwrap();
        text.push_str(std::str::from_utf8(&part[..length]).unwrap());
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let expected = headers.find_map(|(name, value)| name.eq_ignore_ascii_case("content-length").then_some(value));
        let is_whole = match expected {
            Some(length) => body.len() == length.parse::<usize>().unwrap(),
            None => head.starts_with("GET ") || body.ends_with("0\r\n\r\n"),
        };
        if is_whole || length == 0 {
            return text;
        }
    }
}

fn respond(stream: &mut TcpStream, status: u16, headers: &str, body: &str) {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} -\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
}

fn assert_has_lines_of_the_sdk_and_no(secret: &str, log: &str) {
    assert!(log.contains("DEBUG") && log.contains("beginning attempt #1"), "{log}");
    for secret in [secret, KEY] {
        assert!(!log.contains(secret), "{secret}: {log}");
        // `Debug` may write a text as numbers of bytes.
        let numbers: Vec<_> = secret.bytes().map(|byte| byte.to_string()).collect();
        assert!(!log.contains(&numbers.join(", ")), "{secret}: {log}");
    }
}

#[test]
fn a_password_that_goes_to_secrets_manager_is_in_no_line() {
    let answers = &[(500, "{}"), (200, r#"{"ARN": "arn", "Name": "secret"}"#)];
    let Invoked { asked, answer, log } = invoke("create-secret", env!("CARGO_BIN_EXE_create-secret"), answers);
    assert!(answer.contains("secret_arn"), "{answer}");
    let (_, body) = asked[0].split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let secret: Value = serde_json::from_str(body["SecretString"].as_str().unwrap()).unwrap();
    assert_has_lines_of_the_sdk_and_no(secret["password"].as_str().unwrap(), &log);
}

#[test]
fn a_password_in_an_answer_that_cannot_be_read_is_in_no_line() {
    let cut_off = r#"{"Name": "secret", "SecretString": "{\"password\": \"hunter2"#;
    let answers: &[_] = Box::leak(vec![(200, cut_off); 2].into_boxed_slice());
    let Invoked { answer, log, .. } = invoke("create-database", env!("CARGO_BIN_EXE_create-database"), answers);
    assert!(answer.contains("reading secret") && !answer.contains("hunter2"), "{answer}");
    assert_has_lines_of_the_sdk_and_no("hunter2", &log);
}
