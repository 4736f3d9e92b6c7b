-- Which charge each payment settles. Posting and charging know nothing of it: a step that runs
-- beside them takes in what happened to an account, in its order, and moves money that names no
-- service from the paid lane's advance to the services whose charges it settles.

-- Until now nobody could choose: parts went as the payer said, the rest by the oldest charge.
alter table billing.suppliers alter column allocation_rule set default 'as_said';
update billing.suppliers set allocation_rule = 'as_said' where allocation_rule = 'oldest_first';
alter table billing.suppliers
  add column allocation_fallback text not null default 'oldest_first'
    check (allocation_fallback in ('oldest_first', 'current_first', 'pro_rata'));
comment on column billing.suppliers.allocation_rule is
  'in which order its charges are settled; as_said heeds the parts that a payer names';
comment on column billing.suppliers.allocation_fallback is
  'under as_said: the order for what the payer said nothing about';
alter table billing.management_companies
  add column allocation_rule text not null default 'oldest_first'
    check (allocation_rule in ('oldest_first', 'current_first', 'pro_rata'));
comment on column billing.management_companies.allocation_rule is
  'how money that names no service is divided among the suppliers of an account';

alter table ledger.allocation add check (rule in ('oldest_first', 'current_first', 'pro_rata',
  'as_said'));
comment on column ledger.allocation.rule is
  'as_said: money that the payer meant for this service and that was never an advance';

-- Up to where an account is taken in. What follows is kept beside it so that no history is read
-- twice; all of it can be recomputed from charges, payments and allocations, and `doctor` does.
create table ledger.allocated (
  account text collate "C" primary key,
  paid_version bigint not null,
  billed_version bigint not null,
  payment_id bigint not null,
  charge_id bigint not null,
  at timestamptz not null
) with (fillfactor = 75);
comment on column ledger.allocated.payment_id is
  'the highest number that was taken in; a lower one may be credited later';

create table ledger.owed (
  account text collate "C" not null,
  service smallint not null,
  period date not null,
  kopecks bigint not null check (kopecks <> 0),
  primary key (account, service, period)
) with (fillfactor = 75);
comment on table ledger.owed is
  'charged less settled, where it is not zero; negative when recalculated below what was settled';

create table ledger.payment_left (
  account text collate "C" not null,
  payment_id bigint not null,
  service smallint not null,
  credited_at timestamptz not null,
  kopecks bigint not null check (kopecks > 0),
  primary key (account, payment_id, service)
) with (fillfactor = 75);
comment on column ledger.payment_left.service is '0 = any: an advance';

-- What the step must look at: an account with new charges, or an event that came to a payment
-- later. An empty account stands for a run that was too large to name its accounts.
create table ledger.allocation_due (
  id bigint generated always as identity primary key,
  account text collate "C" not null,
  payment_id bigint,
  kind text,
  happened_at timestamptz,
  check ((payment_id is null) = (kind is null) and (kind is null) = (happened_at is null))
);
create index allocation_due_account on ledger.allocation_due (account);

-- Where a step that goes through something large has come to.
create table ledger.step_position (
  step text collate "C" primary key,
  number bigint not null default 0,
  text text collate "C" not null default '',
  at timestamptz not null default now()
);

create function ledger.charges_due() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  if (select count(*) from (select from added limit 1001) n) > 1000 then
    insert into ledger.allocation_due (account) values ('');
  else
    insert into ledger.allocation_due (account) select distinct account from added;
  end if;
  return null;
end $$;
create trigger charges_due after insert on billing.charges
  referencing new table as added for each statement execute function ledger.charges_due();

-- Of a payment that is undone: the opposite lines at once, so that the services show what they owe
-- and the advance does not stand as a debt until the step comes. Only when nothing else of the
-- account waits to be taken in: otherwise the step undoes it in its turn. The caller holds the lane.
create function ledger.undo_lines(of_account text, of_payment bigint) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
  n record;
begin
  if not exists (select from ledger.allocated s
      join ledger.account_paid l on l.account = s.account and l.version = s.paid_version
      join ledger.account_billed b on b.account = s.account and b.version = s.billed_version
     where s.account = of_account)
     or exists (select from ledger.allocation_due where account = of_account) then
    return;
  end if;
  delete from ledger.payment_left where account = of_account and payment_id = of_payment;
  select array_agg(service order by place) as services, array_agg(period order by place) as periods,
         array_agg(rule order by place) as rules, array_agg(amount order by place) as amounts
    into n
    from (select service, period, rule, sum(amount_kopecks)::bigint as amount, min(id) as place
            from ledger.allocation where payment_id = of_payment
           group by service, period, rule having sum(amount_kopecks) <> 0) net;
  insert into ledger.allocation (payment_id, account, service, period, amount_kopecks, rule)
  select of_payment, of_account, u.service, u.period, -u.amount, u.rule
    from unnest(n.services, n.periods, n.amounts, n.rules) with ordinality
      as u(service, period, amount, rule, place)
   order by u.place;
  with again as (
    select u.service, u.period, sum(u.amount)::bigint as kopecks
      from unnest(n.services, n.periods, n.amounts) as u(service, period, amount) group by 1, 2
  ), gone as (
    delete from ledger.owed o using again a
     where o.account = of_account and o.service = a.service and o.period = a.period
       and o.kopecks + a.kopecks = 0
  )
  insert into ledger.owed as o (account, service, period, kopecks)
  select of_account, a.service, a.period, a.kopecks from again a
   where not exists (select from ledger.owed w where w.account = of_account
      and w.service = a.service and w.period = a.period and w.kopecks + a.kopecks = 0)
  on conflict (account, service, period) do update set kopecks = o.kopecks + excluded.kopecks;
  -- What the payer meant for a service was never an advance: it leaves with the payment's parts.
  update ledger.account_paid l
     set version = l.version + 1, advance = l.advance + t.total,
         (services, paid) = (select s.services, s.amounts
            from ledger.add(l.services, l.paid, t.services, t.amounts) s)
    from (select array_agg(service order by service) as services,
                 array_agg(-amount order by service) as amounts, sum(amount)::bigint as total
            from (select u.service, sum(u.amount)::bigint as amount
                    from unnest(n.services, n.amounts, n.rules) as u(service, amount, rule)
                   where u.rule <> 'as_said' group by u.service) s) t
   where l.account = of_account and t.services is not null;
  if found then
    update ledger.allocated set paid_version = paid_version + 1 where account = of_account;
  end if;
end $$;

-- First events are found by their payments' numbers; only later ones are rare enough to be noted.
create function ledger.later_event_due() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
  of_account text := (select p.account from ledger.payment p
    where p.payment_id = new.payment_id and p.recorded_at = new.payment_recorded_at);
begin
  if new.kind <> 'credited' then
    perform ledger.undo_lines(of_account, new.payment_id);
  end if;
  insert into ledger.allocation_due (account, payment_id, kind, happened_at)
  values (of_account, new.payment_id, new.kind, new.happened_at);
  return null;
end $$;
create trigger later_event_due after insert on ledger.payment_event for each row
  when (new.seq > 1 and new.kind in ('credited', 'cancelled', 'reversed'))
  execute function ledger.later_event_due();
