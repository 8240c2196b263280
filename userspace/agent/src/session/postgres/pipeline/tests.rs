use super::*;

fn pipeline(expected: impl IntoIterator<Item = Expected>) -> Pipeline {
    let mut pipeline = Pipeline::default();
    for expected in expected {
        pipeline.push(expected, None, Instant::now());
    }
    pipeline
}

fn parse() -> Expected {
    Expected::Parse {
        exposure: Arc::default(),
    }
}

/// Like a Query, what ReadyForQuery ends by itself.
fn call() -> Expected {
    Expected::Call {
        exposure: Arc::default(),
    }
}

#[test]
fn an_error_passes_over_all_up_to_the_sync_and_no_further() {
    let mut p = pipeline([parse(), parse(), call(), Expected::Sync, parse()]);
    assert_eq!(p.fail().len(), 3);
    assert!(p.head().is_none(), "nothing answers until ReadyForQuery");
    let ended = p.ready();
    assert!(matches!(
        ended,
        (
            passed_over,
            Some(Owed {
                expected: Expected::Sync,
                ..
            })
        ) if passed_over.is_empty()
    ));
    assert!(matches!(
        p.head().map(|o| &o.expected),
        Some(Expected::Parse { .. })
    ));
}

#[test]
fn what_is_sent_after_the_error_and_before_the_sync_is_passed_over_too() {
    let mut p = pipeline([parse()]);
    assert_eq!(p.fail().len(), 1);
    p.push(call(), None, Instant::now());
    p.push(Expected::Sync, None, Instant::now());
    assert!(matches!(p.ready(), (passed_over, Some(_)) if passed_over.len() == 1));
    assert!(p.is_empty());
}

#[test]
fn what_is_sent_before_the_sync_is_passed_over_and_what_is_behind_it_is_not() {
    let mut p = pipeline([parse()]);
    assert!(!p.passes_over());
    p.fail();
    p.push(parse(), None, Instant::now());
    assert!(p.passes_over());
    p.push(Expected::Sync, None, Instant::now());
    assert!(!p.passes_over());
    let mut p = pipeline([parse(), Expected::Sync, parse()]);
    p.fail();
    assert!(!p.passes_over());
    p.ready();
    p.fail();
    assert!(p.passes_over());
}

#[test]
fn ready_for_query_that_nobody_asked_for_is_seen() {
    let ends = |mut pipeline: Pipeline| pipeline.ready().1.is_some();
    assert!(!ends(pipeline([])));
    assert!(!ends(pipeline([parse(), Expected::Sync])));
    assert!(ends(pipeline([call()])));
}

#[test]
fn a_copy_swallows_syncs_but_nothing_else() {
    let mut p = pipeline([call(), Expected::Sync]);
    assert!(p.copy_in_begins());
    assert_eq!(p.len(), 1);
    assert!(!pipeline([call(), parse()]).copy_in_begins());
}
