"""What an operator writes: layers, mistakes that are all reported at once, and the subcommands around it."""

import json
import pathlib
import re
import signal
import tomllib

import pytest

from godwit_server import READY, environment, run

ROOT = pathlib.Path(__file__).parent.parent


def check(*flags, file=None, env=None, tmp_path=None):
    if file is not None:
        path = tmp_path / "godwit.toml"
        path.write_text(file)
        flags = ["--config", path, *flags]
    return run("config", "check", *flags, env=env)


def test_ready_line_and_port_0(server):
    assert READY.match(server.lines[-1])
    assert server.port > 0


def test_only_the_ready_line_is_on_standard_output(start):
    server = start(env={"GODWIT_LOG_FILTER": "debug"})
    server.stop()
    assert [line for line in server.lines if not READY.match(line)] == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_well(start, how):
    server = start()
    with server.client() as client:
        client.query("select 1")
        assert server.stop(how) == 0


def test_version():
    said = run("--version")
    assert said.returncode == 0
    assert re.fullmatch(r"godwit \d+\.\d+\.\d+\S*\n", said.stdout)


def test_help_names_the_commands():
    said = run("--help")
    assert said.returncode == 0
    for command in ("serve", "demo", "config", "hash-password"):
        assert command in said.stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["no-such-command"], ["serve", "--no-such-flag"], ["serve", "--listen"], ["config"], ["demo", "--scale", "-1"]],
)
def test_a_wrong_command_line(arguments, tmp_path):
    refused = run(*arguments, cwd=tmp_path)
    assert refused.returncode == 64
    assert refused.stderr
    assert list(tmp_path.iterdir()) == []


MISTAKES = """
listen = "nowhere"
no_such_key = 1
[log]
format = "xml"
[query]
batch_rows = 0
timeout = "soon"
[wire]
message_bytes = "100MiB"
[mounts]
Bad-Name = "/x"
[no_such_section]
a = 1
"""


@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
def test_all_mistakes_at_once(tmp_path, command):
    (tmp_path / "godwit.toml").write_text(MISTAKES)
    refused = run(
        *command,
        "--config",
        tmp_path / "godwit.toml",
        "--mount",
        "no-equals-sign",
        env={"GODWIT_SESSIONS_MAX": "many", "GODWIT_NO_SUCH_THING": "1"},
        cwd=tmp_path,
    )
    assert refused.returncode == 64
    assert refused.stdout == ""
    lines = refused.stderr.splitlines()
    for expected in [
        r"godwit\.toml:2: .*listen.*nowhere",
        r"no_such_key",
        r"log\.format.*xml.*text.*json",
        r"query\.batch_rows.*0",
        r"query\.timeout.*soon",
        r"wire\.message_bytes.*100",
        r"Bad-Name",
        r"no_such_section",
        r"GODWIT_SESSIONS_MAX.*many",
        r"GODWIT_NO_SUCH_THING",
        r"--mount.*no-equals-sign",
    ]:
        assert sum(bool(re.search(expected, line)) for line in lines) >= 1, expected + "\n" + refused.stderr
    assert not (tmp_path / "godwit-data").exists(), "nothing is made before the configuration is right"


def test_a_near_miss_is_recognized(tmp_path):
    refused = check(file="[query]\nbatch_row = 5\n", tmp_path=tmp_path)
    assert "batch_rows" in refused.stderr
    refused = check(env={"GODWIT_LOG_FROMAT": "json"})
    assert refused.returncode == 64
    assert "GODWIT_LOG_FORMAT" in refused.stderr


@pytest.mark.parametrize("file", ["listen = ", "[log\n", "\x00", "listen = 1\n", "a = 1\na = 2\n"])
def test_a_file_that_is_no_configuration(tmp_path, file):
    refused = check(file=file, tmp_path=tmp_path)
    assert refused.returncode == 64
    assert "godwit.toml" in refused.stderr


def test_a_file_that_is_not_there(tmp_path):
    refused = check("--config", tmp_path / "nowhere.toml")
    assert refused.returncode == 64
    assert "nowhere.toml" in refused.stderr


def test_layers(start, tmp_path):
    """Defaults, file, environment, flags: each later one wins."""
    (tmp_path / "a.csv").write_text("a\n1\n")
    file = f'[log]\nformat = "json"\nfilter = "warn"\n[query]\nbatch_rows = 100\n[mounts]\na = "{tmp_path}/a.csv"\n'
    server = start(
        config=file,
        env={"GODWIT_QUERY_BATCH_ROWS": "50", "GODWIT_LOG_FILTER": "debug", "GODWIT_MOUNTS": f"b={tmp_path}/a.csv"},
        args=["--log-filter", "info", "--mount", f"c={tmp_path}/a.csv"],
    )
    with server.client() as client:
        names = client.rows("select name from system.mounts order by name")
        assert names == [("a",), ("b",), ("c",)]
        batches = client.query("select value from generate_series(1, 1000)").to_batches()
        assert client.value("select value from information_schema.df_settings where name = "
                            "'datafusion.execution.batch_size'") == "50"
        assert sum(batch.num_rows for batch in batches) == 1000
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    assert lines, "the file's format holds"
    assert {line["level"] for line in lines} <= {"INFO", "WARN", "ERROR"}, "the flag's filter holds"


def test_check_of_a_right_file(tmp_path):
    assert check(file='listen = "127.0.0.1:0"\n', tmp_path=tmp_path).returncode == 0
    assert not (tmp_path / "godwit-data").exists()


def test_published_files_are_what_the_binary_prints(tmp_path):
    example = run("config", "example").stdout
    assert example.strip() == (ROOT / "config" / "godwit.example.toml").read_text().strip()
    schema = run("config", "schema").stdout
    assert json.loads(schema) == json.loads((ROOT / "config" / "godwit.schema.json").read_text())
    assert check(file=example, tmp_path=tmp_path).returncode == 0
    keys = set(json.loads(schema)["properties"])
    assert set(tomllib.loads(example)) <= keys


def test_secrets_are_not_echoed(tmp_path):
    refused = check(
        file="[users.a]\npassword_hash = 'not-a-hash-hunter2'\n",
        env={"GODWIT_ADMIN_PASSWORD": "", "GODWIT_NO_SUCH_PASSWORD": "hunter2"},
        tmp_path=tmp_path,
    )
    assert refused.returncode == 64
    assert "hunter2" not in refused.stderr + refused.stdout


def test_a_taken_port(server, tmp_path):
    refused = run("serve", "--listen", server.address, "--data-dir", tmp_path / "data")
    assert refused.returncode not in (0, 64, 101)
    assert server.address in refused.stderr


def test_a_data_directory_in_use(server, tmp_path):
    refused = run("serve", "--listen", "127.0.0.1:0", "--data-dir", server.data_dir)
    assert refused.returncode not in (0, 64, 101)
    assert str(server.data_dir) in refused.stderr


def test_a_data_directory_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    refused = run("serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "file" / "data")
    assert refused.returncode not in (0, 64, 101)
    assert "file" in refused.stderr


def test_the_tests_variables_are_not_settings():
    assert run("config", "check", env={"GODWIT_TEST_BINARY": "x", "GODWIT_BENCH_X": "y"}).returncode == 0
    assert "GODWIT_TEST_BINARY" not in environment()
