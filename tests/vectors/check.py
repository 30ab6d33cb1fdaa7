#!/usr/bin/env python3
"""Derives the vectors beside this file again, from docs/protocol.md alone.

Standard library only. BLAKE3, Ed25519 and bech32m are written out here: slow, plain and independent of the node.
Exit status 0: everything agrees. 1: something differs, and what.
"""
import hashlib
import json
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).parent
FAILED = []


def check(name, got, want):
    if got != want:
        FAILED.append(name)
        print(f"DIFFERS {name}\n  derived {got}\n  vector  {want}")


# --- BLAKE3 (hash mode, any length) ---------------------------------------------------------------------------------
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def compress(cv, block, counter, length, flags):
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    v = list(cv) + list(IV[:4]) + [counter & MASK, counter >> 32, length, flags]

    def rotate(x, n):
        return (x >> n | x << (32 - n)) & MASK

    def mix(a, b, c, d, x, y):
        v[a] = (v[a] + v[b] + x) & MASK
        v[d] = rotate(v[d] ^ v[a], 16)
        v[c] = (v[c] + v[d]) & MASK
        v[b] = rotate(v[b] ^ v[c], 12)
        v[a] = (v[a] + v[b] + y) & MASK
        v[d] = rotate(v[d] ^ v[a], 8)
        v[c] = (v[c] + v[d]) & MASK
        v[b] = rotate(v[b] ^ v[c], 7)

    for _ in range(7):
        for i in range(4):
            mix(i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1])
        for i in range(4):
            mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i])
        m = [m[p] for p in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def node(data, counter, root):
    """The chaining value of a subtree whose first chunk is number `counter`."""
    flag = ROOT if root else 0
    if len(data) <= 1024:
        cv, blocks = IV, [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
        for i, block in enumerate(blocks):
            last = i == len(blocks) - 1
            flags = (CHUNK_START if i == 0 else 0) | ((CHUNK_END | flag) if last else 0)
            cv = compress(cv, block, counter, len(block), flags)
        return cv
    half = 1024
    while half * 2 < len(data):
        half *= 2
    both = node(data[:half], counter, False) + node(data[half:], counter + half // 1024, False)
    return compress(IV, struct.pack("<16I", *both), 0, 64, PARENT | flag)


def blake3(data):
    return struct.pack("<8I", *node(data, 0, True))


# --- Ed25519, verified by ZIP-215 -----------------------------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
I = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1)


def recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * I % P
    if (x * x - square) % P:
        return None
    return P - x if x % 2 != sign and x else x


def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P
    return x, y


def times(n, point):
    out = NEUTRAL
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


BASE_Y = 4 * pow(5, -1, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y)


def pack(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def unpack(data):
    """ZIP-215: y is reduced modulo p, and a set sign on x = 0 is let through."""
    n = int.from_bytes(data, "little")
    y = (n & (2**255 - 1)) % P
    x = recover_x(y, n >> 255)
    return None if x is None else (x, y)


def sha512(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    return scalar, digest[32:]


def public_key(seed):
    return pack(times(expand(seed)[0], BASE))


def sign(seed, message):
    a, prefix = expand(seed)
    r = sha512(prefix, message) % L
    big_r = pack(times(r, BASE))
    s = (r + sha512(big_r, public_key(seed), message) * a) % L
    return big_r + s.to_bytes(32, "little")


def verdict(key, message, signature):
    a, r, s = unpack(key), unpack(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is not None and times(8, a) == NEUTRAL:
        return "small-order"
    if a is None or r is None or s >= L:
        return "invalid"
    k = sha512(signature[:32], key, message) % L
    return "valid" if times(8, times(s, BASE)) == times(8, add(r, times(k, a))) else "invalid"


# --- bech32m --------------------------------------------------------------------------------------------------------
CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32M = 0x2BC830A3


def polymod(values):
    out = 1
    for value in values:
        top, out = out >> 25, (out & 0x1FFFFFF) << 5 ^ value
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            out ^= g if top >> i & 1 else 0
    return out


def prefix_values(hrp):
    return [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]


def address_text(data):
    bits = "".join(f"{b:08b}" for b in data)
    bits += "0" * (-len(bits) % 5)
    words = [int(bits[i:i + 5], 2) for i in range(0, len(bits), 5)]
    check_sum = polymod(prefix_values("wat") + words + [0] * 6) ^ BECH32M
    return "wat1" + "".join(CHARSET[w] for w in words + [check_sum >> 5 * (5 - i) & 31 for i in range(6)])


def address_bytes(text):
    words = [CHARSET.index(c) for c in text[4:]]
    assert text.startswith("wat1") and polymod(prefix_values("wat") + words) == BECH32M, text
    bits = "".join(f"{w:05b}" for w in words[:-6])
    assert len(bits) == 260 and set(bits[256:]) == {"0"}, text
    return int(bits[:256], 2).to_bytes(32, "big")


# --- borsh and the rules of the protocol ----------------------------------------------------------------------------
def u(bits, value):
    return int(value).to_bytes(bits // 8, "little")


def listed(items):
    return u(32, len(items)) + b"".join(items)


def h(tag, *parts):
    return blake3(bytes([len(tag)]) + tag.encode() + b"".join(parts))


def signing_bytes(tag, chain, payload):
    return bytes([len(tag)]) + tag.encode() + chain + payload


def hexed(value):
    return bytes.fromhex(value)


def optional(text):
    return b"\0" if text is None else b"\1" + hexed(text)


def transfer_call(call):
    assert (call["module"], call["call"]) == ("token", "transfer"), call
    args = call["args"]
    return b"\x01\x03" + address_bytes(args["to"]) + u(32, args["asset"]) + u(128, args["amount"])


def tx_body(body):
    return b"".join([
        hexed(body["chain"]), address_bytes(body["sender"]), optional(body["grant"]), u(16, body["lane"]), u(64, body["nonce"]),
        u(64, body["expiresMs"]), address_bytes(body["feePayer"]), u(128, body["maxFee"]), u(128, body["tip"]),
        listed([transfer_call(call) for call in body["calls"]]),
    ])


def check_transfer(v):
    seed = hexed(v["seed"])
    key = public_key(seed)
    check("public key", key.hex(), v["key"])
    check("address", address_text(h("wattle:address:v1", key)), v["address"])
    body = tx_body(v["body"])
    check("body", body.hex(), v["bodyHex"])
    tx_id = h("wattle:tx:v1", b"\x01", body)
    check("transaction id", tx_id.hex(), v["id"])
    message = signing_bytes("wattle:tx-auth:v1", hexed(v["body"]["chain"]), tx_id)
    check("signing bytes", message.hex(), v["signingHex"])
    signature = sign(seed, message)
    check("signature", signature.hex(), v["signature"])
    check("verdict on it", verdict(key, message, signature), "valid")
    tx = b"\x01" + body + listed([key + signature])
    check("transaction", tx.hex(), v["txHex"])
    check("transaction leaf", h("wattle:tx-leaf:v1", tx).hex(), v["leaf"])


def trie_root(items):
    if not items:
        return bytes(32)
    if len(items) == 1:
        return h("wattle:state-leaf:v1", *items[0])
    bits = [f"{int.from_bytes(key, 'big'):0256b}" for key, _ in items]
    bit = next(i for i in range(256) if len({b[i] for b in bits}) == 2)
    halves = [[item for item, b in zip(items, bits) if b[bit] == side] for side in "01"]
    return h("wattle:state-branch:v1", bytes([bit]), *map(trie_root, halves))


def check_trie(v):
    items = [(h("wattle:state-key:v1", hexed(p["key"])), h("wattle:state-value:v1", hexed(p["value"])))
             for p in v["pairs"]]
    check("state root", trie_root(items).hex(), v["root"])


def list_root(leaves):
    level = leaves
    while len(level) > 1:
        pairs = [level[i:i + 2] for i in range(0, len(level), 2)]
        level = [h("wattle:list-node:v1", *pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return h("wattle:list-root:v1", u(32, len(leaves)), level[0] if level else bytes(32))


def list_proof_root(proof, leaf):
    at, width, siblings = int(proof["index"]), int(proof["count"]), [hexed(s) for s in proof["siblings"]]
    while width > 1:
        if at ^ 1 < width:
            sibling = siblings.pop(0)
            leaf = h("wattle:list-node:v1", *((sibling, leaf) if at & 1 else (leaf, sibling)))
        at, width = at >> 1, (width + 1) // 2
    assert not siblings
    return h("wattle:list-root:v1", u(32, proof["count"]), leaf)


def check_list(v):
    leaves = [hexed(leaf) for leaf in v["leaves"]]
    check(f"list root of {len(leaves)}", list_root(leaves).hex(), v["root"])
    if leaves:
        leaf = leaves[int(v["proof"]["index"])]
        check(f"list proof in {len(leaves)}", list_proof_root(v["proof"], leaf).hex(), v["root"])


def watt_hours(bits):
    sign_bit, exponent, fraction = bits >> 31, bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 0xFF or sign_bit and (exponent or fraction):
        return None
    if exponent == 0:
        return 0
    shift = exponent - 150
    scaled = (fraction | 0x800000) * 1000
    return None if shift > 28 else scaled << shift if shift >= 0 else scaled >> -shift


def header_bytes(v):
    return b"".join([
        u(32, v["version"]), hexed(v["chain"]), u(64, v["epoch"]), u(64, v["view"]), u(64, v["height"]),
        hexed(v["parent"]), u(64, v["timeMs"]), hexed(v["proposer"]), hexed(v["txsRoot"]), hexed(v["stateRoot"]),
        hexed(v["receiptsRoot"]), hexed(v["validatorsHash"]), hexed(v["nextValidatorsHash"]),
    ])


def vote_payload(vote):
    [(kind, what)] = vote.items()
    if kind == "nullify":
        return kind, u(64, what["epoch"]) + u(64, what["view"])
    numbers = (what["round"]["epoch"], what["round"]["view"], what["parentView"])
    return kind, b"".join(u(64, n) for n in numbers) + hexed(what["block"])


# --- the page itself, read as a decoder -----------------------------------------------------------------------------
PAGE = HERE.parent.parent / "docs" / "protocol.md"


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def parts(text):
    """Splits at the commas outside of any bracket."""
    out, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "{<([") - (c in "})]>")
        if c == "," and not depth:
            out.append(text[start:i])
            start = i + 1
    return [part.strip() for part in out + [text[start:]] if part.strip()]


def fields(text):
    """`name type` pairs; what stands in round brackets is for people."""
    text = re.sub(r" \((?![ui]\d)[^()]*\)", "", text)
    return [tuple(part.split(None, 1)) for part in parts(text)]


def variant(text):
    number, name, rest = re.fullmatch(r"(\d+) (\w+)\s*(.*)", text, re.S).groups()
    rest = rest.strip()
    return int(number), name, fields(rest[1:-1]) if rest.startswith("{") else rest


def grammar(page):
    """Every type of the page, by name: ("struct", fields), ("enum", variants by number) or ("alias", type)."""
    types = {}
    blocks = re.findall(r"^```\n(.*?)^```", page, re.M | re.S)
    for block in blocks:
        lines = []
        for line in block.splitlines():
            if not re.match(r"\S", line) and lines:
                lines[-1] += "\n" + line
            else:
                lines.append(line)
        for line in lines:
            name, *rest = line.split(None, 1)
            if not re.fullmatch(r"[A-Z]\w+", name):
                continue
            body = "".join(rest).strip()
            numbered = name == "Reason" or name.endswith("Event") and name != "Event"
            if not numbered:  # what stands far to the right is for people
                body = "\n".join(re.sub(r"(?<=\S) {4,}.*", "", row) for row in body.splitlines())
            if numbered:
                found = re.findall(r"(?:^|\s)(\d+) ([a-z_]+)(.*?)(?=\s\d+ [a-z_]+|\Z)", body, re.S)
                types[name] = ("enum", {int(n): (v, fields(rest) or "") for n, v, rest in found})
            elif body.startswith("enum:"):
                types[name] = ("enum", {n: (v, f) for n, v, f in map(variant, parts(body[5:]))})
            elif re.match(r"(list|bytes)<", body):
                types[name] = ("alias", re.match(r"\w+<[^>]*>", body)[0])
            else:
                types[name] = ("struct", fields(body))
    for name, body in re.findall(r"^\| `.*` \| `(\w+)`: (.*) \|$", page.split("## State keys")[-1], re.M):
        if re.match(r"\w+ ([ui]\d+|bool|\[|list<|bytes<|[A-Z])", body):  # else it is told below the table
            types[name] = ("struct", fields(body))
    modules, module = {}, None
    for line in next(b for b in blocks if b.startswith("0 ledger")).split("\nTerms")[0].splitlines():
        if found := re.match(r"(\d) (\w+)$", line):
            module = modules.setdefault(int(found[1]), (found[2], {}))
        elif found := re.match(r" {1,2}(\d+) (\w+) +(.*)", line):
            module[1][int(found[1])] = (found[2], found[3])
        elif line.strip():
            last = max(module[1])
            module[1][last] = (module[1][last][0], module[1][last][1] + " " + line.strip())
    for number, (name, calls) in modules.items():
        types[f"{name}.call"] = ("enum", {n: (c, fields(t.replace("{}", ""))) for n, (c, t) in calls.items()})
    types["Call"] = ("enum", {n: (name, f"{name}.call") for n, (name, _) in modules.items()})
    types["Event"] = ("enum", {n: (name, name) for n, (name, _) in types["Event"][1].items()})  # whichever module's
    return types


class Reader:
    """Decodes bytes by the page's types; every value comes out as it is written in JSON."""

    def __init__(self, types, data):
        self.types, self.data, self.at = types, data, 0

    def take(self, n):
        self.at += n
        assert self.at <= len(self.data), "the bytes end too early"
        return self.data[self.at - n:self.at]

    def value(self, kind):
        if kind.endswith("?"):
            return self.value(kind[:-1]) if {0: False, 1: True}[self.take(1)[0]] else None
        if found := re.fullmatch(r"([ui])(\d+)", kind):
            return int.from_bytes(self.take(int(found[2]) // 8), "little", signed=found[1] == "i")
        if kind == "bool":
            return {0: False, 1: True}[self.take(1)[0]]
        if found := re.fullmatch(r"\[(\d+)\]", kind):
            return self.take(int(found[1]))
        if found := re.fullmatch(r"list<(.+?)(?:, \d+)?>", kind):
            return [self.value(found[1]) for _ in range(self.value("u32"))]
        if kind == "CallKind":
            module, calls = self.types["Call"][1][self.take(1)[0]]
            return f"{module}.{self.types[calls][1][self.take(1)[0]][0]}".encode()
        if kind == "text" or kind.startswith("bytes"):
            return self.take(self.value("u32"))
        shape, what = self.types[kind]
        if shape == "alias":
            return self.value(what)
        if shape == "struct":
            return self.struct(what)
        name, inner = what[self.take(1)[0]]
        return (name, self.struct(inner) if isinstance(inner, list) else self.value(inner) if inner else None)

    def struct(self, pairs):
        return {name: self.value(kind) for name, kind in pairs}


def agrees(got, json_form):
    """Whether a decoded value is what the JSON says."""
    try:
        return same(got, json_form)
    except (AttributeError, TypeError, KeyError):
        return False  # another shape


def same(got, json_form):
    if isinstance(got, bool) or got is None:
        return got is json_form
    if isinstance(got, int):
        return str(got) == str(json_form)
    if isinstance(got, bytes):
        texts = [got.hex(), got.decode("utf-8", "replace")] + ([address_text(got)] if len(got) == 32 else [])
        return json_form in texts
    if isinstance(got, list):
        return len(got) == len(json_form) and all(map(agrees, got, json_form))
    if isinstance(got, dict):
        return all(agrees(value, json_form.get(camel(name), json_form.get(name))) for name, value in got.items())
    name, inner = got
    if name.endswith("Event"):
        return same(inner, json_form)
    if not inner:
        return json_form == name or name in json_form.values()
    if json_form == {"version": name[1:], **json_form}:
        return agrees(inner, json_form)
    if list(json_form) == [name]:
        return agrees(inner, json_form[name])
    if "call" in json_form and "args" in json_form:
        call, args = inner
        return (name, call) == (json_form["module"], json_form["call"]) and agrees(args, json_form["args"])
    return name in json_form.values() and agrees(inner, json_form)


# How the page calls what the vectors name after the node's own types.
RECORDS = {name: name.removesuffix("Record") for name in ("AccountRecord", "BalanceRecord", "MeterRecord", "MicrogridRecord")}


def check_page(encodings):
    """Every vector whose type stands on the page decodes by it, to the last byte and to the JSON beside it."""
    page = PAGE.read_text()
    types = grammar(page)
    seen = set()
    for name, row in encodings.items():
        kind = re.split(r"[:(]", name.removeprefix("state::").removeprefix("trie::"))[0]
        kind = RECORDS.get(kind, kind)
        if kind not in types:
            continue
        reader = Reader(types, hexed(row["hex"]))
        try:
            got = reader.value(kind)
        except Exception as error:
            check(f"{name} by the page", repr(error), "a value")
            continue
        check(f"bytes of {name} that the page tells of", reader.at, len(reader.data))
        if "json" in row and not agrees(got, row["json"]):
            check(f"{name} by the page", got, row["json"])
        seen.add(name)
    for name in ("Event", "Reason") if "Header" in encodings else ():
        have = {n.split("::")[1].lower() for n in encodings if n.startswith(f"{name}::")}
        found = [types[part][1] for _, part in types["Event"][1].values()] if name == "Event" else [types[name][1]]
        told = sorted(v.replace("_", "") for variants in found for v, _ in variants.values())
        check(f"every {name} stands on the page", told, sorted(have))
    return len(seen)


def main():
    check("BLAKE3 of nothing", blake3(b"").hex(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
    encodings = json.loads((HERE / "encodings.json").read_text())
    for name, row in encodings.items():
        check(f"BLAKE3 of {name}", blake3(hexed(row["hex"])).hex(), row["blake3"])
    check("header encoding", header_bytes(encodings["Header"]["json"]).hex(), encodings["Header"]["hex"])

    v = json.loads((HERE / "worked.json").read_text())
    chain = hexed(v["chain"])
    check_transfer(v["transfer"])
    check_trie(v["trie"])
    for example in v["lists"]:
        check_list(example)
    for row in v["energy"]:
        got = watt_hours(int(row["bits"], 16))
        check(f"energy {row['bits']}", None if got is None else str(got), row["wattHours"])
    check("block hash", h("wattle:header:v1", header_bytes(v["header"]["header"])).hex(), v["header"]["hash"])
    members = [hexed(m["key"]) + u(64, m["power"]) for m in v["validators"]["set"]]
    check("validators hash", h("wattle:validators:v1", listed(members)).hex(), v["validators"]["hash"])
    check("quorum", sum(m["power"] for m in v["validators"]["set"]) * 2 // 3 + 1, v["validators"]["quorum"])
    for example in v["votes"]:
        kind, payload = vote_payload(example["vote"])
        check(f"{kind} vote", signing_bytes(f"wattle:vote:{kind}:v1", chain, payload).hex(), example["signingHex"])
    for name, who in (("microgrid", "operator"), ("hold", "sender")):
        example = v[name]
        got = h(f"wattle:{name}:v1", address_bytes(example[who]), hexed(example["reference"]))
        check(f"{name} id", got.hex(), example["id"])

    keys = v["stateKeys"]
    who = address_bytes(keys["address"])
    check("account key", (b"\x10" + who).hex(), keys["account"])
    check("wallet key", (b"\x11\x00" + who + u(32, keys["asset"])).hex(), keys["wallet"])
    check("meter key", (b"\x62" + who).hex(), keys["meter"])

    corner = json.loads((HERE / "zip215.json").read_text())
    for case in corner["cases"]:
        got = verdict(hexed(case["key"]), hexed(corner["message"]), hexed(case["signature"]))
        check(f"ZIP-215: {case['name']}", got, case["verdict"])
    by_page = check_page(encodings) + check_page(json.loads((HERE / "records.json").read_text()))
    print(f"{len(encodings)} encodings, {by_page} of them and of the records by the page, the worked examples and {len(corner['cases'])} signatures: "
          + (f"{len(FAILED)} differ" if FAILED else "all agree"))
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
