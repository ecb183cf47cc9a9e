"""The suites that the tests of ``scale`` measure, of both kinds, with known faults."""

COMMON = """
import hashlib, threading, time
LOCK, DATA = threading.Lock(), b"x" * 200_000
MEETING, ENTERED = threading.Condition(), []

def hashes():
    return hashlib.sha256(DATA).hexdigest()

def locked():
    with LOCK:
        return hashes()

def holds():
    return sum(range(3000))

def races():
    # Whether nobody enters meanwhile. A loaded machine lets threads start well apart.
    with MEETING:
        ENTERED.append(1)
        number = len(ENTERED)
        MEETING.notify_all()
        return not MEETING.wait_for(lambda: len(ENTERED) > number, 0.1)

def dies():
    if not races():
        import os, signal
        os.kill(os.getpid(), signal.SIGSEGV)
"""
TESTS = """
import pytest
from common import *

@pytest.fixture
def own():
    return []

def test_healthy(benchmark):
    benchmark.group = "hashes"
    benchmark.extra_info["bytes"] = 200_000
    assert len(benchmark(hashes)) == 64

def test_locked(benchmark): benchmark(locked)
def test_holds(benchmark): benchmark(holds)
def test_races(benchmark): benchmark(races)
def test_dies(benchmark): benchmark(dies)
def test_fails(benchmark): assert benchmark(hashes) == "other"
def test_asserts(benchmark): assert benchmark(lambda: [races()]) == [True]

@pytest.mark.parametrize("size", [1000, 300_000])
class TestPedantic:
    def test_sort(self, benchmark, size):
        def setup(): return (list(range(size, 0, -1)),), {}
        benchmark.pedantic(list.sort, setup=setup, rounds=5)

def test_own(benchmark, own):
    def alone():
        own.append(1)
        time.sleep(0.0005)
        return [own.pop(), len(own)]
    assert benchmark(alone) == [1, 0]

def test_counts(benchmark, own):
    benchmark.pedantic(lambda: (own.append(1), hashes()), rounds=1)
    assert own == [1]

def test_woven(benchmark): benchmark.weave("json.dumps")
def test_skipped(benchmark): pytest.skip("not here")
def test_without(): pass
"""
SUITE = """
from .common import *

class Healthy:
    params = ([100_000, 200_000], ["sha256", "sha512"])
    def setup(self, size, name):
        if (size, name) == (100_000, "sha512"):
            raise NotImplementedError
        self.data = b"x" * size
    def time_hash(self, size, name):
        hashlib.new(name, self.data)

class Faulty:
    def time_locked(self): locked()
    def time_holds(self): holds()
    def time_races(self): return races()
    def time_dies(self): dies()

class Cached:
    def setup_cache(self):
        with open("file", "w") as file: file.write("200000")
        return {"bytes": 200_000}
    def time_cached(self, cache): hashlib.sha256(bytes(cache["bytes"]))
    def time_file(self, cache):
        with open("file") as file: assert file.read() == "200000"

class BadCache:
    def setup_cache(self): raise OSError("no data")
    def time_never(self, cache): pass

class Unpicklable:
    def setup_cache(self): return lambda: 1
    def time_never(self, cache): pass

class BadSetup:
    def setup(self): raise ValueError("no set-up")
    def time_never(self): pass

class UsedUp:
    number = 1
    def setup(self): self.left = list(range(300_000))
    def teardown(self): assert len(self.left) == 0
    def time_pop(self):
        while self.left: self.left.pop()

class Others:
    def track_number(self): return 1
    def timeraw_import(self): return "import json"
"""
