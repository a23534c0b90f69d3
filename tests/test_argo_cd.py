"""The health check for Argo CD in `examples/`, run by Argo CD's own Lua."""

import json
import subprocess

import pytest

from function.call import Manifest
from tests.generate import EXAMPLES
from tests.support import tools
from tests.support.apiserver import BUILD
from tests.support.world import router

SCRIPT = EXAMPLES / "argo-cd" / "health.lua"

Condition = tuple[str, str, str, str]

COMPOSED: Condition = ("Configured", "True", "Configured", "Composed.")
PRESENT: Condition = ("CredentialsPresent", "True", "AllPresent", "All there.")
UP: Condition = ("Available", "True", "DeploymentAvailable", "Can be called.")
CURRENT: Condition = ("RolledOut", "True", "AllReplicasUpdated", "All current.")
SYNCED: Condition = ("Synced", "True", "ReconcileSuccess", "")
READY: Condition = ("Ready", "True", "Available", "")
UNREADY: Condition = ("Ready", "False", "Creating", "")
WELL = {condition[0]: condition for condition in (COMPOSED, PRESENT, UP, CURRENT, SYNCED, READY)}

CASES: list[tuple[str, list[Condition], str]] = [
    ("a gateway that can be called", [], "Healthy"),
    (
        "a key is missing, and the other models work",
        [("CredentialsPresent", "False", "KeysMissing", "Missing: X.")],
        "Healthy\nMissing: X.",
    ),
    (
        "pods start",
        [UNREADY, ("Available", "False", "DeploymentUnavailable", "Too few.")],
        "Progressing\nToo few.",
    ),
    (
        "pods are being replaced, while the old ones serve",
        [("RolledOut", "False", "RollingOut", "Not all.")],
        "Progressing\nNot all.",
    ),
    (
        "new pods do not become ready, while the old ones serve",
        [("RolledOut", "False", "ProgressDeadlineExceeded", "Stuck.")],
        "Degraded\nStuck.",
    ),
    (
        "the spec is refused, while the last good state runs",
        [
            ("Configured", "False", "InvalidSpec", "A field is wrong."),
            ("Synced", "False", "ReconcileError", "cannot compose resources"),
        ],
        "Degraded\nA field is wrong.",
    ),
    (
        "Crossplane cannot reconcile",
        [("Synced", "False", "ReconcileError", "cannot fetch Composition")],
        "Degraded\ncannot fetch Composition",
    ),
    (
        "the Service was edited",
        [("Available", "False", "ServiceChanged", "Edited."), UNREADY],
        "Degraded\nEdited.",
    ),
    (
        "reconciliation is paused",
        [("Synced", "False", "ReconcilePaused", "Paused.")],
        "Suspended\nPaused.",
    ),
]


def health(status: Manifest, generation: int = 1) -> str:
    """What Argo CD says of a router."""
    xr = router()
    xr["metadata"]["generation"] = generation
    program = tools.find("argo-lua", BUILD)
    done = subprocess.run(
        [program, SCRIPT],
        input=json.dumps({**xr, "status": status}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def conditions(*changed: Condition) -> Manifest:
    """The status of a router that is well but for some conditions."""
    shown = {**WELL, **{condition[0]: condition for condition in changed}}
    keys = ("type", "status", "reason", "message")
    listed = [dict(zip(keys, condition, strict=True)) for condition in shown.values()]
    # Crossplane's own conditions say which generation they are of.
    own = {"Synced", "Ready"}
    return {
        "conditions": [{**c, "observedGeneration": 1} if c["type"] in own else c for c in listed]
    }


@pytest.mark.parametrize(("changed", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_health_of_a_router(changed: list[Condition], said: str) -> None:
    assert health(conditions(*changed)) == said


@pytest.mark.parametrize("status", [{}, {"conditions": []}])
def test_a_router_that_nothing_has_looked_at_progresses(status: Manifest) -> None:
    assert health(status) == "Progressing"


def test_a_change_that_crossplane_has_not_seen_progresses() -> None:
    assert health(conditions(), generation=2) == "Progressing\nWaiting for Crossplane"
