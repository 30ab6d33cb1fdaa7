"""The Python packages as a peer: orders come in as one JSON list a line, answers go out the same way."""

import importlib
import json
import sys
from datetime import datetime, timedelta

from openpaygo import MetricsRequestHandler, MetricsResponseHandler, TokenType, decode_token, generate_token
from openpaygo.token_encode import OpenPAYGOTokenEncoder
from openpaygo.token_shared import OpenPAYGOTokenShared as Shared
from openpaygo.token_shared_extended import OpenPAYGOTokenSharedExtended as Extended

LegacyEncoder = importlib.import_module("openpaygo-token.encode_token").OPAYGOEncoder
LegacyDecoder = importlib.import_module("openpaygo-token.decode_token").OPAYGODecoder

TYPES = {
    "add": TokenType.ADD_TIME,
    "set": TokenType.SET_TIME,
    "disable": TokenType.DISABLE_PAYG,
    "sync": TokenType.COUNTER_SYNC,
    "invalid": TokenType.INVALID,
    "alreadyUsed": TokenType.ALREADY_USED,
}
NAMES = {number: name for name, number in TYPES.items()}


def encode(key, count, value, type, code, divider, restricted, extended):
    count, token = generate_token(
        secret_key=key, count=count, value=value, token_type=TYPES[type], starting_code=code,
        value_divider=divider, restricted_digit_set=restricted, extended_token=extended)
    return {"count": count, "token": token}


def raw(key, code, value, count, restricted, extended):
    """The token of any value at any count, whatever its parity."""
    key = bytes.fromhex(key)
    code = Shared.generate_starting_code(key) if code is None else code
    shared, digits = (Extended, 12) if extended else (Shared, 9)
    base = (shared.get_token_base(code) + value) % (shared.MAX_BASE + 1)
    current = shared.put_base_in_token(code, base)
    for _ in range(count):
        current = shared.generate_next_token(current, key)
    number = shared.put_base_in_token(current, base)
    if restricted:
        return {"token": str(shared.convert_to_4_digit_token(number))}
    return {"token": f"{number:0{digits}d}"}


def decode(token, key, count, used, code, divider, restricted):
    value, type, count, used = decode_token(
        token=token, secret_key=key, count=count, used_counts=used, starting_code=code, value_divider=divider,
        restricted_digit_set=restricted)
    return {"value": value, "type": NAMES[type], "count": count, "used": used}


def legacy_encode(key, code, value, count, type, restricted, extended):
    key = bytes.fromhex(key)
    if extended:
        count, token = LegacyEncoder.generate_extended_token(code, key, value, count, restricted)
    else:
        mode = {"set": 1, "add": 2}[type]
        count, token = LegacyEncoder.generate_standard_token(code, key, value, count, mode, restricted)
    return {"count": count, "token": token}


def legacy_decode(token, key, code, count, used, restricted):
    value, at, type = LegacyDecoder.get_activation_value_count_and_type_from_token(
        int(token), code, bytes.fromhex(key), count, restricted, used)
    if value is None:
        return {"type": "invalid"}
    if value == -2:
        return {"type": "alreadyUsed"}
    used = LegacyDecoder.update_used_counts(used, value, at, type)
    return {"type": {1: "set", 2: "add"}[type], "value": value, "count": at, "used": used}


def request(key, method, style, serial, format, timestamp, count, data, history):
    handler = MetricsRequestHandler(serial, format, key, method)
    if timestamp is not None:
        handler.set_timestamp(timestamp)
    if count is not None:
        handler.set_request_count(count)
    handler.set_data(data)
    handler.set_historical_data(history)
    if style == "simple":
        return {"body": handler.get_simple_request_payload()}
    return {"body": handler.get_condensed_request_payload()}


def handle(key, body, format, last_count, tokens, active_until, seconds_left, settings, extra):
    """Metrics that a server takes from a body, and its answer."""
    handler = MetricsResponseHandler(body, data_format=format, secret_key=key, last_request_count=last_count)
    answer = {"valid": handler.is_auth_valid(), "metrics": handler.get_simple_metrics()}
    answer["expects_tokens"] = handler.expects_token_answer()
    if tokens:
        handler.add_tokens_to_answer(tokens)
    if active_until is not None:
        handler.response_dict["active_until_timestamp"] = active_until
    if seconds_left is not None:
        handler.add_time_to_answer(datetime.now() + timedelta(seconds=seconds_left))
    if settings:
        handler.add_settings_to_answer(settings)
    if extra:
        handler.add_extra_data_to_answer(extra)
    answer["answer"] = handler.get_answer_payload()
    return answer


ORDERS = {f.__name__: f for f in (encode, raw, decode, legacy_encode, legacy_decode, request, handle)}


def run(order):
    name = order.pop("order")
    try:
        return ORDERS[name](**order)
    except Exception as error:  # what raises is an answer too
        return {"raised": type(error).__name__}


for line in sys.stdin:
    answers = json.dumps([run(order) for order in json.loads(line)])
    # NaN and half surrogate pairs become text: the answer is to be read by who refuses both.
    answers = json.dumps(json.loads(answers, parse_constant=str), ensure_ascii=False)
    sys.stdout.buffer.write(answers.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()
