// The Flight server that Arrow's C++ implementation makes with the least code around it: tables that it reads into memory
// from Arrow files, and uploads that it counts and drops, or keeps until they end. Usage: reference PORT NAME=FILE…
//
// The command and the ticket of a table are its name, or any bytes with " from NAME" in them, such as SQL in a Flight SQL
// message. An upload whose command is "keep" is kept.

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace flight = arrow::flight;
using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

namespace {

arrow::Result<Batches> Read(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path));
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchFileReader::Open(file));
  Batches batches;
  for (int at = 0; at < reader->num_record_batches(); at++) {
    ARROW_ASSIGN_OR_RAISE(auto batch, reader->ReadRecordBatch(at));
    batches.push_back(std::move(batch));
  }
  return batches;
}

class Server : public flight::FlightServerBase {
 public:
  explicit Server(std::map<std::string, Batches> tables) : tables_(std::move(tables)) {}

  arrow::Status GetFlightInfo(const flight::ServerCallContext&, const flight::FlightDescriptor& asked,
                              std::unique_ptr<flight::FlightInfo>* answer) override {
    ARROW_ASSIGN_OR_RAISE(auto table, Find(asked.cmd));
    flight::FlightEndpoint endpoint;
    endpoint.ticket.ticket = table->first;
    ARROW_ASSIGN_OR_RAISE(auto info,
                          flight::FlightInfo::Make(*table->second[0]->schema(), asked, {endpoint}, -1, -1));
    *answer = std::make_unique<flight::FlightInfo>(std::move(info));
    return arrow::Status::OK();
  }

  arrow::Status DoGet(const flight::ServerCallContext&, const flight::Ticket& ticket,
                      std::unique_ptr<flight::FlightDataStream>* answer) override {
    ARROW_ASSIGN_OR_RAISE(auto table, Find(ticket.ticket));
    ARROW_ASSIGN_OR_RAISE(auto reader,
                          arrow::RecordBatchReader::Make(table->second, table->second[0]->schema()));
    *answer = std::make_unique<flight::RecordBatchStream>(std::move(reader));
    return arrow::Status::OK();
  }

  arrow::Status DoPut(const flight::ServerCallContext&, std::unique_ptr<flight::FlightMessageReader> upload,
                      std::unique_ptr<flight::FlightMetadataWriter> answer) override {
    const bool keep = upload->descriptor().cmd == "keep";
    Batches kept;
    int64_t rows = 0;
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto next, upload->Next());
      if (!next.data) break;
      rows += next.data->num_rows();
      if (keep) kept.push_back(std::move(next.data));
    }
    return answer->WriteMetadata(*arrow::Buffer::FromString(std::to_string(rows)));
  }

 private:
  using Table = std::map<std::string, Batches>::const_iterator;

  arrow::Result<Table> Find(const std::string& asked) const {
    for (auto table = tables_.begin(); table != tables_.end(); ++table) {
      if (asked == table->first || asked.find(" from " + table->first) != std::string::npos) return table;
    }
    return arrow::Status::NotImplemented("only the tables that were loaded");
  }

  std::map<std::string, Batches> tables_;
};

arrow::Status Serve(int count, char** arguments) {
  std::map<std::string, Batches> tables;
  for (int at = 2; at < count; at++) {
    const std::string argument = arguments[at];
    const auto split = argument.find('=');
    ARROW_ASSIGN_OR_RAISE(tables[argument.substr(0, split)], Read(argument.substr(split + 1)));
  }
  Server server(std::move(tables));
  ARROW_ASSIGN_OR_RAISE(auto location, flight::Location::ForGrpcTcp("127.0.0.1", std::stoi(arguments[1])));
  ARROW_RETURN_NOT_OK(server.Init(flight::FlightServerOptions(location)));
  return server.Serve();
}

}  // namespace

int main(int count, char** arguments) {
  const auto status = count < 2 ? arrow::Status::Invalid("reference PORT NAME=FILE…") : Serve(count, arguments);
  if (!status.ok()) std::cerr << status.ToString() << std::endl;
  return status.ok() ? 0 : 1;
}
