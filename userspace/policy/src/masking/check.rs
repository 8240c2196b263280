//! `masking.toml` from what is written to what holds: every name known, every pattern sound.

use std::{collections::BTreeMap, ops::Range};

use toml::Spanned;

use super::{
    Channel, DataClass, MaskingRules, Method, Rule, detection,
    glob::Glob,
    raw::{self, Class, Column, File, MethodName, Patterns},
};
use crate::{Diagnostic, Diagnostics, Severity, Source, detect::Detector};

mod detector;

/// Most of a value that `partial` may leave readable, in characters.
const MAX_KEEP_LAST: u64 = 8;

/// Most patterns for columns in one file: each costs a comparison for each column of a result.
const MAX_PATTERNS: usize = 10_000;

/// Reads the rules of one source. What is only a warning comes beside them.
pub(crate) fn read(source: &Source) -> Result<(MaskingRules, Vec<Diagnostic>), Diagnostics> {
    let file: File = toml::from_str(&source.text).map_err(|e| {
        Diagnostics(vec![Diagnostic::at(
            Severity::Error,
            source,
            e.span().unwrap_or(0..0),
            e.message(),
            None,
        )])
    })?;
    let mut check = Check {
        source,
        found: Vec::new(),
    };
    let rules = check.file(file);
    let (errors, warnings): (Vec<_>, Vec<_>) = check
        .found
        .into_iter()
        .partition(|d| d.severity == Severity::Error);
    // What does not hold leaves classes without columns: no news.
    if errors.is_empty() {
        Ok((rules, warnings))
    } else {
        Err(Diagnostics(errors))
    }
}

struct Check<'a> {
    source: &'a Source,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.found.push(Diagnostic::at(
            Severity::Error,
            self.source,
            span,
            message,
            help,
        ));
    }

    fn file(&mut self, file: File) -> MaskingRules {
        let mut classes = BTreeMap::new();
        let mut unused = BTreeMap::new();
        for (name, class) in file.class {
            let span = name.span();
            let method = self.method(class);
            if let Some(class) = self.class_name(&name) {
                unused.insert(class.clone(), span);
                classes.insert(class, method);
            }
        }
        let mut rules = Vec::new();
        let mut patterns = 0;
        for column in file.column {
            let span = column.class.span();
            if let Some(rule) = self.rule(column, &classes) {
                patterns += rule.columns.len();
                if patterns > MAX_PATTERNS {
                    self.error(
                        span,
                        format!("more than {MAX_PATTERNS} patterns for columns"),
                        None,
                    );
                    break;
                }
                unused.remove(&rule.class);
                rules.push(rule);
            }
        }
        let mut detectors = detection::Rules::default();
        for declared in file.detector {
            if let Some(class) = self.detector(declared, &classes, &mut detectors) {
                unused.remove(&class);
            }
        }
        // What detectors find is of these where nothing else is said.
        unused.retain(|class, _| Detector::all().all(|known| known.class() != class.as_str()));
        for (class, span) in unused {
            self.found.push(Diagnostic::at(
                Severity::Warning,
                self.source,
                span,
                format!("no column and no detector has the class `{class}`"),
                None,
            ));
        }
        MaskingRules {
            classes,
            rules,
            detectors,
            channels: file
                .channel
                .into_iter()
                .filter_map(|channel| self.channel(channel))
                .collect(),
        }
    }

    fn class_name(&mut self, name: &Spanned<String>) -> Option<DataClass> {
        let class = DataClass::new(name.get_ref());
        if class.is_none() {
            self.error(
                name.span(),
                format!("`{}` can't name a class", name.get_ref().escape_debug()),
                Some("lower-case letters, digits, `_` and `-`, a letter first, at most 64".into()),
            );
        }
        class
    }

    fn method(&mut self, class: Class) -> Method {
        let method = *class.method.get_ref();
        if method != MethodName::Partial
            && let Some(keep_last) = &class.keep_last
        {
            self.error(
                keep_last.span(),
                "`keep_last` goes with `method = \"partial\"` only",
                None,
            );
        }
        match method {
            MethodName::Redact => Method::Redact,
            MethodName::Hash => Method::Hash,
            MethodName::Tokenise => Method::Tokenise,
            MethodName::Null => Method::Null,
            MethodName::Partial => self.partial(class),
        }
    }

    fn partial(&mut self, class: Class) -> Method {
        let Some(keep_last) = class.keep_last else {
            self.error(
                class.method.span(),
                "`partial` needs `keep_last`",
                Some(format!(
                    "say how many characters stay readable, 1 to {MAX_KEEP_LAST}"
                )),
            );
            return Method::Redact;
        };
        match usize::try_from(*keep_last.get_ref()) {
            Ok(keep) if (1..=MAX_KEEP_LAST).contains(keep_last.get_ref()) => {
                Method::Partial { keep_last: keep }
            }
            _ => {
                self.error(
                    keep_last.span(),
                    format!("`keep_last` is 1 to {MAX_KEEP_LAST}"),
                    Some("to show a class as it is, permit the action `reveal` on it".into()),
                );
                Method::Redact
            }
        }
    }

    fn rule(&mut self, column: Column, classes: &BTreeMap<DataClass, Method>) -> Option<Rule> {
        let known = self.declared(&column.class, classes);
        let target = self.pattern(column.target.as_ref());
        let database = self.pattern(column.database.as_ref());
        let (schema, relation) = self.table(column.table.as_ref());
        let columns = self.columns(column.column);
        let (class, method) = known?;
        Some(Rule {
            class,
            method,
            target: target?,
            database: database?,
            schema: schema?,
            relation: relation?,
            columns,
        })
    }

    /// The declared class of this name, with its method.
    fn declared(
        &mut self,
        name: &Spanned<String>,
        classes: &BTreeMap<DataClass, Method>,
    ) -> Option<(DataClass, Method)> {
        if let Some((class, method)) = classes.get_key_value(name.get_ref().as_str()) {
            return Some((class.clone(), *method));
        }
        let names: Vec<&str> = classes.keys().map(DataClass::as_str).collect();
        self.error(
            name.span(),
            format!("no class is called `{}`", name.get_ref().escape_debug()),
            Some(match names.as_slice() {
                [] => "declare it: [class.NAME]".into(),
                _ => format!("declared are: {}", names.join(", ")),
            }),
        );
        None
    }

    fn channel(&mut self, channel: raw::Channel) -> Option<Channel> {
        let target = self.pattern(channel.target.as_ref());
        let database = self.pattern(channel.database.as_ref());
        let names = self.patterns(channel.clear, "an empty list matches no channel");
        Some(Channel {
            target: target?,
            database: database?,
            names,
        })
    }

    fn columns(&mut self, written: Spanned<Patterns>) -> Vec<Glob> {
        self.patterns(written, "an empty list matches no column")
    }

    fn patterns(&mut self, written: Spanned<Patterns>, empty: &str) -> Vec<Glob> {
        let span = written.span();
        match written.into_inner() {
            Patterns::One(one) => self.glob(&one, span).into_iter().collect(),
            Patterns::Many(many) => {
                if many.is_empty() {
                    self.error(span, empty, None);
                }
                many.iter()
                    .filter_map(|one| self.glob(one.get_ref(), one.span()))
                    .collect()
            }
        }
    }

    fn table(&mut self, written: Option<&Spanned<String>>) -> (Option<Glob>, Option<Glob>) {
        let Some(written) = written else {
            return (Some(Glob::any()), Some(Glob::any()));
        };
        let span = written.span();
        match written.get_ref().split_once('.') {
            None => (Some(Glob::any()), self.glob(written.get_ref(), span)),
            Some((schema, relation)) if !relation.contains('.') => {
                (self.glob(schema, span.clone()), self.glob(relation, span))
            }
            Some(_) => {
                self.error(
                    span,
                    "a table is `relation` or `schema.relation`",
                    Some("databases have a key of their own: `database`".into()),
                );
                (None, None)
            }
        }
    }

    fn pattern(&mut self, written: Option<&Spanned<String>>) -> Option<Glob> {
        match written {
            None => Some(Glob::any()),
            Some(written) => self.glob(written.get_ref(), written.span()),
        }
    }

    fn glob(&mut self, pattern: &str, span: Range<usize>) -> Option<Glob> {
        match Glob::new(pattern) {
            Ok(glob) => Some(glob),
            Err(why) => {
                self.error(span, why.to_string(), None);
                None
            }
        }
    }
}
