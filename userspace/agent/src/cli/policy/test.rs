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
    json::Failure,
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
    #[serde(skip)]
    directory: Option<&'a Path>,
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
        Some(dir) => Ok(Some(dir.clone())),
        None => Configured::read(&asked.config).map(|configured| configured.directory),
    };
    let read = directory.map_err(CliError::from).and_then(|directory| {
        let policies = PolicyFiles::new(directory.clone()).load()?;
        let cases = cases(directory.as_deref())?;
        Ok((directory, policies, cases))
    });
    let (directory, policies, cases) = match read {
        Err(error) if asked.json => {
            out.json(&Failure::of(&error))?;
            out.flush()?;
            return Err(error);
        }
        read => read?,
    };
    let report = report(&policies, directory.as_deref(), &cases);
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

fn report<'a>(
    policies: &'a Policies,
    directory: Option<&'a Path>,
    cases: &'a [Case],
) -> Report<'a> {
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
        policies: PolicyFiles::new(directory.map(Path::to_owned)).source(),
        directory,
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
            "{} {} for {}, version ",
            super::count(report.tried as u64, "case"),
            if report.tried == 1 { "holds" } else { "hold" },
            super::called(report.directory)
        ));
        out.line(&line.and(Tone::Key, report.version))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{configuration::Configuration, out::capture},
        *,
    };

    #[test]
    fn a_failure_tells_its_place_and_who_decided() {
        let policies = Policies::shipped().unwrap();
        let cases = Case::read(&Source {
            name: "tests/a.toml".into(),
            text: "\n[[case]]\ncommand = \"DROP TABLE a\"\nexpect = \"allow\"\n".into(),
        })
        .unwrap();
        let report = report(&policies, None, &cases);
        assert_eq!(
            capture::plain(|out| tell(&report, out)),
            "failed: tests/a.toml:2: DROP TABLE a\n  \
             expected allow, got deny by no-destroy: DROP and TRUNCATE remove data that nobody can bring back\n  \
             no-destroy in 20-destroy.cedar:3\n  \
             no-ddl in 70-ddl.cedar:3\n\n"
        );
    }

    #[test]
    fn cases_that_hold_are_counted_in_words() {
        let policies = Policies::shipped().unwrap();
        let case = "[[case]]\ncommand = \"DROP TABLE a\"\nexpect = \"deny\"\n";
        for (text, begin) in [
            (
                case.to_owned(),
                "ok: 1 case holds for policies in p, version ",
            ),
            (
                case.repeat(2),
                "ok: 2 cases hold for policies in p, version ",
            ),
        ] {
            let cases = Case::read(&Source {
                name: "tests/a.toml".into(),
                text,
            })
            .unwrap();
            let report = report(&policies, Some(Path::new("p")), &cases);
            let told = capture::plain(|out| tell(&report, out));
            assert!(told.starts_with(begin), "{told}");
        }
    }

    #[test]
    fn a_test_that_cannot_be_made_says_why_to_programs_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut asked = PolicyTest {
            dir: Some(dir.path().to_owned()),
            config: Configuration::default(),
            json: true,
        };
        let told = |asked: &PolicyTest| {
            let told = capture::plain(|out| {
                assert!(run(asked, out).is_err());
                Ok(())
            });
            serde_json::from_str::<serde_json::Value>(&told).expect(&told)
        };
        assert!(told(&asked)["error"].is_string(), "no policy");
        let policy = "@id(\"a\") permit (principal, action, resource);";
        fs::write(dir.path().join("a.cedar"), policy).unwrap();
        let error = told(&asked)["error"].as_str().unwrap().to_owned();
        assert!(error.contains("holds no cases"), "{error}");
        fs::create_dir(dir.path().join(CASES)).unwrap();
        fs::write(dir.path().join(CASES).join("a.toml"), "[[case]]").unwrap();
        assert_eq!(told(&asked)["diagnostics"][0]["line"], 1);
        asked.dir = None;
        asked.config.config = Some(dir.path().join("weir.toml"));
        let error = told(&asked)["error"].as_str().unwrap().to_owned();
        assert!(error.contains("weir.toml"), "{error}");
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
