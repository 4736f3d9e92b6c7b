-- Posting: one round trip for a batch, yet each statement has a fresh snapshot.

create type ledger.posted as (
  place integer,             -- the order's place in the batch, from 1
  outcome text,              -- accepted, repeated, conflict, not_found, closed, suspended, busy, day_closed
  payment_id bigint, agent text, agent_payment_id text, account text, amount_kopecks bigint,
  paid_at timestamptz, recorded_at timestamptz, state text, state_at timestamptz, readings jsonb,
  epoch integer, version bigint, services smallint[], paid bigint[], advance bigint, lsn pg_lsn
);

-- The recorded payments under the given keys, with their state and the account's paid lane as it
-- is now (what `publish` needs).
create function ledger.recorded(agents text[], ids text[]) returns setof ledger.posted
language sql stable as $$
  select i.place::integer,
         case when k.refusal is null then 'repeated' else 'refused:' || k.refusal end,
         p.payment_id, i.agent, i.id, p.account, p.amount_kopecks, p.paid_at, p.recorded_at,
         e.kind, e.happened_at, p.readings, (select epoch from ledger.epoch), l.version, l.services,
         l.paid, l.advance, pg_current_wal_insert_lsn()
    from unnest(agents, ids) with ordinality as i(agent, id, place)
    join ledger.payment_key k on k.agent = i.agent and k.agent_payment_id = i.id
    left join ledger.payment p on p.payment_id = k.payment_id and p.recorded_at = k.recorded_at
    left join lateral (select kind, happened_at from ledger.payment_event e
                where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
                order by seq desc limit 1) e on true
    left join ledger.account_paid l on l.account = p.account
$$;

-- Posts a batch. Accounts whose paid row is locked by somebody else come back as `busy` unless
-- `wait` (the caller then sets a lock_timeout). An earlier payment under the same key is looked up
-- before the account's state matters: a repeat is answered even if the account was closed since.
create function ledger.post_payments(
  wait boolean, p_agents text[], p_ids text[], p_accounts text[], p_amounts bigint[],
  p_paid_at timestamptz[], p_days date[], p_fingerprints text[], p_details jsonb[]
) returns setof ledger.posted language plpgsql as $$
declare
  now_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  locked text[];
  won bigint[];
begin
  -- A day that is being closed is waited for; nothing can commit into a sealed day.
  insert into ledger.business_day (agent, day)
    select distinct agent, day from unnest(p_agents, p_days) as d(agent, day)
     where not exists (select from ledger.business_day b where b.agent = d.agent and b.day = d.day)
     order by 1, 2 on conflict do nothing;
  perform from ledger.business_day b
    where (b.agent, b.day) in (select * from unnest(p_agents, p_days)) order by agent, day for share;
  -- Paid rows in account order; a second order on an account that is busy must not stop the rest.
  if wait then
    locked := array(select account from ledger.account_paid where account = any(p_accounts)
                     order by account for update);
  else
    locked := array(select account from ledger.account_paid where account = any(p_accounts)
                     order by account for update skip locked);
  end if;
  with input as (
    select * from unnest(p_agents, p_ids, p_accounts, p_amounts, p_paid_at, p_days, p_fingerprints,
                         p_details) with ordinality
      as i(agent, id, account, amount, paid_at, day, fingerprint, details, place)
  ), fresh as materialized (
    select distinct on (i.agent, i.id) i.*
      from input i
      join ledger.account_billed b on b.account = i.account and b.state = 'active'
      join ledger.business_day d on d.agent = i.agent and d.day = i.day and d.closed_at is null
     where i.account = any(locked)
     order by i.agent, i.id, i.place
  ), keyed as (
    insert into ledger.payment_key (agent, agent_payment_id, payment_id, recorded_at, fingerprint)
    select agent, id, nextval('ledger.payment_id'), now_at, fingerprint from fresh
    on conflict do nothing returning agent, agent_payment_id, payment_id
  ), accepted as materialized (
    select f.*, k.payment_id from fresh f
      join keyed k on k.agent = f.agent and k.agent_payment_id = f.id
  ), payments as (
    insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id, account,
        amount_kopecks, paid_at, business_day, part_services, part_amounts, readings, terminal,
        registry_line)
    select payment_id, now_at, agent, id, account, amount, paid_at, day,
           coalesce(array(select jsonb_array_elements_text(details -> 'services')::smallint), '{}'),
           coalesce(array(select jsonb_array_elements_text(details -> 'amounts')::bigint), '{}'),
           coalesce(details -> 'readings', '[]'), coalesce(details ->> 'terminal', ''),
           (details ->> 'registry_line')::bigint
      from accepted
  ), events as (
    insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind, amount_kopecks,
        happened_at, business_day, actor)
    select payment_id, now_at, 1, 'credited', amount, now_at, day, coalesce(details ->> 'actor', '')
      from accepted
  ), readings as (
    insert into ledger.reading (account, meter, read_on, value_thousandths, source, source_id)
    select a.account, r ->> 'meter', (r ->> 'read_on')::date, (r ->> 'value')::bigint, a.agent, a.id
      from accepted a, jsonb_array_elements(a.details -> 'readings') r
     where a.details ? 'readings' and r ->> 'refusal' is null
  ), totals as (
    select account,
           sum(amount - coalesce((details ->> 'parts_total')::bigint, 0))::bigint as advance
      from accepted group by account
  ), parts as (
    select account, array_agg(service order by service) as services,
           array_agg(part order by service) as amounts
      from (select a.account, u.service::smallint as service, sum(u.part::bigint)::bigint as part
              from accepted a,
                   unnest(array(select jsonb_array_elements_text(a.details -> 'services')),
                          array(select jsonb_array_elements_text(a.details -> 'amounts')))
                     as u(service, part)
             where a.details ? 'services' group by 1, 2) s
     group by account
  ), lanes as (
    update ledger.account_paid l
       set version = l.version + 1, advance = l.advance + t.advance,
           (services, paid) = (
             select l.services, l.paid where p.account is null
             union all
             select s.services, s.amounts
               from ledger.add(l.services, l.paid, p.services, p.amounts) s
              where p.account is not null)
      from totals t left join parts p on p.account = t.account
     where l.account = t.account
  )
  select array_agg(place) into won from accepted;
  return query
    select i.place::integer,
           case when r.place is null then
                  case when b.account is null then 'not_found'
                       when b.state <> 'active' then b.state
                       when not i.account = any(locked) then 'busy'
                       else 'day_closed' end
                when i.place = any(won) then 'accepted'
                when r.outcome <> 'repeated' then r.outcome
                when k.fingerprint = i.fingerprint then 'repeated'
                else 'conflict' end,
           r.payment_id, i.agent, i.id, r.account, r.amount_kopecks, r.paid_at, r.recorded_at,
           r.state, r.state_at, r.readings, r.epoch, r.version, r.services, r.paid, r.advance, r.lsn
      from unnest(p_agents, p_ids, p_accounts, p_fingerprints) with ordinality
        as i(agent, id, account, fingerprint, place)
      left join ledger.recorded(p_agents, p_ids) r on r.place = i.place
      left join ledger.payment_key k on k.agent = i.agent and k.agent_payment_id = i.id
      left join ledger.account_billed b on b.account = i.account
     order by i.place;
end $$;

-- Cancels a credited payment: the opposite entry, the money off the paid lane, on an open day.
-- Outcomes: cancelled, repeated, not_found, forbidden.
create function ledger.cancel_payment(p_agent text, p_id text, p_payment_id bigint, p_day date,
    allow_closed_day boolean, p_actor text, p_reason text)
returns setof ledger.posted language plpgsql as $$
declare
  p ledger.payment;
  last ledger.payment_event;
  now_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  result text;
begin
  if p_id <> '' then
    select q.* into p from ledger.payment_key k join ledger.payment q
        on q.payment_id = k.payment_id and q.recorded_at = k.recorded_at
     where k.agent = p_agent and k.agent_payment_id = p_id;
  else
    select q.* into p from ledger.payment q where q.payment_id = p_payment_id and q.agent = p_agent;
  end if;
  if p.payment_id is null then
    return query select 1, 'not_found', null::bigint, p_agent, p_id, null::text, null::bigint,
      null::timestamptz, null::timestamptz, null::text, null::timestamptz, null::jsonb,
      null::integer, null::bigint, null::smallint[], null::bigint[], null::bigint, null::pg_lsn;
    return;
  end if;
  insert into ledger.business_day (agent, day) values (p_agent, p_day) on conflict do nothing;
  perform from ledger.business_day b
    where b.agent = p_agent and b.day in (p.business_day, p_day) order by day for share;
  perform from ledger.account_paid where account = p.account for update;
  select * into last from ledger.payment_event e
   where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
   order by seq desc limit 1;
  if last.kind in ('cancelled', 'reversed') then
    result := 'repeated';
  elsif last.kind <> 'credited'
     or exists (select from ledger.business_day b where b.agent = p_agent and b.day = p_day
                 and b.closed_at is not null)
     or (not allow_closed_day and exists (select from ledger.business_day b
          where b.agent = p_agent and b.day = p.business_day and b.closed_at is not null)) then
    result := 'forbidden';
  else
    result := 'cancelled';
    insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind, amount_kopecks,
        happened_at, business_day, actor, reason)
    values (p.payment_id, p.recorded_at, last.seq + 1, 'cancelled', -p.amount_kopecks, now_at,
        p_day, p_actor, p_reason);
    update ledger.account_paid l
       set version = l.version + 1, services = s.services, paid = s.amounts,
           advance = l.advance - p.amount_kopecks
             + coalesce((select sum(x) from unnest(p.part_amounts) x), 0)::bigint
      from ledger.account_paid o,
           lateral ledger.add(o.services, o.paid, p.part_services,
                              array(select -x from unnest(p.part_amounts) x)) s
     where l.account = p.account and o.account = p.account;
  end if;
  return query
    select 1, result, r.payment_id, r.agent, r.agent_payment_id, r.account, r.amount_kopecks,
           r.paid_at, r.recorded_at, r.state, r.state_at, r.readings, r.epoch, r.version,
           r.services, r.paid, r.advance, r.lsn
      from ledger.recorded(array[p.agent], array[p.agent_payment_id]) r;
end $$;
