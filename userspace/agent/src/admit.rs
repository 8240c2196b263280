//! The connection-level verdict: whether weir opens a connection to the upstream at all.
//!
//! An [`Admission`] or a [`Passage`] is the proof that dialling demands, the first for a protocol
//! that weir reads, the second for bytes or datagrams that it passes on as they come. Each carries
//! the [`Terms`] it was given for, so that it can't be used for another.

mod passage;
mod terms;

use std::{ops::Deref, sync::Arc};

use jiff::tz::TimeZone;
use weir_intercept::Namespace;
use weir_policy::{Mode, Program, Subject};

pub use self::{passage::Passage, terms::Terms};
use crate::{
    config::{Postgres, Service, Target, Udp},
    route::{Governed, NoRoute, Reason, Route},
};

/// What a connection was admitted to. Only [`admit`] makes one.
#[derive(Debug)]
pub enum Admitted {
    /// A session of a protocol that weir reads.
    Postgres(Admission),
    /// A connection whose bytes weir passes on.
    Opaque(Passage),
}

/// Proof that a PostgreSQL session may be opened. Only [`admit`] makes one.
#[derive(Debug)]
pub struct Admission {
    target: Arc<Target>,
    service: Arc<Postgres>,
    terms: Terms,
}

/// A connection that is refused before anything is dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAdmitted {
    /// The rule that decided: `undeclared-destination`, `target-not-for-workload` or
    /// `ambiguous-destination`.
    pub rule: &'static str,
    /// Why, and the way out.
    pub message: String,
}

/// Admits a connection to the target that it was routed to.
///
/// # Errors
/// When it was routed nowhere.
pub fn admit(subject: Subject, route: Route) -> Result<Admitted, NotAdmitted> {
    match route {
        Route::Govern(governed) => {
            let terms = Terms::governed(subject, &governed);
            let target = Arc::clone(governed.target());
            Ok(match target.service.clone() {
                Service::Postgres(service) => Admitted::Postgres(Admission {
                    target,
                    service,
                    terms,
                }),
                Service::Tcp(service) => Admitted::Opaque(Passage {
                    target: Some(target),
                    service,
                    terms,
                    unadmitted: None,
                }),
                Service::Udp(_) => return Err(carried_otherwise(&target)),
            })
        }
        Route::Pass(passed) => {
            let nowhere = passed.refusal();
            let workload = nowhere.workload.clone();
            Ok(Admitted::Opaque(Passage {
                target: None,
                service: Default::default(),
                terms: Terms::undeclared(subject, nowhere.destination, workload, Mode::Observe),
                unadmitted: Some(not_admitted(nowhere)),
            }))
        }
        Route::Refuse(nowhere) => Err(not_admitted(&nowhere)),
    }
}

/// Admits a flow of datagrams to the target that it was routed to.
///
/// # Errors
/// When it was routed nowhere.
pub fn admit_datagrams(subject: Subject, route: Route) -> Result<Passage<Udp>, NotAdmitted> {
    let governed: Governed = match route {
        Route::Govern(governed) => governed,
        Route::Pass(passed) => return Err(not_admitted(passed.refusal())),
        Route::Refuse(nowhere) => return Err(not_admitted(&nowhere)),
    };
    let target = Arc::clone(governed.target());
    let Service::Udp(service) = target.service else {
        return Err(carried_otherwise(&target));
    };
    Ok(Passage {
        target: Some(target),
        service,
        terms: Terms::governed(subject, &governed),
        unadmitted: None,
    })
}

/// For who mixes up what routes of connections and of datagrams give.
fn carried_otherwise(target: &Target) -> NotAdmitted {
    NotAdmitted {
        rule: "undeclared-destination",
        message: format!("target {} is not carried by this transport", target.name),
    }
}

fn not_admitted(nowhere: &NoRoute) -> NotAdmitted {
    let rule = match nowhere.reason {
        Reason::Undeclared => "undeclared-destination",
        Reason::NotForWorkload { .. } => "target-not-for-workload",
        Reason::Ambiguous { .. } => "ambiguous-destination",
    };
    NotAdmitted {
        rule,
        message: nowhere.to_string(),
    }
}

impl Admitted {
    /// To be dialled from this network namespace, the workload's, where its target is dialled from
    /// there.
    #[must_use]
    pub fn within(self, namespace: Namespace) -> Self {
        match self {
            Self::Postgres(mut admission) => {
                let target = Some(&*admission.target);
                admission.terms.dial_within(namespace, target);
                Self::Postgres(admission)
            }
            Self::Opaque(passage) => Self::Opaque(passage.within(namespace)),
        }
    }

    /// To be judged as what this program opened, by the clock of this zone.
    #[must_use]
    pub fn spoken_by(self, program: Option<Program>, zone: TimeZone) -> Self {
        match self {
            Self::Postgres(mut admission) => {
                admission.terms.spoken_by(program, zone);
                Self::Postgres(admission)
            }
            Self::Opaque(passage) => Self::Opaque(passage.spoken_by(program, zone)),
        }
    }

    /// The declared target, where there is one.
    #[must_use]
    pub fn target(&self) -> Option<&Arc<Target>> {
        match self {
            Self::Postgres(admission) => Some(admission.target()),
            Self::Opaque(passage) => passage.target(),
        }
    }
}

impl Admission {
    /// The target that may be dialled.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// How it is spoken to.
    #[must_use]
    pub fn service(&self) -> &Postgres {
        &self.service
    }
}

impl Deref for Admission {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

#[cfg(test)]
mod tests;
