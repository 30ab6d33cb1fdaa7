"""A Modbus server that shares no code with the light node, for its tests.

    pymodbus_server.py tcp|rtu_over_tcp|rtu:<device> UNIT=MAP [UNIT=MAP ...]

A MAP is `sdm630`, `sdm120`, `sdm230`, `victron`, or `sunspec:<base>:<exponent>[:<model>]`. Prints one line of JSON when it serves, with its port. Then each
line of standard input is a JSON command `{"unit": 1, "table": "input", "address": 0, "words": [0, 0]}` that sets
registers, answered by the line `{}`. Ends with its input.
"""

import asyncio
import json
import struct
import sys

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

FUNCTIONS = {"holding": 16, "input": 4}
NONE = 0x8000  # a SunSpec point that the meter has not


def float_words(value):
    return list(struct.unpack(">HH", struct.pack(">f", value)))


def text_words(text, count):
    return list(struct.unpack(f">{count}H", text.encode().ljust(2 * count, b"\0")))


def signed(value):
    return value & 0xFFFF


def sdm630():
    """Input registers in the runs that the meter has, and its number among the holding registers."""
    runs = {
        0x00: [230.2, 231.5, 229.0, 5.25, 4.5, 0.0, 1208.5, 1041.75, 0.0],
        0x34: [2250.25],
        0x46: [50.0, 12345.678, 42.5],
        0x156: [12388.178],
    }
    inputs = {at: [w for v in values for w in float_words(v)] for at, values in runs.items()}
    return {0xFC00: [0x0133, 0xA4F2]}, inputs


def single_phase(more):
    """What SDM120 and SDM230 have in common, and the runs that only one of them has."""
    runs = {0x00: [230.2], 0x06: [5.25], 0x0C: [1208.5], 0x46: [50.0, 12345.678, 42.5], 0x156: [12388.178]} | more
    inputs = {at: [w for v in values for w in float_words(v)] for at, values in runs.items()}
    return {0xFC00: [0x0133, 0xA4F2]}, inputs


def victron():
    """A GX device's system registers: the grid gives 300 W on L1 and takes 200 W on L2."""
    return {820: [300, signed(-200), NONE], 842: [signed(-1500), 87]}, {0xFFF0: [0]}


def sunspec(base, exponent, model=203):
    """The mark, model 1, a model that nobody asked for, the meter's model, the end."""
    common = text_words("Wattworks", 16) + text_words("WW-3P", 16) + text_words("", 8)
    common += text_words("1.4", 8) + text_words("SN-000123", 16) + [1, NONE]
    meter = [0] * 105  # from the register after the length on: an offset of the standard is two higher
    at = lambda offset, *words: meter.__setitem__(slice(offset - 2, offset - 2 + len(words)), words)
    at(2, 975, 525, 450, signed(NONE), signed(-2))
    at(7, 23020, 23020, 23150, signed(NONE), 39900, 39900, signed(NONE), signed(NONE), signed(-2))
    at(16, 5000, signed(-2))
    at(18, 225, 121, 104, signed(NONE), 1)
    at(38, 0x0000, 0x1092)  # 4242 counts out
    at(46, 0x0001, 0x86A0)  # 100000 counts in
    at(54, signed(exponent))
    words = [0x5375, 0x6E53, 1, 66] + common + [120, 26] + [0] * 26 + [model, 105] + meter + [0xFFFF, 0]
    return {base: words}, {0xFFF0: [0]}


def blocks(runs):
    return [SimData(at, values=words, datatype=DataType.REGISTERS) for at, words in runs.items()]


def device(unit, holding, inputs, action=None):
    bits = lambda: [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    return SimDevice(unit, (bits(), bits(), blocks(holding), blocks(inputs)), action=action)


async def nobody(*_):
    return ExcCodes.GATEWAY_NO_RESPONSE


async def main():
    how, maps = sys.argv[1], dict(arg.split("=") for arg in sys.argv[2:])
    rtu = how != "tcp"
    units = {int(unit) for unit in maps}
    everything = {0: [0] * 0x10000}
    devices = [device(0, everything, everything, nobody)]
    for unit, name in maps.items():
        kind, *rest = name.split(":")
        kinds = {
            "sdm630": sdm630,
            "sdm120": lambda: single_phase({}),
            "sdm230": lambda: single_phase({0x24: [12.5]}),
            "victron": victron,
            "sunspec": lambda: sunspec(*map(int, rest)),
        }
        holding, inputs = kinds[kind]()
        devices.append(device(int(unit), holding, inputs))

    def trace(sending, packet):
        # On a serial line nobody answers for a unit that is not there.
        return b"" if sending and rtu and packet[0] not in units else packet

    framer = FramerType.RTU if rtu else FramerType.SOCKET
    if how.startswith("rtu:"):
        port = how.removeprefix("rtu:")
        server = ModbusSerialServer(devices, framer=framer, port=port, baudrate=9600, trace_packet=trace)
    else:
        server = ModbusTcpServer(devices, framer=framer, address=("127.0.0.1", 0), trace_packet=trace)
    await server.serve_forever(background=True)
    sockets = getattr(server.transport, "sockets", None)
    print(json.dumps({"port": sockets[0].getsockname()[1] if sockets else 0}), flush=True)

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        function = FUNCTIONS[order["table"]]
        await server.async_setValues(order["unit"], function, order["address"], order["words"])
        print("{}", flush=True)


asyncio.run(main())
