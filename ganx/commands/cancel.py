"""`ganx cancel`: stop the jobs of a sweep. Its runs keep their checkpoints, and go on when asked for again."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress

from ganx.commands import Parser, as_options, check_outputs
from ganx.errors import RunError
from ganx.launch.folder import Sweep, SweepFolder, find_sweep
from ganx.launch.queue import cancel, is_active, queue
from ganx.run.lock import Heartbeat, is_alive
from ganx.text import plural


def run(argv: list[str]) -> int:
    """Cancel what is left of a sweep, and say what that was."""
    parser = Parser(
        prog="ganx cancel",
        description="Cancel the jobs of a sweep, waiting and running, and no others. Runs keep their checkpoints.",
    )
    parser.add_argument("sweep", help="the name of a sweep, or its beginning; ganx status lists them")
    default = os.environ.get("GANX_OUTPUTS", "outputs")
    parser.add_argument("--outputs", metavar="DIR", help=f"where it is; also outputs=DIR (default: {default})")
    args = parser.parse_args(as_options(argv, ["outputs"], "ganx cancel"))
    folder = find_sweep(args.sweep, check_outputs(args.outputs, default))
    sweep = folder.read()
    stopped = _cancel_slurm(sweep) if any(job.id for job in sweep.jobs) else _stop_processes(folder, sweep)
    print(f"{sweep.name}: {stopped}")
    return 0


def _cancel_slurm(sweep: Sweep) -> str:
    known = queue()
    if known is None:
        raise RunError(f"squeue does not answer here; the jobs are {', '.join(job.id for job in sweep.jobs)}")
    ids = [job.id for job in sweep.jobs if is_active(known, job.id)]
    if not ids:
        return "no job of it is left"
    cancel(*ids)
    return f"cancelled {plural(len(ids), 'job')}: {', '.join(ids)}"


def _stop_processes(folder: SweepFolder, sweep: Sweep) -> str:
    """Ask the processes of this machine to save a checkpoint and stop; that of the command first, or it starts more."""
    signs = [folder.heartbeat, *(folder.sign_of_life(job.number) for job in sweep.jobs)]
    alive = [beat for sign in signs if is_alive(sign) and (beat := Heartbeat.read(sign)) is not None]
    elsewhere = {beat.host for beat in alive} - {socket.gethostname()}
    if elsewhere:
        raise RunError(f"{sweep.name} runs on {', '.join(sorted(elsewhere))}: cancel it there")
    pids = list(dict.fromkeys(beat.pid for beat in alive))
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    return f"stopped {plural(len(pids), 'process')}" if pids else "no process of it is left"
