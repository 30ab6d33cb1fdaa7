"""Modbus meters of a village behind one gateway: units 1 to N with the SDM630's map, each drawing its own power steadily.

The counters depend on the seed and the time alone. `stop` lets them stand still, so that a bill can be compared with
what they show.
"""

import random
import socketserver
import struct
import threading
import time

IMPORT, EXPORT, SERIAL = 0x48, 0x4A, 0xFC00
WATTS = (200, 4000)
# Steps of a counter in a kWh: each is a number that binary32 has, so that the chain's Wh are known here to the last one.
STEPS = 128


class Meter:
    """A meter: Wh at a time, and the registers that show it."""

    def __init__(self, unit, seed):
        draw = random.Random(seed * 1000 + unit)
        self.unit = unit
        self.watts = draw.randint(*WATTS)
        self.begun_steps = draw.randint(100, 60_000)
        self.begun = time.monotonic()
        self.stopped = None

    def steps(self):
        seconds = (self.stopped or time.monotonic()) - self.begun
        return self.begun_steps + int(self.watts * seconds / 3_600_000 * STEPS)

    def import_wh(self):
        return self.steps() * 1000 // STEPS

    def stop(self):
        self.stopped = time.monotonic()

    def words(self):
        shown = {IMPORT: self.steps() / STEPS, EXPORT: 0.0, 0x00: 230.0, 0x34: float(self.watts), 0x46: 50.0}
        words = {}
        for at, value in shown.items():
            words[at], words[at + 1] = struct.unpack(">HH", struct.pack(">f", value))
        words[SERIAL], words[SERIAL + 1] = 0x0133, self.unit
        return words


class Gateway(socketserver.ThreadingTCPServer):
    """Serves meters by their unit. `listener` is a bound socket, in whatever namespace."""

    daemon_threads = True

    def __init__(self, listener, meters):
        super().__init__(("", 0), Questions, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.socket.listen(256)
        self.meters = {meter.unit: meter for meter in meters}
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Questions(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while head := self.rfile.read(7):
                number, _, length, unit = struct.unpack(">HHHB", head)
                function, at, count = struct.unpack(">BHH", self.rfile.read(length - 1)[:5])
                words = self.server.meters[unit].words()
                body = struct.pack(f">{count}H", *(words.get(a, 0) for a in range(at, at + count)))
                answer = bytes([function, len(body)]) + body
                self.wfile.write(struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer)
        except (OSError, struct.error, KeyError):
            pass  # gone, or no Modbus
