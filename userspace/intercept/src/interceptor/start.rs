//! Starting, afresh or over the pins of an engine that is gone.

use std::{collections::BTreeSet, fs::File};

use aya::Ebpf;
use weir_abi::{ABI_VERSION, INITIAL_NETNS, Settings, maps::MAX_RESOLVERS};

use super::{Interceptor, Options};
use crate::{
    CgroupId, InterceptError, NetnsCookie, Refusals, Tier, cgroup,
    engine::Home,
    kernel::{
        link::Link,
        maps::{Maps, RefusalMaps},
        object, programs,
        trace::Trace,
    },
    listen::Listeners,
    pins::PinDir,
};

impl Interceptor {
    /// Mounts bpffs if needed, moves the process out of the v2 root cgroup, binds the listeners,
    /// loads and pins the programs, and takes over what an earlier engine pinned here. Call it
    /// inside a tokio runtime, and before the process makes sockets of its own: a socket stays in
    /// the cgroup it was made in.
    pub fn start(options: &Options) -> Result<Self, InterceptError> {
        if options.resolvers.len() > MAX_RESOLVERS {
            return Err(InterceptError::TooManyResolvers {
                given: options.resolvers.len(),
                most: MAX_RESOLVERS,
            });
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(InterceptError::NoRuntime);
        }
        let pins = PinDir::claim(&options.pin_dir)?;
        pins.check_maps()?;
        let home = Home::enter(pins.instance())?;
        match Standing::up(options, &pins, &home) {
            Ok(Standing {
                listeners,
                maps,
                refusals,
                ebpf,
                tagged,
                tier,
                trace,
            }) => Ok(Self {
                listeners,
                maps,
                refusals: Some(refusals),
                ebpf,
                tagged,
                tier,
                home,
                _trace: trace,
                pins,
            }),
            Err(error) => {
                home.leave();
                abandon(pins);
                Err(error)
            }
        }
    }
}

/// What makes a place an engine.
struct Standing {
    listeners: Listeners,
    maps: Maps,
    refusals: Refusals,
    ebpf: Ebpf,
    tagged: BTreeSet<CgroupId>,
    tier: Tier,
    trace: Option<Trace>,
}

impl Standing {
    fn up(options: &Options, pins: &PinDir, home: &Home) -> Result<Self, InterceptError> {
        // After the move: a listener made before it would be outside the home's programs.
        let listeners = Listeners::bind()?;

        let tier = object::tier();
        let mut ebpf = object::load(Some(&pins.maps()), tier)?;
        for program in programs::all() {
            programs::load(&mut ebpf, program)?;
        }
        let mut maps = Maps::take(&mut ebpf)?;
        if !matches!(maps.abi()?, 0 | ABI_VERSION) {
            return Err(InterceptError::Incompatible {
                path: pins.path().to_path_buf(),
            });
        }
        maps.set_resolvers(&options.resolvers)?;
        let refusals = Refusals::new(RefusalMaps::take(&mut ebpf)?)?;
        let trace = Trace::start(&mut ebpf);

        // Nobody is redirected to the new port before the programs that understand it stand.
        maps.set(Settings::default())?;
        let tagged = take_over(pins, &mut ebpf, &mut maps)?;
        attach_home(pins, &mut ebpf, home)?;
        maps.set(Settings {
            abi: ABI_VERSION,
            port: listeners.port(),
            padding: 0,
            netns: listeners.netns().map_or(INITIAL_NETNS, NetnsCookie::get),
        })?;
        Ok(Self {
            listeners,
            maps,
            refusals,
            ebpf,
            tagged,
            tier,
            trace,
        })
    }
}

/// After a start that failed: pins that enforce nothing are not left lying. Those that do stay.
fn abandon(pins: PinDir) {
    if pins.tagged().is_empty()
        && let Err(error) = pins.remove()
    {
        tracing::warn!(%error, "what a failed start had pinned stays");
    }
}

/// Puts this engine's programs in the place of an earlier one's, each in one step, and forgets the
/// cgroups that are gone.
fn take_over(
    pins: &PinDir,
    ebpf: &mut Ebpf,
    maps: &mut Maps,
) -> Result<BTreeSet<CgroupId>, InterceptError> {
    let (here, gone): (Vec<_>, Vec<_>) = pins
        .tagged()
        .into_iter()
        .map(|id| (id, cgroup::path_of(id)))
        .partition(|(_, p)| p.is_some());
    for (id, _) in gone {
        pins.lift_cgroup(id)?;
    }
    let mut tagged = BTreeSet::new();
    for (id, path) in here.into_iter().filter_map(|(id, path)| Some((id, path?))) {
        // Known to the programs before any of them asks.
        maps.add_workload(id)?;
        let cgroup = cgroup::Cgroup::resolve(path)?.open()?;
        for program in programs::WORKLOAD {
            replace(pins, ebpf, program, id, &cgroup)?;
        }
        tagged.insert(id);
    }
    for stale in maps
        .workloads()
        .into_iter()
        .filter(|id| !tagged.contains(id))
    {
        maps.remove_workload(stale)?;
    }
    Ok(tagged)
}

/// One program of one cgroup: its link is given the new program, or, if an earlier engine died
/// before it was attached, attached now.
fn replace(
    pins: &PinDir,
    ebpf: &mut Ebpf,
    program: &'static str,
    id: CgroupId,
    cgroup: &File,
) -> Result<(), InterceptError> {
    let pin = pins.cgroup(id).join(program);
    if !pin.exists() {
        return programs::attach(ebpf, program, cgroup, &pin);
    }
    let fd = programs::fd(ebpf, program)?;
    Link::open(&pin)
        .and_then(|link| link.update(fd))
        .map_err(|source| InterceptError::Pin {
            doing: "updating",
            path: pin,
            source,
        })
}

/// Attaches what picks the facts up to the cgroup that the engine is in now. An earlier engine may
/// have been in another, so its link is not kept.
fn attach_home(pins: &PinDir, ebpf: &mut Ebpf, home: &Home) -> Result<(), InterceptError> {
    let pin = pins.engine();
    PinDir::lift(&pin)?;
    programs::attach(ebpf, programs::ENGINE, &home.cgroup().open()?, &pin)
}
