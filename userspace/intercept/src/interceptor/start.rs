//! Starting, afresh or over the pins of an engine that is gone.

use std::{fs::File, sync::Mutex};

use aya::Ebpf;
use weir_abi::{ABI_VERSION, INITIAL_NETNS};

use super::{Control, Interceptor, Options, Tagged, levels, tag::level};
use crate::{
    CgroupId, InterceptError, Namespace, NetnsCookie, Refusals, Rules, Tier, cgroup,
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
    pub fn start(options: Options) -> Result<Self, InterceptError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(InterceptError::NoRuntime);
        }
        let Options { pin_dir, .. } = options;
        let pins = PinDir::claim(&pin_dir)?;
        pins.check_maps()?;
        let home = Home::enter(pins.instance())?;
        match Standing::up(&pins, &home) {
            Ok(Standing {
                listeners,
                namespace,
                maps,
                refusals,
                ebpf,
                tagged,
                tier,
                trace,
            }) => Ok(Self {
                listeners,
                namespace,
                maps,
                refusals: Mutex::new(Some(refusals)),
                control: Mutex::new(Control { ebpf, tagged }),
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
    namespace: Namespace,
    maps: Maps,
    refusals: Refusals,
    ebpf: Ebpf,
    tagged: Tagged,
    tier: Tier,
    trace: Option<Trace>,
}

impl Standing {
    fn up(pins: &PinDir, home: &Home) -> Result<Self, InterceptError> {
        // After the move: a listener made before it would be outside the home's programs.
        let listeners = Listeners::bind()?;

        let tier = object::tier();
        let mut ebpf = object::load(Some(&pins.maps()), tier)?;
        for program in programs::all() {
            programs::load(&mut ebpf, program)?;
        }
        let maps = Maps::take(&mut ebpf)?;
        if !matches!(maps.settings()?.abi, 0 | ABI_VERSION) {
            return Err(InterceptError::Incompatible {
                path: pins.path().to_path_buf(),
            });
        }
        let refusals = Refusals::new(RefusalMaps::take(&mut ebpf)?)?;
        let trace = Trace::start(&mut ebpf);

        // Nobody is redirected to the new port before the programs that understand it stand.
        maps.set_port(0)?;
        let own = serve_own(&maps, &listeners)?;
        let tagged = take_over(pins, &mut ebpf, &maps)?;
        attach_home(pins, &mut ebpf, home)?;
        maps.set_port(listeners.port())?;
        Ok(Self {
            listeners,
            namespace: Namespace::own(own),
            maps,
            refusals,
            ebpf,
            tagged,
            tier,
            trace,
        })
    }
}

/// Makes the engine's own network namespace, and no other, one that is served.
fn serve_own(maps: &Maps, listeners: &Listeners) -> Result<NetnsCookie, InterceptError> {
    let own = listeners.netns().unwrap_or(NetnsCookie::new(INITIAL_NETNS));
    for stale in maps.served().into_iter().filter(|one| *one != own.get()) {
        maps.unserve(stale)?;
    }
    maps.serve(own.get())?;
    Ok(own)
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
fn take_over(pins: &PinDir, ebpf: &mut Ebpf, maps: &Maps) -> Result<Tagged, InterceptError> {
    let (here, gone): (Vec<_>, Vec<_>) = pins
        .tagged()
        .into_iter()
        .map(|id| (id, cgroup::path_of(id)))
        .partition(|(_, p)| p.is_some());
    for (id, _) in gone {
        pins.lift_cgroup(id)?;
    }
    let known = maps.workloads();
    let mut tagged = Tagged::new();
    for (id, path) in here.into_iter().filter_map(|(id, path)| Some((id, path?))) {
        let cgroup = cgroup::Cgroup::resolve(path)?;
        tagged.insert(id, level(&cgroup)?);
        // Known to the programs before any of them asks. What held for it holds until it is tagged
        // again; what an engine died over before it was known is given nothing.
        if !known.contains(&id) {
            maps.add_workload(id, &Rules::default())?;
        }
        // Levels are taken away only below, when all are known.
        maps.set_levels(maps.settings()?.levels | levels(&tagged))?;
        let directory = cgroup.open()?;
        for program in programs::WORKLOAD {
            replace(pins, ebpf, program, id, &directory)?;
        }
    }
    for stale in maps
        .workloads()
        .into_iter()
        .filter(|id| !tagged.contains_key(id))
    {
        maps.remove_workload(stale)?;
    }
    maps.set_levels(levels(&tagged))?;
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
