package main

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"godwit/matrix/report"
)

// reading is a client with the headers of its login.
type reading struct {
	*flightsql.Client
	ctx context.Context
}

func login(ctx context.Context, to Arguments) (*reading, error) {
	transport := grpc.WithTransportCredentials(insecure.NewCredentials())
	client, err := flightsql.NewClient(to.Address, nil, nil, transport)
	if err != nil {
		return nil, err
	}
	ctx, err = client.Client.AuthenticateBasicToken(ctx, to.User, to.Password)
	return &reading{client, ctx}, err
}

// rows reads all endpoints of a FlightInfo in their order.
func (r *reading) rows(info *flight.FlightInfo, err error) ([][]any, error) {
	if err != nil {
		return nil, err
	}
	rows := [][]any{}
	for _, endpoint := range info.Endpoint {
		reader, err := r.DoGet(r.ctx, endpoint.Ticket)
		if err != nil {
			return nil, err
		}
		part, err := rowsOf(reader)
		reader.Release()
		if err != nil {
			return nil, err
		}
		rows = append(rows, part...)
	}
	return rows, nil
}

func (r *reading) query(sql string) ([][]any, error) {
	return r.rows(r.Execute(r.ctx, sql))
}

func runFlightSQL(ctx context.Context, to Arguments) error {
	client, err := login(ctx, to)
	if err != nil {
		return err
	}
	report.Step("connect", func() (any, error) {
		return client.rows(client.GetSqlInfo(client.ctx, []flightsql.SqlInfo{flightsql.SqlInfoFlightSqlServerName}))
	})
	report.Step("query", func() (any, error) { return client.query(query) })
	report.Step("query polled", func() (any, error) { return client.poll(query) })
	report.Step("query update", func() (any, error) { return client.ExecuteUpdate(client.ctx, "set schema = 'main'") })
	if err := typed(to.Types, client.prepared); err != nil {
		return err
	}
	client.metadata()
	client.ingest()
	client.session()
	client.cancel()
	report.Step("close", func() (any, error) {
		result, err := client.CloseSession(client.ctx, &flight.CloseSessionRequest{})
		if err != nil {
			return nil, err
		}
		return result.Status.String(), client.Close()
	})
	return nil
}

func (r *reading) poll(sql string) ([][]any, error) {
	info, err := r.ExecutePoll(r.ctx, sql, nil)
	for err == nil && info.FlightDescriptor != nil {
		info, err = r.ExecutePoll(r.ctx, sql, info.FlightDescriptor)
	}
	if err != nil {
		return nil, err
	}
	return r.rows(info.Info, nil)
}

func (r *reading) prepared(sql string, row arrow.RecordBatch) ([][]any, error) {
	statement, err := r.Prepare(r.ctx, sql)
	if err != nil {
		return nil, err
	}
	statement.SetParameters(row)
	rows, err := r.rows(statement.Execute(r.ctx))
	return rows, errors.Join(err, statement.Close(r.ctx))
}

func (r *reading) metadata() {
	report.Step("metadata catalogs", func() (any, error) { return r.rows(r.GetCatalogs(r.ctx)) })
	report.Step("metadata schemas", func() (any, error) {
		pattern := "s%"
		return r.rows(r.GetDBSchemas(r.ctx, &flightsql.GetDBSchemasOpts{DbSchemaFilterPattern: &pattern}))
	})
	report.Step("metadata tables", func() (any, error) {
		schema := "shop"
		return r.rows(r.GetTables(r.ctx, &flightsql.GetTablesOpts{DbSchemaFilterPattern: &schema}))
	})
	report.Step("metadata columns", func() (any, error) { return r.columns("people") })
	report.Step("metadata types", func() (any, error) { return r.rows(r.GetTableTypes(r.ctx)) })
	report.Step("metadata keys", func() (any, error) {
		return r.rows(r.GetPrimaryKeys(r.ctx, flightsql.TableRef{Table: "people"}))
	})
	report.Step("metadata xdbc", func() (any, error) {
		rows, err := r.rows(r.GetXdbcTypeInfo(r.ctx, nil))
		return len(rows) > 10, err
	})
	report.Step("metadata all info", func() (any, error) {
		rows, err := r.rows(r.GetSqlInfo(r.ctx, nil))
		return len(rows) > 80, err
	})
}

// columns are the names of a table's columns, from the schema that GetTables gives.
func (r *reading) columns(table string) ([]string, error) {
	rows, err := r.rows(r.GetTables(r.ctx, &flightsql.GetTablesOpts{TableNameFilterPattern: &table, IncludeSchema: true}))
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("%d tables", len(rows))
	}
	schema, err := flight.DeserializeSchema(rows[0][4].([]byte), r.Alloc)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, field := range schema.Fields() {
		names = append(names, field.Name)
	}
	return names, nil
}

func (r *reading) ingest() {
	create := flightsql.TableDefinitionOptionsTableNotExistOptionCreate
	for name, exists := range map[string]flightsql.TableDefinitionOptionsTableExistsOption{
		"append": flightsql.TableDefinitionOptionsTableExistsOptionAppend,
		"fail":   flightsql.TableDefinitionOptionsTableExistsOptionFail,
	} {
		options := flightsql.ExecuteIngestOpts{
			TableDefinitionOptions: &flightsql.TableDefinitionOptions{IfNotExist: create, IfExists: exists},
			Table:                  "towns_" + name,
			Temporary:              true,
		}
		for _, time := range []string{"first", "second"} {
			report.Step("ingest "+name+" "+time, func() (any, error) {
				rows, err := towns()
				if err != nil {
					return nil, err
				}
				return r.ExecuteIngest(r.ctx, rows, &options)
			})
		}
	}
	report.Step("ingest read back", func() (any, error) { return r.query("select * from temp.towns_fail order by id") })
	report.Step("ingest appended", func() (any, error) { return r.query("select count(*) from towns_append") })
}

func (r *reading) session() {
	set := func(options map[string]any) (any, error) {
		values, err := flight.NewSessionOptionValues(options)
		if err != nil {
			return nil, err
		}
		result, err := r.SetSessionOptions(r.ctx, &flight.SetSessionOptionsRequest{SessionOptions: values})
		if err != nil {
			return nil, err
		}
		wrong := []string{}
		for name, problem := range result.Errors {
			wrong = append(wrong, name+" "+problem.Value.String())
		}
		sort.Strings(wrong)
		return wrong, nil
	}
	report.Step("session set", func() (any, error) {
		return set(map[string]any{"schema": "shop", "batch_rows": int64(7), "endpoints": int64(3)})
	})
	report.Step("session works", func() (any, error) { return r.query(countOrders) })
	report.Step("session get", func() (any, error) {
		result, err := r.GetSessionOptions(r.ctx, &flight.GetSessionOptionsRequest{})
		if err != nil {
			return nil, err
		}
		options := result.SessionOptions
		return []any{options["schema"].GetStringValue(), options["batch_rows"].GetInt64Value()}, nil
	})
	report.Step("session endpoints", func() (any, error) {
		rows, err := r.query("select n from numbers order by n")
		for n, row := range rows {
			if row[0] != int64(n) {
				return nil, fmt.Errorf("row %d is %v", n, row)
			}
		}
		return len(rows), err
	})
	report.Step("session wrong", func() (any, error) {
		return set(map[string]any{"schema": "no_such_schema", "no_such_option": "x"})
	})
	report.Step("session erase", func() (any, error) { return set(map[string]any{"schema": nil, "endpoints": nil}) })
	report.Step("session erased", func() (any, error) { return r.query(countOrders) })
}

// cancel stops a query by leaving its stream, and another one by its FlightInfo.
func (r *reading) cancel() {
	for _, mark := range []string{"go flightsql left", "go flightsql cancelled"} {
		report.Step("cancel "+mark, func() (any, error) {
			ctx, leave := context.WithCancel(r.ctx)
			defer leave()
			info, err := r.Execute(ctx, endless(mark))
			if err != nil {
				return nil, err
			}
			reader, err := r.DoGet(ctx, info.Endpoint[0].Ticket)
			if err != nil {
				return nil, err
			}
			defer reader.Release()
			if !reader.Next() {
				return nil, fmt.Errorf("no rows: %w", reader.Err())
			}
			report.Pause("cancel")
			if mark == "go flightsql left" {
				leave()
			} else if _, err := r.CancelFlightInfo(r.ctx, &flight.CancelFlightInfoRequest{Info: info}); err != nil {
				return nil, err
			}
			report.Pause("cancelled")
			for reader.Next() {
			}
			return reader.Err() != nil, nil
		})
	}
}
