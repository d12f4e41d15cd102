# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Directives for pages that show what commands, or Python code, print: they are run."""

import contextlib
import io
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


class Executed(Directive):
    """Run Python code, show it and what it prints.

    All blocks of a page share their names and the folder of its sessions; an error
    fails the build.
    """

    has_content = True

    def run(self):
        """The code, and below it the output."""
        code = "\n".join(self.content)
        page = self.state.document.settings.env.temp_data
        folder = page.setdefault("session_folder", tempfile.TemporaryDirectory())
        names = page.setdefault("executed_names", {"__name__": "page"})
        printed = io.StringIO()
        with contextlib.chdir(folder.name), contextlib.redirect_stdout(printed):
            try:
                exec(compile(code, "<page>", "exec"), names)
            except Exception as error:
                raise self.error(f"{type(error).__name__}: {error}\n{code}") from error
        blocks = [nodes.literal_block(code, code, language="python")]
        output = printed.getvalue().rstrip()
        if output:
            block = nodes.literal_block(output, output, language="none")
            block["classes"].append("output")
            blocks.append(block)
        return blocks


def setup(app):
    """Register the directives."""
    app.add_directive("session", Session)
    app.add_directive("executed", Executed)
    return {"parallel_read_safe": True}
