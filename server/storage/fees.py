"""The sums of 103-ФЗ that registries tell of payments, and cases where others were told before.

A payment's first telling is kept; one that differs from the last is kept too and opens a case. A
line tells of its payment only when their sums are one: else another case is about it.
"""

from __future__ import annotations

from server.storage.connection import Connection


async def record_fees_of_file(connection: Connection, first_line: int) -> None:
    """Of a file that is being imported, after its lines; needs the matching's temporary tables."""
    await connection.execute(_RECORD.format(told=_OF_FILE), first_line)


async def record_fees_of_line(connection: Connection, line: int) -> None:
    """Of a line that a decision has tied to a payment."""
    await connection.execute(_RECORD.format(told=_OF_LINE), line)


# The second part: rows that an earlier file told of in the same words, but for the fees.
_OF_FILE = """
select l.id, l.registry, l.agent, l.number, l.details -> 'fees' as fees, t.payment_id,
       t.amount_kopecks as credited, jsonb_build_object('payment_id', t.payment_id,
         'agent', t.agent, 'agent_payment_id', t.agent_payment_id, 'account', t.account,
         'amount_kopecks', t.amount_kopecks, 'business_day', t.business_day) as payment
  from recon_tied t join recon.lines l on l.id = $1::bigint + t.ordinal - 1
 where l.details ? 'fees' and l.amount_kopecks = t.amount_kopecks
union all
select l.id, l.registry, l.agent, l.number, l.details -> 'fees', c.payment_id, l.amount_kopecks,
       jsonb_build_object('payment_id', c.payment_id, 'agent', l.agent,
         'agent_payment_id', l.operation, 'account', l.account,
         'amount_kopecks', l.amount_kopecks, 'business_day', l.paid_on)
  from recon_carried c join recon.lines l on l.id = $1::bigint + c.ordinal - 1
 where l.details ? 'fees' and exists (select from ledger.payment_amounts a
         where a.payment_id = c.payment_id and a.credited_kopecks = l.amount_kopecks)
"""
_OF_LINE = """
select l.id, l.registry, l.agent, l.number, l.details -> 'fees' as fees, p.payment_id,
       p.amount_kopecks as credited, jsonb_build_object('payment_id', p.payment_id,
         'agent', p.agent, 'agent_payment_id', p.agent_payment_id, 'account', p.account,
         'amount_kopecks', p.amount_kopecks, 'business_day', p.business_day) as payment
  from recon.lines l join ledger.payment p on p.payment_id = l.payment_id
 where l.id = $1 and l.details ? 'fees' and l.amount_kopecks = p.amount_kopecks
"""
_RECORD = """
with said as ({told}), told as (
  select s.*, f.*, credited + f.payer_fee_kopecks as accepted_kopecks,
         credited as credited_kopecks, credited - f.withheld_kopecks as transfer_kopecks
    from said s, jsonb_to_record(s.fees) as f(payer_fee_kopecks bigint, withheld_kopecks bigint)
), before as (
  select distinct on (a.payment_id) a.* from ledger.payment_amounts a
   where a.payment_id in (select payment_id from told)
   order by a.payment_id, a.recorded_at desc, a.source desc
), differing as (
  select t.*, to_jsonb(b) - '{{payment_id,source,recorded_at}}'::text[] as was,
         b.transfer_kopecks as transferred
    from told t left join before b on b.payment_id = t.payment_id
   where b.payment_id is null
      or (b.payer_fee_kopecks, b.withheld_kopecks) <> (t.payer_fee_kopecks, t.withheld_kopecks)
), kept as (
  insert into ledger.payment_amounts (payment_id, source, accepted_kopecks, payer_fee_kopecks,
      credited_kopecks, withheld_kopecks, transfer_kopecks)
  select payment_id, 'registry/' || id, accepted_kopecks, payer_fee_kopecks, credited_kopecks,
         withheld_kopecks, transfer_kopecks
    from differing order by id
)
insert into recon.mismatches (agent, registry, kind, payment_id, amount_kopecks, details)
select agent, registry, 'FEE_DIFFERS', payment_id, transfer_kopecks - transferred,
       jsonb_build_object('payment', payment, 'line', number, 'fees', jsonb_build_object(
         'before', was, 'now', jsonb_build_object('accepted_kopecks', accepted_kopecks,
           'payer_fee_kopecks', payer_fee_kopecks, 'credited_kopecks', credited_kopecks,
           'withheld_kopecks', withheld_kopecks, 'transfer_kopecks', transfer_kopecks)))
  from differing where was is not null order by id
"""
