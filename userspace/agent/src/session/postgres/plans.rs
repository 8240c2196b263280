//! How the columns of a text's portals were treated, remembered: a driver executes the same statement
//! again and again, and the target describes it in the same bytes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use weir_wire::postgres::Formats;

use super::portal::Portal;
use crate::mask::{exposure::Exposure, lineage::Lineage, plan::Plan};

/// Longest description that is remembered, in bytes.
const LONGEST: usize = 16 * 1024;

/// The last plan.
#[derive(Debug, Default)]
pub(super) struct Plans(Mutex<Option<Described>>);

/// How the columns of a portal were treated, and what that was made of.
#[derive(Debug)]
struct Described {
    description: Bytes,
    formats: Option<Formats>,
    /// Of the judgement: another policy, subject or moment has another.
    exposure: Arc<Exposure>,
    lineage: Arc<Lineage>,
    plan: Arc<Plan>,
}

impl Plans {
    /// How a portal's columns are treated, where one that was judged alike was described so.
    #[must_use]
    pub(super) fn find(
        &self,
        portal: &Portal,
        lineage: &Arc<Lineage>,
        description: &Bytes,
    ) -> Option<Arc<Plan>> {
        let described = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let described = described.as_ref()?;
        (described.description == description
            && described.formats == portal.formats
            && Arc::ptr_eq(&described.exposure, &portal.exposure)
            && Arc::ptr_eq(&described.lineage, lineage)
            && Arc::ptr_eq(&portal.lineage, lineage))
        .then(|| Arc::clone(&described.plan))
    }

    /// Remembers how they are treated, where the portal was judged by this reading of the catalogue.
    pub(super) fn remember(
        &self,
        portal: &Portal,
        lineage: &Arc<Lineage>,
        description: &Bytes,
        plan: &Arc<Plan>,
    ) {
        if description.len() > LONGEST || !Arc::ptr_eq(&portal.lineage, lineage) {
            return;
        }
        let mut described = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *described = Some(Described {
            // A copy: it shares its buffer with whatever else was read with it.
            description: Bytes::copy_from_slice(description),
            formats: portal.formats.clone(),
            exposure: Arc::clone(&portal.exposure),
            lineage: Arc::clone(lineage),
            plan: Arc::clone(plan),
        });
    }
}
