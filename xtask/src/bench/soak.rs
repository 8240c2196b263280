//! Mixed load for a long while, with the policies loaded anew each second and the daemon killed each
//! minute: what goes wrong, and whether memory stays where it was.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use testbed::Identity;

use super::Options;
use super::load::Told;
use super::measure::as_f64;
use super::report::Report;
use super::scene::{JUDGED, MASKED, Scene, Target, Way};
use crate::workspace::Workspace;
use crate::{interrupt, say};

const SECTION: &str = "soak";
const CONNECTIONS: u32 = 200;
/// How many clients each of the two targets has.
const CLIENTS: &str = "8";
const RELOAD: Duration = Duration::from_secs(1);
const KILL: Duration = Duration::from_secs(60);
/// How long before a kill memory is looked at, when all has settled.
const LOOK: Duration = Duration::from_secs(2);
/// How long after weir answers again a client may still hear of the kill.
const ECHO: Duration = Duration::from_secs(2);

/// A time in which connections break, since weir was killed.
struct Down {
    from: SystemTime,
    until: SystemTime,
}

/// Runs it once: it takes as long as was asked for.
pub(super) fn measure(
    workspace: &Workspace,
    weir: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let mut scene = Scene::raise(workspace, weir, CONNECTIONS)?;
    // By these it would be held for people after the first ten million rows.
    fs::remove_file(scene.stage.dir().join("policies").join("90-signals.cedar"))
        .context("cannot remove a policy")?;
    let seconds = options.soak.to_string();
    say::line(format_args!("{SECTION}: {seconds} s"));
    let load = |target: &'static Target| {
        let leg = scene.leg(Way::Weir(target));
        let postgres = &scene.database.postgres;
        let to = format!("{}:{}", leg.host, leg.port);
        let (user, database) = (postgres.app_user(), postgres.database());
        let masked = (*target == MASKED).then_some("--masked");
        scene
            .stage
            .part(&["load", &to, user, database, CLIENTS, &seconds])
            .args(masked)
            .as_user(Identity::nobody())
            .in_cgroup(leg.client.dir())
            .deadline(Duration::from_secs(u64::from(options.soak) + 120))
            .start()
    };
    let loads = [load(&JUDGED)?, load(&MASKED)?];
    let (downs, memory, reloads) = disturb(&mut scene, Duration::from_secs(options.soak.into()))?;
    let mut all = Told::default();
    for load in loads {
        let output = load.wait()?;
        anyhow::ensure!(output.status.success(), "{}", output.stderr_text());
        all.join(serde_json::from_str(&output.stdout_text()).context("the load told nothing")?);
    }
    let meant = |at: &f64| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(*at);
        downs
            .iter()
            .any(|down| (down.from..down.until).contains(&at))
    };
    let cut = all.broken.iter().filter(|at| meant(at)).count();
    for (what, count) in [
        ("statements answered rightly", all.right),
        ("statements answered wrongly", all.wrong),
        ("connections opened", all.opened),
        ("connections that a kill cut or refused", cut),
        ("connections that broke without one", all.broken.len() - cut),
        ("policies loaded anew", reloads),
        ("daemons killed", downs.len()),
    ] {
        report.add(SECTION, what, "", &[as_f64(count)], None);
    }
    for (index, held) in memory.iter().enumerate() {
        let what = format!("memory at the end of minute {}", index + 1);
        report.add(SECTION, &what, "MiB", &[held / 1024.0], None);
    }
    if let Some(wrong) = all.first_wrong {
        say::line(format_args!("the first wrong answer: {wrong}"));
    }
    Ok(())
}

/// Loads policies anew and kills for so long. When weir was down, the memory that each daemon held
/// before its end, and how often policies were loaded.
fn disturb(scene: &mut Scene, long: Duration) -> Result<(Vec<Down>, Vec<f64>, usize)> {
    let policy = scene.stage.dir().join("policies").join("soak.cedar");
    let (mut downs, mut memory, mut reloads) = (Vec::new(), Vec::new(), 0);
    let began = Instant::now();
    let (mut reload, mut due, mut looked) = (began + RELOAD, began + KILL, false);
    while began.elapsed() < long {
        interrupt::check()?;
        thread::sleep(Duration::from_millis(20));
        let now = Instant::now();
        if now >= reload {
            reload += RELOAD;
            reloads += 1;
            // Another bundle each time, so that every session is judged anew.
            let mut file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .open(&policy)
                .context("cannot write a policy")?;
            writeln!(
                file,
                "@id(\"soak\")\nforbid (principal, action, resource) when {{ resource has name && \
                 resource.name == \"nothing-{reloads}\" }};"
            )?;
            kill(scene.weir.pid(), Signal::SIGHUP)?;
        }
        if !looked && now + LOOK >= due {
            looked = true;
            memory.push(scene.daemon.memory()?);
        }
        if now >= due {
            (due, looked) = (due + KILL, false);
            let from = SystemTime::now();
            scene.weir.kill_and_start()?;
            let until = SystemTime::now() + ECHO;
            downs.push(Down { from, until });
            say::line(format_args!("{SECTION}: {} s", began.elapsed().as_secs()));
        }
    }
    Ok((downs, memory, reloads))
}
