//! SQLSTATE: which error it is, for programs. PostgreSQL's documentation, appendix A "PostgreSQL
//! Error Codes".

use std::fmt;

/// Five digits or upper-case letters; the first two are the class.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// 01000: a warning of no particular kind.
    pub const WARNING: Self = Self(*b"01000");
    /// 08004: the server (here: weir) rejected the connection.
    pub const CONNECTION_REJECTED: Self = Self(*b"08004");
    /// 08006: the connection was lost.
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// 08P01: a message that the protocol does not allow.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// 0A000: not supported.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// 25P02: the transaction has failed and only its end is accepted.
    pub const IN_FAILED_TRANSACTION: Self = Self(*b"25P02");
    /// 26000: no prepared statement of this name.
    pub const INVALID_STATEMENT_NAME: Self = Self(*b"26000");
    /// 28000: who connects may not.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// 28P01: the password is wrong.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// 34000: no portal of this name.
    pub const INVALID_CURSOR_NAME: Self = Self(*b"34000");
    /// 42501: no permission.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// 42601: the statement can't be parsed.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// 53000: out of some resource.
    pub const INSUFFICIENT_RESOURCES: Self = Self(*b"53000");
    /// 54000: over a limit of the program.
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self(*b"54000");
    /// 57014: cancelled.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// 57P01: the session ends on an operator's command.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// 57P03: not ready to take connections.
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// XX000: a fault of the program itself.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// Reads a code; `None` if it is not five digits or upper-case letters.
    #[must_use]
    pub fn parse(code: &[u8]) -> Option<Self> {
        let code: [u8; 5] = code.try_into().ok()?;
        let known = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        code.iter().all(known).then_some(Self(code))
    }

    /// The code's five characters.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::SqlState;

    #[test]
    fn only_five_digits_or_upper_case_letters_are_a_code() {
        assert_eq!(
            SqlState::parse(b"42501"),
            Some(SqlState::INSUFFICIENT_PRIVILEGE)
        );
        assert_eq!(
            SqlState::parse(b"0A000"),
            Some(SqlState::FEATURE_NOT_SUPPORTED)
        );
        for bad in [
            &b""[..],
            b"4250",
            b"425011",
            b"42p01",
            b"42 01",
            b"4250\0",
            b"425\xc3\xa9",
        ] {
            assert_eq!(SqlState::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn shows_as_its_characters() {
        assert_eq!(SqlState::PROTOCOL_VIOLATION.to_string(), "08P01");
    }
}
