//! What was counted, told: names and units by OpenTelemetry's semantic conventions where they have
//! one (`db.client.*`, 1.33), under `weir.` where they don't.

use super::{Meters, Target, Verdict};
use crate::{Family, Kind};

/// `network.io.direction`, seen from the agent.
const DIRECTION: &str = "network.io.direction";

impl Meters {
    /// All of it, as it is now.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut all = Vec::from(self.sessions());
        all.extend(self.commands());
        all.extend(self.databases());
        all.extend(self.people());
        all.extend(self.host());
        all
    }

    fn all_targets(&self) -> impl Iterator<Item = &Target> {
        let own = [&self.undeclared, &self.dns];
        let mut declared: Vec<_> = self.targets.values().collect();
        declared.sort_by(|one, other| one.declared.name.cmp(&other.declared.name));
        declared.into_iter().chain(own).map(AsRef::as_ref)
    }

    fn sessions(&self) -> [Family; 4] {
        let mut active = Family::new(
            "weir.session.active",
            "{session}",
            Kind::Level,
            "Sessions that are open.",
        );
        let mut opened = Family::new(
            "weir.session.opened",
            "{session}",
            Kind::Counter,
            "Sessions that began, refused ones among them.",
        );
        let mut ended = Family::new(
            "weir.session.ended",
            "{session}",
            Kind::Counter,
            "Sessions that ended, by how.",
        );
        for target in self.all_targets() {
            for (name, workload) in self.workloads.iter().zip(&target.workloads) {
                if workload.opened.get() == 0 {
                    continue;
                }
                let [one, two] = target.labels();
                let labels = [one, two, ("weir.workload", name.as_str())];
                active.push(labels, crate::Value::Number(workload.active.get()));
                opened.number(labels, workload.opened.get());
                for (how, count) in workload.ended.all() {
                    let [one, two, three] = labels;
                    ended.number([one, two, three, ("weir.session.end", how)], count.get());
                }
            }
        }
        let mut refused = Family::new(
            "weir.connection.refused",
            "{connection}",
            Kind::Counter,
            "Connections that were refused, by the rule.",
        );
        for (rule, count) in self.refused.all() {
            refused.number([("weir.rule", rule)], count.get());
        }
        [active, opened, ended, refused]
    }

    fn commands(&self) -> [Family; 5] {
        let mut verdicts = Family::new(
            "weir.verdicts",
            "{command}",
            Kind::Counter,
            "Commands that were judged, by the verdict; `observed` goes on only because its workload is.",
        );
        let mut took = Family::new(
            "weir.verdict.duration",
            "s",
            Kind::Histogram,
            "From a command's arrival to its verdict.",
        );
        let mut masked = Family::new(
            "weir.masked",
            "{value}",
            Kind::Counter,
            "Values that agents saw masked.",
        );
        let mut io = Family::new(
            "weir.io",
            "By",
            Kind::Counter,
            "Payload that agents received; and sent, where it is passed on unread.",
        );
        for target in self.all_targets() {
            for verdict in Verdict::ALL {
                let count = target.verdict(verdict).get();
                if count != 0 {
                    let [one, two] = target.labels();
                    verdicts.number([one, two, ("weir.verdict", verdict.as_str())], count);
                }
            }
            took.distribution(target.labels(), target.judged.distribution());
            if target.masked.get() != 0 {
                masked.number(target.labels(), target.masked.get());
            }
            let ways = [("receive", &target.received), ("transmit", &target.sent)];
            for (way, bytes) in ways.into_iter().filter(|(_, bytes)| bytes.get() != 0) {
                let [one, two] = target.labels();
                io.number([one, two, (DIRECTION, way)], bytes.get());
            }
        }
        let mut denied = Family::new(
            "weir.command.denied",
            "{command}",
            Kind::Counter,
            "Commands that were refused, by the rule.",
        );
        for (rule, count) in self.denied.all() {
            denied.number([("weir.rule", rule)], count.get());
        }
        [verdicts, took, denied, masked, io]
    }

    fn databases(&self) -> [Family; 4] {
        let mut operations = Family::new(
            "db.client.operation.duration",
            "s",
            Kind::Histogram,
            "How long targets took for commands.",
        );
        let mut rows = Family::new(
            "db.client.response.returned_rows",
            "{row}",
            Kind::Histogram,
            "Rows of each command that was carried out.",
        );
        let mut created = Family::new(
            "db.client.connection.create_time",
            "s",
            Kind::Histogram,
            "How long targets took to let weir in.",
        );
        let mut connected = Family::new(
            "weir.upstream.connect.duration",
            "s",
            Kind::Histogram,
            "How long targets that are not read took to take a connection.",
        );
        for target in self.all_targets() {
            let Some(system) = target.system() else {
                for (error, took) in target.dialled() {
                    connected.distribution(target.labels().into_iter().chain(error), took);
                }
                continue;
            };
            let port = target
                .declared
                .upstream
                .as_ref()
                .map(|(_, port)| port.to_string());
            let labels = || target.database(system, port.as_deref());
            for (name, operation) in target.operations.all() {
                let named = || labels().chain([("db.operation.name", name)]);
                let failed = |error| named().chain([(ERROR, error)]);
                operations.distribution(named(), operation.done.distribution());
                operations.distribution(failed("target"), operation.failed.distribution());
                operations.distribution(failed("lost"), operation.lost.distribution());
            }
            rows.distribution(labels(), target.rows.distribution());
            let pool = (
                "db.client.connection.pool.name",
                target.declared.name.as_str(),
            );
            for (error, took) in target.dialled() {
                created.distribution(labels().chain([pool]).chain(error), took);
            }
        }
        [operations, rows, created, connected]
    }

    fn people(&self) -> [Family; 4] {
        let approvals = &self.approvals;
        let pending = Family::new(
            "weir.approval.pending",
            "{command}",
            Kind::Level,
            "Commands that wait for people.",
        );
        let mut answers = Family::new(
            "weir.approval.answers",
            "{answer}",
            Kind::Counter,
            "What people said.",
        );
        for (answer, count) in approvals.answers.all() {
            answers.number([("weir.approval.answer", answer)], count.get());
        }
        let mut settled = Family::new(
            "weir.approval.settled",
            "{command}",
            Kind::Counter,
            "What became of commands that waited for people.",
        );
        for (how, count) in approvals.settled.all() {
            settled.number([("weir.approval.outcome", how)], count.get());
        }
        let mut waited = Family::new(
            "weir.approval.wait.duration",
            "s",
            Kind::Histogram,
            "How long commands waited for people.",
        );
        waited.distribution([], approvals.waited.distribution());
        [
            pending.with([], approvals.pending.get()),
            answers,
            settled,
            waited,
        ]
    }

    fn host(&self) -> [Family; 5] {
        let names = Family::new(
            "weir.dns.questions",
            "{question}",
            Kind::Counter,
            "What became of questions to resolvers.",
        );
        let became = |how| [("weir.dns.outcome", how)];
        let record = &self.record;
        let mut synced = Family::new(
            "weir.record.sync.duration",
            "s",
            Kind::Histogram,
            "How long the disk took for records.",
        );
        synced.distribution([], record.synced.distribution());
        let loads = Family::new(
            "weir.policy.reloads",
            "{reload}",
            Kind::Counter,
            "How often policies were read anew, and taken or not.",
        );
        let result = |result| [("weir.policy.result", result)];
        [
            names
                .with(became("answered"), self.names.answered.get())
                .with(became("refused"), self.names.refused.get())
                .with(became("failed"), self.names.failed.get()),
            Family::new(
                "weir.record.events",
                "{event}",
                Kind::Counter,
                "Events, and pieces of answers, that were recorded.",
            )
            .with([], record.events.get()),
            Family::new(
                "weir.record.written",
                "By",
                Kind::Counter,
                "Bytes of records.",
            )
            .with([], record.bytes.get()),
            synced,
            loads
                .with(result("taken"), self.loaded.get())
                .with(result("rejected"), self.rejected.get()),
        ]
    }
}

/// By OpenTelemetry's name.
const ERROR: &str = "error.type";

type Label<'a> = (&'static str, &'a str);

impl Target {
    fn labels(&self) -> [Label<'_>; 2] {
        [
            ("weir.target", &self.declared.name),
            ("network.protocol.name", &self.declared.protocol),
        ]
    }

    fn database<'a>(
        &'a self,
        system: &'static str,
        port: Option<&'a str>,
    ) -> impl Iterator<Item = Label<'a>> {
        let host = self
            .declared
            .upstream
            .as_ref()
            .map(|(host, _)| host.as_str());
        [
            Some(("db.system.name", system)),
            Some(("weir.target", self.declared.name.as_str())),
            host.map(|host| ("server.address", host)),
            port.map(|port| ("server.port", port)),
        ]
        .into_iter()
        .flatten()
    }

    /// How long it took to be reached, or to be found out of reach.
    fn dialled(&self) -> [(Option<Label<'static>>, Option<crate::Distribution>); 2] {
        [
            (None, self.reached.distribution()),
            (Some((ERROR, "unreachable")), self.unreached.distribution()),
        ]
    }
}
