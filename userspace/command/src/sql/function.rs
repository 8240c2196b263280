//! What functions do besides computing a value.
//!
//! Its job: a table of the functions that the server and its usual extensions ship and that reach
//! beyond the rows which a statement names. Names count without their schema: an extension may be
//! in any.
//!
//! Known limits: a user's own function may do anything, and its name says nothing. Policy sees the
//! names of all functions that a statement calls.

use crate::model::Effect;

/// One thing that a function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trait {
    /// Has the effect.
    Has(Effect),
    /// Reads large objects, which are rows of a catalogue.
    ReadsLargeObjects,
    /// Writes large objects.
    WritesLargeObjects,
    /// Sets a sequence.
    SetsSequence,
    /// Sets a setting.
    SetsSetting,
}

use Trait::{Has, ReadsLargeObjects, SetsSequence, SetsSetting, WritesLargeObjects};

/// Functions by their whole names.
const NAMED: [(&[&str], &[Trait]); 13] = [
    (
        &[
            "pg_stat_file",
            "pg_hba_file_rules",
            "pg_ident_file_mappings",
            "pg_show_all_file_settings",
            "pg_config",
            "pg_logdir_ls",
            "pg_current_logfile",
        ],
        &[Has(Effect::File)],
    ),
    (&["lo_import"], &[Has(Effect::File), WritesLargeObjects]),
    (&["lo_export"], &[Has(Effect::File), ReadsLargeObjects]),
    (
        &[
            "lo_get",
            "lo_open",
            "loread",
            "lo_lseek",
            "lo_lseek64",
            "lo_tell",
            "lo_tell64",
        ],
        &[ReadsLargeObjects],
    ),
    (
        &[
            "lo_creat",
            "lo_create",
            "lo_from_bytea",
            "lo_put",
            "lowrite",
            "lo_truncate",
            "lo_truncate64",
            "lo_unlink",
        ],
        &[WritesLargeObjects],
    ),
    (
        &[
            "ts_stat",
            "ts_rewrite",
            "xpath_table",
            "connectby",
            "cypher",
            "crosstab",
            "crosstab2",
            "crosstab3",
            "crosstab4",
            "pg_background_launch",
            "schedule",
            "schedule_in_database",
            "create_hypertable",
            "run_command_on_workers",
        ],
        &[Has(Effect::DynamicCode)],
    ),
    (
        &["http", "xslt_process", "table_import_from_s3", "invoke"],
        &[Has(Effect::Network)],
    ),
    (
        &["query_export_to_s3"],
        &[Has(Effect::Network), Has(Effect::DynamicCode)],
    ),
    (
        &[
            "pg_terminate_backend",
            "pg_cancel_backend",
            "pg_reload_conf",
            "pg_rotate_logfile",
            "pg_rotate_logfile_old",
            "pg_promote",
            "pg_switch_wal",
            "pg_create_restore_point",
            "pg_export_snapshot",
            "pg_log_query_plan",
            "pg_log_backend_memory_contexts",
            "pg_import_system_collations",
            "pg_extension_config_dump",
            "pg_extension_update_paths",
            "pg_sync_replication_slots",
        ],
        &[Has(Effect::Session)],
    ),
    (
        &["heap_force_kill", "heap_force_freeze"],
        &[Has(Effect::Destroy)],
    ),
    (&["setval"], &[SetsSequence]),
    (&["set_config"], &[SetsSetting]),
    (
        &["get_raw_page", "fsm_page_contents", "pg_get_wal_block_info"],
        &[Has(Effect::File)],
    ),
];

/// Functions by the beginnings of their names.
const BEGUN: [(&[&str], Trait); 5] = [
    (
        &[
            "pg_read_file",
            "pg_read_binary_file",
            "pg_ls_",
            "pg_file_",
            "heap_page_item",
            "bt_page_",
            "brin_page_",
            "gin_page_",
            "gist_page_",
            "hash_page_",
            "tuple_data_",
            "pg_logical_slot_",
        ],
        Has(Effect::File),
    ),
    (&["dblink", "postgres_fdw_", "http_"], Has(Effect::Network)),
    (
        &[
            "query_to_xml",
            "table_to_xml",
            "cursor_to_xml",
            "schema_to_xml",
            "database_to_xml",
            "dblink",
            "binary_upgrade_",
        ],
        Has(Effect::DynamicCode),
    ),
    (
        &[
            "pg_stat_reset",
            "pg_stat_statements_reset",
            "pg_backup_",
            "pg_start_backup",
            "pg_stop_backup",
            "pg_wal_replay_",
            "pg_clear_",
            "pg_restore_",
            "pg_replication_",
            "pg_create_logical_",
            "pg_create_physical_",
            "pg_copy_logical_",
            "pg_copy_physical_",
            "pg_drop_replication_",
            "pg_logical_slot_",
        ],
        Has(Effect::Session),
    ),
    (
        &["pg_create_logical_", "pg_create_physical_"],
        Has(Effect::Network),
    ),
];

/// What the function of a folded name does.
pub(super) fn traits(name: &str) -> Vec<Trait> {
    let named = NAMED
        .iter()
        .filter(|(names, _)| names.contains(&name))
        .flat_map(|(_, traits)| *traits);
    let begun = BEGUN
        .iter()
        .filter(|(starts, _)| starts.iter().any(|start| name.starts_with(start)));
    named
        .chain(begun.map(|(_, known)| known))
        .copied()
        .collect()
}
