"""Open a light model once, in a process that may crash, hang or run out of memory.

`trial.check` starts this file by itself, without the package, and limits its time. It reads what it
opens from stdin, so that the very bytes that were hashed are opened, and it prints one line of
JSON, {"problem": null} or {"problem": "what LiteRT says"}.
"""

import json
import os
import struct
import sys

_MARGIN = 512 << 20  # bytes beside the model itself; the largest published network takes 250 MB
_MOST = 896 << 20  # bytes that a model of any size may take, itself included


def main() -> None:
    """Read the task from stdin, limit this process, and run the model on the inputs."""
    answer = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # native code prints as it likes
    os.dup2(null, 2)
    stream = sys.stdin.buffer
    (length,) = struct.unpack("<Q", stream.read(8))
    task = json.loads(stream.read(length))
    sys.path += [folder for folder in task["folders"] if folder not in sys.path]

    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    content = stream.read()
    inputs = {
        name: np.zeros(entry["shape"], entry["dtype"]) for name, entry in task["inputs"].items()
    }
    _limit(task["seconds"], min(_MARGIN + 2 * len(content), _MOST - len(content)))
    try:
        interpreter = Interpreter(model_content=content, num_threads=task["threads"])
        interpreter.allocate_tensors()
        (key,) = interpreter.get_signature_list()
        runner = interpreter.get_signature_runner(key)
        runner.get_input_details()  # names and shapes may be no text and no numbers
        (output,) = runner(**inputs).values()
        problem = None if output.dtype == np.float32 else "its output is not float32"
    except MemoryError:
        problem = "it asks for too much memory"
    except (ValueError, RuntimeError, TypeError, LookupError) as error:
        unknown = "LiteRT gives no reason; it may ask for too much memory"
        problem = (str(error).splitlines() or [unknown])[0][:200]
    os.write(answer, json.dumps({"problem": problem}).encode())
    os._exit(0)  # destructors of a strange model's tensors need not run


def _limit(seconds: int, more_bytes: int) -> None:
    """Limit time and memory from here on, write no file and no core; nothing where it cannot be."""
    try:
        import resource
    except ImportError:  # Windows: the parent limits the time
        return
    limits = {"RLIMIT_CPU": 4 * seconds, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0}
    try:
        with open("/proc/self/statm", encoding="ascii") as statistics:
            pages = int(statistics.read().split()[0])
        limits["RLIMIT_AS"] = pages * resource.getpagesize() + more_bytes
    except OSError:  # not Linux
        limits["RLIMIT_AS"] = (2 << 30) + more_bytes
    for name, most in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (ValueError, OSError, AttributeError):
            continue  # a lower limit is in force, or the system has none of the kind


if __name__ == "__main__":
    main()
