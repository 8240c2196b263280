//! `--keep`: everything stays up, and a person is told how to try it.

use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use super::places::Who;
use super::play::Play;
use super::screen;
use super::stage::Stage;
use crate::interrupt;

/// How often the wait is looked up from, in milliseconds.
const GLANCE: u16 = 200;

/// Says how, and waits until a person has had enough.
pub(super) fn up(play: &Play) -> Result<()> {
    screen::heading("It stays up");
    screen::output(&by_hand(&play.stage));
    wait_for_enter()
}

fn by_hand(stage: &Stage) -> String {
    let nobody = Who::nobody();
    let postgres = &stage.postgres;
    format!(
        r#"To try it by hand, in another shell, as root:

  export WEIR_SOCKET={socket}
  weir() {{ {binary} "$@"; }}
  agent() {{
    sh -c 'echo $$ > {cgroup}/cgroup.procs && exec "$@"' - \
      setpriv --reuid={uid} --regid={gid} --clear-groups --no-new-privs \
      env -i PATH={bin}:/usr/bin:/bin LANG=C.UTF-8 HOME=/ TERM="$TERM" PSQL_HISTORY=/dev/null "$@"
  }}

  agent psql -h 127.0.0.1 -p {port} -U {user} {database}    # then: TABLE people; or anything else
  agent bash                                       # any other program
  weir status
  weir sessions list
  weir sessions replay ID
  tail -f {log}

Enter or Ctrl-C here ends it and takes everything down."#,
        socket = stage.weir.socket().display(),
        binary = stage.weir.binary().display(),
        cgroup = stage.cgroups.agent().display(),
        uid = nobody.uid(),
        gid = nobody.gid(),
        bin = postgres.bin_dir().display(),
        port = postgres.port(),
        user = postgres.app_user(),
        database = postgres.database(),
        log = stage.dir.path().join("weir.log").display(),
    )
}

/// Until a line or a signal comes. An end of the input ends it on a terminal, where a person typed
/// it; elsewhere there merely never was anybody, and only a signal does.
fn wait_for_enter() -> Result<()> {
    let stdin = io::stdin();
    let mut listening = true;
    while !interrupt::asked() {
        if !listening {
            thread::sleep(Duration::from_millis(GLANCE.into()));
            continue;
        }
        match poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], GLANCE) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => {
                let mut bytes = [0; 1];
                if stdin.lock().read(&mut bytes)? > 0 || stdin.is_terminal() {
                    break;
                }
                listening = false;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
