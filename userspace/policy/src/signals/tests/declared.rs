//! What `signals.toml` may say, and how it hangs together with policies.

use super::*;

#[test]
fn what_is_wrong_is_told_where_it_is() {
    for (text, told) in [
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"10m\"\nper_subject = true",
            "per_subject",
        ),
        (
            "[[budget]]\nname = \"A\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"10m\"",
            "`A` can't name a signal",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"cows\"\nlimit = 1\nwindow = \"10m\"",
            "cows",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 0\nwindow = \"10m\"",
            "a limit of rows is 1 to",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"tables\"\nlimit = 10001\nwindow = \"10m\"",
            "a limit of tables is 1 to 10000",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"10\"",
            "`10` is not a length of time",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"8d\"",
            "a window is 1s to 7d long",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"1m\"\nactions = [\"reed\"]",
            "there is no action `reed`",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"1m\"\nactions = []",
            "an empty list counts nothing",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"statements\"\nlimit = 1\nwindow = \"1m\"\ncut = true",
            "only a budget of rows or bytes can cut",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"Mars/Olympus\"\ndays = [\"mon\"]\nhours = [\"09:00-17:00\"]",
            "there is no time zone `Mars/Olympus`",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = [\"monday\"]\nhours = [\"09:00-17:00\"]",
            "`monday` is no day",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = [\"mon\"]\nhours = [\"9-17\"]",
            "`9-17` is no time of the day",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = [\"mon\"]\nhours = [\"24:00-25:00\"]",
            "is no time of the day",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = []\nhours = [\"09:00-17:00\"]",
            "an empty list makes it raised always",
        ),
        (
            "[[novelty]]\nname = \"a\"\nwhat = \"table\"",
            "does not say how long",
        ),
        (
            "[[novelty]]\nname = \"a\"\nwhat = \"target\"\nper = \"subject+target\"\nlearn = \"1d\"",
            "never new to itself",
        ),
        (
            "[[refusals]]\nname = \"a\"\nlimit = 1\nwindow = \"1m\"\n[[refusals]]\nname = \"a\"\nlimit = 1\nwindow = \"1m\"",
            "already there",
        ),
    ] {
        let error = bundle(text).unwrap_err();
        assert!(error.contains(told), "{text}\n{error}");
        assert!(
            error.contains("signals.toml:") && error.contains('^'),
            "{error}"
        );
    }
    let many: String = (0..=MOST_SIGNALS)
        .map(|n| format!("[[refusals]]\nname = \"n{n}\"\nlimit = 1\nwindow = \"1m\"\n"))
        .collect();
    assert!(bundle(&many).unwrap_err().contains("more than 64 signals"));
}

#[test]
fn a_name_that_is_not_declared_is_an_error_and_one_that_is_not_used_a_warning() {
    let load = |policy: &str| {
        Policies::load(&[
            Source {
                name: "a.cedar".into(),
                text: format!(
                    "@id(\"a\") permit (principal, action in Weir::Action::\"command\", resource) when {{ {policy} }};"
                ),
            },
            Source {
                name: "signals.toml".into(),
                text: "[[refusals]]\nname = \"used\"\nlimit = 1\nwindow = \"1m\"".into(),
            },
        ])
    };
    for wrong in [
        "context.signals.contains(\"typo\")",
        "!context.signals.containsAny([\"used\", \"typo\"])",
        "context.signals.containsAll([\"typo\"])",
        "[\"typo\"].containsAll(context.signals)",
        "context.signals == [\"typo\"]",
    ] {
        let error = load(wrong).unwrap_err().to_string();
        assert!(
            error.contains("no signal is called `typo`"),
            "{wrong}: {error}"
        );
        assert!(
            error.contains("declares: used") && error.contains("a.cedar:1"),
            "{error}"
        );
    }
    let fine = load("context.signals.contains(\"used\")").unwrap();
    assert_eq!(fine.warnings(), []);
    assert_eq!(load("context.signals.isEmpty()").unwrap().warnings(), []);
    let unused = load("context.in_transaction").unwrap();
    assert!(
        unused.warnings()[0]
            .to_string()
            .contains("no policy looks at the signal `used`")
    );
    assert_ne!(fine.version(), unused.version());
}

#[test]
fn the_version_names_the_signals_too() {
    let with = |limit| format!("[[refusals]]\nname = \"a\"\nlimit = {limit}\nwindow = \"1m\"");
    let (one, two) = (bundle(&with(1)).unwrap(), bundle(&with(2)).unwrap());
    assert_ne!(one.version(), two.version());
}

#[test]
fn the_shipped_signals_are_used_by_the_shipped_policies() {
    let policies = Policies::shipped().unwrap();
    assert_eq!(policies.warnings(), []);
    assert!(policies.signals().names().count() >= 4);
}
