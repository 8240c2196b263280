//! As much of a browser as signing in takes: redirections, cookies, and two forms.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::Result;
use crate::error::Error;

/// More than any way through the provider takes.
const STEPS: usize = 10;

/// What the provider's last page would post, and to where.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The service's address.
    pub action: String,
    /// The field `SAMLResponse`.
    pub response: String,
}

impl Posted {
    /// It as a form's body.
    #[must_use]
    pub fn body(&self) -> String {
        format!("SAMLResponse={}", encoded(&self.response))
    }
}

struct Page {
    location: Option<String>,
    cookies: Vec<(String, String)>,
    body: String,
}

/// Follows the address, signs in where it is asked to, and stops before the service is told.
pub(super) fn sign_in(server: SocketAddr, url: &str, name: &str, password: &str) -> Result<Posted> {
    let mut cookies = BTreeMap::new();
    let mut next = (url.to_owned(), None);
    for _ in 0..STEPS {
        let page = ask(server, &next.0, next.1.as_deref(), &cookies)?;
        cookies.extend(page.cookies);
        if let Some(location) = page.location {
            next = (location, None);
        } else if let Some(response) = field(&page.body, "SAMLResponse") {
            let action = attribute(&page.body, "action").unwrap_or_default();
            return Ok(Posted { action, response });
        } else if let Some(state) = field(&page.body, "AuthState") {
            let body = [
                ("username", name),
                ("password", password),
                ("AuthState", &state),
            ]
            .map(|(key, value)| format!("{key}={}", encoded(value)))
            .join("&");
            let form = format!("http://{server}/module.php/core/loginuserpass.php?");
            next = (form, Some(body));
        } else {
            return Err(unexpected(&page.body));
        }
    }
    Err(unexpected("the provider redirects without end"))
}

fn ask(
    server: SocketAddr,
    url: &str,
    form: Option<&str>,
    cookies: &BTreeMap<String, String>,
) -> Result<Page> {
    let path = url
        .strip_prefix(&format!("http://{server}"))
        .ok_or_else(|| unexpected(url))?;
    let cookies: Vec<String> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let cookies = cookies.join("; ");
    let mut request = String::new();
    let method = if form.is_some() { "POST" } else { "GET" };
    // Writing to a string can't fail.
    write!(
        request,
        "{method} {path} HTTP/1.0\r\nHost: {server}\r\nCookie: {cookies}\r\n"
    )
    .ok();
    let body = form.unwrap_or_default();
    if form.is_some() {
        let length = body.len();
        request.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        write!(request, "Content-Length: {length}\r\n").ok();
    }
    request.push_str("\r\n");
    request.push_str(body);
    let mut answer = Vec::new();
    let exchanged = TcpStream::connect(server).and_then(|mut stream| {
        stream.write_all(request.as_bytes())?;
        stream.read_to_end(&mut answer)
    });
    exchanged.map_err(|source| Error::Start {
        program: format!("a request to {server}"),
        source,
    })?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| unexpected(&answer))?;
    let header = |wanted: &'static str| {
        head.lines().filter_map(move |line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    Ok(Page {
        location: header("location").next().map(str::to_owned),
        cookies: header("set-cookie")
            .filter_map(|cookie| cookie.split(';').next()?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}

/// The page at an address.
pub(super) fn load(server: SocketAddr, url: &str) -> Result<String> {
    Ok(ask(server, url, None, &BTreeMap::new())?.body)
}

/// The value of a form's field.
fn field(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\""))?;
    attribute(rest, "value")
}

/// The first attribute of that name.
fn attribute(html: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!("{name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("&quot;", "\"").replace("&amp;", "&"))
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            write!(encoded, "%{byte:02X}").ok();
        }
        encoded
    })
}

fn unexpected(page: &str) -> Error {
    Error::Unexpected {
        server: super::SERVER,
        answer: page.chars().take(4000).collect(),
    }
}
