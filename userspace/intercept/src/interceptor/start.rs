//! Starting, afresh or over the pins of an engine that is gone.

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use aya::Ebpf;
use tokio::sync::Notify;
use weir_abi::{ABI_VERSION, INITIAL_NETNS};

use super::{Control, Interceptor, Options, Tagged, levels, tag::level};
use crate::{
    InterceptError, Namespace, NetnsCookie, Refusals, Rules, Tier,
    cgroup::{self, Cgroup},
    engine::Home,
    kernel::{
        family::FamilyHook,
        maps::{Maps, RefusalMaps},
        object, programs,
        trace::Trace,
    },
    listen::Listeners,
    pins::{self, PinDir},
    watch::Watch,
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
        let Options { pin_dir, inherited } = options;
        let pins = PinDir::claim(&pin_dir)?;
        pins.check_maps()?;
        let home = Home::enter(pins.instance())?;
        match Standing::up(inherited, &pins, &home) {
            Ok(Standing {
                listeners,
                namespace,
                maps,
                watch,
                refusals,
                ebpf,
                family,
                tagged,
                tier,
                trace,
            }) => Ok(Self {
                listeners,
                namespace,
                maps,
                watch,
                refusals: Mutex::new(Some(refusals)),
                strays: AtomicU64::new(0),
                control: Mutex::new(Control {
                    ebpf,
                    family,
                    tagged,
                }),
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
    maps: Arc<Maps>,
    watch: Watch,
    refusals: Refusals,
    ebpf: Ebpf,
    family: Option<FamilyHook>,
    tagged: Tagged,
    tier: Tier,
    trace: Option<Trace>,
}

impl Standing {
    fn up(inherited: Vec<OwnedFd>, pins: &PinDir, home: &Home) -> Result<Self, InterceptError> {
        // After the move: a listener made before it would be outside the home's programs.
        let inherited = Listeners::inherit(inherited);
        let is_handed_over = inherited.is_some();
        let listeners = inherited.map_or_else(Listeners::bind, Ok)?;

        let tier = object::tier();
        let mut ebpf = object::load(Some(&pins.maps()), tier)?;
        for program in programs::all() {
            programs::load(&mut ebpf, program)?;
        }
        // Before the maps are taken out.
        let unix = object::unix(&ebpf)
            .inspect_err(|error| tracing::debug!(%error, "Unix sockets are not guarded"))
            .ok();
        let family = object::family(&ebpf)
            .inspect_err(|error| tracing::debug!(%error, "families of sockets are not guarded"))
            .ok();
        let maps = Arc::new(Maps::take(&mut ebpf)?);
        if !matches!(maps.settings()?.abi, 0 | ABI_VERSION) {
            return Err(InterceptError::Incompatible {
                path: pins.path().to_path_buf(),
            });
        }
        let hint = Arc::new(Notify::new());
        let refusals = Refusals::new(RefusalMaps::take(&mut ebpf)?, Arc::clone(&hint))?;
        let trace = Trace::start(&mut ebpf);

        if maps.settings()?.port != listeners.port() {
            // Nobody is redirected to the new port before the programs that understand it stand.
            maps.set_port(0)?;
        }
        let own = serve_own(&maps, &listeners)?;
        let root = Cgroup::resolve("/")?.open()?;
        programs::stand(&mut ebpf, &programs::ROOT, &root, &pins.make_root()?)?;
        if let Some(unix) = &unix {
            unix.stand(&root, &pins.make_root()?)?;
        }
        let tagged = take_over(pins, &mut ebpf, family.as_ref(), &maps)?;
        attach_home(pins, &mut ebpf, home, is_handed_over)?;
        maps.set_port(listeners.port())?;
        let watch = Watch::start(Arc::clone(&maps), listeners.port(), hint)
            .map_err(InterceptError::Watch)?;
        Ok(Self {
            listeners,
            namespace: Namespace::own(own),
            maps,
            watch,
            refusals,
            ebpf,
            family,
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
fn take_over(
    pins: &PinDir,
    ebpf: &mut Ebpf,
    family: Option<&FamilyHook>,
    maps: &Maps,
) -> Result<Tagged, InterceptError> {
    // All are looked for before anything of one is lifted.
    let found: Vec<_> = pins
        .tagged()
        .into_iter()
        .map(|id| Ok((id, cgroup::find(id)?)))
        .collect::<Result<_, InterceptError>>()?;
    let (here, gone): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, p)| p.is_some());
    for (id, _) in gone {
        pins.lift_cgroup(id)?;
    }
    let known = maps.workloads();
    let mut tagged = Tagged::new();
    for (id, path) in here.into_iter().filter_map(|(id, path)| Some((id, path?))) {
        let cgroup = Cgroup::resolve(path)?;
        tagged.insert(id, level(&cgroup)?);
        // Known to the programs before any of them asks. What held for it holds until it is tagged
        // again; what an engine died over before it was known is given nothing.
        if !known.contains(&id) {
            maps.add_workload(id, &Rules::default())?;
        }
        // Levels are taken away only below, when all are known.
        maps.set_levels(maps.settings()?.levels | levels(&tagged))?;
        let directory = cgroup.open()?;
        let cgroup_pins = pins.make_cgroup(id)?;
        programs::stand(ebpf, &programs::WORKLOAD, &directory, &cgroup_pins)?;
        if let Some(family) = family {
            family.stand(&directory, &cgroup_pins)?;
        }
    }
    for stale in maps
        .workloads()
        .into_iter()
        .filter(|id| !tagged.contains_key(id))
    {
        maps.remove_workload(stale)?;
    }
    maps.forget_strays()?;
    maps.set_levels(levels(&tagged))?;
    Ok(tagged)
}

/// Attaches what picks the facts up to the cgroup that the engine is in now. Earlier engines may have
/// been in others. What they accepted is gone with them, so their links go, unless listeners were
/// handed over: an accepted socket is in the cgroup that its listener was made in, whatever became
/// of that since.
fn attach_home(
    pins: &PinDir,
    ebpf: &mut Ebpf,
    home: &Home,
    is_handed_over: bool,
) -> Result<(), InterceptError> {
    let directory = pins.make_engine()?;
    for pin in pins::entries(&directory) {
        // A cgroup that is gone, and all its sockets with it, has nothing to be updated.
        if !is_handed_over || programs::replace(ebpf, programs::ENGINE, &pin).is_err() {
            PinDir::lift(&pin)?;
        }
    }
    let pin = directory.join(home.cgroup().id()?.to_string());
    if pin.exists() {
        return Ok(());
    }
    programs::attach(ebpf, programs::ENGINE, &home.cgroup().open()?, &pin)
}
