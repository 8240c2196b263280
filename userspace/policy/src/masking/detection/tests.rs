use proptest::prelude::*;

use super::*;
use crate::{Source, masking::read};

const CLASSES: &str = "[class.pan]\nmethod = \"partial\"\nkeep_last = 4\n[class.staff]\nmethod = \"hash\"\n\
                       [class.email]\nmethod = \"null\"\n";

fn source(detectors: &str) -> Source {
    Source {
        name: "masking.toml".into(),
        text: format!("{CLASSES}{detectors}"),
    }
}

fn rules(detectors: &str) -> MaskingRules {
    match read(&source(detectors)) {
        Ok((rules, warnings)) => {
            assert!(warnings.iter().all(|w| w.to_string().contains("`staff`")));
            rules
        }
        Err(found) => panic!("{found}"),
    }
}

fn refused(detectors: &str) -> String {
    match read(&source(detectors)) {
        Ok(_) => panic!("read: {detectors}"),
        Err(found) => found.to_string(),
    }
}

fn net(rules: &MaskingRules, asked: Detectors, clear: &[&str]) -> Option<Net> {
    let clear = clear.iter().filter_map(|class| DataClass::new(class));
    let detection = Arc::new(rules.detection(asked, "crm", "sales"));
    Net::new(&detection, &Clear::new(clear.collect()))
}

/// What is found, as detector, class and text.
fn found<'a>(net: &'a Net, text: &'a str) -> Vec<(&'a str, &'a str, &'a str)> {
    let hits = net.hits(text.as_bytes(), 0);
    hits.map(|hit| {
        (
            hit.detector,
            hit.class.as_str(),
            text.get(hit.range).unwrap(),
        )
    })
    .collect()
}

const CARD: &str = "4111111111111111";

#[test]
fn what_is_found_has_the_class_that_the_rules_give_it_or_its_own() {
    let rules = rules(
        "[[detector]]\nclass = \"staff\"\ndetect = [\"email\", \"card\"]\ntarget = \"hr*\"\n\
         [[detector]]\nclass = \"staff\"\ndetect = \"email\"\ntarget = \"crm\"\n",
    );
    let net = net(&rules, Detectors::all(), &[]).unwrap();
    assert_eq!(
        found(&net, "4111111111111111 ada@example.com 123-45-6789"),
        [
            ("card", "pan", CARD),
            ("email", "staff", "ada@example.com"),
            ("us-ssn", "national_id", "123-45-6789"),
        ]
    );
    let methods: Vec<Method> = net
        .hits(b"4111111111111111 ada@example.com 123-45-6789", 0)
        .map(|hit| hit.method)
        .collect();
    // A class that isn't declared is redacted.
    let partial = Method::Partial { keep_last: 4 };
    assert_eq!(methods, [partial, Method::Hash, Method::Redact]);
}

#[test]
fn nothing_is_looked_for_but_what_is_asked_and_not_clear() {
    let rules = rules("");
    let only: Detectors = [Detector::Card].into_iter().collect();
    let text = "4111111111111111 ada@example.com";
    assert_eq!(
        found(&net(&rules, only, &[]).unwrap(), text),
        [("card", "pan", CARD)]
    );
    let seen = net(&rules, Detectors::all(), &["pan"]).unwrap();
    assert_eq!(found(&seen, text), [("email", "email", "ada@example.com")]);
    assert!(net(&rules, only, &["pan"]).is_none());
    assert!(net(&rules, Detectors::default(), &[]).is_none());
}

#[test]
fn a_pattern_of_ones_own_is_found_where_it_holds_and_overlaps_leave_nothing_out() {
    let own = "[[detector]]\nclass = \"staff\"\nname = \"staff-number\"\npattern = 'EMP-\\d{4}'\n";
    let found_by = |declared: &str, asked, text: &'static str| {
        let rules = rules(declared);
        let net = net(&rules, asked, &[])?;
        let hits: Vec<String> = net
            .hits(text.as_bytes(), 0)
            .map(|hit| format!("{} {}", hit.detector, text.get(hit.range).unwrap()))
            .collect();
        Some(hits)
    };
    let none = Detectors::default();
    let told = found_by(own, none, "EMP-1234, EMP-12, EMP-56789").unwrap();
    assert_eq!(told, ["staff-number EMP-1234", "staff-number EMP-5678"]);
    assert_eq!(
        found_by(&format!("{own}target = \"hr\"\n"), none, "EMP-1234"),
        None
    );
    let crossing = "[[detector]]\nclass = \"staff\"\nname = \"tail\"\npattern = '1111 tail'\n\
                    [[detector]]\nclass = \"staff\"\nname = \"head\"\npattern = 'head 4111'\n";
    let told = found_by(crossing, Detectors::all(), "4111111111111111 tail").unwrap();
    assert_eq!(told, ["card 4111111111111111", "tail  tail"]);
    let told = found_by(crossing, Detectors::all(), "head 4111111111111111").unwrap();
    assert_eq!(told, ["head head 4111", "card 111111111111"]);
    // By bytes it would begin in the middle of a letter.
    let bytes = "[[detector]]\nclass = \"staff\"\nname = \"odd\"\npattern = '(?-u:\\xa9)x'\n";
    assert_eq!(found_by(bytes, none, "éx").unwrap(), ["odd éx"]);
}

#[test]
fn what_does_not_hold_is_told_with_its_place() {
    for (declared, told) in [
        (
            "class = \"pan\"\ndetect = \"cards\"\n",
            "no detector is called `cards`",
        ),
        (
            "class = \"nobody\"\ndetect = \"card\"\n",
            "no class is called `nobody`",
        ),
        (
            "class = \"pan\"\n",
            "a detector is one of weir's, or one of your own",
        ),
        (
            "class = \"pan\"\nname = \"x\"\n",
            "a detector is one of weir's, or one of your own",
        ),
        (
            "class = \"pan\"\ndetect = \"card\"\npattern = \"x\"\n",
            "a detector is one of weir's",
        ),
        (
            "class = \"pan\"\ndetect = []\n",
            "an empty list names no detector",
        ),
        (
            "class = \"pan\"\nname = \"card\"\npattern = \"x\"\n",
            "`card` is one of weir's",
        ),
        (
            "class = \"pan\"\nname = \"A b\"\npattern = \"x\"\n",
            "`A b` can't name a detector",
        ),
        (
            "class = \"pan\"\nname = \"x\"\npattern = \"(\"\n",
            "not a regular expression: unclosed group",
        ),
        (
            "class = \"pan\"\nname = \"x\"\npattern = \"(a)\\\\1\"\n",
            "not a regular expression: backreferences are not supported",
        ),
        (
            "class = \"pan\"\nname = \"x\"\npattern = \"a*\"\n",
            "the pattern matches where nothing is",
        ),
        (
            "class = \"pan\"\nname = \"x\"\npattern = \"(\\\\w{900}){900}\"\n",
            "the pattern becomes too big",
        ),
        ("class = \"pan\"\nfind = \"card\"\n", "unknown field `find`"),
    ] {
        let found = refused(&format!("[[detector]]\n{declared}"));
        assert!(found.contains(told), "{found}");
        assert!(found.contains("masking.toml:"), "{found}");
    }
    let long = format!(
        "[[detector]]\nclass = \"pan\"\nname = \"x\"\npattern = \"{}\"\n",
        "a".repeat(1001)
    );
    assert!(refused(&long).contains("at most 1000 bytes"));
    let one = |i| format!("[[detector]]\nclass = \"pan\"\nname = \"d{i}\"\npattern = \"x\"\n");
    let many: String = (0..65).map(one).collect();
    assert!(refused(&many).contains("more than 64 detectors"));
    assert!(refused(&one(1).repeat(2)).contains("there is a detector `d1` already"));
}

proptest! {
    #[test]
    fn values_are_told_once_from_left_to_right(
        parts in prop::collection::vec(prop::sample::select(vec![
            "4111111111111111", "EMP-1", "1", "x", " ", "ada@example.com", "é", "EMP-4111", "AKIAIOSFODNN7EXAMPLE",
        ]), 0..12),
    ) {
        let text = parts.concat();
        let rules = rules("[[detector]]\nclass = \"staff\"\nname = \"own\"\npattern = 'EMP-\\d+'\n\
                           [[detector]]\nclass = \"staff\"\nname = \"any\"\npattern = 'x\\s.'\n");
        let net = net(&rules, Detectors::all(), &[]).unwrap();
        let mut last = 0;
        for hit in net.hits(text.as_bytes(), 0) {
            prop_assert!(hit.range.start >= last && hit.range.start < hit.range.end);
            prop_assert!(text.is_char_boundary(hit.range.start) && text.is_char_boundary(hit.range.end));
            last = hit.range.end;
        }
    }
}
