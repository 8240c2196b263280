//! One place in a text, and what can be asked of it.

/// How far before a bare number the word may stand that says what it is.
const NEAR: usize = 24;

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'h> {
    before: &'h [u8],
    rest: &'h [u8],
}

impl<'h> At<'h> {
    /// The place before byte `at`.
    pub(super) fn new(hay: &'h [u8], at: usize) -> Self {
        let (before, rest) = hay.split_at_checked(at).unwrap_or((hay, &[]));
        Self { before, rest }
    }

    /// What comes from here on.
    pub(super) fn rest(self) -> &'h [u8] {
        self.rest
    }

    /// The byte just before.
    pub(super) fn previous(self) -> Option<u8> {
        self.before.last().copied()
    }

    /// Whether neither a letter nor a digit comes after the first `length` bytes.
    pub(super) fn ends(self, length: usize) -> bool {
        let next = self.rest.get(length);
        next.is_none_or(|byte| !byte.is_ascii_alphanumeric())
    }

    /// Whether it is behind a decimal point.
    pub(super) fn is_fraction(self) -> bool {
        matches!(self.before, [.., whole, b'.'] if whole.is_ascii_digit())
    }

    /// Whether one of these words, in lower case, stands shortly before.
    pub(super) fn is_called(self, words: &[&str]) -> bool {
        let from = self.before.len().saturating_sub(NEAR);
        let near = self.before.get(from..).unwrap_or_default();
        words.iter().any(|word| {
            near.windows(word.len())
                .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
        })
    }

    /// What is written here in the first of these forms that fits, without its separators and in
    /// upper case, and how long it is. In a form `9` stands for a digit, `A` for a letter, `X` for
    /// either; anything else for itself.
    pub(super) fn written<const N: usize>(self, forms: &[&str]) -> Option<([u8; N], usize)> {
        forms.iter().find_map(|form| {
            let mut value = [0; N];
            let mut places = value.iter_mut();
            let mut rest = self.rest.iter();
            for wanted in form.bytes() {
                let byte = *rest.next()?;
                let fits = match wanted {
                    b'9' => byte.is_ascii_digit(),
                    b'A' => byte.is_ascii_alphabetic(),
                    b'X' => byte.is_ascii_alphanumeric(),
                    literal if literal == byte => continue,
                    _ => false,
                };
                if !fits {
                    return None;
                }
                *places.next()? = byte.to_ascii_uppercase();
            }
            self.ends(form.len()).then_some((value, form.len()))
        })
    }
}

/// The value of these digits.
pub(super) fn number(digits: &[u8]) -> u64 {
    let digits = digits.iter().filter(|byte| byte.is_ascii_digit());
    digits.fold(0_u64, |sum, digit| {
        sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
    })
}

/// Whether a backslash before it makes this letter another character, as in `\n4111…`: then it belongs
/// to no word.
pub(super) fn is_escaped(letter: u8) -> bool {
    matches!(letter, b'n' | b'r' | b't' | b'b' | b'f' | b'v')
}
