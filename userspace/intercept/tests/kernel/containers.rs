//! Containers that a real runtime makes, with a root's hands and without. Needs `runc` and Debian's
//! `busybox-static`.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use tokio::process::Command;
use weir_intercept::cgroup::Cgroup;

use crate::{
    bed::Bed,
    child::NOBODY,
    serve::{Caught, while_serving},
};

/// Dials until it is answered, and says how often it was refused before.
const SCRIPT: &str = "\
    i=0; \
    until printf 'from the container\\n' | busybox nc -w 5 192.0.2.1 80; do \
        i=$((i+1)); [ $i -lt 200 ] || exit 1; busybox usleep 10000; \
    done; \
    echo refused $i";

/// A bundle as runc wants it, in a directory that is removed with the test.
struct Bundle {
    path: PathBuf,
    name: String,
}

impl Bundle {
    fn new(name: &str, more: &str) -> Self {
        let name = format!("weir-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let (programs, state) = (path.join("rootfs/bin"), path.join("state"));
        for directory in [
            &programs,
            &path.join("rootfs/proc"),
            &path.join("rootfs/dev"),
            &state,
        ] {
            fs::create_dir_all(directory).expect("a directory");
        }
        for directory in [&path, &path.join("rootfs"), &programs] {
            fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("a mode");
        }
        chown(&state, Some(NOBODY), Some(NOBODY)).expect("an owner");
        fs::copy("/bin/busybox", programs.join("busybox")).expect("install busybox-static");
        fs::write(path.join("config.json"), config(more)).expect("a file");
        Self { path, name }
    }

    fn run(&self, cgroup: &Cgroup, root: bool) -> Command {
        let user = NOBODY.to_string();
        let mut command = if root {
            Command::new("runc")
        } else {
            let mut command = Command::new("setpriv");
            command.args([
                &format!("--reuid={user}"),
                &format!("--regid={user}"),
                "--clear-groups",
                "runc",
            ]);
            command
        };
        let procs = cgroup.path().join("cgroup.procs");
        command
            .arg("--root")
            .arg(self.path.join("state"))
            .args(["run", "--bundle"])
            .args([&self.path, Path::new(&self.name)])
            .env("XDG_RUNTIME_DIR", self.path.join("state"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let procs = fs::OpenOptions::new()
            .write(true)
            .open(procs)
            .expect("a cgroup");
        let join = move || {
            nix::unistd::write(&procs, b"0")
                .map(drop)
                .map_err(Into::into)
        };
        // SAFETY: between fork and exec, one system call that allocates nothing.
        unsafe { command.pre_exec(join) };
        command
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.path);
        assert!(std::thread::panicking() || removed.is_ok(), "{removed:?}");
    }
}

/// As `runc spec` writes it, with what does not matter here left out.
fn config(more: &str) -> String {
    format!(
        r#"{{
            "ociVersion": "1.0.2",
            "process": {{
                "user": {{ "uid": 0, "gid": 0 }},
                "args": ["/bin/busybox", "sh", "-c", "{script}"],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "noNewPrivileges": true
            }},
            "root": {{ "path": "rootfs", "readonly": true }},
            "mounts": [
                {{ "destination": "/proc", "type": "proc", "source": "proc" }},
                {{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }}
            ],
            "linux": {{ {more} }}
        }}"#,
        script = SCRIPT.replace('\\', "\\\\"),
    )
}

async fn run(bed: &Bed, command: &mut Command) -> (Output, Vec<Caught>) {
    let output = command.output();
    let (output, caught) = while_serving(&bed.weir, output).await;
    (output.expect("install runc"), caught)
}

#[track_caller]
fn answered(bed: &Bed, output: &Output, caught: &[Caught]) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("weir 192.0.2.1:80"), "{output:?}");
    println!("{said}");
    let [one] = caught else {
        panic!("{caught:?}");
    };
    assert_eq!(one.orig_dst.to_string(), "192.0.2.1:80");
    assert_eq!(one.claim, "from the container");
    assert_eq!(one.origin.workload, bed.id);
    // The runtime is done with, and so is the namespace that it had made.
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_container_made_by_root_is_served() {
    let bed = Bed::new();
    let runtime = bed.workload.below("runtime");
    let inner = bed.workload.0.inner_path().expect("a path");
    let _v1 = OldHierarchies(inner.clone());
    let bundle = Bundle::new(
        "root",
        &format!(
            r#""cgroupsPath": "{inner}/container",
            "namespaces": [{{ "type": "pid" }}, {{ "type": "mount" }}, {{ "type": "network" }}]"#
        ),
    );
    let (output, caught) = run(&bed, &mut bundle.run(&runtime, true)).await;
    answered(&bed, &output, &caught);
    assert_eq!(caught[0].origin.uid.get(), 0);
}

#[tokio::test]
async fn a_container_made_without_root_is_served() {
    let bed = Bed::new();
    let bundle = Bundle::new(
        "rootless",
        &format!(
            r#""namespaces": [
                {{ "type": "pid" }}, {{ "type": "mount" }},
                {{ "type": "network" }}, {{ "type": "user" }}
            ],
            "uidMappings": [{{ "containerID": 0, "hostID": {NOBODY}, "size": 1 }}],
            "gidMappings": [{{ "containerID": 0, "hostID": {NOBODY}, "size": 1 }}]"#
        ),
    );
    let (output, caught) = run(&bed, &mut bundle.run(&bed.workload.0, false)).await;
    answered(&bed, &output, &caught);
    assert_eq!(
        caught[0].origin.uid.get(),
        NOBODY,
        "root only in its own eyes"
    );
}

/// Where the host has cgroup v1 beside v2, runc makes the same directories there.
struct OldHierarchies(String);

impl Drop for OldHierarchies {
    fn drop(&mut self) {
        for entry in fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.path().join(".").is_dir() && !entry.file_name().eq_ignore_ascii_case("unified")
            {
                let made = format!("{}{}", entry.path().display(), self.0);
                let _none = fs::remove_dir(made);
            }
        }
    }
}
