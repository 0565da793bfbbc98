"""``grokgate admin``: the way back in, for who has the machine."""

import argparse

from grokgate.cli.notes import note
from grokgate.cli.work import perform


def reset_password(_arguments: argparse.Namespace) -> None:
    """End the password and all logins; print the link to choose a new one."""
    link = perform("admin.reset_password", {})["link"]
    if link is None:
        note(
            "the password has ended; grokgate serve prints the link to choose a new one, unless "
            "the environment sets a password"
        )
    else:
        print(link)
        note("the password and all logins have ended; choose a new password at this link")
