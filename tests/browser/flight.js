// Flight SQL over gRPC-web, as much as a page needs to log in and read a result as it comes.

import { fields, joined, message, statementDescriptor } from "./protobuf.js";

const SERVICE = "/arrow.flight.protocol.FlightService/";
const TRAILERS = 0x80;
const OK = 0;

/** A call that ended with a gRPC code other than OK. */
export class GrpcError extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

/** The gRPC frames of a response, each `[flags, payload]`, as they arrive. */
async function* frames(body) {
  let held = new Uint8Array(0);
  const reader = body.getReader();
  try {
    for (;;) {
      const size = held.length < 5 ? Infinity : new DataView(held.buffer, held.byteOffset).getUint32(1);
      if (held.length >= 5 + size) {
        yield [held[0], held.subarray(5, 5 + size)];
        held = held.subarray(5 + size);
        continue;
      }
      const { done, value } = await reader.read();
      if (done) break;
      held = joined([held, value]);
    }
  } finally {
    await reader.cancel();
  }
  if (held.length) throw new Error(`the response ends inside a frame, with ${held.length} bytes left`);
}

function check(status, text) {
  const code = Number(status);
  if (code !== OK) throw new GrpcError(code, decodeURIComponent(text ?? ""));
}

/** `name: value` lines, as the trailers of gRPC-web are written. */
function headerLines(payload) {
  const lines = new TextDecoder().decode(payload).split("\r\n").filter(Boolean);
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
}

/** A server, by its `http://host:port` address. */
export class Client {
  constructor(address) {
    this.address = address;
    this.headers = {};
  }

  /** Starts a call of one request; the response's headers have come when this returns. */
  async start(method, request, headers = {}, signal = undefined) {
    const head = new DataView(new ArrayBuffer(5));
    head.setUint32(1, request.length);
    const response = await fetch(this.address + SERVICE + method, {
      method: "POST",
      headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", ...this.headers, ...headers },
      body: joined([new Uint8Array(head.buffer), request]),
      signal,
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    // A call that fails before its first message has its status in the headers.
    if (response.headers.has("grpc-status")) {
      check(response.headers.get("grpc-status"), response.headers.get("grpc-message"));
    }
    return response;
  }

  /** The messages of a response, as they arrive; an error at its end is thrown. */
  async *messages(response) {
    let trailers = response.headers.has("grpc-status") ? new Map([["grpc-status", "0"]]) : undefined;
    for await (const [flags, payload] of frames(response.body)) {
      if (flags & TRAILERS) trailers = headerLines(payload);
      else yield payload;
    }
    if (trailers === undefined) throw new Error("the response has no trailers");
    check(trailers.get("grpc-status"), trailers.get("grpc-message"));
  }

  /** Trades a password for a token, which every later call carries. */
  async login(user, password) {
    const credentials = btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)));
    const response = await this.start("Handshake", message(), { authorization: `Basic ${credentials}` });
    for await (const _ of this.messages(response));
    const token = response.headers.get("authorization");
    if (!token?.startsWith("Bearer ")) throw new Error("the handshake gave no token that a page may read");
    this.headers.authorization = token;
  }

  /** The ticket of a query. */
  async ticket(sql) {
    const response = await this.start("GetFlightInfo", statementDescriptor(sql));
    let info;
    for await (const each of this.messages(response)) info = fields(each);
    const [endpoint] = info.get(3).map(fields);
    const [ticket] = endpoint.get(1).map(fields);
    return ticket.get(1)[0];
  }

  /** A reader of record batches over the result of a query, which arrives while it is read. */
  async query(sql, signal = undefined) {
    const response = await this.start("DoGet", message(await this.ticket(sql)), {}, signal);
    return window.Arrow.RecordBatchReader.from(ipcStream(this.messages(response)));
  }
}

/** The Arrow IPC stream that is spread over FlightData messages. */
async function* ipcStream(messages) {
  for await (const each of messages) {
    const data = fields(each);
    const [header] = data.get(2);
    const padding = -header.length & 7;
    const prefix = new DataView(new ArrayBuffer(8));
    prefix.setUint32(0, 0xffffffff, true);
    prefix.setInt32(4, header.length + padding, true);
    const [body] = data.get(1000) ?? [new Uint8Array(0)];
    yield joined([new Uint8Array(prefix.buffer), header, new Uint8Array(padding), body]);
  }
}
