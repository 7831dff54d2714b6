"""`labctl class`: a lab for each seat of a class. Each command is a module of its own."""

from __future__ import annotations

import typer

from labctl.cli.class_cards import cards
from labctl.cli.class_check import check
from labctl.cli.class_destroy import destroy
from labctl.cli.class_doctor import doctor
from labctl.cli.class_down import down
from labctl.cli.class_drill import app as drill
from labctl.cli.class_end import end
from labctl.cli.class_enter import enter
from labctl.cli.class_init import init
from labctl.cli.class_keys import keys
from labctl.cli.class_move import move
from labctl.cli.class_net import net
from labctl.cli.class_reset import reset
from labctl.cli.class_serve import serve
from labctl.cli.class_ssh import ssh
from labctl.cli.class_status import status
from labctl.cli.class_undo import undo
from labctl.cli.class_up import up
from labctl.cli.commands import Group
from labctl.i18n import _

app = typer.Typer(
    cls=Group,
    help=_("Run a lab for each seat of a class."),
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("init", help=_("Describe a class: its seats and students. Nothing is built."))(init)
app.command("doctor", help=_("Check what this machine lacks for all seats together."))(doctor)
app.command(
    "up", help=_("Build and start the labs of all seats; continues after an interruption.")
)(up)
app.command("status", help=_("Show each seat: its student, its state and its drill."))(status)
app.command("check", help=_("Grade seats, section by section."))(check)
app.command("reset", help=_("Return seats to a checkpoint."))(reset)
app.command("undo", help=_("Restore the state of a seat before its last reset."))(undo)
app.command("net", help=_("Open or close the internet access of seats."))(net)
app.command("move", help=_("Move the labs of seats to another member of a cluster."))(move)
app.add_typer(drill, name="drill")
app.command("enter", help=_("Open a shell on a host of a seat."))(enter)
app.command("cards", help=_("Write a page to print, with a card for each seat."))(cards)
app.command("serve", help=_("Show the class on a web page, with terminals for the students."))(
    serve
)
app.command("ssh", help=_("Let students log in by SSH from their own machines."))(ssh)
app.command("keys", help=_("Write the keys and settings that students need for that."))(keys)
app.command("down", help=_("Stop the labs of seats and keep everything."))(down)
app.command("destroy", help=_("Remove the labs of all seats and keep the class."))(destroy)
app.command("end", help=_("End the course: remove labs, names, codes and history."))(end)
