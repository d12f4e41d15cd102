# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tests run in forked processes, with a mutant in place or without.

No file is ever written: a process with all tests collected forks, and the fork
exchanges the code of the mutated function wherever it stands. A change that is executed
on import is seen by a process that collects the tests after it: its importer reads the
mutant.
"""

import functools
import gc
import importlib
import importlib.machinery
import multiprocessing
import os
import pickle
import pkgutil
import resource
import signal
import sys
import time
import warnings
from itertools import zip_longest
from types import FunctionType

from _mutation.mutants import PACKAGES, ROOT

__all__ = ["Collected", "preload", "run_imported"]

# Beyond its memory a mutant's test fails; a test may take so much longer than it did.
MEMORY = 8 << 30
SLOWER, AT_LEAST = 10.0, 30.0


def preload():
    """What the tests import, once, before the forks; never sklip itself."""
    sys.path[:] = [p for p in sys.path if os.path.realpath(p or ".") != str(ROOT)]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["PYTHONPATH"] = str(ROOT)
    import coverage  # noqa: F401
    import mpmath  # noqa: F401
    import pandas  # noqa: F401
    import scipy.linalg  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    import sklearn.neural_network  # noqa: F401
    import skorch  # noqa: F401
    import torch

    torch.set_num_threads(1)
    if any(name.split(".")[0] == "sklip" for name in sys.modules):
        raise RuntimeError("sklip was imported before the forks.")


def _fork(function, *arguments):
    """Call a function in a fork: what it sends, its CPU seconds, its signal or 0."""
    here, there = multiprocessing.Pipe(duplex=False)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            here.close()
            function(*arguments, there.send)
        except BaseException as error:  # reported, never raised in a fork
            there.send(("error", repr(error)))
        finally:
            os._exit(0)
    there.close()
    messages = []
    try:
        while True:
            messages.append(here.recv())
    except (EOFError, pickle.UnpicklingError):
        pass
    _, status, used = os.wait4(child, 0)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return messages, used.ru_utime + used.ru_stime, number


def _silence():
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def _limit_memory():
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


def _pytest(files, loop):
    """Collect test files and hand the session to ``loop``, in this process."""
    import pytest

    class Plugin:
        broken = ()

        def pytest_collectreport(self, report):
            if report.failed:
                self.broken = (*self.broken, report.nodeid.split("::")[0])

        def pytest_runtestloop(self, session):
            loop(session, self.broken)
            return True

    _silence()
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(ROOT))
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--no-header"]
    return int(pytest.main([*options, *files], plugins=[Plugin()]))


class _Failures:
    """Notes whether a test, its setup or its teardown failed."""

    found = False

    def pytest_runtest_logreport(self, report):
        self.found = self.found or report.failed


def _run(items, costs, most, send, before=None):
    """Run tests one after the other until one fails or the CPU seconds are used up."""
    failures = _Failures()
    if items:
        items[0].config.pluginmanager.register(failures)
    _limit_memory()
    start = time.process_time()
    for item, following in zip_longest(items, items[1:]):
        if time.process_time() - start > most:
            send(("cap", item.nodeid))
            return
        if before is not None:
            before(item.nodeid)
        send(("start", item.nodeid))
        longest = max(AT_LEAST, SLOWER * costs.get(item.nodeid, 0.0))
        signal.setitimer(signal.ITIMER_PROF, longest)
        signal.alarm(int(20 * longest))  # a test that waits for something
        one = time.process_time()
        failures.found = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        send(("end", item.nodeid, failures.found, time.process_time() - one))
        if failures.found and before is None:
            return


def _import_all():
    """Everything that sklip would import when it is first asked for it."""
    import sklip

    for module in pkgutil.walk_packages(sklip.__path__, "sklip."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _caches():
    """What sklip remembers by functools: collected tests may have asked already."""
    return [
        each
        for each in gc.get_objects()
        if type(each) is functools._lru_cache_wrapper
        and str(getattr(each, "__module__", "")).startswith("sklip")
    ]


def _functions():
    """Every function of sklip, by the file it stands in."""
    found = {}
    for each in gc.get_objects():
        if type(each) is FunctionType and f"{ROOT}/sklip/" in each.__code__.co_filename:
            found.setdefault(each.__code__.co_filename, []).append(each)
    return found


def _exchange(mutant, functions):
    """Put the mutant's code into every function that has the old one."""
    pairs = mutant.changed_codes()
    found = 0
    for function in functions:
        for old, new in pairs:
            if function.__code__ == old:
                function.__code__ = new
                found += 1
                break
    return found


def _record(items, caches, send):
    """Every test's outcome and the lines of the packages that it runs."""

    def begin(name):
        # What an earlier test had remembered would hide lines that this one needs.
        for cache in caches:
            cache.cache_clear()
        tracer.switch_context(name)

    import coverage

    folders = [str(ROOT / "sklip" / package / "*") for package in PACKAGES]
    tracer = coverage.Coverage(None, include=folders, config_file=False)
    tracer.start()
    _run(items, {}, float("inf"), send, before=begin)
    tracer.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tests that are all skipped run no line
        data = tracer.get_data()
    for file in data.measured_files():
        path = os.path.relpath(file, ROOT)
        for line, tests in data.contexts_by_lineno(file).items():
            send(("line", path, line, [test for test in tests if test]))


class Collected:
    """A process with tests collected, which forks for every request."""

    def __init__(self, files):
        self.pipe, there = multiprocessing.Pipe()
        sys.stdout.flush()
        self.child = os.fork()
        if self.child == 0:
            code = 3
            try:
                self.pipe.close()
                code = _pytest(files, lambda *run: self._serve(*run, there))
            finally:
                os._exit(code)
        there.close()
        self.tests = self.pipe.recv()

    def _serve(self, session, broken, pipe):
        if broken:
            raise RuntimeError(f"not collected: {broken}")
        items = {item.nodeid: item for item in session.items}
        pipe.send(list(items))
        _import_all()
        gc.collect()
        self.functions, self.caches = _functions(), _caches()
        gc.freeze()
        while True:
            try:
                kind, *request = pipe.recv()
            except EOFError:
                return
            if kind == "record":
                chosen = [items[test] for test in request[0]]
                answer = _fork(_record, chosen, self.caches)
            else:
                mutant, tests, costs, most = request
                chosen = [items[test] for test in tests]
                answer = _fork(self._mutated, mutant, chosen, costs, most)
            pipe.send(answer)

    def _mutated(self, mutant, items, costs, most, send):
        if mutant is not None:
            functions = self.functions.get(str(ROOT / mutant.path), [])
            if not _exchange(mutant, functions):
                send(("nowhere",))
                return
            for cache in self.caches:
                cache.cache_clear()
        _run(items, costs, most, send)

    def record(self, tests):
        self.pipe.send(("record", tests))
        return self.pipe.recv()

    def run(self, mutant, tests, costs, most):
        """Run tests on a mutant (None: on the unchanged code) until one fails."""
        self.pipe.send(("run", mutant, tests, costs, most))
        return self.pipe.recv()

    def close(self):
        self.pipe.close()
        os.waitpid(self.child, 0)


class _Importer(importlib.machinery.SourceFileLoader):
    """Reads a mutant in place of its file."""

    def __init__(self, mutant, name, path):
        super().__init__(name, path)
        self.mutant = mutant

    def get_code(self, fullname):
        return self.mutant.code(self.mutant.source)


class _Finder:
    """Finds the mutated file and leaves all others to Python."""

    def __init__(self, mutant):
        self.mutant = mutant

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin != str(ROOT / self.mutant.path):
            return None
        spec.loader = _Importer(self.mutant, name, spec.origin)
        return spec


def run_imported(mutant, tests, costs, most):
    """As ``Collected.run``, with the mutant in place before sklip is imported."""
    return _fork(_imported, mutant, tests, costs, most)


def _imported(mutant, tests, costs, most, send):
    wanted, reached = dict.fromkeys(tests), []

    def loop(session, broken):
        reached.append(True)
        if broken:
            send(("collection", broken[0]))
            return
        items = {item.nodeid: item for item in session.items}
        chosen = [items[test] for test in wanted if test in items]
        _run(chosen, costs, most, send)

    sys.meta_path.insert(0, _Finder(mutant))
    signal.setitimer(signal.ITIMER_PROF, 10 * AT_LEAST)
    code = _pytest(sorted({test.split("::")[0] for test in tests}), loop)
    if not reached:  # not even that far: a conftest was not imported
        send(("error", f"pytest gave {code}"))
