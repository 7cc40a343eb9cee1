"""`godwit sql` as a person meets it: typed into a terminal, and read from its screen."""

import os
import pathlib
import re
import stat

import pytest

from godwit_server import PASSWORD, USER, binary, eventually
from shells import home  # noqa: F401
from terminal import Terminal
from test_poll_flight_info import ENDLESS, SLOW

PROMPT = r"(godwit|\.\.\.)> *$"


@pytest.fixture
def typed(home):
    """Opens shells in terminals; all are closed at the end."""
    opened = []

    def typed(server, *arguments, password=PASSWORD, **options):
        variables = {**home, **({"GODWIT_PASSWORD": password} if password else {})}
        command = [binary(), "sql", server.uri, "--user", USER, *arguments]
        terminal = Terminal(command, env=variables, prompt=PROMPT, **options)
        opened.append(terminal)
        if password:
            terminal.wait_for(f"connected as {USER} at {server.uri}", "godwit>")
        return terminal

    yield typed
    for terminal in opened:
        terminal.__exit__()


@pytest.fixture
def shell(server, typed):
    return typed(server)


def history(home):
    return pathlib.Path(home["XDG_STATE_HOME"]) / "godwit" / "history"


def prompts(screen):
    return screen.count("godwit>")


def test_a_statement_of_several_lines(shell):
    shell.enter("select 'first' as a,")
    shell.wait_for("...>")
    shell.enter("  'second; line' as b")
    shell.enter("; -- the end")
    shell.wait_for("│ first │ second; line │", "1 row")
    shell.wait_until(lambda screen: prompts(screen) == 2, "another prompt")
    shell.enter("\\q")
    assert shell.exit_code() == 0


def test_two_statements_in_a_line_and_ctrl_d(shell):
    shell.enter("select 41 + 1 as one; select 'x' || 'y' as two;")
    shell.wait_for("│  42 │", "│ xy  │")
    shell.wait_until(lambda screen: prompts(screen) == 2, "another prompt")
    shell.keys("C-d")
    assert shell.exit_code() == 0


def test_an_error_ends_nothing(shell):
    shell.enter("selec 1;")
    shell.wait_for("error:")
    shell.enter("select 'still ' || 'here' as a;")
    shell.wait_for("│ still here │")


def test_ctrl_c_on_a_line_throws_it_away(shell):
    shell.wait_for("godwit>")
    shell.type("select nonsense")
    shell.wait_for("select nonsense")
    shell.keys("C-c")
    shell.wait_until(lambda screen: prompts(screen) == 2, "another prompt")
    shell.enter("select 6 * 7 as a;")
    screen = shell.wait_for("│ 42 │")
    assert "error" not in screen


@pytest.mark.parametrize("progress", ["on", "off"])
def test_ctrl_c_cancels_the_query_and_not_the_shell(start, typed, progress):
    server = start()
    shell = typed(server)
    shell.enter(f"\\progress {progress}")
    shell.enter(ENDLESS + ";")
    # What the shell asks when it begins is done sooner than this.
    eventually(lambda: all(server.load(0.5) > 0.1 for _ in range(4)), "the query runs")
    shell.keys("C-c")
    shell.wait_for("cancelled")
    eventually(lambda: server.load() < 0.05, "the query has stopped")
    shell.enter("select 6 * 7 as a;")
    shell.wait_for("│ 42 │")


def test_ctrl_c_ends_a_script(start, typed):
    server = start()
    with Terminal(
        [binary(), "sql", server.uri, "--user", USER, "-c", ENDLESS, "-c", "select 1"],
        env={"GODWIT_PASSWORD": PASSWORD, "HOME": str(server.home)},
    ) as script:
        script.wait_for("0 rows")
        script.keys("C-c")
        assert script.exit_code() == 130
        assert "cancelled" in script.screen()
    eventually(lambda: server.load() < 0.05, "the query has stopped")


def test_progress(start, typed):
    shell = typed(start())
    shell.enter(SLOW.replace("100000", "400000") + ";")
    seen = set()

    def done(screen):
        seen.update(int(percent) for percent in re.findall(r"(\d+)% \d", screen))
        return re.search(r"^1 row$", screen, re.MULTILINE)

    screen = shell.wait_until(done, "the result", 120)
    assert len(seen) > 2 and all(0 <= percent <= 100 for percent in seen), seen
    assert "%" not in screen.replace("% 7", ""), "the bar is gone"


def test_rows_and_bytes_are_counted(shell, tmp_path):
    shell.enter(f"\\o {tmp_path}/out.csv")
    shell.enter("\\format csv")
    shell.enter("select value, repeat('x', 100) from generate_series(1, 2000000);")
    shell.wait_until(lambda screen: re.search(r"[1-9][\d,]* rows, [\d.]+ [KMG]iB", screen), "rows and bytes", 120)
    shell.wait_until(lambda screen: re.search(r"godwit>\s*$", screen), "the prompt", 120)


def test_completion(shell):
    eventually_completes(shell, "select scor", "score", " from people order by 1;")
    shell.wait_for("│  8.25 │")
    shell.type("\\tim")
    shell.keys("Tab")
    shell.wait_for("\\timing")
    shell.keys("Enter")
    shell.wait_for("timing is on")


def eventually_completes(shell, begun, word, rest):
    """Types the end of the statement first, so that its table is known, and asks until the names have come."""
    shell.type(begun + rest)
    shell.keys(*["Left"] * len(rest))

    wanted = f"{begun[: begun.rindex(' ')]} {word}{rest}"

    def completed():
        shell.keys("Tab")
        # Another Tab would go on from what the line is by now.
        try:
            shell.wait_until(lambda screen: wanted in screen, wanted, 1)
        except AssertionError:
            return False
        return True

    eventually(completed, f"{begun} becomes {word}")
    shell.keys("End", "Enter")


def test_colours(shell):
    shell.type("select 'text'")
    plain = shell.wait_for("select 'text'")
    assert "\x1b" not in plain
    assert re.search(r"\x1b\[[\d;]*m" + "select", shell.colors())


def test_history(server, typed, home):
    shell = typed(server)
    shell.enter("select 'remem' || 'bered' as a;")
    shell.wait_for("│ remembered │")
    shell.enter("create user eve password 'swordfish-swordfish';")
    shell.wait_for("done")
    shell.enter("drop user eve;")
    shell.wait_until(lambda screen: screen.count("done") == 2 and prompts(screen) == 4, "the user is gone")
    shell.keys("C-d")
    assert shell.exit_code() == 0
    path = history(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().splitlines() == ["select 'remem' || 'bered' as a;", "drop user eve;"]
    os.chmod(path, 0o644)
    shell = typed(server)
    shell.keys("Up", "Up", "Enter")
    shell.wait_for("│ remembered │")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_password_is_asked_for_and_not_shown(server, typed):
    shell = typed(server, password=None)
    shell.wait_for(f"Password of {USER}:")
    shell.answer(PASSWORD)
    screen = shell.wait_for("connected as", "godwit>")
    assert PASSWORD not in screen
    shell.enter("select 6 * 7 as a;")
    shell.wait_for("│ 42 │")


def test_a_wrong_password(server, typed):
    shell = typed(server, password=None)
    shell.wait_for(f"Password of {USER}:")
    shell.answer("nonsense")
    assert shell.exit_code() == 3
    assert "refuses these credentials" in shell.screen()


def test_a_user_is_asked_for(server, home):
    with Terminal([binary(), "sql", server.uri], env=home) as shell:
        shell.wait_for("User for")
        shell.answer(USER)
        shell.wait_for("Password of")
        shell.answer(PASSWORD)
        shell.wait_for("connected as", "godwit>")


def test_commands(shell):
    shell.enter("\\x")
    shell.enter("select 1 as a, 'x' as b;")
    shell.wait_for("─[ row 1 ]─", "b │ x")
    shell.enter("\\format json")
    shell.enter("select 2 as c;")
    shell.wait_for('[{"c":2}]')
    shell.enter("\\?")
    shell.wait_for("\\import", "Ctrl-C stops")
    shell.enter("\\wrong")
    shell.wait_for("there is no command")


@pytest.mark.parametrize("width", [40, 100])
def test_tables_fit_the_terminal(server, typed, width):
    shell = typed(server, "--quiet", width=width, password=None)
    shell.wait_for("Password")
    shell.answer(PASSWORD)
    shell.wait_for("godwit>")
    shell.enter("select repeat('word ', 50) as words, 12 as n;")
    screen = shell.wait_for("└")
    (row,) = [line for line in screen.splitlines() if "word word" in line and "│" in line]
    assert len(row) == width and "…" in row and row.endswith(" 12 │")


def test_connecting_elsewhere(server, start, typed):
    shell = typed(server)
    shell.enter("set schema = 'system';")
    shell.wait_for("done")
    other = start()
    shell.enter(f"\\connect {other.uri}")
    shell.wait_for("Password of")
    shell.answer(PASSWORD)
    shell.wait_for(f"connected as {USER} at {other.uri}")
    shell.enter("\\connect grpc://127.0.0.1:1")
    shell.wait_until(lambda screen: screen.count("Password of") == 2, "a password is asked for")
    shell.answer(PASSWORD)
    shell.wait_for("cannot reach")
    shell.enter("select 6 * 7 as a;")
    shell.wait_for("│ 42 │")


def test_a_server_that_has_gone_is_no_end(start, typed):
    server = start()
    shell = typed(server)
    server.stop()
    shell.enter("select 1;")
    shell.wait_for("error:")
    shell.enter("\\q")
    assert shell.exit_code() == 0
