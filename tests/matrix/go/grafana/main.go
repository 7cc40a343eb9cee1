// Grafana makes the calls of Grafana's Flight SQL data source with the client library that it is built with, arrow-go v12:
// `grafana ADDRESS USER PASSWORD`. The library is a program of its own, because two versions of arrow-go cannot share one.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/apache/arrow/go/v12/arrow"
	"github.com/apache/arrow/go/v12/arrow/array"
	"github.com/apache/arrow/go/v12/arrow/flight"
	"github.com/apache/arrow/go/v12/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"godwit/matrix/report"
)

// source is the data source, with the headers of its login and gRPC's usual limit of 4 MiB a message.
type source struct {
	*flightsql.Client
	ctx context.Context
}

func main() {
	if len(os.Args) != 4 {
		report.Fail(errors.New("usage: grafana ADDRESS USER PASSWORD"))
	}
	client, err := flightsql.NewClient(os.Args[1], nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		report.Fail(err)
	}
	ctx, err := client.Client.AuthenticateBasicToken(context.Background(), os.Args[2], os.Args[3])
	if err != nil {
		report.Fail(err)
	}
	grafana := &source{client, ctx}
	report.Step("connect", func() (any, error) { return grafana.query("select 1") })
	report.Step("sql info", func() (any, error) {
		info, err := client.GetSqlInfo(ctx, []flightsql.SqlInfo{})
		rows, err := grafana.read(info, err)
		return len(rows) > 80, err
	})
	report.Step("tables", func() (any, error) {
		info, err := client.GetTables(ctx, &flightsql.GetTablesOpts{TableTypes: []string{"BASE TABLE", "table"}})
		return grafana.read(info, err)
	})
	report.Step("columns", func() (any, error) { return grafana.columns("people") })
	report.Step("columns of nothing", func() (any, error) { return grafana.columns("no_such_table") })
	report.Step("time series", func() (any, error) {
		return grafana.query("select cast('2026-11-21T04:05:06' as timestamp) as time, 1.5 as value")
	})
	report.Step("time in milliseconds", func() (any, error) {
		return grafana.query("select arrow_cast(v, 'Timestamp(Nanosecond, None)') as time from types.t_timestamp_ms " +
			"where v is not null order by row limit 1")
	})
	report.Step("every type", func() (any, error) { return grafana.query("select * from people order by id") })
	report.Step("large rows", func() (any, error) {
		rows, err := grafana.query("select repeat('x', 100000) as text from generate_series(1, 200)")
		return len(rows), err
	})
	report.Step("error", func() (any, error) { return grafana.query("select * from no_such_table") })
	report.Step("cancel", grafana.cancel)
	report.Step("close", func() (any, error) { return true, client.Close() })
}

func (s *source) query(sql string) ([][]any, error) {
	info, err := s.Execute(s.ctx, sql)
	return s.read(info, err)
}

// read takes the one endpoint that the data source accepts.
func (s *source) read(info *flight.FlightInfo, err error) ([][]any, error) {
	if err != nil {
		return nil, err
	}
	if len(info.Endpoint) != 1 {
		return nil, fmt.Errorf("%d endpoints", len(info.Endpoint))
	}
	reader, err := s.DoGet(s.ctx, info.Endpoint[0].Ticket)
	if err != nil {
		return nil, err
	}
	defer reader.Release()
	rows := [][]any{}
	for reader.Next() {
		record := reader.Record()
		for row := range int(record.NumRows()) {
			values := []any{}
			for _, column := range record.Columns() {
				values = append(values, value(column, row))
			}
			rows = append(rows, values)
		}
	}
	return rows, reader.Err()
}

// value gives what a panel can show. Every timestamp is taken for one in nanoseconds, whatever its unit.
func value(column arrow.Array, row int) any {
	if column.IsNull(row) {
		return nil
	}
	switch column := column.(type) {
	case *array.String:
		return column.Value(row)
	case *array.Int64:
		return column.Value(row)
	case *array.Float64:
		return column.Value(row)
	case *array.Boolean:
		return column.Value(row)
	case *array.Timestamp:
		return column.Value(row).ToTime(arrow.Nanosecond).Format(time.RFC3339)
	default:
		return "not shown: " + column.DataType().Name()
	}
}

// columns are the names of a table's columns, from the first row of GetTables.
func (s *source) columns(table string) ([]string, error) {
	info, err := s.GetTables(s.ctx, &flightsql.GetTablesOpts{TableNameFilterPattern: &table, IncludeSchema: true})
	if err != nil {
		return nil, err
	}
	reader, err := s.DoGet(s.ctx, info.Endpoint[0].Ticket)
	if err != nil {
		return nil, err
	}
	defer reader.Release()
	if !reader.Next() {
		return nil, errors.New("table not found")
	}
	record := reader.Record()
	column := record.Column(record.Schema().FieldIndices("table_schema")[0])
	schema, err := flight.DeserializeSchema([]byte(array.NewStringData(column.Data()).Value(0)), s.Alloc)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, field := range schema.Fields() {
		names = append(names, field.Name)
	}
	return names, nil
}

func (s *source) cancel() (any, error) {
	ctx, leave := context.WithCancel(s.ctx)
	defer leave()
	const numbers = "generate_series(1, 1000000)"
	sql := "select a.value, b.value as other from " + numbers + " a cross join " + numbers + " b /* grafana */"
	info, err := s.Execute(ctx, sql)
	if err != nil {
		return nil, err
	}
	reader, err := s.DoGet(ctx, info.Endpoint[0].Ticket)
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
	return true, nil
}
