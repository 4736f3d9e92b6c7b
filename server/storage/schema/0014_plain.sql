-- Most batches hold nothing but plain payments: to be credited, new, on free and active accounts and
-- open days, without parts or readings. Those are written by one statement.

-- A plan for any sizes is as good as one made for each call, and costs nothing.
alter function ledger.post_payments set plan_cache_mode = 'force_generic_plan';
alter function ledger.post_within_limits set plan_cache_mode = 'force_generic_plan';

-- Posts a batch that may be plain; no key stands in it twice. If it is not plain after all it is
-- ledger.post_payments', with the same locks taken in the same order; so is the answer, but epoch and
-- lsn stand once, in the row of numbers. A key that another session is writing at this moment fails
-- the whole batch with a unique violation; then the caller posts it by ledger.post_payments.
create function ledger.post_plain(
  p_agents text[], p_ids text[], p_accounts text[], p_amounts bigint[], p_paid_at timestamptz[],
  p_days date[], p_fingerprints text[], p_terminals text[] default null
) returns setof ledger.posted language plpgsql
set lock_timeout = '2s' set plan_cache_mode = 'force_generic_plan' as $$
declare
  now_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  numbers bigint[];
  days_are_open boolean;
  accounts text[];
  sums bigint[];        -- one for each of accounts
  places tid[];         -- of their paid rows that are locked; these stay where they are
  place_sums bigint[];  -- one for each of places
  changed integer;
  accepted ledger.posted;
begin
  with opened as materialized (
    select b.agent, b.day from ledger.business_day b
     where (b.agent, b.day) in (select * from unnest(p_agents, p_days))
       and b.closed_at is null order by b.agent, b.day for share skip locked
  )
  select count(*) = cardinality(p_ids) into days_are_open
    from unnest(p_agents, p_days) as i(agent, day)
    join opened o on o.agent = i.agent and o.day = i.day;
  select array_agg(s.account), array_agg(s.amount) into accounts, sums
    from (select i.account, sum(i.amount)::bigint as amount
            from unnest(p_accounts, p_amounts) as i(account, amount) group by i.account) s;
  select array_agg(s.place), array_agg(s.amount) into places, place_sums
    from (select l.ctid as place, i.amount
            from unnest(accounts, sums) as i(account, amount)
            join ledger.account_paid l on l.account = i.account
           order by l.account for no key update of l skip locked) s;
  if not days_are_open or cardinality(places) is distinct from cardinality(accounts)
     or exists (select from ledger.account_billed b
                 where b.account = any(accounts) and b.state <> 'active')
     or exists (select from unnest(p_agents, p_ids) as i(agent, id)
                  join ledger.payment_key k on k.agent = i.agent and k.agent_payment_id = i.id) then
    return query select * from ledger.post_payments(false, p_agents, p_ids, p_accounts, p_amounts,
                                                    p_paid_at, p_days, p_fingerprints, null,
                                                    p_terminals);
    return;
  end if;
  numbers := array(
    select nextval('ledger.payment_id') from generate_series(1, cardinality(p_ids)));
  return query
  with orders as materialized (
    select * from unnest(numbers, p_agents, p_ids, p_accounts, p_amounts, p_paid_at, p_days,
                         p_fingerprints, p_terminals)
      as i(number, agent, id, account, amount, paid_at, day, fingerprint, terminal)
  ), keys as (
    insert into ledger.payment_key (agent, agent_payment_id, payment_id, recorded_at, fingerprint)
    select agent, id, number, now_at, fingerprint from orders
     -- In order, so that two batches cannot wait for each other.
     order by agent collate "C", id collate "C"
  ), payments as (
    insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id, account,
        amount_kopecks, paid_at, business_day, terminal)
    select number, now_at, agent, id, account, amount, paid_at, day, coalesce(terminal, '')
      from orders
  ), events as (
    insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind, amount_kopecks,
        happened_at, business_day)
    select number, now_at, 1, 'credited', amount, now_at, day from orders
  )
  update ledger.account_paid l set version = l.version + 1, advance = l.advance + t.amount
    from unnest(places, place_sums) as t(place, amount) where l.ctid = t.place
  returning null::integer, 'lane', null::bigint, null::timestamptz, null::integer, l.version,
    l.services, l.paid, l.advance, null::pg_lsn, null::text, null::text, l.account, null::bigint,
    null::timestamptz, null::text, null::timestamptz, null::timestamptz, null::timestamptz,
    null::text, null::text, null::jsonb, null::timestamptz, null::text, null::text,
    null::bigint[];
  get diagnostics changed = row_count;
  if changed <> cardinality(places) then
    raise exception 'a locked row has moved';
  end if;
  accepted.outcome := 'accepted';
  accepted.recorded_at := now_at;
  accepted.numbers := numbers;
  accepted.epoch := (select epoch from ledger.epoch);
  accepted.lsn := pg_current_wal_insert_lsn();
  return next accepted;
end $$;
