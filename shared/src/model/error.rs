//! The errors of functions. Their names are an interface: state machines, people and alarms use them, so the list is
//! closed.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_runtime::Diagnostic;

/// Maximum number of characters of an error's message in Step Functions. A message may quote what a person wrote, and
/// Step Functions passes at most 256 KiB from state to state, in which a dozen of them must fit.
const LONGEST_MESSAGE: usize = 4_000;

/// The result of a function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Declares [`ErrorKind`]: each error's variant is its name.
macro_rules! error_kinds {
    ($($(#[$doc:meta])* $kind:ident,)+) => {
        /// The closed list of error names. Only [`ErrorKind::Throttled`] and [`ErrorKind::Transient`] are worth a
        /// retry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)+
        }

        impl ErrorKind {
            /// Every error.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The error's name in Step Functions.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)+
                }
            }
        }
    };
}

error_kinds! {
    /// The input is wrong; nothing was touched.
    InvalidRequest,
    /// The input is meant for another environment; nothing was touched.
    WrongEnvironment,
    /// The function runs in another AWS account than the environment's; nothing was touched.
    WrongAccount,
    /// Something that the environment must offer is missing or ambiguous; nothing was touched.
    EnvironmentNotReady,
    /// The tenant id is taken.
    TenantAlreadyExists,
    /// There is no such tenant.
    TenantNotFound,
    /// A resource of that name exists and has another owner.
    ResourceConflict,
    /// An AWS quota is used up.
    QuotaExceeded,
    /// The service did not reach a steady state.
    DeploymentFailed,
    /// The deletion checklist has open items; nothing was touched.
    ChecklistIncomplete,
    /// The typed confirmation is not the tenant id; nothing was touched.
    ConfirmationMismatch,
    /// A resource of the tenant remains after a teardown.
    TeardownIncomplete,
    /// AWS or MySQL denied access.
    AccessDenied,
    /// AWS limits the rate of calls and will accept this one later. It is worth many retries: nothing is wrong, and
    /// this happens whenever many tenants are provisioned at the same time.
    Throttled,
    /// A retry may succeed: a broken connection, a fault of the service.
    Transient,
    /// Any other error: a bug, or an unexpected answer.
    Internal,
}

impl ErrorKind {
    /// Whether a retry may succeed.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient)
    }

    /// The error for an AWS error code, for any service.
    ///
    /// Source of the codes: the services' API references, "Common errors", and the AWS SDKs' list of
    /// throttling codes.
    pub fn of_aws_code(code: &str) -> Option<Self> {
        match code {
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "NotAuthorized"
            | "UnauthorizedOperation"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId" => Some(Self::AccessDenied),
            "TooManyRules"
            | "TooManyTargetGroups"
            | "TooManyTargets"
            | "TooManyUniqueTargetGroupsPerLoadBalancer"
            | "AccessPointLimitExceeded"
            | "LimitExceeded"
            | "LimitExceededException" => Some(Self::QuotaExceeded),
            "RegionDisabledException" => Some(Self::EnvironmentNotReady),
            "BandwidthLimitExceeded"
            | "EC2ThrottledException"
            | "PriorRequestNotComplete"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "SlowDown"
            | "Throttling"
            | "ThrottledException"
            | "ThrottlingException"
            | "TooManyRequestsException" => Some(Self::Throttled),
            "ConcurrentModification"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InternalFailure"
            | "InternalServerError"
            | "IncorrectFileSystemLifeCycleState"
            | "InternalServiceError"
            | "OperationAbortedException"
            | "RequestExpired"
            | "ServerException"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => Some(Self::Transient),
            _ => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An error: its name, what was being done with which resource, and the cause.
///
/// The display text does not contain the cause; [`Error::chain`] does.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of the given kind. The message says what was wrong, with which value, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Something that the environment must offer is missing or ambiguous.
    pub fn not_ready(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::EnvironmentNotReady, message)
    }

    /// A bug in this project, or an unexpected answer of AWS.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// An AWS call that failed. `doing` reads "creating secret (dev-123456789012-db-credentials)".
    pub fn aws<E>(doing: impl Into<String>, error: SdkError<E, Response>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let kind = kind_of(&error);
        let doing = doing.into();
        let message = match (error.code(), error.message()) {
            (Some(code), Some(text)) => format!("{doing}: {code}: {text}"),
            (Some(code), None) => format!("{doing}: {code}"),
            _ => return Self::new(kind, doing).with_source(error),
        };
        Self::new(kind, message)
    }

    /// The error's name.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message and every cause behind it, outermost first.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut next = StdError::source(self);
        while let Some(error) = next {
            let cause = error.to_string();
            if !text.ends_with(&cause) {
                text = format!("{text}: {cause}");
            }
            next = error.source();
        }
        text
    }
}

fn kind_of<E: ProvideErrorMetadata>(error: &SdkError<E, Response>) -> ErrorKind {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => ErrorKind::Transient,
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            service.err().code().and_then(ErrorKind::of_aws_code).unwrap_or(match status {
                429 => ErrorKind::Throttled,
                500.. => ErrorKind::Transient,
                _ => ErrorKind::Internal,
            })
        }
        _ => ErrorKind::Internal,
    }
}

impl From<Error> for Diagnostic {
    /// The message is cut to 4,000 characters. The log has the whole one.
    fn from(error: Error) -> Self {
        let mut message = error.chain();
        if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self { error_type: error.kind.name().to_owned(), error_message: message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_every_cause_once() {
        let inner = Error::new(ErrorKind::Transient, "connection reset");
        let outer = Error::internal("reading secret (a)").with_source(inner);
        assert_eq!(outer.to_string(), "reading secret (a)");
        assert_eq!(outer.chain(), "reading secret (a): connection reset");
    }

    #[test]
    fn a_diagnostic_has_the_errors_name() {
        let diagnostic = Diagnostic::from(Error::new(ErrorKind::QuotaExceeded, "full"));
        assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message.as_str()), ("QuotaExceeded", "full"));
    }

    #[test]
    fn a_message_that_quotes_a_long_text_is_cut() {
        let diagnostic = Diagnostic::from(Error::internal("é".repeat(100_000)));
        assert_eq!(diagnostic.error_message, format!("{}…", "é".repeat(LONGEST_MESSAGE)));
        let diagnostic = Diagnostic::from(Error::internal("é".repeat(LONGEST_MESSAGE)));
        assert_eq!(diagnostic.error_message, "é".repeat(LONGEST_MESSAGE));
    }

    #[test]
    fn throttling_and_faults_may_pass_and_a_refusal_does_not() {
        assert_eq!(ErrorKind::of_aws_code("ThrottlingException"), Some(ErrorKind::Throttled));
        assert_eq!(ErrorKind::of_aws_code("InternalFailure"), Some(ErrorKind::Transient));
        assert!(ErrorKind::Throttled.is_passing() && ErrorKind::Transient.is_passing());
        assert!(!ErrorKind::AccessDenied.is_passing());
        assert_eq!(ErrorKind::of_aws_code("AccessDeniedException"), Some(ErrorKind::AccessDenied));
        assert_eq!(ErrorKind::of_aws_code("TooManyRules"), Some(ErrorKind::QuotaExceeded));
        assert_eq!(ErrorKind::of_aws_code("TooManyTargets"), Some(ErrorKind::QuotaExceeded));
        // IAM, whose codes have no "Exception" at their end.
        assert_eq!(ErrorKind::of_aws_code("LimitExceeded"), Some(ErrorKind::QuotaExceeded));
        assert_eq!(ErrorKind::of_aws_code("ConcurrentModification"), Some(ErrorKind::Transient));
        // EFS: the file system is being created or updated.
        assert_eq!(ErrorKind::of_aws_code("IncorrectFileSystemLifeCycleState"), Some(ErrorKind::Transient));
        assert_eq!(ErrorKind::of_aws_code("ClientException"), None);
    }
}
