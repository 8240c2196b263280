//! Reads the whole file: its stanzas, then what they say about each other.

use toml::{Spanned, de::DeTable};
use weir_policy::Diagnostics;

use super::{
    Config, approvals, dns, engine, identity, invalid::InvalidValue, overlap, policies, provider,
    records, report::Report, ship, stanza::Declared, table::Table, target, telemetry, value::Value,
    webhook, workload,
};

pub(super) fn read(file: &str, text: &str) -> Result<Config, Diagnostics> {
    let report = Report::new(file, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What was recovered from broken syntax isn't what was meant: judging it would mislead.
        for error in errors {
            let span = error.span().unwrap_or(text.len()..text.len());
            report.error(&span, InvalidValue::new(error.message()));
        }
        return report.conclude(None);
    }
    let config = config(Table::root(&root, &report), &report);
    report.conclude(config)
}

fn config<'a>(mut root: Table<'a>, report: &'a Report<'a>) -> Option<Config> {
    let engine = root
        .optional("engine")
        .map(|v| v.table("[engine]").map(engine::read));
    let policies = root
        .optional("policies")
        .map(|v| v.table("[policies]").map(policies::read));
    let dns = root
        .optional("dns")
        .map(|v| v.table("[dns]").map(dns::read));
    let records = root
        .optional("records")
        .map(|v| v.table("[records]").map(records::read));
    let ship = root.optional("ship").map(|v| {
        v.table("[ship]")
            .and_then(|table| ship::read(table, report))
    });
    let telemetry = root
        .optional("telemetry")
        .map(|v| v.table("[telemetry]").and_then(telemetry::read));
    let approvals = root
        .optional("approvals")
        .map(|v| v.table("[approvals]").map(approvals::read));
    let mut stanzas = |key, title| {
        root.optional(key)
            .map(|v: Value<'a>| v.tables(title))
            .unwrap_or_default()
            .into_iter()
    };
    let providers = stanzas("provider", "[[provider]]")
        .map(provider::read)
        .collect();
    let providers = Declared::new(providers, report);
    let identities = stanzas("identity", "[[identity]]")
        .map(|table| identity::read(table, &providers, report))
        .collect();
    let workloads = stanzas("workload", "[[workload]]")
        .map(workload::read)
        .collect();
    let targets = stanzas("target", "[[target]]").map(target::read).collect();
    let webhooks: Vec<_> = stanzas("webhook", "[[webhook]]")
        .map(webhook::read)
        .collect();
    root.finish();

    let identities = Declared::new(identities, report);
    let workloads = Declared::new(workloads, report);
    let targets = Declared::new(targets, report);
    let declared = [
        providers.len(),
        identities.len(),
        workloads.len(),
        targets.len(),
    ];
    let unlinked: Vec<_> = workloads
        .into_values()
        .map(|(_, workload)| workload)
        .collect();
    let cgroups: Vec<Spanned<_>> = unlinked.iter().map(|w| w.cgroup.clone()).collect();
    let workloads: Vec<_> = unlinked
        .into_iter()
        .filter_map(|w| w.link(&identities, &targets, report))
        .collect();
    let targets: Vec<_> = targets.into_values().collect();
    overlap::cgroups(&cgroups, report);
    overlap::targets(&targets, &workloads, report);
    let config = Config {
        engine: engine.unwrap_or_else(|| Some(engine::Engine::default()))?,
        policies: policies.unwrap_or_else(|| Some(policies::PolicyOptions::default()))?,
        dns: dns.unwrap_or_else(|| Some(dns::Dns::default()))?,
        records: records.unwrap_or_else(|| Some(records::Records::default()))?,
        ship: ship.unwrap_or_else(|| Some(ship::Ship::default()))?,
        telemetry: telemetry.unwrap_or_else(|| Some(telemetry::Telemetry::default()))?,
        providers: providers
            .into_values()
            .map(|(_, provider)| provider)
            .collect(),
        approvals: approvals.unwrap_or_else(|| Some(approvals::Approvals::default()))?,
        webhooks: webhooks.into_iter().collect::<Option<_>>()?,
        workloads,
        identities: identities
            .into_values()
            .map(|(_, identity)| identity)
            .collect(),
        targets: targets.into_iter().map(|(_, target)| target).collect(),
    };
    // A stanza that fell out without a word would leave somebody ungoverned.
    let kept = [
        config.providers.len(),
        config.identities.len(),
        config.workloads.len(),
        config.targets.len(),
    ];
    (kept == declared).then_some(config)
}
