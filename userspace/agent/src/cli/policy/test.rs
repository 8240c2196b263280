//! `weir policy test`: do the policies decide as their cases say?

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use weir_policy::{Case, Diagnostics, Policies, Source, Tried};

use super::{
    super::{
        args::PolicyTest,
        error::CliError,
        line::{Line, Tone},
        out::Out,
    },
    Configured,
    error::PolicyError,
};
use crate::engine::PolicyFiles;

/// Where the cases of a directory of policies are.
const CASES: &str = "tests";
/// Most files of cases, and the largest, in bytes.
const MOST_FILES: usize = 1000;
const LARGEST: u64 = 4 << 20;

/// What became of all.
#[derive(Serialize)]
struct Report<'a> {
    policies: String,
    version: &'a str,
    tried: usize,
    failed: Vec<Failed<'a>>,
}

/// A case that does not hold.
#[derive(Serialize)]
struct Failed<'a> {
    file: &'a str,
    line: usize,
    case: &'a str,
    failures: Vec<String>,
    got: weir_policy::Ruling,
    deciding: Vec<weir_policy::Deciding>,
}

/// Runs the cases.
pub(super) fn run(asked: &PolicyTest, out: &mut Out) -> Result<(), CliError> {
    let directory = match &asked.dir {
        Some(dir) => Some(dir.clone()),
        None => Configured::read(&asked.config)?.directory,
    };
    let files = PolicyFiles::new(directory.clone());
    let policies = files.load()?;
    let cases = cases(directory.as_deref())?;
    let report = report(&policies, files.source(), &cases);
    if asked.json {
        out.json(&report)?;
    } else {
        tell(&report, out)?;
    }
    out.flush()?;
    match report.failed.len() {
        0 => Ok(()),
        failed => Err(PolicyError::CasesFailed {
            failed,
            tried: report.tried,
        }
        .into()),
    }
}

fn cases(directory: Option<&Path>) -> Result<Vec<Case>, CliError> {
    let sources = match directory {
        None => Case::shipped_sources(),
        Some(directory) => read(directory)?,
    };
    let mut cases = Vec::new();
    let mut wrong = Vec::new();
    for source in &sources {
        match Case::read(source) {
            Ok(read) => cases.extend(read),
            Err(Diagnostics(found)) => wrong.extend(found),
        }
    }
    if !wrong.is_empty() {
        return Err(PolicyError::BadCases(Diagnostics(wrong)).into());
    }
    if cases.is_empty() {
        let directory = directory.map(Path::to_owned).unwrap_or_default();
        return Err(PolicyError::NoCases(directory).into());
    }
    Ok(cases)
}

fn read(directory: &Path) -> Result<Vec<Source>, CliError> {
    let place = directory.join(CASES);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::from(PolicyError::File { path, source })
    };
    let entries = match fs::read_dir(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(PolicyError::NoCases(directory.to_owned()).into());
        }
        entries => entries.map_err(failed(&place))?,
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(&place))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    let too_large = |path: &Path| failed(path)(io::ErrorKind::FileTooLarge.into());
    if paths.len() > MOST_FILES {
        return Err(too_large(&place));
    }
    let source = |path: PathBuf| {
        if fs::metadata(&path).map_err(failed(&path))?.len() > LARGEST {
            return Err(too_large(&path));
        }
        Ok(Source {
            text: fs::read_to_string(&path).map_err(failed(&path))?,
            name: path.display().to_string(),
        })
    };
    paths.into_iter().map(source).collect()
}

fn report<'a>(policies: &'a Policies, source: String, cases: &'a [Case]) -> Report<'a> {
    let failed = cases.iter().filter_map(|case| {
        let Tried { got, failures } = policies.try_case(case);
        (!failures.is_empty()).then(|| Failed {
            file: &case.file,
            line: case.line,
            case: &case.name,
            failures,
            deciding: policies.written(&got.policies),
            got,
        })
    });
    Report {
        policies: source,
        version: policies.version().as_str(),
        tried: cases.len(),
        failed: failed.collect(),
    }
}

fn tell(report: &Report<'_>, out: &mut Out) -> io::Result<()> {
    for failed in &report.failed {
        let place = format!("{}:{}", failed.file, failed.line);
        let head = Line::of(Tone::Bad, "failed: ").and(Tone::Key, place);
        let named = failed.case.split_whitespace().collect::<Vec<_>>().join(" ");
        out.line(&head.text(format!(": {named}")))?;
        for failure in &failed.failures {
            out.line(&Line::plain(format!("  {failure}")))?;
        }
        for policy in &failed.deciding {
            let place = format!("{}:{}", policy.file, policy.line);
            out.line(&Line::of(Tone::Dim, format!("  {} in {place}", policy.id)))?;
        }
        out.blank()?;
    }
    if report.failed.is_empty() {
        let line = Line::of(Tone::Good, "ok: ").text(format!(
            "{} hold for {} policies, version ",
            super::count(report.tried as u64, "case"),
            report.policies
        ));
        out.line(&line.and(Tone::Key, report.version))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::super::out::capture, *};

    #[test]
    fn a_failure_tells_its_place_and_who_decided() {
        let policies = Policies::shipped().unwrap();
        let cases = Case::read(&Source {
            name: "tests/a.toml".into(),
            text: "\n[[case]]\ncommand = \"DROP TABLE a\"\nexpect = \"allow\"\n".into(),
        })
        .unwrap();
        let report = report(&policies, "shipped".into(), &cases);
        assert_eq!(
            capture::plain(|out| tell(&report, out)),
            "failed: tests/a.toml:2: DROP TABLE a\n  \
             expected allow, got deny by no-destroy: DROP and TRUNCATE remove data that nobody can bring back\n  \
             no-destroy in 20-destroy.cedar:3\n  \
             no-ddl in 70-ddl.cedar:3\n\n"
        );
    }

    #[test]
    fn a_directory_without_cases_is_not_one_that_holds() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            cases(Some(dir.path())),
            Err(CliError::Policy(PolicyError::NoCases(_)))
        ));
        fs::create_dir(dir.path().join(CASES)).unwrap();
        assert!(matches!(
            cases(Some(dir.path())),
            Err(CliError::Policy(PolicyError::NoCases(_)))
        ));
        fs::write(dir.path().join(CASES).join("a.toml"), "[[case]]").unwrap();
        assert!(matches!(
            cases(Some(dir.path())),
            Err(CliError::Policy(PolicyError::BadCases(_)))
        ));
    }
}
