//! Clauses of SQL/JSON that its calls and its tables share. Where one begins another, the longer is first.

/// How a value is written.
pub(super) const FORMATS: [&[&[&str]]; 2] = [
    &[
        &["format"],
        &["json"],
        &["encoding"],
        &["utf8", "utf16", "utf32"],
    ],
    &[&["format"], &["json"]],
];

/// What is put around what a query of JSON finds, and what stands for nothing.
pub(super) const SHAPES: [&[&[&str]]; 6] = [
    &[
        &["with", "without"],
        &["conditional", "unconditional"],
        &["array"],
        &["wrapper"],
    ],
    &[
        &["with", "without"],
        &["conditional", "unconditional", "array"],
        &["wrapper"],
    ],
    &[&["with", "without"], &["wrapper"]],
    &[
        &["keep", "omit"],
        &["quotes"],
        &["on"],
        &["scalar"],
        &["string"],
    ],
    &[&["keep", "omit"], &["quotes"]],
    &[
        &["empty"],
        &["array", "object"],
        &["on"],
        &["empty", "error"],
    ],
];
