//! The classes, and the enumerations that all of them share.

/// A class of events. The number is its `class_uid`; the thousands are its category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Base = 0,
    DetectionFinding = 2004,
    Authentication = 3002,
    EntityManagement = 3004,
    UserAccess = 3005,
    NetworkActivity = 4001,
    DnsActivity = 4003,
    ApplicationLifecycle = 6002,
    DatastoreActivity = 6005,
}

impl Class {
    pub(super) fn uid(self) -> u32 {
        self as u32
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Base => "Base Event",
            Self::DetectionFinding => "Detection Finding",
            Self::Authentication => "Authentication",
            Self::EntityManagement => "Entity Management",
            Self::UserAccess => "User Access Management",
            Self::NetworkActivity => "Network Activity",
            Self::DnsActivity => "DNS Activity",
            Self::ApplicationLifecycle => "Application Lifecycle",
            Self::DatastoreActivity => "Datastore Activity",
        }
    }

    pub(super) fn category(self) -> &'static str {
        match self.uid() / 1000 {
            2 => "Findings",
            3 => "Identity & Access Management",
            4 => "Network Activity",
            6 => "Application Activity",
            _ => "Uncategorized",
        }
    }
}

/// What was done, within its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Activity(pub(super) u32, pub(super) &'static str);

impl Activity {
    pub(super) const OTHER: Self = Self(99, "Other");
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

/// Whether it succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Unknown = 0,
    Success = 1,
    Failure = 2,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Success => "Success",
            Self::Failure => "Failure",
        }
    }
}

/// What weir did about it (profile `security_control`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    Allowed = 1,
    Blocked = 2,
    Approved = 8,
    Delayed = 14,
    /// It would have been stopped, and went on since its workload is only observed.
    Detected = 15,
    Reset = 21,
    AccessRevoked = 24,
    Rejected = 25,
}

impl Disposition {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::Blocked => "Blocked",
            Self::Approved => "Approved",
            Self::Delayed => "Delayed",
            Self::Detected => "Detected",
            Self::Reset => "Reset",
            Self::AccessRevoked => "Access Revoked",
            Self::Rejected => "Rejected",
        }
    }

    /// `action_id` and its caption: 1 is that it went on, 2 that it didn't.
    pub(super) fn action(self) -> (u32, &'static str) {
        match self {
            Self::Allowed | Self::Approved | Self::Detected => (1, "Allowed"),
            // Not decided yet.
            Self::Delayed => (0, "Unknown"),
            Self::Blocked | Self::Reset | Self::AccessRevoked | Self::Rejected => (2, "Denied"),
        }
    }
}
