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
