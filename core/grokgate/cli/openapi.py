"""``grokgate openapi``: the OpenAPI document of the routes that are on."""

import argparse

from grokgate.admin.mounting import AdminApi
from grokgate.app import api_document
from grokgate.cli.inspection import inspect_gateway
from grokgate.cli.notes import terminal_log
from grokgate.cli.table import print_json
from grokgate.http.openapi import filtered


def show(_arguments: argparse.Namespace) -> None:
    """Print the document as the running configuration would have it."""
    gateway = inspect_gateway(terminal_log())
    print_json(filtered(api_document(gateway, AdminApi(gateway)), gateway.enabled_routes))
