"""Faults put into the server on purpose, each with who finds it: if nobody does, the proof is none.

`make faults-mutants` copies the tree, changes the copy, and lets the runs or a test have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SQL = Path("server/storage/schema/9999_mutant.sql")
"""Where a change of the database stands in the copy: a migration after all others."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One change of one file; `old` stands there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, how it is done, who finds it."""

    wrong: str
    patches: tuple[Patch, ...] = ()
    sql: str = ""
    seeds: tuple[int, ...] = ()
    """Runs that find it; the first ones do not always, because time is not a seed."""
    hosts: int = 1
    tests: tuple[str, ...] = ()
    """Or tests that do."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.wrong.replace(" ", "-").replace(",", "")


def changed_function(name: str, old: str, new: str) -> str:
    """A statement that replaces a part of a function's body, and fails where there is no such."""
    return f"""
do $mutant$
declare
  was text := pg_get_functiondef('{name}'::regproc);
  becomes text := replace(was, $old${old}$old$, $new${new}$new$);
begin
  assert becomes <> was, 'the mutant changes nothing in {name}';
  execute becomes;
end $mutant$;
"""


_NO_KEY = "alter table ledger.payment_key drop constraint payment_key_pkey;"
_POST = "ledger.post_payments"
_POSTING = "server/storage/posting.py"
_MOMENTS = "tests/faults/test_moments.py::"

MUTANTS = (
    Mutant("the key is not unique", sql=_NO_KEY, seeds=(0, 2, 4, 6)),
    Mutant(
        "plain payments are written whatever the account",
        sql=changed_function(
            "ledger.post_plain",
            "or cardinality(places) is distinct from cardinality(accounts)",
            "or cardinality(places) = 0",
        ),
        tests=("tests/storage/test_plain.py",),
    ),
    Mutant(
        "check, then insert",
        sql=_NO_KEY
        + changed_function(_POST, "locked text[];", "locked text[]; known text[];")
        + changed_function(
            _POST,
            "begin\n  insert into ledger.business_day",
            "begin\n  known := array(select k.agent || '/' || k.agent_payment_id"
            " from ledger.payment_key k where k.agent_payment_id = any(p_ids));"
            "\n  insert into ledger.business_day",
        )
        + changed_function(
            _POST,
            "where i.account <> all(idle)",
            "where i.account <> all(idle) and i.agent || '/' || i.id <> all(known)",
        ),
        seeds=(0, 2, 4, 6, 8, 10),
    ),
    Mutant(
        "answer before commit",
        (
            Patch(
                _POSTING,
                "rows = await self._call(session, batch, wait=False)",
                "async with session.transaction():\n"
                "                rows = await self._call(session, batch, wait=False)\n"
                "                self._hand_out(batch, rows)\n"
                "                await asyncio.sleep(0.02)\n"
                "            return True",
            ),
        ),
        seeds=(0, 2, 4, 6, 8, 10),
    ),
    Mutant(
        "answer before it is on disk",
        (
            Patch(
                "server/storage/connection.py",
                '"synchronous_commit": "on"',
                '"synchronous_commit": "off"',
            ),
        ),
        tests=(_MOMENTS + "test_what_was_answered_is_on_disk",),
    ),
    Mutant(
        "write-through before commit",
        (
            Patch(
                _POSTING,
                "rows = await self._call(session, batch, wait=False)",
                "async with session.transaction():\n"
                "                rows = await self._call(session, batch, wait=False)\n"
                "                found = outcomes([item.order for item in batch], rows)\n"
                "                await self.tell([each.lane for each in found if each.lane])\n"
                "                await asyncio.sleep(0.05)",
            ),
            Patch(
                "server/app.py",
                "    stack.push_async_callback(ledger.finish)",
                "    stack.push_async_callback(ledger.finish)\n"
                "    ledger._group_commit.tell = near_cache.publish",
            ),
        ),
        seeds=(24, 18, 38, 28, 22),
    ),
    Mutant(
        "set without comparing versions",
        (Patch("server/lookup/merge.py", "    elseif p1 > p0 then", "    elseif p1 > 0 then"),),
        tests=("tests/lookup/test_merge.py",),
    ),
    Mutant(
        "the account's state before the repeat",
        sql=changed_function(
            _POST,
            "case when r.place is null then",
            "case when b.state <> 'active' then b.state when r.place is null then",
        ),
        seeds=(0, 2, 4, 6),
    ),
    Mutant(
        "a conflict of the sum only",
        sql=changed_function(
            _POST,
            "when r.fingerprint <> i.fingerprint then 'conflict'",
            "when split_part(r.fingerprint, E'\\x1f', 2) <> split_part(i.fingerprint, E'\\x1f', 2)"
            " then 'conflict'",
        ),
        seeds=(0, 2, 4, 6),
    ),
    Mutant(
        "one bad row fails its batch",
        (
            Patch(
                _POSTING,
                "        except Exception:  # whatever it is, it must not end the draining\n"
                "            self._spawn(self._one_by_one(batch))",
                "        except Exception as error:\n"
                "            self._fail(batch, _unknown(error))",
            ),
            Patch(
                _POSTING,
                "            self._spawn(self._one_by_one(batch))\n        except LOST as error:",
                "            self._fail(batch, _unknown(RuntimeError()))\n"
                "        except LOST as error:",
            ),
        ),
        tests=("tests/storage/test_posting.py", "tests/storage/test_acceptance.py"),
    ),
    Mutant(
        "the janitor posts",
        (
            Patch(
                "server/storage/janitor_steps.py", "move_payment('expire'", "move_payment('confirm'"
            ),
        ),
        tests=("tests/storage/test_janitor.py",),
    ),
    Mutant(
        "a cancellation deletes",
        sql="alter table ledger.payment disable trigger user;"
        "alter table ledger.payment_event disable trigger user;"
        + changed_function(
            "ledger.move_payment",
            "delete from ledger.open_hold where payment_id = p.payment_id;",
            "if became = 'cancelled' then"
            " delete from ledger.payment_event e where e.payment_id = p.payment_id;"
            " delete from ledger.payment q where q.payment_id = p.payment_id;"
            " delete from ledger.payment_key k where k.payment_id = p.payment_id; end if;",
        ),
        tests=("tests/storage/test_posting.py", "tests/storage/test_states.py"),
    ),
    Mutant(
        "rounding to the nearest even kopeck",
        (
            Patch(
                "server/money.py",
                "        if len(fraction) > decimals or",
                "        if fraction[2:3] == '5' and not fraction[3:].strip('0'):\n"
                "            kopecks = int(whole) * 100 + int(fraction[:2])\n"
                "            return cls(kopecks + kopecks % 2)\n"
                "        if len(fraction) > decimals or",
            ),
        ),
        tests=("tests/words/test_money.py",),
    ),
    Mutant(
        "an invalidation is ignored",
        (
            Patch(
                "server/lookup/session.py",
                '                evict(key[2:].decode("utf-8", "replace"))',
                '                key[2:].decode("utf-8", "replace")',
            ),
        ),
        seeds=(1, 3, 5, 7),
        hosts=2,
    ),
    Mutant(
        "a repeat is answered without telling",
        (
            Patch(
                "server/payments/desk.py",
                "        assert payment is not None\n        await self._publish(posted)",
                "        assert payment is not None\n"
                "        if posted.result is not Result.REPEATED:\n"
                "            await self._publish(posted)",
            ),
        ),
        tests=(_MOMENTS + "test_a_repeat_tells_everybody_what_its_first_could_not",),
    ),
    Mutant(
        "a restore does not raise the epoch",
        (Patch("server/lookup/slot.py", "greatest(epoch, $1) + 1", "greatest(epoch, $1)"),),
        tests=("tests/lookup/test_sync.py",),
    ),
)
