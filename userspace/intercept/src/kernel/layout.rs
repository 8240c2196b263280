//! Which fields of the kernel's structures the programs read to know a process, and where the running
//! kernel keeps them.
//!
//! Names differ between kernels; where they do, each is tried. One that is not found turns capturing
//! off as a whole: half an account of a process is worse than one that says that it is from `/proc`.

use std::{fs, sync::OnceLock};

use aya::{
    programs::ProgramType,
    sys::{BpfHelper, is_helper_supported},
};
use thiserror::Error;
use weir_abi::Layout;

use super::btf::{Btf, BtfError};

const PATH: &str = "/sys/kernel/btf/vmlinux";

/// What the programs call to read the kernel's structures. A kernel that is locked down lends them to
/// nobody (`lockdown=confidentiality`).
const HELPERS: [BpfHelper; 3] = [
    BpfHelper::BPF_FUNC_get_current_task,
    BpfHelper::BPF_FUNC_probe_read_kernel,
    BpfHelper::BPF_FUNC_probe_read_user,
];

/// Why processes can't be known in the call itself.
#[derive(Debug, Error)]
pub(crate) enum LayoutError {
    /// The kernel does not describe its types, or not as it should, or lacks one.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// The kernel does not let programs read its memory.
    #[error("the kernel does not lend programs `{0:?}`: it is locked down")]
    Helper(BpfHelper),
}

/// The running kernel's layout, found once: it can't change.
pub(crate) fn running() -> Result<&'static Layout, &'static LayoutError> {
    static FOUND: OnceLock<Result<Layout, LayoutError>> = OnceLock::new();
    FOUND.get_or_init(look).as_ref()
}

fn look() -> Result<Layout, LayoutError> {
    for helper in HELPERS {
        // Only a clear no counts: where it can't be told, the verifier has the last word.
        if let Ok(false) = is_helper_supported(ProgramType::CgroupSockAddr, helper) {
            return Err(LayoutError::Helper(helper));
        }
    }
    let description = fs::read(PATH).map_err(BtfError::Read)?;
    Ok(find(&Btf::parse(&description)?)?)
}

/// Finds every field.
fn find(btf: &Btf<'_>) -> Result<Layout, BtfError> {
    let pointer = |structure, field| btf.offset(structure, field, 8);
    let (inode_changed_s, inode_changed_ns) = inode_change(btf)?;
    Ok(Layout {
        known: 1,
        task_tgid: btf.offset("task_struct", "tgid", 4)?,
        task_start: btf.offset("task_struct", "start_boottime", 8)?,
        task_parent: pointer("task_struct", "real_parent")?,
        task_leader: pointer("task_struct", "group_leader")?,
        task_mm: pointer("task_struct", "mm")?,
        task_comm: btf.offset("task_struct", "comm", 16)?,
        task_cgroups: pointer("task_struct", "cgroups")?,
        cgroups_default: pointer("css_set", "dfl_cgrp")?,
        cgroup_node: pointer("cgroup", "kn")?,
        node_id: btf.offset("kernfs_node", "id", 8)?,
        mm_executable: pointer("mm_struct", "exe_file")?,
        mm_arguments: pointer("mm_struct", "arg_start")?,
        mm_arguments_end: pointer("mm_struct", "arg_end")?,
        file_mount: pointer("file", "f_path.mnt")?,
        file_dentry: pointer("file", "f_path.dentry")?,
        file_inode: pointer("file", "f_inode")?,
        inode_number: btf.offset("inode", "i_ino", 8)?,
        inode_filesystem: pointer("inode", "i_sb")?,
        inode_changed_s,
        inode_changed_ns,
        filesystem_device: btf.offset("super_block", "s_dev", 4)?,
        // Wider in the kernel than any number of a file system; the lower half comes first.
        filesystem_kind: low_half(btf.offset("super_block", "s_magic", 8)?),
        dentry_parent: pointer("dentry", "d_parent")?,
        dentry_name: pointer("dentry", "d_name.name")?,
        dentry_length: btf.offset("dentry", "d_name.len", 4)?,
        mount_root: pointer("vfsmount", "mnt_root")?,
        mount_inner: btf.offset("mount", "mnt.mnt_root", 8)?
            - btf.offset("vfsmount", "mnt_root", 8)?,
        mount_parent: pointer("mount", "mnt_parent")?,
        mount_point: pointer("mount", "mnt_mountpoint")?,
    })
}

/// An inode's time of change: two fields since 6.11, a `timespec64` before, renamed in 6.6.
fn inode_change(btf: &Btf<'_>) -> Result<(u32, u32), BtfError> {
    let two = |seconds, nanoseconds, width| {
        let seconds = btf.offset("inode", seconds, 8)?;
        Ok((seconds, btf.offset("inode", nanoseconds, width)?))
    };
    two("i_ctime_sec", "i_ctime_nsec", 4)
        .or_else(|_: BtfError| {
            let (seconds, nanoseconds) = two("__i_ctime.tv_sec", "__i_ctime.tv_nsec", 8)?;
            Ok((seconds, low_half(nanoseconds)))
        })
        .or_else(|_: BtfError| {
            let (seconds, nanoseconds) = two("i_ctime.tv_sec", "i_ctime.tv_nsec", 8)?;
            Ok((seconds, low_half(nanoseconds)))
        })
}

/// Where the lower half of an eight-byte number lies.
fn low_half(offset: u32) -> u32 {
    if cfg!(target_endian = "big") {
        offset + 4
    } else {
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel that the tests run on has to have them: it is what the programs are tried on.
    #[test]
    fn the_running_kernel_has_every_field() {
        let layout = running().expect("BTF with every field");
        assert_eq!(layout.known, 1);
        // No two fields of one structure share a place.
        let task = [
            layout.task_tgid,
            layout.task_start,
            layout.task_parent,
            layout.task_leader,
            layout.task_mm,
            layout.task_comm,
            layout.task_cgroups,
        ];
        for (at, one) in task.iter().enumerate() {
            assert!(!task[..at].contains(one), "{layout:?}");
        }
        assert!(layout.inode_changed_s != layout.inode_changed_ns);
        assert!(layout.mm_arguments_end == layout.mm_arguments + 8);
    }
}
