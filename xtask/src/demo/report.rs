//! What was claimed, and what of it held.

use anyhow::{Result, bail};

use super::screen;

/// Whether a claim held: if not, what was seen instead.
pub(super) type Proof = Result<(), String>;

/// It held if this is so.
pub(super) fn proof(is_so: bool, otherwise: impl FnOnce() -> String) -> Proof {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

/// Every claim of the demo, in order.
#[derive(Debug, Default)]
pub(super) struct Report {
    scene: usize,
    claims: Vec<Claim>,
}

#[derive(Debug)]
struct Claim {
    scene: usize,
    text: String,
    held: bool,
}

impl Report {
    /// Begins the next scene.
    pub(super) fn scene(&mut self, title: &str) {
        self.scene += 1;
        screen::heading(format_args!("{}. {title}", self.scene));
    }

    /// Says whether a claim held.
    pub(super) fn claim(&mut self, text: &str, proof: Proof) {
        let (held, failure) = (proof.is_ok(), proof.err());
        screen::verdict(text, failure.as_deref());
        self.claims.push(Claim {
            scene: self.scene,
            text: text.to_owned(),
            held,
        });
    }

    /// What held and what didn't, each with the number of its scene.
    pub(super) fn table(&self) {
        screen::heading("What held");
        for Claim { scene, text, held } in &self.claims {
            screen::row(*scene, text, *held);
        }
        let (held, of) = (
            self.claims.iter().filter(|claim| claim.held).count(),
            self.claims.len(),
        );
        screen::sum(format_args!("{held} of {of} held"), held == of);
    }

    /// An error unless something was claimed and all of it held.
    pub(super) fn verdict(&self) -> Result<()> {
        let failed = self.claims.iter().filter(|claim| !claim.held).count();
        if self.claims.is_empty() {
            bail!("nothing was shown");
        }
        if failed > 0 {
            bail!("{failed} of {} claims did not hold", self.claims.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_that_fails_fails_the_demo_and_so_does_showing_nothing() {
        let mut report = Report::default();
        assert!(report.verdict().is_err());
        report.scene("a scene");
        report.claim("grass is green", proof(true, || "?".to_owned()));
        assert!(report.verdict().is_ok());
        report.claim("snow is black", proof(false, || "it is white".to_owned()));
        assert_eq!(
            report.verdict().unwrap_err().to_string(),
            "1 of 2 claims did not hold"
        );
    }
}
