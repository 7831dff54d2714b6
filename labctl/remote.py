"""A host's shell and files over SSH, through Fabric: the only way a step touches a host.

Commands are lists and quoted in one place; a secret goes to a command's standard input.
Host keys are those the provider pinned; an unknown one is refused.
"""

from __future__ import annotations

import io
import logging
import select
import socket
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Self

import paramiko
from fabric import Config, Connection
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from labctl import dial
from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed, WrongState
from labctl.i18n import _
from labctl.managed import ManagedFile
from labctl.quote import shell_line
from labctl.run import Completed
from labctl.scripts import PATIENCE, Script
from labctl.tunnel import Tunnel

# What goes wrong is an exception here; paramiko would print it a second time.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_FINGERPRINTS = """
for path do
  if [ -f "$path" ] && [ ! -L "$path" ]; then
    printf '%s %s\\n' "$(sha256sum <"$path" | cut -c1-64)" "$(stat -c '%a %U %G' -- "$path")"
  else
    echo absent
  fi
done
"""


_CONNECT_SECONDS = 10

