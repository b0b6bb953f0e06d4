"""Serves the tiny model by a real engine until standard input ends: `python serve.py FOLDER`; prints its address.

A process of its own: a damaged model ends the one that loads it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import xllamacpp
from support.engine.model import write

CONTEXT = 8_192  # tokens of one request
AT_ONCE = 2


def main(folder: Path) -> None:
    model, tower = write(folder)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.mmproj.path = str(tower)
    params.model_alias = {"glm-tiny"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT * AT_ONCE  # shared out over the requests at once
    params.n_parallel = AT_ONCE
    params.n_gpu_layers = 0
    params.warmup = False
    params.use_jinja = True
    params.fit_params = False
    params.endpoint_slots = True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    sampling = params.sampling
    # As the model has it: what is rare ends thoughts, texts and strings.
    sampling.seed, sampling.temp, sampling.top_k, sampling.top_p, sampling.min_p = 5, 1.0, 0, 1.0, 0.0
    server = xllamacpp.Server(params)
    sys.stdout.write(server.listening_address + "\n")
    sys.stdout.flush()
    sys.stdin.read()


main(Path(sys.argv[1]))
