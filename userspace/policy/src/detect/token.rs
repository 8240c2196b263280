//! Secrets that say what they are: a prefix that their maker publishes, then characters of one sort.
//!
//! Sources: AWS IAM's user guide, "IAM identifiers"; GitHub's documentation, "GitHub's token formats";
//! GitLab's, "Token prefixes"; Slack's, "Token types"; Stripe's, "API keys"; Google Cloud's, "API keys";
//! npm's, "About access tokens"; PyPI's help, "API tokens", which are macaroons of pypi.org.

use super::at::At;

/// A prefix, and what comes behind it. A run of any length is a match once it is long enough, so that the
/// search goes past it.
struct Form {
    prefix: &'static [u8],
    is_of: fn(u8) -> bool,
    /// How many of these there are at least.
    least: usize,
    /// And at most, where it matters.
    most: usize,
}

const fn form(prefix: &'static [u8], is_of: fn(u8) -> bool, least: usize, most: usize) -> Form {
    Form {
        prefix,
        is_of,
        least,
        most,
    }
}

const ANY: usize = usize::MAX;

const AWS: [Form; 2] = [form(b"AKIA", base32, 16, 16), form(b"ASIA", base32, 16, 16)];
const GITHUB: [Form; 6] = [
    form(b"ghp_", alphanumeric, 36, ANY),
    form(b"gho_", alphanumeric, 36, ANY),
    form(b"ghu_", alphanumeric, 36, ANY),
    form(b"ghs_", alphanumeric, 36, ANY),
    form(b"ghr_", alphanumeric, 36, ANY),
    form(b"github_pat_", base64url, 50, ANY),
];
const GITLAB: [Form; 6] = [
    form(b"glpat-", base64url, 20, ANY),
    form(b"gldt-", base64url, 20, ANY),
    form(b"glrt-", base64url, 20, ANY),
    form(b"glptt-", base64url, 20, ANY),
    form(b"glsoat-", base64url, 20, ANY),
    form(b"gloas-", base64url, 20, ANY),
];
const SLACK: [Form; 6] = [
    form(b"xoxb-", base64url, 20, ANY),
    form(b"xoxp-", base64url, 20, ANY),
    form(b"xoxa-", base64url, 20, ANY),
    form(b"xoxr-", base64url, 20, ANY),
    form(b"xoxs-", base64url, 20, ANY),
    form(b"xapp-", base64url, 20, ANY),
];
const STRIPE: [Form; 5] = [
    form(b"sk_live_", alphanumeric, 16, ANY),
    form(b"rk_live_", alphanumeric, 16, ANY),
    form(b"sk_test_", alphanumeric, 16, ANY),
    form(b"rk_test_", alphanumeric, 16, ANY),
    form(b"whsec_", alphanumeric, 24, ANY),
];
const GOOGLE: [Form; 2] = [
    form(b"AIza", base64url, 35, 35),
    form(b"GOCSPX-", base64url, 28, 28),
];
/// Bounded, since what is no key isn't gone past.
const AI: [Form; 1] = [form(b"sk-", base64url, 20, 200)];
const NPM: [Form; 1] = [form(b"npm_", alphanumeric, 36, ANY)];
const PYPI: [Form; 2] = [
    form(b"pypi-AgEIcHlwaS5vcmc", base64url, 50, ANY),
    form(b"pypi-AgENdGVzdC5weXBpLm9yZw", base64url, 50, ANY),
];

pub(super) fn aws(at: At<'_>) -> Option<usize> {
    read(at, &AWS)
}

pub(super) fn github(at: At<'_>) -> Option<usize> {
    read(at, &GITHUB)
}

pub(super) fn gitlab(at: At<'_>) -> Option<usize> {
    read(at, &GITLAB)
}

pub(super) fn slack(at: At<'_>) -> Option<usize> {
    read(at, &SLACK)
}

pub(super) fn stripe(at: At<'_>) -> Option<usize> {
    read(at, &STRIPE)
}

pub(super) fn google(at: At<'_>) -> Option<usize> {
    read(at, &GOOGLE)
}

/// The prefix is short, so what is behind it must look drawn by lot: of digits and letters of both
/// cases, which the names of things aren't. Nor does it begin within such a name (`task-sk-…`).
pub(super) fn ai(at: At<'_>) -> Option<usize> {
    if let Some(b'-' | b'_') = at.previous() {
        return None;
    }
    let length = read(at, &AI)?;
    let drawn = at.rest().get(..length)?;
    let has = |is: fn(&u8) -> bool| drawn.iter().any(is);
    let random = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase);
    random.then_some(length)
}

pub(super) fn npm(at: At<'_>) -> Option<usize> {
    read(at, &NPM)
}

pub(super) fn pypi(at: At<'_>) -> Option<usize> {
    read(at, &PYPI)
}

fn read(at: At<'_>, forms: &[Form]) -> Option<usize> {
    forms.iter().find_map(|form| {
        let behind = at.rest().strip_prefix(form.prefix)?;
        let run = behind.iter().take_while(|byte| (form.is_of)(**byte));
        let length = run.take(form.most).count();
        let whole = form.prefix.len() + length;
        (length >= form.least && at.ends(whole)).then_some(whole)
    })
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn base32(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7')
}

pub(super) fn base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
