"""Network namespaces with one line each, and the product's programs in them: validators, light nodes, strangers."""

import concurrent.futures
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import lines
import meters

PREFIX = "wsite-"
RPC_PORT, PEER_PORT, MODBUS_PORT, STATUS_PORT = 8645, 8650, 1502, 8700
# Addresses of nobody (RFC 2544), which a node takes for those of the internet: its limits for strangers hold.
VALIDATOR = "198.18.{}.1".format
VILLAGE, READER, DIALER = "198.18.100.1", "198.18.101.1", "198.18.102.1"
CROWD = "198.18.{}.1".format
# A local network, by its first three bytes.
HOME = "192.168.77"
# Lines of a light node's configuration by which its connections stand, however seldom it reads its meter.
STAYS = '[network]\nmode = "always"'
CLONE_NEWNET = 0x40000000
# What light nodes log: with it goes why a dial came to nothing.
LIGHT_LOG = "info,wattle_p2p=debug,wattle_meter::run=debug"
# As the kernel counts them, from 1.
TCP_STATES = ["established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2", "time-wait", "closed",
              "close-wait", "last-ack", "listening", "closing"]
BIN = pathlib.Path(os.environ["WATTLE_TEST_BIN"])
libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """What was promised did not happen."""


def until(what, limit_s, look, pause_s=0.5):
    """Looks until `look` finds something; that, and the seconds it took."""
    begun = time.monotonic()
    while True:
        found = look()
        if found:
            return found, time.monotonic() - begun
        if time.monotonic() - begun > limit_s:
            raise Failed(f"not within {limit_s:.0f} s: {what}")
        time.sleep(pause_s)


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def socket_in(place, kind=socket.AF_INET):
    """A socket of another namespace: it stays there, whoever holds it."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{PREFIX}{place}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        return socket.socket(kind, socket.SOCK_STREAM)
    finally:
        libc.setns(here, CLONE_NEWNET)
        os.close(here)
        os.close(there)


class Http(http.client.HTTPConnection):
    """A connection that was made elsewhere."""

    def __init__(self, connected):
        super().__init__("localhost")
        self.connected = connected

    def connect(self):
        self.sock = self.connected


def fetch(connected, method, path, body=None):
    http_to = Http(connected)
    try:
        http_to.request(method, path, body, {"content-type": "application/json"})
        return json.loads(http_to.getresponse().read())
    finally:
        connected.close()


class Process:
    """A program in a namespace; its output goes to `<log>.out` and `<log>.err`."""

    def __init__(self, place, command, log):
        self.out, self.err = pathlib.Path(f"{log}.out"), pathlib.Path(f"{log}.err")
        with open(self.out, "wb") as out, open(self.err, "ab") as err:
            inside = ["ip", "netns", "exec", PREFIX + place, *map(str, command)]
            self.child = subprocess.Popen(inside, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def says(self, text):
        if self.child.poll() is not None:
            raise Failed(f"{self.out} has ended with {self.child.returncode}")
        return text in self.out.read_text()

    def last_lines(self, count):
        """Of its log."""
        return self.err.read_text(errors="replace").splitlines()[-count:]

    def links(self):
        """The other ends of its TCP connections out of its namespace, each with the connection's state."""
        if self.child.poll() is not None:
            return f"none: it has ended with {self.child.returncode}"
        proc, own, links = pathlib.Path(f"/proc/{self.child.pid}"), set(), []
        for file in (proc / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                own.add(os.readlink(file))
        for line in (proc / "net/tcp").read_text().splitlines()[1:]:
            _, _, end, state, _, _, _, _, _, inode, *_ = line.split()
            address, port = end.split(":")
            address = socket.inet_ntoa(bytes.fromhex(address)[::-1])
            if f"socket:[{inode}]" in own and not address.startswith(("0.", "127.")):
                links.append(f"{address}:{int(port, 16)} {TCP_STATES[int(state, 16) - 1]}")
        return links

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def memory_mib(self, which="VmHWM"):
        """Most memory that it ever had; `VmRSS` is what it has."""
        text = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", text)[1]) / 1024


class World:
    """Everything that was made, so that all of it can be taken away."""

    def __init__(self, directory, seed):
        self.dir = pathlib.Path(directory)
        self.lines = lines.Lines(seed)
        self.addresses = {}
        self.processes = []

    def place(self, name, address):
        """A namespace whose only link is a line."""
        namespace, device = PREFIX + name, f"ws{len(self.addresses)}"
        self.addresses[name] = None
        run("ip", "netns", "add", namespace)
        self.lines.add(name, device)
        run("ip", "link", "set", device, "netns", namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", namespace, "link", "set", device, "mtu", lines.MTU, "up")
        self.move(name, address)

    def move(self, name, address):
        """Gives a namespace another address; whatever runs in it notices as it would in the field."""
        namespace, device = PREFIX + name, f"ws{list(self.addresses).index(name)}"
        run("ip", "-n", namespace, "address", "flush", "dev", device)
        run("ip", "-n", namespace, "address", "add", f"{address}/32", "dev", device)
        run("ip", "-n", namespace, "route", "replace", "default", "dev", device, "src", address)
        self.lines.give(name, socket.inet_aton(address))
        self.addresses[name] = address

    def wire(self, name, other):
        """A cable from a namespace to a new one that has no other link. Nobody on it has an address of IPv6."""
        self.addresses[other] = f"{HOME}.2"
        run("ip", "netns", "add", PREFIX + other)
        run("ip", "-n", PREFIX + other, "link", "set", "lo", "up")
        ends = ["wire", "type", "veth", "peer", "name", "wire", "netns", PREFIX + other]
        run("ip", "-n", PREFIX + name, "link", "add", *ends)
        for host, end in enumerate((name, other), 1):
            run("ip", "-n", PREFIX + end, "link", "set", "wire", "addrgenmode", "none")
            run("ip", "-n", PREFIX + end, "address", "add", f"{HOME}.{host}/24", "dev", "wire")
            run("ip", "-n", PREFIX + end, "link", "set", "wire", "up")

    def plug(self, name, state):
        """Takes a cable's end `down` or `up`."""
        run("ip", "-n", PREFIX + name, "link", "set", "wire", state)

    def start(self, place, command, log):
        process = Process(place, command, log)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.child.poll() is None:
                process.signal(signal.SIGCONT)
                process.child.kill()
        for process in self.processes:
            process.child.wait()
        for name in self.addresses:
            subprocess.run(["ip", "netns", "del", PREFIX + name], check=False)


class Validator:
    def __init__(self, world, index):
        self.world, self.name = world, f"v{index}"
        self.home = world.dir / "net" / self.name
        self.process = None

    def start(self):
        command = [BIN / "wattle", "run", "--json", "--log", "info,libp2p_gossipsub=error", "--home", self.home]
        self.process = self.world.start(self.name, command, self.home / "log")

    def ask(self, method, **params):
        """An answer to the operator, whose socket is a file: no line is in the way."""
        to = socket.socket(socket.AF_UNIX)
        to.settimeout(20)
        to.connect(str(self.home / "admin.sock"))
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = fetch(to, "POST", "/rpc", request)
        if "error" in answer:
            raise Failed(f"{self.name} {method}: {answer['error']}")
        return answer["result"]

    def list(self, method, **params):
        items, cursor = [], {}
        while True:
            page = self.ask(method, limit=100, **params, **cursor)
            items += page["items"]
            if not page.get("nextCursor"):
                return items
            cursor = {"cursor": page["nextCursor"]}

    def height(self):
        return int(self.ask("chain_status")["height"])

    def wattle(self, *words):
        """A command of the product, given beside this validator; its answer."""
        inside = ["ip", "netns", "exec", PREFIX + self.name, BIN / "wattle", *words, "--json"]
        return json.loads(run(*inside, env={**os.environ, "HOME": str(self.world.dir)}))


class Light:
    """A light node beside its meter: unit `unit` of the village's gateway. A stranger has neither meter nor status page."""

    def __init__(self, world, name, unit=None):
        self.world, self.unit = world, unit
        self.home = world.dir / name
        self.place = "village"
        self.process = self.address = None

    def configure(self, peers, payer, reading_s, more=""):
        self.home.mkdir(mode=0o700)
        self.config = self.home / "light.toml"
        self.key = self.home / "meter.key"
        status = f"127.0.0.1:{STATUS_PORT + self.unit}" if self.unit else ""
        self.config.write_text(f"""
data_dir = "{self.home}/data"
checkpoint = "{self.world.dir}/net/checkpoint.json"
peers = {json.dumps(peers)}
fee_payer = "{payer}"
sample_interval_ms = 5000
reading_interval_ms = {reading_s * 1000}
sync_interval_ms = 0
submit_spread_ms = {reading_s * 500}
write_budget_bytes_per_hour = 1073741824
trust_clock = true
status_listen = "{status}"
{more}
[[bus]]
link = {{ kind = "tcp", address = "127.0.0.1:{MODBUS_PORT}" }}
[[bus.meter]]
name = "house"
unit = {self.unit or 1}
profile = "sdm630"
key_file = "{self.key}"
""")

    def bind(self, grid, owner):
        """Lets the key agree to its place and sign what the meter shows; the call that registers it."""
        inside = ["ip", "netns", "exec", PREFIX + "village", BIN / "wattle-light", "--json"]
        run(*inside, "keygen", "--out", self.key)
        place = ["--microgrid", grid, "--owner", owner, "--checkpoint", self.world.dir / "net/checkpoint.json"]
        read = ["--config", self.config, "--meter", "house"]
        bound = json.loads(run(*inside, "bind", "--key", self.key, *place, *read))
        self.address = bound["address"]
        words, time_ms = bound["opening"].split("@")
        imports, exports = ([int(word, 16) for word in side.split(",")] for side in words.split("/"))
        opening = {"import": imports, "export": exports, "timeMs": time_ms}
        return {"module": "energy", "call": "register_meter", "args": {
            "microgrid": grid, "owner": owner, "key": bound["publicKey"], "encoding": "float32_kwh", "role": "sub",
            "powerMaxW": 23000, "opening": opening, "binding": bound["binding"]}}

    def listed(self):
        """The peers in its configuration."""
        return json.loads(re.search(r"^peers = (.*)$", self.config.read_text(), re.MULTILINE)[1])

    def keygen(self):
        run(BIN / "wattle-light", "keygen", "--out", self.key)

    def start(self, place="village"):
        self.place = place
        command = ["env", f"WATTLE_LOG={LIGHT_LOG}", BIN / "wattle-light", "run", "--config", self.config]
        self.process = self.world.start(place, command, self.home / "log")

    def status(self):
        to = socket_in(self.place)
        to.settimeout(5)
        try:
            to.connect(("127.0.0.1", STATUS_PORT + self.unit))
            return fetch(to, "GET", "/status")
        except OSError:
            to.close()
            return None


def all_of(items, ask):
    """What each says, asked at once."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, items))


def gateway(village):
    """The village's meters, served where its light nodes are."""
    listener = socket_in("village")
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", MODBUS_PORT))
    return meters.Gateway(listener, village)
