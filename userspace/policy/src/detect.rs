//! Values that are known by what they look like: card numbers, addresses, secrets, national ids.
//!
//! Job: find in one text whatever the asked detectors know, each match once, from left to right,
//! with a check of the scheme's own (a check digit, a range, a structure) where it has one. Not its
//! job: which class a match has and how it is masked (`masking`), and where texts come from (the
//! agent's `mask` room).
//!
//! One pass over the text, no backtracking: at the start of each word a bounded number of shapes is
//! tried, each of at most some 50 bytes, or one run of characters is read, which a match consumes as a
//! whole. So the work is linear in the length, whatever the text is; nothing is allocated but to look
//! into what already looks like a JSON web token.
//!
//! Known limits: ASCII forms only, no full-width or spelt digits, no percent-encoding; a value with
//! other separators than those that are usual, or that is split over two texts, is not seen. Secrets
//! without a published form aren't either, such as the other half of an AWS key.

mod at;
mod card;
mod email;
mod iban;
mod jwt;
mod national;
mod pem;
mod phone;
mod search;
mod token;

#[cfg(test)]
mod tests;

pub(crate) use search::find;

use self::at::At;

/// What weir itself knows how to find, in the order in which it is tried at one place: what says most of
/// itself comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detector {
    /// Private keys in PEM.
    PrivateKey,
    /// JSON web tokens.
    Jwt,
    /// AWS access key ids.
    AwsKey,
    /// GitHub's tokens.
    GithubToken,
    /// GitLab's tokens.
    GitlabToken,
    /// Slack's tokens.
    SlackToken,
    /// Stripe's keys.
    StripeKey,
    /// Google's API keys and client secrets.
    GoogleKey,
    /// Keys of the `sk-…` form that OpenAI, Anthropic and others give out.
    AiKey,
    /// npm's tokens.
    NpmToken,
    /// `PyPI`'s tokens.
    PypiToken,
    /// E-mail addresses.
    Email,
    /// Telephone numbers with `+` and an assigned country code.
    Phone,
    /// International bank account numbers, by country's length and check digits.
    Iban,
    /// Card numbers of 13 to 19 digits, by issuer and Luhn's check digit.
    Card,
    /// French social security numbers (`NIR`).
    FrNir,
    /// German tax identification numbers (`Steuer-ID`).
    DeTaxId,
    /// Social security numbers of the United States.
    UsSsn,
    /// Dutch citizen service numbers (`BSN`).
    NlBsn,
    /// Spanish identity numbers (`DNI`, `NIE`).
    EsDni,
    /// National insurance numbers of the United Kingdom.
    UkNino,
    /// Italian tax codes (`codice fiscale`).
    ItCodiceFiscale,
}

/// What a detector is.
struct Known {
    detector: Detector,
    name: &'static str,
    /// What its matches are where the masking rules don't say.
    class: &'static str,
    /// With which bytes a word begins that may be a match; none where a sign begins it, which the search
    /// knows by itself.
    first: &'static [u8],
    /// How long the match is that begins here.
    read: fn(At<'_>) -> Option<usize>,
}

const fn known(
    detector: Detector,
    (name, class): (&'static str, &'static str),
    first: &'static [u8],
    read: fn(At<'_>) -> Option<usize>,
) -> Known {
    Known {
        detector,
        name,
        class,
        first,
        read,
    }
}

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

use Detector as D;

/// Each, in the order of [`Detector`].
const KNOWN: [Known; 22] = [
    known(D::PrivateKey, ("private-key", "secret"), b"", pem::read),
    known(D::Jwt, ("jwt", "secret"), b"e", jwt::read),
    known(D::AwsKey, ("aws-key", "secret"), b"A", token::aws),
    known(
        D::GithubToken,
        ("github-token", "secret"),
        b"g",
        token::github,
    ),
    known(
        D::GitlabToken,
        ("gitlab-token", "secret"),
        b"g",
        token::gitlab,
    ),
    known(D::SlackToken, ("slack-token", "secret"), b"x", token::slack),
    known(
        D::StripeKey,
        ("stripe-key", "secret"),
        b"rsw",
        token::stripe,
    ),
    known(D::GoogleKey, ("google-key", "secret"), b"AG", token::google),
    known(D::AiKey, ("ai-key", "secret"), b"s", token::ai),
    known(D::NpmToken, ("npm-token", "secret"), b"n", token::npm),
    known(D::PypiToken, ("pypi-token", "secret"), b"p", token::pypi),
    known(D::Email, ("email", "email"), b"", |_| None),
    known(D::Phone, ("phone", "phone"), b"", phone::read),
    known(D::Iban, ("iban", "bank_account"), LETTERS, iban::read),
    known(D::Card, ("card", "pan"), DIGITS, card::read),
    known(
        D::FrNir,
        ("fr-nir", "national_id"),
        DIGITS,
        national::fr_nir,
    ),
    known(
        D::DeTaxId,
        ("de-tax-id", "national_id"),
        DIGITS,
        national::de_tax_id,
    ),
    known(
        D::UsSsn,
        ("us-ssn", "national_id"),
        DIGITS,
        national::us_ssn,
    ),
    known(
        D::NlBsn,
        ("nl-bsn", "national_id"),
        DIGITS,
        national::nl_bsn,
    ),
    known(
        D::EsDni,
        ("es-dni", "national_id"),
        b"0123456789XYZxyz",
        national::es_dni,
    ),
    known(
        D::UkNino,
        ("uk-nino", "national_id"),
        LETTERS,
        national::uk_nino,
    ),
    known(
        D::ItCodiceFiscale,
        ("it-codice-fiscale", "national_id"),
        LETTERS,
        national::it_codice_fiscale,
    ),
];

/// For each byte, what a word may be that begins with it.
#[expect(
    clippy::indexing_slicing,
    reason = "done by the compiler, which stops at a wrong place"
)]
static FIRST: [Detectors; 256] = {
    let mut first = [Detectors(0); 256];
    let mut i = 0;
    while i < KNOWN.len() {
        assert!(KNOWN[i].detector as usize == i);
        let mut j = 0;
        while j < KNOWN[i].first.len() {
            first[KNOWN[i].first[j] as usize].0 |= 1 << i;
            j += 1;
        }
        i += 1;
    }
    first
};

/// What a word may be that begins with so many digits, and with this behind them: most numbers nothing.
fn numeric(word: &[u8]) -> Detectors {
    const fn set(detectors: &[Detector]) -> Detectors {
        let (mut bits, mut rest) = (0, detectors);
        while let [first, behind @ ..] = rest {
            bits |= 1 << *first as u32;
            rest = behind;
        }
        Detectors(bits)
    }
    let digits = word
        .iter()
        .take(20)
        .take_while(|byte| byte.is_ascii_digit());
    let count = digits.count();
    match (count, word.get(count)) {
        (13..=19, _) => const { set(&[D::Card, D::FrNir]) },
        (11, _) => const { set(&[D::DeTaxId]) },
        (9, _) => const { set(&[D::UsSsn, D::NlBsn]) },
        (8, Some(_)) => const { set(&[D::EsDni]) },
        // A place in Corsica.
        (6, Some(b'A' | b'a' | b'B' | b'b')) => const { set(&[D::FrNir]) },
        (4, Some(b' ' | b'-' | b'.')) => const { set(&[D::Card, D::NlBsn]) },
        (3, Some(b' ' | b'-')) => const { set(&[D::UsSsn]) },
        (2, Some(b' ')) => const { set(&[D::DeTaxId]) },
        (1, Some(b' ')) => const { set(&[D::FrNir]) },
        _ => Detectors(0),
    }
}

impl Detector {
    /// Every one, in the order in which they are tried.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|known| known.detector)
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let known = KNOWN.iter().find(|known| known.name == name)?;
        Some(known.detector)
    }

    /// Its name, as configuration and records have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.known().map_or("", |known| known.name)
    }

    /// The class of what it finds, where the masking rules give it no other.
    #[must_use]
    pub fn class(self) -> &'static str {
        self.known().map_or("", |known| known.class)
    }

    fn known(self) -> Option<&'static Known> {
        KNOWN.get(self as usize)
    }
}

/// A set of detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detectors(u32);

impl Detectors {
    /// Every one.
    #[must_use]
    pub fn all() -> Self {
        Detector::all().collect()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn has(self, detector: Detector) -> bool {
        self.0 & (1 << detector as u32) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of `self` that a word may be that begins so.
    fn beginning(self, word: &[u8]) -> Self {
        let Some(first) = word.first() else {
            return Self(0);
        };
        let mut may = FIRST.get(usize::from(*first)).map_or(0, |first| first.0);
        if first.is_ascii_digit() {
            may &= numeric(word).0;
        }
        Self(self.0 & may)
    }

    /// Each, one after the other.
    fn each(self) -> impl Iterator<Item = &'static Known> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = usize::try_from(left.trailing_zeros()).ok()?;
            // Nothing where no bit is left, which is the 33rd.
            left &= left.wrapping_sub(1);
            KNOWN.get(next)
        })
    }

    /// Adds one.
    pub fn add(&mut self, detector: Detector) {
        self.0 |= 1 << detector as u32;
    }
}

impl FromIterator<Detector> for Detectors {
    fn from_iter<I: IntoIterator<Item = Detector>>(detectors: I) -> Self {
        let mut set = Self::default();
        detectors.into_iter().for_each(|one| set.add(one));
        set
    }
}
