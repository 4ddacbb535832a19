#!/usr/bin/python3
"""Writes the first inputs of fuzz_checkpoint: small checkpoints in every format, with every kind of content.

  make_fuzz_corpus.py FOLDER
"""
import collections
import io
import json
import pathlib
import pickle
import struct
import sys

import numpy
import torch


def contents():
    base = torch.arange(12, dtype=torch.float32)
    yield "plain", {"a.weight": base.view(3, 4), "a.bias": base[2:5]}
    yield "strided", {"t": base.view(3, 4).t(), "e": base[:1].expand(3)}
    yield "types", {str(t)[6:]: torch.ones(2, dtype=t) for t in (
        torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8,
        torch.bool)}
    yield "nested", collections.OrderedDict(
        epoch=3, lr=[0.1, 1e-3], best=None, done=True, device=torch.device("cpu"), size=torch.Size([2, 3]),
        large=2**70, negative=-5, names={"x", "y"}, number=numpy.float64(0.5), dtype=torch.float32,
        state_dict={"module.w": torch.nn.Parameter(base[:2].clone())})
    yield "module-state", torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2)).state_dict()
    yield "nothing", {"epoch": 1}


def safetensors(tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (kind, shape, raw) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents():
        for zip_format in (True, False):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zip_format)
            (folder / f"{name}-{'zip' if zip_format else 'legacy'}").write_bytes(buffer.getvalue())
    for protocol in (3, 4, 5):
        buffer = io.BytesIO()
        torch.save({"w": torch.ones(2), "s": {1, 2}, "f": frozenset(), "b": bytearray(b"x") if protocol > 4 else b"x"},
                   buffer, pickle_protocol=protocol)
        (folder / f"protocol-{protocol}").write_bytes(buffer.getvalue())
    (folder / "tensors-safe").write_bytes(safetensors({
        "a": ("F32", [2], bytes(8)), "h": ("F16", [1, 2], bytes(4)), "b": ("BF16", [], bytes(2)),
        "d": ("F64", [1], bytes(8)), "i": ("I64", [0], b""), "t": ("BOOL", [3], b"\x00\x01\x02")}))
    (folder / "bare-pickle").write_bytes(pickle.dumps({"a": [1, (2, 3)]}, 2))
    (folder / "system").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")


if __name__ == "__main__":
    main()
