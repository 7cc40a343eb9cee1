"""A page in a real browser reads results over gRPC-web with apache-arrow, from the origins that the operator names only."""

import pyarrow as pa
import pytest

from chromium import Browser, PageError, site
from godwit_server import PASSWORD, USER
from test_streaming import ENDLESS, freed_within_a_second

QUERIES = {
    "integers": "select * from (values (1, cast(9007199254740993 as bigint)), (2, null), (3, cast(-1 as bigint))) t(a, b)",
    "small integers": "select cast(-7 as tinyint) as a, cast(65535 as smallint unsigned) as b, cast(7 as int) as c",
    "floats": "select * from (values (1.5, cast(0.25 as real)), (-2e300, null)) t(a, b)",
    "text": "select * from (values ('', 'Zoë 🐦'), ('a word longer than twelve bytes', null)) t(a, b)",
    "boolean": "select * from (values (true), (null), (false)) t(a)",
    "binary": "select * from (values (x'00ff'), (null)) t(a)",
    "decimal": "select cast(1234.56 as decimal(12, 2)) as a, cast(null as decimal(38, 10)) as b",
    "times": "select date '2026-11-21' as a, timestamp '2026-11-21T04:05:06.789' as b, cast(null as date) as c",
    "list": "select [1, null, 3] as a, cast([] as bigint[]) as b",
    "struct": "select named_struct('x', 1, 'label', 'here') as a",
    "dictionary": "select arrow_cast('red', 'Dictionary(Int8, Utf8)') as a",
    "no rows": "select 1 as a, 'x' as b where false",
    "file": "select * from people order by id",
}

LOGIN = """
const [address, user, password, ...rest] = arguments;
const client = new godwit.Client(address);
await client.login(user, password);
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def origin():
    """The site that the operator has named."""
    with site() as address:
        yield address


@pytest.fixture
def web(start, data, origin, browser):
    """Starts a server that this site may call, opens its page, and runs scripts there as `web(body, *arguments)`, in
    which `client` has logged in."""

    def begin(allowed=origin, **options):
        config = f'[web]\nallowed_origins = ["{allowed}"]\n'
        server = start(config=config, mounts={"people": data.mounts["people"]}, **options)
        browser.open(f"{origin}/index.html")
        scheme = {"grpc": "http", "grpc+tls": "https"}[server.scheme]

        def run(body, *arguments, password=PASSWORD):
            return browser.run(LOGIN + body, f"{scheme}://{server.address}", USER, password, *arguments)

        run.server = server
        return run

    return begin


def plain(value, kind):
    """A value of pyarrow in the shape in which tests/browser/plain.js gives it."""
    if value is None:
        return None
    if pa.types.is_int64(kind):
        return str(value)
    if pa.types.is_decimal(kind):
        return str(int(value.scaleb(kind.scale)))
    if pa.types.is_date(kind):
        return value.isoformat()
    if pa.types.is_timestamp(kind):
        return value.isoformat(timespec="milliseconds") + "Z"
    if pa.types.is_binary(kind):
        return list(value)
    if pa.types.is_list(kind):
        return [plain(each, kind.value_type) for each in value]
    if pa.types.is_struct(kind):
        return {field.name: plain(value[field.name], field.type) for field in kind}
    return value


def test_rows_and_values(web):
    run = web()
    with run.server.client() as client:
        for name, sql in QUERIES.items():
            expected = client.query(sql)
            answer = run("return godwit.readRows(await client.query(...rest));", sql)
            fields = expected.schema
            assert [(column, nullable) for column, _, nullable in answer["columns"]] == [
                (field.name, field.nullable) for field in fields
            ], name
            assert answer["rows"] == [
                [plain(row[field.name], field.type) for field in fields] for row in expected.to_pylist()
            ], name


def test_types_have_their_names(web):
    sql = "select id, name, score, born, active from people"
    answer = web()("return godwit.readRows(await client.query(...rest));", sql)
    assert [tuple(column) for column in answer["columns"]] == [
        ("id", "Int64", False),
        ("name", "Utf8", True),
        ("score", "Float64", True),
        ("born", "Date32<DAY>", True),
        ("active", "Bool", True),
    ]


def test_a_long_result_in_many_batches(web):
    answer = web()("return godwit.addUp(await client.query(...rest));", "select value from generate_series(1, 3000000)")
    assert (answer["rows"], answer["sum"]) == (3_000_000, str(1_500_000 * 3_000_001))
    assert answer["batches"] > 10


@pytest.mark.parametrize("leave", ["window.stop.abort();", "window.location.reload();"], ids=["abort", "reload"])
def test_a_page_that_goes_away_frees_its_query(web, browser, leave):
    """Only followed links are no such case: the browser keeps the page that they leave, and its connections, for a while."""
    run = web()
    start = "window.stop = new AbortController(); client.query(rest[0], window.stop.signal).catch(() => {});"
    run(start, ENDLESS)
    with freed_within_a_second(run.server):
        browser.run(leave)


def test_over_tls(web):
    run = web(args=["--tls-mode", "auto"])
    answer = run("return godwit.readRows(await client.query(...rest));", "select id from people order by id")
    assert answer["rows"] == [[str(number)] for number in range(1, 6)]


INVALID_ARGUMENT, NOT_FOUND, UNAUTHENTICATED = 3, 5, 16


@pytest.mark.parametrize(
    ("sql", "code", "says"),
    [
        ("select * from nobody", NOT_FOUND, "nobody"),
        ("selec 1", INVALID_ARGUMENT, "selec"),
        ("select zoë from people", INVALID_ARGUMENT, "zoë"),
        ("select 1 / (id - 5) from people", INVALID_ARGUMENT, "division by zero"),
    ],
)
def test_errors_keep_their_code_and_text(web, sql, code, says):
    run = web()
    with pytest.raises(PageError, match=says) as failure:
        run("return godwit.readRows(await client.query(...rest));", sql)
    assert failure.value.code == code
    assert run("return godwit.readRows(await client.query('select 1 as one'));")["rows"] == [["1"]]


def test_an_error_after_many_rows(web):
    run = web()
    seen = run(
        """
        let rows = 0;
        try {
          for await (const batch of await client.query(...rest)) rows += batch.numRows;
        } catch (error) {
          return { rows, code: error.code, text: error.message };
        }
        """,
        "select 1 / (value - 900000) as a from generate_series(1, 1000000)",
    )
    assert 0 < seen["rows"] < 1_000_000
    assert seen["code"] == INVALID_ARGUMENT
    assert "division by zero" in seen["text"]


def test_a_wrong_password(web):
    run = web()
    with pytest.raises(PageError) as failure:
        run("return 'logged in';", password="not this one")
    assert failure.value.code == UNAUTHENTICATED


def test_a_page_of_another_origin_is_refused(web, browser):
    run = web()
    assert run("return godwit.readRows(await client.query('select 1 as one'));")["rows"] == [["1"]]
    with site() as other:
        browser.open(f"{other}/index.html")
        browser.console()
        with pytest.raises(PageError, match="TypeError") as failure:
            run("return godwit.readRows(await client.query('select 1 as one'));")
        assert failure.value.code is None
        console = browser.console()
        assert "CORS policy" in console
        assert other in console


def test_any_origin_where_the_operator_says_so(web):
    assert web(allowed="*")("return godwit.readRows(await client.query('select 1 as one'));")["rows"] == [["1"]]


def test_by_default_no_page_may_call(start, browser, origin):
    server = start()
    browser.open(f"{origin}/index.html")
    browser.console()
    with pytest.raises(PageError, match="TypeError"):
        browser.run(LOGIN, f"http://{server.address}", USER, PASSWORD)
    assert "CORS policy" in browser.console()
