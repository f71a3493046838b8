"""One question a line on stdin, one answer a line on stdout, for as long as somebody asks."""

import dataclasses
import enum
import json
import sys


def plain(value):
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    if isinstance(value, enum.Enum):
        return value.value
    if hasattr(value, "model_dump"):
        return value.model_dump()
    return str(value)


def problem(error):
    names = ["message", "status_code", "code", "error", "pending_authentication_token"]
    return {"name": type(error).__name__} | {
        name: getattr(error, name, None) for name in names
    }


def serve(peer):
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {
                "ok": getattr(peer, question["operation"])(**question["arguments"])
            }
        except Exception as error:  # whatever the SDK throws is the answer
            answer = {"error": problem(error)}
        print(json.dumps(answer, default=plain), flush=True)
