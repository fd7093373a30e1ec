package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// timeLayout is how times are stored as text: UTC, microseconds, of one width, so
// that they sort.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// bind gives parameter n of s the value a.
func bind(s *sqlite3.Stmt, n int, a any) error {
	switch v := a.(type) {
	case nil:
		return s.BindNull(n)
	case string:
		return s.BindText(n, v)
	case []byte:
		if v == nil {
			return s.BindNull(n)
		}
		return s.BindBlob(n, v)
	case int64:
		return s.BindInt64(n, v)
	case int:
		return s.BindInt64(n, int64(v))
	case bool:
		return s.BindBool(n, v)
	case time.Time:
		if v.IsZero() {
			return s.BindNull(n)
		}
		return s.BindText(n, v.UTC().Format(timeLayout))
	case driver.Valuer:
		v2, err := v.Value()
		if err != nil {
			return err
		}
		return bind(s, n, v2)
	}
	switch v := reflect.ValueOf(a); v.Kind() {
	case reflect.String:
		return s.BindText(n, v.String())
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return s.BindInt64(n, v.Int())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return s.BindInt64(n, int64(v.Uint()))
	case reflect.Bool:
		return s.BindBool(n, v.Bool())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return bind(s, n, v.Bytes())
		}
	case reflect.Pointer:
		if v.IsNil() {
			return s.BindNull(n)
		}
		return bind(s, n, v.Elem().Interface())
	}
	return fmt.Errorf("cannot store a %T", a)
}

// Assign puts a value that SQLite gave into dest, a pointer. NULL leaves a zero
// value there.
func Assign(dest, v any) error {
	switch d := dest.(type) {
	case *any:
		*d = v
		return nil
	case *time.Time:
		return assignTime(d, v)
	case sql.Scanner:
		return d.Scan(v)
	}
	p := reflect.ValueOf(dest)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("cannot read into a %T; want a pointer", dest)
	}
	d := p.Elem()
	if v == nil {
		d.SetZero()
		return nil
	}
	if d.Kind() == reflect.Pointer {
		d.Set(reflect.New(d.Type().Elem()))
		return Assign(d.Interface(), v)
	}
	switch v := v.(type) {
	case string:
		return assignText(d, v)
	case []byte:
		if d.Kind() == reflect.Slice && d.Type().Elem().Kind() == reflect.Uint8 {
			d.SetBytes(v)
			return nil
		}
		return assignText(d, string(v))
	case int64:
		return assignInt(d, v)
	}
	return fmt.Errorf("cannot read a %T into a %T", v, dest)
}

func assignText(d reflect.Value, s string) error {
	switch d.Kind() {
	case reflect.String:
		d.SetString(s)
		return nil
	case reflect.Slice:
		if d.Type().Elem().Kind() == reflect.Uint8 {
			d.SetBytes([]byte(s))
			return nil
		}
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return err
		}
		d.SetInt(n)
		return nil
	}
	return fmt.Errorf("cannot read text into a %s", d.Type())
}

func assignInt(d reflect.Value, n int64) error {
	switch d.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if d.OverflowInt(n) {
			return fmt.Errorf("%d does not fit into a %s", n, d.Type())
		}
		d.SetInt(n)
		return nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n < 0 || d.OverflowUint(uint64(n)) {
			return fmt.Errorf("%d does not fit into a %s", n, d.Type())
		}
		d.SetUint(uint64(n))
		return nil
	case reflect.Bool:
		d.SetBool(n != 0)
		return nil
	case reflect.String:
		d.SetString(strconv.FormatInt(n, 10))
		return nil
	}
	return fmt.Errorf("cannot read a whole number into a %s", d.Type())
}

func assignTime(d *time.Time, v any) error {
	switch v := v.(type) {
	case nil:
		*d = time.Time{}
		return nil
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		*d = t.UTC()
		return err
	}
	return fmt.Errorf("cannot read a %T as a time", v)
}

// value is column n of the row that s is at.
func value(s *sqlite3.Stmt, n int) any {
	switch s.ColumnType(n) {
	case sqlite3.INTEGER:
		return s.ColumnInt64(n)
	case sqlite3.FLOAT:
		return s.ColumnFloat(n)
	case sqlite3.TEXT:
		return s.ColumnText(n)
	case sqlite3.BLOB:
		return s.ColumnBlob(n, []byte{}) // an empty one is not NULL
	}
	return nil
}
