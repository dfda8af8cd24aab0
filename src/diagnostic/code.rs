//! Every code that a diagnostic can carry: name, severity, explanation.
//!
//! A [`Code`] can only be made here and in the table of lint rules, so a
//! diagnostic cannot carry one that `segue explain` does not know. To add one,
//! add a line to the table.

use super::Severity;

/// Kebab-case name of a kind of problem; permanent once released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    name: &'static str,
    severity: Severity,
    explanation: &'static str,
}

impl Code {
    /// The code of a lint rule, which [`crate::lint::TABLE`] lists.
    pub(crate) const fn of_rule(
        name: &'static str,
        severity: Severity,
        explanation: &'static str,
    ) -> Self {
        Self {
            name,
            severity,
            explanation,
        }
    }

    /// The name, for example `unknown-migration`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// How bad it is, unless `--strict` makes a warning an error.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.severity
    }

    /// One paragraph of Markdown: why it is a problem and what to do.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        self.explanation
    }

    /// The code of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().copied().find(|code| code.name == name)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

macro_rules! codes {
    ($($constant:ident $name:literal $severity:ident $explanation:literal)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $explanation)]
            pub const $constant: Code = Code {
                name: $name,
                severity: Severity::$severity,
                explanation: $explanation,
            };
        )*

        /// All codes, in the order of the phases that report them.
        pub const TABLE: &[Code] = &[$($constant),*];

        #[cfg(test)]
        const CONSTANTS: &[&str] = &[$(stringify!($constant)),*];
    };
}

codes! {
    // segue.toml
    INVALID_CONFIGURATION "invalid-configuration" Error
        "`segue.toml` is not TOML, or says something that segue does not know. Nothing in it is ignored, since a misspelt key would be an option that is not set."

    // Text of a file
    INVALID_UTF8 "invalid-utf8" Error
        "A migration is UTF-8 text, because PostgreSQL gets it as such. Convert the file, with `iconv` for example, or write binary values as `'\\x…'::bytea`."
    NUL_BYTE "nul-byte" Error
        "PostgreSQL's protocol ends a text at its first zero byte, so the rest of the statement would be lost. A file with zero bytes is often UTF-16: save it as UTF-8."
    UNTERMINATED_STRING "unterminated-string" Error
        "A string that begins at the marked place has no closing quote, so the rest of the file is part of it."
    UNTERMINATED_IDENTIFIER "unterminated-identifier" Error
        "A quoted identifier that begins at the marked place has no closing double quote, so the rest of the file is part of it."
    UNTERMINATED_DOLLAR_QUOTE "unterminated-dollar-quote" Error
        "A dollar-quoted string ends with the very tag that began it, `$body$ … $body$`; the file ends before that."
    UNTERMINATED_COMMENT "unterminated-comment" Error
        "Block comments nest in SQL: each `/*` needs its own `*/`, also one inside another comment."
    PSQL_META_COMMAND "psql-meta-command" Error
        "Lines that begin with a backslash are commands to psql, not SQL; segue runs SQL. Only `\\.`, which ends the data of a `COPY`, and the `\\restrict` and `\\unrestrict` lines of dumps are understood."
    STATEMENT_AROUND_COPY_DATA "statement-around-copy-data" Error
        "The data of `COPY … FROM STDIN` begins on the line after the statement, so a further statement on the same line is cut in two by it. Put each on a line of its own."
    BINARY_COPY "binary-copy" Error
        "Binary data of a `COPY … FROM STDIN` has no end that could be found in a file: all that follows would be data. Write it as text or CSV, or let the server read a file of its own."

    // Directives
    UNSET_VARIABLE "unset-variable" Error
        "`env-vars` lists the environment variables whose values this file takes. One that is not set would leave `${NAME}` in the SQL, or nothing, and both may be run as something that nobody meant."
    UNUSABLE_VALUE "unusable-value" Error
        "The value of an environment variable is filled into the text as it is. Where it ends the string, statement or line that it stands in, the file would do something else than what is written in it: escape the value, or write that part into the file."
    UNKNOWN_DIRECTIVE "unknown-directive" Error
        "A comment that begins with `-- segue:` or `-- codd:` is a directive, and there is none of this name. Each directive has a page: `segue explain NAME`."
    MISSPELT_DIRECTIVE "misspelt-directive" Error
        "The comment reads as if it was meant to be a directive, but its form is not `-- segue: NAME`. It would have no effect, so it is refused. If it is prose, word it differently."
    LATE_DIRECTIVE "late-directive" Error
        "Directives stand in the comments before the first statement, where a reader sees them at once. Move the line to the top of the file."
    REPEATED_DIRECTIVE "repeated-directive" Error
        "A directive is given once. Remove one of the two lines, or merge their arguments."
    REPEATED_MIGRATION "repeated-migration" Error
        "The same migration is named twice by one directive. Once is enough; often another name was meant."
    CONTRADICTING_DIRECTIVES "contradicting-directives" Error
        "Two directives of the file demand opposite things. Remove the one that is not meant."
    MISPLACED_DIRECTIVE "misplaced-directive" Error
        "The directive has a meaning only together with another one, which is missing here."
    MISSING_ARGUMENT "missing-argument" Error
        "The directive needs an argument after its name and a colon: `-- segue: NAME: ARGUMENT`."
    UNEXPECTED_ARGUMENT "unexpected-argument" Error
        "The text after the directive has no meaning, and would be ignored. Put remarks on a comment line of their own."
    MALFORMED_ARGUMENT "malformed-argument" Error
        "The directive's argument does not have the form that the directive's page describes: `segue explain NAME`."
    INVALID_FILE_NAME "invalid-file-name" Error
        "A directive names another migration by its file name alone, `2026-01-31-10-00-00-add-users.sql` for example: no folder, no quotes, with the ending `.sql`."
    MALFORMED_SCHEMA_DIFF "malformed-schema-diff" Error
        "The lines between `schema-diff-begin` and `schema-diff-end` are written by `segue add` and are one JSON object with a key per PostgreSQL major version. They are not meant to be edited by hand."
    UNTERMINATED_SCHEMA_DIFF "unterminated-schema-diff" Error
        "The schema diff reaches from `-- segue: schema-diff-begin` to `-- segue: schema-diff-end`, all of it in comment lines before the first statement; the second of the two is missing."
    NOT_AVAILABLE_YET "not-available-yet" Error
        "The directive is well-formed, but this version of segue does not act on it yet. It is refused rather than ignored."
    ROWS_OF_NOTHING "rows-of-nothing" Error
        "A file `NAME.rows.sql` is no migration: it holds the rows that `segue check` tries the backfill `NAME.sql` on. Here there is no such migration beside it, or it is no backfill, so the rows would never be used."
    REVERTS_NOTHING "reverts-nothing" Error
        "A file `NAME.revert.sql` is no migration: it takes the migration `NAME.sql` back, when `segue revert` is asked to. Here there is no such migration beside it."
    REVERT_DIRECTIVE "revert-directive" Error
        "A file `NAME.revert.sql` takes a migration back, and is none itself: it has no partner, no schema diff, no version and no batches, and runs where `segue revert` connects to. It can say `no-txn`, `in-txn`, `env-vars`, `rerunnable` and `allow`."
    CHECK_OF_NOTHING "check-of-nothing" Error
        "A file `NAME.check.sql` is no migration: its queries must return no row wherever `NAME.sql` is applied, and `segue check` runs them. Here there is no such migration beside it, so they would never be run."
    CODD_FUNCTION "codd-function" Error
        "The functions in codd's namespace are installed by codd and are not there for segue. What they do over time with a scheduler, segue does with a concurrent migration: a file with `-- segue: begin-concurrent-migration-with: FILE`, which runs after the deployment is ready, in as many statements as you like."

    WAY_DOWN "way-down" Error
        "The file, or a part of it, says how another tool comes down again: `.down.sql` of golang-migrate and sqlx, what follows `-- migrate:down` of dbmate or `-- +goose Down` of goose. To segue these are statements like any other, and it would run them. `segue adopt TOOL --convert DIR` writes files with the way up alone."

    // Migrations and their graph
    UNKNOWN_MIGRATION "unknown-migration" Error
        "A directive names a migration that is not in any of the project's folders. Correct the name, or bring the file back."
    LATER_MIGRATION "later-migration" Error
        "Migrations run in the order of their file names, so a directive can only name one that comes before its own file."
    WRONG_KIND "wrong-kind" Error
        "`begin-concurrent-migration-with` names an ordinary migration, `end-concurrent-migration` a concurrent one; the migration that is named here is of the other kind."
    DUPLICATE_NAME "duplicate-name" Error
        "A migration's file name is its identity, also across folders. Rename one of the two files, unless it has been applied anywhere."

    NOT_REVERTIBLE "not-revertible" Error
        "`segue revert --to NAME` takes back everything that was applied after NAME, newest first, by the file `X.revert.sql` beside each `X.sql`. One of them has no such file, or is not in a state from which it can be taken back, so nothing was done."
    HALF_REVERTED "half-reverted" Error
        "A file `NAME.revert.sql` with `no-txn` has run in part: some of its statements are done, and others are not. Until it is done, `NAME.sql` counts neither as applied nor as pending. `segue revert` with the same `--to` goes on where it stopped."

    SCHEMA_VERSION_ORDER "schema-version-order" Error
        "The versions that migrations bring by `schema-version` rise with the names of the files, so that the version of a database says which of them it has. Here one is lower than that of an earlier file, or the same. Where two branches have each brought one, the file that comes later by its name takes the next version. Or the lower one comes with a concurrent migration that may still run when the higher one is reached: the database would tell a version while what a lower one promised is not there. Write `end-concurrent-migration` into the file that brings the higher one, or bring it later."

    ENDED_BEFORE_DONE "ended-before-done" Error
        "The ledger says that an ending migration is applied although the concurrent migration that it needs is not done. No run of segue leads there; somebody changed the ledger or the files."
    ENDS_ABANDONED "ends-abandoned" Error
        "The pending migration needs a concurrent migration that was given up by `segue abandon`, so it can never run. Delete it, or write one that does not need it."
    PARTNER_NOT_APPLIED "partner-not-applied" Error
        "A concurrent migration runs after the deployment that has applied its partner. Here it has run and the partner has not: the partner was renamed, or the ledger is another project's."
    ANOTHER_PROJECT "another-project" Error
        "The ledger knows files of the same names with other texts, and none as this folder holds it. Two services that share a database each need their own `project`."
    OUT_OF_ORDER "out-of-order" Warning
        "A pending migration sorts before one that is applied already, so a fresh database runs them in another order than this one does. `--strict` refuses it."
    MODIFIED_MIGRATION "modified-migration" Warning
        "The text of a migration has changed after it ran. Databases that ran the old text will never see the new one. `--strict` refuses it."
    MISSING_MIGRATION "missing-migration" Warning
        "The ledger knows applied migrations that the folder lacks: an older checkout, or deleted files. `--strict` refuses it."
    SCHEMA_DIFF_MISFIT "schema-diff-misfit" Error
        "The expected schema is the one that is there when everything is settled, so what a concurrent migration changes, by the schema diff in its header, must be found in it. It is not: a migration with an earlier name that was merged later changes the same object, or the diff or the expected schema was edited by hand. Give the one that interferes a later name, then write both anew with `segue add`."
    TRANSACTION_CONTROL "transaction-control" Error
        "A migration that runs inside the batch's transaction cannot end it: COMMIT, END or ROLLBACK would keep half of the batch. Savepoints and `ROLLBACK TO` are fine; a file that must commit by itself says `-- segue: no-txn`."
    OWN_ENUM_VALUE "own-enum-value" Error
        "PostgreSQL does not let a transaction use an enum value that it has added itself (55P04), and a migration is never cut in two. Where another file uses it, segue ends the transaction in between. A file that adds a value and uses it says `-- segue: no-txn`, or is made two files."
    BRINGS_LEDGER "brings-ledger" Error
        "The migration brings a record of what has been applied, as the dump of a whole database does, and it cannot be followed. A dump with codd's table runs inside a transaction, and codd must have finished what it says. Segue's own tables are more: such a file is applied to a database that has none of them, with their rows, in the first transaction of the batch: what its rows say is applied is not applied again. Anywhere else leave them out: `pg_dump --exclude-schema=segue`."
    BACKFILL_BOUNDS "backfill-bounds" Error
        "A backfill runs its statement again and again, each time for the keys above `:lower` up to `:upper`. Without both bounds each batch would do all rows; with `>=` below or `<` above a row would be done twice or not at all. Write `WHERE id > :lower AND id <= :upper`, of a key with several columns `WHERE (a, b) > (:lower) AND (a, b) <= (:upper)`, joined to all else by AND."
    BACKFILL_IMPOSSIBLE "backfill-impossible" Error
        "The first batches have shown that the backfill cannot end `within` its time, however well it goes: at `batch-time`, with the least `pause` only. Hardly anything is done yet, so it stops here, and what would make it possible is named: give it more time, longer batches or a smaller pause, and run `segue settle`. Run again without a change, it goes on as fast as its budget allows and ends late. One whose time stops being enough later on goes on too, and says so."
    BACKFILL_KEY "backfill-key" Error
        "A backfill counts the rows of its table off by a key, from one batch to the next. The columns have to be there, must not be NULL, since NULL comes neither before nor after a key, and an index has to give the rows in their order, or each batch would read the whole table. `ctid`, the place where a row is stored, needs no index and goes for any table that has all its rows itself; rows that are updated meanwhile move, so the statement has to be one that may be run twice for a row. A backfill goes through a table by its key, from the first to the last. A statement that changes the key, or adds rows to that very table, moves rows in front of itself: they are done again, and it may never come to its end. Count the rows off by a key that stays, or by `ctid`, whose end is fixed when it begins."
    BACKFILL_QUARANTINE "backfill-quarantine" Error
        "Some rows could not be done and were set aside, so that all others could be. Each is in `segue.quarantine` with its key and the server's words. Correct the rows or the function that refuses them, and run `segue settle`: it tries them again first. A row that is to be left as it is can be deleted from that table. Where no row has the key any more, it was deleted, or it was given another key and is still to be done: nobody can tell, so it stays until `segue backfill retry --gone` lets it go. By `ctid` a row that is corrected moves, so all rows are done anew; with a condition such as `AND b IS NULL` that is a matter of reading. Above `quarantine N` rows the backfill fails at once, and goes on there when it is run again."
    BACKFILL_ROW_SECURITY "backfill-row-security" Error
        "The table has row security, and the role that runs the backfill is not above it: it would do the rows that the policies show it, and pass over all others without a word. Backfills run with `row_security = off`, where the server refuses a statement of which it would hide rows, in any table that it reads. Run it as a role with BYPASSRLS, or as the owner of the tables, who is bound only by FORCE ROW LEVEL SECURITY: `ALTER TABLE … NO FORCE ROW LEVEL SECURITY` in the partner and `FORCE` in the ending migration. A function that is meant to see what the policies show gets `SET row_security = on` in its definition."
    BACKFILL_STATEMENTS "backfill-statements" Error
        "A backfill is one statement that PostgreSQL can prepare: UPDATE, DELETE, INSERT … SELECT, MERGE or SELECT, with WITH in front or not. What comes before it belongs into its partner, what comes after it into its ending migration."
    NEEDS_AUTOCOMMIT "needs-autocommit" Error
        "PostgreSQL runs this statement outside of transaction blocks only, and the migrations of the batch share one. Write `-- segue: no-txn` at the top of its file, best of a file of its own; or, if the new code works without it, make it a concurrent migration, which runs after the deployment is ready."

    // Running
    HALF_WAY "half-way" Error
        "A statement that refuses a transaction block was tried before, or something stands in its way that segue did not make. What can be found out by looking is repaired; this is left to you, with what to type. Where only you can know whether an interrupted statement is done, `--redo NAME:N` or `--done NAME:N` says so, for that statement and once."
    CHANGED_WHILE_BEGUN "changed-while-begun" Error
        "Some statements of the file are done already and are not run again, so the file must still begin with them. Bring their text back; what follows them may be edited."
    TEMPORARY_OBJECTS_LOST "temporary-objects-lost" Error
        "A temporary table, a cursor `WITH HOLD` and an advisory lock live as long as the session that made them. An interrupted file goes on in another session, so statements that need one made before cannot be resumed; only an advisory lock that a statement of its own takes is taken again."
    UNFINISHED_TRANSACTION "unfinished-transaction" Error
        "The file opens a transaction with BEGIN and ends before COMMIT, so the server would roll it back."
    UNREADABLE "unreadable" Error
        "A file that was there when the migrations were read cannot be read any more. Nothing of it was committed."
    HELD_BY_CONCURRENT "held-by-concurrent" Error
        "The batch needs a lock that a concurrent migration holds while it runs: on the table whose index it builds, for example. `segue up --on-conflict wait`, the default, waits for it without holding up anybody, `fail` ends with this error, and `preempt` cancels it, removes what it left half-way, applies the batch, and runs it again in the tail; the run that it was cancelled of waits and takes it up again, too. Only a migration of the same project and folder is pre-empted, in a session that this role may cancel, and not in the middle of a `CALL` or `DO` that commits by itself."
    NOT_FINISHED "not-finished" Error
        "A concurrent migration, or a transaction of the batch, ended before it was done, for a reason that lies outside its text: its session was lost again and again, or a wait reached its bound. What it left half-way is repaired by the next run, `segue settle` for example."

    // segue check
    MISSING_SCHEMA_DIFF "missing-schema-diff" Error
        "A concurrent migration carries what it changes, one part per PostgreSQL major version. Without it nobody knows which schema is right before it has run, so what it touches cannot be verified until then."
    WRONG_SCHEMA_DIFF "wrong-schema-diff" Error
        "A concurrent migration was run on a throwaway server, and changed something else than the diff in its header says. A deployment that is checked against that diff would be told as drift. The file was edited after `segue add` wrote the diff, or an earlier one was."
    MISSING_EXPECTED_SCHEMA "missing-expected-schema" Error
        "The folder of the expected schema has no part for a major version of PostgreSQL that the project is checked on, so nothing can be verified there. `segue write-schema` writes it."
    UNEXPECTED_SCHEMA "unexpected-schema" Error
        "All migrations, applied to a fresh database, make another schema than the one that the repository expects. Either the expected schema was not written after the last change, or two branches were merged that do not fit together."
    REVERT_FAILS "revert-fails" Error
        "`segue check` has applied a migration to a database of its own and taken it back by its `.revert.sql` file, or applied it again after that, and one of these failed."
    REVERT_INCOMPLETE "revert-incomplete" Error
        "`segue check` has applied a migration and taken it back by its `.revert.sql` file, and the schema is not the one from before; or it has applied it again after that, and the schema is another one than the first time. The difference shows what the file forgets, or does too much."
    REVERT_LOSES_ROWS "revert-loses-rows" Error
        "`segue check --data` has filled the tables with made-up rows, applied a migration and taken it back, and the rows are not those from before. What a migration drops, its revert file cannot bring back unless the migration keeps it: rename a column or a table in place of dropping it, and drop it in a later release."
    SECOND_UP "second-up" Error
        "After a run of `segue up` that ended well, the next one has nothing to do and changes nothing. Here it does."
    NEEDS_CONCURRENT_MIGRATION "needs-concurrent-migration" Error
        "A concurrent migration runs after its deployment is ready, for hours perhaps, and other deployments come meanwhile. A migration that fails without it, or makes something else without it, or that changes what it made, has to wait for it: `-- segue: end-concurrent-migration: FILE`."
    ORDER_MATTERS "order-matters" Error
        "A concurrent migration may run before migrations with later names or after them, depending on what is deployed when. Here both orders work, and end with different schemas, so two databases would differ for ever. The later migration should wait: `-- segue: end-concurrent-migration: FILE`."
    FAILS_ON_ROWS "fails-on-rows" Error
        "`segue check` has run a backfill, with the migrations around it, on rows that it made for its table: ordinary ones, and for each column NULL, 0, negative and very large numbers, empty and long texts, as far as the table takes them. Something failed on one of them, as it would on such a row in production. Make the statement survive it, or keep such rows out by a constraint. If there are none for another reason, write rows as they are into `NAME.rows.sql` beside `NAME.sql`: they are used instead."
    ROWS_LEFT_OUT "rows-left-out" Error
        "`segue check` has run a backfill on rows that it made for its table, and some rows were in none of its ranges: a NULL in a column of the key does that. Name a key whose columns are all NOT NULL."
    NOT_IDEMPOTENT "not-idempotent" Warning
        "`segue check` has run the statement of a backfill on rows that it had done already, and it changed them once more, or failed. segue itself does no row twice, but triggers that keep new rows in sync do rows before the backfill comes to them, and so may an application that knows the new column. If nobody does, ignore it; otherwise leave out what is done (`AND new IS NULL`), compute from what the statement does not change, or write `ON CONFLICT DO NOTHING`."
    DONE_TWICE "done-twice" Error
        "The backfill goes by `ctid`, the physical place of rows, and its statement changes a row differently the second time. A row that is updated moves, perhaps to where the backfill has not been yet, and is then done again. Leave out rows that are done (`AND new IS NULL`), compute from what the statement does not change, or name a key."
    ROWS_MATTER "rows-matter" Error
        "A backfill and the migrations around it were run by `segue check` on empty tables and on tables with rows, and the schemas differ. So a migration does one thing or another depending on rows, and databases would differ for ever."
    NOT_TRIED "not-tried" Warning
        "`segue check` could not try a backfill, because its table took none of the rows that segue made up. Write a few rows as they are in production into `NAME.rows.sql` beside `NAME.sql`, as INSERT statements, together with the rows of other tables that they refer to: they are used instead."
    SNAPSHOT_OF_NOTHING "snapshot-of-nothing" Error
        "A file in the folder of snapshots holds rows of a database at one version: a line `-- snapshot: VERSION` at its top says which, or the name of a migration, else the file's own name does. Here there is none of that name, so nobody knows where its rows belong."
    SNAPSHOT_NOT_LOADED "snapshot-not-loaded" Error
        "`segue check` makes a database at the version of each snapshot and puts its rows in, as they are: triggers are off, and foreign keys are looked at in the end. Here the server refuses a row: the migrations up to that version have been changed since, or the file was edited, or a value was put in a column's place that it does not take. Correct it, or write it anew from a database at that version."
    UPGRADE_FAILS "upgrade-fails" Error
        "`segue check` upgrades a database at each version, with the rows of its snapshots, straight to the newest one, as somebody does who skips releases. A migration fails there that works where each is deployed by itself, or on tables without rows. It has to take rows as older versions have left them, and a database in which nothing between has run."
    UPGRADE_DIFFERS "upgrade-differs" Error
        "A database that was upgraded straight to the newest version has another schema than a fresh one. A migration does one thing or another, depending on the rows that it finds or on what is deployed with it, so databases would differ for ever."
    CHECK_FAILED "check-failed" Error
        "`NAME.check.sql` holds queries that must return no row wherever `NAME.sql` is applied, a row is a finding. `segue check` runs them, in a transaction that it rolls back, where `NAME.sql` is the last migration, with the rows of each snapshot, and after each upgrade to the newest version. A statement that fails is a finding too. `-- until: FILE` at its top ends that with a later migration."
    NOT_RESUMED "not-resumed" Error
        "`segue check --torture` kills segue, its connections and its server in the middle of the migrations, and runs `segue up` again until it ends well. Here it never does. A `CALL` or `DO` that commits by itself cannot be taken up by looking, for example: `-- segue: rerunnable` says that it may run twice."
    RESUMED_DIFFERENTLY "resumed-differently" Error
        "After a fault and another run of `segue up`, schema and data are to be those of a run that nobody disturbed, each row-changing statement applied exactly once. Here they are not. What is filled by sequences, clocks or chance is not compared."
    LEFT_BEHIND "left-behind" Error
        "After a fault and another run of `segue up` that ended well, something is left that nobody needs: an intent, a lock, a session."
    UNLISTED_MAJOR "unlisted-major" Warning
        "`majors` in segue.toml lists the major versions of PostgreSQL that the project is for. An expected schema or a stored diff for another one is not proved by `segue check`, and grows old. List the major, or remove what is for it."

    // Lint
    UNKNOWN_RULE "unknown-rule" Error
        "`-- segue: allow: RULE, REASON` waives a rule of `segue lint`, and there is none of this name. `segue explain` lists them all."
    UNUSED_WAIVER "unused-waiver" Warning
        "The file waives a rule of `segue lint`, and does nothing that the rule objects to. A waiver that is left behind hides what somebody writes tomorrow: remove the line."

    // The server's own
    SERVER_ERROR "server-error" Error
        "PostgreSQL refused the statement. The message is the server's own; SQLSTATE names its kind in the manual's appendix \"PostgreSQL Error Codes\"."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_named_for_their_codes() {
        for (code, constant) in TABLE.iter().zip(CONSTANTS) {
            assert_eq!(
                code.as_str().replace('-', "_").to_uppercase(),
                constant.to_owned()
            );
        }
    }

    #[test]
    fn names_are_unique_and_kebab_case() {
        let mut names: Vec<_> = TABLE.iter().map(|code| code.as_str()).collect();
        assert!(names.iter().all(|name| {
            name.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        }));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn a_code_is_found_by_its_name() {
        assert_eq!(Code::named("server-error"), Some(SERVER_ERROR));
        assert_eq!(Code::named("server"), None);
    }
}
