package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-adbc/go/adbc"
	"github.com/apache/arrow-adbc/go/adbc/driver/flightsql"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"godwit/matrix/report"
)

// connected is an ADBC connection.
type connected struct {
	adbc.Connection
	ctx context.Context
}

func runADBC(ctx context.Context, to Arguments) error {
	database, err := flightsql.NewDriver(memory.DefaultAllocator).NewDatabase(map[string]string{
		adbc.OptionKeyURI:      "grpc://" + to.Address,
		adbc.OptionKeyUsername: to.User,
		adbc.OptionKeyPassword: to.Password,
	})
	if err != nil {
		return err
	}
	connection, err := database.Open(ctx)
	if err != nil {
		return err
	}
	client := &connected{connection, ctx}
	report.Step("connect", func() (any, error) {
		reader, err := client.GetInfo(ctx, []adbc.InfoCode{adbc.InfoVendorName})
		return client.read(reader, err)
	})
	report.Step("query", func() (any, error) { return client.query(query) })
	report.Step("query partitions", func() (any, error) { return client.partitions(query) })
	if err := typed(to.Types, client.prepared); err != nil {
		return err
	}
	client.metadata()
	client.ingest()
	client.session()
	client.cancel()
	report.Step("close", func() (any, error) { return true, errors.Join(client.Close(), database.Close()) })
	return nil
}

func (c *connected) read(reader array.RecordReader, err error) ([][]any, error) {
	if err != nil {
		return nil, err
	}
	defer reader.Release()
	return rowsOf(reader)
}

// statement runs a body with a statement that is closed afterwards.
func (c *connected) statement(body func(adbc.Statement) ([][]any, error)) ([][]any, error) {
	statement, err := c.NewStatement()
	if err != nil {
		return nil, err
	}
	rows, err := body(statement)
	return rows, errors.Join(err, statement.Close())
}

func (c *connected) query(sql string) ([][]any, error) {
	return c.statement(func(statement adbc.Statement) ([][]any, error) {
		if err := statement.SetSqlQuery(sql); err != nil {
			return nil, err
		}
		reader, _, err := statement.ExecuteQuery(c.ctx)
		return c.read(reader, err)
	})
}

func (c *connected) partitions(sql string) ([][]any, error) {
	return c.statement(func(statement adbc.Statement) ([][]any, error) {
		if err := statement.SetSqlQuery(sql); err != nil {
			return nil, err
		}
		_, partitions, _, err := statement.ExecutePartitions(c.ctx)
		if err != nil {
			return nil, err
		}
		rows := [][]any{}
		for _, id := range partitions.PartitionIDs {
			reader, err := c.ReadPartition(c.ctx, id)
			part, err := c.read(reader, err)
			if err != nil {
				return nil, err
			}
			rows = append(rows, part...)
		}
		return rows, nil
	})
}

func (c *connected) prepared(sql string, row arrow.RecordBatch) ([][]any, error) {
	return c.statement(func(statement adbc.Statement) ([][]any, error) {
		if err := statement.SetSqlQuery(sql); err != nil {
			return nil, err
		}
		if err := errors.Join(statement.Prepare(c.ctx), statement.Bind(c.ctx, row)); err != nil {
			return nil, err
		}
		reader, _, err := statement.ExecuteQuery(c.ctx)
		return c.read(reader, err)
	})
}

func (c *connected) metadata() {
	report.Step("metadata objects", func() (any, error) {
		table := "people"
		reader, err := c.GetObjects(c.ctx, adbc.ObjectDepthAll, nil, nil, &table, nil, nil)
		return c.read(reader, err)
	})
	report.Step("metadata columns", func() (any, error) {
		schema, err := c.GetTableSchema(c.ctx, nil, nil, "people")
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, field := range schema.Fields() {
			names = append(names, field.Name)
		}
		return names, nil
	})
	report.Step("metadata types", func() (any, error) {
		reader, err := c.GetTableTypes(c.ctx)
		return c.read(reader, err)
	})
}

func (c *connected) ingest() {
	for _, mode := range []string{"create", "append", "create_append", "replace", "create"} {
		report.Step("ingest "+mode, func() (any, error) {
			return c.statement(func(statement adbc.Statement) ([][]any, error) {
				for key, value := range map[string]string{
					adbc.OptionKeyIngestTargetTable: "towns",
					adbc.OptionKeyIngestMode:        "adbc.ingest.mode." + mode,
					adbc.OptionValueIngestTemporary: adbc.OptionValueEnabled,
				} {
					if err := statement.SetOption(key, value); err != nil {
						return nil, err
					}
				}
				rows, err := towns()
				if err != nil {
					return nil, err
				}
				if err := statement.BindStream(c.ctx, rows); err != nil {
					return nil, err
				}
				count, err := statement.ExecuteUpdate(c.ctx)
				return [][]any{{count}}, err
			})
		})
		report.Step("ingest after "+mode, func() (any, error) { return c.query("select count(*) from temp.towns") })
	}
	report.Step("ingest read back", func() (any, error) { return c.query("select * from towns order by id") })
}

func (c *connected) session() {
	options := c.Connection.(adbc.GetSetOptions)
	report.Step("session set", func() (any, error) {
		return true, errors.Join(
			options.SetOption(adbc.OptionKeyCurrentDbSchema, "shop"),
			options.SetOptionInt(flightsql.OptionSessionOptionPrefix+"batch_rows", 7),
			options.SetOptionInt(flightsql.OptionSessionOptionPrefix+"endpoints", 3),
		)
	})
	report.Step("session works", func() (any, error) { return c.query(countOrders) })
	report.Step("session get", func() (any, error) {
		schema, err := options.GetOption(adbc.OptionKeyCurrentDbSchema)
		rows, err2 := options.GetOptionInt(flightsql.OptionSessionOptionPrefix + "batch_rows")
		return []any{schema, rows}, errors.Join(err, err2)
	})
	report.Step("session endpoints", func() (any, error) {
		rows, err := c.query("select n from numbers order by n")
		for n, row := range rows {
			if row[0] != int64(n) {
				return nil, fmt.Errorf("row %d is %v", n, row)
			}
		}
		return len(rows), err
	})
	report.Step("session erase", func() (any, error) {
		return true, options.SetOption(flightsql.OptionEraseSessionOptionPrefix+"endpoints", "")
	})
	report.Step("session wrong", func() (any, error) {
		return nil, options.SetOption(flightsql.OptionSessionOptionPrefix+"no_such_option", "x")
	})
}

func (c *connected) cancel() {
	report.Step("cancel", func() (any, error) {
		ctx, leave := context.WithCancel(c.ctx)
		defer leave()
		statement, err := c.NewStatement()
		if err != nil {
			return nil, err
		}
		if err := statement.SetSqlQuery(endless("go adbc")); err != nil {
			return nil, err
		}
		reader, _, err := statement.ExecuteQuery(ctx)
		if err != nil {
			return nil, err
		}
		defer reader.Release()
		if !reader.Next() {
			return nil, fmt.Errorf("no rows: %w", reader.Err())
		}
		report.Pause("cancel")
		leave()
		report.Pause("cancelled")
		for reader.Next() {
		}
		return reader.Err() != nil, statement.Close()
	})
}
