//! The server's keywords, by what they may be beside keywords.
//!
//! From `pg_get_keywords()` of version 15. Words that later versions added are left out on
//! purpose: all but `system_user` may be names there too, and a name is what weir takes them for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a keyword may be beside a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Reserved,
    /// The name of a function or type.
    TypeFunction,
    /// The name of a column or table.
    ColumnName,
    /// Any name.
    Unreserved,
}

/// Reserved.
const RESERVED: &str = "\
    all analyse analyze and any array as asc asymmetric both case cast check collate column \
    constraint create current_catalog current_date current_role current_time \
    current_timestamp current_user default deferrable desc distinct do else end except false \
    fetch for foreign from grant group having in initially intersect into lateral leading \
    limit localtime localtimestamp not null offset on only or order placing primary \
    references returning select session_user some symmetric table then to trailing true \
    union unique user using variadic when where window with";

/// Reserved, but may name a function or type.
const TYPE_FUNCTION: &str = "\
    authorization binary collation concurrently cross current_schema freeze full ilike inner \
    is isnull join left like natural notnull outer overlaps right similar tablesample \
    verbose";

/// Not reserved, but can't name a function or type.
const COLUMN_NAME: &str = "\
    between bigint bit boolean char character coalesce dec decimal exists extract float \
    greatest grouping inout int integer interval least national nchar none normalize nullif \
    numeric out overlay position precision real row setof smallint substring time timestamp \
    treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest \
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

/// Not reserved.
const UNRESERVED: &str = "\
    abort absolute access action add admin after aggregate also alter always asensitive \
    assertion assignment at atomic attach attribute backward before begin breadth by cache \
    call called cascade cascaded catalog chain characteristics checkpoint class close \
    cluster columns comment comments commit committed compression configuration conflict \
    connection constraints content continue conversion copy cost csv cube current cursor \
    cycle data database day deallocate declare defaults deferred definer delete delimiter \
    delimiters depends depth detach dictionary disable discard document domain double drop \
    each enable encoding encrypted enum escape event exclude excluding exclusive execute \
    explain expression extension external family filter finalize first following force \
    forward function functions generated global granted groups handler header hold hour \
    identity if immediate immutable implicit import include including increment index \
    indexes inherit inherits inline input insensitive insert instead invoker isolation key \
    label language large last leakproof level listen load local location lock locked logged \
    mapping match matched materialized maxvalue merge method minute minvalue mode month move \
    name names new next nfc nfd nfkc nfkd no normalized nothing notify nowait nulls object \
    of off oids old operator option options ordinality others over overriding owned owner \
    parallel parameter parser partial partition passing password plans policy preceding \
    prepare prepared preserve prior privileges procedural procedure procedures program \
    publication quote range read reassign recheck recursive ref referencing refresh reindex \
    relative release rename repeatable replace replica reset restart restrict return returns \
    revoke role rollback rollup routine routines rows rule savepoint schema schemas scroll \
    search second security sequence sequences serializable server session set sets share \
    show simple skip snapshot sql stable standalone start statement statistics stdin stdout \
    storage stored strict strip subscription support sysid system tables tablespace temp \
    template temporary text ties transaction transform trigger truncate trusted type types \
    uescape unbounded uncommitted unencrypted unknown unlisten unlogged until update vacuum \
    valid validate validator value varying version view views volatile whitespace within \
    without work wrapper write xml year yes zone";

/// What names a result column only behind `AS`.
const AS_LABEL: &str = "\
    array as char character create day except fetch filter for from grant group having hour \
    intersect into isnull limit minute month notnull offset on order over overlaps precision \
    returning second to union varying where window with within without year";

/// All keywords with their kinds.
static KINDS: LazyLock<BTreeMap<&str, Kind>> = LazyLock::new(|| {
    let tables = [
        (RESERVED, Kind::Reserved),
        (TYPE_FUNCTION, Kind::TypeFunction),
        (COLUMN_NAME, Kind::ColumnName),
        (UNRESERVED, Kind::Unreserved),
    ];
    tables
        .into_iter()
        .flat_map(|(words, kind)| words.split(' ').map(move |word| (word, kind)))
        .collect()
});

/// What kind of keyword a folded word is, if it is one.
pub(super) fn kind(word: &str) -> Option<Kind> {
    KINDS.get(word).copied()
}

/// True where an unquoted word can name a column, table, role or cursor (the grammar's `ColId`).
pub(super) fn may_name(word: &str) -> bool {
    !matches!(kind(word), Some(Kind::Reserved | Kind::TypeFunction))
}

/// True where an unquoted word can name a function (the grammar's `type_function_name`, and the
/// functions that have a grammar of their own).
pub(super) fn may_name_function(word: &str) -> bool {
    kind(word) != Some(Kind::Reserved)
}

/// True where an unquoted word names a result column without `AS` before it.
pub(super) fn may_label(word: &str) -> bool {
    !AS_LABEL.split(' ').any(|label| label == word)
}

/// All keywords.
#[cfg(test)]
pub(super) fn all() -> Vec<&'static str> {
    KINDS.keys().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{AS_LABEL, COLUMN_NAME, KINDS, Kind, RESERVED, TYPE_FUNCTION, UNRESERVED, kind};

    #[test]
    fn tables_are_disjoint() {
        let words = [RESERVED, TYPE_FUNCTION, COLUMN_NAME, UNRESERVED]
            .map(|table| table.split(' ').count());
        assert_eq!(words.iter().sum::<usize>(), KINDS.len());
        assert!(
            KINDS
                .keys()
                .all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
        assert!(AS_LABEL.split(' ').all(|word| kind(word).is_some()));
        assert_eq!(kind("select"), Some(Kind::Reserved));
        assert_eq!(kind("abort"), Some(Kind::Unreserved));
        assert_eq!(kind("top"), None);
    }
}
