//! An account of the names in a text.
//!
//! Its job: to prove that nothing which names something was dropped between the text and the
//! tree. Every word that can't be syntax (it is quoted, or no keyword of the server's, or a
//! keyword that has no place in a query) must have been visited in the tree. Names that the tree
//! keeps without their place, such as those of types, are credited by spelling.

use std::collections::BTreeMap;

use sqlparser::ast::Ident;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::sql::keyword::{Kind, kind};
use crate::sql::tokens::{is_word, offset};
use crate::sql::unread::Unread;

/// Words that are syntax in queries although they may be names, and of which the tree keeps
/// nothing to visit.
const SYNTAX: &str = "\
    at bernoulli between by columns conflict cube current delete escape exclude exists \
    extract filter first following groups hour insert interval key last locked matched \
    materialized merge minute next no normalized nothing nowait nulls of operator ordinality \
    others over overlay partition passing position preceding range recursive repeatable \
    rollup row rows second set sets share skip substring system temp temporary ties trim \
    unbounded unknown unlogged update values within";

/// Which words of a text the tree has shown.
pub(super) struct Ledger {
    tokens: Vec<TokenWithSpan>,
    /// The number of the first token, from 0.
    base: usize,
    seen: Vec<bool>,
    credit: BTreeMap<String, usize>,
}

impl Ledger {
    pub(super) fn new(tokens: Vec<TokenWithSpan>, base: usize) -> Self {
        let seen = vec![false; tokens.len()];
        Self {
            tokens,
            base,
            seen,
            credit: BTreeMap::new(),
        }
    }

    /// The place among the tokens of an identifier that knows its own.
    fn index(&self, ident: &Ident) -> Option<usize> {
        let line = usize::try_from(ident.span.start.line).ok()?;
        line.checked_sub(1)?.checked_sub(self.base)
    }

    /// Notes that an identifier was visited.
    pub(super) fn see(&mut self, ident: &Ident) {
        match self.index(ident).and_then(|index| self.seen.get_mut(index)) {
            Some(seen) => *seen = true,
            None => self.credit(&ident.value),
        }
    }

    /// Notes that the words of a spelling were visited.
    pub(super) fn credit(&mut self, spelling: &str) {
        for word in spelling.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')) {
            *self.credit.entry(word.to_ascii_lowercase()).or_default() += 1;
        }
    }

    /// True where `AS` stands before an identifier.
    pub(super) fn is_behind_as(&self, ident: &Ident) -> bool {
        let before = self
            .index(ident)
            .and_then(|index| self.tokens.get(index.checked_sub(1)?));
        before.is_some_and(|token| is_word(token, "as"))
    }

    /// Checks that all was visited.
    pub(super) fn settle(mut self) -> Result<(), Unread> {
        for (token, seen) in self.tokens.iter().zip(&self.seen) {
            let Token::Word(word) = &token.token else {
                continue;
            };
            if *seen || word.quote_style.is_none() && may_be_syntax(&word.value) {
                continue;
            }
            match self.credit.get_mut(&word.value.to_ascii_lowercase()) {
                Some(count) if *count > 0 => *count -= 1,
                _ => return Err(Unread::Unaccounted { at: offset(token) }),
            }
        }
        Ok(())
    }
}

fn may_be_syntax(word: &str) -> bool {
    matches!(kind(word), Some(Kind::Reserved | Kind::TypeFunction))
        || SYNTAX.split(' ').any(|syntax| syntax == word)
}

#[cfg(test)]
mod tests {
    use sqlparser::ast::Ident;
    use sqlparser::tokenizer::Token;

    use super::Ledger;
    use crate::sql::lex::lex;
    use crate::sql::unread::Unread;

    /// Settles a text's account when only the given words were visited.
    fn settled(text: &str, seen: &[&str], credited: &str) -> Result<(), Unread> {
        let tokens = lex(text).unwrap();
        let idents: Vec<Ident> = tokens
            .iter()
            .filter_map(|token| match &token.token {
                Token::Word(word) if seen.contains(&word.value.as_str()) => {
                    Some(word.clone().into_ident(token.span))
                }
                _ => None,
            })
            .collect();
        let mut ledger = Ledger::new(tokens, 0);
        idents.iter().for_each(|ident| ledger.see(ident));
        ledger.credit(credited);
        ledger.settle()
    }

    #[test]
    fn every_name_must_have_been_visited() {
        assert_eq!(settled("select a from b", &["a", "b"], ""), Ok(()));
        assert_eq!(
            settled("select a from b", &["a"], ""),
            Err(Unread::Unaccounted { at: 14 })
        );
        assert_eq!(
            settled("select \"from\"", &[], ""),
            Err(Unread::Unaccounted { at: 7 })
        );
        // a keyword that is a name as well, where queries have no syntax for it
        assert_eq!(
            settled("select local", &[], ""),
            Err(Unread::Unaccounted { at: 7 })
        );
        assert_eq!(settled("select 1 order by 1 nulls first", &[], ""), Ok(()));
    }

    #[test]
    fn credit_is_spent_once() {
        assert_eq!(settled("select a::numeric", &["a"], "NUMERIC(10)"), Ok(()));
        let twice = settled("select numeric::numeric", &[], "NUMERIC");
        assert_eq!(twice, Err(Unread::Unaccounted { at: 16 }));
    }
}
