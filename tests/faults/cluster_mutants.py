"""Faults on purpose in what a cluster of Redis needs, each with the test that finds it."""

from __future__ import annotations

from tests.faults.mutants import Mutant, Patch

_FAULTS = "tests/lookup/test_cluster_faults.py::"
_FLEET = "server/lookup/fleet.py"
_HALF_WAY = _FAULTS + "test_a_slot_half_way_through_its_migration_is_read_and_written"
_LED_ON = _FAULTS + "test_what_is_sent_to_a_node_that_has_just_lost_the_slot_is_led_on"

CLUSTER = (
    Mutant(
        "a payment is written without asking",
        (Patch("server/lookup/redirects.py", "    if is_asking:", "    if False:"),),
        tests=(_HALF_WAY,),
    ),
    Mutant(
        "the sync writes without asking",
        (Patch("server/lookup/mirror.py", "        if asking:", "        if False:"),),
        tests=(_HALF_WAY,),
    ),
    Mutant(
        "the sync ignores where a key has moved",
        (
            Patch(
                _FLEET,
                '            _log.warning("a node refused a write", refusal=stray.refusal)\n'
                "            self.changed.set()\n",
                "",
            ),
            Patch(_FLEET, "if redirect else None", "if redirect and redirect.is_asking else None"),
        ),
        tests=(_LED_ON,),
    ),
    Mutant(
        "a worker ignores where a key has moved",
        (
            Patch(
                "server/lookup/members.py",
                "        if not redirect.is_asking:\n            self.look_soon()\n",
                "        if not redirect.is_asking:\n            return None\n",
            ),
        ),
        tests=(_LED_ON,),
    ),
    Mutant(
        "strays are not led to their node",
        (
            Patch(
                _FLEET,
                "        future = target.take(stray.command, asking=redirect.is_asking)",
                "        return\n"
                "        future = target.take(stray.command, asking=redirect.is_asking)",
            ),
        ),
        tests=(_LED_ON,),
    ),
    Mutant(
        "a note passes what strays",
        (
            Patch(
                _FLEET,
                "            await asyncio.wait(tuple(self._strays))\n"
                "        if self.changed.is_set():\n"
                '            raise NodesChangedError("something that was sent is not done")\n'
                "        await note()",
                "            pass\n        await note()",
            ),
        ),
        tests=(_FAULTS + "test_a_change_that_looks_for_its_node_is_applied_nowhere_yet",),
    ),
    Mutant(
        "entries of a lost slot are kept",
        (
            Patch(
                "server/lookup/members.py",
                "        if self.keeper.primary.slots - primary.slots:\n"
                "            self.forget()\n",
                "",
            ),
        ),
        tests=(_FAULTS + "test_what_was_held_of_a_slot_is_not_believed_when_the_slot_comes_back",),
    ),
    Mutant(
        "the marks of a promoted replica are believed",
        (
            Patch(
                "server/lookup/leadership.py",
                '        (applied.run_id != wanted.run_id, "Redis was restarted"),\n',
                "",
            ),
            Patch(
                "server/lookup/leadership.py",
                "    complete = replace(marks.complete, slots=wanted.slots)",
                "    complete = replace(marks.complete, slots=wanted.slots, run_id=wanted.run_id)",
            ),
        ),
        tests=("tests/lookup/test_sync.py",),
    ),
)
