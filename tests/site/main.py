"""A site as it is in the field: four validators and a village of light nodes behind one address, on bad lines.

Run by `scripts/site`, as root. It goes from phase to phase; in each something is broken and mended, and everybody must be
back within the phase's limit without a restart: every validator at a new height and heard by all, every light node at a
new height too and with all that it had signed by then on the chain, proven. At the end the meters stand still, and what
was billed is compared with what they have counted. The first promise that does not hold ends the run with its phase's
name and exit code 1.
"""

import argparse
import json
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

import meters
from world import CROWD, DIALER, HOME, PEER_PORT, READER, RPC_PORT, STAYS, VALIDATOR, VILLAGE
from world import BIN, Failed, Light, Validator, World, all_of, gateway, run, socket_in, until

# Limits, s: how soon everybody is back, and how soon one that knocks is let in while strangers press.
START_S, BACK_S, LET_IN_S = 300, 300, 10
# Strangers' networks, from this number on, and strangers in each: more than one node has places for.
CROWD_FIRST, CROWDS, CROWD_EACH = 110, 8, 16
# Strangers that must be connected with the pressed validator before anything is asked of it, and how soon, s.
STRANGERS_MIN, STRANGERS_S = 48, 180
# Dials that are held, a second, and for how long.
DIALS_PER_S, DIALS_S = 50, 30
# How long a killed light node stays away, s: strangers that wait for a place find its.
AWAY_S = 20
# The light node that lists nobody: its unit, how soon it has found a validator and how long its network is away, s.
HOME_UNIT, FOUND_S, HOME_AWAY_S = 200, 120, 60
# Lines of its log that are shown of a light node that is not back.
LINES_SHOWN = 30
# How much a validator may grow under strangers, MiB.
GROWTH_MIB = 64
TERMS = """
clearing = "tariff"
utcOffsetMinutes = 0
gateClosureMs = "0"
graceMs = "60000"
lateWindowMs = "7200000"
feePerKwh = "0"
losses = "operator"
lossPermilleMax = 1000
creditLimit = "1000000000"
disputeVotes = 0
noticeMs = "0"
tariff = [{ fromMinute = 0, importPrice = "200000", exportPrice = "80000" }]
"""
DAY_MS = 86_400_000


class Site:
    def __init__(self, options, directory):
        self.options = options
        self.world = World(directory, options.seed)
        self.dir = self.world.dir
        self.validators = [Validator(self.world, i) for i in range(4)]
        self.village = [meters.Meter(unit, options.seed) for unit in range(1, options.light + 1)]
        self.lights = [Light(self.world, f"m{meter.unit}", meter.unit) for meter in self.village]
        self.begun = time.monotonic()
        self.phase = "start"
        self.noted = (self.begun, {})

    def say(self, text):
        print(f"{time.monotonic() - self.begun:7.1f} s  {self.phase}: {text}", flush=True)

    # What is there at the beginning.

    def lay_out(self):
        net = self.dir / "net"
        run(BIN / "wattle", "init", "testnet", "--validators", 4, "--preset", "microgrid", "--seed", self.options.seed,
            "--rpc-port", RPC_PORT, "--out", net)
        self.places = {f"v{i}": VALIDATOR(i) for i in range(4)} | {"village": VILLAGE}
        for name, address in self.places.items():
            self.world.place(name, address)
        configs = [(validator.home / "config.toml") for validator in self.validators]
        texts = [config.read_text() for config in configs]
        ports = [re.search(r"listen = \[\s*\"/ip4/127.0.0.1/tcp/(\d+)", text)[1] for text in texts]
        # One port for all, as in the field: who gets another's address is found there.
        for config, text, own in zip(configs, texts, ports):
            text = text.replace(f'/ip4/127.0.0.1/tcp/{own}"', f'/ip4/0.0.0.0/tcp/{PEER_PORT}"')
            for i, port in enumerate(ports):
                text = text.replace(f"/ip4/127.0.0.1/tcp/{port}/", f"/ip4/{VALIDATOR(i)}/tcp/{PEER_PORT}/")
            config.write_text(text)
        self.replace(configs[0], '#mdns = "chain"', 'mdns = "on"')
        written = "".join(config.read_text() for config in configs)
        assert len(re.findall(rf'^listen = \["/ip4/0\.0\.0\.0/tcp/{PEER_PORT}"', written, re.M)) == 4
        found = re.findall(rf"/ip4/198\.18\.(\d)\.1/tcp/{PEER_PORT}/p2p/\w+", written)
        assert set(found) == set("0123"), found
        self.peers = [re.search(rf"/ip4/{re.escape(VALIDATOR(i))}/tcp/\d+/p2p/\w+", written)[0] for i in range(4)]

    @staticmethod
    def replace(config, default, line):
        """A setting in place of its default."""
        text = config.read_text()
        assert text.count(default) == 1, default
        config.write_text(text.replace(default, line))

    def send(self, who, *words):
        """A command of an operator or a household; what the chain says to it."""
        signer = ["--secret-key-file", self.dir / f"net/{who}.key", "--rpc", f"http://127.0.0.1:{RPC_PORT}/rpc"]
        done = self.validators[0].wattle(*words, *signer)
        if done["receipt"]["code"] != "success":
            raise Failed(f"{words}: {done}")
        return done["receipt"]["events"]

    def send_calls(self, who, calls):
        file = self.dir / "calls.json"
        file.write_text(json.dumps(calls))
        self.send(who, "tx", "call", "--calls-file", file)

    def found_microgrid(self):
        events = self.send("operator", "energy", "register-microgrid", "--interval-minutes", 1)
        made = next(event for event in events if event["type"] == "microgrid_registered")
        self.grid, self.operator = made["microgrid"], made["operator"]
        (self.dir / "terms.toml").write_text(TERMS)
        self.send("operator", "energy", "set-terms", "--microgrid", self.grid, "--file", self.dir / "terms.toml")
        events = self.send("alice", "energy", "mandate", "set", "--microgrid", self.grid)
        self.owner = next(event["account"] for event in events if event["type"] == "mandate_set")
        terms = self.validators[0].ask("energy_getTerms", microgrid=self.grid)
        begins_ms = int(terms["from"]) * 60_000
        until("the terms hold", 150, lambda: time.time() * 1000 > begins_ms)

    def register(self):
        self.gateway = gateway(self.village)
        # As docs/light-node.md shows them: by address, whoever is there.
        peers = [peer.rsplit("/p2p/", 1)[0] for peer in self.peers]
        for i, light in enumerate(self.lights):
            light.configure([peers[i % 4], peers[(i + 1) % 4]], self.operator, self.options.reading)
        calls = all_of(self.lights, lambda light: light.bind(self.grid, self.owner))
        self.send_calls("operator", calls)
        limits = {"books": [], "calls": "any", "counterparties": [], "txPerHour": None, "uses": None,
                  "expiresMs": str(int(time.time() * 1000) + DAY_MS),
                  "spending": [{"asset": "0", "cosignAbove": None, "perPeriod": None, "perTx": None,
                                "total": "1000000000"}]}
        self.send_calls("operator", [
            {"module": "identity", "call": "sponsor", "args": {"grantee": light.address, "limits": limits}}
            for light in self.lights])
        self.registered_wh = {m["address"]: int(m["importWh"]) for m in self.on_chain()}

    def bill(self):
        words = ["--microgrid", self.grid, "--rpc", f"http://127.0.0.1:{RPC_PORT}/rpc"]
        return self.validators[0].wattle("energy", "bill", self.owner, *words)

    def on_chain(self):
        return self.validators[0].list("energy_listMeters", microgrid=self.grid)

    def start(self):
        self.lay_out()
        for validator in self.validators:
            validator.start()
        until("validators run", 60, lambda: all(v.process.says('"ready"') for v in self.validators))
        self.found_microgrid()
        self.register()
        self.say(f"{len(self.lights)} meters are registered")
        for light in self.lights:
            light.start()
        self.all_back(self.marks(), START_S)
        settled = lambda: any(int(item["event"]["importWh"]) > 0 for item in self.validators[0].list(
            "energy_listIntervals", microgrid=self.grid) if item["event"]["type"] == "interval_settled")
        _, took = until("an interval with energy is settled", START_S, settled, 2)
        self.say(f"the chain bills, {took:.0f} s later")

    # Who is back.

    def marks(self):
        """What each must have passed to be back: the highest height there is, each light node's last reading."""
        heights = max(all_of(self.validators, lambda v: v.height()))
        status = all_of(self.lights, lambda light: light.status())
        return heights, [int(s["meters"][0]["queue"]["lastSeq"]) if s else 0 for s in status]

    def all_back(self, marks, limit_s):
        height, numbers = marks
        begun = time.monotonic()
        away = {v.name: v for v in self.validators}
        waiting = dict(enumerate(self.lights))
        took = {"validators": 0.0, "light nodes": 0.0}
        while away or waiting:
            for name in [n for n, v in away.items() if self.is_back(v, height)]:
                del away[name]
                took["validators"] = time.monotonic() - begun
            statuses = dict(zip(waiting, all_of(waiting.values(), lambda light: light.status())))
            for i, status in statuses.items():
                if status and self.has_caught_up(status, height, numbers[i]):
                    del waiting[i]
                    took["light nodes"] = time.monotonic() - begun
            if (away or waiting) and time.monotonic() - begun > limit_s:
                self.explain(away, {i: statuses.get(i) for i in waiting})
                raise Failed(f"not back within {limit_s} s: {sorted(away)}, {len(waiting)} light nodes")
            time.sleep(0.5)
        self.say(", ".join(f"all {who} back after {s:.1f} s" for who, s in took.items()))

    def is_back(self, validator, height):
        status = validator.ask("chain_status")
        return int(status["height"]) > height and not status["liveness"]["validatorsMissing"]

    def has_caught_up(self, status, height, number):
        """A light node with nothing to prove has to have heard of a new block all the same, where connections stand."""
        chain, queue = status["chain"], status["meters"][0]["queue"]
        heard = chain["visits"] is not None or int(chain["height"]) > height
        return heard and int(queue["ackedSeq"]) >= max(number, 1)

    def explain(self, away, waiting):
        for validator in self.validators:
            status = validator.ask("chain_status")
            peers = validator.ask("node_peers")["peers"]
            kinds = [p["role"] for p in peers if p["connected"]]
            refused = [p["ban"]["reason"] for p in peers if p.get("ban")]
            self.say(f"{validator.name} height {status['height']} view {status['view']} syncing {status['syncing']} "
                     f"missing {[k[:8] for k in status['liveness']['validatorsMissing']]} "
                     f"peers { {kind: kinds.count(kind) for kind in set(kinds)} } bans {refused}")
        now_at = {address: name for name, address in self.world.addresses.items()}
        for i, status in waiting.items():
            light, meter = self.lights[i], status["meters"][0] if status else {}
            name = light.home.name
            chain = status and status["chain"]
            self.say(f"{name}: {meter.get('submission')}, queue {meter.get('queue')}, chain {chain}")
            peers = {peer: now_at.get(peer.split("/")[2], "nobody") for peer in light.listed()}
            self.say(f"{name} lists {peers}, has connections {light.process.links()}")
            for line in light.process.last_lines(LINES_SHOWN):
                self.say(f"{name} | {line}")

    # What happens to it.

    def steady(self):
        """Ordinary life on the lines as they are: readings of three intervals pass."""
        for _ in range(3):
            time.sleep(self.options.reading)
            self.all_back(self.marks(), BACK_S)

    def outage(self, names):
        self.world.lines.cut(names, True)
        self.say(f"{', '.join(names)} cut off for {self.options.outage} s")
        time.sleep(self.options.outage)
        marks = self.marks()
        self.world.lines.cut(names, False)
        self.all_back(marks, BACK_S)

    def swap(self, one, other):
        first, second = self.world.addresses[one], self.world.addresses[other]
        self.world.move(one, second)
        self.world.move(other, first)
        self.say(f"{one} and {other} have each other's address")
        self.all_back(self.marks(), BACK_S)

    def move(self, name, address):
        self.world.move(name, address)
        self.say(f"{name} has moved to {address}")
        self.all_back(self.marks(), BACK_S)

    def figures(self):
        memory = [v.process.memory_mib() for v in self.validators]
        self.say("most memory of the validators: " + ", ".join(f"{mib:.0f}" for mib in memory) + " MiB")
        peers = [p for v in self.validators for p in v.ask("node_peers")["peers"]]
        ends = sum(p["connected"] and p["role"] == "validator" for p in peers)
        self.say(f"links among validators: {ends / 2:g} of 6")
        carried = {name: self.world.lines.carried(name) for name in self.places}
        (then, before), self.noted = self.noted, (time.monotonic(), carried)
        kbit = lambda name, way: (carried[name][way] - before.get(name, (0, 0))[way]) / (self.noted[0] - then) / 125
        self.say("kbit/s up and down: " + ", ".join(f"{n} {kbit(n, 0):.1f} {kbit(n, 1):.1f}" for n in carried))

    def shape(self, rate, delay, loss):
        self.world.lines.shape(self.places, rate, delay, loss)
        self.say(f"lines of {rate or 'any number of'} kbit/s, {delay} ms, {loss} % loss")

    # A local network.

    def local_network(self):
        """A light node that lists nobody finds a validator by mDNS, and again after a time without the network."""
        light = Light(self.world, "home", HOME_UNIT)
        light.configure([], self.operator, 3600, "mdns = true\n" + STAYS)
        light.keygen()
        self.world.wire("v0", "home")
        light.start("home")
        self.hears(light, FOUND_S, "by mDNS a light node has found a validator")
        self.world.plug("home", "down")
        time.sleep(HOME_AWAY_S)
        if (light.status() or {"chain": {"peers": None}})["chain"]["peers"] != 0:
            raise Failed(f"a light node tells of a peer, or of nothing, after {HOME_AWAY_S} s without a network")
        self.world.plug("home", "up")
        self.hears(light, BACK_S, f"after {HOME_AWAY_S} s without the local network it is back")

    def hears(self, light, limit_s, what):
        """The light node is connected, and has verified what was final when this began."""
        height = self.validators[0].height()
        chain = lambda: (light.status() or {"chain": {"peers": 0}})["chain"]
        back = lambda: (now := chain())["peers"] > 0 and int(now["height"]) >= height
        try:
            _, took = until(what, limit_s, back)
        except Failed:
            for line in light.process.last_lines(LINES_SHOWN):
                self.say(f"{light.home.name} | {line}")
            raise
        self.say(f"{what} after {took:.1f} s")

    # Strangers.

    def never_reads(self):
        """A peer that asks the first validator for blocks, as often at once as it may, and reads no answer."""
        genesis = self.validators[0].ask("chain_status")["genesisHash"]
        self.world.place("reader", READER)
        reader = self.world.start("reader", [BIN / "examples/reader", self.peers[0], genesis], self.dir / "reader")
        until("the reader has asked", 30, lambda: reader.says("16 questions asked"))
        return reader

    def strangers(self):
        """Light nodes of nobody: they complete the handshake with the first validator, and stay."""
        for crowd in range(CROWDS):
            self.world.place(f"crowd{crowd}", CROWD(CROWD_FIRST + crowd))
            for i in range(CROWD_EACH):
                stranger = Light(self.world, f"stranger{crowd}-{i}")
                stranger.configure(self.peers[:1], self.operator, 3600, STAYS)
                stranger.keygen()
                stranger.start(f"crowd{crowd}")

    def strangers_in(self):
        """How many of them the first validator has let in."""
        crowds = tuple(f"/ip4/{CROWD(CROWD_FIRST + crowd)}/" for crowd in range(CROWDS))
        peers = self.validators[0].ask("node_peers")["peers"]
        return sum(p["connected"] and p.get("address", "").startswith(crowds) for p in peers)

    def hold_dials(self, stop):
        """Connections of one address that are opened and say nothing."""
        held, begun = [], time.monotonic()
        while not stop.is_set():
            to = socket_in("dialer")
            to.setblocking(False)
            to.connect_ex((VALIDATOR(0), PEER_PORT))
            held.append(to)
            time.sleep(max(0.0, begun + len(held) / DIALS_PER_S - time.monotonic()))
        self.say(f"{len(held)} dials held")
        for to in held:
            to.close()

    def pressed(self):
        staying = self.validators[:3]
        before = [v.process.memory_mib("VmRSS") for v in staying]
        reader = self.never_reads()
        self.strangers()
        pressed = lambda: self.strangers_in() >= STRANGERS_MIN
        _, took = until(f"{STRANGERS_MIN} strangers are connected with v0", STRANGERS_S, pressed, 1)
        self.say(f"v0 has {self.strangers_in()} strangers after {took:.1f} s")
        self.world.place("dialer", DIALER)
        stop = threading.Event()
        dialer = threading.Thread(target=self.hold_dials, args=(stop,))
        dialer.start()
        time.sleep(DIALS_S)
        try:
            self.let_in()
        finally:
            stop.set()
            dialer.join()
        reader.says("")  # it runs
        asked = reader.out.read_text().splitlines()
        self.say(f"v0 still has {self.strangers_in()} strangers; who never reads: {', '.join(asked)}")
        after, most = ([v.process.memory_mib(which) for v in staying] for which in ("VmRSS", "VmHWM"))
        memory = ", ".join(f"{v.name} {b:.1f} {a:.1f} {m:.1f}" for v, b, a, m in zip(staying, before, after, most))
        self.say(f"resident MiB before, after, at most: {memory}")
        grown = max(m - b for m, b in zip(most, before))
        if grown > GROWTH_MIB:
            raise Failed(f"a validator grew by {grown:.0f} MiB")
        self.all_back(self.marks(), BACK_S)

    def let_in(self):
        """A validator that was killed, and a registered light node that knows the pressed validator alone."""
        last, light = self.validators[3], self.lights[-1]
        last.process.kill()
        last.start()
        connected = lambda: sum(p["connected"] and p["role"] == "validator" for p in last.ask("node_peers")["peers"])
        until("the returning validator runs", 30, lambda: last.process.says('"ready"'), 0.05)
        _, took = until("a returning validator is connected with the others", LET_IN_S, lambda: connected() == 3, 0.1)
        self.say(f"a returning validator is connected after {took:.1f} s")
        light.process.kill()
        time.sleep(AWAY_S)
        light.config.write_text(re.sub(r"peers = .*", f"peers = {json.dumps(self.peers[:1])}", light.config.read_text()))
        light.start()
        verified = lambda: (light.status() or {"chain": {"believing": False}})["chain"]["believing"]
        _, took = until("a registered light node has verified a header", LET_IN_S, verified, 0.1)
        self.say(f"a registered light node is connected after {took:.1f} s")

    # The end.

    def books(self):
        """Meters stand still; what the chain has, and what it has billed, is what they have counted."""
        for meter in self.village:
            meter.stop()
        time.sleep(self.options.reading + 10)
        self.all_back(self.marks(), BACK_S)
        shown = {light.address: meter.import_wh() for light, meter in zip(self.lights, self.village)}
        billed = lambda: int(self.bill()["totals"][0]["importWh"])
        counted = sum(shown.values()) - sum(self.registered_wh.values())
        try:
            until("everything is billed", BACK_S, lambda: billed() == counted, 5)
        finally:
            self.say(f"{counted} Wh counted, {billed()} Wh billed")
        for record in self.on_chain():
            if int(record["importWh"]) != shown[record["address"]]:
                raise Failed(f"{record} shows {shown[record['address']]} Wh")
        readings = [self.validators[1].list("energy_listReadings", meter=light.address) for light in self.lights]
        for items in readings:
            numbers = [int(item["seq"]) for item in items]
            if sorted(set(numbers), reverse=True) != numbers:
                raise Failed(f"a reading twice: {numbers}")
        self.say(f"{sum(map(len, readings))} readings, none lost, none twice")

    def go(self):
        o = self.options
        phases = [
            ("start", self.start),
            ("bad lines", self.steady),
            ("village cut off", lambda: self.outage(["village"])),
            ("validator cut off", lambda: self.outage(["v3"])),
            ("all cut off", lambda: self.outage(list(self.places))),
            ("addresses swapped", lambda: self.swap("v1", "v2")),
            ("validator moved", lambda: self.move("v3", VALIDATOR(9))),
            ("local network", self.local_network),
            ("strangers", lambda: (self.shape(0, 20, 0), self.pressed())),
            ("books", self.books),
        ]
        for name, act in phases:
            if name in ("start", "books") or not o.only or name in o.only:
                self.phase = name
                act()
                if name == "start":
                    self.shape(o.rate, o.delay, o.loss)
                self.figures()


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/site", description=__doc__.split("\n\n")[0])
    parser.add_argument("--light", type=int, default=40, help="light nodes behind one address (40)")
    parser.add_argument("--rate", type=float, default=64, help="rate of every line, kbit/s; 0 for none (64)")
    parser.add_argument("--delay", type=float, default=300, help="from one site to another, ms (300)")
    parser.add_argument("--loss", type=float, default=5, help="packets that get lost, %% (5)")
    parser.add_argument("--outage", type=float, default=120, help="length of an outage, s (120)")
    parser.add_argument("--long", action="store_true", help="outages of ten minutes")
    parser.add_argument("--reading", type=int, default=120, help="between two readings of a meter, s (120)")
    parser.add_argument("--seed", type=int, default=1, help="keys, loads and losses follow from it (1)")
    parser.add_argument("--only", action="append", metavar="PHASE", help="this phase, and no other between start and books")
    parser.add_argument("--keep", action="store_true", help="leave the directory with all logs")
    options = parser.parse_args()
    if options.long:
        options.outage = 600
    return options


def main():
    options = arguments()
    directory = tempfile.mkdtemp(prefix="wattle-site-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    site = Site(options, directory)
    try:
        site.go()
        print("all held", flush=True)
    except (Failed, OSError) as failure:
        options.keep = True
        print(f"FAILED in phase {site.phase!r}: {failure}", file=sys.stderr)
        return 1
    finally:
        site.world.close()
        if options.keep:
            print(f"logs are in {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory)
    return 0


sys.exit(main())
