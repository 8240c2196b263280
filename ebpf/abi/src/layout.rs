//! Where this kernel keeps what a process is known by.

/// Offsets in bytes within the kernel's structures, told to the programs before they are loaded. They
/// differ from kernel to kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// One if all of the others are known. Zero turns capturing off.
    pub known: u32,
    /// `task_struct.tgid`
    pub task_tgid: u32,
    /// `task_struct.start_boottime`
    pub task_start: u32,
    /// `task_struct.real_parent`
    pub task_parent: u32,
    /// `task_struct.group_leader`
    pub task_leader: u32,
    /// `task_struct.mm`
    pub task_mm: u32,
    /// `task_struct.comm`
    pub task_comm: u32,
    /// `task_struct.cgroups`
    pub task_cgroups: u32,
    /// `css_set.dfl_cgrp`: the cgroup in the v2 hierarchy
    pub cgroups_default: u32,
    /// `cgroup.kn`
    pub cgroup_node: u32,
    /// `kernfs_node.id`
    pub node_id: u32,
    /// `mm_struct.exe_file`
    pub mm_executable: u32,
    /// `mm_struct.arg_start`
    pub mm_arguments: u32,
    /// `mm_struct.arg_end`
    pub mm_arguments_end: u32,
    /// `file.f_path.mnt`
    pub file_mount: u32,
    /// `file.f_path.dentry`
    pub file_dentry: u32,
    /// `file.f_inode`
    pub file_inode: u32,
    /// `inode.i_ino`
    pub inode_number: u32,
    /// `inode.i_sb`
    pub inode_filesystem: u32,
    /// The seconds of an inode's `ctime`
    pub inode_changed_s: u32,
    /// The nanoseconds of an inode's `ctime`, four bytes of them
    pub inode_changed_ns: u32,
    /// `super_block.s_dev`
    pub filesystem_device: u32,
    /// `super_block.s_magic`
    pub filesystem_kind: u32,
    /// `dentry.d_parent`
    pub dentry_parent: u32,
    /// `dentry.d_name.name`
    pub dentry_name: u32,
    /// `dentry.d_name.len`
    pub dentry_length: u32,
    /// `vfsmount.mnt_root`
    pub mount_root: u32,
    /// `mount.mnt`: where a `vfsmount` lies in its `mount`
    pub mount_inner: u32,
    /// `mount.mnt_parent`
    pub mount_parent: u32,
    /// `mount.mnt_mountpoint`
    pub mount_point: u32,
}

impl Layout {
    /// Nothing known: capturing is off.
    pub const UNKNOWN: Self = Self {
        known: 0,
        task_tgid: 0,
        task_start: 0,
        task_parent: 0,
        task_leader: 0,
        task_mm: 0,
        task_comm: 0,
        task_cgroups: 0,
        cgroups_default: 0,
        cgroup_node: 0,
        node_id: 0,
        mm_executable: 0,
        mm_arguments: 0,
        mm_arguments_end: 0,
        file_mount: 0,
        file_dentry: 0,
        file_inode: 0,
        inode_number: 0,
        inode_filesystem: 0,
        inode_changed_s: 0,
        inode_changed_ns: 0,
        filesystem_device: 0,
        filesystem_kind: 0,
        dentry_parent: 0,
        dentry_name: 0,
        dentry_length: 0,
        mount_root: 0,
        mount_inner: 0,
        mount_parent: 0,
        mount_point: 0,
    };
}

const _: () = assert!(size_of::<Layout>() == 120 && align_of::<Layout>() == 4);
