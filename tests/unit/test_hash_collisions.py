"""The secret of Python's hashes is known in a release (docs/release.md): what colliding keys cost is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Keys whose hashes agree in all bits that choose the first slot of a dict of this size (2048 slots).
MEASURE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from pyoci import jsontext
KEYS, MASK = 800, 2047
wanted = hash("k0") & MASK
colliding, number = [], 0
while len(colliding) < KEYS:
    key = f"k{number}"
    if hash(key) & MASK == wanted:
        colliding.append(key)
    number += 1
others = [f"x{number}" for number in range(KEYS)]

def best(keys):
    data = json.dumps(dict.fromkeys(keys, 1)).encode()
    times = []
    for _ in range(30):
        begin = time.process_time()
        jsontext.loads(data, what="config")
        times.append(time.process_time() - begin)
    return min(times)

print(json.dumps([best(colliding), best(others), sys.hash_info.algorithm]))
"""


def test_colliding_keys_cost_little_more_than_others() -> None:
    """After some probes all 64 bits of a hash have had their say, so chains stay short. n² would be 100 times that."""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # the secret of a release
    command = [sys.executable, "-c", MEASURE, str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    colliding, others, algorithm = json.loads(done.stdout)
    assert algorithm == "siphash13"
    assert colliding <= 8 * others
