//! A program's instructions, out of the compiled object and bound to its maps, and their loading for
//! a hook that aya does not know.

use std::{
    collections::{HashMap, HashSet},
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use aya::{
    Ebpf,
    maps::{Map, MapData},
};
use aya_obj::{Object, generated::bpf_insn};
use thiserror::Error;

use super::bpf::bpf;

/// `enum bpf_cmd` and `enum bpf_prog_type`, include/uapi/linux/bpf.h.
const BPF_PROG_LOAD: libc::c_long = 5;
const CGROUP_SOCK_ADDR: u32 = 18;
const LSM: u32 = 29;
/// `BPF_LSM_CGROUP` of `enum bpf_attach_type` there.
pub(super) const LSM_CGROUP: u32 = 43;
/// `BPF_OBJ_NAME_LEN` there.
const NAME: usize = 16;
/// Bytes of the verifier's log that are kept.
const LOG: usize = 1024 * 1024;

/// `union bpf_attr` for `BPF_PROG_LOAD`, up to the last field that is needed.
#[repr(C)]
struct ProgLoad {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; NAME],
    interface: u32,
    hook: u32,
    btf: u32,
    function_info_size: u32,
    function_info: u64,
    function_info_count: u32,
    line_info_size: u32,
    line_info: u64,
    line_info_count: u32,
    function: u32,
}

/// What a program is to be asked about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hook {
    /// Socket addresses, at the hook of this number (`enum bpf_attach_type`).
    SocketAddress(u32),
    /// What security modules are asked about: the kernel's function of this number in its
    /// description of itself.
    Security(u32),
}

/// Why a program could not be taken out.
#[derive(Debug, Error)]
pub(crate) enum CodeError {
    /// It is no object, or of another form than this version reads.
    #[error(transparent)]
    Parse(#[from] aya_obj::ParseError),
    /// It refers to what isn't there.
    #[error(transparent)]
    Relocate(#[from] aya_obj::relocation::EbpfRelocationError),
    /// The object has none of this name.
    #[error("it has no program `{0}`")]
    NoProgram(&'static str),
}

/// Instructions, ready to be loaded while the maps they name are open.
pub(super) struct Code {
    instructions: Vec<bpf_insn>,
    license: CString,
}

/// Takes the program called `name` out of `object`, bound to the maps of `ebpf`, which was loaded from
/// the same object.
pub(super) fn take(ebpf: &Ebpf, object: &[u8], name: &'static str) -> Result<Code, CodeError> {
    let mut object = Object::parse(object)?;
    let sections: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    // The others would only be linked in vain.
    object.programs.retain(|program, _| program == name);

    let maps = std::mem::take(&mut object.maps);
    let open: HashMap<&str, RawFd> = ebpf
        .maps()
        .filter_map(|(name, map)| Some((name, data(map)?.fd().as_fd().as_raw_fd())))
        .collect();
    let bound = maps
        .iter()
        .filter_map(|(name, map)| Some((&**name, *open.get(&**name)?, map)));
    object.relocate_maps(bound, &sections)?;
    object.relocate_calls(&sections)?;

    let program = object
        .programs
        .get(name)
        .ok_or(CodeError::NoProgram(name))?;
    let function = object
        .functions
        .get(&program.function_key())
        .ok_or(CodeError::NoProgram(name))?;
    Ok(Code {
        instructions: function.instructions.clone(),
        license: program.license.clone(),
    })
}

/// What lies behind the kinds of map that the programs use.
fn data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::PerCpuArray(data)
        | Map::RingBuf(data)
        | Map::SkStorage(data) => Some(data),
        _ => None,
    }
}

impl Code {
    /// Puts the instructions through the verifier, as a program for this hook. If it is refused, the verifier's own words are in the log.
    pub(super) fn load(&self, hook: Hook, label: &CStr) -> io::Result<OwnedFd> {
        self.attempt(hook, label, &mut [])
            // Only now, since keeping a log slows the verifier down.
            .inspect_err(|_| {
                let mut log = vec![0; LOG];
                let _refused = self.attempt(hook, label, &mut log);
                let text = CStr::from_bytes_until_nul(&log).unwrap_or_default();
                tracing::debug!(program = ?label, log = %text.to_string_lossy(), "refused");
            })
    }

    fn attempt(&self, hook: Hook, label: &CStr, log: &mut [u8]) -> io::Result<OwnedFd> {
        let count = u32::try_from(self.instructions.len())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut name = [0; NAME];
        for (to, from) in name.iter_mut().take(NAME - 1).zip(label.to_bytes()) {
            *to = *from;
        }
        let (kind, hook, function) = match hook {
            Hook::SocketAddress(hook) => (CGROUP_SOCK_ADDR, hook, 0),
            Hook::Security(function) => (LSM, LSM_CGROUP, function),
        };
        let mut attr = ProgLoad {
            kind,
            count,
            instructions: self.instructions.as_ptr().expose_provenance() as u64,
            license: self.license.as_ptr().expose_provenance() as u64,
            log_level: u32::from(!log.is_empty()),
            log_size: u32::try_from(log.len()).unwrap_or(0),
            log: if log.is_empty() {
                0
            } else {
                log.as_mut_ptr().expose_provenance() as u64
            },
            kernel_version: 0,
            flags: 0,
            name,
            interface: 0,
            hook,
            btf: 0,
            function_info_size: 0,
            function_info: 0,
            function_info_count: 0,
            line_info_size: 0,
            line_info: 0,
            line_info_count: 0,
            function,
        };
        let fd = bpf(BPF_PROG_LOAD, &mut attr)?;
        // SAFETY: a new descriptor that nothing else owns.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}
