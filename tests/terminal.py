"""A terminal (tmux) that a test types into and whose screen it reads."""

import os
import re
import shlex
import subprocess
import tempfile
import uuid

from godwit_server import environment, eventually

CONFIG = "set -g remain-on-exit on\nset -g status off\nset -g default-terminal screen-256color\n"


class Terminal:
    """Runs a program in a terminal of this size."""

    def __init__(self, arguments, env=None, width=80, height=24, cwd=None, prompt=None):
        self.prompt = prompt and re.compile(prompt)
        self.name = f"godwit-{uuid.uuid4().hex}"
        with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as config:
            config.write(CONFIG)
        self.config = config.name
        variables = environment({"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **(env or {})})
        variables.pop("TMUX", None)
        self.environment = variables
        # The variables of a session are those of the server that it starts, so there is one for each.
        command = shlex.join(str(argument) for argument in arguments)
        size = ["-x", str(width), "-y", str(height)]
        start = ["-u", "-f", self.config, "new-session", "-d", *size]
        # The shell around it says how it ended, and stays, because its own Ctrl-C does nothing.
        around = f"trap : INT; {command}; echo exit code $?; read -r _"
        self._tmux(*start, *(["-c", str(cwd)] if cwd else []), shlex.join(["sh", "-c", around]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tmux("kill-server", check=False)
        os.unlink(self.config)

    def _tmux(self, *arguments, check=True):
        ran = subprocess.run(
            ["tmux", "-L", self.name, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert not check or ran.returncode == 0, ran.stderr
        return ran.stdout

    def type(self, text):
        """Types characters."""
        # A semicolon at the end of an argument would separate two commands of tmux.
        escaped = text[:-1] + "\\;" if text.endswith(";") else text
        self._tmux("send-keys", "-l", "--", escaped)

    def keys(self, *names):
        """Presses keys by tmux's names, such as Enter, Tab, Up, C-c."""
        self._tmux("send-keys", *names)

    def answer(self, text):
        """Types a line."""
        self.type(text)
        self.keys("Enter")

    def enter(self, text):
        """Types a line when the prompt is there: before that, nobody reads keys."""
        self.wait_until(lambda screen: self.prompt.search(screen), "the prompt")
        self.answer(text)

    def screen(self):
        """What is to be seen, and what has scrolled away, without the space at the end of lines."""
        return self._tmux("capture-pane", "-p", "-S", "-").rstrip("\n")

    def colors(self):
        """The same with its colours."""
        return self._tmux("capture-pane", "-p", "-e")

    def wait_for(self, *texts, limit=30):
        """Waits until all of these are on the screen, and gives it."""
        return self.wait_until(lambda screen: all(text in screen for text in texts), texts, limit)

    def wait_until(self, check, what, limit=30):
        seen = ""

        def look():
            nonlocal seen
            seen = self.screen()
            return check(seen)

        try:
            eventually(look, what, limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- screen\n{seen}") from None
        return seen

    def exit_code(self, limit=30):
        """Waits for the end of the program."""

        screen = self.wait_until(lambda screen: re.search(r"^exit code \d+", screen, re.MULTILINE), "the program ends", limit)
        return int(re.search(r"^exit code (\d+)", screen, re.MULTILINE)[1])
