//! `[target.credential]`: as whom weir logs in.

use super::{
    invalid::{InvalidValue, quoted},
    password::PasswordSource,
    path,
    table::Table,
};

/// As whom weir logs in to a target. Holds no secret, only where one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The user at the target.
    pub user: String,
    /// Where the password is.
    pub password: PasswordSource,
}

pub(super) fn read(mut table: Table<'_>) -> Option<Credential> {
    let user = table
        .required("user", "user = \"app\"")
        .and_then(|v| v.check(user));
    let file = table.optional("password_file");
    let credential = table.optional("password_credential");
    let password = match (&file, &credential) {
        (Some(file), None) => file.check(path::absolute).map(PasswordSource::File),
        (None, Some(name)) => name.check(credential_name).map(PasswordSource::Credential),
        (Some(_), Some(second)) => {
            second.wrong(
                InvalidValue::new("the password is declared twice")
                    .help("keep one of `password_file` and `password_credential`"),
            );
            None
        }
        (None, None) => {
            table.missing(
                "`password_file` or `password_credential`",
                "password_file = \"/etc/weir/secrets/orders\", or password_credential = \"orders\" \
                 for a credential that systemd loads",
            );
            None
        }
    };
    table.finish();
    Some(Credential {
        user: user?,
        password: password?,
    })
}

fn user(text: &str) -> Result<String, InvalidValue> {
    if text.is_empty() || text.len() > 256 || text.contains(char::is_control) {
        return Err(
            InvalidValue::new(format!("{} can't be a user", quoted(text)))
                .help("write 1 to 256 bytes without control characters"),
        );
    }
    Ok(text.to_owned())
}

/// A name as systemd takes it for a credential: one that is a file's (systemd.exec(5)).
pub(super) fn credential_name(text: &str) -> Result<String, InvalidValue> {
    let file_name = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
    if matches!(text, "" | "." | "..") || text.len() > 255 || !text.chars().all(file_name) {
        return Err(InvalidValue::new(format!(
            "{} can't be the name of a credential",
            quoted(text)
        ))
        .help("write the name that follows `LoadCredential=` in the unit"));
    }
    Ok(text.to_owned())
}
