//! The skeleton of a text: its bytes without the values that its statement compares with, or puts into
//! rows. Texts of one skeleton are read alike, so that the second need not be.
//!
//! Its job: to be sure of that from the bytes alone, for a fraction of what reading costs. Values go only
//! from where no reading looks at them: behind a comparison (`a = 5`), and among those of `IN (…)`
//! and `VALUES (…)`. A limit, a function's argument, a place of `ORDER BY` and what is cast stay as they are written.
//!
//! Not its job: to be found for each text that could have one. What is no query or change of rows, what holds
//! a comment, a dollar, a second statement or more than ASCII has none.

/// Longest text that has one, in bytes.
const LONGEST: usize = 4 << 10;
/// Most parentheses in one another.
const DEPTH: usize = 64;
/// In the place of a number, and of a string. No text that has a skeleton holds these bytes.
const NUMBER: u8 = 1;
const STRING: u8 = 2;
/// Longest number that goes.
const DIGITS: usize = 18;

/// What stands before a token, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Other,
    /// What a name follows, whatever it is: a dot, or the colons of a cast.
    Name,
    /// An operator that compares.
    Comparison,
    /// `IN`, which a list of values may follow.
    In,
    /// `VALUES`, or a comma behind a row of it, which a row may follow.
    Values,
    /// The end of a row.
    Row,
    /// The beginning of a list or a row, or a comma directly in it.
    Value,
}

/// What parentheses hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Other,
    /// Values, as far as was seen.
    List,
    /// The same, of a statement's own rows: another may follow.
    Row,
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    before: Before,
    /// The parentheses that are open, the outermost first.
    open: Vec<Holds>,
}

/// Puts the skeleton of `text` into `skeleton`, in the place of what is there. False where it has none.
pub(super) fn of(text: &[u8], skeleton: &mut Vec<u8>) -> bool {
    skeleton.clear();
    if text.len() > LONGEST {
        return false;
    }
    let mut scan = Scan {
        text,
        at: 0,
        before: Before::Other,
        open: Vec::new(),
    };
    let blank = scan.run(is_space).len();
    scan.keep(blank, skeleton);
    if !scan.is_at_data() {
        return false;
    }
    while scan.at < text.len() {
        if scan.token(skeleton).is_none() {
            return false;
        }
    }
    scan.open.is_empty()
}

impl<'t> Scan<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The bytes from here on that are of a kind.
    fn run(&self, kind: impl Fn(u8) -> bool) -> &'t [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| kind(**byte)).count();
        rest.get(..length).unwrap_or_default()
    }

    fn is_at_data(&self) -> bool {
        let data = ["select", "insert", "update", "delete", "with"];
        is_one_of(self.run(is_word), &data)
    }

    /// Passes over one token, or white space. Nothing where it is one that no skeleton has.
    fn token(&mut self, skeleton: &mut Vec<u8>) -> Option<()> {
        let byte = self.peek()?;
        let (length, next) = match byte {
            b if is_space(b) => (1, self.before),
            b if b.is_ascii_alphabetic() || b == b'_' => self.word()?,
            b'0'..=b'9' => return self.number(skeleton),
            b'\'' => return self.string(skeleton),
            b'"' => (self.quoted(b'"')?, Before::Other),
            b'(' => (1, self.opens()?),
            b')' => (1, self.closes()?),
            b',' => (1, self.comma()),
            b'.' | b':' => (1, Before::Name),
            b']' => (1, Before::Other),
            b'[' => {
                self.holds_more();
                (1, Before::Other)
            }
            b';' => return self.ends(),
            b if is_operator(b) => self.operator()?,
            _ => return None,
        };
        self.keep(length, skeleton);
        self.before = next;
        Some(())
    }

    fn keep(&mut self, length: usize, skeleton: &mut Vec<u8>) {
        let kept = self.text.get(self.at..self.at + length);
        skeleton.extend_from_slice(kept.unwrap_or_default());
        self.at += length;
    }

    fn word(&mut self) -> Option<(usize, Before)> {
        let word = self.run(is_word);
        let length = word.len();
        let before = match self.before {
            Before::Name => Before::Other,
            _ if is_one_of(word, &["in"]) => Before::In,
            _ if is_one_of(word, &["values"]) => Before::Values,
            _ if is_one_of(word, &["as"]) => Before::Name,
            _ => Before::Other,
        };
        let is_value = is_one_of(word, &["null", "true", "false", "default"]);
        match self.text.get(self.at + length) {
            // A string of another kind, whose rules are others.
            Some(b'\'') => return None,
            Some(b'(') if before == Before::Other => {}
            _ if is_value => {}
            // A query, perhaps, in which numbers may be places.
            _ => self.holds_more(),
        }
        Some((length, before))
    }

    /// Notes that the innermost parentheses hold more than values.
    fn holds_more(&mut self) {
        if let Some(holds) = self.open.last_mut() {
            *holds = Holds::Other;
        }
    }

    fn opens(&mut self) -> Option<Before> {
        if self.open.len() >= DEPTH {
            return None;
        }
        let holds = match self.before {
            Before::Values if self.open.is_empty() => Holds::Row,
            Before::Values | Before::In => Holds::List,
            _ => Holds::Other,
        };
        self.open.push(holds);
        Some(match holds {
            Holds::Other => Before::Other,
            Holds::List | Holds::Row => Before::Value,
        })
    }

    fn closes(&mut self) -> Option<Before> {
        Some(match self.open.pop()? {
            Holds::Row => Before::Row,
            Holds::Other | Holds::List => Before::Other,
        })
    }

    fn comma(&self) -> Before {
        match (self.before, self.open.last()) {
            (Before::Row, _) => Before::Values,
            (_, Some(Holds::List | Holds::Row)) => Before::Value,
            _ => Before::Other,
        }
    }

    fn operator(&self) -> Option<(usize, Before)> {
        let operator = self.run(is_operator);
        let comments = |two: &[u8]| two == b"--" || two == b"/*";
        if operator.windows(2).any(comments) {
            return None;
        }
        let compares: [&[u8]; 6] = [b"=", b"<", b">", b"<=", b">=", b"<>"];
        // `:=` names a function's argument.
        let named = self.at.checked_sub(1).and_then(|at| self.text.get(at)) == Some(&b':');
        let before = if compares.contains(&operator) && !named {
            Before::Comparison
        } else {
            Before::Other
        };
        Some((operator.len(), before))
    }

    /// A semicolon, behind which nothing may come.
    fn ends(&mut self) -> Option<()> {
        self.at += 1;
        self.at += self.run(is_space).len();
        (self.at == self.text.len()).then_some(())
    }

    fn number(&mut self, skeleton: &mut Vec<u8>) -> Option<()> {
        let length = self.run(|b| is_word(b) || b == b'.').len();
        let digits = self.run(|b| b.is_ascii_digit()).len();
        let plain = length == digits && digits <= DIGITS;
        self.value(length, plain.then_some(NUMBER), skeleton);
        Some(())
    }

    fn string(&mut self, skeleton: &mut Vec<u8>) -> Option<()> {
        let length = self.quoted(b'\'')?;
        self.value(length, Some(STRING), skeleton);
        Some(())
    }

    /// How long what stands between quotes is, with them.
    fn quoted(&self, quote: u8) -> Option<usize> {
        let rest = self.text.get(self.at + 1..)?;
        let mut bytes = rest.iter().enumerate();
        while let Some((place, byte)) = bytes.next() {
            if *byte == quote {
                if rest.get(place + 1) != Some(&quote) {
                    return Some(place + 2);
                }
                bytes.next();
            } else if !is_plain(*byte) {
                return None;
            }
        }
        None
    }

    /// Puts `mark` in the place of a value, where that may go.
    fn value(&mut self, length: usize, mark: Option<u8>, skeleton: &mut Vec<u8>) {
        let rest = self.text.get(self.at + length..).unwrap_or_default();
        let behind = rest.iter().find(|byte| !is_space(**byte));
        let goes = match (self.before, behind) {
            (Before::Comparison, None | Some(b')' | b',' | b';')) => true,
            (Before::Comparison, Some(byte)) => byte.is_ascii_alphabetic(),
            (Before::Value, Some(b')' | b',')) => true,
            _ => false,
        };
        match mark {
            Some(mark) if goes => {
                skeleton.push(mark);
                self.at += length;
            }
            _ => self.keep(length, skeleton),
        }
        self.before = Before::Other;
    }
}

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|one| word.eq_ignore_ascii_case(one.as_bytes()))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_operator(byte: u8) -> bool {
    b"+-*/<>=~!@#%^&|`?".contains(&byte)
}

/// ASCII that is written, or white space.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || is_space(byte)
}
