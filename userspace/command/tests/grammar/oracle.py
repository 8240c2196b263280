"""What PostgreSQL's own grammar says of statements: one JSON object a line.

    oracle.py DIRECTORY

reads each statement of the .sql files there, as psql would find it, and tells for each that the
grammar accepts what it is (`verb`), and which relations it names (`relations`: schema or null,
name, whether it is written), as far as the grammar alone can tell.
"""

import json
import pathlib
import re
import sys

import pgparse

# Where psql sees the end of a statement or what is none: strings, dollar quotes, comments, its own
# commands and variables.
TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*)
      | (?P<string>(?:[eE](?=')'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'))
      | (?P<name>"(?:[^"]|"")*")
      | (?P<dollar>\$(?:[A-Za-z_\x80-\uffff][\w]*)?\$)
      | (?P<open>[(\[])
      | (?P<close>[)\]])
      | (?P<end>;)
      | (?P<command>\\[^\n]*)
      | (?P<variable>(?<![:\w]):(?=['"{A-Za-z_]))
      | (?P<word>[A-Za-z_][\w$]*)
    """,
    re.X | re.S,
)


def statements(text):
    """The statements of a psql script, without those that psql changes before it sends them."""
    at = start = 0
    depth = atomic = 0
    sound = True
    while True:
        found = TOKEN.search(text, at)
        if not found:
            return
        at, kind = found.end(), found.lastgroup
        if kind == "comment" and found.group() == "/*":
            nested = 1
            while nested:
                mark = re.compile(r"/\*|\*/").search(text, at)
                if not mark:
                    return
                nested += 1 if mark.group() == "/*" else -1
                at = mark.end()
        elif kind == "dollar":
            close = text.find(found.group(), at)
            if close < 0:
                return
            at = close + len(found.group())
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(depth - 1, 0)
        elif kind == "variable":
            sound = False
        elif kind == "word":
            word = found.group().lower()
            if word == "atomic":
                atomic = 1
            elif atomic and word == "case":
                atomic += 1
            elif atomic and word == "end":
                atomic -= 1
        elif kind == "command":
            # \gset and the like send what stands before them
            statement, start = text[start : found.start()], at
            if sound and statement.strip():
                yield statement
            sound, depth, atomic = True, 0, 0
        elif kind == "end" and not depth and not atomic:
            statement, start = text[start:at], at
            if sound and statement.strip(" \n\t;"):
                yield statement
            sound = True
            if re.match(r"\s*copy\b.*\bfrom\s+stdin\b", statement, re.I | re.S):
                data = re.compile(r"^\\\.$", re.M).search(text, at)
                at = start = data.end() if data else at


def bodies(node):
    """The parts of a tree below a node."""
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list):
        for part in node:
            yield None, part


# Parts of the tree whose relations the statement itself neither reads nor changes: aliases behind
# FOR UPDATE OF, constraints' names, tables of a foreign server, and code that is run later, of which
# weir says that it is there.
OTHERS = {"lockedRels", "constraints", "table_list", "sql_body", "actions"}


class Reading:
    """What one statement names and writes."""

    def __init__(self):
        self.relations = set()
        self.writes = []

    def relation(self, var, scope, written=False):
        schema, name = var.get("schemaname"), var["relname"]
        if schema is None and name in scope and not written:
            return
        self.relations.add((schema, name, written))

    def walk(self, kind, node, scope):
        if isinstance(node, list):
            for part in node:
                self.walk(None, part, scope)
            return
        if not isinstance(node, dict):
            return
        if kind == "RangeVar" or "relname" in node and "relpersistence" in node:
            self.relation(node, scope)
            return
        clause = node.get("withClause")
        if isinstance(clause, dict):
            names = [part["CommonTableExpr"]["ctename"] for part in clause["ctes"]]
            recursive = clause.get("recursive", False)
            for place, part in enumerate(clause["ctes"]):
                sight = scope | set(names if recursive else names[:place])
                self.walk(None, part, sight)
            scope = scope | set(names)
        for key, part in bodies(node):
            if key == "withClause" or key in OTHERS:
                continue
            if key == "relation" and kind in WRITES and isinstance(part, dict):
                self.relation(part, scope, True)
                continue
            self.walk(key, part, scope)
        if kind in WRITES:
            self.writes.append(WRITES[kind])


WRITES = {
    "InsertStmt": "insert",
    "UpdateStmt": "update",
    "DeleteStmt": "delete",
    "MergeStmt": "merge",
}
STRICTEST = ["insert", "update", "merge", "delete"]

VERBS = {
    "TruncateStmt": "truncate",
    "CommentStmt": "comment",
    "VariableShowStmt": "show",
    "DiscardStmt": "set",
    "PrepareStmt": "prepare",
    "ExecuteStmt": "execute",
    "DeallocateStmt": "deallocate",
    "DeclareCursorStmt": "declare",
    "FetchStmt": "fetch",
    "ClosePortalStmt": "close",
    "ListenStmt": "notify",
    "UnlistenStmt": "notify",
    "NotifyStmt": "notify",
    "LockStmt": "lock",
    "VacuumStmt": "maintain",
    "ReindexStmt": "maintain",
    "ClusterStmt": "maintain",
    "CheckPointStmt": "maintain",
    "RefreshMatViewStmt": "maintain",
    "CallStmt": "call",
    "DoStmt": "do",
    "AlterSystemStmt": "system",
    "TransactionStmt": "transaction",
    "CreateRoleStmt": "role",
    "AlterRoleStmt": "role",
    "AlterRoleSetStmt": "role",
    "DropRoleStmt": "role",
    "IndexStmt": "create",
    "ViewStmt": "create",
    "RuleStmt": "create",
    "DefineStmt": "create",
    "CompositeTypeStmt": "create",
    "ImportForeignSchemaStmt": "create",
    "RenameStmt": "alter",
    "SecLabelStmt": "alter",
    "ReassignOwnedStmt": "alter",
    "ConstraintsSetStmt": "transaction",
}


def verb(kind, node, reading):
    if kind in ("SelectStmt", *WRITES):
        for write in reversed(STRICTEST):
            if write in reading.writes:
                return write
        return "create" if node.get("intoClause") else "select"
    if kind == "ExplainStmt":
        names = [option["DefElem"]["defname"].lower() for option in node.get("options", [])]
        inner = next(iter(node["query"].items()))
        return verb(*inner, reading) if "analyze" in names else "explain"
    if kind == "CopyStmt":
        writes = [write for write in reversed(STRICTEST) if write in reading.writes]
        if node.get("query") and writes:
            return writes[0]
        return "copy_in" if node.get("is_from") else "copy_out"
    if kind in ("GrantStmt", "GrantRoleStmt"):
        return "grant" if node.get("is_grant") else "revoke"
    if kind == "VariableSetStmt":
        name = node.get("name", "").lower()
        if name in ("role", "session_authorization"):
            return "assume"
        if name == "transaction" or name == "transaction snapshot":
            return "transaction"
        return "set"
    if kind == "AlterDefaultPrivilegesStmt":
        return "grant" if node["action"].get("is_grant") else "revoke"
    if kind == "RenameStmt" and node.get("renameType") == "OBJECT_ROLE":
        return "role"
    if kind in VERBS:
        return VERBS[kind]
    for beginning in ("Create", "Alter", "Drop"):
        if kind.startswith(beginning):
            return beginning.lower()
    return kind


def told(text):
    try:
        trees = pgparse.parse(text)
    except pgparse.PGQueryError:
        return None
    if len(trees) != 1:
        return None
    (kind, node), = trees[0]["stmt"].items()
    reading = Reading()
    reading.walk(kind, node, frozenset())
    return {
        "text": text,
        "kind": kind,
        "verb": verb(kind, node, reading),
        "relations": sorted(reading.relations, key=str),
    }


def main():
    for script in sorted(pathlib.Path(sys.argv[1]).glob("*.sql")):
        for text in statements(script.read_text(encoding="utf-8", errors="replace")):
            said = told(text)
            if said:
                said["file"] = script.name
                print(json.dumps(said))


main()
