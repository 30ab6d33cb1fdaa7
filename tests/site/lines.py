"""Links between network namespaces: each has one line with a rate, and packets take a time and get lost on the way.

The kernel's `netem` does this too, but many kernels are built without it. So each namespace's only interface is a TUN
device, whose other end is held here: packets of IP go in, wait for their turn on the sender's line, travel, wait for
their turn on the receiver's line, and come out. TCP and QUIC see what they would see on a bad link, the
queue in front of it included. Who has which address is said by `give`, so that two sites can swap theirs.

Not here: namespaces and what runs in them (`world`).
"""

import fcntl
import heapq
import os
import random
import selectors
import struct
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 1400
# What waits in front of a line at most, s of its rate: a modem's buffer. Then packets are dropped.
QUEUE_S = 2.0
QUEUE_BYTES_MIN = 16 * 1024


class Way:
    """One direction of a line: packets leave one after another."""

    def __init__(self):
        self.free_at = 0.0
        self.bytes = 0

    def leaves(self, size, rate, now):
        """When a packet of so many bytes that comes now has left; None when the queue is full."""
        if rate is None:
            self.bytes += size
            return now
        start = max(now, self.free_at)
        if (start - now) * rate > max(QUEUE_S * rate, QUEUE_BYTES_MIN):
            return None
        self.free_at = start + size / rate
        self.bytes += size
        return self.free_at


class Line:
    """A site's line. `cut` stands for a pulled cable: what is on its way is lost too."""

    def __init__(self, device):
        self.file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.file, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
        self.up, self.down = Way(), Way()
        self.rate = None
        self.cut = False


class Lines:
    """All lines, and the thread that carries packets between them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.delay_s = 0.0
        self.loss = 0.0
        self.lines = {}
        self.owner = {}  # by the four bytes of an address
        self.waiting = []  # (when, number, line, packet, whether it is past the receiver's queue)
        self.count = 0
        self.lost = 0
        self.selector = selectors.DefaultSelector()
        self.lock = threading.Lock()
        threading.Thread(target=self._carry, daemon=True).start()

    def add(self, name, device):
        line = Line(device)
        with self.lock:
            self.lines[name] = line
        self.selector.register(line.file, selectors.EVENT_READ, line)
        return line

    def give(self, name, address):
        """From now on the address is this line's alone, and it has no other."""
        with self.lock:
            line = self.lines[name]
            self.owner = {a: of for a, of in self.owner.items() if of is not line}
            self.owner[address] = line

    def shape(self, names, rate_kbit, delay_ms, loss_percent):
        """Rate of each of these lines both ways; time and loss of every packet. A rate of 0 is none."""
        with self.lock:
            for name in names:
                self.lines[name].rate = rate_kbit * 125.0 or None
            self.delay_s, self.loss = delay_ms / 1000.0, loss_percent / 100.0

    def cut(self, names, cut):
        with self.lock:
            for name in names:
                self.lines[name].cut = cut

    def carried(self, name):
        """Bytes that left a line and that came to it, so far."""
        line = self.lines[name]
        return line.up.bytes, line.down.bytes

    def _push(self, when, line, packet, through):
        self.count += 1
        heapq.heappush(self.waiting, (when, self.count, line, packet, through))

    def _take(self, line, now):
        """Packets that a site sends."""
        for _ in range(64):
            try:
                packet = os.read(line.file, 65536)
            except (BlockingIOError, OSError):  # none, or the interface is down
                return
            to = self.owner.get(packet[16:20]) if packet[:1] and packet[0] >> 4 == 4 else None
            if to is None or to is line or line.cut:
                continue
            left = line.up.leaves(len(packet), line.rate, now)
            if left is None or self.random.random() < self.loss:
                self.lost += 1
                continue
            self._push(left + self.delay_s, to, packet, False)

    def _due(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            _, _, line, packet, through = heapq.heappop(self.waiting)
            if line.cut:
                continue
            if not through:
                arrives = line.down.leaves(len(packet), line.rate, now)
                if arrives is None:
                    self.lost += 1
                elif arrives > now:
                    self._push(arrives, line, packet, True)
                else:
                    through = True
            if through:
                try:
                    os.write(line.file, packet)
                except OSError:  # the interface is down
                    self.lost += 1

    def _carry(self):
        while True:
            wait = self.waiting[0][0] - time.monotonic() if self.waiting else 0.5
            ready = self.selector.select(max(0.0, min(wait, 0.5)))
            with self.lock:
                now = time.monotonic()
                for key, _ in ready:
                    self._take(key.data, now)
                self._due(now)
