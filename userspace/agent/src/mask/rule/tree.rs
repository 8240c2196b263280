//! The text form of the server's trees of nodes (`nodes/outfuncs.c`, `nodes/read.c`): atoms, lists in
//! parentheses, and nodes in braces with named fields.
//!
//! Each field has exactly one value, so a name that somebody gave (`AS ":varno"`) stands where a value
//! stands and is never taken for a field.

use std::collections::BTreeSet;

/// Longest text that is read, in bytes.
const LONGEST: usize = 4 << 20;
/// Deepest nesting.
const DEEPEST: usize = 400;
/// What stands for nothing.
const NONE: &str = "<>";

/// One tree.
#[derive(Debug)]
pub(super) enum Tree<'a> {
    Atom(&'a str),
    List(Vec<Tree<'a>>),
    Node(&'a str, Vec<(&'a str, Tree<'a>)>),
}

/// Reads a text, all of it.
pub(super) fn read(text: &str) -> Option<Tree<'_>> {
    if text.len() > LONGEST {
        return None;
    }
    let mut rest = Tokens(text);
    let first = rest.next()?;
    let tree = rest.value(first, DEEPEST)?;
    rest.next().is_none().then_some(tree)
}

impl<'a> Tree<'a> {
    /// The name of a node.
    pub(super) fn name(&self) -> Option<&'a str> {
        match self {
            Self::Node(name, _) => Some(name),
            _ => None,
        }
    }

    /// A field of a node.
    pub(super) fn get(&self, field: &str) -> Option<&Self> {
        let Self::Node(_, fields) = self else {
            return None;
        };
        fields
            .iter()
            .find_map(|(name, value)| (*name == field).then_some(value))
    }

    /// A field that is an atom.
    pub(super) fn atom(&self, field: &str) -> Option<&'a str> {
        match self.get(field)? {
            Tree::Atom(atom) => Some(atom),
            _ => None,
        }
    }

    /// Whether it is nothing.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Atom(NONE))
    }

    /// The items of a list.
    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The same; nothing is a list of none.
    pub(super) fn items(&self) -> Option<&[Self]> {
        if self.is_none() {
            Some(&[])
        } else {
            self.list()
        }
    }

    /// What is directly in it.
    pub(super) fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::Atom(_) => Box::new(std::iter::empty()),
            Self::List(items) => Box::new(items.iter()),
            Self::Node(_, fields) => Box::new(fields.iter().map(|(_, value)| value)),
        }
    }

    /// Adds every atom in it, however deep, that is a field of this name.
    pub(super) fn atoms(&self, field: &str, to: &mut BTreeSet<&'a str>) {
        to.extend(self.atom(field));
        self.children().for_each(|child| child.atoms(field, to));
    }
}

/// What is left of a text.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\n', '\t']);
        let mut escaped = false;
        let mut end = text.len();
        for (at, c) in text.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' | ')' | '{' | '}' => {
                    end = if at == 0 { 1 } else { at };
                    break;
                }
                ' ' | '\n' | '\t' => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (token, rest) = text.split_at_checked(end)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }
}

impl<'a> Tokens<'a> {
    fn value(&mut self, token: &'a str, depth: usize) -> Option<Tree<'a>> {
        let depth = depth.checked_sub(1)?;
        match token {
            "(" => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        ")" => return Some(Tree::List(items)),
                        token => items.push(self.value(token, depth)?),
                    }
                }
            }
            "{" => self.node(depth),
            ")" | "}" => None,
            atom => Some(Tree::Atom(atom)),
        }
    }

    fn node(&mut self, depth: usize) -> Option<Tree<'a>> {
        let name = self.next().filter(|name| is_word(name))?;
        let mut fields = Vec::new();
        let mut token = self.next()?;
        loop {
            if token == "}" {
                return Some(Tree::Node(name, fields));
            }
            let field = token.strip_prefix(':').filter(|name| is_word(name))?;
            let first = self.next()?;
            fields.push((field, self.value(first, depth)?));
            token = self.next()?;
            // A constant's bytes: their number, then themselves in brackets.
            if token == "[" {
                while self.next()? != "]" {}
                token = self.next()?;
            }
        }
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
