//! What an attempt to get around weir is: who tries, how, and how it must end.

use std::io;

use crate::aim::Aim;

/// What an agent, or a process outside that helps it, does.
pub(crate) type Act = fn(&Aim) -> io::Result<()>;

/// One way around, tried in one or several ways.
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    pub(crate) attempts: &'static [Attempt],
}

/// One try. It is made twice: by an agent that nobody governs, which shows that the trick works,
/// and by one in a tagged cgroup.
pub(crate) struct Attempt {
    pub(crate) name: &'static str,
    pub(crate) act: Act,
    /// What a process of the same user outside every workload does meanwhile, at the other end of
    /// [`Aim::PAIR`].
    pub(crate) accomplice: Option<Act>,
    /// Capabilities that a careless operator left to the agent. It is never root.
    pub(crate) capabilities: &'static [u8],
    /// The agent starts outside the workload, and asks to be moved into it.
    pub(crate) outside: bool,
    /// The agent's user owns its cgroup, and may make others below it.
    pub(crate) delegated: bool,
    /// A port at which the workload may answer the whole world.
    pub(crate) inbound: Option<u16>,
    /// The far witness, over IPv4 only, is a target that the workload may send datagrams to.
    pub(crate) datagrams: bool,
    /// How many hand-overs or refusals must be told, at least.
    pub(crate) told: usize,
    pub(crate) ends: Ends,
    /// Why the trick works without weir neither, anywhere.
    pub(crate) vain: Option<&'static str>,
    /// What a kernel may lack for it to work at all.
    pub(crate) wants: Option<&'static str>,
    /// The probe of the doctor's without which this tier does not close it.
    pub(crate) needs: Option<&'static str>,
}

/// How an attempt must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The engine got the connection, or the kernel refused and told.
    Governed,
    /// The kernel itself refuses it to anyone who isn't root. Weir has no part in it and tells
    /// nothing.
    ByKernel,
    /// It goes nowhere, and nobody is told. Why.
    Lost(&'static str),
    /// The witness is reached, rightly: it was declared.
    Declared,
    /// The witness is reached: this tier does not close it. What does.
    Open(&'static str),
}

pub(crate) const CAP_NET_ADMIN: u8 = 12;
pub(crate) const CAP_NET_RAW: u8 = 13;

impl Attempt {
    /// By an agent without any capability, that must end governed.
    pub(crate) const fn new(name: &'static str, act: Act) -> Self {
        Self {
            name,
            act,
            accomplice: None,
            capabilities: &[],
            outside: false,
            delegated: false,
            inbound: None,
            datagrams: false,
            told: 1,
            ends: Ends::Governed,
            vain: None,
            wants: None,
            needs: None,
        }
    }

    pub(crate) const fn with(mut self, capabilities: &'static [u8]) -> Self {
        self.capabilities = capabilities;
        self
    }

    pub(crate) const fn helped_by(mut self, accomplice: Act) -> Self {
        self.accomplice = Some(accomplice);
        self
    }

    pub(crate) const fn moved_in(mut self) -> Self {
        self.outside = true;
        self
    }

    pub(crate) const fn delegated(mut self) -> Self {
        self.delegated = true;
        self
    }

    pub(crate) const fn answering_at(mut self, port: u16) -> Self {
        self.inbound = Some(port);
        self
    }

    pub(crate) const fn sending_to_the_far_one(mut self) -> Self {
        self.datagrams = true;
        self
    }

    pub(crate) const fn told(mut self, told: usize) -> Self {
        self.told = told;
        self
    }

    pub(crate) const fn ends(mut self, ends: Ends) -> Self {
        self.ends = ends;
        self
    }

    pub(crate) const fn wants(mut self, what: &'static str) -> Self {
        self.wants = Some(what);
        self
    }

    pub(crate) const fn needs(mut self, probe: &'static str) -> Self {
        self.needs = Some(probe);
        self
    }

    pub(crate) const fn vain(mut self, why: &'static str) -> Self {
        self.vain = Some(why);
        self
    }
}
