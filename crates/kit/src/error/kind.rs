use tonic::Code;

/// What went wrong, from the caller's point of view. Closed: every kind has one gRPC code, one HTTP
/// status, one answer to "may I try again" and one log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request can never succeed as it is.
    InvalidArgument,
    /// No credential, or a wrong one.
    Unauthenticated,
    /// A known caller that may not do this.
    PermissionDenied,
    /// No such thing in this project.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// Not in this state; the reason tells which.
    FailedPrecondition,
    /// Somebody else was faster: read again, then try again.
    Aborted,
    /// The tenant is over its quota.
    ResourceExhausted,
    /// Time ran out.
    DeadlineExceeded,
    /// The service or something it needs is not there right now.
    Unavailable,
    /// Our fault.
    Internal,
}

impl ErrorKind {
    /// The gRPC status code.
    pub const fn code(self) -> Code {
        match self {
            Self::InvalidArgument => Code::InvalidArgument,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::Aborted => Code::Aborted,
            Self::ResourceExhausted => Code::ResourceExhausted,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::Unavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }

    /// The kind behind a status received from a peer. A `Cancelled` that we did not ask for is how
    /// tonic's own timer reports a deadline.
    pub const fn from_code(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::OutOfRange => Self::InvalidArgument,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::Aborted => Self::Aborted,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::DeadlineExceeded | Code::Cancelled => Self::DeadlineExceeded,
            Code::Unavailable => Self::Unavailable,
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }

    /// The HTTP status of the native API.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidArgument => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::FailedPrecondition | Self::Aborted => 409,
            Self::ResourceExhausted => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
        }
    }

    /// Whether the same call may succeed later without being changed.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Aborted | Self::ResourceExhausted | Self::Unavailable | Self::DeadlineExceeded
        )
    }

    /// The level at which the place that handles the failure logs it.
    pub const fn level(self) -> tracing::Level {
        match self {
            Self::InvalidArgument | Self::Unauthenticated | Self::NotFound | Self::AlreadyExists => {
                tracing::Level::DEBUG
            }
            Self::PermissionDenied | Self::FailedPrecondition | Self::Aborted | Self::ResourceExhausted => {
                tracing::Level::INFO
            }
            Self::DeadlineExceeded | Self::Unavailable => tracing::Level::WARN,
            Self::Internal => tracing::Level::ERROR,
        }
    }
}
