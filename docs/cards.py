"""Writes docs/conformance.md from cards in JSON: python3 docs/cards.py DATE NAME=CARD.json … > docs/conformance.md"""

import json
import pathlib
import sys

# The short table: a line, and the rows of the card that it sums up.
LINES = {
    "Handshake, Basic, Bearer": "handshake-empty handshake-message handshake-padded handshake-unpadded handshake-token "
    "handshake-bearer basic-each-call",
    "ListFlights": "list-flights",
    "GetFlightInfo: command, PATH, SQL text": "get-flight-info get-flight-info-path get-flight-info-text",
    "PollFlightInfo": "poll-flight-info",
    "GetSchema": "get-schema",
    "DoGet: ticket, again, SQL text": "do-get do-get-twice do-get-text",
    "DoPut: updates": "do-put-update do-put-prepared do-put-prepared-rows",
    "DoPut: ingest, rows to a PATH": "do-put-ingest do-put-ingest-durable do-put-path",
    "DoExchange: SQL over an upload": "do-exchange",
    "Prepared statements and parameters": "create-prepared create-prepared-question create-prepared-dollar "
    "create-prepared-is-update close-prepared do-put-bind",
    "Cancel, renew": "cancel-flight-info cancel-query renew-endpoint",
    "Session options, CloseSession": "set-session-options get-session-options close-session",
    "Transactions, savepoints": "begin-transaction end-transaction begin-savepoint end-savepoint rollback",
    "Substrait": "get-flight-info-substrait create-substrait",
    "ListActions": "list-actions",
    "Catalogs, schemas, tables, table types": "get-catalogs get-db-schemas get-tables get-tables-schema get-table-types",
    "Primary, exported, imported keys": "get-primary-keys get-exported-keys get-imported-keys get-cross-reference",
    "SqlInfo, XdbcTypeInfo": "get-sql-info-all get-sql-info-one get-xdbc-type-info",
    "What clients depend on": "schema-equal schema-metadata one-endpoint classic-types small-messages empty-result "
    "sql-info-complete table-schema keys-empty early-answer wrong-password wrong-token no-credentials unknown-command "
    "unknown-action wrong-sql dropped-stream",
}


def mark(row):
    return f"**{row['mark']}**" if row["mark"] == "yes" else row["mark"]


def cell(rows):
    """One word where all rows have the same mark, else how many of those that could be asked are yes."""
    asked = [row for row in rows if row["mark"] != "untested"] or rows
    if len({row["mark"] for row in asked}) == 1:
        return mark(asked[0])
    return f"{sum(row['mark'] == 'yes' for row in asked)} of {len(asked)}"


def escaped(text):
    return "".join("\\" + c if c in "|*_`<>[]\\~" else c for c in text)


def table(header, lines):
    yield "| " + " | ".join(["", *header]) + " |"
    yield "| --- |" + " --- |" * len(header)
    for first, cells in lines:
        yield "| " + " | ".join([first, *cells]) + " |"


def condensed(cards):
    lines = []
    for title, ids in LINES.items():
        lines.append((title, [cell([card[name] for name in ids.split()]) for card in cards.values()]))
    whole = []
    for card in cards.values():
        asked = [row["mark"] for row in card.values() if row["mark"] != "untested"]
        whole.append(f"**{asked.count('yes')} of {len(asked)}**")
    lines.append(("All rows", whole))
    return table(cards, lines)


def whole(cards):
    """Every row with every server's mark, by group."""
    first = next(iter(cards.values()))
    for group in dict.fromkeys(row["group"] for row in first.values()):
        yield f"\n### {group}\n"
        rows = [row for row in first.values() if row["group"] == group]
        yield from table(cards, [(escaped(row["what"]), [mark(card[row["id"]]) for card in cards.values()]) for row in rows])


def reasons(cards):
    """What a server says or does where it is not "yes"."""
    for name, card in cards.items():
        yield f"\n### {name}\n"
        yield "| | | |\n| --- | --- | --- |"
        for row in card.values():
            if row["mark"] != "yes":
                yield f"| {escaped(row['what'])} | {row['mark']} | {escaped(row['reason'])} |"


def main(date, *named):
    cards = {}
    for argument in named:
        name, path = argument.split("=", 1)
        cards[name] = {row["id"]: row for row in json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["rows"]}
    known = {name for ids in LINES.values() for name in ids.split()}
    for name, card in cards.items():
        assert card.keys() == known, f"{name}: {card.keys() ^ known}"
    text = (pathlib.Path(__file__).parent / "conformance.in.md").read_text(encoding="utf-8")
    parts = {"condensed": condensed, "whole": whole, "reasons": reasons}
    for part, make in parts.items():
        text = text.replace(f"{{{{{part}}}}}", "\n".join(make(cards)).strip("\n"))
    print(text.replace("{{date}}", date), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
