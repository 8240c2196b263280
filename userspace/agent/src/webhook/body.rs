//! What a receiver gets.

use serde::Serialize;
use serde_json::json;

use crate::{
    approve::{Change, Request, Rows},
    config::WebhookShape,
};

/// Longest command in a message, in characters.
const SHOWN: usize = 500;

#[derive(Serialize)]
struct Generic<'a> {
    event: &'a str,
    request: &'a Request,
}

pub(super) fn of(shape: WebhookShape, change: &Change) -> Result<Vec<u8>, serde_json::Error> {
    match shape {
        WebhookShape::Generic => serde_json::to_vec(&Generic {
            event: &change.event,
            request: &change.request,
        }),
        WebhookShape::Slack => serde_json::to_vec(&json!({ "text": message(change) })),
    }
}

fn message(change: &Change) -> String {
    let request = &*change.request;
    let who = match &request.who.on_behalf_of {
        Some(person) => format!("{} for {person}", request.who.subject),
        None => request.who.subject.clone(),
    };
    let (who, target, id) = (plain(&who), plain(&request.target), plain(&request.id));
    match change.event.as_str() {
        "asked" => {
            let of = plain(&request.of);
            let why = request.message.as_deref().map(plain).unwrap_or_default();
            let rows = match &request.rows {
                Some(Rows::Estimated(rows)) => format!("\nrows: about {rows}, an estimate"),
                _ => String::new(),
            };
            let command = plain(&request.command);
            format!(
                "*{who}* waits for *{of}* on *{target}*: {why}\n```{command}```{rows}\n\
                 `weir approvals show '{id}'` tells all of it"
            )
        }
        _ => {
            let by = request.answers.last().map_or_else(String::new, |given| {
                let name = given.name.as_deref().unwrap_or(&given.by);
                let reason = given.reason.as_deref().map(plain).unwrap_or_default();
                format!(" (last answer: {} {reason})", plain(name))
            });
            let state = request.state().replace('_', " ");
            format!("{id}: what *{who}* asked on *{target}* is {state}{by}")
        }
    }
}

/// A text that means nothing to Slack: no mention, link or end of a block comes from an agent.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().take(SHOWN) {
        match c {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '`' => plain.push('\''),
            '*' => plain.push('∗'),
            c if c.is_control() && c != '\n' => plain.push('\u{fffd}'),
            c => plain.push(c),
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn an_agent_s_text_is_no_mention_and_ends_no_block() {
        let hostile = "<!channel> ``` *x* <https://evil|ok> \u{1b}[2J";
        let shown = plain(hostile);
        assert!(!shown.contains(['<', '>', '`', '*', '\u{1b}']), "{shown}");
        assert_eq!(plain(&"x".repeat(600)).chars().count(), 501);
    }
}
