//! Which templates permit what is asked for, and nothing more.

use std::collections::BTreeSet;

use weir_policy::{Grantable, Policies};

use super::AccessError;

/// The templates for these actions, each an action of the schema or a template's own id. A template
/// that would permit an action that wasn't asked for is not taken.
pub(super) fn choose(policies: &Policies, asked: &[String]) -> Result<Vec<String>, AccessError> {
    let all: Vec<&Grantable> = policies.grantable().collect();
    let mut chosen: BTreeSet<&str> = BTreeSet::new();
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for word in asked {
        match all.iter().find(|one| one.id == *word) {
            Some(template) => drop(chosen.insert(&template.id)),
            None => drop(open.insert(word)),
        }
    }
    let wanted = open.clone();
    let mut fitting: Vec<&&Grantable> = all
        .iter()
        .filter(|one| {
            one.actions
                .iter()
                .all(|action| wanted.contains(action.as_str()))
        })
        .collect();
    // Few that permit much, rather than many: fewer people must agree on it.
    fitting.sort_by_key(|one| std::cmp::Reverse(one.actions.len()));
    for template in fitting {
        let covers = |action: &String| open.contains(action.as_str());
        if template.actions.iter().any(covers) {
            open.retain(|action| !template.actions.contains(*action));
            chosen.insert(&template.id);
        }
    }
    match open.first() {
        None => Ok(chosen.into_iter().map(str::to_owned).collect()),
        Some(action) => Err(AccessError::NotGrantable {
            action: (*action).to_owned(),
            grantable: all.iter().map(|one| described(one)).collect(),
        }),
    }
}

fn described(template: &Grantable) -> String {
    let actions: Vec<&str> = template.actions.iter().map(String::as_str).collect();
    format!("{} ({})", template.id, actions.join(", "))
}
