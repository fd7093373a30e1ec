package sqldb

import "fmt"

// myWrites is how MySQL keeps its effects table. Only InnoDB has transactions, and a
// change of a table that has none would stay when the rest is taken back.
var myWrites = &writes{
	first: []string{"insert", "update", "delete", "replace"},
	quote: func(name string) string { return "`" + name + "`" },
	create: func(table string) string {
		return fmt.Sprintf("CREATE TABLE %s (command VARCHAR(%d) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, at DATETIME(6) NOT NULL, `rows` TEXT NOT NULL) ENGINE=InnoDB", table, mostCommand)
	},
	claim:   "INSERT INTO %s (command, at, `rows`) VALUES (?, UTC_TIMESTAMP(6), '')",
	keep:    "UPDATE %s SET `rows` = ? WHERE command = ?",
	earlier: "SELECT `rows` FROM %s WHERE command = ?",
	look:    "SELECT command, at, `rows` FROM %s WHERE command = ''",
	taken:   []int{1062},
	missing: []int{1146, 1054, 1049},
	undone:  []int{1205, 1213, 1290, 1836, 3101},
	plain: `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'
		UNION SELECT table_name FROM information_schema.tables WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
		AND table_type = 'BASE TABLE' AND engine <> 'InnoDB' LIMIT 10000`,
	basis: "one InnoDB transaction with the command's id as the primary key of %s, for ever",
}
