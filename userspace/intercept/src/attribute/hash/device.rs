//! A file system's device, which the kernel numbers one way inside and another outside.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    os::fd::AsRawFd as _,
};

/// As much as is read of a list of mounts: some forty thousand.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// A device's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Device {
    major: u32,
    minor: u32,
}

impl Device {
    /// As the kernel has it inside: twelve bits major, twenty minor (include/linux/kdev_t.h).
    pub(super) const fn internal(number: u32) -> Self {
        Self {
            major: number >> 20,
            minor: number & 0x000f_ffff,
        }
    }

    /// As stat(2) shows it.
    pub(super) const fn shown(number: u64) -> Self {
        Self {
            major: libc::major(number),
            minor: libc::minor(number),
        }
    }

    /// As the list of mounts has it for the mount that a file was opened on: the file system's own,
    /// also where stat shows another. `viewer` is a process that sees that mount.
    pub(super) fn of_mount(file: &File, viewer: &str) -> Option<Self> {
        let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
        let mount = about
            .lines()
            .find_map(|line| line.strip_prefix("mnt_id:"))?;
        let mounts = File::open(format!("/proc/{viewer}/mountinfo")).ok()?;
        BufReader::new(mounts.take(MOST_BYTES))
            .split(b'\n')
            .map_while(Result::ok)
            .find_map(|line| Self::listed(&line, mount.trim()))
    }

    /// The device in a line of the list (proc_pid_mountinfo(5)), if it is this mount's. Mounts have
    /// one number on the whole host, and this one can't go while the file is open.
    fn listed(line: &[u8], mount: &str) -> Option<Self> {
        // The paths that follow may be any bytes.
        let mut fields = line.split(|byte| *byte == b' ');
        let id = fields.next()?;
        let device = std::str::from_utf8(fields.nth(1)?).ok()?;
        let (major, minor) = device.split_once(':')?;
        (id == mount.as_bytes()).then_some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_device_has_one_number() {
        let device = Device::internal((259 << 20) | 0x12345);
        assert_eq!(device, Device::shown(libc::makedev(259, 0x12345)));
        assert_eq!((device.major, device.minor), (259, 0x12345));
    }

    #[test]
    fn a_mount_is_found_by_its_number_alone() {
        let line = b"36 35 98:5 /mnt1 /mnt\xff2 rw - ext3 /dev/root rw";
        let device = Device {
            major: 98,
            minor: 5,
        };
        assert_eq!(Device::listed(line, "36"), Some(device));
        for (line, mount) in [
            (&line[..], "35"),
            (b"36", "36"),
            (b"36 35 98", "36"),
            (b"", ""),
        ] {
            assert_eq!(Device::listed(line, mount), None);
        }
    }

    #[test]
    fn the_list_and_the_kernel_agree_on_a_file_of_proc() {
        let file = File::open("/proc/self/status").expect("a file");
        let listed = Device::of_mount(&file, "self").expect("a mount");
        let is = std::os::unix::fs::MetadataExt::dev(&file.metadata().expect("metadata"));
        assert_eq!(listed, Device::shown(is));
    }
}
