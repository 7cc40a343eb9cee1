"""Which version of a package the tests run, from the file that pins it."""

import pathlib
import re

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def version(package):
    """The version of a package of Python, Go, Java or Rust."""
    if package.startswith("github.com/"):
        found = re.search(rf"^\t{re.escape(package)} v(\S+)", text("tests/matrix/go/go.mod"), re.MULTILINE)
    elif ":" in package:
        found = re.search(r"<driver\.version>(.+)</driver\.version>", text("tests/jdbc/pom.xml"))
    elif package == "arrow-flight":
        found = re.search(r'^arrow-flight = \{ version = "=([^"]+)"', text("Cargo.toml"), re.MULTILINE)
    else:
        pins = text("tests/requirements.txt") + text("tests/matrix/requirements.txt")
        found = re.search(rf"^{re.escape(package)}==(\S+)", pins, re.MULTILINE)
    assert found, f"nothing pins {package}"
    return found[1]
