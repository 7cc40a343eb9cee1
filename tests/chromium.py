"""A headless Chromium, driven over the WebDriver protocol by nothing but HTTP, and a site for it to open."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.request

from godwit_server import die_with_parent

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SITE = pathlib.Path(__file__).parent / "browser"
STARTED = re.compile(r"started successfully on port (\d+)")
LIMIT = 120


def program(name, package):
    """The path of a program that a Debian package brings."""
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"the browser tests need {name}, of Debian's package {package}, which .ci/run installs")
    return found


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def site():
    """Serves tests/browser; its origin."""
    if not (SITE / "node_modules" / "apache-arrow").is_dir():
        raise RuntimeError("the browser tests need npm's package apache-arrow, which `make tests-ready` installs")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class PageError(Exception):
    """What a script in the page threw: the error's `name`, its text, and the gRPC `code` if it has one."""

    def __init__(self, name, text, code):
        self.name = name
        self.code = code
        super().__init__(f"{name}: {text}")


# Runs the body of an asynchronous function in the page, and has its outcome survive the way back as JSON.
CALL = """
const run = async (...arguments) => { %s };
return run(...arguments).then(
    (value) => ({ value }),
    (error) => ({ error: [error.name, error.message, error.code ?? null] }),
);
"""


class Browser:
    """A browser with one window and a profile of its own in `home`."""

    def __init__(self, home):
        chromium, driver = program("chromium", "chromium"), program("chromedriver", "chromium-driver")
        home.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.process = subprocess.Popen(
            [driver, "--port=0"],
            env={**environment, "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent,
        )
        try:
            said = []
            for line in self.process.stdout:
                said.append(line)
                if match := STARTED.search(line):
                    break
            else:
                raise RuntimeError("chromedriver ended before it was ready\n" + "".join(said))
            self.address = f"http://127.0.0.1:{match[1]}"
            options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={home / 'profile'}"]}
            # The certificate that a server makes for itself is what a person clicks away in a browser.
            wanted = {
                "acceptInsecureCerts": True,
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"},
                "timeouts": {"script": LIMIT * 1000, "pageLoad": LIMIT * 1000},
            }
            self.session = "/session"
            made = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
            self.session = "/session/" + made["sessionId"]
        except BaseException:
            self._end_driver()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._ask("DELETE", "")
        finally:
            self._end_driver()

    def _end_driver(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.address + self.session + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=LIMIT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            refused = json.load(error)["value"]
            raise RuntimeError(f"{refused['error']}: {refused['message']}") from None

    def open(self, url):
        """Opens a page and waits until it is loaded."""
        self._ask("POST", "/url", {"url": url})

    def run(self, body, *arguments):
        """What the asynchronous JavaScript gives for these arguments, or `PageError`."""
        answer = self._ask("POST", "/execute/sync", {"script": CALL % body, "args": list(arguments)})
        if "error" in answer:
            raise PageError(*answer["error"])
        return answer.get("value")

    def console(self):
        """What the page's console has said since this was last asked."""
        return "\n".join(entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"}))
