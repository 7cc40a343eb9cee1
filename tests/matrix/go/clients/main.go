// Clients uses arrow-go's Flight SQL client, its database/sql driver and the ADBC driver as a program would:
// `clients flightsql|sql|adbc ADDRESS USER PASSWORD [TYPES]`, where TYPES is a directory of Arrow files, one a type.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"godwit/matrix/report"
)

// Arguments are what the test gives.
type Arguments struct {
	Address, User, Password, Types string
}

const (
	query       = "select id, name, active from people order by id"
	countOrders = "select count(*) from orders"
)

func main() {
	if len(os.Args) < 5 {
		report.Fail(fmt.Errorf("usage: clients CLIENT ADDRESS USER PASSWORD [TYPES]"))
	}
	arguments := Arguments{os.Args[2], os.Args[3], os.Args[4], strings.Join(os.Args[5:], "")}
	clients := map[string]func(context.Context, Arguments) error{
		"flightsql": runFlightSQL, "sql": runSQL, "adbc": runADBC,
	}
	if err := clients[os.Args[1]](context.Background(), arguments); err != nil {
		report.Fail(err)
	}
}

func endless(mark string) string {
	const numbers = "generate_series(1, 1000000)"
	return fmt.Sprintf("select a.value, b.value as other from %s a cross join %s b /* %s */", numbers, numbers, mark)
}

// rowsOf reads a stream to its end, each row as the text of its values.
func rowsOf(reader array.RecordReader) ([][]any, error) {
	rows := [][]any{}
	for reader.Next() {
		batch := reader.RecordBatch()
		for row := range int(batch.NumRows()) {
			values := make([]any, batch.NumCols())
			for column := range values {
				values[column] = batch.Column(column).GetOneForMarshal(row)
			}
			rows = append(rows, values)
		}
	}
	return rows, reader.Err()
}

// towns are what the clients ingest.
func towns() (array.RecordReader, error) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "town", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	rows := `[{"id":1,"town":"Lisboa"},{"id":2,"town":null},{"id":3,"town":"Faro"}]`
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		return nil, err
	}
	return array.NewRecordReader(schema, []arrow.RecordBatch{batch})
}

// typed calls back for every type with its query and the one row of parameters that it takes.
func typed(directory string, body func(sql string, row arrow.RecordBatch) ([][]any, error)) error {
	paths, err := filepath.Glob(filepath.Join(directory, "*.arrow"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".arrow")
		report.Step("parameters "+name, func() (any, error) {
			row, err := onlyBatch(path)
			if err != nil {
				return nil, err
			}
			sql, _ := row.Schema().Metadata().GetValue("sql")
			return body(sql, row)
		})
	}
	return nil
}

func onlyBatch(path string) (arrow.RecordBatch, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, err := ipc.NewFileReader(file)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return reader.RecordBatchAt(0)
}
