-- The ledger: the two lanes that a check reads, payments with their events, days, agents, readings.

create table ledger.epoch (
  one boolean primary key default true check (one),
  epoch integer not null default 1 check (epoch > 0)
);
insert into ledger.epoch default values;

-- Billing's lane. Written by the triggers below and by ledger.absorb_readings only.
create table ledger.account_billed (
  account text collate "C" primary key,
  version bigint not null default 1 check (version between 1 and 4294967295),
  state text not null check (state in ('active', 'suspended', 'closed')),
  holder text not null,
  address text not null,
  services smallint[] not null default '{}',
  charged bigint[] not null default '{}',
  meters text not null default '',
  check (cardinality(services) = cardinality(charged) and cardinality(services) <= 60),
  check (octet_length(meters) <= 700)
-- A monthly run changes every row: half a page free keeps the new versions on their pages.
) with (fillfactor = 50);
comment on column ledger.account_billed.holder is 'as shown to agents, already masked';
comment on column ledger.account_billed.charged is 'kopecks, one for each of services';
comment on column ledger.account_billed.meters is
  'a line per meter: number TAB service id TAB last reading in thousandths TAB its date, both may be empty';

-- Posting's lane.
create table ledger.account_paid (
  account text collate "C" primary key,
  version bigint not null default 1 check (version between 1 and 4294967295),
  services smallint[] not null default '{}',
  paid bigint[] not null default '{}',
  advance bigint not null default 0,
  check (cardinality(services) = cardinality(paid) and cardinality(services) <= 60)
) with (fillfactor = 75);
comment on column ledger.account_paid.advance is 'kopecks credited but not yet given to a service';

alter table ledger.account_billed
  alter column holder set storage plain, alter column address set storage plain,
  alter column services set storage plain, alter column charged set storage plain,
  alter column meters set storage plain;
alter table ledger.account_paid
  alter column services set storage plain, alter column paid set storage plain;

create type ledger.sums as (services smallint[], amounts bigint[]);

-- Adds sums by service; services stay in ascending order.
create function ledger.add(services smallint[], amounts bigint[],
                           more_services smallint[], more_amounts bigint[]) returns ledger.sums
language sql immutable parallel safe as $$
  select case when services = more_services
    then (select row(services, coalesce(array_agg(a + b order by place), '{}'))::ledger.sums
            from unnest(amounts, more_amounts) with ordinality as u(a, b, place))
    else (select row(array_agg(service order by service),
                     array_agg(amount order by service))::ledger.sums
            from (select service, sum(amount)::bigint as amount
                    from (select * from unnest(services, amounts)
                          union all select * from unnest(more_services, more_amounts)) as u(service, amount)
                   group by service) as s)
  end
$$;

create function ledger.accounts_added() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  insert into ledger.account_billed (account, state, holder, address)
  select number, state,
         billing.shown_holder(holder, case
           when holder_kind = 'auto' and billing.is_organisation(holder) then 'organisation'
           else holder_kind end),
         billing.shown_address(address)
    from added;
  insert into ledger.account_paid (account) select number from added;
  return null;
end $$;
create trigger accounts_added after insert on billing.accounts
  referencing new table as added for each statement execute function ledger.accounts_added();

create function ledger.accounts_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  update ledger.account_billed b
     set version = b.version + 1, state = n.state,
         holder = billing.shown_holder(n.holder, case
           when n.holder_kind = 'auto' and billing.is_organisation(n.holder) then 'organisation'
           else n.holder_kind end),
         address = billing.shown_address(n.address)
    from changed n where b.account = n.number;
  return null;
end $$;
create trigger accounts_changed after update on billing.accounts
  referencing new table as changed for each statement execute function ledger.accounts_changed();

-- Billing's one door: groups the new charges by account, locks the billed rows in account order
-- (two runs cannot deadlock), adds, raises versions. An unknown account or service fails it all.
create function ledger.charges_added() returns trigger
language plpgsql security definer set search_path = pg_catalog set work_mem = '128MB'
-- One sort serves both levels of grouping.
set enable_hashagg = off as $$
declare
  unknown text;
  asked bigint;
  changed bigint;
  all_known boolean;
begin
  perform from ledger.account_billed b
    where b.account = any(array(select distinct account from added)) order by b.account for update;
  with per as materialized (
    select account, array_agg(service order by service) as services,
           array_agg(amount order by service) as amounts
      from (select n.account, coalesce(s.id, 0::smallint) as service,
                   sum(n.amount_kopecks)::bigint as amount
              from added n left join billing.services s on s.code = n.service
             group by n.account, coalesce(s.id, 0::smallint)) delta
     group by account
  ), lanes as (
    update ledger.account_billed b
       set version = b.version + 1,
           -- One branch applies. A monthly run charges services that the account has, all of them
           -- or one supplier's: sums are added in place. Written out here, because a function call
           -- costs as much as the rest of the row.
           (services, charged) = (
             select b.services, array_agg(u.old + u.more)
               from unnest(b.charged, per.amounts) as u(old, more) where b.services = per.services
             having count(*) > 0
             union all
             select per.services, per.amounts where b.services = '{}'
             union all
             select b.services, array_agg(u.old + coalesce(m.more, 0) order by u.place)
               from unnest(b.services, b.charged) with ordinality as u(service, old, place)
               left join unnest(per.services, per.amounts) as m(service, more)
                 on m.service = u.service
              where b.services <> per.services and b.services @> per.services
             having count(*) > 0
             union all
             select array_agg(s.service order by s.service), array_agg(s.amount order by s.service)
               from (select u.service, sum(u.amount)::bigint as amount
                       from (select * from unnest(b.services, b.charged)
                             union all select * from unnest(per.services, per.amounts))
                              as u(service, amount)
                      group by u.service) s
              where b.services <> '{}' and not b.services @> per.services
             having count(*) > 0)
      from per where b.account = per.account
    returning 1
  )
  select count(*), (select count(*) from lanes), bool_and(per.services[1] <> 0)
    into asked, changed, all_known from per;
  if not all_known then
    select n.service into unknown from added n
     where not exists (select from billing.services s where s.code = n.service) limit 1;
    raise exception 'unknown service %', unknown using errcode = 'foreign_key_violation';
  end if;
  if asked <> changed then
    select n.account into unknown from added n
     where not exists (select from ledger.account_billed b where b.account = n.account) limit 1;
    raise exception 'unknown account %', unknown using errcode = 'foreign_key_violation';
  end if;
  return null;
end $$;
create trigger charges_added after insert on billing.charges
  referencing new table as added for each statement execute function ledger.charges_added();

create table ledger.agents (
  name text collate "C" primary key check (name ~ '^[a-z][a-z0-9_-]{0,49}$'),
  title text not null default '',
  protocol text not null default '',
  zone text not null default 'Europe/Moscow',
  amount_min_kopecks bigint not null check (amount_min_kopecks > 0),
  amount_max_kopecks bigint not null,
  requests_per_second_max integer not null default 0 check (requests_per_second_max >= 0),
  unknown_accounts_per_minute_max integer not null default 0
    check (unknown_accounts_per_minute_max >= 0),
  allow_list cidr[] not null default '{}',
  settings jsonb not null default '{}',
  secrets bytea,
  cut_off time not null default '00:00',
  match_window_days integer not null default 3 check (match_window_days between 0 and 60),
  paused boolean not null default false,
  check (amount_max_kopecks >= amount_min_kopecks)
);
comment on column ledger.agents.secrets is 'JSON list of secret sets, encrypted with the installation''s key';

-- Signed messages that were seen, so that none is accepted twice while it is valid.
create table ledger.replay_key (
  key text collate "C" primary key,
  expires_at timestamptz not null
);
create index replay_key_expiry on ledger.replay_key (expires_at);

create table ledger.business_day (
  agent text collate "C" not null references ledger.agents (name),
  day date not null,
  closed_at timestamptz,
  primary key (agent, day)
);

-- Idempotency stands alone: not partitioned, never expires.
create table ledger.payment_key (
  agent text collate "C" not null,
  agent_payment_id text collate "C" not null
    check (char_length(agent_payment_id) between 1 and 100),
  payment_id bigint,
  recorded_at timestamptz not null,
  fingerprint text collate "C" not null,
  refusal text,
  primary key (agent, agent_payment_id),
  check ((payment_id is null) <> (refusal is null))
);
comment on column ledger.payment_key.fingerprint is 'account, kopecks and parts as first received';
comment on column ledger.payment_key.refusal is 'a recorded final refusal, where the protocol replays them';
call ledger.make_append_only('ledger.payment_key');

create sequence ledger.payment_id start 700001;

create table ledger.payment (
  payment_id bigint not null,
  recorded_at timestamptz not null,
  agent text collate "C" not null,
  agent_payment_id text collate "C" not null,
  account text collate "C" not null,
  amount_kopecks bigint not null check (amount_kopecks > 0),
  paid_at timestamptz not null,
  business_day date not null,
  part_services smallint[] not null default '{}',
  part_amounts bigint[] not null default '{}',
  readings jsonb not null default '[]',
  terminal text not null default '',
  registry_line bigint,
  primary key (payment_id, recorded_at),
  check (cardinality(part_services) = cardinality(part_amounts))
) partition by range (recorded_at);
create index payment_account on ledger.payment (account, recorded_at);
create index payment_day on ledger.payment (agent, business_day);
comment on column ledger.payment.registry_line is 'the line that a payment came from when it reached us only by a registry';
call ledger.make_append_only('ledger.payment');

-- The state of a payment is its last event; `amount_kopecks` is what the event did to the account,
-- so a cancellation is the opposite entry. Kept in the payment's own month.
create table ledger.payment_event (
  payment_id bigint not null,
  payment_recorded_at timestamptz not null,
  seq smallint not null check (seq >= 1),
  kind text not null check (kind in ('held', 'credited', 'cancelled', 'reversed', 'expired')),
  amount_kopecks bigint not null,
  happened_at timestamptz not null,
  business_day date not null,
  actor text not null default '',
  reason text not null default '',
  primary key (payment_id, seq, payment_recorded_at),
  check (case kind when 'credited' then amount_kopecks > 0
                   when 'cancelled' then amount_kopecks <= 0
                   when 'reversed' then amount_kopecks < 0
                   else amount_kopecks = 0 end)
) partition by range (payment_recorded_at);
call ledger.make_append_only('ledger.payment_event');

-- The amounts of 103-ФЗ; may come later than the payment (from a registry), hence by source.
create table ledger.payment_amounts (
  payment_id bigint not null,
  source text not null,
  recorded_at timestamptz not null default now(),
  accepted_kopecks bigint not null check (accepted_kopecks > 0),
  payer_fee_kopecks bigint not null default 0 check (payer_fee_kopecks >= 0),
  credited_kopecks bigint not null check (credited_kopecks > 0),
  withheld_kopecks bigint not null default 0 check (withheld_kopecks >= 0),
  transfer_kopecks bigint not null check (transfer_kopecks >= 0),
  primary key (payment_id, source),
  check (accepted_kopecks = payer_fee_kopecks + credited_kopecks),
  check (credited_kopecks = withheld_kopecks + transfer_kopecks)
);
call ledger.make_append_only('ledger.payment_amounts');

-- Which charge a payment settled; a correction is an opposite row.
create table ledger.allocation (
  id bigint generated always as identity primary key,
  payment_id bigint not null,
  account text collate "C" not null,
  service smallint not null references billing.services,
  period date not null,
  amount_kopecks bigint not null check (amount_kopecks <> 0),
  rule text not null,
  allocated_at timestamptz not null default now()
);
create index allocation_account on ledger.allocation (account);
create index allocation_payment on ledger.allocation (payment_id);
call ledger.make_append_only('ledger.allocation');

create table ledger.reading (
  account text collate "C" not null,
  meter text collate "C" not null,
  read_on date not null,
  value_thousandths bigint not null check (value_thousandths >= 0),
  source text not null,
  source_id text not null default '',
  recorded_at timestamptz not null default now()
) partition by range (read_on);
create index reading_meter on ledger.reading (account, meter, read_on);
call ledger.make_append_only('ledger.reading');

-- Brings the last readings into the billed lane. Called outside the payment's transaction, so that
-- posting never locks a billed row.
create procedure ledger.absorb_readings(for_account text) language sql as $$
  update ledger.account_billed b set version = version + 1, meters = m.meters
    from (select coalesce(string_agg(concat_ws(E'\t', m.number, m.service,
                   coalesce(r.value_thousandths::text, ''), coalesce(r.read_on::text, '')),
                   E'\n' order by m.number), '') as meters
            from billing.meters m
            left join lateral (select value_thousandths, read_on from ledger.reading r
                                where r.account = m.account and r.meter = m.number
                                order by read_on desc, recorded_at desc limit 1) r on true
           where m.account = for_account and m.removed_on is null) m
   where b.account = for_account and b.meters is distinct from m.meters
$$;

create function ledger.meters_added() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
  each_account text;
begin
  for each_account in select distinct account from added order by 1 loop
    call ledger.absorb_readings(each_account);
  end loop;
  return null;
end $$;
create trigger meters_added after insert on billing.meters
  referencing new table as added for each statement execute function ledger.meters_added();

create procedure ledger.maintain_partitions(today date) language plpgsql as $$
declare
  target regclass;
begin
  foreach target in array array['billing.charges', 'ledger.payment', 'ledger.payment_event',
                                'ledger.reading']::regclass[] loop
    call ledger.ensure_partitions(target, (today - interval '36 months')::date,
                                  (today + interval '13 months')::date);
  end loop;
end $$;
call ledger.maintain_partitions(current_date);

create publication kvitok_lanes for table ledger.account_billed, ledger.account_paid;

do $$
begin
  if not exists (select from pg_roles where rolname = 'kvitok_billing') then
    create role kvitok_billing nologin;
  end if;
exception when duplicate_object or unique_violation then null;
end $$;
grant usage on schema billing to kvitok_billing;
grant insert on billing.accounts, billing.charges, billing.meters to kvitok_billing;
grant select on billing.services to kvitok_billing;
grant usage on sequence billing.charge_id to kvitok_billing;
