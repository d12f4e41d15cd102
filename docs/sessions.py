# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A directive for pages that show a session in a shell: its commands are run."""

import os
import shlex
import subprocess
import sys
import tempfile

from docutils import nodes
from docutils.parsers.rst import Directive, directives

__all__ = ["setup"]


class Session(Directive):
    """Run commands in one folder for the whole page; show them and what they print.

    A command that ends with another exit code than ``:exit:`` fails the build.
    """

    has_content = True
    option_spec = {  # noqa: RUF012
        "exit": directives.nonnegative_int,
        "lines": directives.nonnegative_int,
        "stderr": directives.flag,
    }

    def run(self):
        """One block for each command, which may go on after a backslash."""
        commands = "\n".join(self.content).replace("\\\n", " ").splitlines()
        shown = "\n".join(self.content)
        printed = "".join(self._output(line) for line in commands if line.strip())
        if "lines" in self.options:
            printed = "\n".join(printed.splitlines()[: self.options["lines"]])
        blocks = [nodes.literal_block(shown, shown, language="console")]
        if printed:
            blocks.append(nodes.literal_block(printed, printed, language="none"))
        return blocks

    def _output(self, line):
        # Kept for as long as this page is read.
        page = self.state.document.settings.env.temp_data
        if "session_folder" not in page:
            page["session_folder"] = tempfile.TemporaryDirectory()
        words = shlex.split(line.removeprefix("$ "))
        if words[0] == "python":
            words[0] = sys.executable
        # The package that the build documents, wherever the commands run.
        path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            words,
            cwd=page["session_folder"].name,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "80"},
            capture_output=True,
            text=True,
        )
        if done.returncode != self.options.get("exit", 0):
            raise self.error(f"{line!r} ended with {done.returncode}:\n{done.stderr}")
        return (done.stderr if "stderr" in self.options else "") + done.stdout


def setup(app):
    """Register the directive."""
    app.add_directive("session", Session)
    return {"parallel_read_safe": True}
