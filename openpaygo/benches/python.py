"""How long the Python package takes to read tokens: `python.py KEY STARTING_CODE`. The next token after each count, and
one that no device takes, as the benchmark beside it has them."""

import sys
import time

from openpaygo import TokenType, decode_token, generate_token

key, code = sys.argv[1], int(sys.argv[2])
for count in (0, 1_000, 10_000, 60_000):
    for name, restricted, extended in (
            ("standard", False, False), ("restricted", True, False),
            ("extended", False, True), ("extended restricted", True, True)):
        _, valid = generate_token(
            secret_key=key, count=count, value=30, token_type=TokenType.ADD_TIME, starting_code=code,
            restricted_digit_set=restricted, extended_token=extended)
        invalid = ("1" if valid[0] != "1" else "2") + valid[1:]
        for kind, token in ("valid", valid), ("invalid", invalid):
            times = max(1, 2_000 // (count + 100))
            begin = time.perf_counter()
            for _ in range(times):
                try:
                    decode_token(
                        token=token, secret_key=key, count=count, used_counts=[count], starting_code=code,
                        restricted_digit_set=restricted)
                except UnboundLocalError:
                    pass  # what it says of an extended token that is none
            took = (time.perf_counter() - begin) / times
            print(f"Python, {name}, {kind}/{count}: {took * 1e3:.2f} ms", flush=True)
