package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"time"

	_ "github.com/apache/arrow-go/v18/arrow/flight/flightsql/driver"
	"google.golang.org/grpc/metadata"

	"godwit/matrix/report"
)

func runSQL(ctx context.Context, to Arguments) error {
	db, err := open(to, url.UserPassword(to.User, to.Password), nil)
	if err != nil {
		return err
	}
	report.Step("connect", func() (any, error) { return true, db.PingContext(ctx) })
	report.Step("query", func() (any, error) { return rows(ctx, db, query) })
	for name, value := range map[string]any{
		"int64":     int64(9223372036854775807),
		"boolean":   true,
		"double":    -0.1,
		"string":    "a word that is longer than twelve bytes 🐦",
		"time64_ns": time.Date(1970, 1, 1, 23, 59, 58, 0, time.UTC),
		"int32":     int32(2147483647),
		"binary":    []byte{0, 255},
		"date32":    time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
	} {
		report.Step("parameters "+name, func() (any, error) {
			return rows(ctx, db, fmt.Sprintf("select count(*) from types.t_%s where v = ?", name), value)
		})
	}
	report.Step("parameters null", func() (any, error) { return rows(ctx, db, "select ? is null", nil) })
	report.Step("metadata", func() (any, error) { return columns(ctx, db, "select * from people") })
	report.Step("without a session", func() (any, error) {
		_, err := db.ExecContext(ctx, "set schema = 'shop'")
		return nil, err
	})
	report.Step("transaction", func() (any, error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		return true, tx.Rollback()
	})
	sessions(ctx, to)
	cancelled(ctx, db)
	report.Step("close", func() (any, error) { return true, db.Close() })
	return nil
}

// open connects with a user of the address or, without one, with a token.
func open(to Arguments, user *url.Userinfo, query url.Values) (*sql.DB, error) {
	address := url.URL{Scheme: "flightsql", Host: to.Address, User: user, RawQuery: query.Encode()}
	return sql.Open("flightsql", address.String())
}

// sessions uses the token of a login, since the driver itself neither logs in nor keeps cookies.
func sessions(ctx context.Context, to Arguments) {
	client, err := login(ctx, to)
	if err != nil {
		report.Fail(err)
	}
	headers, _ := metadata.FromOutgoingContext(client.ctx)
	token := headers.Get("authorization")[0][len("Bearer "):]
	db, err := open(to, nil, url.Values{"token": {token}})
	if err != nil {
		report.Fail(err)
	}
	report.Step("session set", func() (any, error) {
		result, err := db.ExecContext(ctx, "set schema = 'shop'")
		if err != nil {
			return nil, err
		}
		return result.RowsAffected()
	})
	report.Step("session works", func() (any, error) { return rows(ctx, db, countOrders) })
	report.Step("ingest create", func() (any, error) {
		_, err := db.ExecContext(ctx, "create temp table towns as select 1 as id, 'Lisboa' as town")
		return true, err
	})
	report.Step("ingest read back", func() (any, error) { return rows(ctx, db, "select id, town from temp.towns") })
	report.Step("session closed", func() (any, error) { return true, db.Close() })
}

func cancelled(ctx context.Context, db *sql.DB) {
	report.Step("cancel", func() (any, error) {
		ctx, leave := context.WithCancel(ctx)
		defer leave()
		found, err := db.QueryContext(ctx, endless("go sql"))
		if err != nil {
			return nil, err
		}
		defer found.Close()
		if !found.Next() {
			return nil, fmt.Errorf("no rows: %w", found.Err())
		}
		report.Pause("cancel")
		leave()
		report.Pause("cancelled")
		for found.Next() {
		}
		return found.Err() != nil, nil
	})
}

func rows(ctx context.Context, db *sql.DB, query string, arguments ...any) ([][]any, error) {
	found, err := db.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	names, err := found.Columns()
	if err != nil {
		return nil, err
	}
	all := [][]any{}
	for found.Next() {
		values := make([]any, len(names))
		places := make([]any, len(names))
		for at := range values {
			places[at] = &values[at]
		}
		if err := found.Scan(places...); err != nil {
			return nil, err
		}
		all = append(all, values)
	}
	return all, found.Err()
}

func columns(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	return found.Columns()
}
