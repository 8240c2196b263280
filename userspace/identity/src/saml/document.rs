//! XML from strangers, bounded, and a narrow way to read it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use uppsala::{Document, NodeId, NodeKind, Parser};

use super::refused::{Refused, quoted};

/// Namespaces.
pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Longest response, in bytes of XML.
const LONGEST: usize = 256 * 1024;
/// Most tags, closing ones too.
const TAGS: usize = 8192;
/// Most attributes of one element. The parser compares them with each other.
const ATTRIBUTES: usize = 64;
/// Deepest nesting.
const DEPTH: u32 = 32;

/// The XML in a form's field.
pub(super) fn decode(response: &str) -> Result<String, Refused> {
    // Browsers and providers may break the lines.
    let encoded: String = response
        .chars()
        .take(LONGEST * 2)
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    if response.len() > LONGEST * 2 || encoded.len() > LONGEST.div_ceil(3) * 4 {
        return Err(Refused::TooLarge { limit: LONGEST });
    }
    let bytes = STANDARD.decode(encoded).map_err(|_| Refused::NotText)?;
    String::from_utf8(bytes).map_err(|_| Refused::NotText)
}

/// Parses it, if its size is in every respect that of a response.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Refused> {
    if text.len() > LONGEST {
        return Err(Refused::TooLarge { limit: LONGEST });
    }
    for (n, tag) in text.split('<').enumerate() {
        // A `<` begins a tag, wherever it stands, and each attribute has a `=`.
        if n > TAGS || tag.bytes().filter(|&byte| byte == b'=').count() > ATTRIBUTES {
            let problem = "too many tags, or attributes of one";
            return Err(Refused::NotXml(problem.to_owned()));
        }
    }
    let document = Parser::new()
        .with_forbid_dtd(true)
        .with_forbid_entities(true)
        .with_max_depth(DEPTH)
        .parse(text)
        .map_err(|error| Refused::NotXml(quoted(&error.to_string())))?;
    // Canonicalisation drops comments: with one, text is signed whole and read in parts.
    for node in document.descendants(document.root()) {
        match document.node_kind(node) {
            Some(NodeKind::Comment(_)) => return Err(Refused::Exotic("a comment")),
            Some(NodeKind::ProcessingInstruction(_)) => {
                return Err(Refused::Exotic("a processing instruction"));
            }
            _ => {}
        }
    }
    Ok(document)
}

/// One element of a document.
#[derive(Clone, Copy)]
pub(super) struct Markup<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) id: NodeId,
}

impl<'d> Markup<'d> {
    pub(super) fn root(document: &'d Document<'d>) -> Result<Self, Refused> {
        let id = document
            .document_element()
            .ok_or_else(|| Refused::NotXml("it is empty".to_owned()))?;
        Ok(Self { document, id })
    }

    pub(super) fn is(self, namespace: &str, name: &str) -> bool {
        self.document
            .element(self.id)
            .is_some_and(|element| element.matches_name_ns(namespace, name))
    }

    /// An attribute in no namespace. The parser's own look-up would take any.
    pub(super) fn attribute(self, name: &str) -> Option<&'d str> {
        let attributes = &self.document.element(self.id)?.attributes;
        attributes
            .iter()
            .find(|attribute| {
                attribute.name.namespace_uri.is_none() && attribute.name.local_name == name
            })
            .map(|attribute| &*attribute.value)
    }

    /// The elements right below.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        let Self { document, id } = self;
        document
            .children_iter(id)
            .filter(|&child| document.element(child).is_some())
            .map(move |id| Self { document, id })
    }

    /// Those of this name right below.
    pub(super) fn all<'n>(
        self,
        namespace: &'n str,
        name: &'n str,
    ) -> impl Iterator<Item = Self> + use<'d, 'n> {
        let Self { document, id } = self;
        document
            .children_iter(id)
            .map(move |id| Self { document, id })
            .filter(move |child| child.is(namespace, name))
    }

    /// The only one of this name right below, if there is one. Two are an error: which of them was
    /// meant is how responses are forged.
    pub(super) fn only(self, namespace: &str, name: &str) -> Result<Option<Self>, Refused> {
        let mut all = self.all(namespace, name);
        let first = all.next();
        if all.next().is_some() {
            return Err(Refused::Shape(format!("two {name} where one may be")));
        }
        Ok(first)
    }

    /// As [`only`](Self::only), and it must be there.
    pub(super) fn the(self, namespace: &str, name: &str) -> Result<Self, Refused> {
        self.only(namespace, name)?
            .ok_or_else(|| Refused::Shape(format!("no {name} where one must be")))
    }

    /// All below, at any depth, and this one.
    pub(super) fn everything(self) -> impl Iterator<Item = Self> {
        let Self { document, id } = self;
        std::iter::once(id)
            .chain(document.descendants(id))
            .filter(|&id| document.element(id).is_some())
            .map(move |id| Self { document, id })
    }

    pub(super) fn parent(self) -> Option<NodeId> {
        self.document.parent(self.id)
    }

    /// All of its text, which must be all that it has, without white space around it.
    pub(super) fn text(self) -> Result<String, Refused> {
        let mut text = String::new();
        for child in self.document.children_iter(self.id) {
            match self.document.node_kind(child) {
                Some(NodeKind::Text(part) | NodeKind::CData(part)) => text.push_str(part),
                _ => return Err(Refused::Shape("elements where text must be".to_owned())),
            }
        }
        Ok(text.trim().to_owned())
    }
}
