//! What a live session does, counted: its signals looked at as it is judged, and what comes of it
//! put on its budgets.

use std::iter;

use weir_command::Statement;
use weir_policy::{Amount, Footprint, Mode, Raised, RaisedSignal, Refusal, Verdict};

use super::judge::Judge;
use crate::approve;

/// The rule that ends a result which exceeds a budget that cuts.
pub const BUDGET_CUT: &str = "budget-cut";

impl Judge {
    /// Judges the opening of a session or a connection, and counts it. A refusal's message has the
    /// figures of what is raised.
    #[must_use]
    pub fn open(&mut self, statements: &[Statement]) -> Verdict {
        let print = Footprint::of(statements);
        self.look_for(&iter::once(&print));
        match self.judge(statements, false) {
            Verdict::Allow(permit) => {
                self.count_allowed(&iter::once(&print));
                self.settle();
                Verdict::Allow(permit)
            }
            // Counted once people have said.
            Verdict::Ask(ask) => Verdict::Ask(ask),
            Verdict::Deny(refusal) => {
                self.count_refused(&refusal, &iter::once(&print));
                Verdict::Deny(self.with_figures(refusal))
            }
        }
    }

    /// A refusal that says by its message which signals are raised.
    pub(super) fn with_figures(&self, mut refusal: Refusal) -> Refusal {
        for signal in self.figures() {
            refusal.message.push_str(&format!("; signal {signal}"));
        }
        refusal
    }

    /// Counts an opening that people were asked about.
    pub fn count_opened(&mut self, statements: &[Statement], opened: Result<(), &Refusal>) {
        let print = Footprint::of(statements);
        match opened {
            Ok(()) => self.count_allowed(&iter::once(&print)),
            Err(refusal) => self.count_refused(refusal, &iter::once(&print)),
        }
        self.settle();
    }

    /// Whether the bundle has signals at all. Where it has none, there is nothing to count.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watch.is_active()
    }

    /// Looks at the signals as a message of these footprints is judged.
    pub fn look_for<'a>(
        &mut self,
        prints: &(impl Iterator<Item = &'a Footprint> + Clone),
    ) -> Raised {
        if !self.is_watched() {
            return Raised::default();
        }
        self.watch.at(self.signals.now());
        let raised = self.watch.look(prints);
        self.told(raised);
        self.tell_policy(raised);
        raised
    }

    /// Looks at the signals by what was done.
    pub fn look(&mut self) -> Raised {
        self.look_for(&iter::empty())
    }

    /// Looks at the signals for something that was judged under `earlier` ones: those hold on.
    pub fn look_again(&mut self, earlier: Raised) -> Raised {
        let raised = self.look() | earlier;
        self.tell_policy(raised);
        raised
    }

    /// Those that the last look found.
    #[must_use]
    pub fn raised(&self) -> Raised {
        self.raised
    }

    /// The same, with their figures. Empty, and nothing made, where none is.
    #[must_use]
    pub fn figures(&self) -> Vec<RaisedSignal> {
        if self.raised.is_empty() {
            return Vec::new();
        }
        self.watch.figures(self.raised)
    }

    /// Counts a message that goes on.
    pub fn count_allowed<'a>(&mut self, prints: &(impl Iterator<Item = &'a Footprint> + Clone)) {
        self.watch.allowed(prints);
    }

    /// Counts a message that policy or people refused. That nobody has said yes is no refusal.
    pub fn count_refused<'a>(
        &mut self,
        refusal: &Refusal,
        prints: &(impl Iterator<Item = &'a Footprint> + Clone),
    ) {
        let unsaid = refusal.rule.starts_with(approve::RULES) && refusal.rule != approve::DENIED;
        if !unsaid {
            self.watch.refused(prints);
        }
    }

    /// Whether [`count`](Self::count) might cut what it counts: then that must be counted in parts
    /// as small as it could be cut into.
    #[must_use]
    pub fn may_cut(&self, print: Option<&Footprint>, judged: Raised) -> bool {
        self.watch.may_cut(print, judged)
    }

    /// Tells others what was counted: before it waits for anything.
    pub fn settle(&mut self) {
        self.watch.settle();
    }

    /// Counts what came of a message that was judged under `judged`.
    ///
    /// # Errors
    /// When a budget that cuts is exceeded by it, and the workload is not only observed.
    pub fn count(
        &mut self,
        amount: Amount,
        print: Option<&Footprint>,
        judged: Raised,
    ) -> Result<(), Refusal> {
        let cut = self.watch.count(amount, print, judged);
        if cut.is_empty() {
            return Ok(());
        }
        self.told(self.raised | cut);
        if self.mode() == Mode::Observe {
            return Ok(());
        }
        let figures = self.watch.figures(cut);
        let figures: Vec<String> = figures.iter().map(ToString::to_string).collect();
        Err(Refusal {
            rule: BUDGET_CUT.to_owned(),
            message: format!("the result exceeds a budget: {}", figures.join("; ")),
            deciding: Vec::new(),
            version: self.version().clone(),
        })
    }

    fn told(&mut self, raised: Raised) {
        let news = self.watch.news(raised);
        if !news.is_empty() {
            self.signals.tell(&self.watch.figures(news), self.who());
        }
    }
}
