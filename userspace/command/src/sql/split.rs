//! Tokens to statements, and the bounds that each must keep.
//!
//! Its job: cut a text at its semicolons as the server's grammar does, and refuse what could make
//! the recursive code behind it run deep: parentheses, chains of operators (whose tree is as deep
//! as they are long), joins whose conditions come late.
//!
//! Two constructs have semicolons that end no statement: the commands of a rule, which stand in
//! parentheses, as semicolons do nowhere else; and a routine's body, `BEGIN ATOMIC … ; END`, in which no
//! statement is an `END` by itself.
//!
//! Known limit: a routine that is made within the body of another is refused.

use std::iter::Peekable;
use std::vec::IntoIter;

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Limits;
use super::tokens::{is_keyword, is_word, offset, word};
use super::unread::Unread;

/// Longest chain of operators and keywords that one branch of a tree may be made of.
const CHAIN: usize = 4000;

/// Longest run of keywords without anything between them: the parser recurses on some.
const KEYWORD_RUN: usize = 40;

/// What a bracket counts in a chain: types nest by it.
const BRACKET: usize = 8;

/// Most joins that may await their condition.
const PENDING_JOINS: usize = 8;

/// The statements of a text, each as its tokens, none of them empty.
pub(super) fn split(
    tokens: Vec<TokenWithSpan>,
    limits: &Limits,
) -> Result<Vec<Vec<TokenWithSpan>>, Unread> {
    let mut statements = Vec::new();
    let mut statement: Vec<TokenWithSpan> = Vec::new();
    let mut bounds = Bounds::new(limits.depth);
    let last = tokens.last().map_or(0, offset);
    let mut tokens = tokens.into_iter().peekable();
    let mut in_body = false;
    while let Some(token) = tokens.next() {
        if token.token == Token::SemiColon {
            if bounds.is_in_parentheses() && creates(&statement, &["rule"]) {
                statement.push(token);
                continue;
            }
            bounds.close(&token)?;
            bounds = Bounds::new(limits.depth);
            if in_body {
                in_body = !ends_body(&mut tokens)?;
            } else {
                push(&mut statements, &mut statement, limits)?;
            }
            continue;
        }
        if is_word(&token, "atomic") && statement.last().is_some_and(|t| is_word(t, "begin")) {
            let is_body = !bounds.is_in_parentheses()
                && creates(&statement, &["function", "procedure"])
                && !in_body;
            if !is_body {
                return Err(Unread::Unsupported("a routine whose body is SQL"));
            }
            in_body = !ends_body(&mut tokens)?;
        }
        if token.token == Token::Lt && statement.last().is_some_and(|t| is_word(t, "array")) {
            // a type of other dialects, which the parser would nest without bound
            return Err(Unread::Syntax {
                what: "an array type",
                at: offset(&token),
            });
        }
        bounds.take(&token)?;
        statement.push(token);
    }
    bounds.end(last)?;
    if in_body {
        return Err(Unread::Syntax {
            what: "a routine's body that does not end",
            at: last,
        });
    }
    push(&mut statements, &mut statement, limits)?;
    Ok(statements)
}

/// True where a statement begins with making one of these.
fn creates(statement: &[TokenWithSpan], kinds: &[&str]) -> bool {
    let mut words = statement.iter().map_while(word);
    let kind = match (words.next(), words.next()) {
        (Some("create"), Some("or")) => words.nth(1),
        (Some("create"), kind) => kind,
        _ => None,
    };
    kind.is_some_and(|kind| kinds.contains(&kind))
}

/// Steps over the `END` of a routine's body, where it is ahead.
fn ends_body(tokens: &mut Peekable<IntoIter<TokenWithSpan>>) -> Result<bool, Unread> {
    let Some(end) = tokens.next_if(|token| is_word(token, "end")) else {
        return Ok(false);
    };
    match tokens.peek() {
        Some(next) if next.token != Token::SemiColon => Err(Unread::Syntax {
            what: "more than a routine's body",
            at: offset(&end),
        }),
        _ => Ok(true),
    }
}

fn push(
    statements: &mut Vec<Vec<TokenWithSpan>>,
    statement: &mut Vec<TokenWithSpan>,
    limits: &Limits,
) -> Result<(), Unread> {
    if statement.is_empty() {
        return Ok(());
    }
    if statements.len() >= limits.statements {
        return Err(Unread::TooLarge("too many statements"));
    }
    statements.push(std::mem::take(statement));
    Ok(())
}

/// What one pair of parentheses holds so far.
#[derive(Default)]
struct Level {
    closing: Option<Token>,
    /// Links since the last comma: commas part branches, not links of one.
    chain: usize,
    /// Set operations, whose branches hold commas.
    unions: usize,
    /// Joins that await their `ON` or `USING`.
    pending_joins: usize,
    /// The next join takes no condition.
    unconditional: bool,
}

/// How deep a statement goes, token by token.
struct Bounds {
    most: usize,
    levels: Vec<Level>,
    /// The sum of all levels' chains and unions.
    depth: usize,
    /// Keywords since the last other token.
    run: usize,
}

impl Bounds {
    fn new(most: usize) -> Self {
        Self {
            most,
            levels: vec![Level::default()],
            depth: 0,
            run: 0,
        }
    }

    fn take(&mut self, token: &TokenWithSpan) -> Result<(), Unread> {
        match &token.token {
            Token::LParen => return self.open(Token::RParen, 1),
            Token::LBracket => return self.open(Token::RBracket, BRACKET),
            Token::RParen | Token::RBracket => return self.shut(token),
            _ => {}
        }
        self.run = match &token.token {
            Token::Word(word) if is_keyword(word) => self.run + 1,
            _ => 0,
        };
        if self.run > KEYWORD_RUN {
            return Err(Unread::TooLarge("too many keywords in a row"));
        }
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        match &token.token {
            Token::Comma => {
                self.depth -= level.chain;
                level.chain = 0;
            }
            Token::Word(_)
                if ["union", "intersect", "except"]
                    .iter()
                    .any(|w| is_word(token, w)) =>
            {
                level.unions += 1;
                self.depth += 1;
            }
            Token::Word(word) => {
                if is_keyword(word) {
                    level.chain += 1;
                    self.depth += 1;
                }
                if ["natural", "cross"].iter().any(|w| is_word(token, w)) {
                    level.unconditional = true;
                } else if is_word(token, "join") {
                    level.pending_joins += usize::from(!std::mem::take(&mut level.unconditional));
                } else if ["on", "using"].iter().any(|w| is_word(token, w)) {
                    level.pending_joins = level.pending_joins.saturating_sub(1);
                }
                if level.pending_joins > PENDING_JOINS {
                    return Err(Unread::TooLarge("too many joins before their conditions"));
                }
            }
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::Period => {}
            _ => {
                level.chain += 1;
                self.depth += 1;
            }
        }
        if self.depth > CHAIN {
            Err(Unread::TooLarge("too long a chain of operators"))
        } else {
            Ok(())
        }
    }

    fn open(&mut self, closing: Token, links: usize) -> Result<(), Unread> {
        if self.levels.len() > self.most {
            return Err(Unread::TooLarge("nested too deep"));
        }
        if let Some(level) = self.levels.last_mut() {
            level.chain += links;
            self.depth += links;
        }
        self.levels.push(Level {
            closing: Some(closing),
            ..Level::default()
        });
        Ok(())
    }

    fn shut(&mut self, token: &TokenWithSpan) -> Result<(), Unread> {
        match self.levels.pop() {
            Some(level) if level.closing.as_ref() == Some(&token.token) => {
                self.depth -= level.chain + level.unions;
                Ok(())
            }
            _ => Err(Unread::Syntax {
                what: "a parenthesis that was not opened",
                at: offset(token),
            }),
        }
    }

    fn is_in_parentheses(&self) -> bool {
        self.levels.len() > 1
    }

    /// At a semicolon.
    fn close(&self, token: &TokenWithSpan) -> Result<(), Unread> {
        match self.levels.len() {
            1 => Ok(()),
            _ => Err(Unread::Syntax {
                what: "a semicolon in parentheses",
                at: offset(token),
            }),
        }
    }

    /// At the end of the text.
    fn end(&self, at: usize) -> Result<(), Unread> {
        match self.levels.len() {
            1 => Ok(()),
            _ => Err(Unread::Syntax {
                what: "a parenthesis that is not closed before the end",
                at,
            }),
        }
    }
}
