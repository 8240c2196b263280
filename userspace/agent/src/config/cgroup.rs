//! Which cgroup a workload is, by path or by systemd unit.
//!
//! Only slices keep their cgroup: a service or scope gets a new one at every start, so it is
//! governed by the slice it is in.

use std::{fmt, str::FromStr, sync::Arc};

use super::invalid::{InvalidValue, quoted};

/// A path below the cgroup v2 root: absolute, without empty, `.` or `..` parts, never the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CgroupPath(Arc<str>);

impl CgroupPath {
    /// The path, with its leading `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the cgroups of `weir run`'s commands lie in.
    pub const RUNS: &str = "/weir.run";

    /// The path without its leading `/`, to be joined to the root of the cgroup file system.
    #[must_use]
    pub fn below_root(&self) -> &str {
        self.0.strip_prefix('/').unwrap_or(&self.0)
    }

    /// Whether `other` is this cgroup or one below it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        other
            .0
            .strip_prefix(&*self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The cgroup of `weir run`.
    pub(super) fn run() -> Self {
        Self("/weir/run".into())
    }

    /// The cgroup of a systemd unit.
    pub(super) fn of_unit(unit: &str) -> Result<Self, InvalidValue> {
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.' | '-' | '\\');
        let plain = !unit.is_empty() && unit.chars().all(allowed);
        let path = match unit.rsplit_once('.') {
            Some((stem, "service" | "scope")) if plain && !stem.is_empty() => {
                return Err(made_anew(unit));
            }
            Some((stem, "slice")) if plain => slice_path(stem).ok_or_else(|| not_a_unit(unit))?,
            _ => return Err(not_a_unit(unit)),
        };
        path.parse()
    }
}

/// `a-b` is `/a.slice/a-b.slice`: a dash is a level (systemd.slice(5)).
fn slice_path(stem: &str) -> Option<String> {
    if stem.split('-').any(str::is_empty) {
        return None;
    }
    let ends = stem
        .match_indices('-')
        .map(|(at, _)| at)
        .chain([stem.len()]);
    let parts: Option<Vec<String>> = ends
        .map(|end| stem.get(..end).map(|part| format!("/{part}.slice")))
        .collect();
    Some(parts?.concat())
}

/// Tagging a cgroup governs that cgroup, not the next one of its name. Between a service's restart
/// and the moment when weir noticed, it would reach anything.
fn made_anew(text: &str) -> InvalidValue {
    InvalidValue::new(format!(
        "{} gets a new cgroup at every start, which nothing would govern",
        quoted(text)
    ))
    .help("put it in a slice (`Slice=agents.slice` in its unit) and say `unit = \"agents.slice\"`")
}

fn not_a_unit(unit: &str) -> InvalidValue {
    InvalidValue::new(format!(
        "{} is not a unit that weir can find by itself",
        quoted(unit)
    ))
    .help("name a `.slice`, as in `agents.slice`; a path is given as `cgroup`")
}

impl FromStr for CgroupPath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = |why: &str, help: &str| {
            Err(InvalidValue::new(format!("{} {why}", quoted(text))).help(help))
        };
        let Some(below) = text.strip_prefix('/') else {
            return wrong(
                "is not a path below the cgroup root",
                "begin it with `/`, as in `/weir/ci`: it is counted from where cgroup v2 is mounted",
            );
        };
        if below.is_empty() {
            return wrong(
                "is every process of the host, weir's own among them",
                "name a cgroup below it, as in `/weir/ci`",
            );
        }
        let part = |p: &str| {
            !matches!(p, "" | "." | "..") && p.len() <= 255 && !p.contains(char::is_control)
        };
        if text.len() > 4000 || !below.split('/').all(part) {
            return wrong(
                "is not a plain path",
                "write it without empty parts, `.`, `..` and a final `/`, and at most 255 bytes a part",
            );
        }
        // A user may move its processes freely inside what systemd delegated to it, and so would
        // step out of any cgroup below.
        let (above, _) = below.rsplit_once('/').unwrap_or_default();
        if above
            .split('/')
            .any(|p| p.starts_with("user@") && p.ends_with(".service"))
        {
            return wrong(
                "is inside a cgroup that its user controls, and can be left by its processes",
                "use a system slice or a cgroup of weir's own, as in `/weir/ci`",
            );
        }
        if below
            .split('/')
            .any(|p| p.ends_with(".service") || p.ends_with(".scope"))
        {
            return Err(made_anew(text));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for CgroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::CgroupPath;

    #[test]
    fn a_path_that_is_not_one_subtree_is_refused() {
        let long = format!("/{}", "a".repeat(256));
        for bad in [
            "",
            "/",
            "weir",
            "//weir",
            "/weir/",
            "/weir//ci",
            "/weir/../x",
            "/.",
            "/a\nb",
            "/a\0b",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/agent.service",
            &long,
        ] {
            assert!(bad.parse::<CgroupPath>().is_err(), "{bad:?}");
        }
        for good in ["/weir", "/weir/ci", "/a b"] {
            assert_eq!(good.parse::<CgroupPath>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_unit_is_where_systemd_puts_it() {
        for (unit, path) in [
            ("agents.slice", "/agents.slice"),
            ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
        ] {
            assert_eq!(CgroupPath::of_unit(unit).unwrap().as_str(), path);
        }
        for bad in [
            "",
            "ci",
            ".service",
            "ci-agent.service",
            "run-1.scope",
            ".slice",
            "-.slice",
            "a--b.slice",
            "-a.slice",
            "a-.slice",
            "a@b.service",
            "a.scope",
            "../x.service",
            "a/b.service",
            "a.service ",
            "a b.service",
        ] {
            assert!(CgroupPath::of_unit(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_cgroup_holds_itself_and_what_is_below() {
        let path = |p: &str| p.parse::<CgroupPath>().unwrap();
        assert!(path("/weir").holds(&path("/weir")));
        assert!(path("/weir").holds(&path("/weir/ci")));
        assert!(!path("/weir").holds(&path("/weir2")));
        assert!(!path("/weir/ci").holds(&path("/weir")));
    }
}
