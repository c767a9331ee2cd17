# shellcheck shell=bash
# Names the tables of the database.

# table_list prints the quoted names of all tables, with commas between them.
table_list() {
    mariadb --batch --raw --skip-column-names << 'END'
SET group_concat_max_len = 1 << 30;
SELECT COALESCE(GROUP_CONCAT('app.`', REPLACE(table_name, '`', '``'), '`' ORDER BY table_name), '')
FROM information_schema.tables WHERE table_schema = 'app' AND table_type = 'BASE TABLE'
END
}
