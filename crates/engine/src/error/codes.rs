use super::Error;

impl Error {
    /// The kind of error in a word, as the audit log has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "syntax",
            Self::InvalidInput { .. } => "invalid_input",
            Self::NotFound { .. } => "not_found",
            Self::AlreadyExists { .. } => "already_exists",
            Self::Unsupported { .. } => "unsupported",
            Self::ReadOnly { .. } => "read_only",
            Self::Denied { .. } => "denied",
            Self::TooLarge { .. } => "too_large",
            Self::ResourcesExhausted { .. } => "resources_exhausted",
            Self::Busy { .. } => "busy",
            Self::Cancelled => "cancelled",
            Self::Killed { .. } => "killed",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Stalled { .. } => "stalled",
            Self::BrokenData { .. } => "broken_data",
            Self::Conflict { .. } => "conflict",
            Self::Aborted { .. } => "aborted",
            Self::Unavailable { .. } => "unavailable",
            Self::ShuttingDown => "shutting_down",
            Self::Internal { .. } => "internal",
        }
    }

    /// The same error with another message, where its message is a text of its own.
    pub(crate) fn map_message(mut self, change: impl FnOnce(String) -> String) -> Self {
        match &mut self {
            Self::Syntax { message }
            | Self::InvalidInput { message }
            | Self::NotFound { message }
            | Self::AlreadyExists { message }
            | Self::Unsupported { message }
            | Self::ReadOnly { message }
            | Self::Denied { message }
            | Self::ResourcesExhausted { message }
            | Self::Busy { message, .. }
            | Self::Stalled { message }
            | Self::Conflict { message }
            | Self::Aborted { message }
            | Self::Unavailable { message } => *message = change(std::mem::take(message)),
            Self::BrokenData { why, .. } => *why = change(std::mem::take(why)),
            Self::TooLarge { .. }
            | Self::Cancelled
            | Self::Killed { .. }
            | Self::DeadlineExceeded { .. }
            | Self::ShuttingDown
            | Self::Internal { .. } => {}
        }
        self
    }
}
