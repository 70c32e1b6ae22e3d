//! Connects a function to the environment's MySQL server.
//!
//! Works with MySQL 8 and MariaDB 10.6 or later. If a CA bundle is configured, the connection is encrypted and the
//! server's certificate is checked. Without a CA bundle, no connection is made unless a stack parameter allows plain
//! text.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, SslOpts};
use serde_json::Value;

use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};

const DEFAULT_PORT: u16 = 3306;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The address of a MySQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// A user's credentials: the administrator's, from the secret `<env>-rds-master-credentials`, or a tenant's.
///
/// Its `Debug` text does not contain the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The address of the server.
    pub endpoint: Endpoint,
    username: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("endpoint", &self.endpoint)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Parses the secret's text: a JSON object with `username`, `password`, `host` and optionally `port`. As in the
    /// runbook, `host` may contain the port (`db.example.com:3306`, `[2001:db8::1]:3306`); the field `port` takes
    /// precedence. Other fields are ignored.
    ///
    /// # Errors
    /// `EnvironmentNotReady` with the names of the secret and the field. It never contains a value of the secret.
    pub fn parse(secret: &str, text: &str) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::EnvironmentNotReady, format!("secret {secret}: {what}"));
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            return Err(wrong("is not a JSON object with username, password and host"));
        };
        let field = |name: &str| match fields.get(name) {
            Some(Value::String(value)) if !value.is_empty() => Ok(value.clone()),
            _ => Err(wrong(&format!("has no text field {name}"))),
        };
        let endpoint = parse_endpoint(&field("host")?, fields.get("port"))
            .ok_or_else(|| wrong("host and port do not name a server"))?;
        Ok(Self { endpoint, username: field("username")?, password: field("password")? })
    }

    /// Another user's, at the same server.
    #[must_use]
    pub fn of_user(&self, username: &str, password: &str) -> Self {
        Self { endpoint: self.endpoint.clone(), username: username.to_owned(), password: password.to_owned() }
    }
}

fn parse_endpoint(host: &str, port: Option<&Value>) -> Option<Endpoint> {
    let (host, suffix) = match host.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match host.split_once(':') {
            // More than one colon and no brackets: a bare IPv6 address.
            Some((_, rest)) if rest.contains(':') => (host, None),
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        },
    };
    let port = match port {
        Some(Value::Number(port)) => u16::try_from(port.as_u64()?).ok()?,
        Some(Value::String(port)) => port.parse().ok()?,
        Some(Value::Null) | None => suffix.map_or(Some(DEFAULT_PORT), |port| port.parse().ok())?,
        Some(_) => return None,
    };
    (!host.is_empty() && port > 0).then(|| Endpoint { host: host.to_owned(), port })
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS; the server's certificate must be signed by a CA of the PEM file at this path.
    Tls(PathBuf),
    /// No encryption.
    Plaintext,
}

impl Transport {
    /// The transport that the stack's parameters set: `DATABASE_CA_BUNDLE`, the path of a PEM file, or
    /// `DATABASE_ALLOW_PLAINTEXT` = `true`.
    ///
    /// # Errors
    /// `EnvironmentNotReady` when neither is set.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        match settings.optional("DATABASE_CA_BUNDLE") {
            Some(path) => Ok(Self::Tls(path.into())),
            None if settings.optional("DATABASE_ALLOW_PLAINTEXT") == Some("true") => Ok(Self::Plaintext),
            None => Err(Error::new(
                ErrorKind::EnvironmentNotReady,
                "no CA bundle is configured, and the database is not contacted in plain text: set the stack parameter \
                 DatabaseCaBundle (or, for a test environment, DatabaseAllowPlaintext=true)",
            )),
        }
    }

    fn ssl(&self) -> Option<SslOpts> {
        match self {
            // Amazon's database CAs are not among the public ones, and a certificate of a public CA must not be
            // accepted.
            Self::Tls(bundle) => {
                Some(SslOpts::default().with_root_certs(vec![bundle.clone().into()]).with_disable_built_in_roots(true))
            }
            Self::Plaintext => None,
        }
    }
}

/// A user's connection.
pub struct Connection(Conn);

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// `Transient` when the server cannot be reached, `AccessDenied` when it refuses the credentials.
    pub async fn open(credentials: &Credentials, transport: &Transport) -> Result<Self> {
        let doing = || format!("connecting to the database ({})", credentials.endpoint);
        if let Transport::Tls(bundle) = transport
            && let Err(error) = std::fs::metadata(bundle)
        {
            return Err(Error::new(
                ErrorKind::EnvironmentNotReady,
                format!("CA bundle {} (stack parameter DatabaseCaBundle) cannot be read", bundle.display()),
            )
            .with_source(error));
        }
        let options = OptsBuilder::default()
            .ip_or_hostname(credentials.endpoint.host.clone())
            .tcp_port(credentials.endpoint.port)
            .user(Some(credentials.username.clone()))
            .pass(Some(credentials.password.clone()))
            .prefer_socket(false)
            .ssl_opts(transport.ssl());
        match tokio::time::timeout(CONNECT_TIMEOUT, Conn::new(options)).await {
            Ok(Ok(connection)) => Ok(Self(connection)),
            Ok(Err(error)) => Err(failed(doing(), error, false)),
            Err(_) => Err(Error::new(
                ErrorKind::Transient,
                format!("{}: no answer within {} s", doing(), CONNECT_TIMEOUT.as_secs()),
            )),
        }
    }

    /// Runs a statement. `doing` is text such as "creating database (123456789012_db)".
    ///
    /// # Errors
    /// By the server's error code; see [`Error`].
    pub async fn run(&mut self, doing: &str, statement: &str) -> Result<()> {
        bounded(doing, self.0.query_drop(statement)).await?.map_err(|error| failed(doing, error, false))
    }

    /// Like [`Connection::run`], for a statement that contains a secret: an error does not quote it.
    ///
    /// # Errors
    /// As [`Connection::run`].
    pub async fn run_secret(&mut self, doing: &str, statement: &str) -> Result<()> {
        bounded(doing, self.0.query_drop(statement)).await?.map_err(|error| failed(doing, error, true))
    }

    /// The first row of a query with parameters.
    ///
    /// # Errors
    /// As [`Connection::run`].
    pub async fn first<T>(&mut self, doing: &str, query: &str, parameters: Vec<&str>) -> Result<Option<T>>
    where
        T: mysql_async::prelude::FromRow + Send + 'static,
    {
        bounded(doing, self.0.exec_first(query, parameters)).await?.map_err(|error| failed(doing, error, false))
    }

    /// Every row of a query.
    ///
    /// # Errors
    /// As [`Connection::run`].
    pub async fn all<T>(&mut self, doing: &str, query: &str) -> Result<Vec<T>>
    where
        T: mysql_async::prelude::FromRow + Send + 'static,
    {
        bounded(doing, self.0.query(query)).await?.map_err(|error| failed(doing, error, false))
    }

    /// Runs a statement with parameters. Returns the number of rows that it changed.
    ///
    /// # Errors
    /// As [`Connection::run`].
    pub async fn change(&mut self, doing: &str, statement: &str, parameters: Vec<&str>) -> Result<u64> {
        bounded(doing, self.0.exec_drop(statement, parameters)).await?.map_err(|error| failed(doing, error, false))?;
        Ok(self.0.affected_rows())
    }

    /// Ends the connection in the regular way. Otherwise the server would log an aborted connection.
    pub async fn close(self) {
        // After a statement that timed out, the disconnection would wait for that statement's answer.
        if tokio::time::timeout(CLOSE_TIMEOUT, self.0.disconnect()).await.is_err() {
            tracing::info!("the database did not see the connection off");
        }
    }
}

async fn bounded<T>(doing: &str, call: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(STATEMENT_TIMEOUT, call).await.map_err(|_| {
        Error::new(ErrorKind::Transient, format!("{doing}: no answer within {} s", STATEMENT_TIMEOUT.as_secs()))
    })
}

/// The error for an error code of the server, or of MySQL's client programs (from 2000).
///
/// Source: the MySQL 8 and MariaDB error references.
pub fn kind_of_code(code: u16) -> ErrorKind {
    match code {
        1044 | 1045 | 1142 | 1227 | 1410 => ErrorKind::AccessDenied,
        1040 | 1053 | 1203 | 1205 | 1213 | 1226 | 1290 | 1836 | 3572 => ErrorKind::Transient,
        2002 | 2003 | 2005 | 2006 | 2012 | 2013 => ErrorKind::Transient,
        2026 => ErrorKind::EnvironmentNotReady,
        _ => ErrorKind::Internal,
    }
}

fn failed(doing: impl fmt::Display, error: mysql_async::Error, hides_a_secret: bool) -> Error {
    let kind = match &error {
        mysql_async::Error::Server(server) => kind_of_code(server.code),
        mysql_async::Error::Io(mysql_async::IoError::Tls(_)) => ErrorKind::EnvironmentNotReady,
        // The certificate was not signed by a CA of the bundle.
        mysql_async::Error::Io(mysql_async::IoError::Io(io)) if io.kind() == std::io::ErrorKind::InvalidData => {
            ErrorKind::EnvironmentNotReady
        }
        mysql_async::Error::Io(_) => ErrorKind::Transient,
        mysql_async::Error::Driver(mysql_async::DriverError::ConnectionClosed) => ErrorKind::Transient,
        mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            ErrorKind::EnvironmentNotReady
        }
        _ => ErrorKind::Internal,
    };
    // The server quotes the statement, and may cut it off in the middle of the secret.
    let reason = match &error {
        mysql_async::Error::Server(server) if hides_a_secret => format!("ERROR {} ({})", server.code, server.state),
        _ => error.to_string(),
    };
    Error::new(kind, format!("{doing}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Credentials> {
        Credentials::parse("dev-rds-master-credentials", text)
    }

    #[test]
    fn the_host_may_carry_the_port() {
        for (host, port, expected) in [
            (r#""db.example.com""#, "", "db.example.com:3306"),
            (r#""db.example.com:3307""#, "", "db.example.com:3307"),
            (r#""db.example.com:3307""#, r#", "port": 3308"#, "db.example.com:3308"),
            (r#""db.example.com""#, r#", "port": "3309""#, "db.example.com:3309"),
            (r#""[2001:db8::1]:3310""#, "", "[2001:db8::1]:3310"),
            (r#""2001:db8::1""#, "", "[2001:db8::1]:3306"),
        ] {
            let text = format!(r#"{{"username": "admin", "password": "x", "engine": "mysql", "host": {host}{port}}}"#);
            assert_eq!(parse(&text).unwrap().endpoint.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_secret_is_named_and_never_quoted() {
        for text in [
            r#""hunter2""#,
            "hunter2",
            r#"["hunter2"]"#,
            r#"{"username": "admin", "password": 5, "host": "hunter2"}"#,
            r#"{"username": "admin", "password": "hunter2"}"#,
            r#"{"username": "admin", "password": "hunter2", "host": ""}"#,
            r#"{"username": "admin", "password": "hunter2", "host": "db", "port": 70000}"#,
            r#"{"username": "admin", "password": "hunter2", "host": "[::1", "port": "x"}"#,
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
            assert!(error.chain().contains("dev-rds-master-credentials"));
            assert!(!error.chain().contains("hunter2"), "{}", error.chain());
        }
    }

    #[test]
    fn debug_leaves_the_password_out() {
        let credentials = parse(r#"{"username": "admin", "password": "hunter2", "host": "db"}"#).unwrap();
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    #[test]
    fn an_error_of_a_statement_never_quotes_the_secret_in_it() {
        let error = mysql_async::Error::Server(mysql_async::ServerError {
            code: 1064,
            message: "You have an error near 'IDENTIFIED BY 'hunt' at line 1".to_owned(),
            state: "42000".to_owned(),
        });
        assert_eq!(failed("creating user (a)", error, true).chain(), "creating user (a): ERROR 1064 (42000)");
    }

    #[test]
    fn plain_text_is_refused_unless_the_stack_allows_it() {
        let transport = |pairs: &[(&str, &str)]| {
            let values = pairs
                .iter()
                .chain(&[("ENVIRONMENT", "dev")])
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Transport::from_settings(&Settings::new(values).unwrap())
        };
        assert_eq!(transport(&[]).unwrap_err().kind(), ErrorKind::EnvironmentNotReady);
        assert_eq!(transport(&[("DATABASE_ALLOW_PLAINTEXT", "true")]).unwrap(), Transport::Plaintext);
        let both = [("DATABASE_CA_BUNDLE", "/opt/ca.pem"), ("DATABASE_ALLOW_PLAINTEXT", "true")];
        assert_eq!(transport(&both).unwrap(), Transport::Tls("/opt/ca.pem".into()));
    }
}
