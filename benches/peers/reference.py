"""Arrow's C++ Flight server (reference.cc), compiled against the libraries of the pyarrow package."""

import hashlib
import pathlib
import shutil
import subprocess

from harness import processes
from peers.base import Missing, Peer

SOURCE = pathlib.Path(__file__).with_name("reference.cc")
PATHS = "import pyarrow; pyarrow.create_library_symlinks(); print(pyarrow.get_include()); print(pyarrow.get_library_dirs()[0])"


class Reference(Peer):
    name = "reference"

    def version(self):
        return self.place.requirement("clients", "pyarrow")

    def program(self):
        """The compiled server, made once for a source and a version of Arrow."""
        compiler = shutil.which("g++") or shutil.which("c++")
        if compiler is None:
            raise Missing("there is no C++ compiler, Debian's package g++")
        key = hashlib.sha256(SOURCE.read_bytes() + self.version().encode()).hexdigest()[:16]
        program = self.place.cache / f"reference-{key}"
        if program.exists():
            return program
        said = subprocess.run([self.place.python("clients"), "-c", PATHS], capture_output=True, text=True, check=True)
        include, libraries = said.stdout.split("\n")[:2]
        draft = program.with_suffix(".draft")
        made = subprocess.run(
            [compiler, "-O2", "-std=c++20", f"-I{include}", SOURCE, "-o", draft, f"-L{libraries}", "-larrow", "-larrow_flight",
             f"-Wl,-rpath,{libraries}"], capture_output=True, text=True, check=False)
        if made.returncode:
            raise Missing(f"it does not compile: {made.stderr.strip()[:300]}")
        return draft.rename(program)

    def start(self, tables=()):
        self.port = processes.free_port()
        files = [f"{table}={self.place.memory / table}.arrow" for table in tables]
        self.launch([self.program(), self.port, *files])

    def spec(self, client):
        match client:
            case "adbc" | "adbc-shared":
                return {"client": "adbc", "uri": self.uri}
            case "flight":
                return {"client": client, "uri": self.uri}
            case "load":
                return {"client": client, "address": f"127.0.0.1:{self.port}", "authorization": ""}
        return super().spec(client)
