-- What an agent may take from one account in a day and altogether in an hour; suspicions, which are
-- told and never block; days on which banks do not work.

alter table ledger.agents
  add column account_day_max_kopecks bigint not null default 0
    check (account_day_max_kopecks >= 0),
  add column hour_max_kopecks bigint not null default 0 check (hour_max_kopecks >= 0),
  add column settlement_days smallint not null default 1 check (settlement_days between 0 and 60);
comment on column ledger.agents.account_day_max_kopecks is
  'how much it may take for one account on one business day; 0 = as much as it likes';
comment on column ledger.agents.hour_max_kopecks is
  'how much it may take in one hour of the clock; 0 = as much as it likes';
comment on column ledger.agents.settlement_days is
  'working days after a business day within which its money has to be with us';

-- What was taken under limits: of an account on a business day, or (account '') in an hour of UTC.
-- What is cancelled later counts all the same.
create table ledger.agent_use (
  agent text collate "C" not null,
  account text collate "C" not null,
  since timestamp not null,
  kopecks bigint not null check (kopecks >= 0),
  primary key (agent, account, since)
) with (fillfactor = 75);
create index agent_use_since on ledger.agent_use (since);

-- Posts a batch of which some orders are by agents with such limits: what would go beyond them is
-- not posted (over_account_day, over_hour), everything else is what ledger.post_payments makes of
-- it. Whatever is recorded under a key already is never refused here, nor does it count. The rows
-- of agent_use and of the accounts stay locked until the end, so the limits hold among all servers.
create function ledger.post_within_limits(
  wait boolean, p_agents text[], p_ids text[], p_accounts text[], p_amounts bigint[],
  p_paid_at timestamptz[], p_days date[], p_fingerprints text[], p_details jsonb[],
  p_terminals text[] default null, p_valid_seconds integer[] default null
) returns setof ledger.posted language plpgsql set lock_timeout = '2s' as $$
declare
  hour timestamp := date_trunc('hour', clock_timestamp() at time zone 'UTC');
  locked text[];
  used jsonb;
  seen jsonb := '{}';
  passed integer[] := '{}';
  each_order record;
  r ledger.posted;
  accepted bigint[] := array_fill(null::bigint, array[cardinality(p_ids)]);
  day_key text;
  outcome text;
begin
  insert into ledger.agent_use (agent, account, since, kopecks)
    select a.name, '', hour, 0 from ledger.agents a
     where a.name = any(p_agents) and a.hour_max_kopecks > 0
       and not exists (select from ledger.agent_use u
                        where u.agent = a.name and u.account = '' and u.since = hour)
     order by a.name on conflict do nothing;
  perform from ledger.agent_use u where u.agent = any(p_agents) and u.account = '' and u.since = hour
    order by u.agent for update;
  if wait then
    locked := array(select account from ledger.account_paid where account = any(p_accounts)
                     order by account for no key update);
  else
    locked := array(select account from ledger.account_paid where account = any(p_accounts)
                     order by account for no key update skip locked);
  end if;
  select coalesce(jsonb_object_agg(concat_ws(E'\t', u.agent, u.account, u.since), u.kopecks), '{}')
    into used from ledger.agent_use u
   where u.agent = any(p_agents) and u.account = '' and u.since = hour
      or (u.agent, u.account, u.since) in (select * from unnest(p_agents, p_accounts,
                                             p_days::timestamp[]));
  for each_order in
    select i.*, a.account_day_max_kopecks as day_max, a.hour_max_kopecks as hour_max,
           k.agent is not null as is_known, i.account = any(locked) as is_locked,
           l.account is not null as has_lane,
           concat_ws(E'\t', i.agent, i.account, i.day::timestamp) as day_key,
           concat_ws(E'\t', i.agent, '', hour) as hour_key, concat_ws(E'\t', i.agent, i.id) as key
      from unnest(p_agents, p_ids, p_accounts, p_amounts, p_days) with ordinality
        as i(agent, id, account, amount, day, place)
      left join ledger.agents a on a.name = i.agent
      left join ledger.payment_key k on k.agent = i.agent and k.agent_payment_id = i.id
      left join ledger.account_paid l on l.account = i.account
     order by i.place
  loop
    outcome := null;
    if each_order.is_known or seen ? each_order.key or not each_order.has_lane then
      null;
    elsif not each_order.is_locked then
      -- By now it may be free again, and then nobody would have counted what is on it.
      outcome := 'busy';
    else
      if each_order.day_max > 0 and each_order.day_max <
         coalesce((used ->> each_order.day_key)::bigint, 0) + each_order.amount then
        outcome := 'over_account_day';
      elsif each_order.hour_max > 0 and each_order.hour_max <
         coalesce((used ->> each_order.hour_key)::bigint, 0) + each_order.amount then
        outcome := 'over_hour';
      else
        foreach day_key in array array[each_order.day_key, each_order.hour_key] loop
          used := jsonb_set(used, array[day_key],
            to_jsonb(coalesce((used ->> day_key)::bigint, 0) + each_order.amount));
        end loop;
        seen := seen || jsonb_build_object(each_order.key, true);
      end if;
    end if;
    if outcome is null then
      passed := passed || each_order.place::integer;
    else
      r := null;
      r.place := each_order.place;
      r.outcome := outcome;
      return next r;
    end if;
  end loop;
  r := null;
  r.outcome := 'accepted';
  r.recorded_at := clock_timestamp();
  r.numbers := accepted;
  if cardinality(passed) = 0 then
    return next r;
    return;
  end if;
  for r in
    select * from ledger.post_payments(wait,
      array(select p_agents[x] from unnest(passed) x), array(select p_ids[x] from unnest(passed) x),
      array(select p_accounts[x] from unnest(passed) x),
      array(select p_amounts[x] from unnest(passed) x),
      array(select p_paid_at[x] from unnest(passed) x),
      array(select p_days[x] from unnest(passed) x),
      array(select p_fingerprints[x] from unnest(passed) x),
      case when p_details is not null then array(select p_details[x] from unnest(passed) x) end,
      case when p_terminals is not null then array(select p_terminals[x] from unnest(passed) x) end,
      case when p_valid_seconds is not null
           then array(select p_valid_seconds[x] from unnest(passed) x) end)
  loop
    if r.place is not null then
      r.place := passed[r.place];
    elsif r.numbers is not null then
      for n in 1 .. cardinality(passed) loop
        accepted[passed[n]] := r.numbers[n];
      end loop;
      r.numbers := accepted;
    end if;
    return next r;
  end loop;
  insert into ledger.agent_use as u (agent, account, since, kopecks)
  select s.agent, s.account, s.since, sum(s.amount)::bigint
    from (select i.agent, unnest(array[i.account, '']) as account,
                 unnest(array[i.day::timestamp, hour]) as since,
                 unnest(array[a.account_day_max_kopecks, a.hour_max_kopecks]) as maximum, i.amount
            from unnest(p_agents, p_accounts, p_amounts, p_days, accepted)
              as i(agent, account, amount, day, number)
            join ledger.agents a on a.name = i.agent
           where i.number is not null) s
   where s.maximum > 0
   group by s.agent, s.account, s.since order by 1, 2, 3
  on conflict (agent, account, since) do update set kopecks = u.kopecks + excluded.kopecks;
end $$;

-- What a terminal does, counted in tens of seconds; kept for minutes.
create table ledger.terminal_pace (
  agent text collate "C" not null,
  terminal text collate "C" not null,
  since timestamptz not null,
  payments integer not null default 0,
  unknown integer not null default 0,
  primary key (agent, terminal, since)
);
create index terminal_pace_since on ledger.terminal_pace (since);
comment on column ledger.terminal_pace.unknown is 'how often an account was named that there is not';

-- Suspicions are cases: they are told, and block nothing.
alter domain recon.mismatch_kind drop constraint mismatch_kind_check;
alter domain recon.mismatch_kind add constraint mismatch_kind_check check (value in (
  'NOT_RECORDED', 'NOT_IN_REGISTRY', 'AMOUNT_DIFFERS', 'ACCOUNT_DIFFERS', 'DATE_DIFFERS',
  'UNIDENTIFIED', 'DUPLICATE_LINE', 'BAD_LINE', 'TOTAL_DIFFERS', 'CLOSED_ACCOUNT',
  'REVERSAL_ASKED', 'SAME_SUM_TWICE', 'FAST_TERMINAL', 'FEE_DIFFERS'));
alter table recon.mismatches drop constraint mismatches_line_check;
alter table recon.mismatches add constraint mismatches_line_check
  check (line is not null or kind in ('NOT_IN_REGISTRY', 'TOTAL_DIFFERS', 'REVERSAL_ASKED',
    'SAME_SUM_TWICE', 'FAST_TERMINAL', 'FEE_DIFFERS'));
alter table recon.mismatches drop constraint mismatches_registry_check;
alter table recon.mismatches add constraint mismatches_registry_check
  check (registry is not null or kind in ('REVERSAL_ASKED', 'SAME_SUM_TWICE', 'FAST_TERMINAL'));
alter table recon.mismatches drop constraint mismatches_payment_check;
alter table recon.mismatches add constraint mismatches_payment_check
  check (kind not in ('REVERSAL_ASKED', 'SAME_SUM_TWICE', 'FEE_DIFFERS') or payment_id is not null);
create unique index mismatches_twice on recon.mismatches (payment_id)
  where kind = 'SAME_SUM_TWICE';
create unique index mismatches_many_twice on recon.mismatches (agent)
  where kind = 'SAME_SUM_TWICE' and details ? 'more' and state in ('open', 'assigned');
create unique index mismatches_fast on recon.mismatches (agent, (details ->> 'terminal'))
  where kind = 'FAST_TERMINAL' and state in ('open', 'assigned');

create function ledger.told(p ledger.payment) returns jsonb language sql stable as $$
  select jsonb_build_object('payment_id', p.payment_id, 'agent', p.agent, 'agent_payment_id',
    p.agent_payment_id, 'account', p.account, 'amount_kopecks', p.amount_kopecks,
    'business_day', p.business_day, 'recorded_at', p.recorded_at)
$$;

-- The same account was credited the same sum through two agents within `span`: a case for the later
-- of the two. Many at once have one cause: from `each_max` open ones of an agent on, one case more
-- counts the rest. How many cases are new.
create function recon.suspect_twice(numbers bigint[], accounts text[], recorded timestamptz[],
    span interval, each_max integer) returns table (agent text, cases bigint)
language sql as $$
  with near as materialized (
    select i.payment_id, i.recorded_at, p.payment_id as other_id, p.recorded_at as other_at,
           (p.recorded_at, p.payment_id) > (i.recorded_at, i.payment_id) as is_later
      from unnest(numbers, accounts, recorded) as i(payment_id, account, recorded_at)
     cross join lateral (select amount_kopecks, agent from ledger.payment n
        where n.payment_id = i.payment_id and n.recorded_at = i.recorded_at offset 0) n
     cross join lateral (select * from ledger.payment p where p.account = i.account
        and p.recorded_at between i.recorded_at - span and i.recorded_at + span offset 0) p
     where p.amount_kopecks = n.amount_kopecks and p.agent <> n.agent
  ), pairs as (
    select distinct on (case when is_later then other_id else payment_id end)
           case when is_later then other_id else payment_id end as last_id,
           case when is_later then other_at else recorded_at end as last_at,
           case when is_later then payment_id else other_id end as first_id,
           case when is_later then recorded_at else other_at end as first_at
      from near
     where not exists (select from ledger.payment_event e
                        where e.kind in ('cancelled', 'reversed', 'expired')
                          and (e.payment_id, e.payment_recorded_at) in
                              ((near.payment_id, near.recorded_at), (other_id, other_at)))
     order by 1, 3
  ), news as (
    select l.agent, l.payment_id, l.amount_kopecks, ledger.told(l) as payment, ledger.told(f) as twin,
           row_number() over (partition by l.agent order by l.payment_id)
             + (select count(*) from recon.mismatches m where m.agent = l.agent
                  and m.kind = 'SAME_SUM_TWICE' and m.state in ('open', 'assigned')) as place
      from pairs
      join ledger.payment l on l.payment_id = last_id and l.recorded_at = last_at
      join ledger.payment f on f.payment_id = first_id and f.recorded_at = first_at
     where not exists (select from recon.mismatches m where m.payment_id = last_id
                          and m.kind = 'SAME_SUM_TWICE')
  ), single as (
    insert into recon.mismatches (agent, kind, payment_id, amount_kopecks, details)
    select n.agent, 'SAME_SUM_TWICE', n.payment_id, n.amount_kopecks,
           jsonb_build_object('payment', n.payment, 'twin', n.twin)
      from news n where n.place <= each_max order by n.place
    on conflict do nothing returning mismatches.agent
  ), grouped as (
    insert into recon.mismatches as m (agent, kind, payment_id, amount_kopecks, details)
    select n.agent, 'SAME_SUM_TWICE', min(n.payment_id), sum(n.amount_kopecks)::bigint,
           jsonb_build_object('more', count(*),
             'payment', (array_agg(n.payment order by n.payment_id))[1],
             'twin', (array_agg(n.twin order by n.payment_id))[1])
      from news n where n.place > each_max group by n.agent
    on conflict (agent) where kind = 'SAME_SUM_TWICE' and details ? 'more'
                          and state in ('open', 'assigned')
    do update set amount_kopecks = m.amount_kopecks + excluded.amount_kopecks,
      details = m.details || jsonb_build_object('more',
        (m.details ->> 'more')::bigint + (excluded.details ->> 'more')::bigint)
    returning m.agent
  )
  select s.agent, count(*) from (select s.agent from single s union all select g.agent from grouped g) s
   group by s.agent
$$;

-- Terminals that were faster than they may be in the last minutes: one case each, which grows as
-- long as nobody has closed it.
create function recon.suspect_terminals(payments_max integer, unknown_max integer)
returns table (agent text, cases bigint) language sql as $$
  with paces as (
    select p.agent, p.terminal, p.since,
           sum(p.payments) over minute as payments, sum(p.unknown) over minute as unknown
      from ledger.terminal_pace p where p.since > now() - interval '5 minutes'
    window minute as (partition by p.agent, p.terminal order by p.since
                      range between interval '50 seconds' preceding and current row)
  ), fast as (
    select p.agent, p.terminal, max(p.payments) as payments, max(p.unknown) as unknown,
           min(p.since) as first_at, max(p.since) as last_at
      from paces p where p.payments > payments_max or p.unknown > unknown_max
     group by p.agent, p.terminal
  ), told as (
    insert into recon.mismatches as m (agent, kind, amount_kopecks, details)
    select f.agent, 'FAST_TERMINAL', 0, jsonb_build_object('terminal', f.terminal,
             'payments_in_minute', f.payments, 'unknown_in_minute', f.unknown,
             'payments_max', payments_max, 'unknown_max', unknown_max,
             'first_at', f.first_at, 'last_at', f.last_at)
      from fast f order by f.agent, f.terminal
    on conflict (agent, (details ->> 'terminal')) where kind = 'FAST_TERMINAL'
                                                    and state in ('open', 'assigned')
    do update set details = m.details || jsonb_build_object(
      'payments_in_minute', greatest((m.details ->> 'payments_in_minute')::bigint,
                                     (excluded.details ->> 'payments_in_minute')::bigint),
      'unknown_in_minute', greatest((m.details ->> 'unknown_in_minute')::bigint,
                                    (excluded.details ->> 'unknown_in_minute')::bigint),
      'last_at', excluded.details -> 'last_at')
     where (m.details ->> 'last_at')::timestamptz < (excluded.details ->> 'last_at')::timestamptz
        or (m.details ->> 'payments_in_minute')::bigint
             < (excluded.details ->> 'payments_in_minute')::bigint
        or (m.details ->> 'unknown_in_minute')::bigint
             < (excluded.details ->> 'unknown_in_minute')::bigint
    returning m.agent, xmax = 0 as is_new
  )
  select t.agent, count(*) from told t where t.is_new group by t.agent
$$;
