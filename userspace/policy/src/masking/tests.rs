use super::*;
use crate::Source;

fn rules(text: &str) -> MaskingRules {
    let source = Source {
        name: "masking.toml".into(),
        text: text.into(),
    };
    match read(&source) {
        Ok((rules, _)) => rules,
        Err(found) => panic!("{found}"),
    }
}

/// What is wrong with these rules.
fn refused(text: &str) -> String {
    let source = Source {
        name: "etc/masking.toml".into(),
        text: text.into(),
    };
    match read(&source) {
        Ok(_) => panic!("read: {text}"),
        Err(found) => found.to_string(),
    }
}

fn shipped() -> MaskingRules {
    rules(include_str!("../../../../policies/masking.toml"))
}

fn class<'a>(
    rules: &'a MaskingRules,
    schema: Option<&str>,
    relation: &str,
    column: &str,
) -> Option<&'a str> {
    rules
        .classify("crm", "sales", schema, relation, column)
        .map(|found| found.class.as_str())
}

#[test]
fn every_part_of_a_rule_must_match() {
    let rules = rules(
        "[class.a]\nmethod = \"hash\"\n[[column]]\nclass = \"a\"\ntarget = \"crm*\"\ndatabase = \"sales\"\ntable = \"public.pe*\"\ncolumn = \"*mail\"\n",
    );
    let of = |target, database, schema, relation, column| {
        rules
            .classify(target, database, schema, relation, column)
            .map(|found| found.method)
    };
    let hash = Some(Method::Hash);
    assert_eq!(
        of("crm-eu", "sales", Some("public"), "people", "email"),
        hash
    );
    assert_eq!(of("erp", "sales", Some("public"), "people", "email"), None);
    assert_eq!(of("crm", "hr", Some("public"), "people", "email"), None);
    assert_eq!(of("crm", "sales", Some("audit"), "people", "email"), None);
    assert_eq!(of("crm", "sales", Some("public"), "orders", "email"), None);
    assert_eq!(of("crm", "sales", Some("public"), "people", "emails"), None);
    // What is not known does not exclude, and case does not either.
    assert_eq!(of("crm", "sales", None, "people", "email"), hash);
    assert_eq!(of("CRM", "Sales", Some("PUBLIC"), "People", "eMail"), hash);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rules = rules(
        "[class.b]\nmethod = \"null\"\n[class.a]\nmethod = \"partial\"\nkeep_last = 4\n\
         [[column]]\nclass = \"a\"\ntable = \"cards\"\ncolumn = [\"x\", \"number\"]\n\
         [[column]]\nclass = \"b\"\ncolumn = \"number\"\n",
    );
    assert_eq!(class(&rules, Some("s"), "cards", "number"), Some("a"));
    assert_eq!(class(&rules, Some("s"), "houses", "number"), Some("b"));
    assert_eq!(class(&rules, Some("s"), "houses", "x"), None);
    let found = rules.classify("t", "d", None, "cards", "x").unwrap();
    assert_eq!(found.method, Method::Partial { keep_last: 4 });
    assert_eq!(
        rules.classes().map(DataClass::as_str).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

#[test]
fn names_of_columns_that_a_security_team_would_mask_are_masked() {
    let rules = shipped();
    for (expected, columns) in [
        (
            "email",
            "email E_Mail work_email emailAddress mail user_e_mail",
        ),
        (
            "pan",
            "pan card_number cardNumber cc_number credit_card card_pan customer_pan card_no",
        ),
        ("card_code", "cvv cvv2 card_cvc security_code"),
        (
            "phone",
            "phone phone_number homePhone mobile mobile_number fax telephone work_phone",
        ),
        (
            "bank_account",
            "iban bank_account account_number routing_number bankAccountNumber",
        ),
        (
            "national_id",
            "ssn social_security_number passport_no tax_id national_id nino",
        ),
        (
            "birth_date",
            "dob date_of_birth birthdate birth_date birthday",
        ),
        (
            "address",
            "address address_line1 street billing_address home_address",
        ),
        (
            "secret",
            "password passwd pwd_hash password_hash user_password secret client_secret token \
             access_token accessToken token_hash api_key apikey stripe_api_key private_key \
             credentials otp_secret session_token",
        ),
    ] {
        for column in columns.split_whitespace() {
            assert_eq!(
                class(&rules, Some("public"), "people", column),
                Some(expected),
                "{column}"
            );
        }
    }
}

#[test]
fn names_that_only_look_alike_are_left_alone() {
    let rules = shipped();
    for column in [
        "id",
        "name",
        "total",
        "created_at",
        "panel",
        "company",
        "japan_region",
        "secretary",
        "prompt_tokens",
        "total_tokens",
        "token_count",
        "ip_address",
        "discard",
        "card_type",
        "pinned",
        "street_view_enabled_count_x",
    ] {
        let expected = (column == "street_view_enabled_count_x").then_some("address");
        assert_eq!(
            class(&rules, Some("public"), "people", column),
            expected,
            "{column}"
        );
    }
    // What drivers and psql read of the catalogue.
    for (relation, column) in [
        ("pg_class", "relname"),
        ("pg_attribute", "attname"),
        ("pg_type", "typname"),
        ("pg_ts_parser", "prstoken"),
        ("pg_stats", "n_distinct"),
        ("pg_stat_activity", "state"),
        ("pg_settings", "setting"),
        ("pg_database", "datname"),
    ] {
        assert_eq!(
            class(&rules, Some("pg_catalog"), relation, column),
            None,
            "{relation}.{column}"
        );
    }
}

#[test]
fn the_catalogue_leaks_no_values() {
    let rules = shipped();
    for (expected, relation, column) in [
        ("secret", "pg_authid", "rolpassword"),
        ("secret", "pg_roles", "rolpassword"),
        ("secret", "pg_shadow", "passwd"),
        ("secret", "pg_user_mapping", "umoptions"),
        ("secret", "pg_user_mappings", "umoptions"),
        ("secret", "pg_subscription", "subconninfo"),
        ("statistics", "pg_stats", "most_common_vals"),
        ("statistics", "pg_stats", "histogram_bounds"),
        ("statistics", "pg_stats", "most_common_elems"),
        ("statistics", "pg_stats_ext", "most_common_vals"),
        ("statistics", "pg_stats_ext_exprs", "histogram_bounds"),
        ("statistics", "pg_statistic", "stavalues1"),
        ("statistics", "pg_statistic", "stavalues5"),
        ("statistics", "pg_statistic_ext_data", "stxdmcv"),
        ("statement", "pg_stat_activity", "query"),
    ] {
        let found = class(&rules, Some("pg_catalog"), relation, column);
        assert_eq!(found, Some(expected), "{relation}.{column}");
        assert_eq!(
            class(&rules, None, relation, column),
            Some(expected),
            "{relation}.{column}"
        );
    }
    // A table of the same name elsewhere is somebody's own.
    assert_eq!(
        class(&rules, Some("public"), "pg_stat_activity", "query"),
        None
    );
}

#[test]
fn a_class_has_a_plain_name() {
    for name in ["email", "a", "card_code", "birth-date2"] {
        assert_eq!(DataClass::new(name).unwrap().to_string(), name);
    }
    for name in [
        "",
        "Email",
        "2fa",
        "_x",
        "a b",
        "a/b",
        "a\n",
        "é",
        &"a".repeat(65),
    ] {
        assert!(DataClass::new(name).is_none(), "{name}");
    }
    let class: DataClass = serde_json::from_str("\"email\"").unwrap();
    assert_eq!(serde_json::to_string(&class).unwrap(), "\"email\"");
    assert!(serde_json::from_str::<DataClass>("\"E Mail\"").is_err());
}

#[test]
fn classes_of_a_statement_are_those_of_each_of_its_columns() {
    let rules = shipped();
    let columns = ["id", "EMAIL", "card_number"].map(str::to_owned).into();
    let mut found = BTreeSet::new();
    rules.add_classes(&mut found, ("t", "d", None, "people"), &columns);
    assert_eq!(
        found.into_iter().map(DataClass::as_str).collect::<Vec<_>>(),
        ["email", "pan"]
    );
}

#[test]
fn a_wrong_masking_key_is_shown_where_it_is() {
    assert_eq!(
        refused(
            "[class.email]\nmethod = \"redact\"\n\n[[column]]\nclass = \"email\"\ncolum = \"email\"\n"
        ),
        "\
error: unknown field `colum`, expected one of `class`, `target`, `database`, `table`, `column`
  --> etc/masking.toml:6:1
   |
 6 | colum = \"email\"
   | ^^^^^"
    );
    assert!(refused("[clas.email]\nmethod = \"redact\"\n").contains("etc/masking.toml:1:2\n"));
    assert!(refused("[class.email]\nmethod = \"blur\"\n").contains("etc/masking.toml:2:10\n"));
    assert!(refused("[class.email]\nmethod = \n").contains("etc/masking.toml:2:"));
}

#[test]
fn an_unknown_class_is_shown_where_it_is() {
    assert_eq!(
        refused(
            "[class.email]\nmethod = \"redact\"\n[class.pan]\nmethod = \"null\"\n\n[[column]]\nclass = \"emial\"\ncolumn = \"*\"\n"
        ),
        "\
error: no class is called `emial`
  --> etc/masking.toml:7:9
   |
 7 | class = \"emial\"
   |         ^^^^^^^
   = help: declared are: email, pan"
    );
}

#[test]
fn every_wrong_rule_is_shown() {
    let found = refused(
        "[class.Email]\nmethod = \"redact\"\n[class.a]\nmethod = \"partial\"\n[class.b]\nmethod = \"null\"\nkeep_last = 2\n\
         [class.c]\nmethod = \"partial\"\nkeep_last = 9\n\
         [[column]]\nclass = \"b\"\ntable = \"a.b.c\"\ncolumn = [\"ok\", \"no?\"]\n\
         [[column]]\nclass = \"b\"\ntarget = \"\"\ndatabase = \"[a]\"\ntable = \"x.\"\ncolumn = []\n",
    );
    let places: Vec<&str> = found
        .lines()
        .filter(|line| line.contains("--> "))
        .map(|line| line.trim_start())
        .collect();
    let at = |place: &str| {
        assert!(
            places.contains(&format!("--> etc/masking.toml:{place}").as_str()),
            "{place}: {found}"
        );
    };
    for place in [
        "1:8", "4:10", "7:13", "10:13", "13:9", "14:17", "17:10", "18:12", "19:9", "20:10",
    ] {
        at(place);
    }
    assert_eq!(places.len(), 10, "{found}");
}

#[test]
fn channels_tell_nothing_only_where_they_are_declared() {
    let rules = rules(
        "[[channel]]\ntarget = \"crm\"\ndatabase = \"sales\"\nclear = [\"jobs\", \"cache_*\"]\n",
    );
    assert!(rules.tells_nothing("crm", "sales", "jobs"));
    assert!(rules.tells_nothing("crm", "sales", "cache_users"));
    assert!(!rules.tells_nothing("crm", "sales", "jobs2"));
    assert!(!rules.tells_nothing("crm", "hr", "jobs"));
    assert!(!rules.tells_nothing("erp", "sales", "jobs"));
    assert!(!shipped().tells_nothing("crm", "sales", "jobs"));
}

#[test]
fn a_wrong_channel_is_told() {
    let none = refused("[[channel]]\nclear = []\n");
    assert!(none.contains("matches no channel"), "{none}");
    let unknown = refused("[[channel]]\nclear = \"a\"\ntable = \"b\"\n");
    assert!(unknown.contains("unknown field `table`"), "{unknown}");
}
