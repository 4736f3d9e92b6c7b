-- Readings that came with a payment are brought into the billed lane after it; when the process
-- died in between, the janitor does it. How many accounts; the caller goes on until there are none.
create function ledger.settle_readings(portion integer) returns integer language plpgsql as $$
declare
  each_account text;
  settled integer := 0;
begin
  for each_account in
    select distinct r.account
      from ledger.reading r
      join billing.meters m on m.account = r.account and m.number = r.meter and m.removed_on is null
      join ledger.account_billed b on b.account = r.account
     -- Not yet absorbed by whoever recorded it, and not too long ago for a look at every round.
     where r.read_on >= current_date - 2
       and r.recorded_at between now() - interval '1 hour' and now() - interval '10 seconds'
       and strpos(b.meters, concat(E'\t', r.value_thousandths, E'\t', r.read_on)) = 0
       and not exists (select from ledger.reading l
                        where l.account = r.account and l.meter = r.meter and l.read_on >= r.read_on
                          and (l.read_on, l.recorded_at) > (r.read_on, r.recorded_at))
     order by 1 limit portion
  loop
    call ledger.absorb_readings(each_account);
    settled := settled + 1;
  end loop;
  return settled;
end $$;

create index mismatches_claimed on recon.mismatches (proposed_at) where proposal is not null;
