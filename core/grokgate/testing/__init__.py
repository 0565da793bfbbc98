"""The test kit: a gateway, a scripted upstream, a sandbox and a clock for the tests of a plugin."""

from grokgate.testing.clock import FakeClock
from grokgate.testing.conformance import check_plugin
from grokgate.testing.elsewhere import OtherProcess
from grokgate.testing.gateway import Pool, RunningGateway, make_card, running_gateway
from grokgate.testing.server import free_port, kept_port, running_sandbox, serving
from grokgate.testing.socket import SocketTalk, talking
from grokgate.testing.upstream import Asked, FakeUpstream, picture

__all__ = [
    "Asked",
    "FakeClock",
    "FakeUpstream",
    "OtherProcess",
    "Pool",
    "RunningGateway",
    "SocketTalk",
    "check_plugin",
    "free_port",
    "kept_port",
    "make_card",
    "picture",
    "running_gateway",
    "running_sandbox",
    "serving",
    "talking",
]
