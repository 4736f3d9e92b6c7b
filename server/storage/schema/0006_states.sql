-- Two phases, one transition table, expiry, opposite entries by people; batches whose work grows
-- with their size and no faster; remembered refusals; the janitor's record.

alter table ledger.payment add column valid_until timestamptz;
comment on column ledger.payment.valid_until is
  'a payment in two phases: confirmed until then, or it expires';

-- The held payments, for the janitor: a row goes when its payment is no longer held.
create table ledger.open_hold (
  payment_id bigint primary key,
  recorded_at timestamptz not null,
  valid_until timestamptz not null
);
create index open_hold_overdue on ledger.open_hold (valid_until);

create table ledger.janitor_step (
  id bigint generated always as identity primary key,
  step text not null,
  host text not null,
  started_at timestamptz not null,
  seconds double precision not null,
  settled bigint not null,
  error text not null default ''
);
create index janitor_step_started on ledger.janitor_step (started_at);
call ledger.make_append_only('ledger.janitor_step');

-- server/payments/states.py in SQL: the new state; or what is answered when nothing changes.
-- The few accounts that take no payments: a batch asks whether it has one of them.
create index account_billed_idle on ledger.account_billed (account) where state <> 'active';

create function ledger.transition(state text, action text) returns text
language sql immutable parallel safe as $$
  select case
    when state is null then
      case action when 'pay' then 'credited' when 'hold' then 'held' else 'not_found' end
    when state = 'held' then
      case action when 'hold' then 'repeated' when 'confirm' then 'credited'
                  when 'cancel' then 'cancelled' when 'expire' then 'expired'
                  when 'pay' then 'conflict' else 'forbidden' end
    when state = 'credited' then
      case action when 'cancel' then 'cancelled' when 'reverse' then 'reversed'
                  when 'expire' then 'forbidden' else 'repeated' end
    when action = 'cancel' or (state, action) in (('expired', 'expire'), ('reversed', 'reverse'))
      then 'repeated'
    else 'payment_cancelled' end
$$;

-- What the events of a payment say: its state, and when it went through which.
create function ledger.history(for_payment bigint, recorded timestamptz)
returns table (state text, state_at timestamptz, reason text, seq smallint, held_at timestamptz,
               credited_at timestamptz, credited_on date) language sql stable as $$
  select (array_agg(e.kind order by e.seq desc))[1],
         (array_agg(e.happened_at order by e.seq desc))[1],
         (array_agg(e.reason order by e.seq desc))[1], max(e.seq),
         min(e.happened_at) filter (where e.kind = 'held'),
         min(e.happened_at) filter (where e.kind = 'credited'),
         min(e.business_day) filter (where e.kind = 'credited')
    from ledger.payment_event e
   where e.payment_id = for_payment and e.payment_recorded_at = recorded
$$;

drop function ledger.cancel_payment;
drop function ledger.post_payments;
drop function ledger.recorded;
drop type ledger.posted;

create type ledger.posted as (
  place integer,             -- the order's place in the batch, from 1
  outcome text,              -- a Result of server/payments/ports.py
  payment_id bigint, recorded_at timestamptz,
  -- What the caller does not know of an accepted order; the rest only where it was looked up.
  epoch integer, version bigint, services smallint[], paid bigint[], advance bigint, lsn pg_lsn,
  agent text, agent_payment_id text, account text, amount_kopecks bigint, paid_at timestamptz,
  state text, state_at timestamptz, held_at timestamptz, credited_at timestamptz, reason text,
  terminal text, readings jsonb, valid_until timestamptz, fingerprint text, refusal text,
  numbers bigint[]           -- of a whole batch, by place; null where the order was not accepted
);

-- The recorded payments under the given keys, with their state and the account's paid lane as it
-- is now (what `publish` needs); `refused` where a final refusal was remembered.
create function ledger.recorded(agents text[], ids text[]) returns setof ledger.posted
language sql stable as $$
  select i.place::integer, case when k.refusal is null then 'repeated' else 'refused' end,
         p.payment_id, p.recorded_at,
         (select epoch from ledger.epoch), l.version, l.services, l.paid, l.advance,
         pg_current_wal_insert_lsn(), i.agent, i.id, p.account, p.amount_kopecks, p.paid_at,
         h.state, h.state_at, h.held_at, h.credited_at, h.reason, p.terminal, p.readings,
         p.valid_until, k.fingerprint, k.refusal, null::bigint[]
    from unnest(agents, ids) with ordinality as i(agent, id, place)
    join ledger.payment_key k on k.agent = i.agent and k.agent_payment_id = i.id
    left join ledger.payment p on p.payment_id = k.payment_id and p.recorded_at = k.recorded_at
    left join lateral ledger.history(p.payment_id, p.recorded_at) h on true
    left join ledger.account_paid l on l.account = p.account
$$;

-- Posts a batch: credits, or holds where `p_valid_seconds` says for how long. Accounts and days that
-- somebody else has locked come back as `busy` unless `wait`. Of the accepted orders only numbers
-- and moment are returned, all in one row, and the lanes of their accounts, a row each; both have no
-- place. What was not accepted is looked up: an earlier payment under the key before the account's state matters, so a
-- repeat is answered even if the account was closed.
-- Separate statements over arrays, not one with many parts: PostgreSQL knows no sizes here, and one
-- join of 512 by 512 rows in a nested loop costs more than all the inserts.
create function ledger.post_payments(
  wait boolean, p_agents text[], p_ids text[], p_accounts text[], p_amounts bigint[],
  p_paid_at timestamptz[], p_days date[], p_fingerprints text[], p_details jsonb[],
  p_terminals text[] default null, p_valid_seconds integer[] default null
) returns setof ledger.posted language plpgsql set lock_timeout = '2s' as $$
declare
  now_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  numbers bigint[] := array(
    select nextval('ledger.payment_id') from generate_series(1, cardinality(p_ids)));
  -- The orders that were accepted; all of them until it turns out otherwise.
  a_numbers bigint[] := numbers;
  a_agents text[] := p_agents;
  a_ids text[] := p_ids;
  a_accounts text[] := p_accounts;
  a_amounts bigint[] := p_amounts;
  a_paid_at timestamptz[] := p_paid_at;
  a_days date[] := p_days;
  a_details jsonb[] := p_details;
  a_terminals text[] := p_terminals;
  a_seconds integer[] := p_valid_seconds;
  locked text[];
  idle text[];
  open_agents text[];
  open_days date[];
  keys integer;
  accepted ledger.posted;
begin
  insert into ledger.business_day (agent, day)
    select distinct agent, day from unnest(p_agents, p_days) as d(agent, day)
     where not exists (select from ledger.business_day b where b.agent = d.agent and b.day = d.day)
     order by 1, 2 on conflict do nothing;
  -- The share lock: nothing can commit into a day that is being closed. Paid rows are locked in
  -- account order, and what somebody else has locked must not stop the rest.
  if wait then
    select array_agg(s.agent), array_agg(s.day) into open_agents, open_days
      from (select b.agent, b.day from ledger.business_day b
             where (b.agent, b.day) in (select * from unnest(p_agents, p_days))
               and b.closed_at is null order by b.agent, b.day for share) s;
    locked := array(select account from ledger.account_paid where account = any(p_accounts)
                     order by account for no key update);
  else
    select array_agg(s.agent), array_agg(s.day) into open_agents, open_days
      from (select b.agent, b.day from ledger.business_day b
             where (b.agent, b.day) in (select * from unnest(p_agents, p_days))
               and b.closed_at is null order by b.agent, b.day for share skip locked) s;
    locked := array(select account from ledger.account_paid where account = any(p_accounts)
                     order by account for no key update skip locked);
  end if;
  idle := array(select b.account from ledger.account_billed b
                 where b.account = any(p_accounts) and b.state <> 'active');
  insert into ledger.payment_key (agent, agent_payment_id, payment_id, recorded_at, fingerprint)
  select i.agent, i.id, i.number, now_at, i.fingerprint
    from unnest(p_agents, p_ids, p_accounts, p_days, p_fingerprints, numbers)
      as i(agent, id, account, day, fingerprint, number)
    join unnest(locked) as l(account) on l.account = i.account
    join unnest(open_agents, open_days) as d(agent, day) on d.agent = i.agent and d.day = i.day
   where i.account <> all(idle)
   -- In order, so that two batches cannot wait for each other.
   order by i.agent collate "C", i.id collate "C", i.number
  on conflict do nothing;
  get diagnostics keys = row_count;
  if keys < cardinality(p_ids) then
    select array_agg(i.number), array_agg(i.agent), array_agg(i.id),
           array_agg(i.account), array_agg(i.amount), array_agg(i.paid_at), array_agg(i.day),
           array_agg(i.details), array_agg(i.terminal), array_agg(i.seconds)
      into a_numbers, a_agents, a_ids, a_accounts, a_amounts, a_paid_at, a_days,
           a_details, a_terminals, a_seconds
      from unnest(numbers, p_agents, p_ids, p_accounts, p_amounts, p_paid_at, p_days, p_details,
                  p_terminals, p_valid_seconds)
        as i(number, agent, id, account, amount, paid_at, day, details, terminal, seconds)
      join ledger.payment_key k
        on k.agent = i.agent and k.agent_payment_id = i.id and k.payment_id = i.number;
  end if;
  insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id, account,
      amount_kopecks, paid_at, business_day, part_services, part_amounts, readings, terminal,
      registry_line, valid_until)
  select i.number, now_at, i.agent, i.id, i.account, i.amount, i.paid_at, i.day,
         case when i.details ? 'services' then
           array(select jsonb_array_elements_text(i.details -> 'services')::smallint) else '{}' end,
         case when i.details ? 'amounts' then
           array(select jsonb_array_elements_text(i.details -> 'amounts')::bigint) else '{}' end,
         coalesce(i.details -> 'readings', '[]'), coalesce(i.terminal, ''),
         (i.details ->> 'registry_line')::bigint, now_at + i.seconds * interval '1 second'
    from unnest(a_numbers, a_agents, a_ids, a_accounts, a_amounts, a_paid_at, a_days, a_details,
                a_terminals, a_seconds)
      as i(number, agent, id, account, amount, paid_at, day, details, terminal, seconds);
  insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind, amount_kopecks,
      happened_at, business_day, actor)
  select i.number, now_at, 1, case when i.seconds is null then 'credited' else 'held' end,
         case when i.seconds is null then i.amount else 0 end, now_at, i.day,
         coalesce(i.details ->> 'actor', '')
    from unnest(a_numbers, a_amounts, a_days, a_details, a_seconds)
      as i(number, amount, day, details, seconds);
  if a_seconds is not null then
    insert into ledger.open_hold (payment_id, recorded_at, valid_until)
    select i.number, now_at, now_at + i.seconds * interval '1 second'
      from unnest(a_numbers, a_seconds) as i(number, seconds) where i.seconds is not null;
  end if;
  if exists (select from unnest(a_details) as d where d is not null) then
    insert into ledger.reading (account, meter, read_on, value_thousandths, source, source_id)
    select i.account, r ->> 'meter', (r ->> 'read_on')::date, (r ->> 'value')::bigint, i.agent, i.id
      from unnest(a_agents, a_ids, a_accounts, a_details) as i(agent, id, account, details),
           jsonb_array_elements(i.details -> 'readings') r
     where i.details ? 'readings' and r ->> 'refusal' is null;
    -- What the payers meant for a service; the advance as if all of it were given yet.
    update ledger.account_paid l
       set (services, paid) = (select s.services, s.amounts
              from ledger.add(l.services, l.paid, t.services, t.amounts) s),
           advance = l.advance - t.total
      from (select account, array_agg(service order by service) as services,
                   array_agg(part order by service) as amounts, sum(part)::bigint as total
              from (select i.account, u.service::smallint as service,
                           sum(u.part::bigint)::bigint as part
                      from unnest(a_accounts, a_details, a_seconds) as i(account, details, seconds),
                           unnest(array(select jsonb_array_elements_text(i.details -> 'services')),
                                  array(select jsonb_array_elements_text(i.details -> 'amounts')))
                             as u(service, part)
                     where i.details ? 'services' and i.seconds is null group by 1, 2) s
             group by account) t
     where l.account = t.account;
  end if;
  return query
  update ledger.account_paid l set version = l.version + 1, advance = l.advance + t.amount
    from (select i.account, sum(i.amount)::bigint as amount
            from unnest(a_accounts, a_amounts, a_seconds) as i(account, amount, seconds)
           where i.seconds is null group by i.account) t
   where l.account = t.account
  returning null::integer, 'lane', null::bigint, null::timestamptz,
    (select epoch from ledger.epoch), l.version, l.services, l.paid, l.advance,
    pg_current_wal_insert_lsn(), null::text, null::text, l.account, null::bigint,
    null::timestamptz, null::text, null::timestamptz, null::timestamptz, null::timestamptz,
    null::text, null::text, null::jsonb, null::timestamptz, null::text, null::text,
    null::bigint[];
  accepted.outcome := 'accepted';
  accepted.recorded_at := now_at;
  accepted.numbers := case when keys = cardinality(p_ids) then numbers else array(
    select a.number from unnest(numbers) with ordinality as i(number, place)
      left join unnest(a_numbers) as a(number) on a.number = i.number order by i.place) end;
  return next accepted;
  if keys = cardinality(p_ids) then
    return;
  end if;
  return query
  select i.place::integer,
         case when r.place is null then
                case when b.account is null then 'not_found'
                     -- Whoever has it may be writing this very payment: no word about its state.
                     when i.account <> all(locked) then 'busy'
                     when b.state <> 'active' then b.state
                     when d.closed_at is not null then 'day_closed'
                     else 'busy' end
              when r.fingerprint <> i.fingerprint then 'conflict'
              when r.outcome = 'refused' then r.outcome
              else ledger.transition(r.state, case when i.seconds is null then 'pay'
                                                   else 'hold' end) end,
         r.payment_id, r.recorded_at, r.epoch, r.version, r.services, r.paid, r.advance, r.lsn,
         r.agent, r.agent_payment_id, r.account, r.amount_kopecks, r.paid_at, r.state,
         r.state_at, r.held_at, r.credited_at, r.reason, r.terminal, r.readings, r.valid_until,
         r.fingerprint, r.refusal, null::bigint[]
    from unnest(p_agents, p_ids, p_accounts, p_days, p_fingerprints, p_valid_seconds, numbers)
           with ordinality as i(agent, id, account, day, fingerprint, seconds, number, place)
    left join ledger.recorded(p_agents, p_ids) r on r.place = i.place
    left join ledger.account_billed b on b.account = i.account
    left join ledger.business_day d on d.agent = i.agent and d.day = i.day
   where r.payment_id is distinct from i.number;
end $$;

-- Remembers a final refusal under a key that nobody has used; what stands there is the answer.
create function ledger.remember_refusal(p_agent text, p_id text, p_fingerprint text, p_refusal text)
returns setof ledger.posted language plpgsql set lock_timeout = '2s' as $$
begin
  insert into ledger.payment_key (agent, agent_payment_id, recorded_at, fingerprint, refusal)
  values (p_agent, p_id, date_trunc('milliseconds', clock_timestamp()), p_fingerprint, p_refusal)
  on conflict do nothing;
  return query select * from ledger.recorded(array[p_agent], array[p_id]);
end $$;

-- Moves a payment along the transition table: one more event, and the account's money with it.
-- Named by the agent's number or else by ours. Outcomes: accepted, repeated, not_found, forbidden,
-- payment_cancelled, day_closed (p_day is closed: the entry needs a later one).
-- `p_after_close` says what becomes of a cancellation when the day of the credit is closed or the
-- payment stands in a registry: no = forbidden; person = forbidden, and a case; yes = carried out.
create function ledger.move_payment(p_action text, p_agent text, p_id text, p_payment_id bigint,
    p_day date, p_after_close text, p_actor text, p_reason text)
returns setof ledger.posted language plpgsql set lock_timeout = '2s' as $$
declare
  p ledger.payment;
  was record;
  became text;
  sums bigint;
  now_at timestamptz;
  late boolean;
  settled boolean;
begin
  if p_id <> '' then
    select q.* into p from ledger.payment_key k join ledger.payment q
        on q.payment_id = k.payment_id and q.recorded_at = k.recorded_at
     where k.agent = p_agent and k.agent_payment_id = p_id;
  else
    select q.* into p from ledger.payment q where q.payment_id = p_payment_id and q.agent = p_agent;
  end if;
  if p.payment_id is null then
    return query select (jsonb_populate_record(null::ledger.posted,
      jsonb_build_object('place', 1, 'outcome', ledger.transition(null, p_action)))).*;
    return;
  end if;
  insert into ledger.business_day (agent, day) values (p_agent, p_day) on conflict do nothing;
  perform from ledger.business_day b
    where b.agent = p_agent and b.day in (p.business_day, p_day) order by day for share;
  perform from ledger.account_paid where account = p.account for no key update;
  select * into was from ledger.history(p.payment_id, p.recorded_at);
  -- Days are closed without any lock on accounts, so waiting for one more here is no deadlock.
  perform from ledger.business_day b
    where b.agent = p_agent and b.day = was.credited_on for share;
  now_at := date_trunc('milliseconds', clock_timestamp());
  late := was.state = 'held' and p.valid_until <= now_at;
  became := ledger.transition(was.state, p_action);
  if late and p_action = 'confirm' then
    -- Too late, whether the janitor has been here or not.
    became := 'expired';
  elsif became = 'expired' and not late then
    became := 'forbidden';
  end if;
  sums := case when became = 'credited' then p.amount_kopecks
               when was.state = 'credited' then -p.amount_kopecks else 0 end;
  if became in ('repeated', 'forbidden', 'payment_cancelled', 'not_found', 'conflict') then
    sums := 0;
  elsif sums <> 0 and exists (select from ledger.business_day b where b.agent = p_agent
      and b.day = p_day and b.closed_at is not null) then
    became := 'day_closed';
  elsif p_action = 'cancel' and sums <> 0 and p_after_close <> 'yes' then
    settled := exists (select from ledger.business_day b where b.agent = p_agent
                          and b.day = was.credited_on and b.closed_at is not null)
      or exists (select from recon.lines l where l.agent = p_agent
                    and l.payment_id = p.payment_id and l.superseded_by is null);
    if settled then
      became := 'forbidden';
      if p_after_close = 'person' then
        call recon.ask_reversal(p, p_actor, p_reason);
      end if;
    end if;
  end if;
  if became in ('credited', 'cancelled', 'reversed', 'expired') then
    insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind, amount_kopecks,
        happened_at, business_day, actor, reason)
    values (p.payment_id, p.recorded_at, was.seq + 1, became, sums, now_at, p_day, p_actor,
        case when late and p_action = 'confirm' then '' else p_reason end);
    delete from ledger.open_hold where payment_id = p.payment_id;
    if sums <> 0 then
      update ledger.account_paid l
         set version = l.version + 1, services = s.services, paid = s.amounts,
             advance = l.advance + sums - sign(sums)::bigint
               * coalesce((select sum(x) from unnest(p.part_amounts) x), 0)::bigint
        from ledger.account_paid o,
             lateral ledger.add(o.services, o.paid, p.part_services,
               array(select sign(sums)::bigint * x from unnest(p.part_amounts) x)) s
       where l.account = p.account and o.account = p.account;
    end if;
    became := case when late and p_action = 'confirm' then 'payment_cancelled'
                   else 'accepted' end;
  end if;
  return query
    select 1, became, r.payment_id, r.recorded_at, r.epoch, r.version, r.services, r.paid,
           r.advance, r.lsn, r.agent, r.agent_payment_id, r.account, r.amount_kopecks, r.paid_at,
           r.state, r.state_at, r.held_at, r.credited_at, r.reason, r.terminal, r.readings,
           r.valid_until, r.fingerprint, r.refusal, r.numbers
      from ledger.recorded(array[p.agent], array[p.agent_payment_id]) r;
end $$;

-- A case without a file: an agent asks for money back that it may not take back by itself.
alter domain recon.mismatch_kind drop constraint mismatch_kind_check;
alter domain recon.mismatch_kind add constraint mismatch_kind_check check (value in (
  'NOT_RECORDED', 'NOT_IN_REGISTRY', 'AMOUNT_DIFFERS', 'ACCOUNT_DIFFERS', 'DATE_DIFFERS',
  'UNIDENTIFIED', 'DUPLICATE_LINE', 'BAD_LINE', 'TOTAL_DIFFERS', 'CLOSED_ACCOUNT',
  'REVERSAL_ASKED'));
alter table recon.mismatches alter column registry drop not null;
alter table recon.mismatches drop constraint mismatches_outcome_check;
alter table recon.mismatches add constraint mismatches_outcome_check check (outcome in ('',
  'posted', 'matched', 'returned', 'accepted', 'superseded', 'found', 'reversed'));
alter table recon.mismatches drop constraint mismatches_check3;
alter table recon.mismatches add constraint mismatches_line_check
  check (line is not null or kind in ('NOT_IN_REGISTRY', 'TOTAL_DIFFERS', 'REVERSAL_ASKED'));
alter table recon.mismatches add constraint mismatches_registry_check
  check (registry is not null or kind = 'REVERSAL_ASKED');
alter table recon.mismatches add constraint mismatches_payment_check
  check (kind <> 'REVERSAL_ASKED' or payment_id is not null);
create unique index mismatches_asked on recon.mismatches (agent, payment_id)
  where kind = 'REVERSAL_ASKED' and state in ('open', 'assigned');

create procedure recon.ask_reversal(p ledger.payment, asker text, why text) language sql as $$
  insert into recon.mismatches (agent, kind, payment_id, amount_kopecks, details)
  values (p.agent, 'REVERSAL_ASKED', p.payment_id, p.amount_kopecks, jsonb_build_object(
    'asked_by', asker, 'reason', why, 'payment', jsonb_build_object('payment_id', p.payment_id,
      'agent', p.agent, 'agent_payment_id', p.agent_payment_id, 'account', p.account,
      'amount_kopecks', p.amount_kopecks, 'business_day', p.business_day)))
  on conflict do nothing
$$;
